// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula set --keep`: what a jail was set to holds for the next one as well.

use super::inspected;
use jaula_tests::admin::{json, output, succeed, ROOT};
use jaula_tests::group::Group;
use jaula_tests::ktap::{CaseResult, Context, Suite};
use jaula_tests::launch::{failed, jaula, FAILED};
use jaula_tests::sys::process;
use jaula_tests::{check, check_eq, wait};
use std::fs;
use std::os::unix::fs::PermissionsExt;

const FILE: &str = "/var/lib/jaula/kept/web.toml";

const DESCRIBED: &str = "[jail.web]\nroot = 'ROOT'\ncommand = ['sleep', '1000']\nnew-uts = true\n\
                         hostname = 'first'\nlimits = { tasks = 5, sem = 4 }\nallow = ['chroot']\n\
                         restart = 'always'\nrestart-delay = 0\n";

/// Whatever a case has left behind.
struct Forgotten;

impl Drop for Forgotten {
    fn drop(&mut self) {
        let _ = fs::remove_file(FILE);
    }
}

/// What holds for the jail.
fn holds(tasks: u64, hostname: &str, may: &str) -> CaseResult {
    let said = json(&["inspect", "web"])?;
    check_eq!(said["limits"]["tasks"], tasks, "the tasks");
    check_eq!(said["limits"]["sem"], 4, "the semaphores");
    let names = said["allow"].as_array().cloned().unwrap_or_default();
    let names: Vec<&str> = names.iter().filter_map(|name| name.as_str()).collect();
    check!(
        may.is_empty() || names.join(",") == may,
        "it may do {names:?}, not {may}"
    );
    let seen = succeed(&["exec", "web", "--", "hostname"])?;
    check_eq!(seen.trim(), hostname, "the hostname");
    Ok(())
}

pub fn add(suite: &mut Suite<'_>) {
    suite.case("set --keep: over restarts, down and up", || {
        let _forgotten = Forgotten;
        let group = Group::new(DESCRIBED)?;
        group.succeed(&["up"])?;
        holds(5, "first", "")?;
        succeed(&["set", "web", "tasks.max=6"])?;
        check!(
            !fs::exists(FILE).unwrap_or(true),
            "it is kept without --keep"
        );
        succeed(&["set", "--keep", "web", "tasks.max=7", "hostname=second"])?;
        let mode = fs::metadata(FILE).context(FILE)?.permissions().mode();
        check_eq!(mode & 0o7777, 0o600, "the mode");
        succeed(&["set", "--keep", "web", "allow=-sys_chroot,-kill"])?;
        let may = json(&["inspect", "web"])?["allow"].clone();
        let names = may.as_array().cloned().unwrap_or_default();
        let may: Vec<&str> = names.iter().filter_map(|name| name.as_str()).collect();
        let may = may.join(",");
        check!(!may.contains("chroot") && !may.contains("kill"), "{may}");
        holds(7, "second", &may)?;
        let kept = json(&["inspect", "web"])?["kept"].clone();
        check_eq!(kept["tasks.max"], "7", "what inspect says");
        let before = json(&["inspect", "web"])?;
        let pid = before["noted"]["first_process"]["pid"].as_i64();
        process::kill(pid.unwrap_or_default() as libc::pid_t, libc::SIGKILL).context("kill")?;
        wait::until("it was made anew", || {
            let said = inspected("web")?.unwrap_or_default();
            // Before its supervisor has noted that it has ended, it is neither there nor waited for.
            let is_another = said["number"].is_number() && said["number"] != before["number"];
            Ok(is_another && said["noted"]["restart"]["step"] == "running")
        })?;
        holds(7, "second", &may)?;
        group.succeed(&["down"])?;
        group.succeed(&["up"])?;
        holds(7, "second", &may)?;
        // No more than it may do.
        let bounding = succeed(&[
            "exec",
            "--user",
            "root",
            "web",
            "--",
            "grep",
            "CapBnd",
            "/proc/self/status",
        ])?;
        let bounding = bounding
            .trim()
            .rsplit('\t')
            .next()
            .unwrap_or_default()
            .to_owned();
        let bounding = u64::from_str_radix(&bounding, 16).unwrap_or(u64::MAX);
        check_eq!(bounding >> 18 & 1, 0, "CAP_SYS_CHROOT among {bounding:x}");
        succeed(&["set", "--forget=tasks.max,hostname", "web"])?;
        group.succeed(&["down"])?;
        group.succeed(&["up"])?;
        holds(5, "first", &may)?;
        group.succeed(&["down"])?;
        // It need not be there.
        succeed(&["set", "--forget", "web"])?;
        check!(!fs::exists(FILE).unwrap_or(true), "it is still kept");
        group.succeed(&["up"])?;
        let said = json(&["inspect", "web"])?;
        let may = said["allow"].to_string();
        check!(
            may.contains("sys_chroot") && may.contains("\"kill\""),
            "{may}"
        );
        group.succeed(&["down"])
    });
    suite.case("set --keep: only for what is described", || {
        let _forgotten = Forgotten;
        succeed(&["run", "-d", "--name", "web", ROOT, "--", "sleep", "1000"])?;
        let refused = output(&mut jaula(&["set", "--keep", "web", "tasks.max=3"]))?;
        failed(&refused, FAILED, &["was not started by \"jaula up\""])?;
        let said = json(&["inspect", "web"])?;
        check!(said["limits"]["tasks"] != 3, "it was set all the same");
        succeed(&["rm", "web"])?;
        // What is kept is not for another one with that name.
        let group = Group::new(DESCRIBED)?;
        group.succeed(&["up"])?;
        succeed(&["set", "--keep", "web", "tasks.max=3"])?;
        group.succeed(&["down"])?;
        succeed(&["run", "-d", "--name", "web", ROOT, "--", "sleep", "1000"])?;
        let said = json(&["inspect", "web"])?;
        check!(said["limits"]["tasks"] != 3, "it was set to what is kept");
        check!(said["kept"].is_null(), "inspect shows {}", said["kept"]);
        succeed(&["rm", "web"])?;
        Ok(())
    });
    suite.case("set --keep: what cannot be kept is not set", || {
        let _forgotten = Forgotten;
        let group = Group::new(DESCRIBED)?;
        group.succeed(&["up"])?;
        for (arguments, part) in [
            (
                &["--keep", "web", "persist=1", "tasks.max=3"][..],
                "persist cannot be kept",
            ),
            (&["--forget=tasks.max", "web"], "was not kept"),
        ] {
            let arguments = [&["set"], arguments].concat();
            let refused = output(&mut jaula(&arguments))?;
            failed(&refused, FAILED, &[part])?;
        }
        holds(5, "first", "")?;
        fs::create_dir_all("/var/lib/jaula/kept").context("kept")?;
        fs::write(FILE, "[set]\n\"tasks.max\" = 'many'\n").context(FILE)?;
        group.succeed(&["down"])?;
        let refused = output(&mut group.jaula(&["up"]))?;
        failed(&refused, FAILED, &["jaula set --keep", "tasks.max"])?;
        fs::write(FILE, "no").context(FILE)?;
        let refused = output(&mut group.jaula(&["up"]))?;
        failed(&refused, FAILED, &[FILE])?;
        // What cannot be read can be forgotten.
        succeed(&["set", "--forget", "web"])?;
        group.succeed(&["up"])
    });
}
