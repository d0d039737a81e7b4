// SPDX-License-Identifier: MIT OR Apache-2.0

//! How the kernel is set up for a network, below /proc/sys.

use std::fs;
use std::io;
use std::path::Path;

use crate::isolation::Sysctl;

const DIRECTORY: &str = "/proc/sys";

/// Whether the host has IPv6, and has it turned on for interfaces that are to come.
pub fn has_v6() -> bool {
    ["all", "default"].iter().all(|which| {
        let value = read(&format!("net/ipv6/conf/{which}/disable_ipv6"));
        value.is_ok_and(|value| value == "0")
    })
}

/// What a value is.
///
/// # Errors
///
/// Where there is no such, or it cannot be read.
pub fn read(file: &str) -> Result<String, String> {
    let text = fs::read_to_string(Path::new(DIRECTORY).join(file));
    text.map(|text| text.trim().to_owned())
        .map_err(|error| format!("sysctl {}: {error}", dotted(file)))
}

/// Sets a value.
///
/// # Errors
///
/// Where there is no such, or the kernel refuses it.
pub fn write(file: &str, value: &str) -> Result<(), String> {
    let path = Path::new(DIRECTORY).join(file);
    let written = fs::OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|mut file| io::Write::write_all(&mut file, value.as_bytes()));
    written.map_err(|error| {
        let name = dotted(file);
        match error.kind() {
            io::ErrorKind::NotFound => {
                format!("sysctl {name}: a network of a jail's own has none; it is the whole machine's, or unknown")
            }
            _ => format!("sysctl {name}={value}: {error}"),
        }
    })
}

/// Sets a value where the kernel has such.
///
/// # Errors
///
/// Where it is refused.
pub fn write_where_known(file: &str, value: &str) -> Result<(), String> {
    match Path::new(DIRECTORY).join(file).exists() {
        true => write(file, value),
        false => Ok(()),
    }
}

/// What is asked for, in the network that the calling thread is in.
///
/// # Errors
///
/// Which could not be set.
pub fn apply(asked: &[Sysctl]) -> Result<(), String> {
    asked
        .iter()
        .try_for_each(|one| write(&one.file(), one.value()))
}

fn dotted(file: &str) -> String {
    file.replace('/', ".")
}
