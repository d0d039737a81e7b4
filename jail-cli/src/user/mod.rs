// SPDX-License-Identifier: MIT OR Apache-2.0

//! Who runs in a jail: resolved in the jail's own passwd and group files.

mod database;
mod spec;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use crate::root::Root;
use crate::text::shown;
use database::{group_id, Account};
pub use spec::{Name, UserSpec};

const PASSWD: &str = "etc/passwd";
const GROUP: &str = "etc/group";

/// The largest passwd or group file read, in bytes: some ten thousand accounts.
const LIMIT: u64 = 1 << 20;

/// A user as the jail knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The user id, as it is counted in the jail: that of the host, unless the jail has ids of its own.
    pub uid: u32,
    /// The group id.
    pub gid: u32,
    /// The login name; the number where the jail's passwd has no entry.
    pub name: OsString,
    /// The home directory as seen in the jail; `/` where nothing says otherwise.
    pub home: OsString,
    /// The login shell as seen in the jail; `/bin/sh` where nothing says otherwise.
    pub shell: OsString,
}

impl User {
    /// Looks `spec` up in the files of `root`.
    ///
    /// A name must be there. A number need not be: it then has `/` for a home, and its own
    /// number for a name and, unless `spec` says otherwise, for a group.
    ///
    /// # Errors
    ///
    /// A text that names the file that was looked in.
    pub fn resolve(root: &Root, spec: &UserSpec) -> Result<Self, String> {
        let account = find_account(root, &spec.user)?;
        let uid = match (&spec.user, &account) {
            (Name::Id(uid), _) => *uid,
            (Name::Text(_), Some(account)) => account.uid,
            (Name::Text(name), None) => {
                let file = root.path().join(PASSWD);
                return Err(format!("no user {} in {}", shown(name), shown(&file)));
            }
        };
        let gid = match &spec.group {
            Some(Name::Id(gid)) => *gid,
            Some(Name::Text(name)) => find_group(root, name)?,
            None => account.as_ref().map_or(uid, |account| account.gid),
        };
        Ok(Self::from_account(uid, gid, account))
    }

    fn from_account(uid: u32, gid: u32, account: Option<Account>) -> Self {
        let text = |field: Vec<u8>, otherwise: &str| match field.is_empty() {
            true => OsString::from(otherwise),
            false => OsString::from_vec(field),
        };
        let account = account.unwrap_or_default();
        User {
            uid,
            gid,
            name: text(account.name, &uid.to_string()),
            home: text(account.home, "/"),
            shell: text(account.shell, "/bin/sh"),
        }
    }
}

fn find_account(root: &Root, user: &Name) -> Result<Option<Account>, String> {
    let content = read(root, PASSWD)?.unwrap_or_default();
    Account::find(&content, user).map_err(|error| within(root, PASSWD, &error))
}

fn find_group(root: &Root, name: &str) -> Result<u32, String> {
    let content = read(root, GROUP)?.unwrap_or_default();
    let found = group_id(&content, name).map_err(|error| within(root, GROUP, &error))?;
    found.ok_or_else(|| {
        format!(
            "no group {} in {}",
            shown(name),
            shown(&root.path().join(GROUP))
        )
    })
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
