// SPDX-License-Identifier: MIT OR Apache-2.0

//! That what is in a jail can never write the program that started it.
//!
//! A file in a jail may say that /proc/self/exe is to interpret it: whoever executes it from
//! outside executes itself, in the jail, where root may then open its program for writing, which
//! is the host's. So this program is executed once more, from a mount of its own that is read-only
//! and that nobody can change (EROFS), before it enters anything.

use std::ffi::CString;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, AT_FDCWD};
use nix::sys::prctl;
use nix::sys::statvfs::{statvfs, FsFlags};
use nix::unistd::execveat;
use rustix::mount::{open_tree, MountAttrFlags, OpenTreeFlags};

use super::LaunchError;
use crate::isolation::Part;
use crate::jail::get_jailnumber;
use crate::text::reason;
use crate::{privilege, sys};

const PROGRAM: &str = "/proc/self/exe";

/// Executes the calling program once more, with the same arguments and environment, from where
/// nobody can write it; returns where it is so already. In a jail that may mount it returns, too: the
/// kernel executes nothing there that no path leads to, such a mount and the program of a launcher
/// included.
///
/// To be called before anything else is done: whatever that did would be done again.
///
/// # Errors
///
/// What is missing for it, and how to do without.
pub fn protect() -> Result<(), LaunchError> {
    privilege::require().map_err(LaunchError::failed)?;
    attempt().map_err(|why| {
        let why = format!("executing jaula from a read-only mount: {why}");
        LaunchError::failed(Part::Program.missing(why))
    })
}

fn attempt() -> Result<(), String> {
    let found = statvfs(PROGRAM).map_err(|errno| format!("{PROGRAM}: {}", reason(errno)))?;
    if found.flags().contains(FsFlags::ST_RDONLY) {
        // It would be called by the number of a descriptor otherwise.
        return prctl::set_name(c"jaula").map_err(reason);
    }
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let program = open_tree(AT_FDCWD, PROGRAM, flags).map_err(|error| {
        match Errno::from_raw(error.raw_os_error()) {
            Errno::EPERM => {
                "not permitted (EPERM); it needs CAP_SYS_ADMIN, which counts in a jail \
                             only where that is allowed sys_admin"
                    .into()
            }
            errno => reason(errno),
        }
    })?;
    // A kernel that has no jails is complained about later.
    // A kernel that has no jails is complained about later.
    if get_jailnumber().is_ok_and(|number| !number.is_host()) {
        return Ok(());
    }
    let read_only = u64::from(MountAttrFlags::MOUNT_ATTR_RDONLY.bits());
    sys::restrict_mounts(program.as_fd(), read_only).map_err(reason)?;
    let strings = |strings: Vec<Vec<u8>>| -> Result<Vec<CString>, String> {
        let strings = strings.into_iter().map(CString::new);
        strings
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())
    };
    let arguments = std::env::args_os().map(|argument| argument.as_bytes().to_vec());
    let variables = std::env::vars_os().map(|(name, value)| {
        let (name, value) = (name.as_bytes(), value.as_bytes());
        [name, b"=", value].concat()
    });
    let (arguments, variables) = (strings(arguments.collect())?, strings(variables.collect())?);
    let result = execveat(
        &program,
        c"",
        &arguments,
        &variables,
        AtFlags::AT_EMPTY_PATH,
    );
    Err(result.map_or_else(reason, |never| match never {}))
}
