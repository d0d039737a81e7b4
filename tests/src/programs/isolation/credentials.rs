// SPDX-License-Identifier: MIT OR Apache-2.0

//! Groups and capabilities that are asked for.

use super::place::Place;
use jaula_tests::admin::{output, text, Detached};
use jaula_tests::ktap::{Context, Failure, Suite};
use jaula_tests::launch::{complaint, failed, jaula};
use jaula_tests::sys::burden;
use jaula_tests::{check, check_eq};

const CHOWN: u64 = 1;
const KILL: u64 = 1 << 5;
/// What every jail may use, and CAP_SYS_PTRACE.
const DEFAULT: u64 = 0xa008_85fb;

/// The sets that a shell has: bounding, ambient, effective.
const SETS: &str = "for i in Bnd Amb Eff; do grep ^Cap$i: /proc/self/status | cut -f 2; done";

fn sets(bounding: u64, ambient: u64, effective: u64) -> String {
    [bounding, ambient, effective]
        .map(|set| format!("{set:016x}"))
        .join("\n")
}

fn says(jail: &Detached, options: &[&str], script: &str) -> Result<String, Failure> {
    let number = jail.text();
    let command = [&number, "--", "/bin/sh", "-c", script];
    let said = output(&mut jaula(
        &[&["exec", "--quiet"], options, &command].concat(),
    ))?;
    check!(said.status.success(), "{script}: {}", complaint(&said));
    Ok(text(&said).trim_end().to_owned())
}

fn start(place: &Place, options: &[&str]) -> Result<Detached, Failure> {
    let root = place.root();
    let command = [&root, "--", "/bin/sh", "-c", "exec sleep 1000"];
    Detached::run(&[&["run", "--detach"], options, &command].concat())
}

pub fn add<'a>(suite: &mut Suite<'a>, place: &'a Place) {
    suite.case("--drop: the jail may do less from the start", || {
        let set = DEFAULT & !(CHOWN | KILL);
        let options = ["--user", "root", "--drop", "chown,kill"];
        place.expect(&options, SETS, &sets(set, 0, set))?;
        let script = "echo > /tmp/mine; chown 1000 /tmp/mine 2>/dev/null || echo refused";
        place.expect(&options, script, "refused")?;
        let jail = start(place, &options)?;
        let said = jail.inspect()?;
        let names = said["allow"].as_array().cloned().unwrap_or_default();
        let has = |name: &str| names.iter().any(|found| found.as_str() == Some(name));
        check!(!has("chown") && !has("kill") && has("setuid"), "{said}");
        check_eq!(says(&jail, &[], SETS)?, sets(set, 0, set), "exec");
        Ok(())
    });
    suite.case("--drop all: nothing, or what is allowed by name", || {
        let options = ["--user", "root", "--drop", "all"];
        place.expect(&options, SETS, &sets(0, 0, 0))?;
        let options = ["--user", "root", "--drop", "all", "--allow", "chown"];
        place.expect(&options, SETS, &sets(CHOWN, 0, CHOWN))?;
        let options = ["--user", "root", "--drop", "sys_ptrace"];
        let set = DEFAULT & !(1 << 19);
        place.expect(&options, SETS, &sets(set, 0, set))
    });
    suite.case("--drop: not what is allowed as well", || {
        let root = place.root();
        let command = [
            "--drop",
            "chown",
            "--allow",
            "chown",
            &root,
            "--",
            "/bin/true",
        ];
        failed(&output(&mut jaula(&command))?, 125, &["chown"])
    });
    suite.case("--ambient: a user has it, and what it executes", || {
        let options = ["--ambient", "chown"];
        place.expect(&options, SETS, &sets(CHOWN, CHOWN, CHOWN))?;
        let script = "rm -f /tmp/own; echo > /tmp/own; chown 7 /tmp/own && stat -c %u /tmp/own; \
                      chown 1000 /tmp/own; rm /tmp/own";
        place.expect(&options, script, "7")?;
        let script = "echo > /tmp/own; chown 7 /tmp/own 2>/dev/null || echo refused; rm /tmp/own";
        place.expect(&[], script, "refused")?;
        for options in [
            &["--without", "capabilities", "--ambient", "chown"][..],
            &["--without", "no-new-privs", "--ambient", "chown"],
            &["--without", "seccomp", "--ambient", "chown"],
        ] {
            let sets =
                "for i in Prm Inh Amb Eff; do grep ^Cap$i: /proc/self/status; done | cut -f 2";
            let one = format!("{CHOWN:016x}");
            place.expect(options, sets, &[&one[..]; 4].join("\n"))?;
        }
        Ok(())
    });
    suite.case(
        "--ambient: only what the jail may do, and not for root",
        || {
            let root = place.root();
            for (options, parts) in [
                (&["--ambient", "sys_time"][..], &["sys_time", "--allow"][..]),
                (&["--ambient", "kill", "--drop", "kill"], &["kill"]),
                (&["--ambient", "kill", "--user", "root"], &["root"]),
                (&["--ambient", "userns", "--allow", "userns"], &["userns"]),
            ] {
                let command = [options, &[&root, "--", "/bin/true"]].concat();
                failed(&output(&mut jaula(&command))?, 125, parts)?;
            }
            let time = 1 << 25;
            let options = ["--ambient", "sys_time", "--allow", "sys_time"];
            place.expect(&options, SETS, &sets(time, time, time))
        },
    );
    suite.case(
        "exec: the groups and ambient capabilities of the user alone",
        || {
            let options = ["--user", "user", "--ambient", "kill", "--group-add", "44"];
            let jail = start(place, &options)?;
            check_eq!(says(&jail, &[], SETS)?, sets(KILL, KILL, KILL), "exec");
            check_eq!(says(&jail, &[], "id -G")?, "1000 44", "exec");
            let other = ["--user", "1234"];
            check_eq!(says(&jail, &other, SETS)?, sets(0, 0, 0), "exec --user");
            check_eq!(says(&jail, &other, "id -G")?, "1234", "exec --user");
            let other = ["--user", "1234", "--group-add", "7,8"];
            check_eq!(says(&jail, &other, "id -G")?, "1234 7 8", "exec --user");
            let root = ["--user", "root"];
            check_eq!(says(&jail, &root, SETS)?, sets(DEFAULT, 0, DEFAULT), "root");
            Ok(())
        },
    );
    suite.case(
        "what the caller has changed about capabilities is undone",
        || {
            burden::set_securebits(burden::NO_SETUID_FIXUP).context("prctl(PR_SET_SECUREBITS)")?;
            place.expect(&[], SETS, &sets(0, 0, 0))?;
            let kept = "grep ^CapPrm: /proc/self/status | cut -f 2";
            place.expect(&[], kept, &format!("{:016x}", 0))?;
            place.expect(&["--user", "root"], SETS, &sets(DEFAULT, 0, DEFAULT))
        },
    );
}
