// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a jail can be allowed, compiled from the very file that is built into the kernel.

// User space uses less of the file than the kernel does.
#[allow(dead_code, missing_docs)]
#[path = "../../../kernel-module/allowance.rs"]
mod source;

use source::{Allowance, Change, Permission, NAMES_LENGTH};

/// The set in `docs/abi.md`.
const DEFAULT: &str = "chown dac_override fowner fsetid kill setgid setuid setpcap \
                       net_bind_service ipc_owner audit_write setfcap";

fn names(set: Allowance) -> String {
    set.names().collect::<Vec<_>>().join(" ")
}

fn changed(set: Allowance, text: &str) -> Option<String> {
    Some(names(Change::parse(text.as_bytes())?.of(set)))
}

fn set(text: &[u8]) -> Allowance {
    let change = Change::parse(text).expect("names");
    change.of(Allowance::NONE)
}

#[test]
fn the_default_lets_a_service_run() {
    assert_eq!(names(Allowance::DEFAULT), DEFAULT);
    for kept_away in [2, 16, 17, 18, 19, 21, 22, 25, 27, 38, 39] {
        assert!(!Allowance::DEFAULT.has(Permission::of_capability(kept_away)));
    }
    assert!(!Allowance::DEFAULT.has(Permission::USERNS));
    assert!(!Allowance::DEFAULT.has(Permission::SYSCTL));
    assert!(!Allowance::DEFAULT.has(Permission::UNPRIVILEGED_PARENT_TAMPERING));
}

#[test]
fn all_names_are_read_as_they_are_told() {
    let all = names(Allowance::ALL);
    assert_eq!(all.split(' ').count(), 44);
    assert_eq!(all.len() + 1, NAMES_LENGTH);
    assert_eq!(changed(Allowance::NONE, &all), Some(all.clone()));
    for name in all.split(' ') {
        assert_eq!(changed(Allowance::NONE, name).as_deref(), Some(name));
        let without = changed(Allowance::ALL, &format!("-{name}"));
        assert_eq!(without.map(|names| names.split(' ').count()), Some(43));
    }
}

#[test]
fn names_replace_the_set_and_signs_change_it() {
    let set = set(b"kill chown");
    assert_eq!(names(set), "chown kill");
    assert_eq!(changed(set, "mknod\n").as_deref(), Some("mknod"));
    assert_eq!(changed(set, "+mknod,-kill").as_deref(), Some("chown mknod"));
    assert_eq!(
        changed(set, " +mknod , -mknod ").as_deref(),
        Some("chown kill")
    );
    assert_eq!(changed(set, "none").as_deref(), Some(""));
}

#[test]
fn what_a_change_gives_is_what_it_adds() {
    for (text, gives) in [
        ("chown mknod", "chown mknod"),
        ("+mknod,-kill", "mknod"),
        ("+mknod,-mknod", ""),
        ("-mknod,+mknod", "mknod"),
        ("none", ""),
    ] {
        let change = Change::parse(text.as_bytes()).expect("a change");
        assert_eq!(names(change.gives()), gives, "{text}");
    }
}

#[test]
fn short_names_stand_for_capabilities() {
    assert_eq!(
        changed(Allowance::NONE, "mount,chroot,raw_sockets").as_deref(),
        Some("net_raw sys_chroot sys_admin")
    );
}

#[test]
fn what_is_no_list_of_names_is_refused() {
    for text in [
        "",
        "\n",
        " ",
        ",",
        "CHOWN",
        "cap_chown",
        "chow",
        "chownn",
        "+",
        "-",
        "+none",
        "none chown",
        "chown +kill",
        "+kill chown",
        "++kill",
        "kill\n\n",
        "21",
        "chown\0",
        "k\u{e9}",
    ] {
        assert_eq!(changed(Allowance::DEFAULT, text), None, "{text:?}");
    }
}

#[test]
fn a_number_that_is_too_large_is_not_in_any_set() {
    assert!(!Allowance::ALL.has(Permission::of_capability(64)));
    assert!(!Allowance::ALL.has(Permission::of_capability(u32::MAX)));
}

#[test]
fn halves_make_up_the_set() {
    for any in [Allowance::NONE, Allowance::DEFAULT, Allowance::ALL] {
        assert_eq!(Allowance::from_halves(any.halves()), any);
    }
    let high = set(b"userns,mac_override");
    assert_eq!(high.halves(), [0, 1 | 1 << 16]);
    assert!(high.is_within(Allowance::ALL));
    assert!(!high.is_within(Allowance::DEFAULT));
    assert_eq!(high.and(Allowance::DEFAULT), Allowance::NONE);
}
