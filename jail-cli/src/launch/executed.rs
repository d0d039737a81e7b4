// SPDX-License-Identifier: MIT OR Apache-2.0

//! Whether a command has come to run.
//!
//! What reports of it is closed in the middle of execve(2). The kernel can still fail there, where a
//! limit leaves no room for the new program, say, and nobody is left to be told of that: it ends
//! the process with SIGSEGV.

use std::ffi::c_int;
use std::time::{Duration, Instant};

use nix::unistd::Pid;
use procfs::process::{Process, Stat};

use super::control::{Gone, LauncherEnd};
use super::ending::{Change, Ending};

/// Set in a process that has executed nothing since it was forked.
const PF_FORKNOEXEC: u32 = 0x40;
/// The first bits of a status for wait(2): the signal that has ended the process.
const SIGNAL: c_int = 0x7f;

const INTERVAL: Duration = Duration::from_millis(1);
/// How long the kernel may take to map a program; nothing is said about one that takes longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits until `command`, whose report has ended, runs its program or has ended.
///
/// A program that ends by SIGSEGV as soon as it begins cannot be told from one that was not
/// executed.
///
/// # Errors
///
/// A text that says that nothing was executed.
pub fn check(command: Pid, monitor: Option<&LauncherEnd>) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let stat = Process::new(command.as_raw()).and_then(|process| process.stat());
        match stat {
            Ok(stat) if has_ended(&stat) => return judge(&stat),
            // 1 where more may not be told.
            Ok(stat) if stat.endcode != 0 => return Ok(()),
            Ok(_) => std::thread::sleep(INTERVAL),
            // A monitor has waited for it, and is about to tell of it.
            Err(_) => match monitor.map_or(Err(Gone), LauncherEnd::next_change) {
                Ok(None) => std::thread::sleep(INTERVAL),
                Ok(Some(Change::Ended(Ending::Killed(libc::SIGSEGV)))) => {
                    return Err(not_executed());
                }
                Ok(Some(_)) | Err(Gone) => return Ok(()),
            },
        }
    }
    Ok(())
}

fn has_ended(stat: &Stat) -> bool {
    matches!(stat.state, 'Z' | 'X')
}

fn judge(stat: &Stat) -> Result<(), String> {
    let signal = stat.exit_code.map(|status| status & SIGNAL);
    match (stat.flags & PF_FORKNOEXEC != 0, signal) {
        (true, _) => Err("it was ended before it could execute anything".into()),
        (false, Some(libc::SIGSEGV)) => Err(not_executed()),
        (false, _) => Ok(()),
    }
}

fn not_executed() -> String {
    "SIGSEGV ended it while it was executed; a limit that leaves no room for the program does that \
     (as, data, stack)"
        .into()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::launch::control::channel;

    fn stat_of(program: &mut Command) -> Stat {
        let mut child = program.spawn().expect("a child");
        let process = Process::new(child.id() as i32).expect("/proc");
        let deadline = Instant::now() + Duration::from_secs(60);
        let stat = loop {
            let stat = process.stat().expect("stat");
            if has_ended(&stat) {
                break stat;
            }
            assert!(Instant::now() < deadline, "it does not end");
        };
        child.wait().expect("wait");
        stat
    }

    #[test]
    fn what_runs_or_has_run_is_told_from_what_has_not() {
        let mut child = Command::new("sleep").arg("1000").spawn().expect("sleep");
        let running = check(Pid::from_raw(child.id() as i32), None);
        child.kill().expect("kill");
        child.wait().expect("wait");
        assert_eq!(running, Ok(()));
        assert_eq!(
            judge(&stat_of(Command::new("sh").args(["-c", "exit 9"]))),
            Ok(())
        );
        let killed = stat_of(Command::new("sh").args(["-c", "kill -9 $$"]));
        assert_eq!(judge(&killed), Ok(()));
        let crashed = stat_of(Command::new("sh").args(["-c", "kill -SEGV $$"]));
        assert!(judge(&crashed).is_err());
        // Under a limit that leaves no room for it.
        let mut small = Command::new("sh");
        small.args(["-c", "ulimit -v 64; exec true"]);
        assert!(judge(&stat_of(&mut small)).is_err());
    }

    #[test]
    fn what_a_monitor_is_about_to_tell_is_waited_for() {
        let mut child = Command::new("true").spawn().expect("true");
        child.wait().expect("wait");
        let gone = Pid::from_raw(child.id() as i32);
        for (signal, is_executed) in [(libc::SIGSEGV, false), (libc::SIGKILL, true)] {
            let (launcher, monitor) = channel().expect("sockets");
            let told = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(100));
                monitor
                    .tell(Change::Ended(Ending::Killed(signal)))
                    .expect("tell");
                monitor
            });
            assert_eq!(check(gone, Some(&launcher)).is_ok(), is_executed);
            told.join().expect("told");
        }
        // Nobody is left to tell.
        let (launcher, monitor) = channel().expect("sockets");
        drop(monitor);
        assert_eq!(check(gone, Some(&launcher)), Ok(()));
    }
}
