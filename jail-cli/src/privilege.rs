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

/// What user 0 keeps in a jail: what lets a service run and cannot reach outside.
///
/// Among the rest, a second chroot, mounts, device nodes and open_by_handle_at stay out.
const ALLOWANCE: [Capability; 12] = [
    Capability::CAP_CHOWN,
    Capability::CAP_DAC_OVERRIDE,
    Capability::CAP_FOWNER,
    Capability::CAP_FSETID,
    Capability::CAP_KILL,
    Capability::CAP_SETGID,
    Capability::CAP_SETUID,
    Capability::CAP_SETPCAP,
    Capability::CAP_SETFCAP,
    Capability::CAP_NET_BIND_SERVICE,
    Capability::CAP_AUDIT_WRITE,
    Capability::CAP_IPC_OWNER,
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

/// Takes from what can ever be regained all that user `uid` is not to have in a jail.
///
/// To be called while the process still has CAP_SETPCAP.
pub fn limit(uid: u32) -> Result<(), String> {
    let allowed = allowance(uid);
    for capability in read(CapSet::Bounding)?.difference(&allowed) {
        caps::drop(None, CapSet::Bounding, *capability).map_err(|error| error.to_string())?;
    }
    clear(CapSet::Ambient)?;
    clear(CapSet::Inheritable)?;
    verify(CapSet::Bounding, &allowed)
}

/// Gives up what user `uid` is not to have in a jail, once the process is that user.
pub fn give_up(uid: u32) -> Result<(), String> {
    let allowed = allowance(uid);
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

fn allowance(uid: u32) -> CapsHashSet {
    match uid {
        0 => ALLOWANCE.into_iter().collect(),
        _ => CapsHashSet::new(),
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
