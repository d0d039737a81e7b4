// SPDX-License-Identifier: MIT OR Apache-2.0

//! A user namespace makes its maker root in it. In a jail that may make one this is worth as
//! little as root of the jail.
//!
//! The attacker of these rows has made one before each attempt; its root directory is that of its
//! mount namespace, without which Linux lets nobody make one.

use super::attack::{Attack, Attempt, Expected, Needed, Stop};
use super::procfs::write;
use super::scene::Scene;
use super::{cell, kernel};
use crate::sys::peer::permitted;
use crate::sys::{ids, machine, peer, process, tree, Errno};

const fn attack(name: &'static str, attempt: fn(&Scene) -> Attempt) -> Attack {
    Attack::namespaced(name, attempt)
}

/// What Linux refuses from any namespace but the first.
const fn first_only(name: &'static str, attempt: fn(&Scene) -> Attempt) -> Attack {
    attack(name, attempt).for_all(Expected::Fails(Errno::EPERM))
}

/// The rows of the table.
pub const ATTACKS: &[Attack] = &[
    attack("chroot", |_| Ok(tree::chroot("/")?)),
    attack("unshare(CLONE_NEWNS)", |_| unshare(libc::CLONE_NEWNS)),
    attack("unshare(CLONE_NEWPID)", |_| unshare(libc::CLONE_NEWPID)),
    attack("unshare(CLONE_NEWUTS)", |_| unshare(libc::CLONE_NEWUTS)),
    attack("unshare(CLONE_NEWIPC)", |_| unshare(libc::CLONE_NEWIPC)),
    attack("unshare(CLONE_NEWNET)", |_| {
        // A kernel built without them has no such namespaces.
        match unshare(libc::CLONE_NEWNET) {
            Err(Stop::Refused(Errno::EINVAL)) => Err(Errno::ENOSYS.into()),
            other => other,
        }
    }),
    attack("a user and a mount namespace at once", |_| {
        unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS)
    }),
    attack("sethostname", |_| {
        let _ = ids::unshare(libc::CLONE_NEWUTS);
        Ok(machine::set_host_name("escaped")?)
    }),
    attack("mounting a tmpfs", |_| {
        let _ = ids::unshare(libc::CLONE_NEWNS);
        Ok(tree::mount("tmpfs", cell::path(), "")?)
    }),
    attack("a bind mount", |_| {
        let _ = ids::unshare(libc::CLONE_NEWNS);
        Ok(tree::bind("/", cell::path())?)
    }),
    attack("open_tree of a copy", |_| {
        let _ = ids::unshare(libc::CLONE_NEWNS);
        tree::clone_tree(cell::path().join("doomed"))?;
        Ok(())
    }),
    attack("pivot_root", |_| {
        let _ = ids::unshare(libc::CLONE_NEWNS);
        let _ = tree::bind("/", cell::path());
        // EINVAL: the first root file system cannot be put elsewhere.
        Ok(permitted(
            tree::pivot_root(cell::path(), cell::path().join("tmp")),
            &[Errno::EINVAL],
        )?)
    }),
    attack("a raw socket", |_| {
        let _ = ids::unshare(libc::CLONE_NEWNET);
        kernel::socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP)
    }),
    attack("a packet socket", |_| {
        let _ = ids::unshare(libc::CLONE_NEWNET);
        kernel::socket(libc::AF_PACKET, libc::SOCK_RAW, 0)
    }),
    first_only("mknod of the memory", |_| {
        let path = cell::path().join("tmp/memory");
        Ok(tree::make_device(path, libc::S_IFCHR, 1, 1)?)
    }),
    first_only("open_by_handle_at", |scene| {
        let Some(handle) = &scene.kept.handle else {
            return Err(Errno::ENOSYS.into());
        };
        let mount = std::fs::File::open(cell::path()).needed("the root directory")?;
        tree::open_handle(&mount, handle)?;
        Ok(())
    }),
    first_only("setns with the target", |scene| {
        let process = peer::pidfd(scene.target.pid).needed("pidfd_open")?;
        Ok(peer::join_namespaces(&process, libc::CLONE_NEWUTS)?)
    }),
    first_only("setns with a descriptor kept from outside", |scene| {
        let kept = scene.kept.namespace.as_ref();
        let namespace = kept.ok_or(Errno::EIO).needed("a namespace kept")?;
        Ok(ids::set_namespace(namespace, libc::CLONE_NEWNS)?)
    }),
    first_only("PTRACE_ATTACH", |scene| {
        Ok(peer::attach_and_detach(scene.target.pid)?)
    }),
    first_only("init_module", |_| {
        Ok(permitted(machine::load_module(), &[Errno::ENOEXEC])?)
    }),
    first_only("kexec_load", |_| Ok(machine::load_kernel()?)),
    first_only("reboot", |_| Ok(machine::reboot_keys()?)),
    first_only("settimeofday", |_| Ok(machine::set_time_of_day()?)),
    first_only("syslog, the console's level", |_| {
        Ok(machine::set_console_level()?)
    }),
    attack("bpf", |_| {
        machine::make_map()?;
        Ok(())
    }),
    // Linux goes by the user outside.
    attack("kill", |scene| {
        Ok(process::kill(scene.target.pid, libc::SIGUSR1)?)
    })
    .counted("refusals.signal"),
    attack("writing /proc/sys/kernel/core_pattern", |_| {
        write("/proc/sys/kernel/core_pattern")
    })
    .for_user(Expected::Fails(Errno::EACCES)),
];

fn unshare(kinds: i32) -> Attempt {
    Ok(ids::unshare(kinds)?)
}
