// SPDX-License-Identifier: MIT OR Apache-2.0

//! Programs of the machine that jaula has do something.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::sys::volume::end_with_parent;

/// Where programs of root's are; not what the caller says.
const PROGRAMS: [&str; 5] = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"];

/// Where a program of the machine is.
pub fn find(name: &str) -> Option<PathBuf> {
    let mut paths = PROGRAMS
        .iter()
        .map(|directory| Path::new(directory).join(name));
    paths.find(|path| path.is_file())
}

/// A program, with nothing of the caller's around it, which ends with the calling thread.
pub fn command(path: &Path) -> Command {
    let mut command = Command::new(path);
    command
        .env_clear()
        .env("PATH", PROGRAMS.join(":"))
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    end_with_parent(&mut command);
    command
}

/// What a program says is wrong.
pub fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    match lines.collect::<Vec<_>>().join("; ") {
        text if text.is_empty() => format!("it ended with {}", output.status),
        text => text,
    }
}
