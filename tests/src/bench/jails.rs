// SPDX-License-Identifier: MIT OR Apache-2.0

//! What jails cost: making, entering and destroying one while there are others, and keeping one.

use super::in_children;
use crate::ktap::{fail, Context, Failure};
use crate::sys::jail;
use crate::sys::process::{self, Ended};
use crate::{check_eq, jailfs};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Instant;

/// How many jails the memory of one is measured with.
const MANY: u32 = 1_000;
/// How many of each operation are done.
const TIMES: u32 = 50;

/// Empty jails that are kept, until this value is dropped.
pub struct Idle(Vec<i64>);

impl Idle {
    /// Makes `count` of them; none where the kernel has no jails.
    pub fn new(count: u32) -> Result<Option<Idle>, Failure> {
        let mut idle = Idle(Vec::new());
        for _ in 0..count {
            match make_empty()? {
                Some(number) => idle.0.push(number),
                None => return Ok(None),
            }
        }
        Ok(Some(idle))
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        for number in &self.0 {
            let _ = jail::destroy_jail(*number);
        }
    }
}

/// Makes a jail that is kept and nothing is in; none where the kernel has no jails.
fn make_empty() -> Result<Option<i64>, Failure> {
    let (mut ours, mut theirs) = UnixStream::pair().context("socketpair")?;
    let maker = process::fork(|| {
        let number = jail::create_newjail().unwrap_or_else(|errno| -i64::from(errno.0));
        let told = theirs.write_all(&number.to_le_bytes());
        let kept = theirs.read_exact(&mut [0]);
        i32::from(told.is_err() || kept.is_err())
    })
    .context("fork")?;
    let mut answer = [0; 8];
    ours.read_exact(&mut answer).context("hearing of a jail")?;
    let number = i64::from_le_bytes(answer);
    if number > 0 {
        jailfs::set(number, "persist", "1")?;
    }
    ours.write_all(&[0]).context("telling that it is kept")?;
    check_eq!(
        process::wait(maker),
        Ok(Ended::Exited(0)),
        "what makes a jail"
    );
    match -number {
        missing if missing == i64::from(libc::ENOSYS) || missing == i64::from(libc::EOPNOTSUPP) => {
            Ok(None)
        }
        errno if errno > 0 => Err(fail(format!("create_newjail: errno {errno}"))),
        _ => {
            jailfs::wait_for(number, "tasks", 0)?;
            Ok(Some(number))
        }
    }
}

/// `create_newjail`, beside `others`.
pub fn create(others: u32) -> Result<Option<f64>, Failure> {
    let Some(_others) = Idle::new(others)? else {
        return Ok(None);
    };
    in_children(TIMES, || jail::create_newjail().map(drop))
}

/// `attach_jail`, beside `others`.
pub fn attach(others: u32) -> Result<Option<f64>, Failure> {
    let (Some(_others), Some(target)) = (Idle::new(others)?, Idle::new(1)?) else {
        return Ok(None);
    };
    let number = target.0[0];
    in_children(TIMES, || jail::attach_jail(number))
}

/// `destroy_jail` of an empty jail, beside `others`: the middle of all times. Now and then the kernel does
/// something else while the caller waits, such as freeing what many jails have left, which can take more
/// than all the other times together.
pub fn destroy(others: u32) -> Result<Option<f64>, Failure> {
    let Some(_others) = Idle::new(others)? else {
        return Ok(None);
    };
    let mut times = Vec::new();
    // The first may have to wait for a worker to be made, and does not count.
    for time in 0..=TIMES {
        let Some(number) = make_empty()? else {
            return Ok(None);
        };
        let start = Instant::now();
        jail::destroy_jail(number).context("destroy_jail")?;
        if time > 0 {
            times.push(start.elapsed().as_nanos());
        }
    }
    times.sort_unstable();
    Ok(Some(times[times.len() / 2] as f64))
}

/// The kernel's memory for one idle jail, in bytes.
pub fn memory() -> Result<Option<f64>, Failure> {
    // What the first ones need once is there then.
    drop(Idle::new(MANY)?);
    settle()?;
    let before = slab()?;
    let Some(idle) = Idle::new(MANY)? else {
        return Ok(None);
    };
    settle()?;
    let after = slab()?;
    drop(idle);
    Ok(Some((after - before) / f64::from(MANY)))
}

/// Lets what waits for a grace period be freed, and drops caches.
fn settle() -> Result<(), Failure> {
    std::thread::sleep(std::time::Duration::from_secs(1));
    let path = "/proc/sys/vm/drop_caches";
    std::fs::write(path, "2").context(path)
}

/// What the slab allocators hold, in bytes.
fn slab() -> Result<f64, Failure> {
    let path = "/proc/meminfo";
    let text = std::fs::read_to_string(path).context(path)?;
    text.lines()
        .find_map(|line| line.strip_prefix("Slab:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<f64>().ok())
        .map(|kibibytes| kibibytes * 1024.0)
        .ok_or_else(|| fail("/proc/meminfo has no line Slab"))
}
