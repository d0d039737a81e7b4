// SPDX-License-Identifier: MIT OR Apache-2.0

//! Changing files of the kernel tree so that make rebuilds no more than it must.

use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// The content of a file and its mode, or `None` where there is no such file.
pub fn read(path: &Path) -> Result<Option<(Vec<u8>, u32)>> {
    match fs::read(path) {
        Ok(content) => {
            let mode = fs::metadata(path)
                .with_context(|| path.display().to_string())?
                .permissions()
                .mode();
            Ok(Some((content, mode & 0o777)))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

/// Makes `to` what `from` is (absent included); says whether anything had to change.
///
/// A file that is the same already keeps its time stamp. A changed one appears whole or
/// not at all, so that an interrupted run leaves no half of a file.
pub fn make_equal(from: &Path, to: &Path) -> Result<bool> {
    let wanted = read(from)?;
    if wanted == read(to)? {
        return Ok(false);
    }
    match wanted {
        Some((content, mode)) => write_whole(to, &content, mode)?,
        None => fs::remove_file(to).with_context(|| format!("{}: cannot remove", to.display()))?,
    }
    Ok(true)
}

/// Writes a file by way of a temporary one in the same directory, which is created if need be.
pub fn write_whole(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    let dir = path.parent().context("a file has a directory")?;
    let cannot = || format!("{}: cannot write", path.display());
    fs::create_dir_all(dir).with_context(cannot)?;
    let mut file = NamedTempFile::with_prefix_in(".xtask-", dir).with_context(cannot)?;
    file.write_all(content).with_context(cannot)?;
    file.as_file()
        .set_permissions(fs::Permissions::from_mode(mode))
        .with_context(cannot)?;
    file.persist(path)
        .map_err(|error| error.error)
        .with_context(cannot)?;
    Ok(())
}

/// The regular files below `dir`, relative to it; none where it does not exist.
pub fn list(dir: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut todo = vec![PathBuf::new()];
    while let Some(below) = todo.pop() {
        let here = dir.join(&below);
        let entries = match fs::read_dir(&here) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| here.display().to_string()),
        };
        for entry in entries {
            let entry = entry.with_context(|| here.display().to_string())?;
            let path = below.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                todo.push(path);
            } else {
                found.insert(path);
            }
        }
    }
    Ok(found)
}

/// Makes directory `to` hold the files of `from` and no others; says how many changed.
pub fn mirror(from: &Path, to: &Path) -> Result<usize> {
    let names: BTreeSet<_> = list(from)?.union(&list(to)?).cloned().collect();
    let mut changed = 0;
    for name in names {
        changed += usize::from(make_equal(&from.join(&name), &to.join(&name))?);
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirror_touches_only_what_differs() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::create_dir_all(from.join("sub"))?;
        fs::write(from.join("same"), "1")?;
        fs::write(from.join("sub/changed"), "1")?;
        assert_eq!(mirror(&from, &to)?, 2);
        let before = fs::metadata(to.join("same"))?.modified()?;

        fs::write(from.join("sub/changed"), "2")?;
        fs::write(to.join("stale"), "x")?;
        assert_eq!(mirror(&from, &to)?, 2);
        assert_eq!(fs::read(to.join("sub/changed"))?, b"2");
        assert!(!to.join("stale").exists());
        assert_eq!(fs::metadata(to.join("same"))?.modified()?, before);
        assert_eq!(mirror(&from, &to)?, 0);
        Ok(())
    }
}
