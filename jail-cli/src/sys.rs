// SPDX-License-Identifier: MIT OR Apache-2.0

//! The raw system calls, and, here and below, the only `unsafe` code of the crate.
//!
//! Nothing here decides anything: each function makes one call and turns its result into a
//! [`Result`]. What the calls promise is written in `docs/abi.md`.

pub mod bpf;
pub mod inherited;
pub mod packet;
pub mod volume;

use std::ffi::{c_int, c_long, c_uint};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sched::CloneFlags;
use nix::sys::signal::SigSet;
use nix::sys::time::TimeSpec;
use nix::unistd::{ForkResult, Pid};

/// Number of `create_newjail`, the same on every architecture (`docs/abi.md`).
pub const SYS_CREATE_NEWJAIL: c_long = 1000;

/// Number of `get_jailnumber`, the same on every architecture (`docs/abi.md`).
pub const SYS_GET_JAILNUMBER: c_long = 1001;

/// `long create_newjail(void)`: the calling task enters a new jail.
///
/// Returns the new number, or the error of the kernel as it came.
pub fn create_newjail() -> Result<c_long, Errno> {
    // SAFETY: the call takes no argument and reads or writes no memory of the caller; where the
    // kernel does not know the number it does nothing but fail with ENOSYS.
    Errno::result(unsafe { libc::syscall(SYS_CREATE_NEWJAIL) })
}

/// `long get_jailnumber(void)`: the number of the jail the calling task is in, 0 on the host.
///
/// Returns the number, or the error of the kernel as it came.
pub fn get_jailnumber() -> Result<c_long, Errno> {
    // SAFETY: as for `create_newjail`.
    Errno::result(unsafe { libc::syscall(SYS_GET_JAILNUMBER) })
}

/// Number of `attach_jail`, the same on every architecture (`docs/abi.md`).
pub const SYS_ATTACH_JAIL: c_long = 1002;

/// Number of `destroy_jail`, the same on every architecture (`docs/abi.md`).
pub const SYS_DESTROY_JAIL: c_long = 1003;

/// `long attach_jail(int number)`: the calling task enters an existing jail.
///
/// Returns 0, or the error of the kernel as it came.
pub fn attach_jail(number: c_int) -> Result<c_long, Errno> {
    // SAFETY: the call takes a number and reads or writes no memory of the caller; where the
    // kernel does not know the call it does nothing but fail with ENOSYS.
    Errno::result(unsafe { libc::syscall(SYS_ATTACH_JAIL, c_long::from(number)) })
}

/// `long destroy_jail(int number)`: ends a jail with all that is in it.
///
/// Returns 0, or the error of the kernel as it came.
pub fn destroy_jail(number: c_int) -> Result<c_long, Errno> {
    // SAFETY: as for `attach_jail`.
    Errno::result(unsafe { libc::syscall(SYS_DESTROY_JAIL, c_long::from(number)) })
}

/// Number of `open_jail`, the same on every architecture (`docs/abi.md`).
pub const SYS_OPEN_JAIL: c_long = 1004;

/// Number of `create_owned_jail`, the same on every architecture (`docs/abi.md`).
pub const SYS_CREATE_OWNED_JAIL: c_long = 1005;

/// Number of `attach_jailfd`, the same on every architecture (`docs/abi.md`).
pub const SYS_ATTACH_JAILFD: c_long = 1006;

/// Number of `destroy_jailfd`, the same on every architecture (`docs/abi.md`).
pub const SYS_DESTROY_JAILFD: c_long = 1007;

/// Number of `disown_jail`, the same on every architecture (`docs/abi.md`).
pub const SYS_DISOWN_JAIL: c_long = 1008;

/// For `open_jail`: the right to enter the jail.
pub const JAULA_ATTACH: c_uint = 1;

/// For `open_jail`: the right to end the jail, and to make jails in it.
pub const JAULA_ADMINISTER: c_uint = 2;

/// What stands for the caller's own jail in the place of a descriptor.
const OWN_JAIL: c_int = -1;

fn raw_or_own(jail: Option<BorrowedFd<'_>>) -> c_long {
    c_long::from(jail.map_or(OWN_JAIL, |jail| jail.as_raw_fd()))
}

/// A descriptor that a call has just returned.
///
/// # Safety
///
/// It is open, and nobody else owns it.
unsafe fn new_descriptor(number: c_long) -> OwnedFd {
    // Descriptors are integers of the size of `int`.
    // SAFETY: by this function's requirements.
    unsafe { OwnedFd::from_raw_fd(number as c_int) }
}

/// `int open_jail(int jail_fd, int number, unsigned int flags)`: a descriptor of a jail within that of
/// `within`, or within the caller's.
pub fn open_jail(
    within: Option<BorrowedFd<'_>>,
    number: c_int,
    flags: c_uint,
) -> Result<OwnedFd, Errno> {
    // SAFETY: the call takes integers and reads or writes no memory of the caller; where the kernel
    // does not know the call it does nothing but fail with ENOSYS.
    let opened = Errno::result(unsafe {
        libc::syscall(
            SYS_OPEN_JAIL,
            raw_or_own(within),
            c_long::from(number),
            flags,
        )
    })?;
    // SAFETY: the call has returned a new descriptor.
    Ok(unsafe { new_descriptor(opened) })
}

/// `int create_owned_jail(int jail_fd, unsigned int flags)`: makes a jail within that of `within`, or
/// within the caller's; its owner.
pub fn create_owned_jail(within: Option<BorrowedFd<'_>>, flags: c_uint) -> Result<OwnedFd, Errno> {
    // SAFETY: as for `open_jail`.
    let owner =
        Errno::result(unsafe { libc::syscall(SYS_CREATE_OWNED_JAIL, raw_or_own(within), flags) })?;
    // SAFETY: the call has returned a new descriptor.
    Ok(unsafe { new_descriptor(owner) })
}

/// `int attach_jailfd(int jail_fd, unsigned int flags)`: the calling task enters the jail.
pub fn attach_jailfd(jail: BorrowedFd<'_>, flags: c_uint) -> Result<(), Errno> {
    call_on(SYS_ATTACH_JAILFD, jail, flags)
}

/// `int destroy_jailfd(int jail_fd, unsigned int flags)`: ends the jail with all that is in it.
pub fn destroy_jailfd(jail: BorrowedFd<'_>, flags: c_uint) -> Result<(), Errno> {
    call_on(SYS_DESTROY_JAILFD, jail, flags)
}

/// `int disown_jail(int jail_fd, unsigned int flags)`: an owner becomes a plain descriptor.
pub fn disown_jail(jail: BorrowedFd<'_>, flags: c_uint) -> Result<(), Errno> {
    call_on(SYS_DISOWN_JAIL, jail, flags)
}

/// Makes one of the last three calls.
fn call_on(number: c_long, jail: BorrowedFd<'_>, flags: c_uint) -> Result<(), Errno> {
    let jail = c_long::from(jail.as_raw_fd());
    // SAFETY: these calls take integers and read or write no memory of the caller; where the kernel
    // does not know them they do nothing but fail with ENOSYS.
    Errno::result(unsafe { libc::syscall(number, jail, flags) }).map(drop)
}

/// What [`fork`] returned as.
pub enum Fork {
    /// In the parent: the id of the child.
    Parent(Pid),
    /// In the child.
    Child,
}

/// Forks, from a process of one thread that shares its memory with nobody.
///
/// # Errors
///
/// `EINVAL` where the process has several threads or shares its memory, and what fork(2) gives.
pub fn fork() -> Result<Fork, Errno> {
    require_one_thread()?;
    // SAFETY: there is one thread, so no other can hold a lock that the child would wait for.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Fork::Parent(child)),
        ForkResult::Child => Ok(Fork::Child),
    }
}

/// unshare(CLONE_THREAD) changes nothing and is the kernel's own test for a single thread with memory
/// of its own: EINVAL otherwise (unshare(2)).
fn require_one_thread() -> Result<(), Errno> {
    nix::sched::unshare(CloneFlags::CLONE_THREAD)
}

/// Whether the process can [`fork`].
pub fn has_one_thread() -> bool {
    require_one_thread().is_ok()
}

/// A descriptor of the calling process (pidfd_open(2)).
pub fn own_pidfd() -> Result<OwnedFd, Errno> {
    let own = rustix::process::getpid();
    rustix::process::pidfd_open(own, rustix::process::PidfdFlags::empty())
        .map_err(|error| Errno::from_raw(error.raw_os_error()))
}

/// Sends a signal of any number to the process of a descriptor (pidfd_send_signal(2)).
pub fn pidfd_send_signal(process: BorrowedFd<'_>, signal: c_int) -> Result<(), Errno> {
    let nothing = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: the call takes integers, and a pointer that may be null: the kernel then tells the
    // process itself who has sent the signal.
    Errno::result(unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            process.as_raw_fd(),
            signal,
            nothing,
            0,
        )
    })
    .map(drop)
}

/// Ends the process at once, without running destructors or exit handlers of its parent.
pub fn exit_now(status: u8) -> ! {
    // SAFETY: _exit never returns and touches no memory of the process.
    unsafe { libc::_exit(c_int::from(status)) }
}

/// Closes every descriptor from 3 up but those of `kept`.
///
/// For a child that never returns to what its parent was doing: other objects that own
/// descriptors must not be used or dropped afterwards.
pub fn close_all_except(kept: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    close_from(3, kept)
}

/// Closes every descriptor but those of `kept`, the standard ones included.
///
/// As [`close_all_except`].
pub fn close_everything_but(kept: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    close_from(0, kept)
}

fn close_from(mut first: c_uint, kept: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    let mut kept: Vec<c_uint> = kept.iter().map(|kept| kept.as_raw_fd() as c_uint).collect();
    kept.sort_unstable();
    for kept in kept {
        if kept < first {
            continue;
        }
        if first < kept {
            close_range(first, kept - 1)?;
        }
        first = kept + 1;
    }
    close_range(first, c_uint::MAX)
}

fn close_range(first: c_uint, last: c_uint) -> Result<(), Errno> {
    // SAFETY: close_range works on numbers, and by the contract of its callers nobody uses these again.
    Errno::result(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) }).map(drop)
}

/// Sets what is forbidden on a mount and all below it (mount_setattr(2), MOUNT_ATTR_*).
pub fn restrict_mounts(tree: BorrowedFd<'_>, attributes: u64) -> Result<(), Errno> {
    let attributes = libc::mount_attr {
        attr_set: attributes,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    set_mount_attributes(tree, &attributes, true)
}

fn set_mount_attributes(
    tree: BorrowedFd<'_>,
    attributes: &libc::mount_attr,
    recursive: bool,
) -> Result<(), Errno> {
    let flags = match recursive {
        true => libc::AT_EMPTY_PATH | libc::AT_RECURSIVE,
        false => libc::AT_EMPTY_PATH,
    };
    // SAFETY: the path is a string that ends, the structure lives over the call, and its size is
    // given; the kernel only reads both.
    Errno::result(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            flags,
            attributes,
            std::mem::size_of::<libc::mount_attr>(),
        )
    })
    .map(drop)
}

/// Has a mount, and all below it where `recursive`, show ids as `namespace` maps them (mount_setattr(2),
/// MOUNT_ATTR_IDMAP).
pub fn map_mounts(
    tree: BorrowedFd<'_>,
    namespace: BorrowedFd<'_>,
    recursive: bool,
) -> Result<(), Errno> {
    let attributes = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_IDMAP,
        attr_clr: 0,
        propagation: 0,
        userns_fd: u64::try_from(namespace.as_raw_fd()).map_err(|_| Errno::EBADF)?,
    };
    set_mount_attributes(tree, &attributes, recursive)
}

/// Puts a filter of system calls on the calling process for good (seccomp(2)).
pub fn set_seccomp_filter(program: &[libc::sock_filter]) -> Result<(), Errno> {
    let program = libc::sock_fprog {
        len: u16::try_from(program.len()).map_err(|_| Errno::EINVAL)?,
        filter: program.as_ptr().cast_mut(),
    };
    // SAFETY: the kernel reads as many statements as the length says, which are there, and
    // writes none.
    Errno::result(unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            0,
            &program,
        )
    })
    .map(drop)
}

/// Whether the calling process has a filter of system calls.
pub fn has_seccomp_filter() -> Result<bool, Errno> {
    // SAFETY: the call takes numbers alone.
    let mode = Errno::result(unsafe { libc::prctl(libc::PR_GET_SECCOMP, 0, 0, 0, 0) })?;
    Ok(mode == libc::SECCOMP_MODE_FILTER as c_int)
}

/// Switches the loopback interface on (netdevice(7)).
pub fn loopback_up() -> Result<(), Errno> {
    // SAFETY: socket takes numbers alone.
    let socket = Errno::result(unsafe {
        libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0)
    })?;
    // SAFETY: it has just been opened, and nobody else owns it.
    let socket = unsafe { OwnedFd::from_raw_fd(socket) };
    // SAFETY: all zero is a valid value of this plain structure: no name, no flags.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name[..2].copy_from_slice(&[b'l' as _, b'o' as _]);
    request.ifr_ifru.ifru_flags = libc::IFF_UP as _;
    // SAFETY: the request lives over the call, and for this command is only read.
    Errno::result(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &request) })
        .map(drop)
}

/// Whether the running kernel has a call: it is made with arguments that it refuses.
pub fn has_call(number: c_long) -> bool {
    // SAFETY: every call this is used for takes descriptors and pointers, all of which are
    // invalid here, so that it ends with an error before it does anything.
    let result = Errno::result(unsafe { libc::syscall(number, -1, 0, 0, 0, 0) });
    !matches!(result, Err(Errno::ENOSYS))
}

/// Whether the process ignores `signal`; `false` for a number that is no signal.
pub fn is_ignored(signal: c_int) -> bool {
    // SAFETY: an all-zero sigaction is a valid value of the type, made of integers and a set.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: without a new action the call only writes the old one to the valid `action`.
    let result = unsafe { libc::sigaction(signal, std::ptr::null(), &mut action) };
    result == 0 && action.sa_sigaction == libc::SIG_IGN
}

/// Gives `signal` its default action.
pub fn default_action(signal: c_int) -> Result<(), Errno> {
    // SAFETY: SIG_DFL runs no code of the process.
    match unsafe { libc::signal(signal, libc::SIG_DFL) } {
        libc::SIG_ERR => Err(Errno::last()),
        _ => Ok(()),
    }
}

/// The number of the last signal there is.
pub fn last_signal() -> c_int {
    libc::SIGRTMAX()
}

/// The number of the first signal for real time that the C library does not keep to itself.
pub fn first_real_time_signal() -> c_int {
    libc::SIGRTMIN()
}

/// Sends a signal, by its number, to a process (kill(2)).
pub fn send_signal(process: Pid, signal: c_int) -> Result<(), Errno> {
    // SAFETY: the call takes numbers alone.
    Errno::result(unsafe { libc::kill(process.as_raw(), signal) }).map(drop)
}

/// Sends a signal, by its number, to a process group (killpg(3)).
pub fn send_signal_to_group(group: Pid, signal: c_int) -> Result<(), Errno> {
    // SAFETY: the call takes numbers alone.
    Errno::result(unsafe { libc::killpg(group.as_raw(), signal) }).map(drop)
}

/// A signal that was waited for.
pub struct Received {
    /// Which signal it was.
    pub signal: c_int,
    /// Whether a process sent it; otherwise the kernel did, for a terminal say.
    pub from_process: bool,
}

/// Takes one of `signals`, which must be blocked, where one is pending.
pub fn take_pending(signals: &SigSet) -> Result<Option<c_int>, Errno> {
    let at_once = TimeSpec::new(0, 0);
    // SAFETY: both pointers are to valid values that live over the call, and nothing is to be
    // told about the signal.
    let taken =
        unsafe { libc::sigtimedwait(signals.as_ref(), std::ptr::null_mut(), at_once.as_ref()) };
    match Errno::result(taken) {
        Ok(signal) => Ok(Some(signal)),
        Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Waits until one of `signals`, which must be blocked, is pending, and takes it.
pub fn wait_for_signal(signals: &SigSet) -> Result<Received, Errno> {
    // SAFETY: siginfo_t is plain data, for which all zero is a valid value.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to valid values that live over the call.
    let signal = Errno::result(unsafe { libc::sigwaitinfo(signals.as_ref(), &mut info) })?;
    // SI_USER, SI_QUEUE and SI_TKILL are zero or less, what the kernel sends is above
    // (sigaction(2)).
    Ok(Received {
        signal,
        from_process: info.si_code <= 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::signal::{raise, Signal};

    #[test]
    fn a_signal_is_taken_once_and_only_where_it_is_pending() {
        // Of this thread alone, so that no other test sees it.
        let mut signals = SigSet::empty();
        signals.add(Signal::SIGUSR1);
        signals.thread_block().expect("blocked");
        assert_eq!(take_pending(&signals), Ok(None));
        raise(Signal::SIGUSR1).expect("raised");
        assert_eq!(take_pending(&signals), Ok(Some(libc::SIGUSR1)));
        assert_eq!(take_pending(&signals), Ok(None));
    }
}
