// SPDX-License-Identifier: MIT OR Apache-2.0

//! The audit records of the rest of the kernel about tasks in jails, and about those on the host.
//!
//! A process is recorded by its calls when it was made after auditing was first turned on: all
//! that is looked for here is done by children.

use jaula_tests::audit::{self, Audit, Rule};
use jaula_tests::inmate::Inmate;
use jaula_tests::ktap::{fail, CaseResult, Context, Suite};
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::{check, check_eq, jail};
use std::fs::File;

/// What no other program on the machine tries to open.
const NO_DIRECTORY: &str = "/dev/null/jaula";

pub fn cases(suite: &mut Suite) {
    suite.case(
        "audit: a failing open is recorded with the jail",
        failing_open,
    );
    suite.case(
        "audit: a signal is recorded with the jail of who got it",
        signal,
    );
    suite.case("audit: a crash is recorded with the jail", crash);
    suite.case(
        "audit: what a program writes is recorded with its jail",
        written,
    );
}

fn failing_open() -> CaseResult {
    let mut audit = Audit::start()?;
    let _rule = Rule::on_error(libc::ENOTDIR)?;
    let inmate = Inmate::start(open_fails)?;
    let outsider = Inmate::start_by(jail::number, open_fails)?;
    check_eq!(outsider.number, 0, "the jail of the one outside");

    let values = |pid| {
        [
            format!("pid={pid}"),
            "success=no".to_owned(),
            format!("exit=-{}", libc::ENOTDIR),
            Rule::key(),
        ]
    };
    let inside = audit.expect(audit::SYSCALL, &values(inmate.pid))?;
    is_of(&inside, "jail", inmate.number)?;
    let outside = audit.expect(audit::SYSCALL, &values(outsider.pid))?;
    is_of(&outside, "jail", 0)
}

fn open_fails() -> CaseResult {
    let errno = File::open(NO_DIRECTORY)
        .err()
        .and_then(|e| e.raw_os_error());
    check_eq!(errno, Some(libc::ENOTDIR), "opening {NO_DIRECTORY}");
    Ok(())
}

fn signal() -> CaseResult {
    let mut audit = Audit::start()?;
    let _rule = Rule::on_call(libc::SYS_kill)?;
    let inmate = Inmate::start(|| Ok(()))?;
    let outsider = Inmate::start_by(jail::number, || Ok(()))?;
    let targets = [&inmate, &outsider];

    let sender = process::fork(|| {
        let sent = |target: &&Inmate| process::kill(target.pid, 0).is_ok();
        i32::from(!targets.iter().all(sent))
    })
    .context("fork")?;
    check_eq!(process::wait(sender), Ok(Ended::Exited(0)), "kill");
    let caller = [format!("pid={sender}"), Rule::key()];
    is_of(&audit.expect(audit::SYSCALL, &caller)?, "jail", 0)?;
    for target in targets {
        let got = [format!("opid={}", target.pid)];
        is_of(&audit.expect(audit::OBJ_PID, &got)?, "ojail", target.number)?;
    }
    Ok(())
}

fn crash() -> CaseResult {
    let mut audit = Audit::start()?;
    for inmate in [
        Inmate::start(|| Ok(()))?,
        Inmate::start_by(jail::number, || Ok(()))?,
    ] {
        process::kill(inmate.pid, libc::SIGABRT).context("kill")?;
        let values = [
            format!("pid={}", inmate.pid),
            format!("sig={}", libc::SIGABRT),
        ];
        let text = audit.expect(audit::ANOM_ABEND, &values)?;
        is_of(&text, "jail", inmate.number)?;
    }
    Ok(())
}

fn written() -> CaseResult {
    let mut audit = Audit::start()?;
    let inmate = Inmate::start(|| audit::write("jail=7 of my own"))?;
    let text = audit.expect(audit::USER, &[format!("pid={}", inmate.pid)])?;
    let (kernels, own) = text
        .split_once(" msg=")
        .ok_or_else(|| fail(format!("no message: {text}")))?;
    check!(own.contains("jail=7 of my own"), "{text}");
    is_of(kernels, "jail", inmate.number)
}

/// Fails unless the record has the number of the jail once, or, for 0, not at all.
fn is_of(text: &str, name: &str, number: i64) -> CaseResult {
    let jails = |word: &&str| word.starts_with("jail=") || word.starts_with("ojail=");
    let found: Vec<_> = text.split(' ').filter(jails).collect();
    let expected = if number == 0 {
        vec![]
    } else {
        vec![format!("{name}={number}")]
    };
    check_eq!(found, expected, "the jail in {text}");
    Ok(())
}
