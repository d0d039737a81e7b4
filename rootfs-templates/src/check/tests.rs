// SPDX-License-Identifier: MIT OR Apache-2.0

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{chown, symlink, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;
use crate::{build, Options, Summary, Template};

const BASH: &str =
    "description = \"t\"\nusr = \"merged\"\n[[group]]\nname = \"user\"\ngid = 1000\n\
    [[user]]\nname = \"user\"\nuid = 1000\ngroup = \"user\"\nhome = \"/home/user\"\n\
    [[directory]]\npath = \"/home/user\"\nowner = \"user\"\n[[programs]]\nnames = \"bash ls\"\n\
    [[symlink]]\npath = \"/bin/sh\"\ntarget = \"bash\"\n\
    [[file]]\npath = \"/etc/motd\"\ncontent = \"hello\"\n";

/// A root that was built; none without root.
struct Root {
    dir: TempDir,
    summary: Summary,
}

impl Root {
    fn new() -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            return None;
        }
        let dir = tempfile::tempdir().expect("temporary directory");
        let template = Template::parse(BASH).expect("valid");
        let target = dir.path().join("root");
        let summary = build(&template, &target, &Options::default()).expect("built");
        Some(Root { dir, summary })
    }

    fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join("root").join(path)
    }

    fn check_as(&self, user: Option<&str>, built: bool) -> Findings {
        let options = CheckOptions {
            user: user.map(str::to_owned),
            built: built.then_some(&self.summary.listing),
            ..CheckOptions::default()
        };
        let root = File::open(self.at("")).expect("open");
        check(root.into(), &options).expect("checked")
    }

    /// What is found, as lines.
    fn found(&self) -> Vec<String> {
        let all = self.check_as(None, true).all().into_iter();
        all.map(|one| format!("{:?} {:?} {} {}", one.level, one.topic, one.path, one.what))
            .collect()
    }

    fn write(&self, path: &str, content: &[u8], mode: u32) {
        fs::write(self.at(path), content).expect("write");
        let mode = Permissions::from_mode(mode);
        fs::set_permissions(self.at(path), mode).expect("chmod");
    }

    fn expect(&self, expected: &str) {
        let found = self.found();
        let is_there = found.iter().any(|line| line.starts_with(expected));
        assert!(is_there, "{expected}: {found:#?}");
    }
}

#[test]
fn a_root_that_was_just_built_has_nothing_wrong() {
    let Some(root) = Root::new() else { return };
    assert_eq!(root.found(), [""; 0]);
    // What its user does at home is his own.
    fs::write(root.at("home/user/own"), "").expect("write");
    chown(root.at("home/user/own"), Some(1000), Some(1000)).expect("chown");
    assert_eq!(root.found(), [""; 0]);
}

#[test]
fn what_a_program_lacks_is_named_with_who_needs_it() {
    let Some(root) = Root::new() else { return };
    let lib = fs::read_dir(root.at("usr/lib/"))
        .expect("libraries")
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.join("libc.so.6").exists());
    let Some(lib) = lib else { return };
    fs::rename(lib.join("libc.so.6"), lib.join("libd.so.6")).expect("rename");
    root.expect("Problem Library libc.so.6 is missing, a library that /usr/bin/bash and ");
    fs::rename(lib.join("libd.so.6"), lib.join("libc.so.6")).expect("rename");
    root.write("usr/bin/script", b"#!/usr/bin/perl -w\n", 0o755);
    root.write("usr/lib/script", b"#!/usr/bin/awk\n", 0o755);
    root.write("usr/bin/python", b"#! /usr/bin/env python3\n", 0o755);
    root.expect("Problem Interpreter /usr/bin/perl is missing, and starts /usr/bin/script");
    root.expect("Note Interpreter /usr/bin/awk is missing");
    root.expect("Problem Interpreter /usr/bin/env is missing");
    for loader in ["usr/lib64", "usr/lib"] {
        for entry in fs::read_dir(root.at(loader))
            .into_iter()
            .flatten()
            .flatten()
        {
            if entry.file_name().to_string_lossy().starts_with("ld-linux") {
                fs::remove_file(entry.path()).expect("remove");
                root.expect("Problem Interpreter /lib");
            }
        }
    }
}

#[test]
fn a_program_of_another_machine_is_told() {
    let Some(root) = Root::new() else { return };
    let mut ls = fs::read(root.at("usr/bin/ls")).expect("ls");
    ls[18..20].copy_from_slice(&22_u16.to_le_bytes());
    root.write("usr/bin/s390", &ls, 0o755);
    root.expect("Problem Architecture /usr/bin/s390 is a program for another machine (S390)");
    // Broken ones are told as well, and are no harm.
    for length in [20, 64, 100, 1000] {
        root.write("usr/bin/broken", &ls[..length], 0o755);
        root.found();
    }
    root.expect("Problem Interpreter /usr/bin/broken");
}

#[test]
fn a_user_without_a_shell_is_told() {
    let Some(root) = Root::new() else { return };
    fs::remove_file(root.at("usr/bin/sh")).expect("remove");
    root.expect("Problem Shell /bin/sh the shell of user user is not there");
    root.write(
        "etc/passwd",
        b"user:*:1000:1000::/:/usr/sbin/nologin\n",
        0o644,
    );
    assert!(!root.found().iter().any(|line| line.contains("Shell")));
}

#[test]
fn what_the_user_cannot_read_is_told() {
    let Some(root) = Root::new() else { return };
    root.write(
        "usr/bin/ls",
        &fs::read(root.at("usr/bin/ls")).expect("ls"),
        0o700,
    );
    root.expect("Note Unreadable /usr/bin/ls user user cannot execute it (mode 0700)");
    let mode = Permissions::from_mode(0o700);
    fs::set_permissions(root.at("usr/lib"), mode).expect("chmod");
    let found = root.found();
    let told = |line: &String| line.contains("user user cannot enter /usr/lib (mode 0700)");
    assert!(found.iter().any(told), "{found:#?}");
    let as_root = root.check_as(Some("0"), false).all();
    assert!(as_root.iter().all(|one| one.topic != Topic::Unreadable));
}

#[test]
fn what_gives_too_much_is_told() {
    let Some(root) = Root::new() else { return };
    root.write(
        "usr/bin/ls",
        &fs::read(root.at("usr/bin/ls")).expect("ls"),
        0o4755,
    );
    root.expect("Problem SetId /usr/bin/ls is set-user-ID");
    root.write("etc/motd", b"hello", 0o666);
    root.expect("Problem Writable /etc/motd user user can write to it (mode 0666)");
    fs::create_dir(root.at("srv")).expect("mkdir");
    let open = Permissions::from_mode(0o777);
    fs::set_permissions(root.at("srv"), open).expect("chmod");
    root.expect("Problem Writable /srv everybody may write there");
}

#[test]
fn links_that_lead_out_are_told() {
    let Some(root) = Root::new() else { return };
    symlink("../../../etc/shadow", root.at("etc/out")).expect("symlink");
    root.expect("Problem Link /etc/out leads out of the root, to ../../../etc/shadow");
    symlink("nowhere", root.at("etc/none")).expect("symlink");
    root.expect("Note Link /etc/none leads to nowhere, and nothing is there");
    symlink("loop", root.at("etc/loop")).expect("symlink");
    root.expect("Note Link /etc/loop leads to loop, and back to itself");
    fs::write(root.dir.path().join("outside"), "").expect("write");
    fs::hard_link(root.dir.path().join("outside"), root.at("etc/hard")).expect("link");
    root.expect("Problem HardLink /etc/hard has 2 names, and 1 of them in the root");
    fs::hard_link(root.at("etc/motd"), root.at("etc/motd2")).expect("link");
    assert!(!root
        .found()
        .iter()
        .any(|line| line.contains("HardLink /etc/motd")));
}

#[test]
fn what_has_changed_since_it_was_built_is_told() {
    let Some(root) = Root::new() else { return };
    let before = fs::metadata(root.at("etc/motd")).and_then(|found| found.modified());
    fs::write(root.at("etc/motd"), "hallo").expect("write");
    let file = File::options().write(true).open(root.at("etc/motd"));
    let time = before.expect("a time");
    file.expect("open")
        .set_modified(time)
        .expect("set the time");
    root.expect("Problem Drift /etc/motd was changed: content");
    fs::remove_file(root.at("usr/bin/ls")).expect("remove");
    root.expect("Problem Drift /usr/bin/ls was built and is not there any more");
    fs::create_dir_all(root.at("opt/a/b")).expect("mkdir");
    let found = root.found();
    let added: Vec<_> = found.iter().filter(|line| line.contains("/opt")).collect();
    assert_eq!(added, ["Problem Drift /opt is there and was not built"]);
}

#[test]
fn a_root_made_to_do_harm_is_looked_at_within_bounds() {
    let Some(root) = Root::new() else { return };
    let limits = Limits {
        entries: 50,
        depth: 10,
    };
    let checked = |path: &Path| {
        let options = CheckOptions {
            limits,
            ..CheckOptions::default()
        };
        check(File::open(path).expect("open").into(), &options).expect("checked")
    };
    let hostile = root.dir.path().join("hostile");
    fs::create_dir_all(hostile.join("bin")).expect("mkdir");
    // What would be waited for, or never ends.
    nix::unistd::mkfifo(&hostile.join("bin/fifo"), nix::sys::stat::Mode::S_IRWXU).expect("mkfifo");
    let sparse = File::create(hostile.join("bin/sparse")).expect("create");
    sparse.set_len(1 << 40).expect("grow");
    let all = Permissions::from_mode(0o755);
    sparse.set_permissions(all).expect("chmod");
    symlink("/proc/self/fd/0", hostile.join("bin/magic")).expect("symlink");
    symlink("etc", hostile.join("etc")).expect("symlink");
    assert!(!checked(&hostile)
        .all()
        .iter()
        .any(|one| one.topic == Topic::Bounds));
    for number in 0..60 {
        fs::write(hostile.join(format!("bin/{number}")), "").expect("write");
    }
    let found = checked(&hostile).all();
    assert!(
        found.iter().any(|one| one.topic == Topic::Bounds),
        "{found:?}"
    );
    let deep = root.dir.path().join("deep");
    fs::create_dir_all(deep.join("a/".repeat(20))).expect("mkdir");
    let found = checked(&deep).all();
    assert!(
        found.iter().any(|one| one.topic == Topic::Bounds),
        "{found:?}"
    );
}

#[test]
fn whoever_made_the_root_does_not_decide_how_long_it_takes() {
    let Some(root) = Root::new() else { return };
    // A user in a million groups; an index each of whose entries has the same long path.
    let line = |n: u32| format!("g{n}:x:{n}:user\n");
    let groups: String = (0..1_000_000).map(line).collect();
    root.write(
        "etc/passwd",
        b"user:x:1000:1000::/home/user:/bin/bash\n",
        0o644,
    );
    root.write("etc/group", groups.as_bytes(), 0o644);
    let count: u32 = 300_000;
    let mut index = b"glibc-ld.so.cache1.1".to_vec();
    index.extend(count.to_ne_bytes());
    index.resize(48, 0);
    let strings = 48 + count * 24;
    for _ in 0..count {
        let words = [1, strings, strings, 0, 0, 0_u32];
        index.extend(words.map(u32::to_ne_bytes).concat());
    }
    index.resize(index.len() + (4 << 20), b'/');
    root.write("etc/ld.so.cache", &index, 0o644);
    // Some that nobody but a group may read.
    for n in 0..2000 {
        root.write(&format!("home/{n}"), b"", 0o640);
    }
    let began = std::time::Instant::now();
    root.check_as(Some("user"), false);
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
}

#[test]
fn what_is_waited_for_counts_as_what_was_looked_at() {
    let Some(root) = Root::new() else { return };
    // Each directory has a hundred, of which the first has as many, and so on.
    let mut path = root.at("home/user");
    for _ in 0..20 {
        for n in 1..100 {
            fs::write(path.join(format!("{n:03}")), "").expect("write");
        }
        path.push("000");
        fs::create_dir(&path).expect("mkdir");
    }
    let options = CheckOptions {
        limits: Limits {
            entries: 1000,
            depth: 200,
        },
        ..CheckOptions::default()
    };
    let open = File::open(root.at("")).expect("open");
    let found = check(open.into(), &options).expect("checked").all();
    let bounds = found.iter().find(|one| one.topic == Topic::Bounds);
    let path = &bounds.expect("bounded").path;
    let depth = path.split("/000").count() - 1;
    assert!(depth < 11, "{path}");
}
