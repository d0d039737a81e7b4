// SPDX-License-Identifier: MIT OR Apache-2.0

//! An interactive shell in a root made from the template: job control on its terminal.

use jaula_tests::ktap::{fail, CaseResult, Context, Failure, Suite};
use jaula_tests::launch::{complaint, jaula, run, Terminal};
use jaula_tests::sys::process;
use jaula_tests::{check, check_eq, procfs, wait};
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
        "the shell of the jail is in the terminal's foreground",
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
            ready(&mut terminal)?;
            check_eq!(
                terminal.foreground()?,
                pid,
                "the process group in the foreground"
            );
            quit(terminal, 7)
        },
    );
    suite.case(
        "interrupting reaches what the shell runs, and not the shell",
        || {
            let (_root, mut terminal) = shell()?;
            start_sleeping(&mut terminal)?;
            terminal.send("\u{3}")?;
            ready(&mut terminal)?;
            quit(terminal, 7)
        },
    );
    suite.case("stopping and going on", || {
        let (_root, mut terminal) = shell()?;
        let shell = start_sleeping(&mut terminal)?;
        terminal.send("\u{1a}")?;
        terminal.expect("Stopped")?;
        ready(&mut terminal)?;
        terminal.send("fg\r")?;
        terminal.expect("sleep 1000")?;
        wait_for_job(&terminal, shell)?;
        terminal.send("\u{3}")?;
        ready(&mut terminal)?;
        quit(terminal, 7)
    });
    suite.case("the end of input ends the shell", || {
        let (_root, mut terminal) = shell()?;
        ready(&mut terminal)?;
        terminal.send("\u{4}")?;
        check_eq!(terminal.finish()?, 0, "the exit status");
        Ok(())
    });
}

/// A root made by `jaula rootfs build`, removed when dropped.
struct Built(PathBuf);

impl Built {
    fn new() -> Result<Built, Failure> {
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
    let mut terminal = Terminal::start(Command::new("jaula").arg(&root.0))?;
    ready(&mut terminal)?;
    Ok((root, terminal))
}

/// Waits until the shell carries out what is typed, and reads again. The answer differs from what
/// is typed. Before its prompt the terminal is not in the shell's mode yet, and an end of input
/// that nobody waits for is lost.
fn ready(terminal: &mut Terminal) -> CaseResult {
    terminal.send("echo $((6*7))-ready\r")?;
    terminal.expect("42-ready")?;
    terminal.expect("$ ").map(drop)
}

/// Has the shell run a command in the foreground; the process group of the shell.
fn start_sleeping(terminal: &mut Terminal) -> Result<libc::pid_t, Failure> {
    let shell = terminal.foreground()?;
    terminal.send("sleep 1000\r")?;
    wait_for_job(terminal, shell)?;
    Ok(shell)
}

/// Waits until the shell has given the terminal to what it runs, and that can be stopped and
/// interrupted from there: the child of a shell takes the foreground first and gives up the
/// shell's own treatment of the signals after that.
fn wait_for_job(terminal: &Terminal, shell: libc::pid_t) -> CaseResult {
    wait::until("the command has the terminal", || {
        let job = terminal.foreground()?;
        Ok(job != shell && treats_by_default(job, &[libc::SIGTSTP, libc::SIGINT])?)
    })
}

/// Whether a process neither ignores nor handles the signals.
fn treats_by_default(pid: libc::pid_t, signals: &[i32]) -> Result<bool, Failure> {
    let who = pid.to_string();
    for name in ["SigIgn", "SigCgt"] {
        let mask = procfs::status(&who, name)?;
        let mask = u64::from_str_radix(&mask, 16)
            .map_err(|error| fail(format!("{name} of process {pid}: {error}: {mask}")))?;
        if signals.iter().any(|signal| mask >> (signal - 1) & 1 == 1) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn quit(mut terminal: Terminal, status: i32) -> CaseResult {
    terminal.send(&format!("exit {status}\r"))?;
    check_eq!(terminal.finish()?, status, "the exit status");
    Ok(())
}
