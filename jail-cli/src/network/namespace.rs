// SPDX-License-Identifier: MIT OR Apache-2.0

//! Network namespaces of jails, seen from outside.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use nix::sched::{setns, unshare, CloneFlags};
use nix::sys::statfs::{fstatfs, NSFS_MAGIC};

use crate::jail::JailNumber;
use crate::process::members;
use crate::sys;
use crate::text::{reason, shown};
use crate::trusted_path;

/// How long is waited until a thread has gone that is over: it takes less than one of these.
const MOMENT: Duration = Duration::from_micros(50);
const MOMENTS: u32 = 20_000;

/// Where a thread finds the one that it is in.
const OWN: &str = "/proc/thread-self/ns/net";

/// A new one, which goes with the last that has it.
///
/// # Errors
///
/// What the kernel says.
pub fn make() -> Result<OwnedFd, String> {
    in_thread(|| {
        unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| {
            let why = reason(errno);
            format!("making a new net namespace: {why}; \"--net host\" needs none")
        })?;
        let own = File::open(OWN).map_err(|error| format!("{OWN}: {error}"))?;
        Ok(own.into())
    })
}

/// Does something within one; the caller stays where it is.
///
/// # Errors
///
/// What `act` says, or that it could not be entered.
pub fn within<T: Send>(
    namespace: &(impl AsFd + Sync),
    act: impl FnOnce() -> Result<T, String> + Send,
) -> Result<T, String> {
    in_thread(|| {
        setns(namespace, CloneFlags::CLONE_NEWNET)
            .map_err(|errno| format!("entering its network: {}", reason(errno)))?;
        act()
    })
}

/// A thread has namespaces of its own, and none is left behind: the caller may fork afterwards.
fn in_thread<T: Send>(act: impl FnOnce() -> Result<T, String> + Send) -> Result<T, String> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().spawn_scoped(scope, act);
        let thread = thread.map_err(|error| format!("a thread: {error}"))?;
        let done = thread.join();
        wait_until_alone();
        done.unwrap_or_else(|_| Err("a thread has failed".into()))
    })
}

/// A thread that is waited for is still there for a moment, and who has several must not fork.
fn wait_until_alone() {
    for _ in 0..MOMENTS {
        match sys::has_one_thread() {
            true => return,
            false => thread::sleep(MOMENT),
        }
    }
}

/// The one that lies at a path.
///
/// # Errors
///
/// What lies there otherwise.
pub fn at(path: &Path) -> Result<OwnedFd, String> {
    let failed = |why: String| format!("net ns:{}: {why}", shown(path));
    let found = trusted_path::open(path).map_err(|refusal| failed(refusal.describe()))?;
    let kind = fstatfs(&found).map_err(|errno| failed(reason(errno)))?;
    let none = || {
        failed("is no network namespace; \"ip netns add NAME\" makes one at /run/netns/NAME".into())
    };
    // Opening what is none could do something.
    if kind.filesystem_type() != NSFS_MAGIC {
        return Err(none());
    }
    let again = format!("/proc/self/fd/{}", found.as_raw_fd());
    let opened = File::open(again).map_err(|error| failed(error.to_string()))?;
    let opened: OwnedFd = opened.into();
    // There are those of other kinds.
    match within(&opened, || Ok(())) {
        Ok(()) => Ok(opened),
        Err(_) => Err(none()),
    }
}

/// That of a jail, by a process of it that is in it, and in the one of this inode.
///
/// # Errors
///
/// Why the jail's processes are not known.
pub fn of_jail(number: JailNumber, inode: u64) -> Result<Option<OwnedFd>, String> {
    let mut inside = members(number)?.into_iter();
    // What is open is looked at, and not the process, which may end at any moment.
    Ok(inside.find_map(|pid| {
        let file = File::open(format!("/proc/{pid}/ns/net")).ok()?;
        (file.metadata().ok()?.ino() == inode).then(|| file.into())
    }))
}
