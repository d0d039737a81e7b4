// SPDX-License-Identifier: MIT OR Apache-2.0

//! Processors that are one jail's alone.
//!
//! The kernel hands them down from group to group (`cpuset.cpus.exclusive`), and takes them from who
//! has them where another asks for the same: so it is looked for that before anything is written.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use super::{place, write};
use crate::state::{Alone, Store};
use crate::text::shown;

const EXCLUSIVE: &str = "cpuset.cpus.exclusive";
const PARTITION: &str = "cpuset.cpus.partition";

/// Waits until nobody else hands processors out.
pub fn hold() -> Result<Alone, String> {
    // Not by the lock of a group's directory, which everybody can take who can open it.
    Store::default().alone(place::top(), || ())
}

/// Looks that none of the processors in `list` is another's alone among those beside `group`.
pub fn check(group: &Path, list: &str) -> Result<(), String> {
    let wanted = numbers(list);
    for other in beside(group) {
        let is_own = read(&other, PARTITION).is_ok_and(|text| text.trim() != "member");
        let taken = numbers(&read(&other, EXCLUSIVE).unwrap_or_default());
        if let Some(taken) = taken.intersection(&wanted).next().filter(|_| is_own) {
            let jail = other.file_name().unwrap_or_default();
            return Err(format!(
                "processor {taken} is that of jail {} alone",
                shown(jail)
            ));
        }
    }
    Ok(())
}

/// Has the processors in `list` given to what is in the groups around `group`, and leaves those to them that
/// they have: who else has them from there is not looked for.
pub fn give(_held: &Alone, group: &Path, list: &str) -> Result<(), String> {
    let list = numbers(list);
    let Some(base) = group.parent() else {
        return Ok(());
    };
    let around: Vec<&Path> = up_from(base).collect();
    for group in around.into_iter().rev() {
        let has = numbers(&read(group, EXCLUSIVE).unwrap_or_default());
        put(group, &has.union(&list).copied().collect())?;
    }
    Ok(())
}

/// Takes back from `base`, and from the groups around it, what no group in `base` has any more.
pub fn settle(base: &Path) {
    let has_some = |text: String| !text.trim().is_empty();
    if !read(base, EXCLUSIVE).is_ok_and(has_some) {
        return;
    }
    let Ok(_held) = hold() else { return };
    let mut freed = numbers(&read(base, EXCLUSIVE).unwrap_or_default());
    for group in up_from(base) {
        for one in groups(group) {
            let used = numbers(&read(&one, EXCLUSIVE).unwrap_or_default());
            freed.retain(|number| !used.contains(number));
        }
        let mut has = numbers(&read(group, EXCLUSIVE).unwrap_or_default());
        has.retain(|number| !freed.contains(number));
        // The next one tries again.
        let _ = put(group, &has);
    }
}

/// A group and those around it, below the topmost one.
fn up_from(group: &Path) -> impl Iterator<Item = &Path> {
    group.ancestors().take_while(|path| *path != place::top())
}

fn put(group: &Path, numbers: &BTreeSet<u32>) -> Result<(), String> {
    let texts: Vec<String> = numbers.iter().map(u32::to_string).collect();
    // Nothing at all would not be written.
    let list = texts.join(",") + "\n";
    let file = group.join(EXCLUSIVE);
    write(&file, &list).map_err(|error| format!("{}: {error}", shown(&file)))
}

fn read(group: &Path, file: &str) -> io::Result<String> {
    fs::read_to_string(group.join(file))
}

fn groups(base: &Path) -> impl Iterator<Item = std::path::PathBuf> {
    let entries = fs::read_dir(base).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
}

fn beside(group: &Path) -> impl Iterator<Item = std::path::PathBuf> + '_ {
    let around = group.parent().into_iter().flat_map(groups);
    around.filter(move |other| other != group)
}

/// The numbers in a list of the kernel's.
fn numbers(list: &str) -> BTreeSet<u32> {
    /// More processors than the kernel can have.
    const MOST: u32 = 1 << 16;
    let mut found = BTreeSet::new();
    for part in list.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.parse::<u32>(), last.parse::<u32>()) {
            found.extend(first..=last.min(MOST));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read() {
        let list = |text| numbers(text).into_iter().collect::<Vec<_>>();
        assert_eq!(list("0-2,5\n"), [0, 1, 2, 5]);
        assert!(list("\n").is_empty());
        assert_eq!(list("0-4294967295").len(), (1 << 16) + 1);
    }
}
