// SPDX-License-Identifier: MIT OR Apache-2.0

//! Moving all that is in a jail into its control group, and out of it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{place, write, Group, LOOK};
use crate::jail::JailNumber;
use crate::jails::{JailInfo, Jails};
use crate::process::{jailed, Held, Jailed};
use crate::text::{reason, shown};

/// What forks faster than that is not to be caught.
const ROUNDS: usize = 100;

/// After so many rounds, what is in the group is stopped until all is.
const PATIENCE: usize = 5;

/// Moves it, with what is in the jails within it, until nothing is outside: what a process forks
/// meanwhile is where that was.
pub fn gather(group: &Group, number: JailNumber) -> Result<(), String> {
    let mut stopped = None;
    for round in 0..ROUNDS {
        if round == PATIENCE {
            // So that nothing changes any more but what is outside.
            stopped = Stopped::begin(group);
        }
        if is_whole(group, number)? {
            return Ok(());
        }
        if round > 0 {
            std::thread::sleep(LOOK);
        }
    }
    drop(stopped);
    Err("it makes processes faster than they can be moved to its control group".into())
}

/// What is in a group that is stopped for a moment.
struct Stopped<'a>(&'a Group);

impl<'a> Stopped<'a> {
    fn begin(group: &'a Group) -> Option<Self> {
        group.write(FREEZE, "1").is_ok().then_some(Stopped(group))
    }
}

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        let _ = self.0.write(FREEZE, "0");
    }
}

const FREEZE: &str = "cgroup.freeze";

/// Moves what is outside; whether nothing was.
fn is_whole(group: &Group, number: JailNumber) -> Result<bool, String> {
    let processes = jailed()?;
    // After they were seen: they can have made one of them, and entered it, a moment before.
    let family = family(number)?;
    let jails: BTreeSet<JailNumber> = family.iter().map(|jail| jail.number).collect();
    let inside = numbers(&group.read("cgroup.procs")?);
    let (mut is_whole, mut seen) = (true, 0);
    for process in processes {
        if !jails.contains(&process.jail) {
            continue;
        }
        seen += u64::try_from(process.threads).unwrap_or(0).max(1);
        if process.has_ended() {
            continue;
        }
        let is_inside = match process.has_lost_leader() {
            // Its number is that of a thread which has ended, and stays where it was.
            true => has_all_threads(group, process.pid)?,
            false => inside.contains(&process.pid),
        };
        if !is_inside {
            is_whole = false;
            bring(group, &process, &jails)
                .map_err(|why| format!("moving process {}: {why}", process.pid))?;
        }
    }
    // The kernel counts those as well that are too fast to be seen.
    let tasks: u64 = family.iter().map(|jail| jail.tasks).sum();
    Ok(is_whole && tasks <= seen)
}

/// Moves one, where it is still there and in a jail that is meant.
///
/// The kernel takes numbers alone. Who ends at the right moment can have its number given to a process of
/// the host before it is written: that is seen afterwards, and undone.
fn bring(group: &Group, process: &Jailed, jails: &BTreeSet<JailNumber>) -> Result<(), String> {
    let held = process.id().hold_in(|jail| jails.contains(&jail));
    let Some(held) = held.map_err(reason)? else {
        return Ok(());
    };
    let before = place::own_group(&process.pid.to_string());
    let moved = group.write("cgroup.procs", &process.pid.to_string());
    match moved {
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        Err(error) => Err(error.to_string()),
        Ok(()) if has_ended(&held) => give_back(group, process.pid, jails, before),
        Ok(()) => Ok(()),
    }
}

/// Whether it has; as long as it has not, nobody else has its number.
fn has_ended(held: &Held) -> bool {
    held.wait(Duration::ZERO).unwrap_or(true)
}

/// Moves a process back that is none of the jail's, and has the number of one that was.
fn give_back(
    group: &Group,
    pid: i32,
    jails: &BTreeSet<JailNumber>,
    before: Result<PathBuf, String>,
) -> Result<(), String> {
    let is_inside = numbers(&group.read("cgroup.procs")?).contains(&pid);
    let is_one = jailed()?
        .iter()
        .any(|other| other.pid == pid && jails.contains(&other.jail));
    if !is_inside || is_one {
        return Ok(());
    }
    match write(&before?.join("cgroup.procs"), &pid.to_string()) {
        Err(error) if error.raw_os_error() != Some(libc::ESRCH) => Err(format!(
            "another process has got its number meanwhile, is in {} now and cannot be moved back: \
             {error}",
            shown(group.path())
        )),
        _ => Ok(()),
    }
}

/// Whether each thread of a process that has not ended is in the group.
fn has_all_threads(group: &Group, pid: i32) -> Result<bool, String> {
    let inside = numbers(&group.read("cgroup.threads")?);
    let tasks = procfs::process::Process::new(pid).and_then(|process| process.tasks());
    let mut tasks = tasks.into_iter().flatten().flatten();
    Ok(tasks.all(|task| {
        let is_over = |state| matches!(state, 'Z' | 'X');
        inside.contains(&task.tid) || !task.stat().is_ok_and(|stat| !is_over(stat.state))
    }))
}

/// Moves all that is in a group to another one; what forks meanwhile as well.
pub fn scatter(group: &Group, to: &Path) {
    let to = to.join("cgroup.procs");
    for _ in 0..ROUNDS {
        let inside = numbers(&group.read("cgroup.threads").unwrap_or_default());
        let mut is_any = false;
        for pid in &inside {
            is_any |= write(&to, &pid.to_string()).is_ok();
        }
        if !is_any {
            return;
        }
    }
}

fn numbers(text: &str) -> BTreeSet<i32> {
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

/// A jail and all within it.
fn family(number: JailNumber) -> Result<Vec<JailInfo>, String> {
    let jails = Jails::open().and_then(|jails| jails.list());
    let mut jails = jails.map_err(|error| error.to_string())?;
    let mut found = BTreeSet::from([number]);
    loop {
        let before = found.len();
        let within = jails.iter().filter(|jail| found.contains(&jail.parent));
        let within: Vec<JailNumber> = within.map(|jail| jail.number).collect();
        found.extend(within);
        if found.len() == before {
            jails.retain(|jail| found.contains(&jail.number));
            return Ok(jails);
        }
    }
}
