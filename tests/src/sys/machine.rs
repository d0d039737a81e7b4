// SPDX-License-Identifier: MIT OR Apache-2.0

//! Calls that concern the whole machine. None of them changes anything that matters.

use super::errno::{call, checked, Result};
use super::peer::owned;
use libc::c_int;
use std::os::fd::{AsRawFd, OwnedFd};

/// `reboot(2)`: has the keys for it be told to process 1, which does nothing at once.
pub fn reboot_keys() -> Result<()> {
    call!(
        libc::SYS_reboot,
        libc::LINUX_REBOOT_MAGIC1 as usize,
        libc::LINUX_REBOOT_MAGIC2 as usize,
        libc::LINUX_REBOOT_CMD_CAD_OFF as usize,
        0usize
    )
    .map(drop)
}

/// `kexec_load(2)` of nothing.
pub fn load_kernel() -> Result<()> {
    call!(libc::SYS_kexec_load, 0usize, 0usize, 0usize, 0usize).map(drop)
}

/// `init_module(2)` of what is no module.
pub fn load_module() -> Result<()> {
    let image = [0u8; 64];
    call!(
        libc::SYS_init_module,
        image.as_ptr(),
        image.len(),
        c"".as_ptr()
    )
    .map(drop)
}

/// `finit_module(2)` of a descriptor that is not open.
pub fn load_module_from_file() -> Result<()> {
    call!(libc::SYS_finit_module, -1, c"".as_ptr(), 0).map(drop)
}

/// `delete_module(2)` of a module that there is not.
pub fn unload_module() -> Result<()> {
    call!(
        libc::SYS_delete_module,
        c"jaula_no_such_module".as_ptr(),
        libc::O_NONBLOCK
    )
    .map(drop)
}

/// `swapon(2)` of a file that there is not.
pub fn swap_on() -> Result<()> {
    call!(libc::SYS_swapon, c"/jaula-no-such-file".as_ptr(), 0).map(drop)
}

/// `swapoff(2)` of a file that there is not.
pub fn swap_off() -> Result<()> {
    call!(libc::SYS_swapoff, c"/jaula-no-such-file".as_ptr()).map(drop)
}

/// `acct(2)`: turns accounting off.
pub fn accounting_off() -> Result<()> {
    call!(libc::SYS_acct, 0usize).map(drop)
}

/// Sets the clock a second on: back it may not go where it started from nought with the machine,
/// as without a real-time clock.
pub fn set_clock() -> Result<()> {
    // SAFETY: an all-zero timespec is a valid value of this plain C struct.
    let mut time: libc::timespec = unsafe { std::mem::zeroed() };
    // SAFETY: the struct outlives both calls.
    checked(unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &mut time) })?;
    time.tv_sec += 1;
    // SAFETY: as above.
    checked(unsafe { libc::clock_settime(libc::CLOCK_REALTIME, &time) }).map(drop)
}

/// `settimeofday(2)` to a second from now, as [`set_clock`].
pub fn set_time_of_day() -> Result<()> {
    // SAFETY: an all-zero timeval is a valid value of this plain C struct.
    let mut time: libc::timeval = unsafe { std::mem::zeroed() };
    // SAFETY: the struct outlives both calls; the time zone may be null.
    checked(unsafe { libc::gettimeofday(&mut time, std::ptr::null_mut()) })?;
    time.tv_sec += 1;
    // SAFETY: as above.
    checked(unsafe { libc::settimeofday(&time, std::ptr::null()) }).map(drop)
}

/// `adjtimex(2)`: sets how fast the clock runs to how fast it runs.
pub fn adjust_clock() -> Result<()> {
    // SAFETY: an all-zero timex is a valid value of this plain C struct, which asks.
    let mut state: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the struct outlives both calls.
    checked(unsafe { libc::adjtimex(&mut state) })?;
    state.modes = libc::ADJ_FREQUENCY;
    // SAFETY: as above.
    checked(unsafe { libc::adjtimex(&mut state) }).map(drop)
}

/// `sethostname(2)`.
pub fn set_host_name(name: &str) -> Result<()> {
    call!(libc::SYS_sethostname, name.as_ptr(), name.len()).map(drop)
}

/// `setdomainname(2)`.
pub fn set_domain_name(name: &str) -> Result<()> {
    call!(libc::SYS_setdomainname, name.as_ptr(), name.len()).map(drop)
}

/// `syslog(2)`: reads what is left of the kernel's log.
pub fn read_log() -> Result<()> {
    let mut buffer = [0u8; 256];
    call!(libc::SYS_syslog, 3, buffer.as_mut_ptr(), buffer.len()).map(drop)
}

/// `syslog(2)`: sets which messages the console shows, to all of them.
pub fn set_console_level() -> Result<()> {
    call!(libc::SYS_syslog, 8, 0usize, 8).map(drop)
}

/// `iopl(2)` to reach all ports.
#[cfg(target_arch = "x86_64")]
pub fn all_ports() -> Result<()> {
    call!(libc::SYS_iopl, 3).map(drop)
}

/// `ioperm(2)` to reach the first serial port.
#[cfg(target_arch = "x86_64")]
pub fn one_port() -> Result<()> {
    call!(libc::SYS_ioperm, 0x3f8usize, 8usize, 1).map(drop)
}

/// `bpf(2)`: makes an array.
pub fn make_map() -> Result<OwnedFd> {
    const BPF_MAP_CREATE: c_int = 0;
    // BPF_MAP_TYPE_ARRAY with keys of 4 bytes, values of 8, one entry, no flags.
    let mut attributes = [0u32; 32];
    attributes[..5].copy_from_slice(&[2, 4, 8, 1, 0]);
    call!(
        libc::SYS_bpf,
        BPF_MAP_CREATE,
        attributes.as_ptr(),
        std::mem::size_of_val(&attributes)
    )
    .map(owned)
}

/// `mmap(2)` of the page at address 0, for nothing to be done there.
pub fn map_lowest() -> Result<()> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
    // SAFETY: nothing of the program is at that address, so that nothing of it is replaced.
    let place = unsafe { libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_NONE, flags, -1, 0) };
    match place {
        libc::MAP_FAILED => Err(super::Errno::last()),
        _ => Ok(()),
    }
}

/// `fanotify_init(2)` for deciding about what others open.
pub fn watch_all_files() -> Result<OwnedFd> {
    const FAN_CLASS_CONTENT: u32 = 4;
    call!(libc::SYS_fanotify_init, FAN_CLASS_CONTENT, 0).map(owned)
}

/// `vhangup(2)`: takes the terminal away from all who have it open. The caller must have none.
pub fn hang_up() -> Result<()> {
    call!(libc::SYS_vhangup).map(drop)
}

/// Asks the kernel, over netlink, to change nothing about the first network interface: the error
/// number of its answer, 0 for none.
pub fn change_link(socket: &OwnedFd) -> Result<i32> {
    const RTM_NEWLINK: u16 = 16;
    // nlmsghdr with NLM_F_REQUEST and NLM_F_ACK, then ifinfomsg of interface 1.
    let mut request = [0u8; 32];
    request[0..4].copy_from_slice(&32u32.to_ne_bytes());
    request[4..6].copy_from_slice(&RTM_NEWLINK.to_ne_bytes());
    request[6..8].copy_from_slice(&5u16.to_ne_bytes());
    request[20..24].copy_from_slice(&1i32.to_ne_bytes());
    // SAFETY: the pointer and the length describe the array.
    checked(unsafe {
        libc::send(
            socket.as_raw_fd(),
            request.as_ptr().cast(),
            request.len(),
            0,
        )
    })?;
    let mut answer = [0u8; 512];
    // SAFETY: as above.
    checked(unsafe {
        libc::recv(
            socket.as_raw_fd(),
            answer.as_mut_ptr().cast(),
            answer.len(),
            0,
        )
    })?;
    // nlmsgerr begins with the negative error number.
    Ok(-i32::from_ne_bytes([
        answer[16], answer[17], answer[18], answer[19],
    ]))
}
