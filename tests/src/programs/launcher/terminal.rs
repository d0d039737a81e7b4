// SPDX-License-Identifier: MIT OR Apache-2.0

//! An interactive shell in a root made from the template, on the terminal of the caller: job control.

use jaula_tests::ktap::{CaseResult, Context, Failure, Suite};
use jaula_tests::launch::{complaint, jaula, run, Terminal};
use jaula_tests::sys::process;
use jaula_tests::{check, check_eq};
use std::path::PathBuf;
use std::process::{Command, Stdio};

pub fn add(suite: &mut Suite) {
    suite.case("the template minimal has what it says", || {
        let root = Built::new()?;
        for place in [
            "bin", "etc", "home", "lib", "sbin", "usr/bin", "tmp", "root",
        ] {
            check!(root.0.join(place).is_dir(), "no directory /{place}");
        }
        for file in ["etc/passwd", "etc/group"] {
            check!(root.0.join(file).is_file(), "no file /{file}");
        }
        let text = root.0.display().to_string();
        let script = "id -u; pwd; ls /";
        let output = run(&mut jaula(&[&text, "--", "/bin/sh", "-c", script]))?;
        let said = String::from_utf8_lossy(&output.stdout);
        check!(
            said.starts_with("1000\n/\n"),
            "the shell: {said}{}",
            complaint(&output)
        );
        check!(said.contains("\nusr\n"), "its root: {said}");
        Ok(())
    });
    suite.case(
        "--without pty: the shell of the jail is in the terminal's foreground",
        || {
            let (_root, mut terminal) = shell()?;
            terminal.send("echo pid:$$:\r")?;
            // Once as typed, once as answered.
            let digits = |text: &str| text.parse::<i32>().ok();
            let pid = loop {
                terminal.expect("pid:")?;
                let word = terminal.expect(":")?;
                if let Some(pid) = digits(word.trim_end_matches(':')) {
                    break pid;
                }
            };
            terminal.ready()?;
            check_eq!(
                terminal.foreground()?,
                pid,
                "the process group in the foreground"
            );
            quit(terminal, 7)
        },
    );
    suite.case(
        "--without pty: interrupting reaches what the shell runs, and not the shell",
        || {
            let (_root, mut terminal) = shell()?;
            start_sleeping(&mut terminal)?;
            terminal.send("\u{3}")?;
            terminal.ready()?;
            quit(terminal, 7)
        },
    );
    suite.case("--without pty: stopping and going on", || {
        let (_root, mut terminal) = shell()?;
        let shell = start_sleeping(&mut terminal)?;
        terminal.send("\u{1a}")?;
        terminal.expect("Stopped")?;
        terminal.ready()?;
        terminal.send("fg\r")?;
        terminal.expect("sleep 1000")?;
        terminal.wait_for_job(shell)?;
        terminal.send("\u{3}")?;
        terminal.ready()?;
        quit(terminal, 7)
    });
    suite.case("--without pty: the end of input ends the shell", || {
        let (_root, mut terminal) = shell()?;
        terminal.ready()?;
        terminal.send("\u{4}")?;
        check_eq!(terminal.finish()?, 0, "the exit status");
        Ok(())
    });
}

/// A root made by `jaula rootfs build`, removed when dropped.
pub(super) struct Built(pub PathBuf);

impl Built {
    pub fn new() -> Result<Built, Failure> {
        let path = std::env::temp_dir().join(format!("launcher-built-{}", process::pid()));
        let output = Command::new("jaula")
            .args(["rootfs", "build", "--template", "minimal"])
            .arg(&path)
            .stdin(Stdio::null())
            .output()
            .context("starting jaula")?;
        check!(
            output.status.success(),
            "jaula rootfs build: {}",
            complaint(&output)
        );
        Ok(Built(path))
    }
}

impl Drop for Built {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn shell() -> Result<(Built, Terminal), Failure> {
    let root = Built::new()?;
    let mut terminal = Terminal::start(
        Command::new("jaula")
            .args(["--without", "pty"])
            .arg(&root.0),
    )?;
    terminal.ready()?;
    Ok((root, terminal))
}

/// Has the shell run a command in the foreground; the process group of the shell.
fn start_sleeping(terminal: &mut Terminal) -> Result<libc::pid_t, Failure> {
    let shell = terminal.foreground()?;
    terminal.send("sleep 1000\r")?;
    terminal.wait_for_job(shell)?;
    Ok(shell)
}

fn quit(mut terminal: Terminal, status: i32) -> CaseResult {
    terminal.send(&format!("exit {status}\r"))?;
    check_eq!(terminal.finish()?, status, "the exit status");
    Ok(())
}
