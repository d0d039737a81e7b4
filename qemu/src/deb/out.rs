// SPDX-License-Identifier: MIT OR Apache-2.0

//! The directory that finished packages go to.

use anyhow::{bail, Context, Result};
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A directory that packages can be written to.
#[derive(Debug)]
pub struct Out(PathBuf);

impl Out {
    /// Looks whether `dir` is one, or can be made, before any work is done.
    pub fn examine(dir: &Path) -> Result<Self> {
        let name = || dir.display();
        match fs::metadata(dir) {
            Ok(meta) if meta.is_dir() => {}
            Ok(_) => bail!(
                "{}: is not a directory; --out names the directory that the packages go to",
                name()
            ),
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::create_dir_all(dir)
                .with_context(|| format!("{}: cannot create this directory", name()))?,
            Err(error) => return Err(error).with_context(|| name().to_string()),
        }
        let dir = fs::canonicalize(dir).with_context(|| name().to_string())?;
        // Where nothing can be written, minutes of building would be for nothing.
        NamedTempFile::with_prefix_in(".xtask-", &dir)
            .with_context(|| format!("{}: cannot write to this directory", name()))?;
        Ok(Self(dir))
    }

    /// Puts a copy of a package there, whole or not at all; its path.
    pub fn place(&self, package: &Path) -> Result<PathBuf> {
        let name = package
            .file_name()
            .with_context(|| format!("{}: names no file", package.display()))?;
        let path = self.0.join(name);
        self.copy(package, &path)
            .with_context(|| format!("{}: cannot write", path.display()))?;
        Ok(path)
    }

    fn copy(&self, from: &Path, to: &Path) -> Result<()> {
        let mut copy = NamedTempFile::with_prefix_in(".xtask-", &self.0)?;
        io::copy(&mut File::open(from)?, &mut copy)?;
        copy.as_file()
            .set_permissions(Permissions::from_mode(0o644))?;
        copy.persist(to)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_made_and_a_file_is_refused() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let file = dir.path().join("file");
        fs::write(&file, "kept")?;
        for bad in [file.clone(), file.join("below")] {
            let error = format!("{:#}", Out::examine(&bad).expect_err("no directory"));
            assert!(error.contains("directory"), "{error}");
        }
        assert_eq!(fs::read(&file)?, b"kept");

        let out = Out::examine(&dir.path().join("new/one"))?;
        let placed = out.place(&file)?;
        assert_eq!(fs::read(&placed)?, b"kept");
        assert!(placed.ends_with("new/one/file") && placed.is_absolute());
        fs::write(&file, "newer")?;
        assert_eq!(fs::read(out.place(&file)?)?, b"newer");
        assert_eq!(fs::read_dir(dir.path().join("new/one"))?.count(), 1);
        Ok(())
    }
}
