// SPDX-License-Identifier: MIT OR Apache-2.0

//! The units by which systemd brings jails up and looks after them.

use jaula_tests::admin::{in_kernel, noted_process, output, succeed, text, wait_until_named};
use jaula_tests::ktap::{fail, CaseResult, Chosen, Context, Failure, Suite};
use jaula_tests::launch::jaula;
use jaula_tests::sys::process;
use jaula_tests::systemd::{self, entries, journal, property, systemctl, Descriptions};
use jaula_tests::{check, check_eq, wait};
use std::fs;
use std::process::ExitCode;

const ALL: &str = "jaula.service";
const CHECK: &str = "jaula-check.service";
const ONE: &str = "jaula@web.service";

/// A jail that runs for a long time.
fn jail(name: &str, keys: &str) -> String {
    format!("[jail.{name}]\nroot = 'ROOT'\ncommand = ['sleep', '100000']\n{keys}")
}

/// One of its own unit, which ends as it is asked to: by HUP with 0, by USR1 with 7.
fn own(keys: &str) -> String {
    format!(
        "[jail.web]\nroot = 'ROOT'\nunit = true\nuser = 'root'\nstop-signal = 'HUP'\n\
         command = ['sh', '-c', 'trap \"exit 7\" USR1; trap \"echo asked; exit 0\" HUP; \
         echo ready; env; while :; do sleep 0.2; done']\n{keys}"
    )
}

const HOOKS: &str = "hooks = { before-start = 'echo start $JAULA_NAME >> /run/told', \
                     after-stop = 'echo stop $JAULA_NAME >> /run/told' }\n";

fn told() -> String {
    fs::read_to_string("/run/told").unwrap_or_default()
}

/// The control group that a process is in.
fn group_of(pid: libc::pid_t) -> Result<String, Failure> {
    let path = format!("/proc/{pid}/cgroup");
    fs::read_to_string(&path).context(path)
}

fn running() -> Result<String, Failure> {
    Ok(text(&systemctl(&["is-system-running"])?).trim().to_owned())
}

fn is(unit: &str, name: &str, expected: &str) -> CaseResult {
    check_eq!(property(unit, name)?, expected, "{name} of {unit}");
    Ok(())
}

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    suite.case(
        "jaula.service: up at the start and down at the end, in order",
        || {
            let _ = fs::remove_file("/run/told");
            let _files = Descriptions::new(&[
                (
                    "10-web.toml",
                    &jail("web", &format!("depends = ['db']\n{HOOKS}")),
                ),
                ("20-db.toml", &jail("db", HOOKS)),
            ])?;
            systemd::succeed(&["restart", ALL])?;
            check_eq!(told(), "start db\nstart web\n", "what was done");
            for name in ["db", "web"] {
                let group = group_of(noted_process(name, "supervisor")?)?;
                check!(group.contains("jaula.service"), "{name} is in {group}");
            }
            let before = in_kernel()?;
            systemd::succeed(&["reload", ALL])?;
            check_eq!(in_kernel()?, before, "the jails after it was read anew");
            systemd::succeed(&["stop", ALL])?;
            check_eq!(
                told(),
                "start db\nstart web\nstop web\nstop db\n",
                "what was done"
            );
            check_eq!(in_kernel()?.len(), 0, "the jails");
            is(ALL, "Result", "success")?;
            check_eq!(running()?, "running", "the machine");
            Ok(())
        },
    );
    suite.case(
        "jaula.service: what is wrong with a file keeps its jails down, and is seen",
        || {
            let files = Descriptions::new(&[
                ("10-well.toml", &jail("well", "")),
                ("20-bad.toml", "[jail.bad]\nroot = 'ROOT'\n    colour = 1\n"),
            ])?;
            systemd::succeed(&["restart", ALL])?;
            wait_until_named("well")?;
            is(ALL, "ActiveState", "active")?;
            let said = journal(ALL)?;
            let place = "/etc/jaula/20-bad.toml: line 3, column 5: jail.bad: ";
            check!(said.contains(place), "the journal: {said}");
            systemd::wait_until(CHECK, "failed")?;
            check!(journal(CHECK)?.contains(place), "{}", journal(CHECK)?);
            check_eq!(running()?, "degraded", "the machine");
            let before = in_kernel()?;
            files.write("20-bad.toml", &jail("bad", ""))?;
            systemd::succeed(&["reload", ALL])?;
            wait_until_named("bad")?;
            check!(
                in_kernel()?.is_superset(&before),
                "others are not what they were"
            );
            systemd::succeed(&["restart", CHECK])?;
            check_eq!(running()?, "running", "the machine");
            // One that cannot be read any more is known by what started it.
            files.write("20-bad.toml", "[")?;
            systemd::succeed(&["stop", ALL])?;
            is(ALL, "Result", "success")?;
            check_eq!(in_kernel()?.len(), 0, "the jails");
            Ok(())
        },
    );
    suite.case("jaula.service: nothing of it, and nothing to do", || {
        let files = Descriptions::new(&[("bad.toml", "[")])?;
        let said = systemctl(&["restart", ALL])?;
        check!(!said.status.success(), "it has started");
        is(ALL, "ActiveState", "failed")?;
        is(ALL, "ExecMainStatus", "125")?;
        is(CHECK, "ActiveState", "inactive")?;
        check_eq!(running()?, "degraded", "the machine");
        drop(files);
        is(ALL, "ActiveState", "active")?;
        systemd::wait_until(CHECK, "inactive")?;
        check_eq!(running()?, "running", "the machine");
        Ok(())
    });
    suite.case(
        "jaula.service: a jail that is made anew stays with it",
        || {
            let _files = Descriptions::new(&[(
                "web.toml",
                &jail("web", "restart = 'always'\nrestart-delay = 0\n"),
            )])?;
            systemd::succeed(&["restart", ALL])?;
            let first = wait_until_named("web")?;
            process::kill(noted_process("web", "first_process")?, libc::SIGKILL).context("kill")?;
            wait::until("it was made anew", || {
                Ok(wait_until_named("web")? != first
                    && noted_process("web", "first_process").is_ok())
            })?;
            let group = group_of(noted_process("web", "first_process")?)?;
            check!(group.contains("jaula.service"), "it is in {group}");
            systemd::succeed(&["stop", ALL])?;
            check_eq!(in_kernel()?.len(), 0, "the jails");
            Ok(())
        },
    );
    suite.case(
        "jaula@: ready when its command runs, and known in the journal",
        || {
            let _ = fs::remove_file("/run/told");
            let keys =
                "hooks = { before-start = 'sleep 2', after-stop = 'echo stop >> /run/told' }\n";
            let _files = Descriptions::new(&[("web.toml", &own(keys))])?;
            systemd::succeed(&["start", ONE])?;
            let number = in_kernel()?.into_iter().next();
            let number = number.ok_or_else(|| fail("it was ready before it ran"))?;
            is(ONE, "ActiveState", "active")?;
            is(ONE, "StatusText", &format!("jail {number} runs"))?;
            let main = noted_process("web", "supervisor")?;
            is(ONE, "MainPID", &main.to_string())?;
            let fields = ["JAULA_NAME=web", &format!("JAULA_JAIL={number}")];
            wait::until("the journal has what it printed", || {
                Ok(entries(&fields)?.contains("ready\n") && entries(&fields)?.contains("HOME="))
            })?;
            let of_unit = journal(ONE)?;
            check!(
                of_unit.contains("ready\n"),
                "the journal of the unit: {of_unit}"
            );
            for name in [
                "NOTIFY_SOCKET",
                "INVOCATION_ID",
                "JOURNAL_STREAM",
                "SYSTEMD",
            ] {
                check!(!entries(&fields)?.contains(name), "the jail sees {name}");
            }
            systemd::succeed(&["stop", ONE])?;
            wait::until("it has printed that it was asked", || {
                Ok(entries(&fields)?.contains("asked\n"))
            })?;
            is(ONE, "ActiveState", "inactive")?;
            is(ONE, "Result", "success")?;
            check_eq!(told(), "stop\n", "what comes after");
            check_eq!(in_kernel()?.len(), 0, "the jails");
            Ok(())
        },
    );
    suite.case(
        "jaula@: started again after a failure, and not after an end",
        || {
            let _files = Descriptions::new(&[("web.toml", &own(""))])?;
            systemd::succeed(&["start", ONE])?;
            let first = wait_until_named("web")?;
            process::kill(noted_process("web", "first_process")?, libc::SIGKILL).context("kill")?;
            wait::until("it was started again", || {
                Ok(property(ONE, "NRestarts")? == "1" && property(ONE, "ActiveState")? == "active")
            })?;
            check!(wait_until_named("web")? != first, "it is the same jail");
            // Its main process goes, and the jail with it.
            process::kill(noted_process("web", "supervisor")?, libc::SIGKILL).context("kill")?;
            wait::until("it was started again", || {
                Ok(property(ONE, "NRestarts")? == "2" && property(ONE, "ActiveState")? == "active")
            })?;
            check_eq!(in_kernel()?.len(), 1, "the jails");
            for command in [&["stop", "web"][..], &["rm", "web"], &["kill", "web"]] {
                succeed(command)?;
                systemd::wait_until(ONE, "inactive")?;
                is(ONE, "Result", "success")?;
                systemd::succeed(&["start", ONE])?;
            }
            systemd::succeed(&["stop", ONE])
        },
    );
    suite.case("jaula@: what is left to it is left alone", || {
        let files = Descriptions::new(&[("web.toml", &own("")), ("db.toml", &jail("db", ""))])?;
        systemd::succeed(&["restart", ALL])?;
        check_eq!(in_kernel()?.len(), 1, "the jails");
        systemd::succeed(&["start", ONE])?;
        let number = wait_until_named("web")?;
        systemd::succeed(&["restart", ALL])?;
        check!(in_kernel()?.contains(&number), "{number} has ended");
        systemd::succeed(&["stop", ALL])?;
        check!(in_kernel()?.contains(&number), "{number} has ended");
        systemd::succeed(&["stop", ONE])?;
        // What is not left to it is the other's.
        files.write("web.toml", &jail("web", ""))?;
        systemd::succeed(&["start", ALL])?;
        let said = systemctl(&["start", ONE])?;
        check!(!said.status.success(), "it has started");
        is(ONE, "ActiveState", "failed")?;
        is(ONE, "NRestarts", "0")?;
        let said = journal(ONE)?;
        check!(said.contains("unit = true"), "the journal: {said}");
        check_eq!(in_kernel()?.len(), 2, "the jails");
        Ok(())
    });
    suite.case("jaula@: a description that is wrong is no loop", || {
        let files = Descriptions::new(&[("web.toml", "[jail.web]\nroot = 'ROOT'\nkeep = 1\n")])?;
        for part in ["line 3, column 8", "/no/such", "/bin/no-such"] {
            let said = systemctl(&["start", ONE])?;
            check!(!said.status.success(), "it has started");
            is(ONE, "ActiveState", "failed")?;
            is(ONE, "NRestarts", "0")?;
            is(ONE, "ExecMainStatus", "125")?;
            let said = journal(ONE)?;
            let lines = said.lines().filter(|line| line.starts_with("jaula: "));
            let lines: Vec<&str> = lines.collect();
            check!(lines.len() == 1 && lines[0].contains(part), "{said}");
            match part {
                "line 3, column 8" => {
                    files.write("web.toml", "[jail.web]\nroot = '/no/such'\nunit = true\n")?;
                }
                _ => files.write(
                    "web.toml",
                    "[jail.web]\nroot = 'ROOT'\nunit = true\ncommand = ['/bin/no-such']\n",
                )?,
            }
        }
        Ok(())
    });
    suite.case("doctor has nothing to say", || {
        let said = output(&mut jaula(&["doctor"]))?;
        check_eq!(said.status.code(), Some(0), "the status");
        let said = text(&said);
        check!(
            said.lines().all(|line| line.starts_with("ok ")),
            "it says {said}"
        );
        check_eq!(running()?, "running", "the machine");
        Ok(())
    });
    suite.run(chosen)
}
