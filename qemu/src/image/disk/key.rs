// SPDX-License-Identifier: MIT OR Apache-2.0

//! Names of what the cache keeps, by what it was made of.

use anyhow::{Context, Result};
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hasher};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// How many others of a kind there may be beside the last one.
const KEPT: usize = 2;

/// What something is made of: packages, hooks, and the text of the module that makes it, whose options
/// count as much.
#[derive(Default)]
pub struct Key(DefaultHasher);

impl Key {
    /// A text is part of it.
    pub fn text(mut self, text: &str) -> Self {
        self.0.write(text.as_bytes());
        self.0.write_u8(0xff);
        self
    }

    /// What a file holds is part of it.
    pub fn file(mut self, path: &Path) -> Result<Self> {
        let cannot = || format!("{}: cannot read", path.display());
        let mut reader = BufReader::new(File::open(path).with_context(cannot)?);
        let mut buffer = vec![0; 1 << 16];
        loop {
            match reader.read(&mut buffer).with_context(cannot)? {
                0 => break,
                n => self.0.write(&buffer[..n]),
            }
        }
        self.0.write_u8(0xff);
        Ok(self)
    }

    /// The file that is made of it: `DIR/KIND-KEY.SUFFIX`.
    pub fn path(&self, dir: &Path, kind: &str, suffix: &str) -> PathBuf {
        dir.join(format!("{kind}-{:016x}.{suffix}", self.0.finish()))
    }
}

/// Removes what was made of other things, of the same kind, but for the last few: what another checkout
/// has just made may be in use.
pub fn remove_old(made: &Path, kind: &str) -> Result<()> {
    let dir = made.parent().context("a file has a directory")?;
    let mut others = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let path = entry.with_context(|| dir.display().to_string())?.path();
        let is_of_kind = path
            .file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.starts_with(&format!("{kind}-")));
        if is_of_kind && path != made {
            let changed = fs::metadata(&path).and_then(|meta| meta.modified());
            others.push((changed.with_context(|| path.display().to_string())?, path));
        }
    }
    others.sort();
    others.truncate(others.len().saturating_sub(KEPT));
    for (_, path) in others {
        fs::remove_file(&path).with_context(|| format!("{}: cannot remove", path.display()))?;
    }
    Ok(())
}

/// How the names of what is not finished begin.
pub const UNFINISHED: &str = ".xtask-";

/// Removes what a run has left that was interrupted. Nobody else works there.
pub fn remove_unfinished(dir: &Path) -> Result<()> {
    for entry in fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let entry = entry.with_context(|| dir.display().to_string())?;
        let path = entry.path();
        if !entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            continue;
        }
        let removed = if path.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        removed.with_context(|| format!("{}: cannot remove", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    #[test]
    fn a_change_of_anything_is_another_file() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let file = dir.path().join("deb");
        let path = |text: &str, content: &str| -> Result<PathBuf> {
            fs::write(&file, content)?;
            Ok(Key::default()
                .text(text)
                .file(&file)?
                .path(dir.path(), "disk", "img"))
        };
        let first = path("a", "b")?;
        assert_eq!(first, path("a", "b")?);
        assert_ne!(first, path("ab", "")?);
        assert_ne!(first, path("a", "c")?);
        Ok(())
    }

    #[test]
    fn the_last_ones_of_a_kind_are_kept() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let path = |name: &str| dir.path().join(name);
        for (age, name) in ["disk-4", "disk-3", "disk-2", "disk-1", "base-1"]
            .into_iter()
            .enumerate()
        {
            let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(age as u64);
            File::create(path(name))?.set_modified(changed)?;
        }
        remove_old(&path("disk-4"), "disk")?;
        for (name, is_there) in [
            ("disk-4", true),
            ("disk-3", false),
            ("disk-2", true),
            ("disk-1", true),
            ("base-1", true),
        ] {
            assert_eq!(path(name).exists(), is_there, "{name}");
        }
        Ok(())
    }

    #[test]
    fn what_an_interrupted_run_has_left_goes() -> Result<()> {
        let dir = tempfile::tempdir()?;
        fs::create_dir(dir.path().join(".xtask-a"))?;
        for name in [".xtask-a/disk", ".xtask-b", "disk-1.img"] {
            fs::write(dir.path().join(name), "")?;
        }
        remove_unfinished(dir.path())?;
        let left: Vec<_> = fs::read_dir(dir.path())?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<Result<_, _>>()?;
        assert_eq!(left, ["disk-1.img"]);
        Ok(())
    }
}
