// SPDX-License-Identifier: MIT OR Apache-2.0

//! Two servers with one configuration, in one space of keys.

mod outside;

use super::page::{bash, objects, within, Page};
use jaula_tests::admin::json;
use jaula_tests::ktap::{fail, CaseResult, Context, Failure, Suite};
use jaula_tests::launch::jaula;
use jaula_tests::rounds::rounds;
use jaula_tests::{check, check_eq};
use outside::Outside;
use std::process::{Child, Stdio};

const PAGE: &str = include_str!("../../../../docs/services/postgresql.md");
const KILLED: &str = "## When one is killed\n";
const JAILS: [&str; 2] = ["db1", "db2"];
/// The tables of pgbench for one unit of its scale.
const INITIALIZE: [&str; 4] = ["pgbench", "--initialize", "--quiet", "postgres"];

pub fn add(suite: &mut Suite<'_>) {
    suite.case(
        "postgresql: two with one configuration, and one key",
        || {
            let page = Page::follow("postgresql", PAGE)?;
            let keys = JAILS.map(main_segment);
            let [first, second] = keys;
            check_eq!(second?, first? + 1, "the key of the second");
            let refused = json(&["inspect", "db2"])?["refusals"]["sysvipc"].as_u64();
            check!(
                refused.is_some_and(|count| count > 0),
                "refused: {refused:?}"
            );

            for name in JAILS {
                within(name, &INITIALIZE)?;
            }
            let children = JAILS.map(|name| start_pgbench(name, 5));
            for (name, child) in JAILS.iter().zip(children) {
                transactions(child?)?;
                check_balance(name)?;
            }
            page.end()
        },
    );
    suite.case("postgresql: one is killed, the other goes on", || {
        let page = Page::set_up("postgresql", PAGE)?;
        let nothing = objects()?;
        page.start()?;
        for name in JAILS {
            within(name, &INITIALIZE)?;
        }
        bash("jaula stop db2")?;
        let with_one = objects()?;
        check!(with_one != nothing, "{with_one:?}");
        bash(&format!("jaula up --quiet {}", page.description()))?;
        let [killed, other] = JAILS.map(|name| start_pgbench(name, 10));
        let (mut killed, other) = (killed?, other?);
        busy("db1")?;
        page.section(KILLED)?;
        let _ = killed.kill();
        let _ = killed.wait();
        transactions(other)?;
        for name in JAILS {
            check_balance(name)?;
        }
        bash("jaula stop db2")?;
        check_eq!(objects()?, with_one, "the objects of one server");
        page.end()
    });
    suite.case("postgresql: pgbench inside and outside of a jail", || {
        let page = Page::follow("postgresql", PAGE)?;
        within("db1", &INITIALIZE)?;
        bash("jaula stop db1 && jaula stop db2")?;
        let seconds = match rounds(5) {
            5 => 20,
            _ => 3,
        };
        for round in 1..=rounds(3) {
            let outside = Outside::start("/srv/db1/root")?.pgbench(seconds)?;
            bash(&format!("jaula up --quiet {}", page.description()))?;
            let inside = transactions(start_pgbench("db1", seconds)?)?;
            check_balance("db1")?;
            bash("jaula stop db1 && jaula stop db2")?;
            // For people: an emulated machine on a busy one says nothing by its clock.
            println!("# round {round}, {seconds} s each: {outside} transactions outside, {inside} inside");
        }
        page.end()
    });
}

/// The key of the segment that a server begins with.
fn main_segment(name: &str) -> Result<u64, Failure> {
    let said = within(name, &["ipcs", "--shmems"])?;
    let keys = said.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let key = u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok()?;
        let bytes: u64 = words.nth(3)?.parse().ok()?;
        Some((bytes, key))
    });
    let largest = keys.max().ok_or_else(|| fail(said.clone()))?;
    Ok(largest.1)
}

/// Starts transactions in a jail.
fn start_pgbench(name: &str, seconds: u32) -> Result<Child, Failure> {
    let seconds = seconds.to_string();
    let command = [
        "exec",
        "--quiet",
        name,
        "--",
        "pgbench",
        "--client=4",
        "--jobs=2",
        // It would forget what was done before, too.
        "--no-vacuum",
        "--time",
    ];
    jaula(&[&command[..], &[&seconds, "postgres"]].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("pgbench")
}

/// How many there were, of which none may have failed.
fn transactions(child: Child) -> Result<u64, Failure> {
    let output = child.wait_with_output().context("pgbench")?;
    let said = String::from_utf8_lossy(&output.stdout);
    check!(output.status.success(), "pgbench: {output:?}");
    count(&said)
}

/// The same, as pgbench has told it.
fn count(said: &str) -> Result<u64, Failure> {
    check!(said.contains("failed transactions: 0 "), "{said}");
    let line = "number of transactions actually processed: ";
    let count = said.lines().find_map(|text| text.strip_prefix(line));
    let count = count.and_then(|count| count.parse().ok());
    let count = count.ok_or_else(|| fail(said.to_owned()))?;
    check!(count > 0, "no transaction was done");
    Ok(count)
}

/// Every transaction changes four tables by the same amount.
fn check_balance(name: &str) -> CaseResult {
    let query =
        "select count(distinct total) from (select sum(abalance) as total from pgbench_accounts \
                 union all select sum(bbalance) from pgbench_branches \
                 union all select sum(tbalance) from pgbench_tellers \
                 union all select coalesce(sum(delta), 0) from pgbench_history) as totals";
    let said = within(
        name,
        &["psql", "--tuples-only", "--no-align", "--command", query],
    )?;
    check_eq!(said, "1\n", "the balances of {name}");
    Ok(())
}

/// Waits until transactions are done there.
fn busy(name: &str) -> CaseResult {
    let query = "select count(*) from pgbench_history";
    jaula_tests::wait::until(&format!("{name} is busy"), || {
        let said = within(
            name,
            &["psql", "--tuples-only", "--no-align", "--command", query],
        )?;
        Ok(said != "0\n")
    })
}
