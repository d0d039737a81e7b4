// SPDX-License-Identifier: MIT OR Apache-2.0

//! The jails themselves.

use std::fs;

use super::Finding;
use crate::jail::get_jailnumber;
use crate::jails::{Jails, ABI};
use crate::{privilege, sys};

const LSM: &str = "/sys/kernel/security/lsm";
const ATTRIBUTE: &str = "/proc/self/attr/jaula/current";

pub fn examine() -> Vec<Finding> {
    vec![calls(), lsm(), interface(), attribute(), privileges()]
}

fn calls() -> Finding {
    let check = "kernel";
    let advice = "there are no jails without it: nothing that jaula starts is confined, and so it \
                  starts nothing";
    match get_jailnumber() {
        Err(error) => Finding::missing(check, error.to_string(), advice),
        Ok(_)
            if ![sys::SYS_ATTACH_JAIL, sys::SYS_DESTROY_JAIL]
                .into_iter()
                .all(sys::has_call) =>
        {
            Finding::missing(
                check,
                "it has jails, and not all of the system calls for them",
                "boot a kernel that was built with the series that belongs to this jaula",
            )
        }
        Ok(number) if number.is_host() => Finding::ok(check, "it has jails; this is the host"),
        Ok(number) => Finding::warning(
            check,
            format!("it has jails; this is jail {number}"),
            "what is found here is how it looks from within; jails can be made in this one only \
             where its children.max and its allowance (sys_admin, sys_chroot) say so",
        ),
    }
}

fn lsm() -> Finding {
    let check = "lsm=";
    match fs::read_to_string(LSM) {
        Ok(list) if list.trim().split(',').any(|name| name == "jaula") => {
            Finding::ok(check, list.trim())
        }
        Ok(list) => Finding::missing(
            check,
            list.trim(),
            "jaula is not among the security modules in use: add it to the list after lsm= on the \
             kernel command line, or to CONFIG_LSM, and boot again",
        ),
        Err(error) => Finding::missing(
            check,
            format!("{LSM}: {error}"),
            "it cannot be seen which security modules are in use: mount -t securityfs securityfs \
             /sys/kernel/security",
        ),
    }
}

fn interface() -> Finding {
    let check = "securityfs";
    match Jails::open() {
        Ok(_) => Finding::ok(check, format!("shows jails in version {ABI}")),
        Err(error) => Finding::missing(
            check,
            error.to_string(),
            "jails cannot be named, limited, listed, kept, or allowed anything",
        ),
    }
}

fn attribute() -> Finding {
    let check = "/proc";
    match fs::read_to_string(ATTRIBUTE) {
        Ok(_) => Finding::ok(check, "tells the jail of a process"),
        Err(error) => Finding::missing(
            check,
            format!("{ATTRIBUTE}: {error}"),
            "\"jaula ps\" and \"jaula exec\" cannot tell who is in which jail: mount /proc, and \
             boot a kernel with jaula enabled",
        ),
    }
}

fn privileges() -> Finding {
    match privilege::require() {
        Ok(()) => Finding::ok("privilege", "enough to start jails"),
        Err(why) => Finding::warning(
            "privilege",
            why,
            "who asks cannot start jails, and some of what follows can be told to root alone",
        ),
    }
}
