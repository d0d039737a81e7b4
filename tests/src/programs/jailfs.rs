// SPDX-License-Identifier: MIT OR Apache-2.0

//! `/sys/kernel/security/jaula`: what is in it, who sees it, what may be written.

use jaula_tests::inmate::Inmate;
use jaula_tests::jailfs::{self, path, ALLOWED, READ_ONLY, ROOT, WRITABLE};
use jaula_tests::ktap::{fail, CaseResult, Chosen, Context, Failure, Suite};
use jaula_tests::sys::{ids, jail as call, process, shm, Errno};
use jaula_tests::sysv::{Family, Object};
use jaula_tests::topology::{self, Relation};
use jaula_tests::{check, check_eq, jail};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::process::ExitCode;

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    suite.case("the version is the documented one", || {
        let text = fs::read_to_string(format!("{ROOT}/version")).context("version")?;
        check_eq!(text, "5\n", "version");
        Ok(())
    });
    suite.case("the faults that it has not are the documented ones", || {
        let text = fs::read_to_string(format!("{ROOT}/errata")).context("errata")?;
        check_eq!(text, format!("{}\n", (1 << 7) - 1), "errata");
        Ok(())
    });
    suite.case("a jail has the files that the documentation names", files);
    suite.case("what they hold at first", first_values);
    suite.case("the counters count", counters);
    suite.case(
        "a jail sees itself and what is in it, and no more",
        seen_from_within,
    );
    suite.case("and so at any depth", seen_at_any_depth);
    suite.case("a jail does not write to its own files", own_files);
    suite.case("without CAP_SYS_ADMIN nothing is written: EPERM", || {
        let inmate = Inmate::start(|| Ok(()))?;
        let open = OpenOptions::new()
            .write(true)
            .open(path(inmate.number, "tasks.max"))
            .context("opening")?;
        ids::drop_capability(ids::CAP_SYS_ADMIN, true).context("capset")?;
        for file in WRITABLE {
            let got = jailfs::write(inmate.number, file, "1");
            check_eq!(got, Err(Errno::EPERM), "{file}");
        }
        let got = (&open)
            .write_all(b"1")
            .map_err(|error| jailfs::errno(&error));
        check_eq!(got, Err(Errno::EPERM), "a file that was open before");
        Ok(())
    });
    suite.case("what is not a value is refused: EINVAL", strict);
    suite.case("a name is given once", names);
    suite.case("siblings have different names", siblings);
    suite.case("an open file outlives the jail, and says so", open_file);
    suite.case(
        "an open directory outlives the jail, and is empty",
        open_directory,
    );
    suite.case("a kept jail stays when it is empty", kept);
    suite.case("nothing can be made or removed by hand", by_hand);
    suite.case(
        "modes, owners and times cannot be changed: EPERM",
        attributes,
    );
    suite.case("500 jails come and go under a reader", || {
        let inmate = Inmate::start(|| Ok(()))?;
        let churn = jail::churn(500)?;
        loop {
            let numbers = jailfs::numbers()?;
            check!(
                numbers.contains(&inmate.number),
                "one that stays is missing"
            );
            for number in numbers {
                // It may be gone by now.
                let read = jailfs::read(number, "number");
                check!(
                    read == Ok(number.to_string())
                        || matches!(read, Err(Errno::ENOENT | Errno::ENODEV)),
                    "the number of jail {number}: {read:?}"
                );
            }
            if let Some(ended) = process::try_wait(churn).context("wait")? {
                check_eq!(ended, process::Ended::Exited(0), "what makes jails");
                return Ok(());
            }
        }
    });
    suite.run(chosen)
}

fn listed(number: i64) -> Result<Vec<String>, Failure> {
    let path = format!("{ROOT}/{number}");
    let mut names = Vec::new();
    for entry in fs::read_dir(&path).context(&path)? {
        names.push(
            entry
                .context(&path)?
                .file_name()
                .to_string_lossy()
                .into_owned(),
        );
    }
    names.sort();
    Ok(names)
}

fn files() -> CaseResult {
    let inmate = Inmate::start(|| Ok(()))?;
    let mut expected: Vec<_> = WRITABLE.iter().chain(&READ_ONLY).copied().collect();
    expected.sort_unstable();
    check_eq!(listed(inmate.number)?, expected, "the files");
    for (files, mode) in [(&WRITABLE[..], 0o100_644), (&READ_ONLY[..], 0o100_444)] {
        for file in files {
            let metadata = fs::metadata(path(inmate.number, file)).context(*file)?;
            check_eq!(metadata.mode(), mode, "the mode of {file}");
            check_eq!(
                (metadata.uid(), metadata.gid()),
                (0, 0),
                "the owner of {file}"
            );
        }
    }
    for name in ["nothing", "numbe", "numberr", "..."] {
        let got = jailfs::read(inmate.number, name);
        check_eq!(got, Err(Errno::ENOENT), "{name}");
    }
    for name in ["0", "-1", "+1", "4294967297", "x"] {
        check!(
            !fs::exists(format!("{ROOT}/{name}")).unwrap_or(true),
            "{name} exists"
        );
    }
    let zero = format!("{ROOT}/0{}", inmate.number);
    check!(!fs::exists(&zero).unwrap_or(true), "{zero} exists");
    Ok(())
}

fn first_values() -> CaseResult {
    let before = uptime()?;
    let inmate = Inmate::start(|| Ok(()))?;
    let after = uptime()?;
    for (file, value) in [
        ("number", inmate.number.to_string().as_str()),
        ("parent", "0"),
        ("name", ""),
        ("state", "alive"),
        ("persist", "0"),
        ("tasks", "1"),
        ("sem", "0"),
        ("shm", "0"),
        ("msg", "0"),
        ("shm_bytes", "0"),
        ("children", "0"),
        ("tasks.max", "max"),
        ("sem.max", "max"),
        ("shm.max", "max"),
        ("msg.max", "max"),
        ("shm_bytes.max", "max"),
        ("children.max", "0"),
        ("allow", ALLOWED),
        ("refusals.sysvipc", "0"),
        ("refusals.signal", "0"),
        ("refusals.ptrace", "0"),
        ("refusals.sched", "0"),
        ("refusals.unix", "0"),
        ("refusals.mqueue", "0"),
        ("refusals.key", "0"),
        ("refusals.io_uring", "0"),
        ("refusals.proc", "0"),
        ("refusals.capability", "0"),
        ("refusals.tasks", "0"),
        ("refusals.sem", "0"),
        ("refusals.shm", "0"),
        ("refusals.msg", "0"),
        ("refusals.shm_bytes", "0"),
        ("refusals.children", "0"),
    ] {
        check_eq!(
            jailfs::read(inmate.number, file),
            Ok(value.to_owned()),
            "{file}"
        );
    }
    let created = jailfs::read(inmate.number, "created").context("created")?;
    let (_, fraction) = created
        .split_once('.')
        .ok_or_else(|| fail(format!("created holds {created:?}")))?;
    check_eq!(fraction.len(), 9, "the digits after the point of {created}");
    let created: f64 = created.parse().map_err(|_| fail("created is no number"))?;
    // /proc/uptime has hundredths.
    check!(
        (before - 0.02..after + 0.02).contains(&created),
        "created at {created}, between {before} and {after}"
    );
    Ok(())
}

fn uptime() -> Result<f64, Failure> {
    let text = fs::read_to_string("/proc/uptime").context("/proc/uptime")?;
    text.split(' ')
        .next()
        .and_then(|word| word.parse().ok())
        .ok_or_else(|| fail("/proc/uptime holds no number"))
}

fn counters() -> CaseResult {
    jail::private_tables()?;
    let inmate = Inmate::start(|| {
        for (family, count) in [(Family::Sem, 1), (Family::Msg, 2)] {
            for _ in 0..count {
                Object::create(family, 0o600).context("creating")?;
            }
        }
        for size in [1, 5000, 70_000] {
            shm::get(libc::IPC_PRIVATE, size, 0o600).context("shmget")?;
        }
        process::fork(|| jaula_tests::inmate::wait_for_ever()).context("fork")?;
        Ok(())
    })?;
    for (file, value) in [
        ("tasks", 2),
        ("sem", 1),
        ("msg", 2),
        ("shm", 3),
        ("shm_bytes", 75_001),
    ] {
        check_eq!(jailfs::value(inmate.number, file)?, value, "{file}");
    }
    Ok(())
}

fn seen_from_within() -> CaseResult {
    let other = Inmate::start(|| Ok(()))?;
    let number = other.number;
    let outer = Inmate::start(|| Ok(()))?;
    jailfs::set(outer.number, "children.max", "1")?;
    let outer_number = outer.number;
    let inner = Inmate::start_within(outer_number, move || {
        check_eq!(
            jailfs::numbers()?,
            vec![jail::number()?],
            "what the inner sees"
        );
        for hidden in [number, outer_number] {
            let got = jailfs::read(hidden, "number");
            check_eq!(got, Err(Errno::ENOENT), "another's file");
            let got = fs::metadata(format!("{ROOT}/{hidden}"));
            check!(got.is_err(), "the directory of jail {hidden} can be seen");
        }
        Ok(())
    })?;
    let inner_number = inner.number;
    // The host has all of them in use, which must not help.
    let open: Vec<_> = [number, outer_number, inner_number]
        .iter()
        .map(|number| File::open(format!("{ROOT}/{number}")))
        .collect::<Result<_, _>>()?;
    let watcher = Inmate::start_in(outer_number, move || {
        let mut expected = vec![outer_number, inner_number];
        expected.sort_unstable();
        check_eq!(jailfs::numbers()?, expected, "what the outer sees");
        check_eq!(
            jailfs::read(inner_number, "parent"),
            Ok(outer_number.to_string()),
            "the parent of the inner"
        );
        let got = jailfs::read(number, "number");
        check_eq!(got, Err(Errno::ENOENT), "a sibling's file");
        jailfs::set(inner_number, "tasks.max", "7")
    })?;
    drop(open);
    drop(watcher);
    check_eq!(
        jailfs::read(inner_number, "tasks.max"),
        Ok("7".to_owned()),
        "a limit"
    );
    let all = jailfs::numbers()?;
    for number in [number, outer_number, inner_number] {
        check!(all.contains(&number), "the host does not see jail {number}");
    }
    Ok(())
}

fn seen_at_any_depth() -> CaseResult {
    for topology in topology::all() {
        let jails = topology.make()?;
        let Some(object) = jails.object else {
            continue;
        };
        let expected = match topology.relation() {
            Relation::Same | Relation::Down => Ok(object.to_string()),
            Relation::Up | Relation::Across => Err(Errno::ENOENT),
        };
        jails.as_subject(|| {
            check_eq!(jailfs::read(object, "number"), expected, "{topology}");
            Ok(())
        })?;
    }
    Ok(())
}

fn own_files() -> CaseResult {
    Inmate::start(|| {
        let number = jail::number()?;
        for file in WRITABLE {
            let got = jailfs::write(number, file, "1");
            check_eq!(got, Err(Errno::EPERM), "{file}");
            check!(jailfs::read(number, file).is_ok(), "{file} can't be read");
        }
        Ok(())
    })
    .map(drop)
}

fn strict() -> CaseResult {
    let inmate = Inmate::start(|| Ok(()))?;
    let limits = [
        "tasks.max",
        "sem.max",
        "shm.max",
        "msg.max",
        "shm_bytes.max",
    ];
    for file in limits {
        for text in [
            "-1",
            "+1",
            " 1",
            "1 ",
            "1\n\n",
            "0x1",
            "1x",
            "Max",
            "max ",
            "\n",
            "1\0",
            "18446744073709551615",
            "18446744073709551616",
            "99999999999999999999999",
        ] {
            let got = jailfs::write(inmate.number, file, text);
            check_eq!(got, Err(Errno::EINVAL), "{text:?} to {file}");
        }
        check_eq!(
            jailfs::read(inmate.number, file),
            Ok("max".to_owned()),
            "{file}"
        );
        for (text, value) in [
            ("0", "0"),
            ("1\n", "1"),
            ("007", "7"),
            ("18446744073709551614", "18446744073709551614"),
            ("max\n", "max"),
        ] {
            jailfs::set(inmate.number, file, text)?;
            check_eq!(
                jailfs::read(inmate.number, file),
                Ok(value.to_owned()),
                "{file}"
            );
        }
    }
    for (file, texts) in [
        ("children.max", ["max", "-1", "4294967296", "1 2"]),
        ("persist", ["2", "", "yes", "01"]),
        ("name", ["", "12", "a b", "a\n\n"]),
    ] {
        for text in texts.into_iter().filter(|text| !text.is_empty()) {
            let got = jailfs::write(inmate.number, file, text);
            check_eq!(got, Err(Errno::EINVAL), "{text:?} to {file}");
        }
    }
    for file in READ_ONLY {
        let got = jailfs::write(inmate.number, file, "1");
        check_eq!(got, Err(Errno::EPERM), "writing to {file}");
    }
    let mut file = OpenOptions::new()
        .write(true)
        .open(path(inmate.number, "tasks.max"))?;
    file.write_all(b"5").context("writing")?;
    let got = file.write_all(b"6").map_err(|error| jailfs::errno(&error));
    check_eq!(
        got,
        Err(Errno::EINVAL),
        "a second write where the first ended"
    );
    file.seek(SeekFrom::Start(0)).context("seeking")?;
    file.write_all(b"6").context("writing from the beginning")?;
    check_eq!(
        jailfs::read(inmate.number, "tasks.max"),
        Ok("6".to_owned()),
        "the limit"
    );
    Ok(())
}

fn names() -> CaseResult {
    let longest = "n".repeat(63);
    for good in ["a", "Web-1_x", "-", "_", "0a", &longest] {
        let inmate = Inmate::start(|| Ok(()))?;
        jailfs::set(inmate.number, "name", good)?;
        check_eq!(
            jailfs::read(inmate.number, "name"),
            Ok(good.to_owned()),
            "the name"
        );
        for again in [good, "other"] {
            let got = jailfs::write(inmate.number, "name", again);
            check_eq!(got, Err(Errno::EBUSY), "{again:?} after {good:?}");
        }
    }
    let inmate = Inmate::start(|| Ok(()))?;
    let long = "n".repeat(64);
    for bad in [
        "7", "0", "123456", "a.b", "a/b", "ä", "a b", " a", "\n", &long,
    ] {
        let got = jailfs::write(inmate.number, "name", bad);
        check_eq!(got, Err(Errno::EINVAL), "{bad:?}");
    }
    check_eq!(
        jailfs::read(inmate.number, "name"),
        Ok(String::new()),
        "the name"
    );
    jailfs::set(inmate.number, "name", "with-newline\n")?;
    check_eq!(
        jailfs::read(inmate.number, "name"),
        Ok("with-newline".to_owned()),
        "the name"
    );
    Ok(())
}

fn siblings() -> CaseResult {
    let first = Inmate::start(|| Ok(()))?;
    let second = Inmate::start(|| Ok(()))?;
    jailfs::set(first.number, "name", "web")?;
    let got = jailfs::write(second.number, "name", "web");
    check_eq!(got, Err(Errno::EEXIST), "the name of a sibling");
    // In another jail it is nobody's.
    jailfs::set(second.number, "children.max", "1")?;
    let number = second.number;
    let inner = Inmate::start_within(number, || Ok(()))?;
    jailfs::set(inner.number, "name", "web")?;
    call::destroy_jail(first.number).context("destroy_jail")?;
    jailfs::set(second.number, "name", "web")
}

fn open_file() -> CaseResult {
    let inmate = Inmate::start(|| Ok(()))?;
    let mut reader = File::open(path(inmate.number, "tasks")).context("opening")?;
    let mut writer = OpenOptions::new()
        .write(true)
        .open(path(inmate.number, "tasks.max"))
        .context("opening")?;
    let mut text = String::new();
    reader.read_to_string(&mut text).context("reading")?;
    check_eq!(text, "1\n", "before");
    call::destroy_jail(inmate.number).context("destroy_jail")?;
    reader.seek(SeekFrom::Start(0)).context("seeking")?;
    let got = reader
        .read(&mut [0; 8])
        .map_err(|error| jailfs::errno(&error));
    check_eq!(got, Err(Errno::ENODEV), "reading afterwards");
    let got = writer.write(b"1").map_err(|error| jailfs::errno(&error));
    check_eq!(got, Err(Errno::ENODEV), "writing afterwards");
    jailfs::check_gone(inmate.number)
}

fn open_directory() -> CaseResult {
    let inmate = Inmate::start(|| Ok(()))?;
    let directory = format!("{ROOT}/{}", inmate.number);
    std::env::set_current_dir(&directory).context(&directory)?;
    let text = fs::read_to_string("number").context("number")?;
    check_eq!(text, format!("{}\n", inmate.number), "number");
    call::destroy_jail(inmate.number).context("destroy_jail")?;
    let got = fs::read_to_string("number").map_err(|error| jailfs::errno(&error));
    check_eq!(got, Err(Errno::ENOENT), "a file in it");
    let got = fs::read_dir(".").map(|entries| entries.flatten().count());
    check!(matches!(got, Ok(0) | Err(_)), "entries in it: {got:?}");
    jailfs::check_gone(inmate.number)
}

fn kept() -> CaseResult {
    let number = {
        let inmate = Inmate::start(|| Ok(()))?;
        jailfs::set(inmate.number, "persist", "1")?;
        inmate.number
    };
    check_eq!(
        jailfs::read(number, "state"),
        Ok("alive".to_owned()),
        "its state"
    );
    jailfs::wait_for(number, "tasks", 0)?;
    let visitor = Inmate::start_in(number, || Ok(()))?;
    drop(visitor);
    jailfs::wait_for(number, "tasks", 0)?;
    check_eq!(
        jailfs::read(number, "state"),
        Ok("alive".to_owned()),
        "its state"
    );
    jailfs::set(number, "persist", "0")?;
    jailfs::wait_until_gone(number)?;

    let number = {
        let inmate = Inmate::start(|| Ok(()))?;
        jailfs::set(inmate.number, "persist", "1")?;
        inmate.number
    };
    call::destroy_jail(number).context("destroy_jail")?;
    jailfs::check_gone(number)
}

fn by_hand() -> CaseResult {
    let inmate = Inmate::start(|| Ok(()))?;
    let directory = format!("{ROOT}/{}", inmate.number);
    for directory in [ROOT, &directory] {
        let inside = format!("{directory}/new");
        check!(
            fs::create_dir(&inside).is_err(),
            "a directory was made in {directory}"
        );
        check!(
            File::create(&inside).is_err(),
            "a file was made in {directory}"
        );
    }
    check!(
        fs::remove_dir(&directory).is_err(),
        "{directory} was removed"
    );
    check!(
        fs::remove_file(path(inmate.number, "tasks")).is_err(),
        "a file was removed"
    );
    check!(
        fs::rename(path(inmate.number, "tasks"), path(inmate.number, "sem")).is_err(),
        "a file was renamed"
    );
    check_eq!(
        listed(inmate.number)?.len(),
        WRITABLE.len() + READ_ONLY.len(),
        "files"
    );
    Ok(())
}

fn attributes() -> CaseResult {
    use std::os::unix::fs::{chown, PermissionsExt};

    let inmate = Inmate::start(|| Ok(()))?;
    for place in [
        ROOT.to_owned(),
        format!("{ROOT}/version"),
        format!("{ROOT}/{}", inmate.number),
        path(inmate.number, "tasks"),
        path(inmate.number, "tasks.max"),
    ] {
        let before = fs::metadata(&place).context(&place)?;
        let changes = [
            (
                "chmod",
                fs::set_permissions(&place, fs::Permissions::from_mode(0o777)),
            ),
            ("chown", chown(&place, Some(1000), Some(1000))),
        ];
        for (what, got) in changes {
            let got = got.map_err(|error| jailfs::errno(&error));
            check_eq!(got, Err(Errno::EPERM), "{what} {place}");
        }
        let after = fs::metadata(&place).context(&place)?;
        check_eq!(
            (after.mode(), after.uid(), after.gid()),
            (before.mode(), before.uid(), before.gid()),
            "mode and owner of {place}"
        );
    }
    let file = path(inmate.number, "tasks.max");
    let times = File::open(&file).context(&file)?;
    let got = times.set_modified(std::time::SystemTime::UNIX_EPOCH);
    check_eq!(
        got.map_err(|error| jailfs::errno(&error)),
        Err(Errno::EPERM),
        "utimensat"
    );
    // As a shell's `>` does.
    OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(&file)
        .context(&file)?
        .write_all(b"7")
        .context(&file)?;
    check_eq!(jailfs::value(inmate.number, "tasks.max")?, 7, "tasks.max");
    Ok(())
}
