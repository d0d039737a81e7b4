// SPDX-License-Identifier: MIT OR Apache-2.0

//! What descriptors of jails cost.

use super::repeat;
use crate::descriptor::{self, Owner, Status, ALL};
use crate::ktap::{Context, Failure};
use crate::sys::jailfd::{self, ENDED, OWN};
use crate::sys::Errno;
use std::time::Instant;

/// How often what is short is done.
const TIMES: u32 = 2_000;
/// How many jails are made.
const JAILS: u32 = 50;

/// `open_jail`, and closing the descriptor; none where the kernel has none.
pub fn open() -> Result<Option<f64>, Failure> {
    if !are_there() {
        return Ok(None);
    }
    let owner = Owner::new()?;
    repeat(TIMES, || {
        jailfd::open_jail(OWN, owner.number, ALL).map(drop)
    })
}

/// `create_owned_jail`, closing the owner, and waiting for the end of the jail: the middle of all times,
/// as of `destroy_jail`. The descriptor that is waited with is opened in between, and not counted.
pub fn create() -> Result<Option<f64>, Failure> {
    if !are_there() {
        return Ok(None);
    }
    let mut times = Vec::new();
    // The first may have to wait for a worker to be made, and does not count.
    for time in 0..=JAILS {
        let start = Instant::now();
        let descriptor = jailfd::create_owned_jail(OWN, 0).context("create_owned_jail")?;
        let made = start.elapsed();
        let number = Status::of(&descriptor)?.number;
        let plain = descriptor::open(number, 0)?;
        let start = Instant::now();
        drop(descriptor);
        let reported = jailfd::poll(&[&plain], -1);
        let ended = start.elapsed();
        crate::check_eq!(reported, Ok(vec![ENDED]), "what poll reports");
        if time > 0 {
            times.push((made + ended).as_nanos());
        }
    }
    times.sort_unstable();
    Ok(Some(times[times.len() / 2] as f64))
}

/// `poll` of a jail that is alive.
pub fn poll() -> Result<Option<f64>, Failure> {
    if !are_there() {
        return Ok(None);
    }
    let owner = Owner::new()?;
    repeat(TIMES, || jailfd::poll(&[&owner.descriptor], 0).map(drop))
}

/// Whether the kernel has descriptors of jails.
fn are_there() -> bool {
    let refused = jailfd::destroy_jailfd(-1, 0);
    !matches!(refused, Err(Errno::ENOSYS | Errno::EOPNOTSUPP))
}
