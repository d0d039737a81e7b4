// SPDX-License-Identifier: MIT OR Apache-2.0

//! Moving all that is in a jail into its control group.

use std::collections::BTreeSet;

use super::Group;
use crate::jail::JailNumber;
use crate::jails::Jails;
use crate::process::jailed;

/// What forks faster than that is not to be caught.
const ROUNDS: usize = 100;

/// Moves it, with what is in the jails within it, until nothing is outside: what a process forks
/// meanwhile is where that was.
pub fn gather(group: &Group, number: JailNumber) -> Result<(), String> {
    for _ in 0..ROUNDS {
        let inside: BTreeSet<i32> = group
            .read("cgroup.procs")?
            .lines()
            .filter_map(|line| line.parse().ok())
            .collect();
        let jails = family(number)?;
        let mut is_whole = true;
        for process in jailed()? {
            let is_one = jails.contains(&process.jail) && !process.has_ended();
            if !is_one || inside.contains(&process.pid) {
                continue;
            }
            is_whole = false;
            match group.write("cgroup.procs", &process.pid.to_string()) {
                Err(error) if error.raw_os_error() != Some(libc::ESRCH) => {
                    return Err(format!("moving process {}: {error}", process.pid));
                }
                _ => {}
            }
        }
        if is_whole {
            return Ok(());
        }
    }
    Err("it makes processes faster than they can be moved to its control group".into())
}

/// A jail and all within it.
fn family(number: JailNumber) -> Result<BTreeSet<JailNumber>, String> {
    let jails = Jails::open().and_then(|jails| jails.list());
    let jails = jails.map_err(|error| error.to_string())?;
    let mut found = BTreeSet::from([number]);
    loop {
        let before = found.len();
        let within = jails.iter().filter(|jail| found.contains(&jail.parent));
        let within: Vec<JailNumber> = within.map(|jail| jail.number).collect();
        found.extend(within);
        if found.len() == before {
            return Ok(found);
        }
    }
}
