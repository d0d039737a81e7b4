// SPDX-License-Identifier: GPL-2.0-only

//! What a jail is allowed of what root may do elsewhere: capabilities, and a few things more that
//! Linux leaves to the owner of a file or to everybody.
//!
//! Pure functions over plain values, with no dependency on the kernel: user space compiles and
//! tests this same file.

/// One thing that a jail can be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Permission(u32);

impl Permission {
    /// Make user namespaces.
    pub(crate) const USERNS: Self = Self(48);

    /// Write to the files that control the kernel: `/proc/sys`, `/sys` and the like.
    pub(crate) const SYSCTL: Self = Self(49);

    /// Have its processes signalled, traced and changed from above by whoever Linux lets: by a user with
    /// the same number, who needs no capability then.
    pub(crate) const UNPRIVILEGED_PARENT_TAMPERING: Self = Self(50);

    /// Takes the number of a capability, see `include/uapi/linux/capability.h`.
    pub(crate) const fn of_capability(number: u32) -> Self {
        Self(number)
    }

    /// Returns the number by which it is told: a capability's is its own.
    pub(crate) const fn number(self) -> u32 {
        self.0
    }

    /// Returns its name, [`None`] for a capability that is newer than this file.
    pub(crate) fn name(self) -> Option<&'static str> {
        NAMES
            .iter()
            .find(|(number, _)| *number == self.0)
            .map(|(_, name)| *name)
    }

    /// Finds what has a name.
    fn find(name: &[u8]) -> Option<Self> {
        NAMES
            .iter()
            .chain(&SHORT_NAMES)
            .find(|(_, known)| known.as_bytes() == name)
            .map(|(number, _)| Self(*number))
    }
}

/// All that can be allowed: the capabilities of `include/uapi/linux/capability.h`, which are 41, in
/// their order, and what is not a capability.
const NAMES: [(u32, &str); 44] = [
    (0, "chown"),
    (1, "dac_override"),
    (2, "dac_read_search"),
    (3, "fowner"),
    (4, "fsetid"),
    (5, "kill"),
    (6, "setgid"),
    (7, "setuid"),
    (8, "setpcap"),
    (9, "linux_immutable"),
    (10, "net_bind_service"),
    (11, "net_broadcast"),
    (12, "net_admin"),
    (13, "net_raw"),
    (14, "ipc_lock"),
    (15, "ipc_owner"),
    (16, "sys_module"),
    (17, "sys_rawio"),
    (18, "sys_chroot"),
    (19, "sys_ptrace"),
    (20, "sys_pacct"),
    (21, "sys_admin"),
    (22, "sys_boot"),
    (23, "sys_nice"),
    (24, "sys_resource"),
    (25, "sys_time"),
    (26, "sys_tty_config"),
    (27, "mknod"),
    (28, "lease"),
    (29, "audit_write"),
    (30, "audit_control"),
    (31, "setfcap"),
    (32, "mac_override"),
    (33, "mac_admin"),
    (34, "syslog"),
    (35, "wake_alarm"),
    (36, "block_suspend"),
    (37, "audit_read"),
    (38, "perfmon"),
    (39, "bpf"),
    (40, "checkpoint_restore"),
    (Permission::USERNS.0, "userns"),
    (Permission::SYSCTL.0, "sysctl"),
    (
        Permission::UNPRIVILEGED_PARENT_TAMPERING.0,
        "unprivileged_parent_tampering",
    ),
];

/// What they are called for short.
const SHORT_NAMES: [(u32, &str); 3] = [(13, "raw_sockets"), (18, "chroot"), (21, "mount")];

/// How long the names of all are together, each followed by one character.
pub(crate) const NAMES_LENGTH: usize = {
    let mut length = 0;
    let mut index = 0;
    while index < NAMES.len() {
        length += NAMES[index].1.len() + 1;
        index += 1;
    }
    length
};

/// A set of permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance(u64);

impl Allowance {
    /// Nothing.
    pub(crate) const NONE: Self = Self(0);

    /// All that there is, which is what the host has.
    pub(crate) const ALL: Self = Self(u64::MAX);

    /// What lets a service run and cannot reach outside: chown, dac_override, fowner, fsetid, kill,
    /// setgid, setuid, setpcap, net_bind_service, ipc_owner, audit_write, setfcap.
    pub(crate) const DEFAULT: Self = Self(
        1 << 0
            | 1 << 1
            | 1 << 3
            | 1 << 4
            | 1 << 5
            | 1 << 6
            | 1 << 7
            | 1 << 8
            | 1 << 10
            | 1 << 15
            | 1 << 29
            | 1 << 31,
    );

    /// Makes a set of two halves, the lower first, as [`Self::halves`] gives them.
    pub(crate) const fn from_halves(halves: [u32; 2]) -> Self {
        Self(halves[0] as u64 | (halves[1] as u64) << 32)
    }

    /// Returns the halves of the set.
    pub(crate) const fn halves(self) -> [u32; 2] {
        [self.0 as u32, (self.0 >> 32) as u32]
    }

    /// Tells whether a permission is in the set.
    pub(crate) const fn has(self, permission: Permission) -> bool {
        permission.0 < u64::BITS && self.0 & (1 << permission.0) != 0
    }

    /// Tells whether all of this set is in `other`.
    pub(crate) const fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Returns what is in both sets.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns the names of what is in the set, in the order of their numbers.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES
            .iter()
            .filter(move |(number, _)| self.has(Permission(*number)))
            .map(|(_, name)| *name)
    }
}

/// What is to become of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    kept: Allowance,
    added: Allowance,
}

impl Change {
    /// Reads a change: names, which replace the set, or names that each have a `+` or a `-` before them,
    /// which are added or taken away, the later ones last. They are separated by spaces or commas. `none`
    /// alone is the empty set.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let is_separator = |byte: &u8| matches!(byte, b' ' | b',');
        let mut items = text
            .split(is_separator)
            .filter(|item| !item.is_empty())
            .peekable();
        let is_change = matches!(items.peek()?.first()?, b'+' | b'-');
        let start = Self {
            kept: if is_change {
                Allowance::ALL
            } else {
                Allowance::NONE
            },
            added: Allowance::NONE,
        };

        if text == b"none" {
            return Some(start);
        }
        items.try_fold(start, |change, item| {
            let (adds, name) = match (item.first()?, is_change) {
                (b'+', true) => (true, &item[1..]),
                (b'-', true) => (false, &item[1..]),
                (_, true) => return None,
                (_, false) => (true, item),
            };
            let permission = Permission::find(name)?;
            Some(if adds {
                change.and_add(permission)
            } else {
                change.and_take(permission)
            })
        })
    }

    fn and_add(self, permission: Permission) -> Self {
        Self {
            added: Allowance(self.added.0 | 1 << permission.0),
            ..self
        }
    }

    fn and_take(self, permission: Permission) -> Self {
        Self {
            kept: Allowance(self.kept.0 & !(1 << permission.0)),
            added: Allowance(self.added.0 & !(1 << permission.0)),
        }
    }

    /// Returns what it gives by name.
    pub(crate) const fn gives(self) -> Allowance {
        self.added
    }

    /// Returns what becomes of a set.
    pub(crate) const fn of(self, set: Allowance) -> Allowance {
        Allowance(set.0 & self.kept.0 | self.added.0)
    }
}
