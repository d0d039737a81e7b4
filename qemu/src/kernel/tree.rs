// SPDX-License-Identifier: MIT OR Apache-2.0

//! The patched kernel tree in the cache: one a source, shared by all builds of it.
//!
//! What must hold at any moment, also after a run was killed: every file of `src` that is
//! not as upstream has its original in `pristine` (or is listed in `added`), except below
//! `security/jaula`, which upstream does not have. So the series can always be applied anew
//! from originals, beside the tree, and only the files that come out different are written.

use super::extract;
use super::files;
use super::series::Series;
use super::source::Source;
use crate::process::{command, output, shown};
use crate::project::Project;
use crate::ui::{Progress, Scale};
use anyhow::{bail, Context, Result};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the module lies in the kernel tree.
pub const MODULE_PATH: &str = "security/jaula";

/// A patched tree.
#[derive(Clone, Debug)]
pub struct Tree {
    dir: PathBuf,
}

impl Tree {
    /// Brings the cache's tree of `source` up to date with the series and the module.
    pub fn prepare(project: &Project, source: &Source, series: &Series) -> Result<Self> {
        let top = project.cache().join("kernel");
        fs::create_dir_all(&top).with_context(|| format!("{}: cannot create", top.display()))?;
        let tree = Self {
            dir: top.join(source.key()),
        };
        let interrupted = tree.unsettled().exists();
        let fetched = tree.fetch(project, source)?;
        let _progress = Progress::start("bringing the kernel source up to date", Scale::Unknown);
        files::write_whole(&tree.unsettled(), b"", 0o644)?;
        let patched = tree.patch(series)?;
        let synced = files::mirror(&project.module_dir(), &tree.src().join(MODULE_PATH))?;
        if interrupted || fetched || patched > 0 || synced > 0 || !tree.generation_file().exists() {
            tree.bump_generation()?;
        }
        fs::remove_file(tree.unsettled())
            .with_context(|| tree.unsettled().display().to_string())?;
        Ok(tree)
    }

    /// The source tree itself.
    pub fn src(&self) -> PathBuf {
        self.dir.join("src")
    }

    /// A build directory below it, for make's `O=`.
    pub fn build_dir(&self, name: &str) -> PathBuf {
        self.dir.join("build").join(name)
    }

    /// The original of a file, as upstream has it; `None` if upstream has no such file.
    pub fn original(&self, path: &Path) -> Result<Option<(Vec<u8>, u32)>> {
        if self.added()?.contains(path) {
            return Ok(None);
        }
        match files::read(&self.pristine().join(path))? {
            Some(found) => Ok(Some(found)),
            None => files::read(&self.src().join(path)),
        }
    }

    /// A number that is another one after anything in the tree has changed.
    pub fn generation(&self) -> Result<String> {
        let file = self.generation_file();
        fs::read_to_string(&file).with_context(|| file.display().to_string())
    }

    fn bump_generation(&self) -> Result<()> {
        let last: u64 = self
            .generation()
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(0);
        files::write_whole(
            &self.generation_file(),
            format!("{}\n", last + 1).as_bytes(),
            0o644,
        )
    }

    fn generation_file(&self) -> PathBuf {
        self.dir.join("generation")
    }

    /// There while files of the tree are being written and the generation does not tell yet.
    fn unsettled(&self) -> PathBuf {
        self.dir.join("unsettled")
    }

    fn pristine(&self) -> PathBuf {
        self.dir.join("pristine")
    }

    fn added_file(&self) -> PathBuf {
        self.dir.join("added")
    }

    /// The files that a patch has added to the tree.
    fn added(&self) -> Result<BTreeSet<PathBuf>> {
        let text = files::read(&self.added_file())?
            .map(|(text, _)| text)
            .unwrap_or_default();
        Ok(String::from_utf8_lossy(&text)
            .lines()
            .map(PathBuf::from)
            .collect())
    }

    /// Unpacks or copies the source if the cache has not got it; says whether it changed.
    fn fetch(&self, project: &Project, source: &Source) -> Result<bool> {
        let mark = self.dir.join("source");
        let identity = source.identity()?;
        let known = files::read(&mark)?.is_some_and(|(text, _)| text == identity.as_bytes());
        match source {
            Source::Tarball(_) if known => Ok(false),
            Source::Tarball(tarball) => {
                // Builds of another archive go with the tree: make compares time stamps, and
                // those in an archive may be older than the objects.
                let fresh = extract::unpack(project, tarball)?;
                fs::write(fresh.path().join("source"), &identity)
                    .with_context(|| fresh.path().display().to_string())?;
                extract::install(fresh, &self.dir)?;
                Ok(true)
            }
            Source::Tree(theirs) => {
                fs::create_dir_all(self.src()).with_context(|| self.dir.display().to_string())?;
                let ours: BTreeSet<_> = files::list(&self.pristine())?
                    .union(&self.added()?)
                    .cloned()
                    .collect();
                let changed = extract::copy_tree(project, theirs, &self.src(), &ours)?;
                for path in files::list(&self.pristine())? {
                    files::make_equal(&theirs.join(&path), &self.pristine().join(&path))?;
                }
                files::write_whole(&mark, identity.as_bytes(), 0o644)?;
                Ok(changed)
            }
        }
    }

    /// Applies the series; gives the number of files that had to be written.
    fn patch(&self, series: &Series) -> Result<usize> {
        let mut touched = series.touched();
        touched.extend(files::list(&self.pristine())?);
        touched.extend(self.added()?);
        let staging = tempfile::Builder::new()
            .prefix("staging-")
            .tempdir_in(&self.dir)
            .with_context(|| self.dir.display().to_string())?;
        for path in &touched {
            if let Some((content, mode)) = self.original(path)? {
                files::write_whole(&staging.path().join(path), &content, mode)?;
            }
        }
        for (name, _) in series.patches() {
            apply(staging.path(), &series.dir.join(name))?;
        }
        self.keep_originals(&touched)?;
        let mut changed = 0;
        for path in &touched {
            changed += usize::from(files::make_equal(
                &staging.path().join(path),
                &self.src().join(path),
            )?);
        }
        Ok(changed)
    }

    fn keep_originals(&self, touched: &BTreeSet<PathBuf>) -> Result<()> {
        let mut added = self.added()?;
        for path in touched {
            if added.contains(path) || self.pristine().join(path).exists() {
                continue;
            }
            match files::read(&self.src().join(path))? {
                Some((content, mode)) => {
                    files::write_whole(&self.pristine().join(path), &content, mode)?
                }
                None => {
                    added.insert(path.clone());
                }
            }
        }
        let list: String = added
            .iter()
            .map(|path| format!("{}\n", path.display()))
            .collect();
        files::write_whole(&self.added_file(), list.as_bytes(), 0o644)
    }
}

/// Applies one patch below `dir`; a failure names the patch, the file and the hunk.
pub fn apply(dir: &Path, patch: &Path) -> Result<()> {
    let mut tool = command("patch");
    // Offsets and a little fuzz: the series is for every 6.12.y.
    tool.args([
        "-p1",
        "--forward",
        "--batch",
        "--fuzz=2",
        "--no-backup-if-mismatch",
        "--reject-file=-",
    ])
    .arg("-i")
    .arg(patch)
    .current_dir(dir);
    let output = output(&mut tool)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    bail!(
        "{} does not apply to this kernel:\n{}\n({})",
        patch.display(),
        failures(&said),
        shown(&tool),
    )
}

/// Of what patch(1) says, the lines that tell which hunk of which file it could not place.
fn failures(said: &str) -> String {
    let mut kept = Vec::new();
    let mut file = "";
    for line in said.lines() {
        if line.starts_with("patching file ") {
            file = line;
        } else if [
            "FAILED",
            "can't find",
            "No file to patch",
            "malformed",
            "Only garbage",
            "Reversed",
        ]
        .iter()
        .any(|word| line.contains(word))
        {
            if !file.is_empty() {
                kept.push(std::mem::take(&mut file));
            }
            kept.push(line);
        }
    }
    if kept.is_empty() {
        return said.trim_end().to_owned();
    }
    kept.join("\n")
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
