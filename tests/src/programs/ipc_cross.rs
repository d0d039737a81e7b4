// SPDX-License-Identifier: MIT OR Apache-2.0

//! Across the wall of a jail every path to a System V object is refused with EACCES, and the
//! object is as it was.

use jaula_tests::crew::{Crew, Place};
use jaula_tests::ktap::{CaseResult, Chosen, Failure, Suite};
use jaula_tests::sysv::{Family, Moment, Object, Path, PATHS};
use jaula_tests::topology::{self, Jails, Topology};
use jaula_tests::{check_eq, jail};
use std::process::ExitCode;

/// Who tries it, and on whose object.
#[derive(Clone, Copy, PartialEq)]
struct Scenario {
    name: &'static str,
    user_id: u32,
    owner_id: u32,
    mode: i32,
    creator_gone: bool,
}

const BY_ROOT: Scenario = Scenario {
    name: "as root, mode 0666",
    user_id: 0,
    owner_id: 0,
    mode: 0o666,
    creator_gone: false,
};

const SCENARIOS: [Scenario; 5] = [
    BY_ROOT,
    Scenario {
        name: "as a user, mode 0666",
        user_id: 1000,
        ..BY_ROOT
    },
    Scenario {
        name: "as a user, mode 0600 of another",
        user_id: 1000,
        mode: 0o600,
        ..BY_ROOT
    },
    Scenario {
        name: "as the user who owns it, mode 0600",
        user_id: 1000,
        owner_id: 1000,
        mode: 0o600,
        ..BY_ROOT
    },
    Scenario {
        name: "as root, creator gone",
        creator_gone: true,
        ..BY_ROOT
    },
];

/// Where every scenario is played: to and from the host, and beside each other. By root, who is the
/// same everywhere, all other walls are tried as well.
const PLAYED: [&Topology; 3] = [
    &topology::HOST_TO_JAIL,
    &topology::JAIL_TO_HOST,
    &topology::JAIL_TO_SIBLING,
];

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    for topology in topology::crossings() {
        for scenario in SCENARIOS {
            if PLAYED.contains(&topology) || scenario == BY_ROOT {
                add_table(&mut suite, topology, scenario);
            }
        }
    }
    for user in [Place::Here, Place::NewJail] {
        add_table_of_empty_jail(&mut suite, user);
    }
    for topology in topology::crossings() {
        suite.case(
            &format!("{topology}: a listing has all of one's own and no other"),
            move || listing_is_own(topology),
        );
    }
    suite.run(chosen)
}

fn add_table(suite: &mut Suite, topology: &'static Topology, scenario: Scenario) {
    let name = |path: &Path| format!("{topology}, {}: {}", scenario.name, path.name);
    suite.group(PATHS.iter().map(name).collect(), move |reporter| {
        let scene = Scene::set(topology, &scenario);
        for path in PATHS.iter() {
            reporter.report(match &scene {
                Ok(scene) => one(scene, &scenario, path),
                Err(failure) => Err(failure.clone()),
            });
        }
    });
}

/// The jails of a topology, who owns objects in the object's and who wants them in the subject's.
struct Scene {
    owner: Crew,
    user: Crew,
    _jails: Jails,
}

impl Scene {
    fn set(topology: &Topology, scenario: &Scenario) -> Result<Scene, Failure> {
        jail::private_tables()?;
        let jails = topology.make()?;
        let owner = Crew::start(Place::of(jails.object), 1)?;
        let user = Crew::start(Place::of(jails.subject), 1)?;
        for (crew, id) in [(&owner, scenario.owner_id), (&user, scenario.user_id)] {
            if id != 0 {
                crew.member(0).become_user(id)?;
            }
        }
        Ok(Scene {
            owner,
            user,
            _jails: jails,
        })
    }
}

fn one(scene: &Scene, scenario: &Scenario, path: &Path) -> CaseResult {
    let owner = scene.owner.member(0);
    let object = owner.create(path.family, scenario.mode, scenario.creator_gone)?;
    let before = owner.snapshot(&object, Moment::Before)?;
    let got = scene.user.member(0).attempt(path, &object)?;
    check_eq!(got, Err(path.crossing), "{}", path.name);
    let after = owner.snapshot(&object, Moment::After)?;
    check_eq!(after, before, "the object after {}", path.name);
    owner.remove(&object)
}

/// The same table for objects of a jail in which no process is left.
fn add_table_of_empty_jail(suite: &mut Suite, place: Place) {
    let who = match place {
        Place::Here => "host",
        Place::NewJail | Place::Jail(_) => "jail",
    };
    let name = |path: &Path| format!("{who} to a jail without processes: {}", path.name);
    suite.group(PATHS.iter().map(name).collect(), move |reporter| {
        let prepared = leave_behind(place);
        for (at, path) in PATHS.iter().enumerate() {
            reporter.report(match &prepared {
                Ok((user, objects)) => one_left_behind(user, &objects[at], path),
                Err(failure) => Err(failure.clone()),
            });
        }
    });
}

/// An object for each path, of a jail that is empty when this returns.
fn leave_behind(user: Place) -> Result<(Crew, Vec<Object>), Failure> {
    jail::private_tables()?;
    let owner = Crew::start(Place::NewJail, 1)?;
    let objects = PATHS
        .iter()
        .map(|path| owner.member(0).create(path.family, 0o666, false))
        .collect::<Result<_, _>>()?;
    drop(owner);
    Ok((Crew::start(user, 1)?, objects))
}

fn one_left_behind(user: &Crew, object: &Object, path: &Path) -> CaseResult {
    let user = user.member(0);
    let got = user.attempt(path, object)?;
    check_eq!(got, Err(path.crossing), "{}", path.name);
    // ENOENT would tell that the object has gone.
    let still_there = PATHS
        .iter()
        .find(|other| other.family == path.family && other.name.contains("get(key)"));
    if let Some(get) = still_there {
        let got = user.attempt(get, object)?;
        check_eq!(got, Err(get.crossing), "{} after {}", get.name, path.name);
    }
    Ok(())
}

fn listing_is_own(topology: &Topology) -> CaseResult {
    let scene = Scene::set(topology, &BY_ROOT)?;
    let sides = [scene.owner.member(0), scene.user.member(0)];
    let listings = PATHS.iter().filter(|path| path.name.starts_with("/proc"));
    for (listing, family) in listings.zip(Family::ALL) {
        let mut objects = Vec::new();
        for (side, member) in sides.iter().enumerate() {
            for _ in 0..3 {
                objects.push((side, member.create(family, 0o666, false)?));
            }
        }
        for (side, member) in sides.iter().enumerate() {
            for (whose, object) in &objects {
                let seen = member.attempt(listing, object)?;
                let expected = if side == *whose {
                    Ok(())
                } else {
                    Err(listing.crossing)
                };
                check_eq!(seen, expected, "{} in {}", object.id, listing.name);
            }
        }
    }
    Ok(())
}
