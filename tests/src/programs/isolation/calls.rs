// SPDX-License-Identifier: MIT OR Apache-2.0

//! The filter of system calls, seen by one that makes them.

use super::place::Place;
use jaula_tests::admin::{output, text};
use jaula_tests::check_eq;
use jaula_tests::ktap::{CaseResult, Suite};
use jaula_tests::launch::jaula;
use jaula_tests::sys::raw::refused_call;
use std::process::ExitCode;

/// Calls, their second argument, and what gives them through where no filter does: each differs
/// from what the filter says.
const CALLS: [(&str, libc::c_long, libc::c_long, &str); 3] = [
    ("setns", libc::SYS_setns, 0, "EBADF"),
    ("fsconfig", libc::SYS_fsconfig, 0, "EINVAL"),
    (
        "ioctl(TIOCSTI)",
        libc::SYS_ioctl,
        libc::TIOCSTI as libc::c_long,
        "EBADF",
    ),
];

/// A call that is let through.
const OTHER: (&str, libc::c_long, libc::c_long) = (
    "ioctl(TCGETS)",
    libc::SYS_ioctl,
    libc::TCGETS as libc::c_long,
);

/// Makes the calls and says what comes of them, where the program was started to do that.
pub fn act_as_caller() -> Option<ExitCode> {
    let name = std::env::args().next()?;
    if name.rsplit('/').next() != Some("caller") {
        return None;
    }
    if let Some(code) = super::ids::act() {
        return Some(code);
    }
    for (name, number, second, _) in CALLS {
        say(name, refused_call(number, second).map(drop));
    }
    say(OTHER.0, refused_call(OTHER.1, OTHER.2).map(drop));
    other_interfaces();
    Some(ExitCode::SUCCESS)
}

fn say(name: &str, result: Result<(), jaula_tests::sys::Errno>) {
    let result = result.map_or_else(|errno| errno.to_string(), |()| "done".into());
    println!("{name} {result}");
}

#[cfg(target_arch = "x86_64")]
fn other_interfaces() {
    const X32: libc::c_long = 0x4000_0000;
    const SETNS_OF_I386: i32 = 346;
    say(
        "x32 setns",
        refused_call(X32 | libc::SYS_setns, 0).map(drop),
    );
    let compat = jaula_tests::sys::jail::syscall32([SETNS_OF_I386, -1, 0, 0, 0]);
    say("i386 setns", compat.map(drop));
}

#[cfg(not(target_arch = "x86_64"))]
fn other_interfaces() {}

fn made(place: &Place, options: &[&str], expected: &[(&str, &str)]) -> CaseResult {
    let root = place.root();
    let command = [&["run", "--quiet"], options, &[&root, "--", "/bin/caller"]].concat();
    let output = output(&mut jaula(&command))?;
    let said = text(&output);
    let expected: Vec<String> = expected
        .iter()
        .map(|(name, result)| format!("{name} {result}"))
        .collect();
    check_eq!(
        said.trim_end(),
        expected.join("\n"),
        "what comes of the calls"
    );
    Ok(())
}

pub fn add<'a>(suite: &mut Suite<'a>, place: &'a Place) {
    let others = |i386| {
        let others: [(&str, &str); 2] = [("x32 setns", "ENOSYS"), ("i386 setns", i386)];
        match cfg!(target_arch = "x86_64") {
            true => others.to_vec(),
            false => Vec::new(),
        }
    };
    let through = (OTHER.0, "EBADF");
    suite.case(
        "what is filtered fails with EPERM, by every interface",
        move || {
            let mut expected = CALLS.map(|(name, ..)| (name, "EPERM")).to_vec();
            expected.push(through);
            expected.extend(others("EPERM"));
            made(place, &[], &expected)?;
            made(place, &["--user", "root"], &expected)
        },
    );
    suite.case("without the filter the kernel itself answers", move || {
        let mut expected = CALLS.map(|(name, _, _, result)| (name, result)).to_vec();
        expected.push(through);
        expected.extend(others("EBADF"));
        made(place, &["--without", "seccomp"], &expected)
    });
    suite.case("what the jail is allowed is let through", move || {
        let mut expected = CALLS.map(|(name, _, _, result)| (name, result)).to_vec();
        expected.push(through);
        expected.extend(others("EBADF"));
        made(place, &["--allow", "mount"], &expected)
    });
}
