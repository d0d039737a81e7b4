// SPDX-License-Identifier: MIT OR Apache-2.0

//! A user of the machine, in no jail and with no capability, against jails in which processes with the
//! same number run: as a user, as root of a user namespace, and from a login.
//!
//! What a user does to the processes themselves is in `escape`, from the host to a jail. Here it is
//! done once more by root of a user namespace, which is all of root that a user can become.

mod calls;
mod commands;
mod login;

use jaula_tests::escape::attack::{Attack, Kind, Role};
use jaula_tests::escape::plan::{Group, Way};
use jaula_tests::escape::services::Services;
use jaula_tests::escape::tally::Tally;
use jaula_tests::escape::{attacks, trial};
use jaula_tests::inmate::Inmate;
use jaula_tests::ktap::{CaseResult, Chosen, Context, Suite};
use jaula_tests::sys::{ids, peer};
use jaula_tests::{jail, topology};
use std::process::ExitCode;

pub use login::act;

/// The user, on both sides of the wall.
const USER: u32 = 1000;

/// Who tries.
#[derive(Clone, Copy)]
enum Who {
    User,
    RootOfNamespace,
}

impl Who {
    const ALL: [Who; 2] = [Who::User, Who::RootOfNamespace];

    fn name(self) -> &'static str {
        match self {
            Who::User => "a user",
            Who::RootOfNamespace => "root of a user's namespace",
        }
    }

    /// Makes the calling process be it.
    fn become_it(self) -> CaseResult {
        ids::become_user(USER).context("giving up root")?;
        peer::set_dumpable().context("prctl")?;
        match self {
            Who::User => Ok(()),
            Who::RootOfNamespace => enter_namespace(USER),
        }
    }

    /// Has it do something on the host.
    fn tries(self, what: impl FnOnce() -> CaseResult) -> CaseResult {
        let attempt = || self.become_it().and_then(|()| what());
        Inmate::start_by(jail::number, attempt).map(drop)
    }
}

/// Makes a user namespace in which the caller is root.
fn enter_namespace(user: u32) -> CaseResult {
    ids::unshare(libc::CLONE_NEWUSER).context("unshare(CLONE_NEWUSER)")?;
    let map = format!("0 {user} 1");
    for (file, text) in [("uid_map", &*map), ("setgroups", "deny"), ("gid_map", &map)] {
        let path = format!("/proc/self/{file}");
        std::fs::write(&path, text).context(&path)?;
    }
    jaula_tests::check_eq!(ids::effective_user(), 0, "the user in the namespace");
    Ok(())
}

pub fn main(chosen: &Chosen) -> ExitCode {
    let tools = Tally::new()
        .context("a file to count attacks in")
        .and_then(|tally| Ok((tally, Services::install()?)));
    let (tally, services) = match tools {
        Ok(tools) => tools,
        Err(failure) => {
            println!("Bail out! {failure}");
            return ExitCode::FAILURE;
        }
    };
    let mut suite = Suite::new();
    for who in Who::ALL {
        calls::add(&mut suite, who);
    }
    commands::add(&mut suite);
    login::add(&mut suite);
    let crossing: Vec<Attack> = attacks()
        .into_iter()
        .filter(|attack| attack.kind == Kind::Crossing)
        .filter(|attack| attack.only != Some(Role::Root))
        // It names the user by a number that the namespace has not.
        .filter(|attack| attack.name != "setpriority of its user")
        .collect();
    let name = |attack: &Attack| {
        let who = Who::RootOfNamespace.name();
        format!("{who}: {}: {}", attack.area, attack.name)
    };
    let names = crossing.iter().map(name).collect();
    let group = Group {
        topology: &topology::HOST_TO_JAIL,
        role: Role::User,
        way: Way::InNamespace,
        attacks: crossing,
    };
    let tally = &tally;
    suite.group(names, move |reporter| trial::run(&group, tally, reporter));
    let code = suite.run(chosen);
    drop(services);
    code
}
