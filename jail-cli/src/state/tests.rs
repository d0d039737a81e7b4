// SPDX-License-Identifier: MIT OR Apache-2.0

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::process::Command;

use nix::fcntl::{Flock, FlockArg};
use tempfile::TempDir;

use super::*;
use crate::jails::Created;
use crate::process::ProcessId;
use crate::root::Root;

fn store() -> (TempDir, Store) {
    let dir = tempfile::tempdir().expect("temporary directory");
    let store = Store::at(&dir.path().join("jaula"));
    (dir, store)
}

fn number(number: u32) -> JailNumber {
    JailNumber::new(number).expect("31 bits")
}

pub(super) fn record(of: u32, created: u32) -> Record {
    let root = Root::open(Path::new("/")).expect("the root");
    let process = ProcessId { pid: 1, start: 1 };
    Record {
        number: number(of),
        created: format!("{created}.000000000").parse().expect("a time"),
        boot: None,
        noted_at: Created::default(),
        name: None,
        root: RootDirectory::new("/".into(), &root),
        user: "1000".into(),
        command: vec!["sh".into(), OsString::from_vec(vec![b'a', 0xff])],
        keep: false,
        detached: true,
        supervisor: process,
        first_process: process,
        stop_signal: None,
        stopped_by: None,
        asked_to_end: false,
        group: None,
        restart: None,
        described: None,
        left_to_unit: false,
        after_stop_due: false,
        log: Default::default(),
        isolation: crate::isolation::Isolation::default(),
        workdir: Some(OsString::from_vec(vec![b'/', 0xe9]).into()),
        namespaces: None,
        user_namespace: None,
        ended: None,
    }
}

/// Everything in the directory, hidden or not.
fn names(dir: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(dir.path().join("jaula")).expect("the directory");
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

#[test]
fn what_was_noted_is_read_again() {
    let (dir, store) = store();
    assert_eq!(store.numbers(), Ok(Vec::new()));
    assert_eq!(store.read(number(7)), None);
    let first = record(7, 1);
    drop(store.create(&first).expect("created"));
    let noted = store.read(number(7)).expect("what was noted");
    assert!(noted.noted_at > Created::default() && noted.boot.is_some());
    let first = Record {
        boot: noted.boot.clone(),
        noted_at: noted.noted_at,
        ..first
    };
    assert_eq!(noted, first);
    assert_eq!(store.numbers(), Ok(vec![number(7)]));
    let changed = Record {
        ended: Some(Ended::Killed(9)),
        ..first
    };
    let entry = store.lock(number(7)).expect("locked").expect("there");
    entry.write(&changed).expect("written");
    assert_eq!(entry.read(), Ok(changed));
    entry.remove().expect("removed");
    assert_eq!(store.read(number(7)), None);
    assert_eq!(names(&dir), Vec::<String>::new());
}

#[test]
fn a_stale_directory_is_replaced_whole() {
    let (dir, store) = store();
    let entry = store.create(&record(7, 1)).expect("created");
    fs::write(entry.path().join("log"), "of the first").expect("write");
    drop(entry);
    let second = record(7, 2);
    let entry = store.create(&second).expect("replaced");
    assert!(!entry.path().join("log").exists());
    let noted = store.read(number(7)).expect("the second");
    assert_eq!(noted.created, second.created);
    assert_eq!(names(&dir), ["7"]);
}

#[test]
fn what_cannot_be_read_is_nothing() {
    let (_dir, store) = store();
    let entry = store.create(&record(7, 1)).expect("created");
    fs::write(entry.path().join("record.json"), "{\"number\": 7").expect("write");
    assert_eq!(store.read(number(7)), None);
    assert!(entry.read().is_err());
    // A record of another number is not one either.
    entry.write(&record(8, 1)).expect("written");
    assert_eq!(store.read(number(7)), None);
}

#[test]
fn one_at_a_time_changes_a_directory() {
    let (_dir, store) = store();
    let entry = store.create(&record(7, 1)).expect("created");
    let other = store.clone();
    let waiting = std::thread::spawn(move || other.lock(number(7)).map(|entry| entry.is_some()));
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert!(!waiting.is_finished());
    // It waited for a directory that is not there any more when its turn comes.
    entry.remove().expect("removed");
    assert_eq!(waiting.join().expect("joined"), Ok(false));
}

#[test]
fn tidying_goes_by_the_end_and_leaves_what_is_still_written() {
    let (_dir, store) = store();
    let start = std::time::SystemTime::now();
    for index in 1..=25 {
        let own = ProcessId::of(std::process::id() as i32).expect("this process");
        let mut record = record(index, index);
        if index == 25 {
            record.supervisor = own;
        }
        drop(store.create(&record).expect("created"));
        // The sooner one was made, the later it has ended.
        let file = fs::File::options()
            .write(true)
            .open(store.place(number(index)).join("record.json"));
        let ended = start + std::time::Duration::from_secs((100 - index).into());
        file.and_then(|file| file.set_modified(ended))
            .expect("modified");
    }
    store.tidy(|_| false).expect("tidied");
    let left = store.numbers().expect("numbers");
    let expected: Vec<_> = (1..=20).chain([25]).map(number).collect();
    assert_eq!(left, expected);
}

#[test]
fn tidying_leaves_the_living_and_the_last_of_the_dead() {
    let (dir, store) = store();
    for index in 1..=30 {
        drop(store.create(&record(index, index)).expect("created"));
    }
    let mut ended = Command::new("true").spawn().expect("a process");
    let pid = ended.id();
    ended.wait().expect("wait");
    let above = dir.path().join("jaula");
    fs::create_dir(above.join(format!(".scratch-{pid}-0"))).expect("mkdir");
    fs::create_dir(above.join(format!(".scratch-{}-0", std::process::id()))).expect("mkdir");
    store
        .tidy(|record| record.number.get() <= 2)
        .expect("tidied");
    let left: Vec<u32> = store
        .numbers()
        .expect("numbers")
        .iter()
        .map(|n| n.get())
        .collect();
    let expected: Vec<u32> = [1, 2].into_iter().chain(11..=30).collect();
    assert_eq!(left, expected);
    let hidden: Vec<String> = names(&dir)
        .into_iter()
        .filter(|n| n.starts_with('.'))
        .collect();
    assert_eq!(hidden, [format!(".scratch-{}-0", std::process::id())]);
}

#[test]
fn nobody_else_can_open_a_directory_to_lock_it() {
    let (dir, store) = store();
    let above = dir.path().join("jaula");
    fs::create_dir(&above).expect("mkdir");
    fs::set_permissions(&above, Permissions::from_mode(0o755)).expect("chmod");
    let entry = store.create(&record(7, 1)).expect("created");
    let mode = |path: &Path| fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
    assert_eq!(mode(&above), 0o700);
    assert_eq!(mode(entry.path()), 0o700);
    assert_eq!(mode(&entry.path().join("record.json")), 0o600);
}

#[test]
fn what_is_of_an_earlier_boot_is_nothing_and_is_removed() {
    let (_dir, store) = store();
    for index in [7, 8] {
        let entry = store.create(&record(index, 1)).expect("created");
        let earlier = Record {
            boot: Some("00000000-0000-4000-8000-000000000000".into()),
            ..entry.read().expect("a record")
        };
        if index == 7 {
            entry.write(&earlier).expect("written");
        }
    }
    assert_eq!(store.read(number(7)), None);
    // Whatever the kernel has by now under that number.
    store.tidy(|_| true).expect("tidied");
    assert_eq!(store.numbers(), Ok(vec![number(8)]));
}

#[test]
fn one_at_a_time_works_on_a_file() {
    let (dir, store) = store();
    let file = dir.path().join("jaula.toml");
    fs::write(&file, "").expect("write");
    // That somebody locks the file itself does not matter.
    let foreign = fs::File::open(&file).expect("open");
    let _foreign = Flock::lock(foreign, FlockArg::LockExclusive).expect("locked");
    let first = store.alone(&file, || panic!("nobody else is there"));
    let first = first.expect("alone");
    let [name] = &names(&dir)[..] else {
        panic!("{:?}", names(&dir));
    };
    let lock = fs::metadata(dir.path().join("jaula").join(name)).expect("metadata");
    assert_eq!(lock.permissions().mode() & 0o777, 0o600);
    assert_eq!(store.numbers(), Ok(Vec::new()));
    let (told, waits) = std::sync::mpsc::channel();
    let (other, same) = (store.clone(), file.clone());
    let waiting = std::thread::spawn(move || {
        let alone = other.alone(&same, || told.send(()).expect("sent"));
        alone.map(drop)
    });
    waits.recv().expect("it is told to wait");
    assert!(!waiting.is_finished());
    drop(first);
    assert_eq!(waiting.join().expect("joined"), Ok(()));
    assert_eq!(names(&dir), Vec::<String>::new());
}

#[test]
fn what_is_no_directory_keeps_nothing_from_being_noted() {
    let (dir, store) = store();
    drop(store.create(&record(6, 1)).expect("created"));
    fs::write(store.place(number(7)), "foreign").expect("written");
    fs::write(dir.path().join("jaula/.scratch-999999999-0"), "foreign").expect("written");
    drop(store.create(&record(7, 1)).expect("created"));
    assert_eq!(store.tidy(|_| true), Ok(()));
    assert_eq!(names(&dir), ["6", "7"]);
    std::os::unix::fs::symlink("6", store.place(number(8))).expect("a link");
    let refused = store.create(&record(8, 1)).expect_err("a link");
    assert!(refused.contains("jaula/8"), "{refused}");
    assert!(store.read(number(6)).is_some());
}
