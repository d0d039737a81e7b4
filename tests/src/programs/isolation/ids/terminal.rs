// SPDX-License-Identifier: MIT OR Apache-2.0

//! Terminals of jails that have ids of their own.

use super::{base, owner, start, AUTO, SLEEP};
use crate::isolation::place::Place;
use jaula_tests::admin::succeed;
use jaula_tests::check_eq;
use jaula_tests::ktap::{CaseResult, Failure, Suite};
use jaula_tests::launch::Terminal;
use jaula_tests::procfs;
use std::process::Command;

/// Whose a terminal is, and that it can be opened by each of its names.
const LOOK: &str =
    "tty; stat -c 'its:%u:%g:%a' $(tty); echo by-name >$(tty); echo by-tty >/dev/tty";

pub fn add<'a>(suite: &mut Suite<'a>, place: &'a Place) {
    suite.case("ids: a user's terminals are its own", move || {
        let script = "exec 3<>/dev/ptmx; stat -c %u /dev/pts/0 && echo x >/dev/ptmx";
        place.expect(&AUTO, script, "1000")
    });
    suite.case(
        "ids: the terminal of a command is its user's, as without",
        move || {
            for options in [&[][..], &AUTO, &["--new-pid", "--ids", "auto"]] {
                for (user, owner) in [("user", "1000"), ("root", "0"), ("7:8", "7")] {
                    let options = [&["run", "--quiet", "--user", user], options].concat();
                    looks(&options, &place.root(), owner)?;
                }
            }
            Ok(())
        },
    );
    suite.case(
        "ids: the terminal of a later command is its user's",
        move || {
            for options in [&AUTO[..], &["--ids", "auto", "--new-pid"]] {
                let jail = start(place, options, SLEEP)?;
                jail.has_printed("ready")?;
                for (user, owner) in [("user", "1000"), ("root", "0")] {
                    looks(&["exec", "--quiet", "--user", user], &jail.text(), owner)?;
                }
            }
            let jail = start(place, &["--keep", "--ids", "auto"], "exit 0")?;
            jaula_tests::jailfs::wait_for(jail.number, "tasks", 0)?;
            looks(&["exec", "--quiet"], &jail.text(), "1000")?;
            succeed(&["rm", &jail.text()]).map(drop)
        },
    );
    suite.case(
        "ids: on the host a terminal belongs to the block",
        move || {
            let jail = start(place, &AUTO, SLEEP)?;
            jail.has_printed("ready")?;
            let number = jail.text();
            let script = "echo go; exec sleep 4715";
            let exec = ["exec", "--quiet", &number, "--", "sh", "-c", script];
            let mut terminal = Terminal::start(Command::new("jaula").args(exec))?;
            terminal.expect("go")?;
            let sleep = terminal.wait_for_foreground("sleep")?;
            let base = base(&jail)?;
            let terminals = procfs::root(sleep).join("dev/pts");
            let inside = |name: &str| terminals.join(name);
            check_eq!(
                owner(&inside("0"))?,
                (base + 1000, base + 5),
                "the terminal"
            );
            check_eq!(owner(&inside("ptmx"))?, (base, base), "its kind's");
            drop(jail);
            terminal.finish().map(drop)
        },
    );
    suite.case(
        "ids: the terminal of a detached command is its user's",
        move || {
            for options in [&["--tty"][..], &["--tty", "--new-pid"]] {
                let jail = start(
                    place,
                    &[&AUTO[..], options].concat(),
                    &format!("{LOOK}; {SLEEP}"),
                )?;
                jail.has_printed("ready")?;
                let shown = succeed(&["logs", &jail.text()])?;
                let shown: Vec<&str> = shown.lines().map(str::trim_end).collect();
                let lines = ["/dev/pts/0", "its:1000:5:620", "by-name", "by-tty", "ready"];
                check_eq!(shown, lines, "{options:?}");
            }
            Ok(())
        },
    );
    suite.case("ids: a shell on a terminal", move || {
        let root = place.root();
        shell(&["run", "--quiet", "--ids", "auto", &root])?;
        let as_root = ["--user", "root", "--setenv", "PS1=$ "];
        let options = ["run", "--quiet", "--new-pid", "--ids", "auto"];
        shell(&[&options[..], &as_root, &[&root]].concat())?;
        let jail = start(place, &AUTO, SLEEP)?;
        jail.has_printed("ready")?;
        shell(&["exec", "--quiet", &jail.text()])?;
        shell(&[&["exec", "--quiet"], &as_root[..], &[&jail.text()]].concat())
    });
    suite.case("ids: a shell on the caller's terminal", move || {
        let root = place.root();
        let options = ["--quiet", "--without", "pty", "--ids", "auto", &root];
        let mut terminal = Terminal::start(Command::new("jaula").args(options))?;
        terminal.ready()?;
        let shell = terminal.foreground()?;
        terminal.send("sleep 1000\r")?;
        terminal.wait_for_job(shell)?;
        terminal.send("\u{3}")?;
        terminal.expect("^C")?;
        terminal.ready()?;
        terminal.send("exit 7\r")?;
        check_eq!(terminal.finish()?, 7, "the exit status");
        Ok(())
    });
}

/// Checks what a command finds of its terminal.
fn looks(options: &[&str], place: &str, owner: &str) -> CaseResult {
    let what = format!("{options:?} {place}");
    let command = [place, "--", "/bin/sh", "-c", LOOK];
    let arguments = [options, &command].concat();
    let mut terminal = Terminal::start(Command::new("jaula").args(arguments))?;
    let shown: Result<String, Failure> = terminal.expect("by-tty");
    let lines = [
        "/dev/pts/0".to_owned(),
        format!("its:{owner}:5:620"),
        "by-name".to_owned(),
        "by-tty".to_owned(),
    ];
    let shown = shown?;
    let shown: Vec<&str> = shown.lines().collect();
    check_eq!(shown, lines, "{what}");
    check_eq!(terminal.finish()?, 0, "{what}");
    Ok(())
}

/// A shell on a terminal of the jail's own, and what it runs: that can be interrupted and stopped.
fn shell(arguments: &[&str]) -> CaseResult {
    let mut terminal = Terminal::start(Command::new("jaula").args(arguments))?;
    terminal.ready()?;
    for (key, answer) in [("\u{3}", "^C"), ("\u{1a}", "Stopped")] {
        terminal.send("sleep 1000\r")?;
        terminal.wait_for_foreground("sleep")?;
        terminal.send(key)?;
        terminal.expect(answer)?;
        terminal.ready()?;
    }
    terminal.resize(33, 77)?;
    terminal.send("while [ \"$(stty size)\" != '33 77' ]; do sleep 0.1; done; echo re''sized\r")?;
    terminal.expect("resized")?;
    terminal.ready()?;
    terminal.send("kill -9 %1; fg %1\r")?;
    terminal.ready()?;
    terminal.send("exit 7\r")?;
    check_eq!(terminal.finish()?, 7, "{arguments:?}");
    Ok(())
}
