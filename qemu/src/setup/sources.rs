// SPDX-License-Identifier: MIT OR Apache-2.0

//! Debian's backports among apt's sources: whether apt knows them, and the entry that adds them.
//!
//! apt itself is asked where the main suite comes from: the mirror and the key that the machine's
//! owner has chosen hold for the backports too.

use anyhow::{bail, Context, Result};
use deb822_fast::{Deb822, Paragraph};
use std::path::Path;

/// Where the entry is written that adds a suite.
pub const FILE: &str = "/etc/apt/sources.list.d/jaula-backports.sources";

/// What apt-get is to be asked for the text that [`find`] reads. Sources that have not been
/// updated since they were added are not in its answer.
pub const QUESTION: [&str; 3] = ["indextargets", "Created-By: Packages", "Component: main"];

/// What is to be done for packages of a suite.
#[derive(Debug, PartialEq, Eq)]
pub enum Suite {
    /// Nothing: apt has its package lists.
    Known,
    /// This is to be written into [`FILE`].
    Unknown(String),
}

/// Looks for `suite`, the backports of a release, in apt's answer to [`QUESTION`].
///
/// `read` reads a file of apt's sources.
pub fn find(suite: &str, targets: &str, read: impl Fn(&Path) -> Result<String>) -> Result<Suite> {
    let targets: Deb822 = targets
        .parse()
        .context("apt-get indextargets: its answer cannot be read")?;
    if targets
        .iter()
        .any(|target| is(target, "Codename", suite) || is(target, "Release", suite))
    {
        return Ok(Suite::Known);
    }
    let release = suite.trim_end_matches("-backports");
    let main = targets.iter().find(|target| {
        // Others than Debian name their suites after Debian's.
        is(target, "Codename", release) && is(target, "Origin", "Debian")
    });
    let Some(main) = main else {
        bail!("none of apt's sources is Debian's {release} main, where its backports would be too");
    };
    let field = |name| {
        main.get(name)
            .with_context(|| format!("apt-get indextargets: names no {name} for {release}"))
    };
    let place = field("Sourcesentry")?;
    let key = place
        .rsplit_once(':')
        .and_then(|(path, number)| Some((path, number.parse().ok()?)))
        .with_context(|| format!("apt-get indextargets: `{place}` names no entry"))
        .and_then(|(path, number)| {
            let text = read(Path::new(path))?;
            signed_by(path, &text, number).with_context(|| path.to_owned())
        })?;
    Ok(Suite::Unknown(entry(suite, field("Repo-URI")?, key)))
}

fn is(paragraph: &Paragraph, field: &str, value: &str) -> bool {
    paragraph.get(field) == Some(value)
}

/// The entry of one suite, signed like the main one.
fn entry(suite: &str, uri: &str, key: Option<String>) -> String {
    let mut fields = vec![
        ("Types".to_owned(), "deb".to_owned()),
        ("URIs".to_owned(), uri.to_owned()),
        ("Suites".to_owned(), suite.to_owned()),
        ("Components".to_owned(), "main".to_owned()),
    ];
    fields.extend(key.map(|key| ("Signed-By".to_owned(), key)));
    let lines: String = fields
        .iter()
        .map(|(name, value)| match value.contains('\n') {
            // A key itself rather than the name of its file. The first line is empty.
            true => format!("{name}:{}\n", value.replace('\n', "\n ")),
            false => format!("{name}: {value}\n"),
        })
        .collect();
    format!("# Added by jaula's `cargo xtask setup`, for QEMU.\n{lines}")
}

/// The `Signed-By` of an entry of apt's sources; it may have none. Entries of a `.sources` file
/// are numbered by paragraph, others by line, from one.
fn signed_by(path: &str, text: &str, number: usize) -> Result<Option<String>> {
    let index = number.checked_sub(1).context("has no entry 0")?;
    if path.ends_with(".sources") {
        let entries: Deb822 = text.parse().context("cannot be read")?;
        let entry = entries
            .iter()
            .nth(index)
            .with_context(|| format!("has no entry {number}"))?;
        return Ok(entry.get("Signed-By").map(str::to_owned));
    }
    let line = text
        .lines()
        .nth(index)
        .with_context(|| format!("has no line {number}"))?;
    let options = line
        .split_once('[')
        .and_then(|(_, rest)| rest.split_once(']'))
        .map_or("", |(options, _)| options);
    Ok(options
        .split_whitespace()
        .find_map(|option| option.strip_prefix("signed-by="))
        .map(str::to_owned))
}

#[cfg(test)]
#[path = "sources_tests.rs"]
mod tests;
