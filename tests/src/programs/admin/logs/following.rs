// SPDX-License-Identifier: MIT OR Apache-2.0

//! Reading a log while it is written, and what becomes of that when nobody reads what is printed.

use super::missing;
use jaula_tests::admin::{succeed, text, Detached, ROOT};
use jaula_tests::ktap::{fail, CaseResult, Context, Suite};
use jaula_tests::launch::{jaula, FAILED};
use jaula_tests::sys::{process, tree};
use jaula_tests::{check, check_eq, wait};
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

pub fn add(suite: &mut Suite<'_>) {
    suite.case("logs --follow: until the jail has ended", || {
        let pipe = format!("{ROOT}/tmp/pipe-{}", process::pid());
        tree::make_pipe(&pipe).context(&pipe)?;
        let inside = &pipe[ROOT.len()..];
        let script = format!("while read -r line; do echo $line; done < {inside}; echo none");
        let jail = Detached::start(&[], &script)?;
        let mut child = jaula(&["logs", "--follow", &jail.text()])
            .stdout(Stdio::piped())
            .spawn()
            .context("starting jaula")?;
        let stdout = child.stdout.take();
        let mut log = BufReader::new(stdout.ok_or_else(|| fail("no standard output"))?);
        // Opens when the jail does. Nothing is said before what was said last is shown.
        let mut mouth = OpenOptions::new().write(true).open(&pipe).context(&pipe)?;
        let mut shown = |expected: &str| -> CaseResult {
            let mut line = String::new();
            log.read_line(&mut line).context("reading the log")?;
            check_eq!(line, expected, "the log");
            Ok(())
        };
        for line in ["1\n", "2\n", "3\n"] {
            mouth.write_all(line.as_bytes()).context(&pipe)?;
            shown(line)?;
        }
        drop(mouth);
        shown("none\n")?;
        let mut rest = String::new();
        log.read_to_string(&mut rest).context("reading the log")?;
        check_eq!(rest, "", "the rest of the log");
        let status = child.wait().context("waiting for jaula")?;
        check_eq!(status.code(), Some(0), "the exit status");
        check!(!jail.exists()?, "it goes on");
        std::fs::remove_file(&pipe).context(&pipe)
    });
    suite.case("logs --follow ends where nobody reads it any more", || {
        for script in ["while :; do echo line; sleep 0.1; done", "exec sleep 1000"] {
            let jail = Detached::start(&[], script)?;
            ends_with_its_reader(&["logs", "--follow", &jail.text()])?;
        }
        Ok(())
    });
    suite.case("stats --watch ends where nobody reads it any more", || {
        ends_with_its_reader(&["stats", "--watch", "--interval", "1000"])?;
        ends_with_its_reader(&["stats", "--watch", "--json"])
    });
    suite.case(
        "what is under way is not left half done where nobody reads what is said",
        || {
            let path = "/tmp/unheard.toml";
            let group = format!("[jail.unheard]\nroot = '{ROOT}'\ncommand = ['sleep', '1000']\n");
            std::fs::write(path, group).context(path)?;
            unheard(&["up", path], Some(0))?;
            succeed(&["inspect", "unheard"])?;
            // It runs already.
            unheard(&["up", path], Some(0))?;
            unheard(&["stop", "unheard"], Some(0))?;
            unheard(&["up", path], Some(0))?;
            unheard(&["down", path], Some(0))?;
            unheard(&["logs", "nobody"], Some(FAILED))?;
            std::fs::remove_file(path).context(path)?;
            succeed(&["rm", "--all"]).map(drop)
        },
    );
    suite.case(
        "logs --follow: nothing is lost or joined as long as it keeps up",
        || {
            let script = "i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done";
            let gate = "read -r go < /tmp/go";
            let pipe = format!("{ROOT}/tmp/go");
            tree::make_pipe(&pipe).context(&pipe)?;
            // 13890 bytes, in several parts.
            let jail = Detached::start(&["--log-size", "8K"], &format!("{gate}; {script}"))?;
            let child = jaula(&["logs", "--follow", &jail.text()])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .context("starting jaula")?;
            std::fs::write(&pipe, "go\n").context(&pipe)?;
            let read = child.wait_with_output().context("reading the log")?;
            std::fs::remove_file(&pipe).context(&pipe)?;
            let said = String::from_utf8_lossy(&read.stderr);
            let expected: String = (0..3000).map(|number| format!("{number}\n")).collect();
            if said.is_empty() {
                check!(read.stdout == expected.as_bytes(), "{}", text(&read));
                return Ok(());
            }
            // On a machine that is that slow all is accounted for.
            let missing = missing(&said)?;
            let joined = expected.len() - (read.stdout.len() - said.lines().count());
            check!(
                missing.abs_diff(joined) <= said.lines().count(),
                "{said}{}",
                text(&read)
            );
            Ok(())
        },
    );
    suite.case(
        "logs --follow: what it has missed is told to the byte",
        || {
            let pipe = format!("{ROOT}/tmp/go");
            tree::make_pipe(&pipe).context(&pipe)?;
            let script =
                "printf begin; read -r go < /tmp/go; head -c 100000 /dev/zero; echo; echo end";
            let jail = Detached::start(&["--log-size", "1K"], script)?;
            let mut child = jaula(&["logs", "--follow", &jail.text()])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .context("starting jaula")?;
            let stdout = child
                .stdout
                .as_mut()
                .ok_or_else(|| fail("no standard output"))?;
            let mut begin = [0; 5];
            stdout.read_exact(&mut begin).context("reading the log")?;
            check_eq!(&begin, b"begin", "the log");
            // It is stopped while the log goes on without it.
            let follower = child.id() as libc::pid_t;
            process::kill(follower, libc::SIGSTOP).context("SIGSTOP")?;
            std::fs::write(&pipe, "go\n").context(&pipe)?;
            jail.ended()?;
            process::kill(follower, libc::SIGCONT).context("SIGCONT")?;
            let read = child.wait_with_output().context("reading the log")?;
            std::fs::remove_file(&pipe).context(&pipe)?;
            let missing = missing(&String::from_utf8_lossy(&read.stderr))?;
            check!(read.stdout.ends_with(b"\0\nend\n"), "the end is missing");
            // One line end stands for what is missing.
            check_eq!(
                read.stdout.len() - 1 + missing,
                100_000 + "\nend\n".len(),
                "the bytes that were read and those that are missing"
            );
            check!(missing > 90_000, "{missing} bytes are missing");
            Ok(())
        },
    );
}

/// Checks that a command that goes on ends well when its reader does.
fn ends_with_its_reader(arguments: &[&str]) -> CaseResult {
    let mut child = jaula(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .context("starting jaula")?;
    drop(child.stdout.take());
    let mut ended = None;
    let waited = wait::until(&format!("jaula {arguments:?} has ended"), || {
        ended = child.try_wait().context("waiting for jaula")?;
        Ok(ended.is_some())
    });
    if waited.is_err() {
        child.kill().context("ending jaula")?;
    }
    waited?;
    check_eq!(
        ended.and_then(|status| status.code()),
        Some(0),
        "its exit status"
    );
    Ok(())
}

/// Runs a command whose output and errors nobody reads.
fn unheard(arguments: &[&str], status: Option<i32>) -> CaseResult {
    let (reader, writer) = UnixStream::pair().context("a pair of sockets")?;
    drop(reader);
    let errors = OwnedFd::from(writer.try_clone().context("a pair of sockets")?);
    let ended = jaula(arguments)
        .stdout(OwnedFd::from(writer))
        .stderr(errors)
        .status()
        .context("starting jaula")?;
    check_eq!(ended.code(), status, "the exit status of {arguments:?}");
    Ok(())
}
