// SPDX-License-Identifier: MIT OR Apache-2.0

use std::fs;

use tempfile::TempDir;

use super::*;

const USERS: &str = "\
# comment
root:x:0:0:root:/root:/bin/ash
broken:x:12:notanumber::/:/bin/sh

bob:x:1001:100:Bob:/home/bob:/bin/bash
bare:x:1002:1002:::
minus:x:4294967295:0::/:/bin/sh
short:x:7
";

fn resolve(passwd: Option<&str>, group: Option<&str>, spec: &str) -> Result<User, String> {
    let dir: TempDir = tempfile::tempdir().expect("temporary directory");
    fs::create_dir(dir.path().join("etc")).expect("mkdir");
    for (name, content) in [(PASSWD, passwd), (GROUP, group)] {
        if let Some(content) = content {
            fs::write(dir.path().join(name), content).expect("write");
        }
    }
    let root = Root::open(dir.path()).expect("the root");
    let result = User::resolve(&root, &spec.parse().expect("a user"), &[]);
    result.map_err(|error| error.replace(&dir.path().display().to_string(), "ROOT"))
}

fn ids(passwd: &str, spec: &str) -> Result<(u32, u32), String> {
    resolve(Some(passwd), Some("users:x:100:bob\nbad:x:ten:\n"), spec).map(|u| (u.uid, u.gid))
}

#[test]
fn a_name_takes_everything_from_its_entry() {
    let user = resolve(Some(USERS), None, "bob").expect("bob");
    let expected = User {
        uid: 1001,
        gid: 100,
        groups: Vec::new(),
        name: "bob".into(),
        home: "/home/bob".into(),
        shell: "/bin/bash".into(),
    };
    assert_eq!(user, expected);
}

#[test]
fn a_number_without_entry_stands_for_itself() {
    let user = resolve(None, None, "1234").expect("a number");
    assert_eq!((user.uid, user.gid), (1234, 1234));
    assert_eq!((user.name, user.home), ("1234".into(), "/".into()));
    assert_eq!(user.shell, "/bin/sh");
}

#[test]
fn a_number_with_entry_uses_it() {
    let user = resolve(Some(USERS), None, "1001").expect("a number");
    assert_eq!((user.gid, user.name), (100, "bob".into()));
}

#[test]
fn the_group_can_be_given() {
    assert_eq!(ids(USERS, "bob:7"), Ok((1001, 7)));
    assert_eq!(ids(USERS, "1234:users"), Ok((1234, 100)));
    assert_eq!(
        ids(USERS, "bob:none"),
        Err("no group none in ROOT/etc/group".into())
    );
    let malformed = "ROOT/etc/group: line 2 is not name:password:gid:members";
    assert_eq!(ids(USERS, "bob:bad"), Err(malformed.into()));
}

#[test]
fn empty_fields_have_their_customary_meaning() {
    let user = resolve(Some(USERS), None, "bare").expect("bare");
    assert_eq!((user.home, user.shell), ("/".into(), "/bin/sh".into()));
}

#[test]
fn an_unknown_name_says_where_it_was_looked_for() {
    assert_eq!(
        ids(USERS, "eve"),
        Err("no user eve in ROOT/etc/passwd".into())
    );
    let without = resolve(None, None, "eve");
    assert_eq!(without, Err("no user eve in ROOT/etc/passwd".into()));
}

#[test]
fn a_malformed_entry_is_not_guessed_at() {
    for (name, line) in [("broken", 3), ("minus", 7), ("short", 8)] {
        let error = ids(USERS, name).expect_err("malformed");
        assert!(
            error.starts_with(&format!("ROOT/etc/passwd: line {line} ")),
            "{error}"
        );
    }
    assert_eq!(ids(USERS, "12"), Ok((12, 12)));
}

#[test]
fn a_passwd_that_cannot_be_read_stops_even_a_number() {
    let dir = tempfile::tempdir().expect("temporary directory");
    fs::create_dir_all(dir.path().join(PASSWD)).expect("mkdir");
    let root = Root::open(dir.path()).expect("the root");
    let error = User::resolve(&root, &UserSpec::default(), &[]).expect_err("a directory");
    assert!(
        error.ends_with("etc/passwd: is not a regular file"),
        "{error}"
    );
}

#[test]
fn nonsense_on_the_command_line_is_refused() {
    for text in ["", ":", "bob:", ":7", "4294967295", "99999999999", "a:b:c"] {
        assert!(text.parse::<UserSpec>().is_err(), "{text:?}");
    }
    assert_eq!("1000:1000".parse(), Ok(UserSpec::default()));
}

#[test]
fn what_was_written_is_written_again() {
    for text in ["bob", "7", "bob:users", "7:users", "1000:1000"] {
        let spec: UserSpec = text.parse().expect("a user");
        assert_eq!(spec.to_string(), text);
    }
}

/// The groups of a user where the group file has these lines.
fn groups(spec: &str, group: &str, more: &[&str]) -> Result<Vec<u32>, String> {
    let dir = tempfile::tempdir().expect("temporary directory");
    fs::create_dir(dir.path().join("etc")).expect("mkdir");
    fs::write(dir.path().join(PASSWD), USERS).expect("write");
    fs::write(dir.path().join(GROUP), group).expect("write");
    let root = Root::open(dir.path()).expect("the root");
    let more: Vec<Name> = more
        .iter()
        .map(|group| Name::group(group).expect("a group"))
        .collect();
    let user = User::resolve(&root, &spec.parse().expect("a user"), &more);
    user.map(|user| user.groups)
        .map_err(|error| error.replace(&dir.path().display().to_string(), "ROOT"))
}

const GROUPS: &str = "\
users:x:100:
video:x:44:alice,bob
dialout:x:20:bob
again:x:44:bob
bobs:x:50:bobby,abob
short:bob
";

#[test]
fn who_has_an_entry_is_in_the_groups_that_name_it() {
    for spec in ["bob", "1001"] {
        assert_eq!(groups(spec, GROUPS, &[]), Ok(vec![20, 44, 100]), "{spec}");
    }
    // Like su and docker, but not where the group was chosen.
    for spec in ["bob:100", "1001:users", "bare", "44", "root", "alice:5"] {
        let expected = match spec {
            "alice:5" => Err("no user alice in ROOT/etc/passwd".into()),
            _ => Ok(Vec::new()),
        };
        assert_eq!(groups(spec, GROUPS, &[]), expected, "{spec}");
    }
}

#[test]
fn groups_can_be_added() {
    let more = ["50", "video", "video"];
    assert_eq!(groups("1234:7", GROUPS, &more), Ok(vec![7, 44, 50]));
    assert_eq!(groups("bob", GROUPS, &["7"]), Ok(vec![7, 20, 44, 100]));
    assert_eq!(
        groups("bob", GROUPS, &["none"]),
        Err("no group none in ROOT/etc/group".into())
    );
}

#[test]
fn a_group_that_cannot_be_told_is_not_left_out() {
    let malformed = "ROOT/etc/group: line 2 is not name:password:gid:members";
    let group = "users:x:100:\nvideo:x:four:bob\n";
    assert_eq!(groups("bob", group, &[]), Err(malformed.into()));
    assert_eq!(groups("bare", group, &[]), Ok(Vec::new()));
}

#[test]
fn more_groups_than_a_process_can_be_in_are_refused() {
    let many: String = (0..70_000)
        .map(|gid| format!("g{gid}:x:{gid}:bob\n"))
        .collect();
    let error = groups("bob", &many, &[]).expect_err("too many");
    assert!(error.contains("70000 groups"), "{error}");
}

#[test]
fn a_university_is_no_obstacle() {
    let dir = tempfile::tempdir().expect("temporary directory");
    fs::create_dir(dir.path().join("etc")).expect("mkdir");
    let line = |uid| format!("u{uid}:x:{uid}:{uid}:Student Number {uid}:/home/u{uid}:/bin/sh\n");
    let many: String = (2000..102_000).map(line).collect();
    fs::write(dir.path().join(PASSWD), many).expect("write");
    let root = Root::open(dir.path()).expect("the root");
    let user = User::resolve(&root, &"u101999".parse().expect("a user"), &[]).expect("the last");
    assert_eq!(user.uid, 101_999);
    let file = fs::File::create(dir.path().join(PASSWD)).expect("passwd");
    file.set_len(LIMIT + 1).expect("longer");
    let error = User::resolve(&root, &UserSpec::default(), &[]).expect_err("too large");
    assert!(error.contains("is larger than 16777216 bytes"), "{error}");
}
