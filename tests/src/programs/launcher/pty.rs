// SPDX-License-Identifier: MIT OR Apache-2.0

//! The terminal that a jail has of its own, and the one of the caller's that it is shown on.

use super::terminal::Built;
use jaula_tests::ktap::{fail, CaseResult, Context, Failure, Suite};
use jaula_tests::launch::{jaula, run, Terminal};
use jaula_tests::procfs;
use jaula_tests::sys::process;
use jaula_tests::wait;
use jaula_tests::{check, check_eq};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

pub fn add(suite: &mut Suite) {
    suite.case(
        "the terminal has a name in the jail, and is its user's",
        || {
            let root = Built::new()?;
            let script =
                "tty; stat -c '%u %t' $(tty); test -t 0 && test -t 1 && test -t 2 && echo all";
            let mut terminal = started(&root, &["--", "sh", "-c", script])?;
            terminal.expect("/dev/pts/0\r\n1000 88\r\nall")?;
            check_eq!(terminal.finish()?, 0, "the exit status");
            Ok(())
        },
    );
    suite.case(
        "the shell is in the foreground of a session of its own",
        || {
            let (_root, mut terminal) = shell()?;
            terminal.send("echo ids:$(cut -d' ' -f 1,5,8 /proc/$$/stat):\r")?;
            terminal.expect("ids:")?;
            let ids = loop {
                let word = terminal.expect(":")?;
                let word = word.trim_end_matches(':').to_owned();
                if word.starts_with(|first: char| first.is_ascii_digit()) {
                    break word;
                }
            };
            let ids: Vec<&str> = ids.split(' ').collect();
            check_eq!(ids[0], ids[1], "the shell's process group");
            check_eq!(ids[0], ids[2], "the group in the foreground");
            terminal.ready()?;
            quit(terminal, 7)
        },
    );
    suite.case(
        "interrupting reaches what the shell runs, and not the shell",
        || {
            let (_root, mut terminal) = shell()?;
            terminal.send("sleep 1000\r")?;
            terminal.wait_for_foreground("sleep")?;
            terminal.send("\u{3}")?;
            terminal.ready()?;
            quit(terminal, 7)
        },
    );
    suite.case("stopping and going on, in the shell of the jail", || {
        let (_root, mut terminal) = shell()?;
        terminal.send("sleep 1000\r")?;
        terminal.wait_for_foreground("sleep")?;
        terminal.send("\u{1a}")?;
        terminal.expect("Stopped")?;
        terminal.ready()?;
        terminal.send("fg\r")?;
        terminal.expect("sleep 1000")?;
        terminal.wait_for_foreground("sleep")?;
        terminal.send("\u{3}")?;
        terminal.ready()?;
        quit(terminal, 7)
    });
    suite.case("the end of input ends the shell", || {
        let (_root, mut terminal) = shell()?;
        terminal.ready()?;
        terminal.send("\u{4}")?;
        check_eq!(terminal.finish()?, 0, "the exit status");
        Ok(())
    });
    suite.case(
        "stopping a command stops jaula, whose terminal is as before meanwhile",
        stops,
    );
    suite.case("its size is the caller's, and follows it", || {
        let (_root, mut terminal) = shell()?;
        for (rows, columns) in [(31, 77), (52, 131)] {
            terminal.resize(rows, columns)?;
            let size = format!("size:{rows} {columns}");
            // The shell may be asked before the change has come through.
            wait::until("the size has come through", || {
                terminal.send("echo size:$(stty size)\r")?;
                let seen = terminal.expect("$ ")?;
                Ok(seen.contains(&size))
            })?;
        }
        terminal.ready()?;
        quit(terminal, 0)
    });
    suite.case(
        "when the caller's terminal hangs up, the jail's does",
        || {
            let (_root, mut terminal) = shell()?;
            terminal.send("sleep 1000\r")?;
            let sleep = terminal.wait_for_foreground("sleep")?;
            terminal.hang_up()?;
            wait::until("what ran is gone", || {
                Ok(!procfs::processes()?.contains(&sleep)
                    || procfs::state(sleep).is_ok_and(|s| s == 'Z'))
            })
        },
    );
    for pipeline in [false, true] {
        let name = match pipeline {
            false => "nothing in the jail has the caller's terminal",
            true => "nothing in the jail has the caller's terminal, in a pipeline either",
        };
        suite.case(name, move || out_of_reach(pipeline));
    }
    suite.case(
        "exec: nothing in the jail has the caller's terminal",
        || {
            let root = Built::new()?;
            let path = root.0.display().to_string();
            let name = format!("pty-{}", process::pid());
            let detached = ["run", "--quiet", "--detach", "--name", &name, &path];
            let output = run(&mut jaula(
                &[&detached[..], &["--", "sleep", "1000"]].concat(),
            ))?;
            check!(output.status.success(), "jaula run: {output:?}");
            let exec = ["exec", &name, "--", "sh", "-c", "tty; exec sleep 4713"];
            let mut terminal = Terminal::start(Command::new("jaula").args(exec))?;
            terminal.expect("/dev/pts/0")?;
            let sleep = terminal.wait_for_foreground("sleep")?;
            let kept = apart(&terminal, sleep);
            run(&mut jaula(&["rm", &name]))?;
            kept?;
            terminal.finish().map(drop)
        },
    );
    suite.case(
        "in a pipeline, what is typed goes in when the command reads",
        || {
            let root = Built::new()?;
            let path = root.0.display().to_string();
            let script = format!("jaula --quiet {path} -- sh -c 'read x; echo got-$x' | cat");
            let mut terminal = Terminal::start(Command::new("sh").args(["-c", &script]))?;
            terminal.send("word\r")?;
            terminal.expect("got-word")?;
            check_eq!(terminal.finish()?, 0, "the exit status");
            Ok(())
        },
    );
    suite.case(
        "in a pipeline, what somebody else reads does not go in",
        || {
            let root = Built::new()?;
            let path = root.0.display().to_string();
            let script =
                format!("jaula --quiet {path} -- sleep 2 | sh -c 'read x </dev/tty; echo its-$x'");
            let mut terminal = Terminal::start(Command::new("sh").args(["-c", &script]))?;
            terminal.send("word\r")?;
            terminal.expect("its-word")?;
            check_eq!(terminal.finish()?, 0, "the exit status");
            Ok(())
        },
    );
    suite.case(
        "standard input that is no terminal is read as it is",
        || {
            let root = Built::new()?;
            let path = root.0.display().to_string();
            let script = format!("printf 'a\\004\\003b' | jaula --quiet {path} -- od -c");
            let mut terminal = Terminal::start(Command::new("sh").args(["-c", &script]))?;
            terminal.expect("a 004 003   b")?;
            check_eq!(terminal.finish()?, 0, "the exit status");
            Ok(())
        },
    );
    suite.case("all that is printed is shown, up to the end", || {
        let root = Built::new()?;
        for _ in 0..5 {
            let mut terminal = started(&root, &["--", "seq", "1", "20000"])?;
            let shown = terminal.expect("\n20000\r\n")?;
            let lines: Vec<&str> = shown.lines().collect();
            check_eq!(lines.len(), 20000, "lines");
            check_eq!(lines[9999], "10000", "one of them");
            check_eq!(terminal.finish()?, 0, "the exit status");
        }
        Ok(())
    });
    suite.case(
        "the caller's terminal is as before when the command is killed",
        || {
            let root = Built::new()?;
            let path = root.0.display().to_string();
            let script = format!(
            "stty -a >/tmp/pty-before; jaula --quiet {path} -- sh -c 'stty raw -echo; kill -9 $$'; \
             echo status:$?; stty -a >/tmp/pty-after"
        );
            let mut terminal = Terminal::start(Command::new("sh").args(["-c", &script]))?;
            terminal.expect("status:137")?;
            check_eq!(terminal.finish()?, 0, "the exit status");
            let read = |path: &str| fs::read_to_string(path).context(path);
            check_eq!(
                read("/tmp/pty-after")?,
                read("/tmp/pty-before")?,
                "the modes"
            );
            Ok(())
        },
    );
    suite.case(
        "a launcher that is killed takes its command with it",
        || {
            let root = Built::new()?;
            let terminal = started(&root, &["--", "sleep", "4714"])?;
            let sleep = terminal.wait_for_foreground("sleep")?;
            let launcher = procfs::processes()?
                .into_iter()
                .find(|&pid| procfs::stat(pid, 4).is_ok_and(|p| p == terminal.leader() as u64));
            let launcher = launcher.ok_or_else(|| fail("no launcher"))?;
            process::kill(launcher, libc::SIGKILL).context("kill")?;
            wait::until("the command is gone", || {
                Ok(!procfs::processes()?.contains(&sleep)
                    || procfs::state(sleep).is_ok_and(|s| s == 'Z'))
            })?;
            terminal.hang_up()
        },
    );
    suite.case(
        "--without pty: the terminal is the caller's, and has no name",
        || {
            let root = Built::new()?;
            let mut terminal = started(
                &root,
                &["--without", "pty", "--", "sh", "-c", "tty; echo end"],
            )?;
            terminal.expect("not a tty\r\nend")?;
            check_eq!(terminal.finish()?, 0, "the exit status");
            Ok(())
        },
    );
}

/// `jaula`, on a terminal.
fn started(root: &Built, arguments: &[&str]) -> Result<Terminal, Failure> {
    let path = root.0.display().to_string();
    let at = arguments.iter().position(|&word| word == "--");
    let (options, command) = arguments.split_at(at.unwrap_or(arguments.len()));
    let mut launcher = Command::new("jaula");
    launcher
        .arg("--quiet")
        .args(options)
        .arg(path)
        .args(command);
    Terminal::start(&mut launcher)
}

fn shell() -> Result<(Built, Terminal), Failure> {
    let root = Built::new()?;
    let mut terminal = started(&root, &[])?;
    terminal.ready()?;
    Ok((root, terminal))
}

fn quit(mut terminal: Terminal, status: i32) -> CaseResult {
    terminal.send(&format!("exit {status}\r"))?;
    check_eq!(terminal.finish()?, status, "the exit status");
    Ok(())
}

/// Ctrl-Z for a command that is no shell, under a shell of the caller's.
fn stops() -> CaseResult {
    let root = Built::new()?;
    let path = root.0.display().to_string();
    let mut terminal = Terminal::start(Command::new("sh").arg("-i"))?;
    terminal.send(&format!(
        "jaula --quiet {path} -- sh -c 'exec sleep 4715'\r"
    ))?;
    let sleep = terminal.wait_for_foreground("sleep")?;
    for _ in 0..2 {
        terminal.send("\u{1a}")?;
        terminal.expect("Stopped")?;
        check_eq!(procfs::state(sleep)?, 'T', "the state of the command");
        terminal.send("echo modes:$(stty -a | grep -o ' icanon\\| echo ' | tr -d '\\n'):\r")?;
        terminal.expect("modes: icanon echo :")?;
        terminal.send("fg\r")?;
        wait::until("the command goes on", || Ok(procfs::state(sleep)? == 'S'))?;
        terminal.wait_for_foreground("sleep")?;
    }
    terminal.send("\u{1a}")?;
    terminal.expect("Stopped")?;
    terminal.send("bg\r")?;
    wait::until("the command goes on", || Ok(procfs::state(sleep)? == 'S'))?;
    terminal.send("echo still-$((40+2))\r")?;
    terminal.expect("still-42")?;
    terminal.send("fg\r")?;
    terminal.expect("exec sleep 4715")?;
    terminal.wait_for_foreground("sleep")?;
    terminal.send("\u{3}")?;
    // What is typed before is the command's.
    terminal.expect("# ")?;
    terminal.send("echo status:$?\r")?;
    terminal.expect("status:130")?;
    terminal.send("exit 0\r")?;
    check_eq!(terminal.finish()?, 0, "the exit status");
    Ok(())
}

/// Looks from outside at what a command in a jail has open.
fn out_of_reach(pipeline: bool) -> CaseResult {
    let root = Built::new()?;
    let path = root.0.display().to_string();
    let launch = format!("jaula --quiet {path} -- sh -c 'echo started; exec sleep 4716'");
    let script = match pipeline {
        false => launch,
        true => format!("{launch} | cat"),
    };
    let mut terminal = Terminal::start(Command::new("sh").args(["-c", &script]))?;
    terminal.expect("started")?;
    let mut found = None;
    wait::until("the command runs", || {
        found = procfs::processes()?
            .into_iter()
            .find(|&pid| procfs::command(pid) == ["sleep", "4716"]);
        Ok(found.is_some())
    })?;
    let sleep = found.ok_or_else(|| fail("no command"))?;
    let kept = apart(&terminal, sleep);
    process::kill(sleep, libc::SIGKILL).context("kill")?;
    kept?;
    terminal.finish().map(drop)
}

/// Checks that a process has nothing open of a terminal, and a controlling terminal of its own.
fn apart(terminal: &Terminal, pid: libc::pid_t) -> CaseResult {
    let of_caller = fs::metadata(format!("/proc/{}/fd/0", terminal.leader()));
    let of_caller = of_caller.context("the caller's terminal")?;
    let files = format!("/proc/{pid}/fd");
    for file in fs::read_dir(&files).context(&files)? {
        let path = file.context(&files)?.path();
        let Ok(open) = fs::metadata(&path) else {
            continue;
        };
        let is_it = (open.dev(), open.ino()) == (of_caller.dev(), of_caller.ino());
        check!(!is_it, "{} is the caller's terminal", path.display());
    }
    let session = |pid| procfs::stat(pid, 6);
    check!(
        session(pid)? != session(terminal.leader())?,
        "it is in the caller's session"
    );
    Ok(())
}
