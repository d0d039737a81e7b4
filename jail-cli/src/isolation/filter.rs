// SPDX-License-Identifier: MIT OR Apache-2.0

//! The system calls that no program in a jail needs, unless the jail may use what they are for.
//!
//! The jail's own checks and the capabilities refuse most of them as well. Here they end before
//! any code of theirs runs, whatever is wrong in it. What is not here: calls that an ordinary
//! program makes and the kernel refuses where they go too far (clone, unshare, mknod, keyctl).

use caps::Capability;

/// The newest call that is known of each interface. Those above it are not there (ENOSYS), for nobody
/// has looked at them; programs do without, as on an older kernel.
///
/// They are compared with the kernel's tables (`cargo xtask test`): one that is raised has all new
/// calls looked at.
#[cfg(target_arch = "x86_64")]
pub const NEWEST_X86_64: u32 = 462;
/// As `NEWEST_X86_64`.
#[cfg(target_arch = "x86_64")]
pub const NEWEST_I386: u32 = 462;
/// As `NEWEST_X86_64`.
#[cfg(target_arch = "arm")]
pub const NEWEST_ARM: u32 = 462;

/// Jaula's own calls, from the first to the last, which are above all others.
#[cfg(any(target_arch = "x86_64", target_arch = "arm"))]
pub const OWN: [u32; 2] = [
    crate::sys::SYS_CREATE_NEWJAIL as u32,
    crate::sys::SYS_DISOWN_JAIL as u32,
];

/// Those that 32-bit ARM has apart from all others (`__ARM_NR_*`), from the first to the last.
#[cfg(target_arch = "arm")]
pub const PRIVATE_ARM: [u32; 2] = [0x000f_0001, 0x000f_0006];

/// Why a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It changes what is mounted.
    Mounts,
    /// It starts another kernel, or the machine anew.
    Boot,
    /// It loads code into the kernel.
    Code,
    /// It leads out of the root directory.
    WayOut,
    /// It changes the machine for everybody: clock, name, swap, quotas, accounts.
    Machine,
    /// It reaches the hardware.
    Hardware,
    /// It tells or watches what others do.
    Watching,
    /// It types into a terminal, which may be the host's.
    Typing,
    /// It is from another time, and only code that attacks calls it.
    Obsolete,
}

/// A call that is refused with EPERM.
#[derive(Clone, Copy, Debug)]
pub struct Denied {
    /// Its name.
    pub name: &'static str,
    /// Its number on x86-64, i386 and 32-bit ARM, where it has one.
    pub numbers: [Option<u32>; 3],
    /// Why.
    pub reason: Reason,
    /// It is let through where the jail may use one of these.
    pub granted_by: &'static [Capability],
}

/// The commands of ioctl(2) by which a process types into its terminal.
pub const TYPING: [u32; 2] = [libc::TIOCSTI as u32, libc::TIOCLINUX as u32];

/// By which capabilities those are let through.
pub const TYPING_GRANTED_BY: &[Capability] = &[Capability::CAP_SYS_ADMIN];

const fn denied(
    name: &'static str,
    numbers: [Option<u32>; 3],
    reason: Reason,
    granted_by: &'static [Capability],
) -> Denied {
    Denied {
        name,
        numbers,
        reason,
        granted_by,
    }
}

/// A call that has the same number everywhere.
const fn everywhere(number: u32) -> [Option<u32>; 3] {
    [Some(number); 3]
}

const fn each(x86_64: u32, i386: u32, arm: u32) -> [Option<u32>; 3] {
    [Some(x86_64), Some(i386), Some(arm)]
}

const ADMIN: &[Capability] = &[Capability::CAP_SYS_ADMIN];
const BOOT: &[Capability] = &[Capability::CAP_SYS_BOOT];
const MODULE: &[Capability] = &[Capability::CAP_SYS_MODULE];
const RAWIO: &[Capability] = &[Capability::CAP_SYS_RAWIO];
const TIME: &[Capability] = &[Capability::CAP_SYS_TIME];
const NOBODY: &[Capability] = &[];

/// All of them.
#[rustfmt::skip]
pub const DENIED: &[Denied] = &[
    denied("mount", each(165, 21, 21), Reason::Mounts, ADMIN),
    denied("umount", [None, Some(22), Some(22)], Reason::Mounts, ADMIN),
    denied("umount2", each(166, 52, 52), Reason::Mounts, ADMIN),
    denied("pivot_root", each(155, 217, 218), Reason::Mounts, ADMIN),
    denied("open_tree", everywhere(428), Reason::Mounts, ADMIN),
    denied("move_mount", everywhere(429), Reason::Mounts, ADMIN),
    denied("fsopen", everywhere(430), Reason::Mounts, ADMIN),
    denied("fsconfig", everywhere(431), Reason::Mounts, ADMIN),
    denied("fsmount", everywhere(432), Reason::Mounts, ADMIN),
    denied("fspick", everywhere(433), Reason::Mounts, ADMIN),
    denied("mount_setattr", everywhere(442), Reason::Mounts, ADMIN),
    denied("chroot", each(161, 61, 61), Reason::WayOut, &[Capability::CAP_SYS_CHROOT]),
    denied("open_by_handle_at", each(304, 342, 371), Reason::WayOut, &[Capability::CAP_DAC_READ_SEARCH]),
    denied("setns", each(308, 346, 375), Reason::WayOut, ADMIN),
    denied("kexec_load", each(246, 283, 347), Reason::Boot, BOOT),
    denied("kexec_file_load", [Some(320), None, Some(401)], Reason::Boot, BOOT),
    denied("reboot", each(169, 88, 88), Reason::Boot, BOOT),
    denied("init_module", each(175, 128, 128), Reason::Code, MODULE),
    denied("finit_module", each(313, 350, 379), Reason::Code, MODULE),
    denied("delete_module", each(176, 129, 129), Reason::Code, MODULE),
    denied("bpf", each(321, 357, 386), Reason::Code, &[Capability::CAP_BPF, Capability::CAP_SYS_ADMIN]),
    denied("settimeofday", each(164, 79, 79), Reason::Machine, TIME),
    denied("stime", [None, Some(25), Some(25)], Reason::Machine, TIME),
    denied("clock_settime", each(227, 264, 262), Reason::Machine, TIME),
    denied("clock_settime64", [None, Some(404), Some(404)], Reason::Machine, TIME),
    denied("sethostname", each(170, 74, 74), Reason::Machine, ADMIN),
    denied("setdomainname", each(171, 121, 121), Reason::Machine, ADMIN),
    denied("swapon", each(167, 87, 87), Reason::Machine, ADMIN),
    denied("swapoff", each(168, 115, 115), Reason::Machine, ADMIN),
    denied("quotactl", each(179, 131, 131), Reason::Machine, ADMIN),
    denied("quotactl_fd", everywhere(443), Reason::Machine, ADMIN),
    denied("acct", each(163, 51, 51), Reason::Machine, &[Capability::CAP_SYS_PACCT]),
    denied("iopl", [Some(172), Some(110), None], Reason::Hardware, RAWIO),
    denied("ioperm", [Some(173), Some(101), None], Reason::Hardware, RAWIO),
    denied("perf_event_open", each(298, 336, 364), Reason::Watching, &[Capability::CAP_PERFMON, Capability::CAP_SYS_ADMIN]),
    denied("syslog", each(103, 103, 103), Reason::Watching, &[Capability::CAP_SYSLOG, Capability::CAP_SYS_ADMIN]),
    denied("userfaultfd", each(323, 374, 388), Reason::Watching, &[Capability::CAP_SYS_PTRACE]),
    denied("vhangup", each(153, 111, 111), Reason::Typing, &[Capability::CAP_SYS_TTY_CONFIG]),
    denied("vm86", [None, Some(166), None], Reason::Obsolete, NOBODY),
    denied("vm86old", [None, Some(113), None], Reason::Obsolete, NOBODY),
    denied("uselib", each(134, 86, 86), Reason::Obsolete, NOBODY),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of the machine that this is compiled for, which the C library knows too.
    #[test]
    fn the_numbers_are_those_of_this_architecture() {
        let column = if cfg!(target_arch = "arm") { 2 } else { 0 };
        for (name, number) in [
            ("mount", libc::SYS_mount),
            ("umount2", libc::SYS_umount2),
            ("pivot_root", libc::SYS_pivot_root),
            ("open_tree", libc::SYS_open_tree),
            ("mount_setattr", libc::SYS_mount_setattr),
            ("chroot", libc::SYS_chroot),
            ("open_by_handle_at", libc::SYS_open_by_handle_at),
            ("setns", libc::SYS_setns),
            ("kexec_load", libc::SYS_kexec_load),
            ("reboot", libc::SYS_reboot),
            ("init_module", libc::SYS_init_module),
            ("finit_module", libc::SYS_finit_module),
            ("delete_module", libc::SYS_delete_module),
            ("bpf", libc::SYS_bpf),
            ("settimeofday", libc::SYS_settimeofday),
            ("clock_settime", libc::SYS_clock_settime),
            ("sethostname", libc::SYS_sethostname),
            ("setdomainname", libc::SYS_setdomainname),
            ("swapon", libc::SYS_swapon),
            ("swapoff", libc::SYS_swapoff),
            ("quotactl", libc::SYS_quotactl),
            ("acct", libc::SYS_acct),
            ("perf_event_open", libc::SYS_perf_event_open),
            ("syslog", libc::SYS_syslog),
            ("userfaultfd", libc::SYS_userfaultfd),
            ("vhangup", libc::SYS_vhangup),
            ("uselib", libc::SYS_uselib),
        ] {
            let entry = DENIED.iter().find(|denied| denied.name == name);
            let listed = entry.and_then(|denied| denied.numbers[column]);
            assert_eq!(listed, u32::try_from(number).ok(), "{name}");
        }
    }

    #[test]
    fn no_number_is_there_twice() {
        for column in 0..3 {
            let mut numbers: Vec<u32> = DENIED.iter().filter_map(|d| d.numbers[column]).collect();
            let count = numbers.len();
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len(), count, "column {column}");
        }
    }

    #[test]
    fn each_is_in_the_guide() {
        let guide = include_str!("../../../docs/guide.md");
        for denied in DENIED {
            let name = format!("`{}`", denied.name);
            assert!(guide.contains(&name), "{name} is not in docs/guide.md");
        }
    }
}
