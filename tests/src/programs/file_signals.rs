// SPDX-License-Identifier: MIT OR Apache-2.0

//! Signals that a file sends (F_SETOWN, F_SETSIG): two decide about one, who has set whom it goes to and
//! who has chosen which it is, and neither of them sends what they may not.

use jaula_tests::inmate::{wait_for_ever, Inmate};
use jaula_tests::ktap::{CaseResult, Chosen, Context, Failure, Suite};
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::sys::{file_signal as file, signal, Errno};
use jaula_tests::{check, check_eq, jailfs, procfs};
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    suite.case("whom the host has named gets SIGIO", || {
        let scene = Scene::new()?;
        scene.name_owner()?;
        check!(scene.is_sent(libc::SIGIO)?, "SIGIO has not arrived");
        Ok(())
    });
    suite.case(
        "a jail chooses no signal for whom the host has named",
        || {
            let scene = Scene::new()?;
            scene.name_owner()?;
            scene.choose_in_jail()?;
            check!(
                !scene.is_sent(CHOSEN)?,
                "what the jail has chosen has arrived"
            );
            Ok(())
        },
    );
    suite.case("nor for whom the host names afterwards", || {
        let scene = Scene::new()?;
        scene.choose_in_jail()?;
        scene.name_owner()?;
        check!(
            !scene.is_sent(CHOSEN)?,
            "what the jail has chosen has arrived"
        );
        Ok(())
    });
    suite.case("who chooses last decides", || {
        let scene = Scene::new()?;
        scene.name_owner()?;
        scene.choose_in_jail()?;
        file::choose(&scene.ours, CHOSEN).context("F_SETSIG")?;
        check!(
            scene.is_sent(CHOSEN)?,
            "what the host has chosen has not arrived"
        );
        Ok(())
    });
    suite.case("SIGIO is nobody's choice", || {
        let scene = Scene::new()?;
        scene.name_owner()?;
        scene.choose_in_jail()?;
        scene.in_jail(|ours| file::choose(ours, 0))?;
        check!(scene.is_sent(libc::SIGIO)?, "SIGIO has not arrived");
        Ok(())
    });
    suite.case("the refusal is counted in the jail", || {
        let scene = Scene::new()?;
        scene.name_owner()?;
        scene.choose_in_jail()?;
        let before = jailfs::value(scene.jail.number, "refusals.signal")?;
        scene.is_sent(CHOSEN)?;
        check_eq!(
            jailfs::value(scene.jail.number, "refusals.signal")?,
            before + 1,
            "refusals.signal"
        );
        Ok(())
    });
    suite.case("within a jail everything is as on Linux", within);
    suite.case("a lease sends what its holder may", lease);
    suite.case("a watched directory sends what its watcher may", directory);
    suite.run(chosen)
}

/// A signal that nobody sends by chance.
const CHOSEN: i32 = 41;

/// A descriptor that the host and a jail share, and a process of the host that lets signals wait.
struct Scene {
    ours: UnixStream,
    theirs: UnixStream,
    victim: Victim,
    jail: Inmate,
}

/// Lets all signals that are sent here wait. Killed when dropped.
struct Victim(libc::pid_t);

impl Victim {
    fn start() -> Result<Victim, Failure> {
        let (mut ours, mut theirs) = UnixStream::pair().context("socketpair")?;
        let pid = process::fork(|| {
            let blocked = signal::block(&[libc::SIGIO, CHOSEN]);
            if blocked.is_err() || theirs.write_all(&[0]).is_err() {
                return 1;
            }
            wait_for_ever()
        })
        .context("fork")?;
        let victim = Victim(pid);
        std::io::Read::read_exact(&mut ours, &mut [0]).context("hearing from a process")?;
        Ok(victim)
    }

    fn has(&self, signal: i32) -> Result<bool, Failure> {
        procfs::has_pending(self.0, signal)
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = process::kill(self.0, libc::SIGKILL);
        let _ = process::wait(self.0);
    }
}

impl Scene {
    fn new() -> Result<Scene, Failure> {
        let (ours, theirs) = UnixStream::pair().context("socketpair")?;
        let scene = Scene {
            ours,
            theirs,
            victim: Victim::start()?,
            jail: Inmate::start(|| Ok(()))?,
        };
        file::signal_input(&scene.ours).context("O_ASYNC")?;
        Ok(scene)
    }

    fn name_owner(&self) -> CaseResult {
        file::set_owner(&self.ours, self.victim.0).context("F_SETOWN")
    }

    /// Does something with the descriptor as a process that the jail binds.
    fn in_jail(&self, what: impl FnOnce(&UnixStream) -> Result<(), Errno>) -> CaseResult {
        bound_in(self.jail.number, || what(&self.ours))
    }

    fn choose_in_jail(&self) -> CaseResult {
        self.in_jail(|ours| file::choose(ours, CHOSEN))
    }

    /// Makes the descriptor ready: whether the signal has been sent.
    fn is_sent(&self, signal: i32) -> Result<bool, Failure> {
        (&self.theirs).write_all(b"x").context("writing")?;
        self.victim.has(signal)
    }
}

fn bound_in(number: i64, what: impl FnOnce() -> Result<(), Errno>) -> CaseResult {
    Inmate::start_in(number, || {
        let ended = process::in_child(|| what().map_or_else(|errno| errno.0, |()| 0));
        check_eq!(ended, Ok(Ended::Exited(0)), "in the jail");
        Ok(())
    })
    .map(drop)
}

fn within() -> CaseResult {
    let (ours, mut theirs) = UnixStream::pair().context("socketpair")?;
    Inmate::start(|| {
        let victim = Victim::start()?;
        let ended = process::in_child(|| {
            let set = file::signal_input(&ours)
                .and_then(|()| file::set_owner(&ours, victim.0))
                .and_then(|()| file::choose(&ours, CHOSEN));
            set.map_or_else(|errno| errno.0, |()| 0)
        });
        check_eq!(ended, Ok(Ended::Exited(0)), "setting owner and signal");
        theirs.write_all(b"x").context("writing")?;
        check!(victim.has(CHOSEN)?, "the signal has not arrived");
        Ok(())
    })
    .map(drop)
}

/// A file of one's own in a directory of one's own. Removed when dropped.
struct Place(String);

impl Place {
    fn make(name: &str) -> Result<Place, Failure> {
        let path = format!("/tmp/file-signals-{name}-{}", process::pid());
        fs::create_dir(&path).context(&path)?;
        let place = Place(path);
        fs::write(place.file(), "").context("a file")?;
        Ok(place)
    }

    fn file(&self) -> String {
        format!("{}/file", self.0)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The host takes a lease on a file that it shares with a jail, for somebody else on the host. The
/// jail chooses the signal that is to tell of its end.
fn lease() -> CaseResult {
    let scene = Scene::new()?;
    let place = Place::make("lease")?;
    let shared = File::open(place.file()).context("opening")?;
    file::set_owner(&shared, scene.victim.0).context("F_SETOWN")?;
    file::lease(&shared).context("F_SETLEASE")?;
    bound_in(scene.jail.number, || file::choose(&shared, CHOSEN))?;
    break_lease(&place);
    check!(!scene.victim.has(CHOSEN)?, "the chosen signal has arrived");
    Ok(())
}

/// Opens the file in a way that its lease does not allow; that it is told of is all that is wanted.
fn break_lease(place: &Place) {
    use std::os::unix::fs::OpenOptionsExt;
    let _ = File::options()
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(place.file());
}

/// The same with a directory, of which who watches it is told: the watcher itself.
fn directory() -> CaseResult {
    let scene = Scene::new()?;
    let place = Place::make("directory")?;
    let shared = File::open(&place.0).context("opening")?;
    let number = scene.jail.number;
    let ended = process::in_child(|| {
        let told = || -> Result<bool, Failure> {
            signal::block(&[CHOSEN]).context("blocking")?;
            file::watch(shared.as_fd()).context("F_NOTIFY")?;
            bound_in(number, || file::choose(&shared, CHOSEN))?;
            fs::write(place.file(), "x").context("writing")?;
            procfs::has_pending(process::pid(), CHOSEN)
        };
        told().map_or(2, i32::from)
    });
    check_eq!(ended, Ok(Ended::Exited(0)), "1 is for the chosen signal");
    Ok(())
}
