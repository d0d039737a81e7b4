// SPDX-License-Identifier: MIT OR Apache-2.0

//! Who runs in a jail: resolved in the jail's own passwd and group files.

mod database;
mod spec;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::root::Root;
use crate::text::shown;
use database::{group_id, groups_of, Account};
pub use spec::{Name, UserSpec};

const PASSWD: &str = "etc/passwd";
const GROUP: &str = "etc/group";

/// The largest passwd or group file read, in bytes: some two hundred thousand accounts.
const LIMIT: u64 = 16 << 20;

/// How many groups the kernel gives a process (NGROUPS_MAX).
const MOST_GROUPS: usize = 65536;

/// A user as the jail knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The user id, as it is counted in the jail: that of the host, unless the jail has ids of its own.
    pub uid: u32,
    /// The group id.
    pub gid: u32,
    /// The supplementary groups, each once; where there are any, `gid` is one of them, so that a
    /// set-group-ID program does not lose it.
    pub groups: Vec<u32>,
    /// The login name; the number where the jail's passwd has no entry.
    pub name: OsString,
    /// The home directory as seen in the jail; `/` where nothing says otherwise.
    pub home: OsString,
    /// The login shell as seen in the jail; `/bin/sh` where nothing says otherwise.
    pub shell: OsString,
}

/// The home directory of root on this machine, whatever the environment says.
pub(crate) fn home_of_root() -> PathBuf {
    let passwd = std::fs::read(Path::new("/").join(PASSWD)).unwrap_or_default();
    let account = Account::find(&passwd, &Name::Id(0)).ok().flatten();
    let home = account.map(|account| PathBuf::from(OsString::from_vec(account.home)));
    home.unwrap_or_else(|| "/root".into())
}

impl User {
    /// Looks `spec` up in the files of `root`.
    ///
    /// A name must be there. A number need not be: it then has `/` for a home, and its own
    /// number for a name and, unless `spec` says otherwise, for a group.
    ///
    /// Who has an entry is in the groups that have its name among their members, unless `spec`
    /// says which group; all are in those of `more`, which are looked up as the others.
    ///
    /// # Errors
    ///
    /// A text that names the file that was looked in.
    pub fn resolve(root: &Root, spec: &UserSpec, more: &[Name]) -> Result<Self, String> {
        let account = find_account(root, &spec.user)?;
        let uid = match (&spec.user, &account) {
            (Name::Id(uid), _) => *uid,
            (Name::Text(_), Some(account)) => account.uid,
            (Name::Text(name), None) => {
                let file = root.path().join(PASSWD);
                return Err(format!("no user {} in {}", shown(name), shown(&file)));
            }
        };
        let groups = GroupFile::read(root)?;
        let gid = match &spec.group {
            Some(group) => groups.find(group)?,
            None => account.as_ref().map_or(uid, |account| account.gid),
        };
        let mut others = match (&spec.group, &account) {
            (None, Some(account)) => groups.of(&account.name)?,
            _ => Vec::new(),
        };
        for group in more {
            others.push(groups.find(group)?);
        }
        Ok(Self::from_account(
            uid,
            gid,
            together(gid, others)?,
            account,
        ))
    }

    fn from_account(uid: u32, gid: u32, groups: Vec<u32>, account: Option<Account>) -> Self {
        let text = |field: Vec<u8>, otherwise: &str| match field.is_empty() {
            true => OsString::from(otherwise),
            false => OsString::from_vec(field),
        };
        let account = account.unwrap_or_default();
        User {
            uid,
            gid,
            groups,
            name: text(account.name, &uid.to_string()),
            home: text(account.home, "/"),
            shell: text(account.shell, "/bin/sh"),
        }
    }
}

/// The id of a group as the jail's own files have it, where they have it.
pub(crate) fn group(root: &Root, name: &str) -> Option<u32> {
    let groups = GroupFile::read(root).ok()?;
    groups.find(&Name::Text(name.into())).ok()
}

fn find_account(root: &Root, user: &Name) -> Result<Option<Account>, String> {
    let content = read(root, PASSWD)?.unwrap_or_default();
    Account::find(&content, user).map_err(|error| within(root, PASSWD, &error))
}

/// The group file of a root; empty where it has none.
struct GroupFile<'a> {
    root: &'a Root,
    content: Vec<u8>,
}

impl<'a> GroupFile<'a> {
    fn read(root: &'a Root) -> Result<Self, String> {
        let content = read(root, GROUP)?.unwrap_or_default();
        Ok(GroupFile { root, content })
    }

    fn find(&self, group: &Name) -> Result<u32, String> {
        let name = match group {
            Name::Id(gid) => return Ok(*gid),
            Name::Text(name) => name,
        };
        let found = group_id(&self.content, name);
        let found = found.map_err(|error| within(self.root, GROUP, &error))?;
        found.ok_or_else(|| {
            let file = self.root.path().join(GROUP);
            format!("no group {} in {}", shown(name), shown(&file))
        })
    }

    fn of(&self, user: &[u8]) -> Result<Vec<u32>, String> {
        groups_of(&self.content, user).map_err(|error| within(self.root, GROUP, &error))
    }
}

/// The groups of a process, each once; none where there are no others than the first.
fn together(gid: u32, mut others: Vec<u32>) -> Result<Vec<u32>, String> {
    if others.is_empty() {
        return Ok(others);
    }
    others.push(gid);
    others.sort_unstable();
    others.dedup();
    match others.len() {
        0..=MOST_GROUPS => Ok(others),
        count => Err(format!(
            "the user would be in {count} groups; a process can be in {MOST_GROUPS}"
        )),
    }
}

fn read(root: &Root, file: &str) -> Result<Option<Vec<u8>>, String> {
    root.read(Path::new(file), LIMIT)
        .map_err(|error| within(root, file, &error))
}

fn within(root: &Root, file: &str, error: &str) -> String {
    format!("{}: {error}", shown(&root.path().join(file)))
}

#[cfg(test)]
mod tests;
