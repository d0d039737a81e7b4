// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where the unpatched kernel comes from.

use anyhow::{bail, Context, Result};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What Debian's package `linux-source-6.12` installs.
pub const DEBIAN_TARBALL: &str = "/usr/src/linux-source-6.12.tar.xz";

/// An unpatched kernel source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A compressed tar archive with one top directory.
    Tarball(PathBuf),
    /// A tree of the user's own, which is copied and never changed.
    Tree(PathBuf),
}

impl Source {
    /// The source that was asked for, or Debian's.
    pub fn find(asked: Option<&Path>) -> Result<Self> {
        let path = asked.unwrap_or(Path::new(DEBIAN_TARBALL));
        let Ok(full) = fs::canonicalize(path) else {
            let advice = if asked.is_some() {
                "give --source a directory or a tarball that exists"
            } else {
                "`cargo xtask setup` installs it (package linux-source-6.12), or name your own with --source"
            };
            bail!("{}: no kernel source there; {advice}", path.display());
        };
        if full.is_dir() {
            check_version(&full)?;
            return Ok(Source::Tree(full));
        }
        Ok(Source::Tarball(full))
    }

    /// The file or directory itself.
    pub fn path(&self) -> &Path {
        match self {
            Source::Tarball(path) | Source::Tree(path) => path,
        }
    }

    /// A directory name for what is built of it, the same on every run.
    pub fn key(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.path().hash(&mut hasher);
        let name = self
            .path()
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let stem = name.split(".tar").next().unwrap_or_default();
        format!("{stem}-{:08x}", hasher.finish() as u32)
    }

    /// Changes when a tarball is replaced by another of the same name. A tree has no
    /// such mark: it is compared file by file.
    pub fn identity(&self) -> Result<String> {
        let path = self.path();
        let meta = fs::metadata(path).with_context(|| path.display().to_string())?;
        Ok(match self {
            Source::Tarball(_) => format!("{} {} {}", path.display(), meta.size(), meta.mtime()),
            Source::Tree(_) => path.display().to_string(),
        })
    }
}

/// Refuses a directory that is not a kernel tree of the version the series is for.
pub fn check_version(tree: &Path) -> Result<()> {
    let makefile = tree.join("Makefile");
    let text = fs::read_to_string(&makefile).with_context(|| {
        format!(
            "{}: is {} a kernel tree?",
            makefile.display(),
            tree.display()
        )
    })?;
    let value = |name: &str| {
        text.lines().take(20).find_map(|line| {
            line.strip_prefix(name)?
                .trim_start()
                .strip_prefix('=')
                .map(str::trim)
        })
    };
    match (value("VERSION"), value("PATCHLEVEL")) {
        (Some("6"), Some("12")) => Ok(()),
        (Some(major), Some(minor)) => {
            bail!(
                "{}: this is Linux {major}.{minor}; the series is for 6.12",
                tree.display()
            )
        }
        _ => bail!(
            "{}: has no VERSION and PATCHLEVEL: not a kernel tree",
            makefile.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree_of(version: &str, patchlevel: &str) -> Result<tempfile::TempDir> {
        let dir = tempfile::tempdir()?;
        let text =
            format!("# SPDX\nVERSION = {version}\nPATCHLEVEL = {patchlevel}\nSUBLEVEL = 7\n");
        fs::write(dir.path().join("Makefile"), text)?;
        Ok(dir)
    }

    #[test]
    fn only_6_12_is_taken() -> Result<()> {
        assert!(check_version(tree_of("6", "12")?.path()).is_ok());
        let error = check_version(tree_of("6", "18")?.path()).expect_err("another version");
        assert!(error.to_string().contains("Linux 6.18"), "{error}");
        assert!(check_version(tempfile::tempdir()?.path()).is_err());
        Ok(())
    }

    #[test]
    fn missing_source_is_named_with_advice() {
        let error = Source::find(Some(Path::new("/no/such/linux")))
            .expect_err("not there")
            .to_string();
        assert!(
            error.contains("/no/such/linux") && error.contains("--source"),
            "{error}"
        );
    }

    #[test]
    fn key_is_readable_and_stable() {
        let source = Source::Tarball("/usr/src/linux-source-6.12.tar.xz".into());
        assert!(
            source.key().starts_with("linux-source-6.12-"),
            "{}",
            source.key()
        );
        assert_eq!(source.key(), source.key());
    }
}
