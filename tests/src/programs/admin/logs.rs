// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula logs`: what a detached jail has printed, as far as it is kept.

use jaula_tests::admin::{output, runs, succeed, Detached, ROOT};
use jaula_tests::ktap::{fail, CaseResult, Context, Suite};
use jaula_tests::launch::{failed, jaula, FAILED};
use jaula_tests::sys::{process, tree};
use jaula_tests::{check, check_eq, wait};
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

pub fn add(suite: &mut Suite<'_>) {
    suite.case("logs: standard output and error, in order", || {
        let jail = Detached::start(&[], "echo out; echo err >&2; echo out again; exit 2")?;
        check_eq!(jail.ended()?["exited"], 2, "how it ended");
        check_eq!(
            succeed(&["logs", &jail.text()])?,
            "out\nerr\nout again\n",
            "the log"
        );
        Ok(())
    });
    suite.case("logs: what it printed just before its end is there", || {
        for _ in 0..10 {
            let jail = Detached::start(&[], "echo only this")?;
            jail.ended()?;
            check_eq!(succeed(&["logs", &jail.text()])?, "only this\n", "the log");
        }
        Ok(())
    });
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
        let jail = Detached::start(&[], "while :; do echo line; sleep 0.1; done")?;
        let mut child = jaula(&["logs", "--follow", &jail.text()])
            .stdout(Stdio::piped())
            .spawn()
            .context("starting jaula")?;
        drop(child.stdout.take());
        let status = child.wait().context("waiting for jaula")?;
        check_eq!(status.code(), Some(0), "its exit status");
        Ok(())
    });
    suite.case(
        "logs: no more is kept than two MiB, the last of what was printed",
        || {
            let script =
                "i=0; while [ $i -lt 5 ]; do head -c 1048576 /bin/busybox; i=$((i+1)); done; \
                      echo; echo the end";
            let jail = Detached::start(&[], script)?;
            jail.ended()?;
            let kept = output(&mut jaula(&["logs", &jail.text()]))?.stdout;
            check!(kept.ends_with(b"\nthe end\n"), "the end is missing");
            check!(
                (1 << 20..(2 << 20) + (128 << 10)).contains(&kept.len()),
                "{} bytes are kept",
                kept.len()
            );
            Ok(())
        },
    );
    suite.case("logs: a jail that was not detached has none", || {
        let options = [
            "run",
            "-q",
            "--keep",
            "--name",
            "silent",
            ROOT,
            "--",
            "/bin/true",
        ];
        succeed(&options)?;
        let refused = output(&mut jaula(&["logs", "silent"]))?;
        failed(&refused, FAILED, &["silent", "--detach"])?;
        succeed(&["rm", "silent"]).map(drop)
    });
    suite.case(
        "logs: those of the last 20 that have ended are kept",
        || {
            succeed(&["rm", "--all"])?;
            let mut jails = Vec::new();
            for _ in 0..25 {
                let jail = Detached::start(&[], "echo here")?;
                let supervisor = jail.noted_process("supervisor")?;
                jail.ended()?;
                // As long as that runs, the log is not removed.
                wait::until("its supervisor has ended", || Ok(!runs(supervisor)))?;
                jails.push(jail);
            }
            let kept = jaula_tests::admin::noted()?;
            check!(
                (20..=21).contains(&kept.len()),
                "{} are kept: {kept:?}",
                kept.len()
            );
            let last = jails.last().map(|jail| jail.number).unwrap_or_default();
            check!(kept.contains(&last), "the last one is not: {kept:?}");
            Ok(())
        },
    );
}
