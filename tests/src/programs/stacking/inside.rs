// SPDX-License-Identifier: MIT OR Apache-2.0

//! What this program does in a jail. Its exit status is 0, or the number of the error.

use jaula_tests::inmate::wait_for_ever;
use jaula_tests::jailfs::errno;
use jaula_tests::sys::{process, schedule, trace, Errno, Result};
use landlock::{
    path_beneath_rules, Access, AccessFs, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
    ABI,
};
use std::process::{Command, ExitCode};

/// Where the program is in the root of a jail.
pub const PROGRAM: &str = "/bin/stacked";

/// The argument for which it is executed.
pub const ARGUMENT: &str = "--stacked";

/// The exit status for what is no error of a call.
const BROKEN: u8 = 255;

/// Does what the program was executed for, if it was.
pub fn act() -> Option<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [ARGUMENT, ref deed @ ..] = words[..] else {
        return None;
    };
    let done = match *deed {
        ["read", path] => std::fs::read(path).map(drop).map_err(|error| errno(&error)),
        ["write", path] => std::fs::write(path, "x").map_err(|error| errno(&error)),
        ["label"] => std::fs::read_to_string("/proc/self/attr/current")
            .map(|label| print!("{label}"))
            .map_err(|error| errno(&error)),
        ["restrict", path] => return Some(restrict(path)),
        ["trace-child"] => trace_child(),
        ["trace-sibling"] => trace_sibling(),
        ["priority"] => schedule::nice_of(process::pid()).map(drop),
        _ => Err(Errno::EINVAL),
    };
    Some(match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(errno) => ExitCode::from(u8::try_from(errno.0).unwrap_or(BROKEN)),
    })
}

/// Leaves itself nothing but to read and execute what lies in these directories.
pub fn restrict_itself(directories: &[&str]) -> std::result::Result<(), String> {
    let abi = ABI::V1;
    let rules = path_beneath_rules(directories, AccessFs::from_read(abi));
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(abi))
        .and_then(Ruleset::create)
        .and_then(|ruleset| ruleset.add_rules(rules))
        .and_then(|ruleset| ruleset.restrict_self())
        .map_err(|error| error.to_string())?;
    match status.ruleset {
        RulesetStatus::FullyEnforced => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

/// Restricts itself, and has a child read a file: what it could read before.
fn restrict(path: &str) -> ExitCode {
    if let Err(error) = std::fs::read(path) {
        eprintln!("{path}: {error}");
        return ExitCode::from(BROKEN);
    }
    if let Err(error) = restrict_itself(&["/bin", "/proc"]) {
        eprintln!("Landlock: {error}");
        return ExitCode::from(BROKEN);
    }
    let child = Command::new(PROGRAM)
        .args([ARGUMENT, "read", path])
        .status();
    let status = child.ok().and_then(|status| status.code());
    ExitCode::from(
        status
            .and_then(|code| u8::try_from(code).ok())
            .unwrap_or(BROKEN),
    )
}

fn trace_child() -> Result<()> {
    let child = process::fork(|| wait_for_ever())?;
    let got = trace::seize(child, 0);
    let _ = process::kill(child, libc::SIGKILL);
    got
}

fn trace_sibling() -> Result<()> {
    let sibling = process::fork(|| wait_for_ever())?;
    let ended = process::in_child(|| trace::seize(sibling, 0).map_or_else(|errno| errno.0, |()| 0));
    let _ = process::kill(sibling, libc::SIGKILL);
    match ended? {
        process::Ended::Exited(0) => Ok(()),
        process::Ended::Exited(errno) => Err(Errno(errno)),
        process::Ended::Signaled(_) => Err(Errno::EIO),
    }
}
