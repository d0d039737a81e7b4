// SPDX-License-Identifier: MIT OR Apache-2.0

use super::page::{bash, within, Page};
use jaula_tests::admin::{output, wait_until_named};
use jaula_tests::ktap::{Failure, Suite};
use jaula_tests::launch::Terminal;
use jaula_tests::{check, check_eq, procfs, wait};
use std::process::Command;

const PAGE: &str = include_str!("../../../../docs/services/sshd.md");

/// A login, with what is to be executed.
fn ssh(key: &str, options: &[&str], command: &str) -> Command {
    let mut ssh = Command::new("ssh");
    ssh.args([
        "-i",
        key,
        "-p",
        "2222",
        "-o",
        "UserKnownHostsFile=/srv/ssh/known",
    ])
    .args(["-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"])
    .args(options)
    .args(["alice@127.0.0.1", command])
    .env("TERM", "xterm");
    ssh
}

/// One on a terminal of so many rows and columns.
fn at_terminal(command: &str, rows: u16, columns: u16) -> Result<Terminal, Failure> {
    let terminal = Terminal::start(&mut ssh("/srv/ssh/key", &["-tt"], command))?;
    terminal.resize(rows, columns)?;
    Ok(terminal)
}

pub fn add(suite: &mut Suite<'_>) {
    suite.case("sshd: a login by key, and none by another", || {
        // As who is logged in on the host, whoever runs this.
        std::fs::write("/proc/self/loginuid", "4321")?;
        let page = Page::follow("sshd", PAGE)?;
        let said = output(&mut ssh(
            "/srv/ssh/key",
            &[],
            "id -un; cat /proc/self/loginuid; tty",
        ))?;
        let text = String::from_utf8_lossy(&said.stdout);
        check_eq!(text, "alice\n1000not a tty\n", "what is said ({said:?})");
        bash("ssh-keygen -q -t ed25519 -N '' -f /srv/ssh/other")?;
        let refused = output(&mut ssh("/srv/ssh/other", &[], "id"))?;
        check!(!refused.status.success(), "{refused:?}");
        let complaint = String::from_utf8_lossy(&refused.stderr);
        check!(complaint.contains("Permission denied"), "{complaint}");
        page.end()
    });
    suite.case(
        "sshd: a terminal, and tmux that is left and found again",
        || {
            let page = Page::follow("sshd", PAGE)?;
            let mut terminal = at_terminal("exec bash --norc", 40, 100)?;
            terminal.send("tty; PS1='$ '\r")?;
            terminal.expect("/dev/pts/")?;
            // ssh hands the size on as it changes.
            wait::until("it has its size", || {
                terminal.resize(30, 90)?;
                terminal.send("stty size\r")?;
                terminal.send("echo asked-$((6*7))\r")?;
                Ok(terminal.expect("asked-42")?.contains("30 90"))
            })?;
            terminal.send("exec tmux new -s work 'PS1=\"\\$ \" bash --norc'\r")?;
            terminal.expect("[work]")?;
            terminal.send("echo kept-$((6*7))\r")?;
            terminal.expect("kept-42")?;
            terminal.send("\x02d")?;
            terminal.expect("detached")?;
            check_eq!(terminal.finish()?, 0, "the status of the login");

            let number = wait_until_named("ssh")?;
            wait::until("nobody is logged in", || {
                let members = procfs::members(number)?;
                let names = members
                    .iter()
                    .map(|pid| procfs::name(*pid).unwrap_or_default());
                Ok(!names
                    .into_iter()
                    .any(|name| name.starts_with("sshd-session")))
            })?;
            let mut terminal = at_terminal("exec tmux attach -t work", 30, 90)?;
            terminal.expect("kept-42")?;
            terminal.send("exit\r")?;
            terminal.expect("exited")?;
            check_eq!(terminal.finish()?, 0, "the status of the login");
            page.end()
        },
    );
    suite.case(
        "sshd: what a login has left running ends with the jail",
        || {
            let page = Page::follow("sshd", PAGE)?;
            let command = "tmux new -d -s work 'sleep 98765'; tmux ls";
            let said = output(&mut ssh("/srv/ssh/key", &[], command))?;
            check!(said.status.success(), "{said:?}");
            within("ssh", &["pgrep", "-u", "alice", "-f", "sleep 98765"])?;
            page.end()?;
            let left = procfs::processes()?
                .into_iter()
                .any(|pid| procfs::command(pid).iter().any(|word| word == "98765"));
            check!(!left, "it still runs");
            Ok(())
        },
    );
}
