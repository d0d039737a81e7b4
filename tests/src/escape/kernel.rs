// SPDX-License-Identifier: MIT OR Apache-2.0

//! The machine itself: its settings, modules, memory, clock, network, and what runs in the kernel.

use super::attack::{Area, Attack, Attempt, Expected, Needed, Stop};
use super::procfs::{open_to_write, read, refused, write};
use super::scene::Scene;
use super::services;
use crate::sys::peer::permitted;
use crate::sys::{machine, process, schedule, unix, Errno};
use std::fs::{self, File};
use std::io;

const EACCES: Errno = Errno::EACCES;

const fn attack(name: &'static str, attempt: fn(&Scene) -> Attempt) -> Attack {
    Attack::breakout(Area::Kernel, name, attempt)
}

/// Writing to a setting what it holds; its owner is root, so that others come no further.
const fn setting(name: &'static str, attempt: fn(&Scene) -> Attempt) -> Attack {
    attack(name, attempt)
        .for_user(Expected::Fails(EACCES))
        .counted("refusals.proc")
}

/// A family of sockets without a module in any kernel.
const UNKNOWN_FAMILY: i32 = 27;

/// Rows for settings.
macro_rules! settings {
    ($($path:literal)*) => {
        &[$(setting(concat!("writing ", $path), |_| write($path))),*]
    };
}

const SETTINGS: &[Attack] = settings!(
    "/proc/sys/kernel/core_pattern" "/proc/sys/kernel/modprobe" "/proc/sys/kernel/hotplug"
    "/proc/sys/kernel/hostname" "/proc/sys/kernel/printk" "/proc/sys/kernel/randomize_va_space"
    "/proc/sys/kernel/shmmax" "/proc/sys/fs/file-max" "/proc/sys/fs/suid_dumpable" "/proc/sys/vm/overcommit_memory"
    "/proc/sys/fs/mqueue/msg_max" "/proc/sys/kernel/keys/maxkeys"
    "/sys/kernel/uevent_helper" "/sys/kernel/rcu_expedited" "/cgroup/release_agent"
);

/// Opening a device for which its mode is not enough.
const fn device_of_memory(name: &'static str, attempt: fn(&Scene) -> Attempt) -> Attack {
    attack(name, attempt).for_user(Expected::Fails(EACCES))
}

const OTHERS: &[Attack] = &[
    // Only with the capability is it one's own.
    attack("writing /proc/sys/user/max_user_namespaces", |_| {
        write("/proc/sys/user/max_user_namespaces")
    })
    .for_user(Expected::Fails(EACCES))
    .refused_with(EACCES)
    .uncounted(),
    // Opening is enough: what is written is obeyed.
    setting("opening /proc/sysrq-trigger for writing", |_| {
        open_to_write("/proc/sysrq-trigger")
    }),
    device_of_memory("/dev/mem", |_| device("/dev/mem")),
    device_of_memory("/dev/port", |_| device("/dev/port")),
    attack("/dev/kmsg", |_| read("/dev/kmsg")).for_user(Expected::Succeeds),
    attack("syslog, reading", |_| Ok(machine::read_log()?)).for_user(Expected::Succeeds),
    attack("syslog, the console's level", |_| {
        Ok(machine::set_console_level()?)
    }),
    attack("kexec_load", |_| Ok(machine::load_kernel()?)),
    // The kernel asks whether the caller may before it looks at what it is given.
    attack("init_module", |_| {
        Ok(permitted(
            machine::load_module(),
            &[Errno::ENOEXEC, Errno::EINVAL],
        )?)
    }),
    attack("finit_module", |_| {
        Ok(permitted(
            machine::load_module_from_file(),
            &[Errno::EBADF],
        )?)
    }),
    attack("delete_module", |_| {
        Ok(permitted(machine::unload_module(), &[Errno::ENOENT])?)
    }),
    attack("reboot", |_| Ok(machine::reboot_keys()?)),
    attack("swapon", |_| {
        Ok(permitted(machine::swap_on(), &[Errno::ENOENT])?)
    }),
    attack("swapoff", |_| {
        Ok(permitted(machine::swap_off(), &[Errno::ENOENT])?)
    }),
    attack("acct", |_| Ok(machine::accounting_off()?)),
    attack("clock_settime", |_| Ok(machine::set_clock()?)),
    attack("settimeofday", |_| Ok(machine::set_time_of_day()?)),
    attack("adjtimex", |_| Ok(machine::adjust_clock()?)),
    attack("sethostname", |_| {
        let name = fs::read_to_string("/proc/sys/kernel/hostname").needed("the host's name")?;
        Ok(machine::set_host_name(name.trim_end())?)
    }),
    attack("setdomainname", |_| Ok(machine::set_domain_name("(none)")?)),
    attack("iopl", |_| all_ports()),
    attack("ioperm", |_| one_port()),
    attack("mapping the lowest page", |_| lowest_page()),
    // Any call may make the kernel want a module: the program that loads it runs on the host.
    attack("a socket whose family makes modprobe run", |_| {
        // Nobody has such sockets.
        let _ = unix::open(UNKNOWN_FAMILY, libc::SOCK_DGRAM, 0);
        Ok(())
    })
    .for_user(Expected::Succeeds)
    .proven(|_| services::was_called(services::MODPROBE))
    .without_error(),
    attack("bpf", |_| {
        machine::make_map()?;
        Ok(())
    })
    .for_user(Expected::Succeeds),
    attack("perf_event_open of itself", |_| {
        crate::sys::peer::perf(0)?;
        Ok(())
    })
    .for_user(Expected::Succeeds),
    attack("fanotify_init", |_| {
        machine::watch_all_files()?;
        Ok(())
    }),
    // Without a terminal of its own there is nothing to hang up.
    attack("vhangup", |_| {
        process::new_session().needed("setsid")?;
        Ok(machine::hang_up()?)
    }),
    attack("sched_setscheduler of itself to real time", |_| {
        Ok(schedule::set_fifo(0)?)
    }),
    attack("setpriority of itself above others", |_| {
        let me = process::pid().unsigned_abs();
        Ok(schedule::set_nice(schedule::Whose::Process, me, -5)?)
    })
    .for_user(Expected::Fails(EACCES))
    .refused_with(EACCES),
    attack("setrlimit above the hard limit", |_| {
        Ok(schedule::raise_limit()?)
    }),
    attack("a raw socket", |_| {
        socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP)
    }),
    attack("a packet socket", |_| {
        socket(libc::AF_PACKET, libc::SOCK_RAW, 0)
    }),
    attack("changing an interface over netlink", |_| change_link()),
    attack("a socket that tells of all sockets", |_| {
        socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_SOCK_DIAG)
    })
    .for_user(Expected::Succeeds),
];

/// The rows of the table.
pub const ATTACKS: &[Attack] = &{
    let mut all = [OTHERS[0]; SETTINGS.len() + OTHERS.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = match at < SETTINGS.len() {
            true => SETTINGS[at],
            false => OTHERS[at - SETTINGS.len()],
        };
        at += 1;
    }
    all
};

fn device(path: &str) -> Attempt {
    match File::options().read(true).write(true).open(path) {
        Err(error) if error.raw_os_error() == Some(libc::ENXIO) => {
            Err(Stop::NotHere("there is no such device".into()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Stop::NotHere("there is no such file".into()))
        }
        other => other.map(drop).map_err(refused),
    }
}

/// Opens a socket of a family that the kernel may not have.
pub fn socket(family: i32, kind: i32, protocol: i32) -> Attempt {
    match unix::open(family, kind, protocol) {
        Ok(_) => Ok(()),
        Err(Errno::EAFNOSUPPORT | Errno::EPROTONOSUPPORT) => {
            Err(Stop::NotHere("the kernel has no such sockets".into()))
        }
        Err(errno) => Err(errno.into()),
    }
}

fn change_link() -> Attempt {
    let socket = unix::open(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE);
    let socket = socket.needed("a netlink socket")?;
    match machine::change_link(&socket).needed("asking over netlink")? {
        0 => Ok(()),
        errno => Err(Errno(errno).into()),
    }
}

/// 32-bit ARM keeps the lowest pages for its vectors, and gives them to nobody.
fn lowest_page() -> Attempt {
    match cfg!(target_arch = "arm") {
        true => Err(Stop::NotHere("no program can have the lowest page".into())),
        false => Ok(machine::map_lowest()?),
    }
}

#[cfg(target_arch = "x86_64")]
fn all_ports() -> Attempt {
    Ok(machine::all_ports()?)
}

#[cfg(target_arch = "x86_64")]
fn one_port() -> Attempt {
    Ok(machine::one_port()?)
}

#[cfg(not(target_arch = "x86_64"))]
fn all_ports() -> Attempt {
    Err(Stop::NotHere("only x86 has ports".into()))
}

#[cfg(not(target_arch = "x86_64"))]
fn one_port() -> Attempt {
    all_ports()
}
