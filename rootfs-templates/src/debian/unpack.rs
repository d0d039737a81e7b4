// SPDX-License-Identifier: MIT OR Apache-2.0

//! Unpacking a system, and taking from it what no root has: devices, set-user-ID.

use std::fs::{self, Permissions};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::builder::run;
use super::DebianError;

const SETS_ID: u32 = 0o6000;

/// What is not taken: devices, and what a builder copies from the machine that it runs on.
const LEFT_OUT: [&str; 3] = ["./dev/*", "./etc/hostname", "./etc/resolv.conf"];

/// Unpacks an archive that a builder has made. Extended attributes are left out, capabilities of files
/// among them.
pub fn unpack(archive: &Path, into: &OwnedFd) -> Result<(), DebianError> {
    // Inherited by tar, which is in this directory then.
    let here = PathBuf::from(format!("/proc/self/fd/{}", into.as_raw_fd()));
    let mut tar = Command::new("tar");
    tar.args(["--extract", "--numeric-owner"])
        .args(["--preserve-permissions", "--same-owner"])
        .args(LEFT_OUT.map(|pattern| format!("--exclude={pattern}")))
        .arg("--file")
        .arg(archive)
        .current_dir(here);
    run(&mut tar)
}

/// Removes devices, FIFOs and sockets; and set-user-ID and set-group-ID of files, unless they are wanted.
pub fn tame(root: &OwnedFd, set_id: bool) -> Result<(), DebianError> {
    // What lies there was put there by root, from packages, and nobody else can enter.
    let mut left = vec![PathBuf::from(format!("/proc/self/fd/{}", root.as_raw_fd()))];
    while let Some(directory) = left.pop() {
        let failed = |error: std::io::Error| DebianError::new(directory.display(), error);
        for entry in fs::read_dir(&directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(failed)?);
            if kind.is_dir() {
                left.push(path);
            } else if kind.is_block_device()
                || kind.is_char_device()
                || kind.is_fifo()
                || kind.is_socket()
            {
                fs::remove_file(&path).map_err(failed)?;
            } else if kind.is_file() && !set_id {
                let mode = entry.metadata().map_err(failed)?.permissions().mode();
                if mode & SETS_ID != 0 {
                    let without = Permissions::from_mode(mode & 0o7777 & !SETS_ID);
                    fs::set_permissions(&path, without).map_err(failed)?;
                }
            }
        }
    }
    Ok(())
}
