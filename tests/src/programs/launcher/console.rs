// SPDX-License-Identifier: MIT OR Apache-2.0

//! The terminal of a detached jail, and attaching to it.

use super::terminal::Built;
use jaula_tests::admin::{in_kernel, json, succeed, wait_until_ended};
use jaula_tests::ktap::{fail, CaseResult, Context, Failure, Suite};
use jaula_tests::launch::{jaula, run, Terminal};
use jaula_tests::procfs;
use jaula_tests::sys::process;
use jaula_tests::wait;
use jaula_tests::{check, check_eq};
use std::process::Command;

/// What lets go: Ctrl-].
const KEY: &str = "\u{1d}";

pub fn add(suite: &mut Suite) {
    suite.case("console: attaching, typing, letting go, and again", || {
        let jail = Jail::new("again", &[], &[])?;
        for _ in 0..2 {
            let mut terminal = jail.attach(&[])?;
            terminal.send("\r")?;
            terminal.ready()?;
            terminal.send("tty\r")?;
            terminal.expect("/dev/pts/0")?;
            terminal.send(&format!("echo lost{KEY}"))?;
            terminal.expect("let go; the jail runs on")?;
            check_eq!(terminal.finish()?, 0, "the exit status");
        }
        // What was typed before the key has gone in.
        let mut terminal = jail.attach(&["--quiet"])?;
        terminal.send("\r")?;
        terminal.expect("lost\r\n")?;
        terminal.send("exit 5\r")?;
        check_eq!(terminal.finish()?, 0, "the exit status of the last");
        wait_until_ended(&jail.name)?;
        let status = json(&["inspect", &jail.name])?["noted"]["ended"]["exited"].clone();
        check_eq!(status, 5, "the exit status of the jail");
        Ok(())
    });
    suite.case("console: another key, or none", || {
        let jail = Jail::new("key", &[], &[])?;
        let mut terminal = jail.attach(&["--escape", "^a"])?;
        terminal.expect("Ctrl-A lets go of it")?;
        terminal.send("\r")?;
        terminal.ready()?;
        terminal.send("\u{1}")?;
        check_eq!(terminal.finish()?, 0, "the exit status");
        let mut terminal = jail.attach(&["--escape", "none"])?;
        terminal.send("\r")?;
        terminal.ready()?;
        // It is the jail's own, as everything is.
        terminal.send("echo no''w; od -An -tx1 -N1\r")?;
        terminal.expect("now\r\n")?;
        terminal.send(&format!("{KEY}\r"))?;
        terminal.expect(" 1d")?;
        terminal.expect("$ ")?;
        terminal.send("exit\r")?;
        terminal.expect("its terminal is gone")?;
        check_eq!(terminal.finish()?, 0, "the exit status without a key");
        Ok(())
    });
    suite.case(
        "console: the terminal is as large as who attaches's",
        || {
            let jail = Jail::new("size", &[], &[])?;
            let mut terminal = jail.attach(&[])?;
            for (rows, columns) in [(31, 77), (52, 131)] {
                terminal.resize(rows, columns)?;
                let size = format!("size:{rows} {columns}");
                wait::until("the size has come through", || {
                    terminal.send("echo size:$(stty size)\r")?;
                    let seen = terminal.expect("$ ")?;
                    Ok(seen.contains(&size))
                })?;
            }
            terminal.send(KEY)?;
            check_eq!(terminal.finish()?, 0, "the exit status");
            Ok(())
        },
    );
    for options in [&[][..], &["--new-pid"], &["--new-pid", "--init", "none"]] {
        let name = format!("console: the log has all, up to the end: {options:?}");
        suite.case(&name, move || {
            for _ in 0..3 {
                let jail = Jail::new("log", options, &["seq", "1", "20000"])?;
                wait_until_ended(&jail.name)?;
                let log = succeed(&["logs", &jail.name])?;
                check_eq!(log.lines().count(), 20000, "lines");
                check!(log.ends_with("\n20000\r\n"), "the end");
            }
            Ok(())
        });
    }
    suite.case(
        "console: one that is too slow misses something and is told, the jail goes on",
        || {
            let script = "read x; seq 1 60000; echo printed; read y";
            let jail = Jail::new("slow", &[], &["sh", "-c", script])?;
            let mut terminal = jail.attach(&[])?;
            terminal.send("go\r")?;
            wait::until("all is printed", || {
                Ok(succeed(&["logs", &jail.name])?.ends_with("printed\r\n"))
            })?;
            terminal.expect("bytes were not shown, this terminal is too slow")?;
            terminal.send("\r")?;
            terminal.expect("its terminal is gone")?;
            check_eq!(terminal.finish()?, 0, "the exit status");
            Ok(())
        },
    );
    suite.case("console: two see the same, and both type", || {
        let jail = Jail::new("two", &[], &[])?;
        let mut first = jail.attach(&[])?;
        first.send("\r")?;
        first.ready()?;
        let mut second = jail.attach(&[])?;
        second.send("echo $((50+5))-both\r")?;
        second.expect("55-both")?;
        first.expect("55-both")?;
        second.send(KEY)?;
        check_eq!(second.finish()?, 0, "the exit status of the second");
        first.ready()?;
        first.send(KEY)?;
        check_eq!(first.finish()?, 0, "the exit status of the first");
        Ok(())
    });
    suite.case(
        "console: nothing stops a jail whose command reopens its terminal",
        || {
            let script =
                "t=$(tty); exec <&- >&- 2>&-; sleep 1; exec <>$t >&0 2>&0; echo back; read x";
            let jail = Jail::new("reopen", &[], &["sh", "-c", script])?;
            let mut terminal = jail.attach(&[])?;
            wait::until("it is back", || {
                Ok(succeed(&["logs", &jail.name])?.contains("back"))
            })?;
            terminal.send("\r")?;
            terminal.expect("its terminal is gone")?;
            check_eq!(terminal.finish()?, 0, "the exit status");
            Ok(())
        },
    );
    suite.case(
        "console: when the supervisor is killed, the jail and who has attached end",
        || {
            let jail = Jail::new("killed", &[], &[])?;
            let mut terminal = jail.attach(&[])?;
            terminal.send("\r")?;
            terminal.ready()?;
            let all = json(&["inspect", &jail.name])?;
            let number = all["number"].as_i64().ok_or_else(|| fail("no number"))?;
            let supervisor = all["noted"]["supervisor"]["pid"].as_i64();
            let supervisor = supervisor.ok_or_else(|| fail("no supervisor"))?;
            process::kill(supervisor as libc::pid_t, libc::SIGKILL).context("kill")?;
            terminal.expect("its terminal is gone")?;
            check_eq!(terminal.finish()?, 0, "the exit status");
            wait::until("the jail has ended", || Ok(!in_kernel()?.contains(&number)))
        },
    );
    suite.case("console: a signal ends it, and not the jail", || {
        let jail = Jail::new("signal", &[], &[])?;
        let mut terminal = jail.attach(&[])?;
        terminal.send("\r")?;
        terminal.ready()?;
        let leader = terminal.leader() as u64;
        let client = procfs::processes()?
            .into_iter()
            .find(|&pid| procfs::stat(pid, 4).is_ok_and(|parent| parent == leader));
        let client = client.ok_or_else(|| fail("no client"))?;
        process::kill(client, libc::SIGTERM).context("kill")?;
        check_eq!(terminal.finish()?, 143, "the exit status");
        let mut terminal = jail.attach(&[])?;
        terminal.send("\r")?;
        terminal.ready()?;
        terminal.send(KEY)?;
        check_eq!(terminal.finish()?, 0, "the exit status of the next");
        Ok(())
    });
    suite.case("console: a kept jail ends nothing with its command", || {
        let jail = Jail::new("kept", &["--keep"], &["sh", "-c", "sleep 1000 & echo left"])?;
        wait::until("the command has ended", || {
            Ok(!json(&["inspect", &jail.name])?["noted"]["ended"].is_null())
        })?;
        let log = succeed(&["logs", &jail.name])?;
        check_eq!(log, "left\r\n", "the log");
        Ok(())
    });
    suite.case(
        "console: what goes on printing in a kept jail keeps nobody out",
        || {
            let script = "trap '' HUP; for i in 1 2 3 4; do yes & done; sleep 1; exit 0";
            let jail = Jail::new("floods", &["--keep"], &["sh", "-c", script])?;
            wait::until("the command has ended", || {
                Ok(!json(&["inspect", &jail.name])?["noted"]["ended"].is_null())
            })?;
            let mut terminal = jail.attach(&[])?;
            terminal.expect("y\r\ny\r\n")?;
            terminal.send(KEY)?;
            terminal.expect("let go; the jail runs on")?;
            check_eq!(terminal.finish()?, 0, "the exit status");
            Ok(())
        },
    );
    suite.case(
        "console: a command that does not read keeps nobody from letting go",
        || {
            let script = "stty raw -echo; echo deaf; sleep 1000";
            let jail = Jail::new("deaf", &[], &["sh", "-c", script])?;
            wait::until("it reads nothing", || {
                Ok(succeed(&["logs", &jail.name])?.contains("deaf"))
            })?;
            let mut terminal = jail.attach(&[])?;
            terminal.expect("lets go of it")?;
            // More than is kept on the way.
            terminal.send_meanwhile(&("x".repeat(1 << 20) + KEY))?;
            terminal.expect("let go; the jail runs on")?;
            check_eq!(terminal.finish()?, 0, "the exit status");
            Ok(())
        },
    );
    suite.case("console: refused where there is none", || {
        let jail = Jail::detached("none", &[], &["sleep", "1000"])?;
        let mut terminal = jail.attach(&[])?;
        terminal.expect("has no terminal; a jail has one that was started with")?;
        check_eq!(terminal.finish()?, 125, "the exit status");
        let output = run(&mut jaula(&["console", &jail.name]))?;
        check_eq!(output.status.code(), Some(125), "without a terminal");
        check!(
            String::from_utf8_lossy(&output.stderr).contains("a console needs a terminal"),
            "without a terminal: {output:?}"
        );
        let output = run(&mut jaula(&["run", "--tty", "/srv/jail"]))?;
        check_eq!(output.status.code(), Some(125), "--tty without --detach");
        let output = run(&mut jaula(&["console", "--escape", "ab", &jail.name]))?;
        check_eq!(output.status.code(), Some(125), "a key that is none");
        Ok(())
    });
    suite.case("exec: a terminal, however the jail was started", || {
        let jail = Jail::detached("exec", &["--without", "pty,session"], &["sleep", "1000"])?;
        let exec = ["exec", &jail.name, "--", "tty"];
        let mut terminal = Terminal::start(Command::new("jaula").args(exec))?;
        terminal.expect("/dev/pts/0")?;
        check_eq!(terminal.finish()?, 0, "the exit status");
        Ok(())
    });
}

/// A detached jail, removed when it is dropped.
struct Jail {
    name: String,
    _root: Built,
}

impl Jail {
    /// One with a terminal, which has a shell where nothing else is said.
    fn new(name: &str, options: &[&str], command: &[&str]) -> Result<Self, Failure> {
        Self::detached(name, &[&["--tty"], options].concat(), command)
    }

    fn detached(name: &str, options: &[&str], command: &[&str]) -> Result<Self, Failure> {
        let root = Built::new()?;
        let path = root.0.display().to_string();
        let name = format!("console-{name}-{}", process::pid());
        let detached = ["run", "--quiet", "--detach", "--name", &name];
        let command = [&[path.as_str(), "--"], command].concat();
        succeed(&[&detached[..], options, &command].concat())?;
        Ok(Jail { name, _root: root })
    }

    fn attach(&self, options: &[&str]) -> Result<Terminal, Failure> {
        let console = [&["console", self.name.as_str()], options].concat();
        Terminal::start(Command::new("jaula").args(console))
    }
}

impl Drop for Jail {
    fn drop(&mut self) {
        // One that has ended may be forgotten as well.
        let _: CaseResult = run(&mut jaula(&["rm", &self.name])).map(drop);
    }
}
