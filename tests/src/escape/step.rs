// SPDX-License-Identifier: MIT OR Apache-2.0

//! Attacks by programs that have more than their user: this program is executed anew, as one of
//! those in the attacker's root directory.

use super::attack::{Attempt, Needed, Stop};
use super::{attacker, filesystem};
use crate::sys::{ids, machine, tree};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

/// The argument that says which step to take.
const ARGUMENT: &str = "--step";

/// Executes a program that takes a step; what that gave.
pub fn run(program: &str, step: &str) -> Attempt {
    match std::fs::exists(program) {
        Ok(true) => {}
        Ok(false) => return Err(Stop::NotHere("file capabilities are not kept here".into())),
        Err(error) => return Err(Stop::Broken(format!("{program}: {error}"))),
    }
    let output = Command::new(program)
        .args([ARGUMENT, step])
        .output()
        .needed(program)?;
    let said = String::from_utf8_lossy(&output.stdout);
    match attacker::decode(said.trim_end()) {
        Some(attempt) => attempt,
        None => Err(Stop::Broken(format!("{program} said: {output:?}"))),
    }
}

/// Takes the step that the program was executed for, if it was.
pub fn act() -> Option<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(ARGUMENT) {
        return None;
    }
    let attempt = match arguments.next().as_deref() {
        Some("chroot") => filesystem::second_root(),
        Some("mount") => mount(),
        Some("host-name") => set_host_name(),
        other => Err(Stop::Broken(format!("no step {other:?}"))),
    };
    println!("{}", attacker::encode(&attempt));
    Some(ExitCode::from(match attempt {
        Ok(()) => 0,
        // Those that are told here are small.
        Err(Stop::Refused(errno)) => u8::try_from(errno.0).unwrap_or(BROKEN),
        Err(_) => BROKEN,
    }))
}

/// The exit status for what has not come as far as to be refused.
const BROKEN: u8 = 255;

/// Takes a step as the program that the caller executes instead of this one; an exit status, as
/// [`act`] gives it, when that fails.
pub fn become_program(program: &str, step: &str) -> i32 {
    let error = Command::new(program)
        .args([ARGUMENT, step])
        .stdout(Stdio::null())
        .exec();
    eprintln!("{program}: {error}");
    BROKEN.into()
}

fn mount() -> Attempt {
    filesystem::own_mounts();
    Ok(tree::mount("tmpfs", "/mnt", "")?)
}

fn set_host_name() -> Attempt {
    // What is set is a namespace's own, where one may be made.
    let _ = ids::unshare(libc::CLONE_NEWUTS);
    Ok(machine::set_host_name("jaula")?)
}
