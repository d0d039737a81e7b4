// SPDX-License-Identifier: MIT OR Apache-2.0

//! Whom `jaula stop` asks, and by what.

use jaula_tests::admin::{
    output, succeed, text, wait_until_executed, wait_until_named, Detached, ROOT,
};
use jaula_tests::ktap::{CaseResult, Context, Suite};
use jaula_tests::launch::{jaula, Root};
use jaula_tests::{check, check_eq, jailfs};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Says that it was asked, and takes a moment to tidy up.
const DAEMON: &str = "setsid sh -c 'trap \"sleep 1; echo clean; exit 0\" TERM; echo daemon; \
                      while :; do sleep 1; done' &";

pub fn add<'a>(suite: &mut Suite<'a>, root: &'a Root) {
    suite.case("stop: what is left in a kept jail is asked", || {
        let jail = Detached::start(&["--keep"], &format!("{DAEMON} exit 0"))?;
        jail.has_printed("daemon")?;
        is_clean(&jail, "daemon\nclean\n")
    });
    suite.case(
        "stop: when the first process has ended, the others are asked",
        || {
            let script =
                format!("{DAEMON} trap 'echo first; exit 0' TERM; while :; do sleep 1; done");
            let jail = Detached::start(&[], &script)?;
            jail.has_printed("daemon")?;
            is_clean(&jail, "daemon\nfirst\nclean\n")?;
            check_eq!(jail.ended()?["exited"], 0, "how it ended");
            Ok(())
        },
    );
    suite.case("stop: in the foreground as well", || {
        let script = format!("{DAEMON} trap 'exit 3' TERM; while :; do sleep 1; done");
        let run = [
            "run", "-q", "--name", "asked", ROOT, "--", "/bin/sh", "-c", &script,
        ];
        let child = jaula(&run)
            .stdout(Stdio::piped())
            .spawn()
            .context("starting jaula")?;
        wait_until_executed(wait_until_named("asked")?, "sleep", 2)?;
        succeed(&["stop", "--timeout", "60", "asked"])?;
        let output = child.wait_with_output().context("waiting for jaula")?;
        check_eq!(text(&output), "daemon\nclean\n", "what it printed");
        check_eq!(output.status.code(), Some(3), "the exit status");
        Ok(())
    });
    for options in [&["--new-pid"][..], &["--new-pid", "--keep"]] {
        let name = format!(
            "stop: where process ids are of its own: {}",
            options.join(" ")
        );
        suite.case(&name, || {
            let script =
                format!("{DAEMON} trap 'echo first; exit 0' TERM; while :; do sleep 1; done");
            let jail = Detached::start(options, &script)?;
            jail.has_printed("daemon")?;
            is_clean(&jail, "daemon\nfirst\nclean\n")
        });
    }
    suite.case("stop: what is made meanwhile is asked", || {
        let later = "trap \"echo later; exit 0\" TERM; echo made; while :; do sleep 1; done";
        let script =
            "setsid sh -c 'later() { setsid sh -c \"$LATER\" & sleep 2; exit 0; }; trap later TERM; \
                      echo ready; while :; do sleep 1; done' & exit 0";
        let later = format!("LATER={later}");
        let jail = Detached::start(&["--keep", "--setenv", &later], script)?;
        jail.has_printed("ready")?;
        is_clean(&jail, "ready\nmade\nlater\n")
    });
    suite.case("stop: what is in a jail within it is asked", || {
        let options = [
            "run",
            "-d",
            "--user",
            "root",
            "--max-children",
            "1",
            "--allow",
            "mount",
        ];
        let jail =
            Detached::run(&[&options[..], &[root.text(), "--", "/bin/probe", "nest"]].concat())?;
        jail.has_printed("ready")?;
        is_clean(&jail, "ready\nasked\n")
    });
    suite.case("stop: who is stopped hears of it", || {
        let script = "trap 'echo heard; exit 0' TERM; echo ready; kill -STOP $$; \
                      while :; do sleep 1; done";
        let jail = Detached::start(&[], script)?;
        jail.has_printed("ready")?;
        is_clean(&jail, "ready\nheard\n")
    });
    suite.case("stop: all have one time together", || {
        let stubborn = "trap '' TERM; setsid sleep 1000 & echo ready; exec sleep 1000";
        let jail = Detached::start(&["--keep"], stubborn)?;
        jail.has_printed("ready")?;
        let start = Instant::now();
        succeed(&["stop", "--timeout", "2", &jail.text()])?;
        let taken = start.elapsed();
        // Emulated, what comes after it takes its time, too.
        check!(taken >= Duration::from_secs(2), "it had {taken:?}");
        check!(taken < Duration::from_secs(20), "it took {taken:?}");
        check!(!jail.exists()?, "it is still there");
        Ok(())
    });
    suite.case("stop: by the signal that the jail was started with", || {
        let run = [
            "run",
            "--detach",
            "--stop-signal",
            "hup",
            root.text(),
            "--",
            "/bin/probe",
        ];
        let jail = Detached::run(&[&run[..], &["signals"]].concat())?;
        jail.has_printed("ready")?;
        succeed(&["stop", "--timeout", "60", &jail.text()])?;
        check_eq!(jail.ended()?["exited"], 40 + libc::SIGHUP, "how it ended");
        let bad = output(&mut jaula(&["run", "--stop-signal", "NONE", ROOT]))?;
        check!(
            !bad.status.success(),
            "a signal that there is not was taken"
        );
        Ok(())
    });
    suite.case("stop: a jail with nothing in it", || {
        let jail = Detached::start(&["--keep"], "exit 0")?;
        jailfs::wait_for(jail.number, "tasks", 0)?;
        is_clean(&jail, "")
    });
}

/// Stops it, for which it has enough time; and compares what it has printed.
fn is_clean(jail: &Detached, printed: &str) -> CaseResult {
    succeed(&["stop", "--timeout", "60", &jail.text()])?;
    check!(!jail.exists()?, "it is still there");
    check_eq!(
        succeed(&["logs", &jail.text()])?,
        printed,
        "what it printed"
    );
    Ok(())
}
