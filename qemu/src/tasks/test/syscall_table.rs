// SPDX-License-Identifier: MIT OR Apache-2.0

//! The tables of system calls in the documentation, against those of the kernel.
//!
//! As for hooks: a kernel that has a call more may have a way more from one process to another, and
//! somebody has to look at it first. The launcher's filter lets none through above the newest that
//! it knows, which is compared as well.

use super::hook_table::{cells, is_name, read};
use crate::kernel::Kernel;
use crate::project::Project;
use anyhow::{bail, Context, Result};
use std::collections::{BTreeMap, BTreeSet};

/// The kernel's tables: x86-64, i386, ARM, and the one that arm64 and others share.
const TABLES: [&str; 4] = [
    "arch/x86/entry/syscalls/syscall_64.tbl",
    "arch/x86/entry/syscalls/syscall_32.tbl",
    "arch/arm/tools/syscall.tbl",
    "scripts/syscall.tbl",
];
/// Where the newest call of an interface is for the filter, and by which name there.
const FILTER: &str = "jail-cli/src/isolation/filter.rs";
const NEWEST: [(&str, &str); 3] = [
    ("NEWEST_X86_64", TABLES[0]),
    ("NEWEST_I386", TABLES[1]),
    ("NEWEST_ARM", TABLES[2]),
];
/// Numbers from here on are no mainline call's: those of x32 are the last.
const LEGACY_X32: u32 = 512;
/// What this checks.
const DOCUMENT: &str = "docs/syscalls.md";

/// Every system call is in a row, and no row is about a call that there is not.
pub fn check(project: &Project, kernel: &Kernel) -> Result<()> {
    let mut calls = BTreeSet::new();
    for table in TABLES {
        let path = kernel.tree.src().join(table);
        calls.extend(
            calls_in(&read(&path)?).with_context(|| format!("cannot read {}", path.display()))?,
        );
    }
    let rows = rows(&read(&project.root().join(DOCUMENT))?)
        .with_context(|| format!("cannot read {DOCUMENT}"))?;
    let findings = findings(&calls, &rows);
    if !findings.is_empty() {
        bail!("{DOCUMENT}:\n{}", findings.join("\n"));
    }
    Ok(())
}

/// The filter knows the newest call of each interface, and no newer one.
pub fn check_filter(project: &Project, kernel: &Kernel) -> Result<()> {
    let filter = read(&project.root().join(FILTER))?;
    let mut findings = Vec::new();
    for (name, table) in NEWEST {
        let known = constant(&filter, name).context(FILTER)?;
        let newest = newest_in(&read(&kernel.tree.src().join(table))?).context(table)?;
        if known != newest {
            findings.push(format!(
                "{name} is {known}, and the newest call in {table} is {newest}: look at those in \
                 between, whether they belong on the list of what is refused"
            ));
        }
    }
    if !findings.is_empty() {
        bail!("{FILTER}:\n{}", findings.join("\n"));
    }
    Ok(())
}

/// The number that a constant of this name is given in a Rust file.
fn constant(text: &str, name: &str) -> Result<u32> {
    let start = format!("pub const {name}: u32 = ");
    let value = text.lines().find_map(|line| line.strip_prefix(&start));
    let value = value.and_then(|value| value.strip_suffix(';'));
    let value = value.with_context(|| format!("there is no: {start}…;"))?;
    value.parse().with_context(|| format!("{name}: {value}"))
}

/// The largest number of a mainline call in one of the kernel's tables.
fn newest_in(text: &str) -> Result<u32> {
    let entries = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default());
    let numbers = entries.filter_map(|entry| entry.split_whitespace().next()?.parse::<u32>().ok());
    let newest = numbers.filter(|number| *number < LEGACY_X32).max();
    newest.context("no calls in it")
}

/// What the rows say of each call: which of its commands they are about, an empty text for all.
type Rows = BTreeMap<String, BTreeSet<String>>;

/// What does not fit, one sentence each, in the order of the calls' names.
fn findings(calls: &BTreeSet<String>, rows: &Rows) -> Vec<String> {
    let names: BTreeSet<_> = calls.iter().chain(rows.keys()).collect();
    let finding = |name: &String| {
        let fault = match (calls.contains(name), rows.contains_key(name)) {
            (true, false) => {
                "the kernel has it, and no row does: look at whom it can name, and say what \
                 decides about that or why nothing has to"
            }
            (false, true) => "there is a row, and the kernel has no such call",
            _ => return None,
        };
        Some(format!("{name}: {fault}"))
    };
    names.into_iter().filter_map(finding).collect()
}

/// The calls in one of the kernel's tables: a number, what interface it is for, the name, and perhaps
/// the functions behind it. Where there is none the number is taken all the same, and the call told.
fn calls_in(text: &str) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for line in text.lines() {
        let entry = line.split('#').next().unwrap_or_default();
        let fields: Vec<_> = entry.split_whitespace().collect();
        match fields[..] {
            [] => {}
            [number, _, name, ..] if number.parse::<u32>().is_ok() && is_name(name) => {
                names.insert(name.to_owned());
            }
            _ => bail!("neither a call nor a comment: {line}"),
        }
    }
    if names.is_empty() {
        bail!("no calls in it");
    }
    Ok(names)
}

/// The rows of the tables whose first column is headed `call`.
fn rows(text: &str) -> Result<Rows> {
    let mut rows = Rows::new();
    let mut inside = false;
    for line in text.lines() {
        let Some(cells) = cells(line) else {
            inside = false;
            continue;
        };
        let first = cells.first().copied().unwrap_or_default();
        if first == "call" {
            inside = true;
            continue;
        }
        if !inside || first.starts_with("--") {
            continue;
        }
        let (names, commands) = row(&cells).with_context(|| format!("the row: {line}"))?;
        for name in names {
            let told = rows.entry(name.to_owned()).or_default();
            let is_new = told.insert(commands.to_owned());
            if !is_new || told.len() > 1 && told.contains("") {
                bail!("two rows tell of {name}, and not of different commands: {line}");
            }
        }
    }
    if rows.is_empty() {
        bail!("no table whose first column is headed: call");
    }
    Ok(rows)
}

/// The names in the first cell, in backquotes and with commas between them, and what follows them
/// after a colon; two more cells are to hold something.
fn row<'a>(cells: &[&'a str]) -> Result<(Vec<&'a str>, &'a str)> {
    let [calls, reach, decides] = cells else {
        bail!("three cells are expected, {} are there", cells.len());
    };
    let (names, commands) = match calls.split_once(':') {
        Some((names, commands)) => (names, commands.trim()),
        None => (*calls, ""),
    };
    if calls.contains(':') && commands.is_empty() {
        bail!("nothing follows the colon");
    }
    let names = names
        .split(", ")
        .map(|name| {
            name.strip_prefix('`')
                .and_then(|name| name.strip_suffix('`'))
                .filter(|name| is_name(name))
                .with_context(|| format!("not the name of a call, in backquotes: {name}"))
        })
        .collect::<Result<Vec<_>>>()?;
    if reach.is_empty() || decides.is_empty() {
        bail!("a cell is empty");
    }
    Ok((names, commands))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KERNEL: &str = "\
# SPDX-License-Identifier: GPL-2.0
#
# <number> <abi> <name> <entry point> [<compat entry point> [noreturn]]
0	common	read			sys_read
1	common	exit			sys_exit			-			noreturn
129	32	rt_sigqueueinfo		sys_rt_sigqueueinfo	compat_sys_rt_sigqueueinfo

# There is nothing behind these.
156	64	_sysctl			sys_ni_syscall
184	common	tuxcall
1000	common	create_newjail		sys_create_newjail	# jaula's
";
    const DOCUMENT: &str = "\
| call | what it can reach | what decides |
| --- | --- | --- |
| `rt_sigqueueinfo` | a process | `task_kill` |
| `read`: a terminal, from `n_tty` | a group | nothing |
| `read`: all else | what is open | the descriptor |

| something else | and | more |
| --- | --- | --- |
| `no_call` | | |

| call | what it can reach | why nothing decides |
| --- | --- | --- |
| `exit`, `create_newjail` | nothing | about the caller |
| `_sysctl`, `tuxcall` | nothing | there is no such call |
";

    fn found(kernel: &str, document: &str) -> Result<Vec<String>> {
        Ok(findings(&calls_in(kernel)?, &rows(document)?))
    }

    #[test]
    fn tables_that_fit_pass() -> Result<()> {
        assert_eq!(
            calls_in(KERNEL)?.into_iter().collect::<Vec<_>>(),
            [
                "_sysctl",
                "create_newjail",
                "exit",
                "read",
                "rt_sigqueueinfo",
                "tuxcall"
            ]
        );
        assert_eq!(found(KERNEL, DOCUMENT)?, [""; 0]);
        Ok(())
    }

    #[test]
    fn every_difference_is_found() -> Result<()> {
        let one = |kernel: &str, document: &str, start: &str| -> Result<()> {
            let found = found(kernel, document)?;
            assert!(found.len() == 1 && found[0].starts_with(start), "{found:?}");
            Ok(())
        };
        let newer = format!("{KERNEL}463\tcommon\tnew_call\tsys_new_call\n");
        one(&newer, DOCUMENT, "new_call: the kernel has it")?;
        let empty = format!("{KERNEL}463 common new_call\n");
        one(&empty, DOCUMENT, "new_call: the kernel has it")?;
        let older = KERNEL.replace("184	common	tuxcall\n", "");
        one(&older, DOCUMENT, "tuxcall: there is a row")?;
        let shorter = DOCUMENT.replace("`exit`, ", "");
        one(KERNEL, &shorter, "exit: the kernel has it")?;
        // What is named elsewhere than in the first column is not told of.
        let mentioned = DOCUMENT.replace(
            "`rt_sigqueueinfo` | a process",
            "`exit`: `rt_sigqueueinfo` | a process",
        );
        let mentioned = mentioned.replace("`exit`, ", "");
        one(KERNEL, &mentioned, "rt_sigqueueinfo: the kernel has it")
    }

    #[test]
    fn the_newest_call_is_that_of_mainline() -> Result<()> {
        assert_eq!(newest_in(KERNEL)?, 184);
        let newer = format!("{KERNEL}463 common new_call\n512 x32 rt_sigaction\n");
        assert_eq!(newest_in(&newer)?, 463);
        assert!(newest_in("# 5 common read\n1000 common create_newjail\n").is_err());
        let filter = "// pub const A: u32 = 1;\npub const AB: u32 = 2;\npub const A: u32 = 3;\n";
        assert_eq!(constant(filter, "A")?, 3);
        assert!(constant(filter, "B").is_err());
        assert!(constant("pub const A: u32 = x;\n", "A").is_err());
        Ok(())
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        assert!(calls_in("# nothing\n").is_err());
        for line in ["read", "0 common", "0 common sys.read", "x common read"] {
            assert!(calls_in(&format!("{KERNEL}{line}\n")).is_err(), "{line}");
        }
        assert!(rows("").is_err());
        assert!(rows("| call | reach | why |\n| --- | --- | --- |\n").is_err());
        for row in [
            "| write | nothing | why |",
            "| `write` and `pwrite` | nothing | why |",
            "| `write`,`pwrite` | nothing | why |",
            "| `write()` | nothing | why |",
            "| `write`: | nothing | why |",
            "| `write` | | why |",
            "| `write` | nothing | |",
            "| `write` | nothing |",
            "| `exit` | nothing | again |",
            "| `exit`: with an error | nothing | all of it is told above |",
            "| `read` | nothing | some of it is told above |",
            "| `read`: all else | nothing | again |",
        ] {
            assert!(rows(&format!("{DOCUMENT}{row}\n")).is_err(), "{row}");
        }
    }
}
