// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the launcher needs to be allowed, and what is left of it inside.

use caps::{CapSet, Capability, CapsHashSet};

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
    for capability in read(CapSet::Bounding)?.difference(allowed) {
        caps::drop(None, CapSet::Bounding, *capability).map_err(|error| error.to_string())?;
    }
    clear(CapSet::Ambient)?;
    clear(CapSet::Inheritable)?;
    verify(CapSet::Bounding, allowed)
}

/// Gives up what user `uid` is not to have in a jail, once the process is that user: all but
/// `allowed`, and all of it where that is not user 0.
pub fn give_up(uid: u32, allowed: &CapsHashSet) -> Result<(), String> {
    let allowed = match uid {
        0 => allowed.clone(),
        _ => CapsHashSet::new(),
    };
    let kept = read(CapSet::Permitted)?
        .intersection(&allowed)
        .copied()
        .collect();
    // Effective first: it can never hold more than permitted.
    for set in [CapSet::Effective, CapSet::Permitted] {
        caps::set(None, set, &kept).map_err(|error| error.to_string())?;
    }
    for set in [CapSet::Effective, CapSet::Permitted] {
        verify(set, &allowed)?;
    }
    // An ambient capability is always inheritable too (capabilities(7)).
    verify(CapSet::Inheritable, &CapsHashSet::new())
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
