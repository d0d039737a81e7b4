// SPDX-License-Identifier: MIT OR Apache-2.0

//! A kernel that has jaula built in and not enabled (`lsm=` without it) says so, and is
//! otherwise a kernel like any other.

use jaula_tests::ktap::{CaseResult, Chosen, Suite};
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::sys::{ids, jail as call, jailfd, Errno};
use jaula_tests::sysv::{Family, Object, PATHS};
use jaula_tests::{check, check_eq, jail};
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
        "jaula says that it is not enabled, and how to enable it",
        launcher_says_so,
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

fn launcher_says_so() -> CaseResult {
    let output = Command::new("jaula")
        .args(["/", "--", "/bin/true"])
        .output()?;
    let message = String::from_utf8_lossy(&output.stderr);
    check_eq!(
        output.status.code(),
        Some(125),
        "the exit status ({message})"
    );
    check!(
        message.contains("lsm="),
        "the message does not say how: {message}"
    );
    Ok(())
}
