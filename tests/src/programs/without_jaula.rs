// SPDX-License-Identifier: MIT OR Apache-2.0

//! A kernel that has jaula built in and not enabled (`lsm=` without it) says so, and is
//! otherwise a kernel like any other.

use jaula_tests::ktap::{fail, CaseResult, Chosen, Context, Suite};
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::sys::{ids, jail as call, jailfd, Errno};
use jaula_tests::sysv::{Family, Object, PATHS};
use jaula_tests::{check, check_eq, jail};
use std::fs;
use std::process::{Command, ExitCode};

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    suite.case("create_newjail gives EOPNOTSUPP", || {
        check_eq!(
            call::create_newjail(),
            Err(Errno::EOPNOTSUPP),
            "create_newjail"
        );
        Ok(())
    });
    suite.case("get_jailnumber gives EOPNOTSUPP", || {
        check_eq!(
            call::get_jailnumber(),
            Err(Errno::EOPNOTSUPP),
            "get_jailnumber"
        );
        Ok(())
    });
    suite.case("attach_jail and destroy_jail give EOPNOTSUPP", || {
        for number in [1, 0, -1, i64::from(i32::MAX)] {
            let got = call::attach_jail(number);
            check_eq!(got, Err(Errno::EOPNOTSUPP), "attach_jail({number})");
            let got = call::destroy_jail(number);
            check_eq!(got, Err(Errno::EOPNOTSUPP), "destroy_jail({number})");
        }
        Ok(())
    });
    suite.case("the calls about descriptors give EOPNOTSUPP", || {
        for number in [1, 0, -1, i32::MAX] {
            let not_enabled = Err(Errno::EOPNOTSUPP);
            let got = jailfd::open_jail(jailfd::OWN, number.into(), 0).map(drop);
            check_eq!(got, not_enabled, "open_jail({number})");
            let got = jailfd::create_owned_jail(number, 0).map(drop);
            check_eq!(got, not_enabled, "create_owned_jail({number})");
            let got = jailfd::attach_jailfd(number, 0);
            check_eq!(got, not_enabled, "attach_jailfd({number})");
            let got = jailfd::destroy_jailfd(number, 0);
            check_eq!(got, not_enabled, "destroy_jailfd({number})");
            let got = jailfd::disown_jail(number, 0);
            check_eq!(got, not_enabled, "disown_jail({number})");
        }
        Ok(())
    });
    suite.case("there is no directory of jails", || {
        let exists = std::fs::exists(jaula_tests::jailfs::ROOT);
        check_eq!(exists.ok(), Some(false), "whether it exists");
        Ok(())
    });
    suite.case("also to an unprivileged user", || {
        ids::become_user(1000)?;
        check_eq!(
            call::create_newjail(),
            Err(Errno::EOPNOTSUPP),
            "create_newjail"
        );
        check_eq!(
            call::get_jailnumber(),
            Err(Errno::EOPNOTSUPP),
            "get_jailnumber"
        );
        Ok(())
    });
    suite.case("and to a process with threads", || {
        let answers = std::thread::spawn(|| (call::create_newjail(), call::get_jailnumber()));
        let not_enabled = (Err(Errno::EOPNOTSUPP), Err(Errno::EOPNOTSUPP));
        check_eq!(
            answers.join().ok(),
            Some(not_enabled),
            "from a second thread"
        );
        Ok(())
    });
    suite.case("System V IPC is that of any Linux", sysv_is_linux);
    suite.case(
        "every command says that it is not enabled, and how to enable it",
        launcher_says_so,
    );
    suite.case(
        "all commands of jaula are tried there",
        all_commands_are_tried,
    );
    suite.run(chosen)
}

fn sysv_is_linux() -> CaseResult {
    jail::private_tables()?;
    for path in PATHS.iter() {
        let object = Object::create(path.family, 0o666)?;
        check_eq!((path.attempt)(&object), path.root, "{}", path.name);
        let _ = object.remove();
    }
    let left = Object::create(Family::Sem, 0o666)?;
    let ended = process::in_child(|| i32::from(left.remove().is_err()));
    check_eq!(
        ended,
        Ok(Ended::Exited(0)),
        "removing it in another process"
    );
    Ok(())
}

/// Every command that needs the kernel's jails, as it is called.
const NEEDING: [&[&str]; 34] = [
    &["/", "--", "/bin/true"],
    &["run", "/", "--", "/bin/true"],
    &["run", "--detach", "--name", "x", "/", "--", "/bin/true"],
    &["ls"],
    &["ls", "--json"],
    &["ps"],
    &["exec", "1", "--", "/bin/true"],
    &["console", "1"],
    &["stop", "1"],
    &["kill", "1"],
    &["wait", "1"],
    &["rm", "1"],
    &["rm", "--all"],
    &["inspect", "1"],
    &["stats"],
    &["top"],
    &["events", "--duration", "1"],
    &["pause", "1"],
    &["resume", "1"],
    &["set", "1", "memory.max=64m"],
    &["logs", "1"],
    &["cp", "1:/x", "/tmp/x"],
    &["clone", "1", "/srv/x.root"],
    &["snapshot", "1", "/srv/x.root"],
    &["set", "1", "tasks.max=1"],
    &["set", "--forget", "1"],
    &["net", "ls"],
    &["number"],
    &["up", "DESCRIBED"],
    &["up", "--check", "DESCRIBED"],
    &["up", "--foreground", "--only", "web", "DESCRIBED"],
    &["down", "DESCRIBED"],
    &["up", "DIRECTORY"],
    &["down", "DIRECTORY"],
];

/// Those that do without.
const OTHER: [&str; 5] = ["doctor", "completion", "oci", "rootfs", "help"];

fn launcher_says_so() -> CaseResult {
    let directory = "/run/without-jaula";
    fs::create_dir_all(directory).context(directory)?;
    let described = format!("{directory}/jaula.toml");
    fs::write(
        &described,
        "[jail.web]\nroot = '/'\ncommand = ['/bin/true']\n",
    )
    .context(&described)?;
    for arguments in NEEDING {
        let arguments = arguments.iter().map(|argument| match *argument {
            "DESCRIBED" => described.as_str(),
            "DIRECTORY" => directory,
            other => other,
        });
        let output = Command::new("jaula").args(arguments.clone()).output()?;
        let message = String::from_utf8_lossy(&output.stderr);
        let what: Vec<&str> = arguments.collect();
        check_eq!(output.status.code(), Some(125), "{what:?}: {message}");
        check_eq!(
            message.lines().count(),
            1,
            "the lines of {what:?}: {message}"
        );
        for part in ["lsm=", "jaula doctor", "boot again"] {
            check!(
                message.contains(part),
                "{what:?}: {part} is not in {message}"
            );
        }
        check!(output.stdout.is_empty(), "{what:?}: {:?}", output.stdout);
    }
    // Nothing is described, and nothing is needed for it.
    fs::remove_file(&described).context(&described)?;
    for command in ["up", "down"] {
        let status = Command::new("jaula").args([command, directory]).status()?;
        check!(status.success(), "{command}: {status}");
    }
    Ok(())
}

/// So that no command is forgotten here.
fn all_commands_are_tried() -> CaseResult {
    let output = Command::new("jaula").arg("--help").output()?;
    let help = String::from_utf8_lossy(&output.stdout);
    let (_, commands) = help
        .split_once("Commands:\n")
        .ok_or_else(|| fail(format!("no commands in {help}")))?;
    let names = commands
        .lines()
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next());
    let mut count = 0;
    for name in names {
        count += 1;
        let is_tried = NEEDING.iter().any(|arguments| arguments[0] == name);
        check!(is_tried || OTHER.contains(&name), "{name} is not tried");
    }
    check!(count > 15, "{count} commands in {help}");
    Ok(())
}
