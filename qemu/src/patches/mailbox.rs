// SPDX-License-Identifier: MIT OR Apache-2.0

//! The series and the module as one mailbox for `git am`.

use super::repo::Repo;
use crate::kernel::files;
use crate::kernel::series::{Entry, Series};
use crate::kernel::tree::MODULE_PATH;
use crate::process::{capture, command};
use crate::project::Project;
use anyhow::{bail, Context, Result};
use std::fs;

/// The commit message of the patch that brings the module, beside the series.
const MESSAGE: &str = "kernel-module.message";

/// What git writes above a patch that has no commit of its own.
const SEPARATOR: &str = "From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001\n";

/// All messages, in the order of the series, the module at its place in it.
///
/// A series that names no place for the module has it last.
pub fn compose(project: &Project, series: &Series) -> Result<String> {
    let mut mailbox = String::new();
    let mut module_done = false;
    for entry in &series.entries {
        match entry {
            Entry::Patch { name, text } => {
                mailbox +=
                    &message(text).with_context(|| series.dir.join(name).display().to_string())?;
            }
            Entry::Module => {
                mailbox += &module(project)?;
                module_done = true;
            }
        }
    }
    if !module_done {
        mailbox += &module(project)?;
    }
    Ok(mailbox)
}

/// A patch as a message of a mailbox.
fn message(patch: &str) -> Result<String> {
    let header = patch.split("\n\n").next().unwrap_or_default();
    for field in ["From: ", "Subject: "] {
        if !header.lines().any(|line| line.starts_with(field)) {
            bail!("the patch has no `{field}` line, which git am needs");
        }
    }
    let separator = if patch.starts_with("From ") {
        ""
    } else {
        SEPARATOR
    };
    let end = if patch.ends_with('\n') { "" } else { "\n" };
    Ok(format!("{separator}{patch}{end}\n"))
}

/// The patch that adds the module, made by git itself.
fn module(project: &Project) -> Result<String> {
    let message = project.series_dir().join(MESSAGE);
    let text = fs::read_to_string(&message)
        .with_context(|| format!("{}: the module's commit message", message.display()))?;
    let (name, email) = author(&text).with_context(|| {
        format!(
            "{}: needs a line `Signed-off-by: NAME <EMAIL>`",
            message.display()
        )
    })?;
    let repo = Repo::new()?;
    files::mirror(&project.module_dir(), &repo.path().join(MODULE_PATH))?;
    let date = changed(project);
    capture(repo.git().args(["add", "."]))?;
    capture(
        repo.git()
            .args(["commit", "-q", "-F"])
            .arg(&message)
            .args(["--author", &format!("{name} <{email}>"), "--date", &date])
            .env("GIT_COMMITTER_DATE", &date),
    )?;
    let text = capture(repo.git().args([
        "format-patch",
        "--root",
        "--stdout",
        "--zero-commit",
        "--no-signature",
        "-1",
    ]))?;
    Ok(text + "\n")
}

/// When the module was last changed, so that two exports of the same are the same.
fn changed(project: &Project) -> String {
    let log = capture(
        command("git")
            .args(["log", "-1", "--format=%aI", "--", "kernel-module"])
            .current_dir(project.root()),
    );
    match log {
        Ok(date) if !date.trim().is_empty() => date.trim().to_owned(),
        // Not a git checkout.
        _ => "@0 +0000".to_owned(),
    }
}

fn author(message: &str) -> Option<(&str, &str)> {
    let who = message
        .lines()
        .find_map(|line| line.strip_prefix("Signed-off-by: "))?;
    let (name, rest) = who.split_once(" <")?;
    Some((name, rest.strip_suffix('>')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn author_is_who_signed() {
        let text = "subject\n\nbody\n\nSigned-off-by: A B <a@b.invalid>\n";
        assert_eq!(author(text), Some(("A B", "a@b.invalid")));
        assert_eq!(author("subject\n"), None);
    }

    #[test]
    fn patch_without_a_separator_gets_one() -> Result<()> {
        let text = message("From: A <a@b>\nSubject: [PATCH] x\n\nbody\n---\n")?;
        assert!(text.starts_with("From 0000"), "{text}");
        assert!(message("--- a/x\n+++ b/x\n").is_err());
        Ok(())
    }
}
