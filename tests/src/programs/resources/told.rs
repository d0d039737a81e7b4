// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula events`, `top` and `stats`: what is told of what happens and of what is used.

use super::{sh, Jail, ROOT};
use jaula_tests::admin::host;
use jaula_tests::ktap::{fail, Suite};
use jaula_tests::{check, check_eq, wait};

/// What `jaula events` prints, by jail, without the time.
fn events(of: &str) -> Result<Vec<String>, jaula_tests::ktap::Failure> {
    let text = host("cat /tmp/events; true")?;
    let after_time = |line: &str| line.split_once('\t').map(|(_, rest)| rest.to_owned());
    let mut found: Vec<String> = text.lines().filter_map(after_time).collect();
    found.retain(|line| line.starts_with(&format!("{of}\t")));
    Ok(found)
}

fn has(events: &[String], what: &str) -> bool {
    let is_it = |line: &String| line.split('\t').nth(2) == Some(what);
    events.iter().any(is_it)
}

pub fn add(suite: &mut Suite) {
    suite.case("events: created, entered, limit, oom-kill, paused, resumed, ended", || {
        host("jaula events --follow > /tmp/events 2> /tmp/events.err & echo $! > /tmp/events.pid")?;
        wait::until("it listens", || {
            let enabled = "cat /sys/kernel/tracing/instances/*/events/jaula/enable; true";
            Ok(host(enabled)? == "1")
        })?;
        let jail = Jail::start("told", "--memory 32m --memory-swap 32m --max-tasks 5", "sleep 1000")?;
        let number = host("jaula inspect told | sed -n 's/^  \"number\": \\([0-9]*\\),/\\1/p'")?;
        wait::until("it was entered", || Ok(has(&events(&number)?, "entered")))?;
        sh("jaula exec told tail /dev/zero")?;
        wait::until("it was killed", || Ok(has(&events(&number)?, "oom-kill")))?;
        sh("jaula exec told sh -c 'for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done'")?;
        wait::until("it has all tasks", || {
            let limits = events(&number)?;
            Ok(limits.iter().any(|line| line.contains("limit\ttasks.max")))
        })?;
        host("jaula pause told; sleep 1; jaula resume told")?;
        sh("jaula exec -u 0 told kill -9 1")?;
        drop(jail);
        wait::until("it has ended", || Ok(has(&events(&number)?, "ended")))?;
        let all = events(&number)?;
        for what in ["created", "paused", "resumed", "limit", "refused"] {
            check!(has(&all, what), "no {what} in {all:#?}");
        }
        let first = all.first().ok_or_else(|| fail("nothing"))?;
        check!(first.contains("created"), "the first is {first}");
        host("kill $(cat /tmp/events.pid)")?;
        wait::until("it has given back what it had", || {
            Ok(host("ls /sys/kernel/tracing/instances")?.is_empty())
        })?;
        check_eq!(host("cat /tmp/events.err")?, "", "what it complains of");
        host("rm /tmp/events*")?;
        Ok(())
    });
    suite.case("events: an oom-kill in a jail that ends by it", || {
        let follow = "jaula events --duration 6 > /tmp/killed & sleep 2";
        let kill =
            format!("for i in 1 2 3; do jaula -q --memory 8m {ROOT} -- tail /dev/zero; done");
        host(&format!("{follow}; {kill}; wait"))?;
        let text = host("cat /tmp/killed; rm /tmp/killed")?;
        let kills = text
            .lines()
            .filter(|line| line.contains("oom-kill"))
            .count();
        check_eq!(kills, 3, "what is told of: {text}");
        Ok(())
    });
    suite.case(
        "events: what a killed one has left the next one removes",
        || {
            host("jaula events --follow > /dev/null & sleep 2; kill -9 $!; sleep 1")?;
            check!(
                !host("ls /sys/kernel/tracing/instances")?.is_empty(),
                "it left nothing"
            );
            host("jaula events --duration 1 --json")?;
            check_eq!(
                host("ls /sys/kernel/tracing/instances")?,
                "",
                "what is left"
            );
            Ok(())
        },
    );
    suite.case("top: those that use most come first", || {
        let _idle = Jail::start("idle", "--memory 64m", "sleep 1000")?;
        let _busy = Jail::start(
            "busy",
            "--memory 64m --new-net",
            "sh -c 'while :; do :; done'",
        )?;
        let names = |sort: &str| {
            let text = host(&format!("jaula top --interval 1 --sort {sort}"))?;
            let names = text.lines().filter_map(|line| line.split('\t').nth(1));
            Ok::<Vec<String>, jaula_tests::ktap::Failure>(names.map(str::to_owned).collect())
        };
        check_eq!(names("cpu")?, ["busy", "idle"], "by processor time");
        host("jaula exec idle dd if=/dev/zero of=/dev/shm/much bs=1048576 count=20")?;
        check_eq!(names("memory")?, ["idle", "busy"], "by memory");
        let row = host("jaula top -n 1 | grep busy")?;
        let cells: Vec<&str> = row.split('\t').collect();
        check_eq!(cells.len(), 12, "cells of {row}");
        check!(cells[4].contains("64.0 MiB"), "its limit in {row}");
        check!(cells[8] == "0 B", "its network in {row}");
        host(&format!("jaula -q {ROOT} -- true"))?;
        Ok(())
    });
}
