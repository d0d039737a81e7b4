// SPDX-License-Identifier: MIT OR Apache-2.0

//! Setting the values of a control group.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use rustix::fs::{major, minor};

use super::{exclusive, Group};
use crate::isolation::Control;
use crate::text::shown;

const PARTITION: &str = "cpuset.cpus.partition";
const EXCLUSIVE: &str = "cpuset.cpus.exclusive";
const SWAP: &str = "memory.swap.max";
const CPUS: &str = "cpuset.cpus";
const MEMORY: &str = "memory.max";

/// Sets one, and looks that it counts.
pub fn set(group: &Group, control: &Control) -> Result<(), String> {
    let failed = |why: String| format!("{}: {why}", control.described());
    let value = value(control).map_err(failed)?;
    let mut _room = None;
    match control.file() {
        // Until the new one counts, or what goes on meanwhile would be killed by it.
        MEMORY => _room = make_room(group, control).map_err(failed)?,
        CPUS => exclusive::check(group.path(), &value).map_err(failed)?,
        EXCLUSIVE => return give_exclusive(group, control).map_err(failed),
        _ => {}
    }
    match group.write(control.file(), &value) {
        // Where the kernel has no swap space, none is used.
        Err(error) if error.kind() == io::ErrorKind::NotFound && control.file() == SWAP => Ok(()),
        Err(error) => Err(failed(explain(control, &error))),
        Ok(()) if control.file() == PARTITION => is_valid(group, control).map_err(failed),
        Ok(()) => Ok(()),
    }
}

/// Sets one to what it was before, as the kernel shows it.
pub fn restore(group: &Group, control: &Control, before: &str) {
    let written = match control.disk() {
        // A line for each disk, and none for one that is not limited.
        Some(_) => match value(control) {
            Ok(set) => before_of_disk(&set, before),
            Err(_) => return,
        },
        None if control.file() == PARTITION => first_word(before).to_owned(),
        None => before.trim().to_owned(),
    };
    let is_all = written.is_empty() && control.controller() == "cpuset";
    // Nothing at all would not be written.
    let restored = group.write(control.file(), &(written + "\n"));
    if let (Err(_), true, Some(around)) = (restored, is_all, group.path().parent()) {
        // Where something runs the kernel takes no empty list: what that means is written out.
        let all = around.join(format!("{}.effective", control.file()));
        if let Ok(all) = fs::read_to_string(all) {
            let _ = group.write(control.file(), all.trim());
        }
    }
    if let (EXCLUSIVE, Some(around)) = (control.file(), group.path().parent()) {
        exclusive::settle(around);
    }
}

/// What was there about the disk of `set`, or that nothing was.
fn before_of_disk(set: &str, before: &str) -> String {
    let disk = first_word(set);
    let line = before.lines().find(|line| first_word(line) == disk);
    let free = || format!("{disk} rbps=max wbps=max riops=max wiops=max");
    line.map_or_else(free, str::to_owned)
}

fn first_word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or_default()
}

/// What is written: the kernel knows disks by their numbers.
fn value(control: &Control) -> Result<String, String> {
    let Some((disk, rates)) = control.disk() else {
        return Ok(control.value().to_owned());
    };
    let found = fs::metadata(disk).map_err(|error| format!("{}: {error}", shown(disk)))?;
    match found.file_type().is_block_device() {
        true => {
            let number = found.rdev();
            Ok(format!("{}:{} {rates}", major(number), minor(number)))
        }
        false => Err(format!("{} is no disk", shown(disk))),
    }
}

/// What a jail may have before the kernel takes back from it, which is less for a moment.
struct Room<'a> {
    group: &'a Group,
    before: String,
}

const HIGH: &str = "memory.high";

impl Drop for Room<'_> {
    fn drop(&mut self) {
        let _ = self.group.write(HIGH, self.before.trim());
    }
}

/// Has the kernel take back what it can where a jail that runs has more than it may have from now on: it
/// would kill something in it otherwise.
fn make_room<'a>(group: &'a Group, control: &Control) -> Result<Option<Room<'a>>, String> {
    let Some(wanted) = control.bytes() else {
        return Ok(None);
    };
    let in_use = || {
        let text = group.read("memory.current")?;
        let number = text.trim().parse::<u64>();
        number.map_err(|_| format!("memory.current is {text:?}"))
    };
    if in_use()? <= wanted {
        return Ok(None);
    }
    let room = Room {
        group,
        before: group.read(HIGH)?,
    };
    // The kernel does that while it is written.
    let _ = group.write(HIGH, control.value());
    match in_use()? {
        left if left <= wanted => Ok(Some(room)),
        left => Err(format!(
            "{left} bytes are in use, and the kernel could take back no more; \
             \"memory.high={wanted}\" slows it down until it uses less"
        )),
    }
}

fn give_exclusive(group: &Group, control: &Control) -> Result<(), String> {
    let held = exclusive::hold()?;
    exclusive::check(group.path(), control.value())?;
    exclusive::give(&held, group.path(), control.value())?;
    let written = group.write(control.file(), control.value());
    written.map_err(|error| explain(control, &error))
}

/// That processors are a jail's alone the kernel says only afterwards.
fn is_valid(group: &Group, control: &Control) -> Result<(), String> {
    let now = group.read(PARTITION)?;
    match now.trim() == control.value() {
        true => Ok(()),
        false => Err(format!(
            "the kernel says \"{}\"; each processor can be one jail's alone, and one at least has to \
             be left to all others",
            now.trim()
        )),
    }
}

fn explain(control: &Control, error: &io::Error) -> String {
    let hint = match (control.controller(), error.raw_os_error()) {
        (_, Some(libc::ENOENT)) => "this kernel has no such value",
        ("cpuset", Some(libc::EINVAL | libc::ERANGE | libc::ENOSPC)) => {
            "there may be no such processor or node; those that there are stand in \
             /sys/fs/cgroup/cpuset.cpus.effective and cpuset.mems.effective"
        }
        ("cpuset", Some(libc::EACCES | libc::EBUSY)) => {
            "a jail that runs needs at least one processor and one memory node"
        }
        ("io", Some(libc::ENODEV)) => "the kernel limits whole disks, not partitions",
        ("io", Some(libc::EOPNOTSUPP)) => "no disk of this machine is shared out by weights",
        _ => return error.to_string(),
    };
    format!("{error}: {hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_before_is_written_as_the_kernel_takes_it() {
        let before = "8:0 rbps=5 wbps=max riops=max wiops=max\n8:16 rbps=1\n";
        assert_eq!(before_of_disk("8:16 wbps=7", before), "8:16 rbps=1");
        let free = "8:1 rbps=max wbps=max riops=max wiops=max";
        assert_eq!(before_of_disk("8:1 wbps=7", before), free);
        // A partition that does not count is shown with why.
        assert_eq!(first_word("root invalid (Cpu list empty)\n"), "root");
        assert_eq!(first_word("\n"), "");
    }
}
