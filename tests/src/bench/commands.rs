// SPDX-License-Identifier: MIT OR Apache-2.0

//! What it costs to run a command in a root directory of its own, whole: from fork to the end.

use super::repeat;
use crate::ktap::Failure;
use crate::sys::{Errno, Result as SysResult};
use std::process::{Command, Stdio};

const ROOT: &str = "/srv/jail";
const COMMAND: &str = "/bin/true";
const TIMES: u32 = 10;

/// `jaula ROOT -- COMMAND`.
pub fn jaula() -> Result<Option<f64>, Failure> {
    whole(&["jaula", "--quiet", ROOT, "--", COMMAND])
}

/// `jaula --plain`'s nearest relative: the same root and no jail.
pub fn chroot() -> Result<Option<f64>, Failure> {
    whole(&["chroot", ROOT, COMMAND])
}

/// Namespaces and `chroot`.
pub fn unshare() -> Result<Option<f64>, Failure> {
    whole(&[
        "unshare", "--fork", "--pid", "--ipc", "--mount", "chroot", ROOT, COMMAND,
    ])
}

/// Bubblewrap with the same namespaces.
pub fn bubblewrap() -> Result<Option<f64>, Failure> {
    whole(&[
        "bwrap",
        "--unshare-pid",
        "--unshare-ipc",
        "--bind",
        ROOT,
        "/",
        COMMAND,
    ])
}

/// The cost of a command; none where there is no such program or it does not work, as is the case
/// with `jaula` where there are no jails.
fn whole(words: &[&str]) -> Result<Option<f64>, Failure> {
    if run(words).is_err() {
        return Ok(None);
    }
    repeat(TIMES, || run(words))
}

fn run(words: &[&str]) -> SysResult<()> {
    let status = Command::new(words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        _ => Err(Errno::EINVAL),
    }
}
