// SPDX-License-Identifier: MIT OR Apache-2.0

//! Proof that `git am` takes the mailbox on a clean tree and that what comes out is what
//! the harness builds.

use super::repo::Repo;
use crate::kernel::files;
use crate::kernel::series::Series;
use crate::kernel::tree::{Tree, MODULE_PATH};
use crate::process::capture;
use anyhow::{bail, Context, Result};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// Applies the mailbox to the originals of the files it touches, and compares.
pub fn prove(mailbox: &str, tree: &Tree, series: &Series) -> Result<()> {
    let repo = Repo::new()?;
    let touched = series.touched();
    for path in &touched {
        if let Some((content, mode)) = tree.original(path)? {
            files::write_whole(&repo.path().join(path), &content, mode)?;
        }
    }
    capture(repo.git().args(["add", "."]))?;
    capture(repo.git().args([
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        "upstream",
        "--author",
        "Upstream <upstream@localhost>",
    ]))?;
    let file = repo.path().join(".git/series.mbox");
    fs::write(&file, mailbox).with_context(|| file.display().to_string())?;
    capture(repo.git().args(["am", "-q"]).arg(&file))
        .context("git am does not take the mailbox")?;

    let mut compared: BTreeSet<PathBuf> = touched;
    compared.extend(
        files::list(&tree.src().join(MODULE_PATH))?
            .iter()
            .map(|path| PathBuf::from(MODULE_PATH).join(path)),
    );
    compared.extend(
        files::list(repo.path())?
            .into_iter()
            .filter(|path| !path.starts_with(".git")),
    );
    for path in compared {
        let content = |dir: PathBuf| {
            files::read(&dir.join(&path)).map(|found| found.map(|(content, _)| content))
        };
        if content(repo.path().to_path_buf())? != content(tree.src())? {
            bail!(
                "{}: git am makes another file of it than the harness",
                path.display()
            );
        }
    }
    Ok(())
}
