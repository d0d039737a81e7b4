// SPDX-License-Identifier: MIT OR Apache-2.0

//! Who there is in a root, and what is executed for them.

use std::collections::BTreeSet;
use std::path::Path;

use super::findings::{Finding, Findings, Topic};
use crate::host::Host;

/// The largest account file, in bytes.
const LARGEST: u64 = 16 << 20;

/// Who is to run in a jail unless somebody else is named.
const USUAL: u32 = 1000;

/// From which number on users are people, and up to which.
const PEOPLE: std::ops::Range<u32> = 1000..60000;

/// Shells that are there to be none.
const NO_SHELLS: [&str; 4] = ["nologin", "false", "true", "sync"];

/// A user of the jail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// The name, or the number where there is no entry.
    pub name: String,
    /// The user id.
    pub uid: u32,
    /// All groups.
    pub groups: BTreeSet<u32>,
    /// The home directory; `/` where nothing says otherwise.
    pub home: String,
}

struct Account<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
    shell: &'a str,
}

fn accounts(text: &str) -> impl Iterator<Item = Account<'_>> {
    text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let mut fields = fields.skip(1);
        Some(Account {
            name,
            uid: fields.next()?.parse().ok()?,
            gid: fields.next()?.parse().ok()?,
            home: fields.nth(1)?,
            shell: fields.next()?,
        })
    })
}

fn read(host: &Host, path: &str) -> Option<String> {
    let bytes = host.read(Path::new(path), LARGEST).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Finds out who is meant, in the root's own files.
pub fn find(host: &Host, user: Option<&str>) -> Result<Who, String> {
    let passwd = read(host, "/etc/passwd").unwrap_or_default();
    let number = match user {
        None => Some(USUAL),
        Some(user) => user.parse::<u32>().ok(),
    };
    let account = accounts(&passwd).find(|account| match (number, user) {
        (Some(uid), _) => account.uid == uid,
        (None, Some(user)) => account.name == user,
        (None, None) => false,
    });
    let Some(account) = account else {
        return match number {
            None => Err(format!(
                "no user {} in /etc/passwd",
                user.unwrap_or_default()
            )),
            Some(uid) => Ok(Who {
                name: uid.to_string(),
                uid,
                groups: BTreeSet::from([uid]),
                home: "/".into(),
            }),
        };
    };
    let group = read(host, "/etc/group").unwrap_or_default();
    let mut groups = BTreeSet::from([account.gid]);
    for line in group.lines() {
        let mut fields = line.split(':').skip(2);
        let (Some(gid), Some(members)) = (fields.next(), fields.next()) else {
            continue;
        };
        if members.split(',').any(|member| member == account.name) {
            groups.extend(gid.parse::<u32>());
        }
    }
    Ok(Who {
        name: account.name.to_owned(),
        uid: account.uid,
        groups,
        home: account.home.to_owned(),
    })
}

/// Whether those who are to have a shell have one.
pub fn check(host: &Host, findings: &mut Findings) {
    let Some(passwd) = read(host, "/etc/passwd") else {
        findings.add(Finding::note(
            Topic::Shell,
            Path::new("/etc/passwd"),
            "is not there or cannot be read: users are numbers in this root",
            "",
        ));
        if let Some(why) = no_program(host, "/bin/sh") {
            findings.add(Finding::note(
                Topic::Shell,
                Path::new("/bin/sh"),
                format!("{why}: only a command that is given can be run"),
                "",
            ));
        }
        return;
    };
    for account in accounts(&passwd) {
        let shell = match account.shell {
            "" => "/bin/sh",
            shell => shell,
        };
        let name = shell.rsplit('/').next().unwrap_or_default();
        let is_person = account.uid == 0 || PEOPLE.contains(&account.uid);
        if !is_person || NO_SHELLS.contains(&name) {
            continue;
        }
        if let Some(why) = no_program(host, shell) {
            findings.add(Finding::problem(
                Topic::Shell,
                Path::new(shell),
                format!("the shell of user {} {why}", account.name),
                "put it there, or change /etc/passwd; a command can be run without it",
            ));
        }
    }
}

fn no_program(host: &Host, path: &str) -> Option<&'static str> {
    use std::os::unix::fs::PermissionsExt;

    match host.find(Path::new(path)) {
        Err(_) => Some("is not there"),
        Ok(found) if !found.metadata.is_file() => Some("is no file"),
        Ok(found) if found.metadata.permissions().mode() & 0o111 == 0 => Some("is not executable"),
        Ok(_) => None,
    }
}
