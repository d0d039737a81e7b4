// SPDX-License-Identifier: MIT OR Apache-2.0

//! The table of hooks in the documentation, against the hooks that the kernel has and those that the
//! module registers.
//!
//! A kernel that has a hook more may have a way more from one process to another: somebody has to
//! look at it, and say so in the table, before the tests pass again.

use crate::kernel::{files, Kernel};
use crate::project::Project;
use anyhow::{bail, Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Where the kernel declares its hooks.
const DECLARATIONS: &str = "include/linux/lsm_hook_defs.h";
/// What this checks.
const DOCUMENT: &str = "docs/hooks.md";

/// Every hook is in the table, and the table says rightly which of them the module uses.
pub fn check(project: &Project, kernel: &Kernel) -> Result<()> {
    let declarations = kernel.tree.src().join(DECLARATIONS);
    let findings = findings(
        &declared(&read(&declarations)?)
            .with_context(|| format!("cannot read {}", declarations.display()))?,
        &registered(&module_sources(project)?)?,
        &table(&read(&project.root().join(DOCUMENT))?)
            .with_context(|| format!("cannot read {DOCUMENT}"))?,
    );
    if !findings.is_empty() {
        bail!("{DOCUMENT}:\n{}", findings.join("\n"));
    }
    Ok(())
}

pub(super) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| path.display().to_string())
}

/// The module's files in C, one after the other.
fn module_sources(project: &Project) -> Result<String> {
    let module = project.module_dir();
    let mut text = String::new();
    for path in files::list(&module)? {
        if path.extension().is_some_and(|extension| extension == "c") {
            text += &read(&module.join(path))?;
        }
    }
    Ok(text)
}

/// What does not fit, one sentence each, in the order of the hooks' names.
fn findings(
    declared: &BTreeSet<String>,
    registered: &BTreeSet<String>,
    table: &BTreeMap<String, bool>,
) -> Vec<String> {
    let names: BTreeSet<_> = declared
        .iter()
        .chain(registered)
        .chain(table.keys())
        .collect();
    let finding = |name: &String| {
        let fault = match (
            declared.contains(name),
            table.get(name),
            registered.contains(name),
        ) {
            (true, None, _) => {
                "the kernel has it, and no row does: look at where it is called, and say \
                 what the module does with it or why it needs nothing"
            }
            (false, Some(_), _) => "there is a row, and the kernel has no such hook",
            (false, None, true) => "the module registers it, and the kernel has no such hook",
            (true, Some(true), false) => {
                "the row says that it is used; the module does not register it"
            }
            (true, Some(false), true) => {
                "the row says that it is not used; the module registers it"
            }
            _ => return None,
        };
        Some(format!("{name}: {fault}"))
    };
    names.into_iter().filter_map(finding).collect()
}

/// The hooks that the kernel has: the third argument of each `LSM_HOOK`.
fn declared(text: &str) -> Result<BTreeSet<String>> {
    names_in(text, "LSM_HOOK(", 2)
}

/// The hooks that the module registers: the first argument of each `LSM_HOOK_INIT`.
fn registered(text: &str) -> Result<BTreeSet<String>> {
    names_in(text, "LSM_HOOK_INIT(", 0)
}

/// One argument of each use of a macro that begins a line; what a comment says begins none.
fn names_in(text: &str, start: &str, argument: usize) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    let mut rest = text;
    while let Some(line) = rest.lines().next() {
        if let Some(arguments) = rest.trim_start_matches([' ', '\t']).strip_prefix(start) {
            let name = arguments
                .split([',', ')'])
                .nth(argument)
                .unwrap_or_default();
            let name = name.trim();
            if !is_name(name) {
                bail!("no name of a hook in: {line}");
            }
            names.insert(name.to_owned());
        }
        rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
    }
    if names.is_empty() {
        bail!("no {start}...) in it");
    }
    Ok(names)
}

/// The rows of the tables whose first column is headed `hook`, and whether each hook is used.
fn table(text: &str) -> Result<BTreeMap<String, bool>> {
    let mut rows = BTreeMap::new();
    let mut inside = false;
    for line in text.lines() {
        let Some(cells) = cells(line) else {
            inside = false;
            continue;
        };
        let first = cells.first().copied().unwrap_or_default();
        if first == "hook" {
            inside = true;
            continue;
        }
        if !inside || first.starts_with("--") {
            continue;
        }
        let (name, used) = row(&cells).with_context(|| format!("the row: {line}"))?;
        if rows.insert(name.to_owned(), used).is_some() {
            bail!("there are two rows for {name}");
        }
    }
    if rows.is_empty() {
        bail!("no table whose first column is headed: hook");
    }
    Ok(rows)
}

/// The cells of a row of a table; none of what is no row.
pub(super) fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(str::trim).collect())
}

/// A name in backquotes, `yes` or `no`, and something about it.
fn row<'a>(cells: &[&'a str]) -> Result<(&'a str, bool)> {
    let [name, used, about] = cells else {
        bail!("three cells are expected, {} are there", cells.len());
    };
    let name = name
        .strip_prefix('`')
        .and_then(|name| name.strip_suffix('`'))
        .filter(|name| is_name(name))
        .context("the first cell is to hold the name of one hook, in backquotes")?;
    let used = match *used {
        "yes" => true,
        "no" => false,
        other => bail!("the second cell is to hold yes or no, not: {other}"),
    };
    if about.is_empty() {
        bail!("the third cell is empty");
    }
    Ok((name, used))
}

/// Whether this can be the name of something in C.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    const KERNEL: &str = "\
/*
 *	LSM_HOOK(<return_type>, <default_value>, <hook_name>, args...)
 *
 *   #define LSM_HOOK(RET, DEFAULT, NAME, ...) struct hlist_head NAME;
 */
LSM_HOOK(int, 0, task_kill, struct task_struct *p, struct kernel_siginfo *info,
	 int sig, const struct cred *cred)
#ifdef CONFIG_KEYS
LSM_HOOK(void, LSM_RET_VOID,
	 secmark_refcount_inc, void)
#endif
LSM_HOOK(int, -ENOSYS, task_prctl, int option)
";
    const MODULE: &str = "\
static struct security_hook_list jaula_hooks[] = {
	LSM_HOOK_INIT(task_kill, jaula_task_kill),
	/* LSM_HOOK_INIT(task_prctl, jaula_task_prctl), */
};
";
    const TABLE: &str = "\
| hook | used | what is done |
| --- | --- | --- |
| `task_kill` | yes | asks |
| `task_prctl` | no | of the caller |

| something else | and | more |
| --- | --- | --- |
| `no_hook` | perhaps | |

| hook | used | why |
| --- | --- | --- |
| `secmark_refcount_inc` | no | counts |
";

    fn found(kernel: &str, module: &str, document: &str) -> Result<Vec<String>> {
        Ok(findings(
            &declared(kernel)?,
            &registered(module)?,
            &table(document)?,
        ))
    }

    #[test]
    fn a_table_that_fits_passes() -> Result<()> {
        assert_eq!(
            declared(KERNEL)?.into_iter().collect::<Vec<_>>(),
            ["secmark_refcount_inc", "task_kill", "task_prctl"]
        );
        assert_eq!(found(KERNEL, MODULE, TABLE)?, [""; 0]);
        Ok(())
    }

    #[test]
    fn every_difference_is_found() -> Result<()> {
        let one = |kernel: &str, module: &str, document: &str, start: &str| -> Result<()> {
            let found = found(kernel, module, document)?;
            assert!(found.len() == 1 && found[0].starts_with(start), "{found:?}");
            Ok(())
        };
        let newer = format!("{KERNEL}LSM_HOOK(int, 0, new_hook, void)\n");
        one(&newer, MODULE, TABLE, "new_hook: the kernel has it")?;
        let older = KERNEL.replace("LSM_HOOK(int, -ENOSYS, task_prctl, int option)\n", "");
        one(&older, MODULE, TABLE, "task_prctl: there is a row")?;
        let unused = MODULE.replace("task_kill", "task_prctl");
        let found = found(KERNEL, &unused, TABLE)?;
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("task_kill: the row says that it is used"));
        assert!(found[1].starts_with("task_prctl: the row says that it is not used"));
        let more = format!("{MODULE}	LSM_HOOK_INIT(no_hook, jaula_no_hook),\n");
        one(KERNEL, &more, TABLE, "no_hook: the module registers it")
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        assert!(declared("nothing").is_err());
        assert!(declared("LSM_HOOK(int, 0)\n").is_err());
        assert!(registered("").is_err());
        assert!(table("| hook | used | why |\n| --- | --- | --- |\n").is_err());
        for row in [
            "| task_kill | yes | asks |",
            "| `task_kill`, `task_prctl` | yes | ask |",
            "| `task_kill` | Yes | asks |",
            "| `task_kill` | yes | |",
            "| `task_kill` | yes |",
            "| `secmark_refcount_inc` | no | again |",
        ] {
            assert!(table(&format!("{TABLE}{row}\n")).is_err(), "{row}");
        }
    }
}
