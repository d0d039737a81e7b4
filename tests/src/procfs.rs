// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the tests read in /proc.

use crate::ktap::{fail, Context, Failure};
use crate::sys::Errno;
use crate::wait;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The value of a `Name: value` line of `/proc/PID/status`; `who` may be `self`.
pub fn status(who: &str, name: &str) -> Result<String, Failure> {
    let path = format!("/proc/{who}/status");
    let text = fs::read_to_string(&path).context(&path)?;
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .map(|value| value.trim().to_owned())
        .ok_or_else(|| fail(format!("{path} has no line {name}")))
}

/// Whether a signal waits for a process, or for its first thread.
pub fn has_pending(pid: libc::pid_t, signal: i32) -> Result<bool, Failure> {
    let mut pending = 0;
    for name in ["SigPnd", "ShdPnd"] {
        let text = status(&pid.to_string(), name)?;
        pending |= u64::from_str_radix(&text, 16)
            .map_err(|_| fail(format!("{name} of process {pid} is {text}")))?;
    }
    Ok(pending & 1 << (signal - 1) != 0)
}

/// The one-letter state of a process: `S` for asleep, `T` for stopped, `Z` for a zombie.
pub fn state(pid: libc::pid_t) -> Result<char, Failure> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).context(&path)?;
    // The name before it, in parentheses, may contain anything.
    text.rsplit_once(") ")
        .and_then(|(_, rest)| rest.chars().next())
        .ok_or_else(|| fail(format!("{path} has no state: {text}")))
}

/// The number of the jail that a process is in.
pub fn jail(pid: libc::pid_t) -> Result<i64, Errno> {
    let mut text = [0; 16];
    // In one piece: between two, the process may enter a jail.
    let length = fs::File::open(format!("/proc/{pid}/attr/jaula/current"))
        .and_then(|mut file| file.read(&mut text))
        .map_err(|error| Errno(error.raw_os_error().unwrap_or(libc::EIO)))?;
    String::from_utf8_lossy(&text[..length])
        .trim_end()
        .parse()
        .map_err(|_| Errno::EIO)
}

/// A numeric field of `/proc/PID/stat`, numbered from 1 as in proc_pid_stat(5); from the fourth on.
pub fn stat(pid: libc::pid_t, field: usize) -> Result<u64, Failure> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).context(&path)?;
    // The second, in parentheses, may contain anything.
    text.rsplit_once(") ")
        .and_then(|(_, rest)| {
            rest.split(' ')
                .nth(field.checked_sub(3)?)?
                .trim()
                .parse()
                .ok()
        })
        .ok_or_else(|| fail(format!("{path} has no number in field {field}: {text}")))
}

/// The root directory of a process, by which all that it sees is reached.
pub fn root(pid: libc::pid_t) -> PathBuf {
    Path::new("/proc").join(pid.to_string()).join("root")
}

/// The name of a process.
pub fn name(pid: libc::pid_t) -> Result<String, Failure> {
    let path = format!("/proc/{pid}/comm");
    let text = fs::read_to_string(&path).context(&path)?;
    Ok(text.trim_end().to_owned())
}

/// The command of a process and its arguments; none where it has ended.
pub fn command(pid: libc::pid_t) -> Vec<String> {
    let text = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = text.split(|&byte| byte == 0);
    let mut words: Vec<_> = words
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    // After the last one there is a null byte as well.
    words.pop();
    words
}

/// All processes.
pub fn processes() -> Result<Vec<libc::pid_t>, Failure> {
    let mut processes = Vec::new();
    for entry in fs::read_dir("/proc").context("/proc")? {
        let name = entry.context("/proc")?.file_name();
        processes.extend(name.to_str().and_then(|name| name.parse::<i32>().ok()));
    }
    Ok(processes)
}

/// The processes of a jail, as /proc tells.
pub fn members(number: i64) -> Result<Vec<libc::pid_t>, Failure> {
    let mut members = processes()?;
    members.retain(|&pid| jail(pid) == Ok(number));
    Ok(members)
}

/// Waits until a process sleeps, having been told to do something that blocks.
pub fn wait_until_asleep(pid: libc::pid_t) -> Result<(), Failure> {
    let mut asleep = 0;
    wait::until(&format!("process {pid} is blocked"), || {
        // Several times in a row: a page fault may put it to sleep for a moment, too.
        asleep = if state(pid)? == 'S' { asleep + 1 } else { 0 };
        Ok(asleep == 10)
    })
}
