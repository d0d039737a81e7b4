// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the launcher needs to be allowed, and what is left of it inside.

use std::ffi::c_int;

use caps::{CapSet, Capability, CapsHashSet};
use nix::errno::Errno;

use crate::sys;
use crate::text::reason;

/// What the launcher cannot do without, and for which step.
const NEEDED: [(Capability, &str); 5] = [
    (Capability::CAP_SYS_ADMIN, "to create a jail"),
    (Capability::CAP_SYS_CHROOT, "to enter its root"),
    (Capability::CAP_SETGID, "to set the group"),
    (Capability::CAP_SETUID, "to set the user"),
    (Capability::CAP_SETPCAP, "to give up capabilities"),
];

/// Checks that the process has every capability the launcher needs.
///
/// # Errors
///
/// A text that names the missing ones.
pub fn require() -> Result<(), String> {
    let held = read(CapSet::Effective)?;
    let missing: Vec<String> = NEEDED
        .iter()
        .filter(|(capability, _)| !held.contains(capability))
        .map(|(capability, purpose)| format!("{capability} ({purpose})"))
        .collect();
    match missing.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "missing privilege: {}; run it as root",
            missing.join(", ")
        )),
    }
}

/// Takes from what can ever be regained all but `allowed`.
///
/// To be called while the process still has CAP_SETPCAP.
pub fn limit(allowed: &CapsHashSet) -> Result<(), String> {
    reset_securebits()?;
    for capability in read(CapSet::Bounding)?.difference(allowed) {
        caps::drop(None, CapSet::Bounding, *capability).map_err(|error| error.to_string())?;
    }
    clear(CapSet::Ambient)?;
    clear(CapSet::Inheritable)?;
    verify(CapSet::Bounding, allowed)
}

/// Undoes what the caller has changed about what capabilities do (SECBIT_*), but for what is locked.
fn reset_securebits() -> Result<(), String> {
    /// Each is followed by the one that locks it.
    const LOCKS: c_int = 0b1010_1010;
    let there = nix_result(sys::inherited::securebits())?;
    let locked = (there & LOCKS) | (there & (there & LOCKS) >> 1);
    match there == locked {
        true => Ok(()),
        false => nix_result(sys::inherited::set_securebits(locked)),
    }
}

fn nix_result<T>(result: Result<T, Errno>) -> Result<T, String> {
    result.map_err(|errno| format!("securebits: {}", reason(errno)))
}

/// Gives up what user `uid` is not to have in a jail, once the process is that user: all but
/// `allowed`, and all but `ambient` where that is not user 0. Nothing of the latter counts yet.
pub fn give_up(uid: u32, allowed: &CapsHashSet, ambient: &CapsHashSet) -> Result<(), String> {
    let (effective, permitted) = match uid {
        0 => (allowed.clone(), allowed.clone()),
        _ => (CapsHashSet::new(), ambient.clone()),
    };
    let held = read(CapSet::Permitted)?;
    let kept = |set: &CapsHashSet| held.intersection(set).copied().collect();
    // Effective first: it can never hold more than permitted.
    for (set, allowed) in [
        (CapSet::Effective, &effective),
        (CapSet::Permitted, &permitted),
    ] {
        caps::set(None, set, &kept(allowed)).map_err(|error| error.to_string())?;
    }
    for (set, allowed) in [
        (CapSet::Effective, &effective),
        (CapSet::Permitted, &permitted),
    ] {
        verify(set, allowed)?;
    }
    // An ambient capability is always inheritable too (capabilities(7)).
    verify(CapSet::Inheritable, &CapsHashSet::new())
}

/// Has whatever the process executes have these capabilities, which are permitted to it.
///
/// # Errors
///
/// Where one could not be had: then the process had it not to give.
pub fn raise_ambient(ambient: &CapsHashSet) -> Result<(), String> {
    if ambient.is_empty() {
        return Ok(());
    }
    let error = |error: caps::errors::CapsError| error.to_string();
    if let Some(missing) = ambient.difference(&read(CapSet::Permitted)?).next() {
        return Err(format!("jaula itself does not have {missing}"));
    }
    caps::set(None, CapSet::Inheritable, ambient).map_err(error)?;
    caps::set(None, CapSet::Ambient, ambient).map_err(error)?;
    match read(CapSet::Ambient)? == *ambient {
        true => Ok(()),
        false => Err("they are not there although the kernel accepted them".into()),
    }
}

fn verify(set: CapSet, allowed: &CapsHashSet) -> Result<(), String> {
    let left = read(set)?;
    match left.difference(allowed).next() {
        None => Ok(()),
        Some(capability) => Err(format!("{capability} is still in the {set:?} set")),
    }
}

fn read(set: CapSet) -> Result<CapsHashSet, String> {
    caps::read(None, set).map_err(|error| error.to_string())
}

fn clear(set: CapSet) -> Result<(), String> {
    caps::clear(None, set).map_err(|error| error.to_string())
}
