// SPDX-License-Identifier: MIT OR Apache-2.0

//! Credentials that somebody has registered with an io_uring, for others who have it to act with.

use jaula_tests::inmate::Inmate;
use jaula_tests::ktap::{CaseResult, Context, Failure};
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::sys::uring::Ring;
use jaula_tests::sys::{ids, jail as call};
use jaula_tests::{check, check_eq};
use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

/// Root of a jail registers itself with a ring of the host's, and a user of the host opens with that what
/// is for root alone.
pub fn credentials() -> CaseResult {
    let secret = format!("/tmp/reach-down-secret-{}", process::pid());
    fs::write(&secret, "").context(&secret)?;
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).context(&secret)?;
    let result = lend_and_open(&secret);
    fs::remove_file(&secret).context(&secret)?;
    result
}

fn lend_and_open(secret: &str) -> CaseResult {
    let mut ring = Ring::new()?;
    let inmate = Inmate::start(|| Ok(()))?;
    let of_host = lend(&mut ring, None)?;
    let of_jail = lend(&mut ring, Some(inmate.number))?;
    for (id, expected) in [(of_host, 0), (of_jail, libc::EPERM)] {
        let ended = process::in_child(|| {
            if ids::become_user(1000).is_err() {
                return 255;
            }
            match ring.try_open_as(secret, Some(id)) {
                Ok(opened) => opened.map_or_else(|errno| errno.0, |_| 0),
                Err(_) => 254,
            }
        });
        check_eq!(ended, Ok(Ended::Exited(expected)), "with personality {id}");
    }
    Ok(())
}

/// Has root of a jail, or of the host, register with a ring; the number that stands for it.
fn lend(ring: &mut Ring, jail: Option<i64>) -> Result<u16, Failure> {
    let (mut ours, mut theirs) = UnixStream::pair().context("socketpair")?;
    let ended = process::in_child(|| {
        if jail.is_some_and(|number| call::attach_jail(number).is_err()) {
            return 1;
        }
        // What has entered is not bound, and what it makes is.
        let registered = process::in_child(|| {
            let id = ring.register().unwrap_or(0);
            i32::from(theirs.write_all(&id.to_le_bytes()).is_err())
        });
        i32::from(registered != Ok(Ended::Exited(0)))
    });
    check_eq!(ended, Ok(Ended::Exited(0)), "registering");
    let mut id = [0; 2];
    ours.read_exact(&mut id).context("a number")?;
    let id = u16::from_le_bytes(id);
    check!(id != 0, "nothing was registered");
    Ok(id)
}
