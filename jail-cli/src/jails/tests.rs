// SPDX-License-Identifier: MIT OR Apache-2.0

use tempfile::TempDir;

use super::*;

/// A tree like the kernel's, with these jails in it: number, parent and name.
fn tree(jails: &[(u32, u32, &str)]) -> TempDir {
    let dir = tempfile::tempdir().expect("temporary directory");
    fs::write(dir.path().join("version"), "5\n").expect("write");
    for (number, parent, name) in jails {
        add(dir.path(), *number, *parent, name);
    }
    dir
}

fn add(directory: &Path, number: u32, parent: u32, name: &str) {
    let jail = directory.join(number.to_string());
    fs::create_dir(&jail).expect("mkdir");
    let write = |file: &str, text: &str| fs::write(jail.join(file), text).expect("write");
    write("number", &format!("{number}\n"));
    write("parent", &format!("{parent}\n"));
    write("name", &format!("{name}\n"));
    write("created", "12.000000345\n");
    write("state", "alive\n");
    for (file, value) in [
        ("tasks", 3),
        ("sem", 1),
        ("shm", 2),
        ("msg", 0),
        ("shm_bytes", 4096),
    ] {
        write(file, &format!("{value}\n"));
        write(&format!("{file}.max"), "max\n");
        write(&format!("refusals.{file}"), "0\n");
    }
    write("tasks.max", "10\n");
    write("children", "0\n");
    write("children.max", "0\n");
    write("refusals.children", "0\n");
    write("refusals.sysvipc", "7\n");
    write("persist", "0\n");
    write("allow", "chown kill userns\n");
    for kind in [
        "signal",
        "ptrace",
        "sched",
        "unix",
        "mqueue",
        "key",
        "io_uring",
        "proc",
        "capability",
        "exec",
    ] {
        write(&format!("refusals.{kind}"), "0\n");
    }
}

pub(super) fn sample_tree() -> TempDir {
    tree(&[(7, 0, "web")])
}

pub(super) fn sample() -> JailInfo {
    let dir = sample_tree();
    let jails = Jails::at(dir.path()).expect("jails");
    jails.get(number(7)).expect("read").expect("there")
}

fn number(number: u32) -> JailNumber {
    JailNumber::new(number).expect("31 bits")
}

fn found(jails: &Jails, id: &str) -> Result<u32, String> {
    let id: JailId = id.parse().expect("a jail");
    jails
        .find(&id)
        .map(|jail| jail.number.get())
        .map_err(|error| error.to_string())
}

#[test]
fn jails_are_read_in_order() {
    let dir = tree(&[(10, 2, ""), (2, 0, "web")]);
    // What is no jail's directory is none.
    fs::create_dir(dir.path().join("others")).expect("mkdir");
    let jails = Jails::at(dir.path())
        .expect("the jails")
        .list()
        .expect("a list");
    assert_eq!(
        jails
            .iter()
            .map(|jail| jail.number.get())
            .collect::<Vec<_>>(),
        [2, 10]
    );
    let web = &jails[0];
    assert_eq!(web.label(), "web");
    assert_eq!(web.created.to_string(), "12.000000345");
    assert_eq!(
        (web.tasks, web.limits.tasks, web.limits.sem),
        (3, Some(10), None)
    );
    assert_eq!(web.ipc_objects(), 3);
    assert_eq!(web.refusals["sysvipc"], 7);
    assert_eq!(web.allow, ["chown", "kill", "userns"]);
    assert_eq!(jails[1].label(), "10");
}

#[test]
fn a_jail_that_is_not_there_is_none() {
    let dir = tree(&[]);
    let jails = Jails::at(dir.path()).expect("the jails");
    assert_eq!(jails.get(number(5)).expect("read"), None);
    assert_eq!(
        found(&jails, "5"),
        Err("5: no such jail; \"jaula ls\" lists those there are".into())
    );
}

#[test]
fn a_file_that_is_missing_is_not_a_jail_that_is_missing() {
    let dir = tree(&[(5, 0, "")]);
    fs::remove_file(dir.path().join("5/msg.max")).expect("remove");
    let jails = Jails::at(dir.path()).expect("the jails");
    let error = jails.get(number(5)).expect_err("incomplete").to_string();
    assert!(error.contains("5/msg.max"), "{error}");
    assert!(jails.list().is_err());
}

#[test]
fn nonsense_is_named_and_not_guessed_at() {
    for (file, text) in [
        ("tasks", "many\n"),
        ("tasks.max", "-1\n"),
        ("created", "12.5\n"),
        ("state", "undead\n"),
        ("persist", "2\n"),
        ("name", "a b\n"),
    ] {
        let dir = tree(&[(5, 0, "")]);
        fs::write(dir.path().join("5").join(file), text).expect("write");
        let jails = Jails::at(dir.path()).expect("the jails");
        let error = jails.get(number(5)).expect_err(text).to_string();
        assert!(error.contains(&format!("5/{file}: ")), "{error}");
    }
}

#[test]
fn a_name_means_a_child_of_ones_own_first() {
    let dir = tree(&[
        (1, 0, "web"),
        (2, 1, "web"),
        (3, 1, "db"),
        (4, 2, "x"),
        (5, 3, "x"),
    ]);
    let jails = Jails::at(dir.path()).expect("the jails");
    assert_eq!(found(&jails, "web"), Ok(1));
    assert_eq!(found(&jails, "db"), Ok(3));
    let error = found(&jails, "x").expect_err("ambiguous");
    assert!(error.contains("4, 5"), "{error}");
}

#[test]
fn the_version_is_looked_at() {
    let dir = tree(&[]);
    for (text, part) in [("6\n", "version 5"), ("new\n", "unexpected value")] {
        fs::write(dir.path().join("version"), text).expect("write");
        let error = Jails::at(dir.path()).expect_err(text).to_string();
        assert!(error.contains(part), "{error}");
    }
    fs::remove_file(dir.path().join("version")).expect("remove");
    assert!(Jails::at(dir.path()).expect_err("missing").is_unavailable());
}

#[test]
fn settings_are_written_whole() {
    let dir = tree(&[(5, 0, "")]);
    let jails = Jails::at(dir.path()).expect("the jails");
    let settings: Vec<Setting> = ["name=db", "tasks.max=20", "shm_bytes.max=1K"]
        .map(|text| text.parse().expect("a setting"))
        .into();
    jails.set_all(number(5), &settings).expect("set");
    let content = |file: &str| fs::read_to_string(dir.path().join("5").join(file)).expect("read");
    assert!(content("tasks.max").starts_with("20"));
    assert!(content("shm_bytes.max").starts_with("1024"));
    assert!(content("name").starts_with("db"));
}

#[test]
fn settings_are_all_made_or_none() {
    let dir = tree(&[(5, 0, "")]);
    let jails = Jails::at(dir.path()).expect("the jails");
    let settings: Vec<Setting> = ["tasks.max=20", "sem.max=7", "children.max=1"]
        .map(|text| text.parse().expect("a setting"))
        .into();
    let file = dir.path().join("5/children.max");
    fs::remove_file(&file).expect("remove");
    assert!(jails.set_all(number(5), &settings).is_err());
    assert!(
        !file.exists(),
        "a file that the kernel does not have was made"
    );
    // One that can be read, and refuses what even root writes.
    std::os::unix::fs::symlink("/proc/version", &file).expect("symlink");
    let error = jails
        .set_all(number(5), &settings)
        .expect_err("refused")
        .to_string();
    assert!(
        error.starts_with("jail 5: setting children.max=1: "),
        "{error}"
    );
    let content = |file: &str| fs::read_to_string(dir.path().join("5").join(file)).expect("read");
    assert!(
        content("tasks.max").starts_with("10"),
        "{}",
        content("tasks.max")
    );
    assert!(content("sem.max").starts_with("max"));
    let gone = jails
        .set(number(6), &settings[0])
        .expect_err("no such jail");
    assert!(matches!(gone, JailsError::NoSuchJail(_)), "{gone}");
}

#[test]
fn a_child_is_no_grandchild() {
    let dir = tree(&[(3, 0, "web"), (4, 3, "db"), (5, 3, "web")]);
    let jails = Jails::at(dir.path()).expect("jails");
    let child = |name: &str| {
        let child = jails.child(&name.parse().expect("a name"));
        child.expect("read").map(|jail| jail.number.get())
    };
    assert_eq!(child("web"), Some(3));
    assert_eq!(child("db"), None);
}

#[test]
fn a_jail_whose_files_say_that_it_has_ended_is_none() {
    let error = |errno| {
        let error = io::Error::from_raw_os_error(errno);
        JailsError::io("reading", Path::new("/7/tasks"), &error)
    };
    assert!(error(libc::ENODEV).has_ended());
    // Another kernel than the version says: that its directory is there must be looked at.
    assert!(!error(libc::ENOENT).has_ended());
}
