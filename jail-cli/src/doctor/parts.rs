// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is put around a command by default, and what can be asked for.

use std::fs;
use std::path::Path;

use super::Finding;
use crate::launch::knows_hidepid;
use crate::layers::{knows_overlay, volume};
use crate::resources;
use crate::sys;

pub fn examine() -> Vec<Finding> {
    let mut findings = vec![mount_calls(), hidepid(), seccomp()];
    findings.extend(file_systems());
    findings.extend(namespaces());
    findings.push(overlay());
    findings.push(volumes());
    findings.push(cgroup());
    findings
}

fn mount_calls() -> Finding {
    let check = "mount calls";
    let calls = [
        libc::SYS_open_tree,
        libc::SYS_move_mount,
        libc::SYS_fsopen,
        libc::SYS_mount_setattr,
        libc::SYS_openat2,
    ];
    match calls.into_iter().all(sys::has_call) {
        true => Finding::ok(check, "there"),
        false => Finding::missing(
            check,
            "not all are there",
            "jails get no mounts of their own on this kernel: --without mounts",
        ),
    }
}

fn hidepid() -> Finding {
    let check = "hidepid";
    match knows_hidepid() {
        Ok(()) => Finding::ok(
            check,
            "/proc can hide what is not in a jail (hidepid=ptraceable)",
        ),
        Err(why) if why.contains("EPERM") => Finding::warning(
            check,
            why,
            "whether the kernel can hide processes can be told to root alone",
        ),
        Err(why) => Finding::missing(
            check,
            why,
            "jails get no /proc that shows them alone: --without proc",
        ),
    }
}

fn seccomp() -> Finding {
    let check = "seccomp";
    match fs::metadata("/proc/sys/kernel/seccomp/actions_avail") {
        Ok(_) => Finding::ok(check, "filters of system calls are there"),
        Err(_) => Finding::missing(
            check,
            "no filters of system calls (CONFIG_SECCOMP_FILTER)",
            "what is in a jail can call everything, and only the jail's own checks and \
             capabilities refuse it: --without seccomp",
        ),
    }
}

fn file_systems() -> Vec<Finding> {
    let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    let has = |name: &str| {
        known
            .lines()
            .any(|line| line.split('\t').nth(1) == Some(name))
    };
    let finding = |check, is_there, advice| match is_there {
        true => Finding::ok(check, "there"),
        false => Finding::missing(check, "not there", advice),
    };
    vec![
        finding("tmpfs", has("tmpfs"), "jails get no /dev: --without dev"),
        finding("devpts", has("devpts"), "jails get no /dev: --without dev"),
    ]
}

fn namespaces() -> Vec<Finding> {
    let has = |name: &str| Path::new("/proc/self/ns").join(name).exists();
    let optional = |check, name, advice| match has(name) {
        true => Finding::ok(check, "there"),
        false => Finding::warning(check, "not there", advice),
    };
    vec![
        match has("mnt") {
            true => Finding::ok("mount namespaces", "there"),
            false => Finding::missing(
                "mount namespaces",
                "not there",
                "jails get no mounts of their own: --without mounts",
            ),
        },
        optional(
            "ipc namespaces",
            "ipc",
            "--new-ipc does not work; jails are told apart all the \
                                           same, within one space of keys",
        ),
        optional(
            "net namespaces",
            "net",
            "--new-net does not work; a jail has the host's network",
        ),
        optional("uts namespaces", "uts", "--new-uts does not work"),
        optional(
            "pid namespaces",
            "pid",
            "--new-pid does not work; jails are told apart all the \
                                           same, within one space of numbers",
        ),
    ]
}

fn overlay() -> Finding {
    let check = "overlayfs";
    match knows_overlay() {
        Ok(()) => Finding::ok(check, "there"),
        Err(why) if why.contains("EPERM") => Finding::warning(
            check,
            why,
            "whether roots can be made of layers can be told to root alone",
        ),
        Err(why) => Finding::warning(
            check,
            why,
            "root files, clones, snapshots and roots that are thrown away do not work",
        ),
    }
}

fn volumes() -> Finding {
    let check = "encrypted roots";
    match volume::require() {
        Ok(()) => Finding::ok(check, "cryptsetup, loop devices and dm-crypt are there"),
        Err(why) => Finding::warning(
            check,
            why,
            "encrypted roots can be neither made nor opened; nothing else needs it",
        ),
    }
}

fn cgroup() -> Finding {
    let check = "cgroup";
    let unlimited =
        "nothing limits the memory and the processor time of a whole jail; --rlimit limits \
                     each process, and --max-tasks how many there are";
    let missing = resources::missing();
    match missing {
        Ok(missing) if missing.is_empty() => Finding::ok(
            check,
            "version 2, with the controllers of memory, processors and disks",
        ),
        Ok(missing) => Finding::warning(
            check,
            format!("version 2, without {}", missing.join(", ")),
            "options that need them fail, such as --memory and --cpus",
        ),
        Err(why) => Finding::warning(check, why, unlimited),
    }
}
