// SPDX-License-Identifier: MIT OR Apache-2.0

//! Why execve(2) refused: its ENOENT and EACCES can mean the file, a directory on the way to
//! it, the interpreter of a script, or the loader of a program.

use std::ffi::OsString;
use std::fs::{metadata, symlink_metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use goblin::container::{Container, Ctx};
use goblin::elf::header::{EM_386, EM_AARCH64, EM_ARM, EM_X86_64};
use goblin::elf::program_header::{ProgramHeader, PT_INTERP};
use goblin::elf::{Elf, Header};
use nix::errno::Errno;
use nix::fcntl::OFlag;

use super::error::{LaunchError, EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND};
use crate::path_walk::first_obstacle;
use crate::text::{reason, shown};

/// How much of a file is looked at for what it needs, in bytes: headers stand at its start.
const HEAD: u64 = 64 << 10;

/// How many interpreters of interpreters the kernel follows (`BINPRM_MAX_RECURSION` is 5).
const DEPTH: usize = 5;

/// The ELF machine this program was built for; `None` where it is not known, and nothing is
/// then said to be native.
const NATIVE: Option<u16> = if cfg!(target_arch = "x86_64") {
    Some(EM_X86_64)
} else if cfg!(target_arch = "x86") {
    Some(EM_386)
} else if cfg!(target_arch = "arm") {
    Some(EM_ARM)
} else if cfg!(target_arch = "aarch64") {
    Some(EM_AARCH64)
} else {
    None
};

/// What a file needs to be executed, as its first bytes say.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    /// A script, and the interpreter its first line names.
    Script(PathBuf),
    /// A program, the loader it names, and whether its machine is this one.
    Program {
        loader: Option<PathBuf>,
        native: bool,
    },
    /// Nothing in it.
    Empty,
    /// Neither of these.
    Unknown,
}

/// Says why the kernel answered `errno` to executing `path`, and with which exit status to end.
pub fn diagnose(path: &Path, errno: Errno) -> LaunchError {
    let (status, why) = explain(path, errno, DEPTH);
    LaunchError::new(status, format!("{}: {why}", shown(path)))
}

fn explain(path: &Path, errno: Errno, depth: usize) -> (u8, String) {
    let status = match errno {
        Errno::ENOENT | Errno::ENOTDIR => EXIT_NOT_FOUND,
        _ => EXIT_NOT_EXECUTABLE,
    };
    if let Some(obstacle) = first_obstacle(path) {
        let why = match obstacle.path == path && symlink_metadata(path).is_err() {
            true => "not found in the jail".to_owned(),
            false => format!("{} in the jail", obstacle.describe()),
        };
        return (status, why);
    }
    match errno {
        Errno::ENOENT => (status, missing_helper(path, depth).unwrap_or(reason(errno))),
        Errno::EACCES => (status, not_permitted(path, depth)),
        Errno::ENOEXEC => (status, not_a_program(path)),
        _ => (status, reason(errno)),
    }
}

/// What the file at `path` names as its interpreter or loader and is not there.
fn missing_helper(path: &Path, depth: usize) -> Option<String> {
    let (helper, role) = match kind(path).ok()? {
        Kind::Script(interpreter) => (interpreter, "interpreter"),
        Kind::Program {
            loader: Some(loader),
            ..
        } => (loader, "loader (its shared libraries)"),
        _ => return None,
    };
    if first_obstacle(&helper).is_some() {
        return Some(format!(
            "its {role} {} is missing in the jail",
            shown(&helper)
        ));
    }
    missing_helper(&helper, depth.checked_sub(1)?)
}

fn not_permitted(path: &Path, depth: usize) -> String {
    let Ok(found) = metadata(path) else {
        return reason(Errno::EACCES);
    };
    if found.is_dir() {
        return "is a directory".into();
    }
    if !found.is_file() {
        return "is not a regular file".into();
    }
    if found.permissions().mode() & 0o111 == 0 {
        return "is not executable: no execute permission is set".into();
    }
    match kind(path) {
        Ok(
            Kind::Script(helper)
            | Kind::Program {
                loader: Some(helper),
                ..
            },
        ) if depth > 0 && nix::unistd::access(&helper, nix::unistd::AccessFlags::X_OK).is_err() => {
            let (_, why) = explain(&helper, Errno::EACCES, depth - 1);
            format!("its interpreter {}: {why}", shown(&helper))
        }
        _ => format!(
            "is not executable by user {} (mode {:04o}, or on a file system mounted noexec)",
            nix::unistd::geteuid(),
            found.permissions().mode() & 0o7777,
        ),
    }
}

fn not_a_program(path: &Path) -> String {
    match kind(path) {
        Ok(Kind::Empty) => "is an empty file".into(),
        Ok(Kind::Program { native: false, .. }) if NATIVE.is_some() => {
            "is a program for another machine".into()
        }
        _ => "is neither a program for this machine nor a script that begins with #!".into(),
    }
}

fn kind(path: &Path) -> io::Result<Kind> {
    // Whoever is in the jail may have put something else there meanwhile, a FIFO, say, at which the
    // launcher would wait.
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let mut options = OpenOptions::new();
    let file = options.read(true).custom_flags(flags.bits()).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut head = Vec::new();
    file.take(HEAD).read_to_end(&mut head)?;
    Ok(classify(&head))
}

fn classify(head: &[u8]) -> Kind {
    match head {
        [] => Kind::Empty,
        [b'#', b'!', line @ ..] => {
            let line = line.split(|&byte| byte == b'\n').next().unwrap_or_default();
            // A carriage return is part of the name to the kernel.
            let word = line
                .split(|byte| b" \t\0".contains(byte))
                .find(|word| !word.is_empty());
            word.map_or(Kind::Unknown, |word| {
                Kind::Script(OsString::from_vec(word.to_vec()).into())
            })
        }
        _ => program(head).unwrap_or(Kind::Unknown),
    }
}

fn program(head: &[u8]) -> Option<Kind> {
    let header: Header = Elf::parse_header(head).ok()?;
    let container = if header.e_ident[4] == 2 {
        Container::Big
    } else {
        Container::Little
    };
    let context = Ctx::new(container, header.endianness().ok()?);
    let (offset, count) = (header.e_phoff as usize, usize::from(header.e_phnum));
    let headers = ProgramHeader::parse(head, offset, count, context).unwrap_or_default();
    let loader = headers
        .iter()
        .find(|header| header.p_type == PT_INTERP)
        .and_then(|header| {
            let start = usize::try_from(header.p_offset).ok()?;
            let end = start.checked_add(usize::try_from(header.p_filesz).ok()?)?;
            let name = head.get(start..end)?.split(|&byte| byte == 0).next()?;
            Some(PathBuf::from(OsString::from_vec(name.to_vec())))
        });
    Some(Kind::Program {
        loader,
        native: NATIVE == Some(header.e_machine),
    })
}

#[cfg(test)]
#[path = "diagnose_tests.rs"]
mod tests;
