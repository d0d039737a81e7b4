// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a command may do besides being its user: groups and capabilities.

use std::fmt;
use std::str::FromStr;

use caps::{Capability, CapsHashSet};
use serde::{Deserialize, Serialize};

use super::{Permission, Permissions};
use crate::user::Name;

/// Groups and capabilities, as they were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Credentials {
    /// What the jail may not do of that which is the default.
    pub drop: Vec<Dropped>,
    /// The capabilities that the user has from the start, who is not root.
    pub ambient: Vec<Permission>,
    /// The groups that the user is in besides its own.
    pub group_add: Vec<Name>,
}

/// Something that a jail may not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Dropped {
    /// This.
    One(Permission),
    /// Anything that is not allowed by name.
    All,
}

const ALL: &str = "all";

impl FromStr for Dropped {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            ALL => Ok(Dropped::All),
            _ => text.parse().map(Dropped::One),
        }
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dropped::One(permission) => permission.fmt(f),
            Dropped::All => f.write_str(ALL),
        }
    }
}

impl TryFrom<String> for Dropped {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Dropped> for String {
    fn from(dropped: Dropped) -> Self {
        dropped.to_string()
    }
}

impl Credentials {
    /// Whether root of the jail is without `permission`, where nothing else gives it.
    pub fn drops(&self, permission: Permission) -> bool {
        let is_it = |dropped: &Dropped| match dropped {
            Dropped::One(one) => *one == permission,
            Dropped::All => true,
        };
        self.drop.iter().any(is_it)
    }

    /// What of the default is dropped.
    pub fn dropped(&self) -> Vec<Permission> {
        let usual = Permissions::default();
        let usual = usual.iter().filter(|permission| self.drops(*permission));
        usual.collect()
    }

    /// The ambient capabilities.
    pub fn ambient(&self) -> CapsHashSet {
        self.ambient.iter().filter_map(capability).collect()
    }

    /// Checks that all that is asked for can be had together, with `allow`.
    ///
    /// # Errors
    ///
    /// What excludes what.
    pub fn check(&self, allow: &[Permission]) -> Result<(), String> {
        let one = |dropped: &Dropped| match dropped {
            Dropped::One(one) => Some(*one),
            Dropped::All => None,
        };
        let mut both = self.drop.iter().filter_map(one);
        if let Some(both) = both.find(|one| allow.contains(one)) {
            return Err(format!("{both} is both allowed and dropped"));
        }
        let other = self.ambient.iter().find(|one| capability(one).is_none());
        match other {
            None => Ok(()),
            Some(other) => Err(format!(
                "{other} is no capability, which alone can be ambient"
            )),
        }
    }
}

fn capability(permission: &Permission) -> Option<Capability> {
    match permission {
        Permission::Capability(capability) => Some(*capability),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permission(name: &str) -> Permission {
        name.parse().expect("a permission")
    }

    fn credentials(drop: &[&str], ambient: &[&str]) -> Credentials {
        Credentials {
            drop: drop.iter().map(|name| name.parse().expect(name)).collect(),
            ambient: ambient.iter().map(|name| permission(name)).collect(),
            group_add: vec![Name::Id(7), Name::Text("video".into())],
        }
    }

    #[test]
    fn what_is_dropped_is_of_the_default() {
        let names = |credentials: Credentials| -> Vec<String> {
            let dropped = credentials.dropped();
            dropped.iter().map(ToString::to_string).collect()
        };
        assert_eq!(names(credentials(&["kill", "sys_time"], &[])), ["kill"]);
        assert_eq!(names(credentials(&["all"], &[])).len(), 12);
        let none = credentials(&["sys_ptrace"], &[]);
        assert!(none.drops(permission("sys_ptrace")) && !none.drops(permission("kill")));
    }

    #[test]
    fn what_excludes_each_other_is_refused() {
        let allow = [permission("chroot")];
        assert_eq!(credentials(&["all"], &["kill"]).check(&allow), Ok(()));
        assert!(credentials(&["sys_chroot"], &[]).check(&allow).is_err());
        assert!(credentials(&[], &["userns"]).check(&allow).is_err());
        assert!("everything".parse::<Dropped>().is_err());
    }

    #[test]
    fn they_are_read_as_they_were_written() {
        let credentials = credentials(&["all", "kill"], &["net_bind_service"]);
        let text = serde_json::to_string(&credentials).expect("JSON");
        let read: Credentials = serde_json::from_str(&text).expect(&text);
        assert_eq!(read, credentials, "{text}");
    }
}
