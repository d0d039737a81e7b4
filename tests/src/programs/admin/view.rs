// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula ls`, `ps`, `inspect` and `stats`: the kernel is right, whatever is noted.

use jaula_tests::admin::{
    in_kernel, json, listed, noted, output, succeed, wait_until_executed, Detached, ROOT, STATE,
};
use jaula_tests::inmate::Inmate;
use jaula_tests::ktap::{fail, CaseResult, Context, Failure, Suite};
use jaula_tests::launch::{failed, jaula, FAILED};
use jaula_tests::{check, check_eq, jailfs, procfs};
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
        // The one beside them comes between them by its number.
        let top = Detached::start(&["--name", "top"], "exec sleep 1000")?;
        jailfs::set(top.number, "children.max", "2")?;
        let first = Inmate::start_within(top.number, || Ok(()))?;
        jailfs::set(first.number, "name", "first")?;
        jailfs::set(first.number, "children.max", "1")?;
        let beside = Detached::start(&["--name", "beside"], "exec sleep 1000")?;
        let second = Inmate::start_within(top.number, || Ok(()))?;
        let deep = Inmate::start_within(first.number, || Ok(()))?;
        jailfs::set(deep.number, "name", "deep")?;
        let expected = [
            (top.number, "top", 0),
            (first.number, "├─ first", top.number),
            (deep.number, "│  └─ deep", first.number),
            (second.number, "└─ -", top.number),
            (beside.number, "beside", 0),
        ];
        let text = succeed(&["ls", "--tree"])?;
        let shown: Vec<String> = text
            .lines()
            .map(|line| line.split('\t').take(3).collect::<Vec<_>>().join("\t"))
            .collect();
        let expected = expected.map(|(number, name, parent)| format!("{number}\t{name}\t{parent}"));
        check_eq!(shown, expected, "the lines of {text}");
        Ok(())
    });
    suite.case(
        "a jail that jaula has not made is listed, with nothing noted",
        || {
            let foreign = Inmate::start(|| Ok(()))?;
            check_eq!(listed()?, in_kernel()?, "what is listed");
            let said = find(&json(&["ls", "--json"])?, foreign.number)?;
            check!(said["noted"].is_null(), "something is noted: {said}");
            let number = foreign.number.to_string();
            let refused = output(&mut jaula(&["exec", &number, "--", "/bin/true"]))?;
            failed(&refused, FAILED, &["--root"])?;
            succeed(&["exec", "--root", ROOT, &number, "--", "/bin/true"]).map(drop)
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
        let jail = Detached::start(&["--name", "busy"], "sleep 1000 & sleep 1001; :")?;
        let other = Detached::start(&[], "exec sleep 1002")?;
        wait_until_executed(jail.number, "sleep", 2)?;
        wait_until_executed(other.number, "sleep", 1)?;
        let said = json(&["ps", "--json", "busy"])?;
        let mut commands = Vec::new();
        for process in said.as_array().into_iter().flatten() {
            check_eq!(process["jail"], jail.number, "the jail of {process}");
            check_eq!(process["uid"], 1000, "the user of {process}");
            commands.push(process["command"].to_string());
        }
        commands.sort();
        let expected = [
            r#"["/bin/sh","-c","sleep 1000 & sleep 1001; :"]"#,
            r#"["sleep","1000"]"#,
            r#"["sleep","1001"]"#,
        ];
        check_eq!(commands, expected, "the processes of the jail");
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
        // The inner shell ends when it cannot fork; the outer one goes on, until it has used a
        // twentieth of a second, and sleeps then.
        let script = "(sleep 1000 & sleep 1000 & :); set --; \
                      while [ $((${14:-0} + ${15:-0})) -lt 5 ]; do \
                      read -r line < /proc/$$/stat; set -- $line; done; exec sleep 1000";
        let jail = Detached::start(&["--max-tasks", "3"], script)?;
        wait_until_executed(jail.number, "sleep", 2)?;
        let said = json(&["stats", "--json", &jail.text()])?;
        check_eq!(said.as_array().map(Vec::len), Some(1), "the jails");
        let said = &said[0];
        check_eq!(said["number"], jail.number, "the jail");
        check_eq!(said["limits"]["tasks"], 3, "the limit");
        check_eq!(said["refusals"]["tasks"], 1, "the forks that were refused");
        for count in ["tasks", "processes"] {
            check_eq!(said[count], 2, "{count}");
        }
        // Both sleep: what the kernel tells of them stays the same.
        let (mut ticks, mut pages) = (0, 0);
        for pid in procfs::members(jail.number)? {
            ticks += procfs::stat(pid, 14)? + procfs::stat(pid, 15)?;
            pages += procfs::stat(pid, 24)?;
        }
        check!(ticks >= 5 && pages > 0, "{ticks} ticks and {pages} pages");
        check_eq!(said["memory_bytes"], pages * 4096, "the memory");
        let seconds = said["cpu_seconds"].as_f64().unwrap_or_default();
        check!(
            (seconds - ticks as f64 / 100.0).abs() < 0.001,
            "{seconds} s of a processor, in the kernel {ticks} hundredths"
        );
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
        let mut percents = Vec::new();
        for value in values.take(3) {
            let value: serde_json::Value = value.map_err(|error| fail(error.to_string()))?;
            percents.push(value[0]["cpu_percent"].as_f64());
        }
        let _ = child.kill();
        child.wait().context("waiting for jaula")?;
        // The first time there is nothing to compare with.
        check!(
            matches!(percents[..], [None, Some(_), Some(last)] if last > 0.0),
            "{percents:?} % of a processor"
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
                failed(&output(&mut jaula(&["rm", &number]))?, FAILED, &["EPERM"])
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
