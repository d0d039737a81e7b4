// SPDX-License-Identifier: MIT OR Apache-2.0

//! A jail that wants to hold up who looks after it: the launcher, its monitor, or who comes in.

use super::terminal::Built;
use jaula_tests::admin::succeed;
use jaula_tests::ktap::{fail, CaseResult, Context, Failure, Suite};
use jaula_tests::launch::{jaula, run, Terminal, FAILED};
use jaula_tests::procfs;
use jaula_tests::sys::process;
use jaula_tests::{check, check_eq, wait};
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};

/// Stops all that it can, again and again.
const STOP_ALL: &str = "while :; do kill -STOP -1; done";
/// What is said of a command that it has stopped too early.
const STOPPED: &str = "it was stopped before it could execute anything";

/// What is executed where it was not stopped in time.
const LATE: [&str; 2] = ["sleep", "4718"];

/// Defines `flap`, which has processes stop as if they wanted the terminal, and go on.
const FLAP: &str = "flap() { while :; do kill -TTIN $*; kill -CONT $*; done; }; ";

pub fn add(suite: &mut Suite) {
    suite.case(
        "exec: a command that the jail stops before it is executed is given up",
        || {
            let jail = Jail::new(STOP_ALL)?;
            let exec = ["exec", &jail.name, "--", LATE[0], LATE[1]];
            in_time("without a terminal", || {
                let mut exec = jaula(&exec);
                let mut exec = exec
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(Stdio::piped())
                    .spawn()
                    .context("starting jaula")?;
                let was_late = came_late(exec.id() as libc::pid_t)?;
                let status = exec.wait().context("waiting for jaula")?;
                if was_late {
                    return Ok(false);
                }
                let mut message = String::new();
                if let Some(mut stderr) = exec.stderr.take() {
                    stderr.read_to_string(&mut message).context("stderr")?;
                }
                check_eq!(status.code(), Some(FAILED), "the status: {message}");
                check!(message.contains(STOPPED), "{message}");
                Ok(true)
            })?;
            in_time("on a terminal", || {
                let mut terminal = Terminal::start(Command::new("jaula").args(exec))?;
                if came_late(terminal.leader())? {
                    terminal.finish()?;
                    return Ok(false);
                }
                terminal.expect(STOPPED)?;
                check_eq!(terminal.finish()?, FAILED, "the exit status");
                Ok(true)
            })
        },
    );
    suite.case(
        "--new-pid: signals come through while orphans stop and go on",
        || {
            let root = Built::new()?;
            let script = format!(
                "{FLAP} trap 'kill -KILL $f; exit 9' TERM; \
                 i=0; while [ $i -lt 50 ]; do i=$((i+1)); o=\"$o $(sleep 1000 >&- 2>&- & echo $!)\"; done; \
                 flap $o & f=$!; flap $o & f=\"$f $!\"; flap $o & f=\"$f $!\"; \
                 echo ready; while :; do sleep 1; done"
            );
            let path = root.0.display().to_string();
            let mut child = jaula(&["run", "--quiet", "--new-pid", &path, "--", "sh", "-c", &script])
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .context("starting jaula")?;
            let mut line = String::new();
            if let Some(stdout) = &mut child.stdout {
                std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line)
                    .context("hearing from the jail")?;
            }
            process::kill(child.id() as libc::pid_t, libc::SIGTERM).context("kill")?;
            let ended = wait::until_some("the command has got it", || {
                child.try_wait().context("waiting for jaula")
            });
            if ended.is_err() {
                let _ = child.kill();
            }
            check_eq!(ended?.code(), Some(9), "the exit status");
            Ok(())
        },
    );
    suite.case(
        "exec: the terminal of a jail without mounts is not among the host's",
        || {
            let jail = Jail::with(&["--without", "mounts"], "sleep 1000")?;
            let before = terminals_of_user()?;
            let script = "test -t 0 && echo on''e; read x";
            let exec = ["exec", &jail.name, "--", "sh", "-c", script];
            let mut terminal = Terminal::start(Command::new("jaula").args(exec).current_dir("/"))?;
            terminal.expect("one\r\n")?;
            let there = terminals_of_user();
            terminal.send("\r")?;
            check_eq!(terminal.finish()?, 0, "the exit status");
            check_eq!(there?, before, "terminals of user 1000 in /dev/pts");
            Ok(())
        },
    );
}

/// Tries until the jail has stopped a command before it was executed: it may come too late for some.
fn in_time(what: &str, mut attempt: impl FnMut() -> Result<bool, Failure>) -> CaseResult {
    for _ in 0..50 {
        if attempt().context(what)? {
            return Ok(());
        }
    }
    Err(fail(format!("{what}: the jail always came too late")))
}

/// Waits until the process has ended, or what it was to have executed is; that is killed.
fn came_late(launcher: libc::pid_t) -> Result<bool, Failure> {
    wait::until_some("the command is given up, or executed", || {
        if let Some(late) = procfs::processes()?
            .into_iter()
            .find(|&pid| procfs::command(pid) == LATE)
        {
            process::kill(late, libc::SIGKILL).context("kill")?;
            return Ok(Some(true));
        }
        let has_ended = procfs::state(launcher).map_or(true, |state| state == 'Z');
        Ok(has_ended.then_some(false))
    })
}

/// How many terminals of the host belong to the user of a jail.
fn terminals_of_user() -> Result<usize, Failure> {
    let mut count = 0;
    for entry in fs::read_dir("/dev/pts").context("/dev/pts")? {
        let found = entry.and_then(|entry| entry.metadata());
        count += usize::from(found.is_ok_and(|found| found.uid() == 1000));
    }
    Ok(count)
}

/// A detached jail, removed when it is dropped.
struct Jail {
    name: String,
    _root: Built,
}

impl Jail {
    fn new(script: &str) -> Result<Self, Failure> {
        Self::with(&[], script)
    }

    fn with(options: &[&str], script: &str) -> Result<Self, Failure> {
        let root = Built::new()?;
        let path = root.0.display().to_string();
        let name = format!("hostile-{}", process::pid());
        let detached = ["run", "--quiet", "--detach", "--name", &name];
        let command = [&path, "--", "sh", "-c", script];
        succeed(&[&detached[..], options, &command].concat())?;
        Ok(Jail { name, _root: root })
    }
}

impl Drop for Jail {
    fn drop(&mut self) {
        let _: CaseResult = run(&mut jaula(&["rm", &self.name])).map(drop);
    }
}
