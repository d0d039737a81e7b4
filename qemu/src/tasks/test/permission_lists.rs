// SPDX-License-Identifier: MIT OR Apache-2.0

//! The permissions that reach further than a jail: two documents list them, and are to list the same.

use super::hook_table::{cells, is_name, read};
use crate::project::Project;
use anyhow::{bail, Context, Result};
use std::collections::{BTreeMap, BTreeSet};

/// Who relies on a jail reads the one, who gives it something the other.
const MODEL: &str = "docs/threat-model.md";
const GUIDE: &str = "docs/guide.md";
/// Where all permissions are, in the directory of the module.
const NAMES: &str = "allowance.rs";
/// How the list in [`MODEL`] begins.
const BULLET: &str = "- **A jail that is allowed much.**";
/// The head of the first column of the table in [`GUIDE`].
const HEAD: &str = "permission";

/// Both documents name the same permissions, and there are such.
pub fn check(project: &Project) -> Result<()> {
    let document = |name: &str| read(&project.root().join(name));
    let names = project.module_dir().join(NAMES);
    let known = known(&read(&names)?).with_context(|| names.display().to_string())?;
    let model = in_bullet(&document(MODEL)?).context(MODEL)?;
    let guide = in_table(&document(GUIDE)?).context(GUIDE)?;
    let findings = findings(&known, &model, &guide);
    if !findings.is_empty() {
        bail!("{}", findings.join("\n"));
    }
    Ok(())
}

/// What does not fit, one sentence each, in the order of the names. `known` says of each name, short
/// ones included, what it stands for.
fn findings(
    known: &BTreeMap<String, String>,
    model: &BTreeSet<String>,
    guide: &BTreeSet<String>,
) -> Vec<String> {
    let stands_for = |name: &String| known.get(name).unwrap_or(name).clone();
    let whole = |names: &BTreeSet<String>| names.iter().map(stands_for).collect::<BTreeSet<_>>();
    let (model, guide) = (whole(model), whole(guide));
    let finding = |name: &String| {
        let fault = match (known.contains_key(name), model.contains(name)) {
            (false, _) => format!("it is no permission: {NAMES} has no such name"),
            (true, true) if guide.contains(name) => return None,
            (true, true) => format!("{MODEL} lists it, and {GUIDE} does not"),
            (true, false) => format!("{GUIDE} lists it, and {MODEL} does not"),
        };
        Some(format!("{name}: {fault}"))
    };
    model.union(&guide).filter_map(finding).collect()
}

/// The names in backquotes in the bullet, which ends where the next one or a paragraph begins.
fn in_bullet(text: &str) -> Result<BTreeSet<String>> {
    let (_, rest) = text
        .split_once(BULLET)
        .with_context(|| format!("there is no: {BULLET}"))?;
    let end = rest.find("\n- ").into_iter().chain(rest.find("\n\n")).min();
    quoted(&rest[..end.unwrap_or(rest.len())])
}

/// The names in backquotes in the first column of the table.
fn in_table(text: &str) -> Result<BTreeSet<String>> {
    let first = |line| cells(line).and_then(|cells| cells.first().copied());
    let column: Vec<_> = text
        .lines()
        .map(first)
        .skip_while(|cell| *cell != Some(HEAD))
        .skip(1)
        .map_while(|cell| cell)
        .collect();
    quoted(&column.join(" "))
}

/// What is in backquotes, all of which are to be names.
fn quoted(text: &str) -> Result<BTreeSet<String>> {
    let names: BTreeSet<_> = text
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect();
    if let Some(other) = names.iter().find(|name| !is_name(name)) {
        bail!("in backquotes are to be names of permissions, not: {other}");
    }
    if names.is_empty() {
        bail!("no permissions are listed");
    }
    Ok(names)
}

/// All names of permissions, and what they stand for: the short ones for another.
fn known(source: &str) -> Result<BTreeMap<String, String>> {
    let names = entries(source, "const NAMES:")?;
    let mut known: BTreeMap<_, _> = names
        .values()
        .map(|name| (name.clone(), name.clone()))
        .collect();
    for (number, short) in entries(source, "const SHORT_NAMES:")? {
        let name = names
            .get(&number)
            .with_context(|| format!("{short} is short for nothing: {number}"))?;
        known.insert(short, name.clone());
    }
    Ok(known)
}

/// The names in a constant, by what stands for their numbers.
fn entries(source: &str, constant: &str) -> Result<BTreeMap<String, String>> {
    let list = source
        .split_once(constant)
        .and_then(|(_, rest)| rest.split_once("= ["))
        .and_then(|(_, rest)| rest.split_once("];"))
        .map(|(list, _)| list)
        .with_context(|| format!("there is no: {constant}"))?;
    let entry = |text: &str| {
        let (number, rest) = text.split_once(',')?;
        let name = rest.split('"').nth(1)?;
        is_name(name).then(|| (number.trim().to_owned(), name.to_owned()))
    };
    list.split('(')
        .skip(1)
        .map(|text| entry(text).with_context(|| format!("no number and name: ({text}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = r#"
const NAMES: [(u32, &str); 4] = [
    (13, "net_raw"),
    (21, "sys_admin"),
    (Permission::SYSCTL.0, "sysctl"),
    (
        Permission::MORE.0,
        "more",
    ),
];

const SHORT_NAMES: [(u32, &str); 1] = [(21, "mount")];
"#;
    const LISTED: &str = "\
## What is not promised

- **Something else**: `nothing`.
- **A jail that is allowed much.** `mount` is `sys_admin`: with it, or with
  `sysctl`, root reaches the host.
- **IP** is not kept apart without `--new-net`.
";
    const TABLE: &str = "\
| option | what it does |
| --- | --- |
| `--umask` | which |

| permission | what it reaches |
| --- | --- |
| `mount` | all |
| `sysctl` | files, `net_raw` too |

| more | |
| --- | --- |
| `more` | |
";

    fn found(model: &str, guide: &str) -> Result<Vec<String>> {
        Ok(findings(
            &known(SOURCE)?,
            &in_bullet(model)?,
            &in_table(guide)?,
        ))
    }

    #[test]
    fn lists_that_are_alike_pass() -> Result<()> {
        assert_eq!(found(LISTED, TABLE)?, [""; 0]);
        let last = LISTED.replace("- **IP**", "\nIP");
        assert_eq!(found(&last, TABLE)?, [""; 0]);
        assert_eq!(found(LISTED, TABLE.trim_end())?, [""; 0]);
        Ok(())
    }

    #[test]
    fn short_names_count_as_what_they_stand_for() -> Result<()> {
        let long = TABLE.replace("`mount`", "`sys_admin`");
        assert_eq!(found(LISTED, &long)?, [""; 0]);
        assert_eq!(
            known(SOURCE)?.get("mount").map(String::as_str),
            Some("sys_admin")
        );
        Ok(())
    }

    #[test]
    fn every_difference_is_found() -> Result<()> {
        let one = |model: &str, guide: &str, expected: &str| -> Result<()> {
            let found = found(model, guide)?;
            assert!(found.len() == 1 && found[0] == expected, "{found:?}");
            Ok(())
        };
        one(
            &LISTED.replace("or with", "or with `more`,"),
            TABLE,
            "more: docs/threat-model.md lists it, and docs/guide.md does not",
        )?;
        one(
            LISTED,
            &TABLE.replace("| `sysctl`", "| `sysctl`, `net_raw`"),
            "net_raw: docs/guide.md lists it, and docs/threat-model.md does not",
        )?;
        one(
            &LISTED.replace("`sysctl`", "`sysctl`, `chroot`"),
            &TABLE.replace("| `mount`", "| `mount`, `chroot`"),
            "chroot: it is no permission: allowance.rs has no such name",
        )
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        assert!(in_bullet("- **Another.** `mount`\n").is_err());
        assert!(in_bullet("- **A jail that is allowed much.** Nothing.\n- `mount`\n").is_err());
        assert!(in_bullet(&LISTED.replace("`sysctl`", "`--new-net`")).is_err());
        assert!(in_table("| option | |\n| --- | --- |\n| `mount` | |\n").is_err());
        assert!(in_table("| permission | |\n| --- | --- |\n").is_err());
        for (from, to) in [
            ("NAMES: [(u32, &str); 4]", "OTHERS: [(u32, &str); 4]"),
            ("const SHORT_NAMES", "const SHORT"),
            ("[(21, \"mount\")]", "[(22, \"mount\")]"),
            ("\"net_raw\"", "net_raw"),
        ] {
            assert!(known(&SOURCE.replace(from, to)).is_err(), "{to}");
        }
    }
}
