// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula stop` and `jaula rm`: what ends, and what is known afterwards.

use super::asked;
use jaula_tests::admin::{
    in_kernel, noted, output, runs, succeed, wait_until_executed, wait_until_named, Detached, ROOT,
};
use jaula_tests::inmate::Inmate;
use jaula_tests::ktap::{fail, Context, Suite};
use jaula_tests::launch::{complaint, failed, jaula, Root, FAILED};
use jaula_tests::{check, check_eq, jailfs, procfs, wait};
use std::time::{Duration, Instant};

/// Ignores SIGTERM and says when it does. A shell that went on forking could end by itself, which it
/// does when it cannot fork any more because its jail is ending.
const STUBBORN: &str = "trap '' TERM; echo ready; exec sleep 1000";

pub fn add<'a>(suite: &mut Suite<'a>, root: &'a Root) {
    suite.case(
        "stop: the first process is asked with SIGTERM and may tidy up",
        || {
            let jail = Detached::run(&[
                "run",
                "--detach",
                root.text(),
                "--",
                "/bin/probe",
                "signals",
            ])?;
            jail.has_printed("ready")?;
            succeed(&["stop", "--timeout", "60", &jail.text()])?;
            check!(!jail.exists()?, "it is still there");
            check_eq!(jail.ended()?["exited"], 40 + libc::SIGTERM, "how it ended");
            Ok(())
        },
    );
    suite.case(
        "stop: one that does not end is ended after the time it has",
        || {
            let jail = Detached::start(&[], STUBBORN)?;
            jail.has_printed("ready")?;
            let start = Instant::now();
            succeed(&["stop", "--timeout", "1", &jail.text()])?;
            check!(
                start.elapsed() >= Duration::from_secs(1),
                "it had {:?}",
                start.elapsed()
            );
            check!(!jail.exists()?, "it is still there");
            check_eq!(jail.ended()?["killed"], libc::SIGKILL, "how it ended");
            Ok(())
        },
    );
    suite.case("stop: what the first process has left ends as well", || {
        let jail = Detached::start(&[], "setsid sleep 1000 & sleep 1000 & echo ready; wait")?;
        jail.has_printed("ready")?;
        let before = procfs::members(jail.number)?;
        check_eq!(before.len(), 3, "the processes");
        succeed(&["stop", &jail.text()])?;
        for pid in before {
            check!(!runs(pid), "process {pid} still runs");
        }
        Ok(())
    });
    asked::add(suite, root);
    suite.case("stop: the log can be read afterwards", || {
        let jail = Detached::start(&["--name", "read-later"], "echo last words; sleep 1000")?;
        jail.has_printed("last words")?;
        succeed(&["stop", "read-later"])?;
        check_eq!(succeed(&["logs", "read-later"])?, "last words\n", "the log");
        succeed(&["rm", "read-later"])?;
        let gone = output(&mut jaula(&["logs", "read-later"]))?;
        failed(&gone, FAILED, &["no such jail"])
    });
    suite.case(
        "stop: a jail in the foreground; its jaula says how it ended",
        || {
            let mut child = jaula(&[
                "run",
                "-q",
                "--name",
                "front",
                ROOT,
                "--",
                "/bin/sleep",
                "1000",
            ])
            .spawn()
            .context("starting jaula")?;
            wait_until_executed(wait_until_named("front")?, "sleep", 1)?;
            succeed(&["stop", "--timeout", "60", "front"])?;
            let status = child.wait().context("waiting for jaula")?;
            check_eq!(status.code(), Some(128 + libc::SIGTERM), "its exit status");
            let gone = output(&mut jaula(&["inspect", "front"]))?;
            failed(&gone, FAILED, &["no such jail"])
        },
    );
    suite.case("rm: at once, without asking, and all is forgotten", || {
        let jail = Detached::start(&[], STUBBORN)?;
        jail.has_printed("ready")?;
        let first = jail.noted_process("first_process")?;
        let supervisor = jail.noted_process("supervisor")?;
        succeed(&["rm", &jail.text()])?;
        check!(!jail.exists()?, "it is still there");
        check!(!runs(first), "the first process still runs");
        // rm does not wait for it for ever.
        wait::until("its supervisor has ended", || Ok(!runs(supervisor)))?;
        check!(!noted()?.contains(&jail.number), "something is still noted");
        let again = output(&mut jaula(&["rm", &jail.text()]))?;
        failed(&again, FAILED, &["no such jail"])
    });
    suite.case("rm: a fork bomb", || {
        let run = ["run", "--detach", "--max-tasks", "50"];
        let bomb = [root.text(), "--", "/bin/probe", "bomb"];
        let jail = Detached::run(&[&run[..], &bomb].concat())?;
        wait::until("the bomb goes off", || {
            Ok(jailfs::value(jail.number, "tasks")? > 30)
        })?;
        succeed(&["rm", &jail.text()])?;
        check!(!jail.exists()?, "it is still there");
        Ok(())
    });
    suite.case(
        "rm: what is left of a jail that has ended by itself",
        || {
            let jail = Detached::start(&[], "exit 7")?;
            check_eq!(jail.ended()?["exited"], 7, "how it ended");
            succeed(&["rm", &jail.text()])?;
            check!(!noted()?.contains(&jail.number), "something is still noted");
            Ok(())
        },
    );
    suite.case("rm --all: every jail, whoever made it", || {
        succeed(&["rm", "--all"])?;
        let own = Detached::start(&["--keep"], "exit 0")?;
        let _other = Detached::start(&[], STUBBORN)?;
        let foreign = Inmate::start(|| Ok(()))?;
        check_eq!(in_kernel()?.len(), 3, "the jails");
        succeed(&["rm", "--all"])?;
        check_eq!(in_kernel()?.len(), 0, "the jails afterwards");
        check_eq!(noted()?.len(), 0, "what is noted afterwards");
        succeed(&["rm", "--all"])?;
        drop(own);
        foreign.check_killed()
    });
    suite.case("several at once end one jail, and none is confused", || {
        for command in ["stop", "rm"] {
            let jail = Detached::start(&[], "exec sleep 1000")?;
            let number = jail.text();
            let children: Vec<_> = (0..6)
                .map(|_| {
                    jaula(&[command, &number])
                        .stderr(std::process::Stdio::piped())
                        .spawn()
                        .context("starting jaula")
                })
                .collect::<Result<_, _>>()?;
            let mut succeeded = 0;
            for child in children {
                let output = child.wait_with_output().context("waiting for jaula")?;
                match output.status.code() {
                    Some(0) => succeeded += 1,
                    Some(FAILED) if complaint(&output).contains("no such jail") => {}
                    _ => return Err(fail(format!("{command}: {}", complaint(&output)))),
                }
            }
            check!(succeeded > 0, "none of them has succeeded");
            check!(!jail.exists()?, "it is still there");
        }
        Ok(())
    });
}
