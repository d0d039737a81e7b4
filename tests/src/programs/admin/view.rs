// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula ls`, `ps`, `inspect` and `stats`: the kernel is right, whatever is noted.

use jaula_tests::admin::{in_kernel, json, listed, noted, output, succeed, Detached, ROOT, STATE};
use jaula_tests::ktap::{fail, CaseResult, Context, Failure, Suite};
use jaula_tests::launch::{complaint, failed, jaula, FAILED};
use jaula_tests::steps::Steps;
use jaula_tests::{check, check_eq, jail};
use std::fs;

pub fn add(suite: &mut Suite<'_>) {
    suite.case("ls: a line with tabs for each jail", || {
        let jail = Detached::start(&["--name", "tabs"], "exec sleep 1000")?;
        let text = succeed(&["ls"])?;
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{}\t", jail.number)));
        let line = line.ok_or_else(|| fail(format!("not listed: {text}")))?;
        let fields: Vec<&str> = line.split('\t').collect();
        check_eq!(fields.len(), 9, "the fields of {line}");
        check_eq!(
            fields[1..6],
            ["tabs", "0", "alive", "1", "0"],
            "the fields of {line}"
        );
        check_eq!(fields[7], ROOT, "the root");
        check_eq!(fields[8], "/bin/sh -c exec sleep 1000", "the command");
        Ok(())
    });
    suite.case("ls --json: all of the kernel's values", || {
        let jail = Detached::start(&["--name", "values"], "exec sleep 1000")?;
        let said = find(&json(&["ls", "--json"])?, jail.number)?;
        check_eq!(said["name"], "values", "the name");
        check_eq!(said["parent"], 0, "the parent");
        check_eq!(said["tasks"], 1, "the tasks");
        check_eq!(said["noted"]["root"]["path"], ROOT, "the root");
        check_eq!(said["noted"]["detached"], true, "detached");
        check_eq!(said["refusals"]["sysvipc"], 0, "the refusals");
        Ok(())
    });
    suite.case("ls --tree: each below the one that it is in", || {
        let jail = Detached::start(&["--name", "top"], "exec sleep 1000")?;
        let text = succeed(&["ls", "--tree"])?;
        check!(text.contains(&format!("{}\ttop\t", jail.number)), "{text}");
        Ok(())
    });
    suite.case(
        "a jail that jaula has not made is listed, with nothing noted",
        || {
            let own = Steps::start(|step| {
                jail::enter()?;
                step()
            });
            let before = listed()?;
            let own = own?;
            let said = json(&["ls", "--json"])?;
            let foreign = in_kernel()?;
            check_eq!(listed()?, foreign, "what is listed");
            check!(before.is_subset(&foreign), "{before:?}");
            let number = foreign.iter().max().copied().unwrap_or_default();
            check!(
                find(&said, number)?["noted"].is_null(),
                "something is noted: {said}"
            );
            let refused = output(&mut jaula(&[
                "exec",
                &number.to_string(),
                "--",
                "/bin/true",
            ]))?;
            failed(&refused, FAILED, &["--root"])?;
            let number = number.to_string();
            succeed(&["exec", "--root", ROOT, &number, "--", "/bin/true"])?;
            own.finish()
        },
    );
    suite.case(
        "what is noted about another jail with the number does not count",
        || {
            let jail = Detached::start(&["--name", "stale"], "exec sleep 1000")?;
            let path = format!("{STATE}/{}/record.json", jail.number);
            let text = fs::read_to_string(&path).context(&path)?;
            let created = jail.inspect()?["created"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            fs::write(&path, text.replace(&created, "1.000000000")).context(&path)?;
            let said = find(&json(&["ls", "--json"])?, jail.number)?;
            check!(said["noted"].is_null(), "{said}");
            check_eq!(said["name"], "stale", "the name");
            // The supervisor can no longer be found by what is noted; the jail can.
            succeed(&["rm", "stale"])?;
            check!(!jail.exists()?, "it is still there");
            Ok(())
        },
    );
    for garbage in ["", "{", "[]", "\u{0}\u{1}"] {
        suite.case(
            &format!("a record of {garbage:?} hides no jail"),
            move || {
                let jail = Detached::start(&[], "exec sleep 1000")?;
                let path = format!("{STATE}/{}/record.json", jail.number);
                fs::write(&path, garbage).context(&path)?;
                check!(listed()?.contains(&jail.number), "it is not listed");
                succeed(&["inspect", &jail.text()])?;
                succeed(&["rm", &jail.text()])?;
                check!(!jail.exists()?, "it is still there");
                Ok(())
            },
        );
    }
    suite.case("what is noted invents no jail", || {
        let jail = Detached::start(&[], "exit 0")?;
        jail.ended()?;
        check!(noted()?.contains(&jail.number), "nothing is noted any more");
        check!(!listed()?.contains(&jail.number), "it is listed");
        let output = output(&mut jaula(&["exec", &jail.text(), "--", "/bin/true"]))?;
        failed(&output, FAILED, &["no such jail"])
    });
    suite.case("ps: the processes of one jail, and no others", || {
        let jail = Detached::start(&["--name", "busy"], "sleep 1000 & sleep 1001")?;
        let other = Detached::start(&[], "exec sleep 1002")?;
        let mut commands = Vec::new();
        jaula_tests::wait::until("both run", || {
            let said = json(&["ps", "--json", "busy"])?;
            commands = said.as_array().cloned().unwrap_or_default();
            let sleeping = |text| commands.iter().any(|one| one["command"][1] == text);
            Ok(sleeping("1000") && sleeping("1001"))
        })?;
        for process in &commands {
            check_eq!(process["jail"], jail.number, "the jail of {process}");
            check_eq!(process["uid"], 1000, "the user of {process}");
        }
        let all = succeed(&["ps"])?;
        check!(
            all.contains("sleep 1002"),
            "another's is not in the list of all: {all}"
        );
        check!(
            !all.contains("/init"),
            "a process of the host's is listed: {all}"
        );
        drop(other);
        Ok(())
    });
    suite.case("inspect: processes, limits and what is noted", || {
        let jail = Detached::start(&["--max-tasks", "9"], "exec sleep 1000")?;
        let said = jail.inspect()?;
        check_eq!(said["state"], "alive", "the state");
        check_eq!(said["limits"]["tasks"], 9, "the limit");
        check_eq!(
            said["processes"].as_array().map(Vec::len),
            Some(1),
            "the processes"
        );
        check_eq!(
            said["processes"][0]["pid"],
            said["noted"]["first_process"]["pid"],
            "the first process"
        );
        check!(
            said["age_seconds"].as_f64().is_some_and(|age| age < 3600.0),
            "{said}"
        );
        Ok(())
    });
    suite.case("stats: processes, memory, time and refusals", || {
        // The inner shell ends when it cannot fork; the outer one goes on.
        let script = "(sleep 9 & sleep 9 & sleep 9 & sleep 9); exec sleep 1000";
        let jail = Detached::start(&["--max-tasks", "4"], script)?;
        let mut last = serde_json::Value::Null;
        jaula_tests::wait::until("a refusal is counted", || {
            last = json(&["stats", "--json", &jail.text()])?[0].clone();
            Ok(last["refusals"]["tasks"].as_u64() > Some(0) || !jail.exists()?)
        })
        .context(&last)?;
        Ok(())
    });
    suite.case("stats --watch goes on", || {
        let jail = Detached::start(&[], "while :; do :; done")?;
        let number = jail.text();
        let mut watching = jaula(&["stats", "--watch", "--json", &number]);
        let mut child = watching
            .stdout(std::process::Stdio::piped())
            .spawn()
            .context("starting jaula")?;
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| fail("no standard output"))?;
        let values = serde_json::Deserializer::from_reader(stdout).into_iter();
        let mut percent = None;
        for value in values.take(3) {
            let value: serde_json::Value = value.map_err(|error| fail(error.to_string()))?;
            percent = value[0]["cpu_percent"].as_f64();
        }
        let _ = child.kill();
        child.wait().context("waiting for jaula")?;
        check!(
            percent.is_some_and(|percent| percent > 0.0),
            "{percent:?} % of a processor"
        );
        Ok(())
    });
    for command in ["inspect", "ps", "stats", "logs", "stop", "rm", "exec"] {
        suite.case(
            &format!("{command}: a jail that is not there is named"),
            move || {
                for id in ["nobody", "2147483647"] {
                    let output = output(&mut jaula(&[command, id]))?;
                    failed(&output, FAILED, &[id, "no such jail"])?;
                }
                Ok(())
            },
        );
    }
    suite.case(
        "who may not change a jail can see it, and cannot end it",
        || {
            let jail = Detached::start(&["--name", "seen"], "exec sleep 1000")?;
            unprivileged(&jail).context("user 1000")
        },
    );
}

fn unprivileged(jail: &Detached) -> CaseResult {
    let number = jail.text();
    let ended = jaula_tests::sys::process::in_child(|| {
        let result = jaula_tests::sys::ids::become_user(1000)
            .context("becoming user 1000")
            .and_then(|()| {
                check!(succeed(&["ls"])?.contains("\tseen\t"), "it is not listed");
                let output = output(&mut jaula(&["rm", &number]))?;
                check!(
                    complaint(&output).contains("EPERM"),
                    "{}",
                    complaint(&output)
                );
                Ok(())
            });
        result.map_or_else(
            |failure| {
                eprintln!("{failure}");
                1
            },
            |()| 0,
        )
    });
    check_eq!(
        ended.context("fork")?,
        jaula_tests::sys::process::Ended::Exited(0),
        "the child"
    );
    check!(jail.exists()?, "it is gone");
    Ok(())
}

fn find(jails: &serde_json::Value, number: i64) -> Result<serde_json::Value, Failure> {
    let jails = jails.as_array().ok_or_else(|| fail("not an array"))?;
    let found = jails.iter().find(|jail| jail["number"] == number);
    found
        .cloned()
        .ok_or_else(|| fail(format!("jail {number} is not in {jails:?}")))
}
