// SPDX-License-Identifier: MIT OR Apache-2.0

//! Each other part, there and turned off.

use super::place::Place;
use jaula_tests::ktap::{Context, Suite};
use jaula_tests::launch::{jaula, run, Root, Seen};
use jaula_tests::sys::raw;
use jaula_tests::{check, check_eq};

/// The twelve that every jail may use, and CAP_SYS_PTRACE, by which root sees what others run.
const DEFAULT: u64 = 0xa008_85fb;
const SYS_CHROOT: u64 = 1 << 18;

/// A line of /proc/self/status.
fn status(name: &str) -> String {
    format!("grep ^{name}: /proc/self/status | cut -f 2")
}

pub fn add<'a>(suite: &mut Suite<'a>, place: &'a Place, root: &'a Root) {
    for (name, options, line, value) in [
        ("a filter of system calls", &[][..], "Seccomp", "2"),
        ("no filter", &["--without", "seccomp"], "Seccomp", "0"),
        ("no new privileges", &[], "NoNewPrivs", "1"),
        (
            "new privileges",
            &["--without", "no-new-privs"],
            "NoNewPrivs",
            "0",
        ),
        (
            "a filter where new privileges are possible",
            &["--without", "no-new-privs"],
            "Seccomp",
            "2",
        ),
    ] {
        suite.case(&format!("{name}: {}", options.join(" ")), move || {
            place.expect(options, &status(line), value)
        });
    }
    for (user, options, set) in [
        ("user", &[][..], 0),
        ("root", &[], DEFAULT),
        ("root", &["--allow", "chroot"], DEFAULT | SYS_CHROOT),
        ("user", &["--allow", "sys_chroot"], SYS_CHROOT),
        ("user", &["--without", "no-new-privs"], DEFAULT),
        ("root", &["--allow", "userns,sysctl"], DEFAULT),
    ] {
        let name = format!("the bounding set of {user}: {}", options.join(" "));
        suite.case(&name, move || {
            let options = [&["--user", user], options].concat();
            place.expect(&options, &status("CapBnd"), &format!("{set:016x}"))?;
            place.expect(&options, &status("CapAmb"), &format!("{:016x}", 0))
        });
    }
    suite.case("--without capabilities: the sets are the caller's", || {
        let options = ["--user", "root", "--without", "capabilities"];
        let set = jaula_tests::procfs::status("self", "CapBnd")?;
        place.expect(&options, &status("CapBnd"), &set)
    });
    for (options, script, said) in [
        (&[][..], "ulimit -c; ulimit -H -c", "0\n0"),
        (&["--rlimit", "core=1K"], "ulimit -c", "2"),
        (
            &["--rlimit", "nofile=50:60"],
            "ulimit -n; ulimit -H -n",
            "50\n60",
        ),
        (&[], "umask", "0022"),
        (&["--umask", "077"], "umask", "0077"),
    ] {
        suite.case(&format!("{script}: {}", options.join(" ")), move || {
            place.expect(options, script, said)
        });
    }
    suite.case("--without umask: the caller's", || {
        raw::set_umask(0o027);
        place.expect(&["--without", "umask"], "umask", "0027")?;
        place.expect(&[], "umask", "0022")
    });
    suite.case("--without rlimits: the caller's", || {
        let here = std::fs::read_to_string("/proc/self/limits").context("limits")?;
        let inside = place.says(&["--without", "rlimits"], "cat /proc/self/limits")?;
        check_eq!(inside, here.trim_end(), "the limits");
        Ok(())
    });
    suite.case("a session of its own, where there is no terminal", || {
        let script = "read -r pid _ _ _ _ session _ < /proc/self/stat; echo $pid $session $$";
        let said = place.says(&[], script)?;
        let words: Vec<&str> = said.split(' ').collect();
        check!(words[1] == words[2], "process, session, shell: {said}");
        let said = place.says(&["--without", "session"], script)?;
        let words: Vec<&str> = said.split(' ').collect();
        check!(words[1] != words[2], "process, session, shell: {said}");
        Ok(())
    });
    suite.case(
        "--plain: a jail, a root and a user, and nothing else",
        || {
            // Here the host has mounted /proc.
            let options = ["--plain", root.text(), "--", "/bin/probe"];
            let seen = Seen::from(&run(&mut jaula(&options))?)?;
            for (name, value) in [
                ("cwd", "/"),
                ("uids", "1000,1000,1000"),
                ("groups", ""),
                ("descriptors", "0,1,2"),
                ("NoNewPrivs", "0"),
                ("Seccomp", "0"),
                ("CapEff", "0000000000000000"),
                ("setuid", "EPERM"),
            ] {
                seen.expect(name, value)?;
            }
            let own = jaula_tests::procfs::status("self", "CapBnd")?;
            seen.expect("CapBnd", own)?;
            let number: i64 = seen.get("number")?.parse().unwrap_or(0);
            check!(number > 0, "jail {number}");
            place.expect(&["--plain"], "ls -A /proc /dev", "/dev:\n\n/proc:")
        },
    );
}
