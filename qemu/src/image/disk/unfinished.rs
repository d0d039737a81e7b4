// SPDX-License-Identifier: MIT OR Apache-2.0

//! A file of the cache that is being made.

use super::key::UNFINISHED;
use anyhow::{Context, Result};
use std::fs::{File, Permissions};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::{NamedTempFile, TempDir};

/// A file in a directory that nobody else may enter; both go unless it is finished.
pub struct Unfinished {
    file: NamedTempFile,
    _private: TempDir,
}

impl Unfinished {
    /// An empty file of a size, beside where it will lie.
    pub fn new(dir: &Path, size: u64) -> Result<Self> {
        let private = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(dir)
            .with_context(|| format!("{}: cannot create a directory there", dir.display()))?;
        let file = NamedTempFile::new_in(private.path())
            .with_context(|| format!("{}: cannot create a file there", private.path().display()))?;
        file.as_file()
            .set_len(size)
            .with_context(|| format!("{}: cannot make it so large", file.path().display()))?;
        Ok(Self {
            file,
            _private: private,
        })
    }

    /// The file.
    pub fn file(&self) -> &File {
        self.file.as_file()
    }

    /// A descriptor for the hooks of mmdebstrap, which open it anew and may be another user than we
    /// are: where nobody else may enter, to be anybody's to open is no danger.
    pub fn hand_over(&self) -> Result<OwnedFd> {
        let cannot = || format!("{}: cannot be handed over", self.file.path().display());
        self.file()
            .set_permissions(Permissions::from_mode(0o666))
            .with_context(cannot)?;
        Ok(self.file.reopen().with_context(cannot)?.into())
    }

    /// Puts it in its place.
    pub fn finish(self, path: &Path) -> Result<()> {
        let cannot = || format!("{}: cannot put it there", path.display());
        self.file()
            .set_permissions(Permissions::from_mode(0o644))
            .with_context(cannot)?;
        self.file
            .persist(path)
            .map_err(|error| error.error)
            .with_context(cannot)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn it_is_private_until_it_is_finished_and_goes_otherwise() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("disk");
        for finishes in [false, true] {
            let made = Unfinished::new(dir.path(), 4096)?;
            let place = made.file.path().parent().context("a directory")?;
            assert_eq!(fs::metadata(place)?.permissions().mode() & 0o777, 0o700);
            drop(made.hand_over()?);
            assert_eq!(made.file().metadata()?.permissions().mode() & 0o777, 0o666);
            if finishes {
                made.finish(&path)?;
                let meta = fs::metadata(&path)?;
                assert_eq!(
                    (meta.len(), meta.permissions().mode() & 0o777),
                    (4096, 0o644)
                );
            } else {
                drop(made);
            }
            let left = fs::read_dir(dir.path())?.count();
            assert_eq!(left, usize::from(finishes));
        }
        Ok(())
    }
}
