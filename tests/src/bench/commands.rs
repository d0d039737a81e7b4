// SPDX-License-Identifier: MIT OR Apache-2.0

//! What it costs to run a command in a root directory of its own, whole: from fork to the end.

use super::repeat;
use crate::ktap::{Context, Failure};
use crate::sys::{jail, Errno};
use std::io::{self, ErrorKind};
use std::process::{Command, ExitStatus, Stdio};

const ROOT: &str = "/srv/jail";
const COMMAND: &str = "/bin/true";
const TIMES: u32 = 10;

/// `jaula ROOT -- COMMAND`; none where the kernel has no jails.
pub fn jaula() -> Result<Option<f64>, Failure> {
    in_jail(&["jaula", "--quiet", ROOT, "--", COMMAND])
}

/// The same with no more than a jail, `chroot` and the dropping of privileges.
pub fn plain() -> Result<Option<f64>, Failure> {
    in_jail(&["jaula", "--quiet", "--plain", ROOT, "--", COMMAND])
}

fn in_jail(words: &[&str]) -> Result<Option<f64>, Failure> {
    if jail::get_jailnumber().is_err() {
        return Ok(None);
    }
    whole(words)
}

/// The same root, and no jail.
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

/// The cost of a command; none where there is no such program.
fn whole(words: &[&str]) -> Result<Option<f64>, Failure> {
    let command = words.join(" ");
    match status(words) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        first => {
            let status = first.context(&command)?;
            crate::check!(status.success(), "{command}: {status}");
        }
    }
    repeat(TIMES, || match status(words) {
        Ok(status) if status.success() => Ok(()),
        _ => Err(Errno::EINVAL),
    })
}

fn status(words: &[&str]) -> io::Result<ExitStatus> {
    Command::new(words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
}
