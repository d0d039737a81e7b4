// SPDX-License-Identifier: MIT OR Apache-2.0

//! How much of a log is kept, for how long, and what is lost.

use super::missing;
use jaula_tests::admin::{output, runs, succeed, Detached, ROOT};
use jaula_tests::ktap::{CaseResult, Context, Suite};
use jaula_tests::launch::{complaint, jaula};
use jaula_tests::sys::tree;
use jaula_tests::{check, check_eq, wait};
use std::fs::OpenOptions;
use std::io::{self, Write};

pub fn add(suite: &mut Suite<'_>) {
    suite.case(
        "run --log-size: so much can be read, and twice as much is kept",
        || {
            let script = "i=0; while [ $i -lt 100 ]; do echo line $i; i=$((i+1)); done";
            for size in [1, 100, 300] {
                let jail = Detached::start(&["--log-size", &size.to_string()], script)?;
                jail.ended()?;
                let kept = output(&mut jaula(&["logs", &jail.text()]))?.stdout;
                check!(
                    kept.len() >= size && kept.len() <= 2 * size,
                    "{} bytes are kept of {size}",
                    kept.len()
                );
                check!(
                    "line 98\nline 99\n"
                        .as_bytes()
                        .ends_with(&kept[kept.len().saturating_sub(16)..]),
                    "{kept:?}"
                );
            }
            for refused in ["0", "-1", "x", "1T"] {
                let options = ["run", "--detach", "--log-size", refused, ROOT];
                let output = output(&mut jaula(&options))?;
                check!(!output.status.success(), "--log-size {refused} is taken");
            }
            Ok(())
        },
    );
    suite.case(
        "logs: a jail that writes to a full disk goes on, and what is lost is told",
        || {
            succeed(&["rm", "--all"])?;
            let pipe = format!("{ROOT}/tmp/go");
            tree::make_pipe(&pipe).context(&pipe)?;
            let script = "echo begin; read -r go < /tmp/go; head -c 300000 /dev/zero; \
                      read -r go < /tmp/go; echo end";
            let jail = Detached::start(&["--log-size", "1M"], script)?;
            jail.has_printed("begin")?;
            let filling = "/run/filling";
            fill(filling)?;
            std::fs::write(&pipe, "go\n").context(&pipe)?;
            // Opens when the jail has written all of it.
            let mut mouth = OpenOptions::new().write(true).open(&pipe).context(&pipe)?;
            // The supervisor takes the rest out of the pipe meanwhile.
            std::thread::sleep(std::time::Duration::from_secs(1));
            std::fs::remove_file(filling).context(filling)?;
            mouth.write_all(b"go\n").context(&pipe)?;
            drop(mouth);
            check_eq!(jail.ended()?["exited"], 0, "how it ended");
            std::fs::remove_file(&pipe).context(&pipe)?;
            let read = output(&mut jaula(&["logs", &jail.text()]))?;
            let missing = missing(&complaint(&read))?;
            check!(
                read.stdout.starts_with(b"begin\n"),
                "the beginning is missing"
            );
            check!(
                read.stdout.ends_with(b"\0\nend\n") || read.stdout.ends_with(b"begin\nend\n"),
                "the end"
            );
            let zeros = read.stdout.iter().filter(|byte| **byte == 0).count();
            check_eq!(
                zeros + missing,
                300_000,
                "what was printed and what is lost"
            );
            Ok(())
        },
    );
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

/// Fills the file system with one file.
fn fill(path: &str) -> CaseResult {
    let mut file = std::fs::File::create(path).context(path)?;
    let block = vec![0; 1 << 20];
    let mut length = block.len();
    loop {
        match file.write(&block[..length]) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::StorageFull && length > 1 => length /= 2,
            Err(error) if error.kind() == io::ErrorKind::StorageFull => return Ok(()),
            Err(error) => return Err(error).context(path),
        }
    }
}
