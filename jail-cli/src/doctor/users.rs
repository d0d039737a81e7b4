// SPDX-License-Identifier: MIT OR Apache-2.0

//! Whom jails run as, and who else has the number.

use std::fs;
use std::path::Path;

use super::Finding;
use crate::user::{Name, UserSpec};

const PASSWD: &str = "/etc/passwd";

pub fn examine() -> Vec<Finding> {
    vec![namespaces(), default_user()]
}

fn namespaces() -> Finding {
    let check = "user namespaces";
    match Path::new("/proc/self/ns/user").exists() {
        true => Finding::ok(check, "there"),
        false => Finding::warning(
            check,
            "not there",
            "--ids does not work; users of jails have the numbers that they have on the host",
        ),
    }
}

fn default_user() -> Finding {
    let check = "users of jails";
    let Name::Id(uid) = UserSpec::default().user else {
        return Finding::ok(check, "have a name");
    };
    match fs::read(PASSWD).ok().and_then(|text| name_of(&text, uid)) {
        // So it is on every machine that people work on: the first user has this number.
        Some(name) => Finding::ok(
            check,
            format!(
                "{uid}, whom they run as by default, is {name} on this host, with whom they share \
                 what is counted by user (RLIMIT_NPROC, keys, watches of files, quotas) and the \
                 files that both come by, but for those with --user or --ids"
            ),
        ),
        None => Finding::ok(
            check,
            format!(
                "{uid}, whom they run as by default, is nobody on this host; jails share what is \
                 counted by user (RLIMIT_NPROC, keys, watches of files, quotas), but for those \
                 with --ids"
            ),
        ),
    }
}

/// The name of a user in a passwd file.
fn name_of(passwd: &[u8], uid: u32) -> Option<String> {
    let uid = uid.to_string();
    let mut lines = passwd.split(|&byte| byte == b'\n');
    lines.find_map(|line| {
        let mut fields = line.split(|&byte| byte == b':');
        let name = fields.next()?;
        let is_it = fields.nth(1)? == uid.as_bytes();
        is_it.then(|| String::from_utf8_lossy(name).into_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_number() {
        let passwd = b"root:x:0:0::/:\n+\nalice:x:1000:7::/:\n";
        assert_eq!(name_of(passwd, 1000).as_deref(), Some("alice"));
        assert_eq!(name_of(passwd, 7), None);
    }
}
