// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a jail may do, or have done to it: capabilities, and three things that are none.

use std::fmt;
use std::str::FromStr;

use caps::{Capability, CapsHashSet};
use serde::{Deserialize, Serialize};

/// Something that a jail may do or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Permission {
    /// To use a capability.
    Capability(Capability),
    /// To make user namespaces.
    Userns,
    /// To write to /proc/sys and the other files by which a kernel is set up.
    Sysctl,
    /// To have its processes signalled, traced and changed from outside by a user with the same number,
    /// without a capability.
    UnprivilegedParentTampering,
}

const TAMPERING: &str = "unprivileged_parent_tampering";

/// Short forms of capabilities.
const ALIASES: [(&str, Capability); 3] = [
    ("chroot", Capability::CAP_SYS_CHROOT),
    ("mount", Capability::CAP_SYS_ADMIN),
    ("raw_sockets", Capability::CAP_NET_RAW),
];

const PREFIX: &str = "CAP_";

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Permission::Capability(capability) => {
                let name = capability.to_string();
                f.write_str(&name[PREFIX.len()..].to_ascii_lowercase())
            }
            Permission::Userns => f.write_str("userns"),
            Permission::Sysctl => f.write_str("sysctl"),
            Permission::UnprivilegedParentTampering => f.write_str(TAMPERING),
        }
    }
}

impl FromStr for Permission {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "userns" => return Ok(Permission::Userns),
            "sysctl" => return Ok(Permission::Sysctl),
            TAMPERING => return Ok(Permission::UnprivilegedParentTampering),
            _ => {}
        }
        let alias = ALIASES.iter().find(|(alias, _)| *alias == text);
        let is_lower = || !text.bytes().any(|byte| byte.is_ascii_uppercase());
        let capability = alias.map(|(_, capability)| *capability).or_else(|| {
            let name = format!("{PREFIX}{}", text.to_ascii_uppercase());
            name.parse().ok().filter(|_| is_lower())
        });
        let capability = capability.ok_or_else(|| {
            let names: Vec<String> = known().map(|known| known.to_string()).collect();
            let aliases: Vec<&str> = ALIASES.iter().map(|(alias, _)| *alias).collect();
            format!(
                "there is no permission {text:?}; there are {}, and for short {}",
                names.join(", "),
                aliases.join(", ")
            )
        });
        capability.map(Permission::Capability)
    }
}

fn known() -> impl Iterator<Item = Permission> {
    let mut capabilities: Vec<Capability> = caps::all().into_iter().collect();
    capabilities.sort_by_key(|capability| capability.index());
    let capabilities = capabilities.into_iter().map(Permission::Capability);
    capabilities.chain([
        Permission::Userns,
        Permission::Sysctl,
        Permission::UnprivilegedParentTampering,
    ])
}

impl TryFrom<String> for Permission {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Permission> for String {
    fn from(permission: Permission) -> Self {
        permission.to_string()
    }
}

/// All that a jail may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permissions(Vec<Permission>);

impl Default for Permissions {
    /// What a new jail may do: what lets a service run and cannot reach outside.
    ///
    /// Among the rest, a second chroot, mounts, device nodes and open_by_handle_at stay out.
    fn default() -> Self {
        let capabilities = [
            Capability::CAP_CHOWN,
            Capability::CAP_DAC_OVERRIDE,
            Capability::CAP_FOWNER,
            Capability::CAP_FSETID,
            Capability::CAP_KILL,
            Capability::CAP_SETGID,
            Capability::CAP_SETUID,
            Capability::CAP_SETPCAP,
            Capability::CAP_SETFCAP,
            Capability::CAP_NET_BIND_SERVICE,
            Capability::CAP_AUDIT_WRITE,
            Capability::CAP_IPC_OWNER,
        ];
        Permissions(capabilities.map(Permission::Capability).to_vec())
    }
}

impl Permissions {
    /// The names that the kernel lists; one that is not known here is left out.
    pub fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let known = names.into_iter().filter_map(|name| name.parse().ok());
        Permissions(known.collect())
    }

    /// The same and more.
    pub fn and(mut self, more: &[Permission]) -> Self {
        self.0.extend(more);
        self
    }

    /// The same, but for these.
    pub fn without(mut self, fewer: &[Permission]) -> Self {
        self.0.retain(|permission| !fewer.contains(permission));
        self
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = Permission> + '_ {
        self.0.iter().copied()
    }

    /// Whether one of `capabilities` may be used.
    pub fn has_any(&self, capabilities: &[Capability]) -> bool {
        capabilities
            .iter()
            .any(|&capability| self.0.contains(&Permission::Capability(capability)))
    }

    /// The capabilities among them.
    pub fn capabilities(&self) -> CapsHashSet {
        let capability = |permission: &Permission| match permission {
            Permission::Capability(capability) => Some(*capability),
            _ => None,
        };
        self.0.iter().filter_map(capability).collect()
    }

    /// The same, and what root of every jail has as well: the kernel has CAP_SYS_PTRACE count there for
    /// seeing what the jail's other users run, as `ps` and `pidof` do, and for attaching to it only where
    /// `sys_ptrace` is among the permissions.
    pub fn capabilities_of_root(&self) -> CapsHashSet {
        let mut capabilities = self.capabilities();
        capabilities.insert(Capability::CAP_SYS_PTRACE);
        capabilities
    }

    /// The capabilities that are not those of every jail.
    pub fn extra_capabilities(&self) -> CapsHashSet {
        let usual = Permissions::default().capabilities();
        self.capabilities().difference(&usual).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_kernel() {
        for permission in known() {
            assert_eq!(permission.to_string().parse(), Ok(permission));
        }
        assert_eq!(known().count(), 44);
        for (short, name) in [
            ("chroot", "sys_chroot"),
            ("mount", "sys_admin"),
            ("raw_sockets", "net_raw"),
            ("sys_time", "sys_time"),
        ] {
            let permission: Permission = short.parse().expect(short);
            assert_eq!(permission.to_string(), name);
        }
    }

    #[test]
    fn others_are_refused_with_a_list() {
        for text in ["", "CAP_CHOWN", "Chown", "cap_chown", "everything"] {
            let error = text.parse::<Permission>().expect_err(text);
            assert!(error.contains("chown, dac_override"), "{error}");
            assert!(
                error.contains(
                    "userns, sysctl, unprivileged_parent_tampering, and for short chroot"
                ),
                "{error}"
            );
        }
    }

    #[test]
    fn what_is_allowed_comes_on_top() {
        let chroot = "chroot".parse().expect("a permission");
        let all = Permissions::default().and(&[chroot, Permission::Userns]);
        assert!(all.has_any(&[Capability::CAP_SYS_CHROOT, Capability::CAP_BPF]));
        assert!(!all.has_any(&[Capability::CAP_BPF]));
        assert_eq!(all.capabilities().len(), 13);
        assert_eq!(
            all.extra_capabilities(),
            [Capability::CAP_SYS_CHROOT].into_iter().collect()
        );
        assert_eq!(all.clone().without(&[chroot]).capabilities().len(), 12);
        let read = Permissions::named(["chown", "of_tomorrow", "userns"]);
        assert_eq!(read.0.len(), 2);
    }
}
