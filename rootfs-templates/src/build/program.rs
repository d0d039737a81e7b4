// SPDX-License-Identifier: MIT OR Apache-2.0

//! Programs of the host: where they are, what they are started by, and what names they go by.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::{busybox, BuildError};
use crate::closure::MAGIC;
use crate::host::{Found, Host};
use crate::template::JailPath;

/// Searched after PATH, which often lacks them; in another tree than the machine's only these.
const ALSO: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// The largest file that is looked through for applets.
const LARGEST: u64 = 64 << 20;

/// How much of the first line the kernel reads of a script.
const LINE: usize = 256;

/// Where to look for programs by their names.
pub fn directories(is_machine: bool) -> Vec<PathBuf> {
    let path = match is_machine {
        true => std::env::var_os("PATH").unwrap_or_default(),
        false => OsString::new(),
    };
    std::env::split_paths(&path)
        .filter(|directory| directory.is_absolute())
        .chain(ALSO.iter().map(PathBuf::from))
        .collect()
}

/// The path on the host of what a template calls `source`, and what lies there; none where there is no
/// such program.
pub fn locate(host: &Host, directories: &[PathBuf], source: &Path) -> Option<(PathBuf, Found)> {
    if source.components().count() > 1 || source.is_absolute() {
        let found = host.find(source).ok()?;
        return Some((source.to_owned(), found));
    }
    directories
        .iter()
        .map(|directory| directory.join(source))
        .find_map(|path| {
            let found = host.find(&path).ok()?;
            is_program(&found).then_some((path, found))
        })
}

fn is_program(found: &Found) -> bool {
    found.metadata.is_file() && found.metadata.permissions().mode() & 0o111 != 0
}

/// What to say where a program is not there.
pub fn missing(source: &Path, sysroot: Option<&Path>) -> BuildError {
    if source.components().count() > 1 {
        return BuildError::new(
            source,
            "is not there; install it, or change the template or its variables",
        );
    }
    let place = match sysroot {
        Some(tree) => format!("in {}", tree.display()),
        None => "in PATH".to_owned(),
    };
    let hint = match source.to_str() {
        Some("busybox") => "install busybox (Debian: apt-get install busybox-static)",
        _ => "install it, or give its path",
    };
    BuildError::new(source, format!("no such program {place}; {hint}"))
}

/// What a file is, as far as what starts it goes.
pub enum Kind {
    /// A program or library for some processor.
    Elf,
    /// A script, with the interpreter and the first word after it.
    Script(PathBuf, Option<OsString>),
    /// Something else.
    Other,
}

/// What begins a file says what it is.
pub fn kind(found: &Found) -> std::io::Result<Kind> {
    let file = found.open()?;
    let mut head = [0; LINE];
    let length = file.read_at(&mut head, 0)?;
    Ok(classify(&head[..length]))
}

fn classify(head: &[u8]) -> Kind {
    if head.starts_with(MAGIC) {
        return Kind::Elf;
    }
    let Some(line) = head.strip_prefix(b"#!") else {
        return Kind::Other;
    };
    let line = line.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let mut words = line
        .split(|byte| b" \t\0".contains(byte))
        .filter(|word| !word.is_empty())
        .map(|word| OsString::from_vec(word.to_vec()));
    match words.next() {
        Some(interpreter) => Kind::Script(interpreter.into(), words.next()),
        None => Kind::Other,
    }
}

/// All applets that a busybox has.
pub fn applets(host: &Host, source: &Path) -> Result<Vec<JailPath>, BuildError> {
    let failed = |why: String| BuildError::new(source, why);
    let bytes = host.read(source, LARGEST);
    let bytes = bytes.map_err(|error| failed(error.to_string()))?;
    busybox::applets(&bytes).ok_or_else(|| {
        failed(
            "has no table of applets in it, as a busybox has; give a list of paths in applets"
                .to_owned(),
        )
    })
}
