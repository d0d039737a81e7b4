// SPDX-License-Identifier: MIT OR Apache-2.0

//! From the making of a container to its end.

use super::conmon::Bundle;
use super::probe;
use jaula_tests::ktap::{CaseResult, Context, Suite};
use jaula_tests::launch::{complaint, jaula, run, Root, Seen};
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::{check, check_eq, jailfs, procfs, wait};
use std::fs;
use std::process::Stdio;

pub fn add<'a>(suite: &mut Suite<'a>, root: &'a Root) {
    suite.case("create: a process waits, and has executed nothing", || {
        waits(root)
    });
    suite.case("it is process 1, with no descriptor but 0, 1 and 2", || {
        inside(root)
    });
    suite.case("start: once, and what it ends with is seen", || {
        started(root)
    });
    suite.case("start: does not wait for what is stopped", || {
        let mut bundle = probe(root, "stopped", &["wait"])?;
        let pid = bundle.create()?;
        process::kill(pid, libc::SIGSTOP).context("kill")?;
        let output = run(&mut jaula(&["oci", "start", "stopped"]))?;
        check!(!output.status.success(), "it is started: {output:?}");
        let said = complaint(&output);
        check!(
            said.contains("it was stopped before it could execute anything"),
            "{said}"
        );
        // Nobody is left who could be told that it goes on.
        process::kill(pid, libc::SIGCONT).context("kill")?;
        check_eq!(bundle.ended()?, Ended::Exited(125), "its end");
        Ok(())
    });
    suite.case("start: of several at once, one", || {
        let mut bundle = probe(root, "raced", &["wait"])?;
        bundle.create()?;
        let start = || {
            jaula(&["oci", "start", "raced"])
                .stderr(Stdio::null())
                .spawn()
        };
        let starts: Result<Vec<_>, _> = (0..4).map(|_| start()).collect();
        let mut started = 0;
        for mut start in starts.context("starting jaula")? {
            started += usize::from(start.wait().context("wait")?.success());
        }
        check_eq!(started, 1, "how many have started it");
        bundle.expect_status("running")
    });
    suite.case("a container of that name is there already", || {
        let mut first = probe(root, "twice", &["wait"])?;
        let pid = first.create()?;
        let second = probe(root, "twice", &["exit", "3"])?;
        let before = jailfs::numbers()?;
        let said = second.create_fails()?;
        check!(said.contains("already exists"), "{said}");
        check_eq!(jailfs::numbers()?, before, "the jails");
        check_eq!(first.state()?["pid"], pid, "the process");
        // Dropped, it would delete the first.
        std::mem::forget(second);
        first.expect_status("created")
    });
    suite.case("a program that is not there: create says so", || {
        let cases: [(&[&str], &str); 4] = [
            (&["nowhere"], "executable file not found in $PATH"),
            (&["/bin/nowhere"], "executable file not found in"),
            (&["/etc/passwd"], "permission denied"),
            (&["/bin"], "permission denied"),
        ];
        for (command, part) in cases {
            let before = jailfs::numbers()?;
            let bundle = Bundle::new(root, "absent", command, false)?;
            let said = bundle.create_fails()?;
            check!(said.contains(part), "{command:?}: no {part:?} in: {said}");
            bundle.refuse(&["state"], "does not exist")?;
            check_eq!(jailfs::numbers()?, before, "the jails");
            let pid_file = bundle.directory.join("pid");
            check!(!pid_file.exists(), "there is a pid file");
        }
        Ok(())
    });
    suite.case("a program that cannot be executed: start says so", || {
        root.file("bin/broken", b"\x7fELF, it says\n", 0o755)?;
        let mut bundle = Bundle::new(root, "broken", &["broken"], false)?;
        bundle.create()?;
        let jail = bundle.jail()?;
        bundle.refuse(&["start"], "/bin/broken")?;
        check_eq!(bundle.ended()?, Ended::Exited(126), "the process");
        bundle.expect_status("stopped")?;
        bundle.succeed(&["delete"])?;
        bundle.check_gone(jail)
    });
}

fn waits(root: &Root) -> CaseResult {
    let mut bundle = probe(root, "waiting", &[])?;
    let pid = bundle.create()?;
    let jail = bundle.jail()?;
    check!(jail > 0, "it is in jail {jail}");
    let program = fs::read_link(format!("/proc/{pid}/exe")).context("exe")?;
    check!(program.ends_with("jaula"), "it has executed {program:?}");
    check_eq!(procfs::stat(pid, 4)?, process::pid() as u64, "its parent");
    check_eq!(
        procfs::status(&pid.to_string(), "NSpid")?,
        format!("{pid}\t1"),
        "its numbers"
    );
    let state = bundle.state()?;
    check_eq!(state["status"], "created", "the status");
    check_eq!(state["pid"], pid, "the process");
    check_eq!(state["id"], "waiting", "the name");
    check_eq!(state["annotations"]["org.example.what"], "a test", "a note");
    check_eq!(state["ociVersion"], "1.3.0", "the version");
    let directory = bundle.directory.display().to_string();
    check_eq!(state["bundle"], directory.as_str(), "the bundle");
    check_eq!(bundle.printed("out")?, "", "what it has printed");
    // Being looked at does not let it go on.
    procfs::wait_until_asleep(pid)?;
    bundle.expect_status("created")?;
    bundle.succeed(&["delete"])?;
    check_eq!(bundle.ended()?, Ended::Signaled(libc::SIGKILL), "its end");
    bundle.check_gone(jail)
}

fn inside(root: &Root) -> CaseResult {
    let mut bundle = probe(root, "inside", &[])?;
    bundle.create()?;
    let jail = bundle.jail()?;
    bundle.succeed(&["start"])?;
    check_eq!(bundle.ended()?, Ended::Exited(0), "its end");
    let seen = Seen::parse(&bundle.printed("out")?);
    seen.expect("number", jail)?;
    seen.expect("pid", 1)?;
    seen.expect("descriptors", "0,1,2")?;
    seen.expect("cwd", "/tmp")?;
    seen.expect("uids", "1001,1001,1001")?;
    seen.expect("gids", "1002,1002,1002")?;
    seen.expect("environment", "COLOUR,PATH")
}

fn started(root: &Root) -> CaseResult {
    let mut bundle = probe(root, "started", &["signals"])?;
    let pid = bundle.create()?;
    let jail = bundle.jail()?;
    bundle.succeed(&["start"])?;
    wait::until("it is ready", || Ok(bundle.printed("out")? == "ready\n"))?;
    let program = fs::read_link(format!("/proc/{pid}/exe")).context("exe")?;
    check!(
        program.ends_with("bin/probe"),
        "it has executed {program:?}"
    );
    bundle.expect_status("running")?;
    bundle.refuse(&["start"], "it is running")?;
    bundle.refuse(&["delete"], "that is not stopped")?;
    bundle.expect_status("running")?;
    bundle.succeed(&["kill", "SIGTERM"])?;
    check_eq!(
        bundle.ended()?,
        Ended::Exited(libc::SIGTERM + 40),
        "its end"
    );
    let state = bundle.state()?;
    check_eq!(state["status"], "stopped", "the status");
    check_eq!(state["pid"], 0, "the process");
    bundle.refuse(&["start"], "it is stopped")?;
    bundle.refuse(&["kill", "KILL"], "container not running")?;
    bundle.succeed(&["delete"])?;
    bundle.check_gone(jail)?;
    bundle.refuse(&["delete"], "does not exist")?;
    bundle.succeed(&["delete", "--force"]).map(drop)
}
