// SPDX-License-Identifier: MIT OR Apache-2.0

//! Users, groups, capabilities, limits and namespaces of the caller.

use super::errno::{checked, Result};
use libc::c_int;

/// `CAP_KILL` (include/uapi/linux/capability.h).
pub const CAP_KILL: u32 = 5;
/// `CAP_SYS_PTRACE`.
pub const CAP_SYS_PTRACE: u32 = 19;
/// `CAP_SYS_ADMIN`.
pub const CAP_SYS_ADMIN: u32 = 21;
/// `CAP_SYS_NICE`.
pub const CAP_SYS_NICE: u32 = 23;
/// `CAP_SYS_RESOURCE`.
pub const CAP_SYS_RESOURCE: u32 = 24;

/// `_LINUX_CAPABILITY_VERSION_3`.
const CAPABILITY_VERSION: u32 = 0x2008_0522;

#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: c_int,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapabilitySet {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Reads the capabilities of another process.
pub fn read_capabilities_of(pid: libc::pid_t) -> Result<()> {
    capabilities_of(pid).map(drop)
}

fn read_capabilities() -> Result<[CapabilitySet; 2]> {
    capabilities_of(0)
}

fn capabilities_of(pid: libc::pid_t) -> Result<[CapabilitySet; 2]> {
    let mut header = CapabilityHeader {
        version: CAPABILITY_VERSION,
        pid,
    };
    let mut sets = [CapabilitySet::default(); 2];
    // SAFETY: version 3 reads the header and writes two sets; both outlive the call.
    checked(unsafe { libc::syscall(libc::SYS_capget, &raw mut header, sets.as_mut_ptr()) })?;
    Ok(sets)
}

/// Whether the caller has `capability` in its effective set.
pub fn has_capability(capability: u32) -> Result<bool> {
    let set = read_capabilities()?[(capability / 32) as usize];
    Ok(set.effective & (1 << (capability % 32)) != 0)
}

/// Takes `capability` out of the caller's effective set, and out of the permitted set as well
/// when `for_good`.
pub fn drop_capability(capability: u32, for_good: bool) -> Result<()> {
    let mut sets = read_capabilities()?;
    let set = &mut sets[(capability / 32) as usize];
    let bit = 1 << (capability % 32);
    set.effective &= !bit;
    if for_good {
        set.permitted &= !bit;
        set.inheritable &= !bit;
    }
    set_capabilities(&sets)
}

fn set_capabilities(sets: &[CapabilitySet; 2]) -> Result<()> {
    let mut header = CapabilityHeader {
        version: CAPABILITY_VERSION,
        pid: 0,
    };
    // SAFETY: version 3 reads the header and two sets; both outlive the call.
    checked(unsafe { libc::syscall(libc::SYS_capset, &raw mut header, sets.as_ptr()) }).map(drop)
}

/// Sets the real, effective and saved user of the calling thread.
pub fn set_user(uid: u32) -> Result<()> {
    // SAFETY: plain integers in, an integer out.
    checked(unsafe { libc::setresuid(uid, uid, uid) }).map(drop)
}

/// Sets the real, effective and saved group of the calling thread.
pub fn set_group(gid: u32) -> Result<()> {
    // SAFETY: plain integers in, an integer out.
    checked(unsafe { libc::setresgid(gid, gid, gid) }).map(drop)
}

/// Sets the effective user alone.
pub fn set_effective_user(uid: u32) -> Result<()> {
    // SAFETY: plain integers in, an integer out.
    checked(unsafe { libc::seteuid(uid) }).map(drop)
}

/// Empties the list of supplementary groups.
pub fn clear_groups() -> Result<()> {
    // SAFETY: a length of zero reads nothing.
    checked(unsafe { libc::setgroups(0, std::ptr::null()) }).map(drop)
}

/// Gives up root: no supplementary groups, then the group and the user `id`.
pub fn become_user(id: u32) -> Result<()> {
    clear_groups()?;
    set_group(id)?;
    set_user(id)
}

/// The same, but for one capability, if any, which the caller has in effect afterwards.
pub fn become_user_with(id: u32, capability: Option<u32>) -> Result<()> {
    let Some(capability) = capability else {
        return become_user(id);
    };
    // SAFETY: this operation takes an integer and touches no memory.
    checked(unsafe { libc::prctl(libc::PR_SET_KEEPCAPS, 1, 0, 0, 0) })?;
    become_user(id)?;
    let mut sets = [CapabilitySet::default(); 2];
    let set = &mut sets[(capability / 32) as usize];
    set.permitted = 1 << (capability % 32);
    set.effective = set.permitted;
    set_capabilities(&sets)
}

/// The caller's effective user.
pub fn effective_user() -> u32 {
    // SAFETY: takes nothing and always succeeds.
    unsafe { libc::geteuid() }
}

/// The caller's effective group.
pub fn effective_group() -> u32 {
    // SAFETY: takes nothing and always succeeds.
    unsafe { libc::getegid() }
}

/// The caller's real, effective and saved user.
pub fn users() -> Result<[u32; 3]> {
    let mut ids = [0; 3];
    let [real, effective, saved] = &mut ids;
    // SAFETY: three distinct integers that outlive the call.
    checked(unsafe { libc::getresuid(real, effective, saved) })?;
    Ok(ids)
}

/// The caller's real, effective and saved group.
pub fn groups() -> Result<[u32; 3]> {
    let mut ids = [0; 3];
    let [real, effective, saved] = &mut ids;
    // SAFETY: three distinct integers that outlive the call.
    checked(unsafe { libc::getresgid(real, effective, saved) })?;
    Ok(ids)
}

/// The caller's supplementary groups.
pub fn supplementary_groups() -> Result<Vec<u32>> {
    // SAFETY: a length of zero writes nothing and asks for the count.
    let count = checked(unsafe { libc::getgroups(0, std::ptr::null_mut()) })?;
    let mut list = vec![0; count as usize];
    // SAFETY: the kernel writes at most `count` entries.
    let count = checked(unsafe { libc::getgroups(count, list.as_mut_ptr()) })?;
    list.truncate(count as usize);
    Ok(list)
}

/// Sets the supplementary groups.
pub fn set_supplementary_groups(list: &[u32]) -> Result<()> {
    // SAFETY: the pointer and the length describe the slice.
    checked(unsafe { libc::setgroups(list.len(), list.as_ptr()) }).map(drop)
}

/// `unshare(2)`.
pub fn unshare(flags: c_int) -> Result<()> {
    // SAFETY: plain integers in, an integer out.
    checked(unsafe { libc::unshare(flags) }).map(drop)
}

/// `setns(2)` into the namespace that `file` refers to.
pub fn set_namespace(file: &std::fs::File, kind: c_int) -> Result<()> {
    use std::os::fd::AsRawFd;
    // SAFETY: the descriptor is open for as long as the borrow.
    checked(unsafe { libc::setns(file.as_raw_fd(), kind) }).map(drop)
}

/// The user that owns a user namespace (ioctl_ns(2)).
pub fn owner_of_namespace(file: &std::fs::File) -> Result<u32> {
    use std::os::fd::AsRawFd;
    const NS_GET_OWNER_UID: u32 = 0xb704;
    let mut owner = 0u32;
    // SAFETY: the descriptor is open for as long as the borrow, and the call writes one number.
    checked(unsafe { libc::ioctl(file.as_raw_fd(), NS_GET_OWNER_UID as _, &raw mut owner) })?;
    Ok(owner)
}

/// Whether `no_new_privs` is set on the caller.
pub fn no_new_privileges() -> Result<bool> {
    // SAFETY: this operation takes zeros and returns a value.
    checked(unsafe { libc::prctl(libc::PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) }).map(|set| set == 1)
}

/// Sets `no_new_privs` on the caller, for good.
pub fn set_no_new_privileges() -> Result<()> {
    // SAFETY: this operation takes integers and touches no memory.
    checked(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }).map(drop)
}

/// Sets how many descriptors the caller may have.
pub fn limit_descriptors(count: libc::rlim_t) -> Result<()> {
    let limit = libc::rlimit {
        rlim_cur: count,
        rlim_max: count,
    };
    // SAFETY: the struct outlives the call.
    checked(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }).map(drop)
}

/// Sets both limits on the memory that the caller may lock, in bytes.
pub fn limit_locked_memory(bytes: libc::rlim_t) -> Result<()> {
    let limit = libc::rlimit {
        rlim_cur: bytes,
        rlim_max: bytes,
    };
    // SAFETY: the struct outlives the call.
    checked(unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &limit) }).map(drop)
}

/// Takes `capability` away for good from the programs that this process executes, root's too.
pub fn drop_from_bounding_set(capability: u32) -> Result<()> {
    let capability = libc::c_ulong::from(capability);
    // SAFETY: this operation takes the number of a capability.
    checked(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) }).map(drop)
}
