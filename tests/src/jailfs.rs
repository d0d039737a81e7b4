// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the kernel tells about jails: `/sys/kernel/security/jaula`, one directory a jail, one value
//! a file.

use crate::ktap::{fail, Context, Failure};
use crate::sys::{Errno, Result as SysResult};
use crate::wait;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};

/// Where the directories of jails are.
pub const ROOT: &str = "/sys/kernel/security/jaula";

/// The files of a jail that an ancestor may write.
pub const WRITABLE: [&str; 9] = [
    "name",
    "persist",
    "allow",
    "tasks.max",
    "sem.max",
    "shm.max",
    "msg.max",
    "shm_bytes.max",
    "children.max",
];

/// The files of a jail that nobody may write.
pub const READ_ONLY: [&str; 27] = [
    "number",
    "parent",
    "created",
    "state",
    "tasks",
    "sem",
    "shm",
    "msg",
    "shm_bytes",
    "children",
    "refusals.sysvipc",
    "refusals.signal",
    "refusals.ptrace",
    "refusals.sched",
    "refusals.unix",
    "refusals.mqueue",
    "refusals.key",
    "refusals.io_uring",
    "refusals.proc",
    "refusals.capability",
    "refusals.exec",
    "refusals.tasks",
    "refusals.sem",
    "refusals.shm",
    "refusals.msg",
    "refusals.shm_bytes",
    "refusals.children",
];

/// What a new jail of the host is allowed.
pub const ALLOWED: &str = "chown dac_override fowner fsetid kill setgid setuid setpcap \
                           net_bind_service ipc_owner audit_write setfcap";

/// The path of a file of a jail.
pub fn path(number: i64, file: &str) -> String {
    format!("{ROOT}/{number}/{file}")
}

/// The error number of an input or output error.
pub fn errno(error: &io::Error) -> Errno {
    Errno(error.raw_os_error().unwrap_or(libc::EIO))
}

/// What a file of a jail holds, without the newline at its end.
pub fn read(number: i64, file: &str) -> SysResult<String> {
    let text = fs::read_to_string(path(number, file)).map_err(|error| errno(&error))?;
    Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
}

/// The number that a file of a jail holds.
pub fn value(number: i64, file: &str) -> Result<u64, Failure> {
    let text = read(number, file).context(path(number, file))?;
    text.parse()
        .map_err(|_| fail(format!("{file} of jail {number} holds {text:?}, no number")))
}

/// Writes to a file of a jail, in one piece.
pub fn write(number: i64, file: &str, text: &str) -> SysResult<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .open(path(number, file))
        .map_err(|error| errno(&error))?;
    file.write_all(text.as_bytes())
        .map_err(|error| errno(&error))
}

/// [`write`] for what must succeed.
pub fn set(number: i64, file: &str, text: &str) -> Result<(), Failure> {
    write(number, file, text).context(format!("writing {text:?} to {}", path(number, file)))
}

/// The numbers of the jails that are listed, in ascending order.
pub fn numbers() -> Result<Vec<i64>, Failure> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(ROOT).context(ROOT)? {
        let name = entry.context(ROOT)?.file_name();
        let name = name.to_string_lossy();
        if !matches!(&*name, "version" | "errata") {
            let number = name.parse();
            numbers.push(number.map_err(|_| fail(format!("{ROOT} lists {name:?}")))?);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// The numbers of the jails that were not there before. One that was can have gone meanwhile: what another
/// program has left behind ends when it ends.
pub fn numbers_beyond(before: &[i64]) -> Result<Vec<i64>, Failure> {
    let mut numbers = numbers()?;
    numbers.retain(|number| !before.contains(number));
    Ok(numbers)
}

/// Waits until a file of a jail holds this number. A process leaves its jail a moment after its parent
/// has learnt of its end.
pub fn wait_for(number: i64, file: &str, expected: u64) -> Result<(), Failure> {
    wait::until(&format!("{file} of jail {number} is {expected}"), || {
        Ok(value(number, file)? == expected)
    })
}

/// Waits until a jail of which the last process has ended is gone.
pub fn wait_until_gone(number: i64) -> Result<(), Failure> {
    wait::until(&format!("jail {number} is gone"), || {
        Ok(read(number, "state") == Err(Errno::ENOENT))
    })?;
    check_gone(number)
}

/// Fails when the jail is still there.
pub fn check_gone(number: i64) -> Result<(), Failure> {
    crate::check_eq!(
        read(number, "state"),
        Err(Errno::ENOENT),
        "the state of jail {number}, which is gone"
    );
    crate::check!(
        !numbers()?.contains(&number),
        "jail {number}, which is gone, is listed"
    );
    Ok(())
}
