// SPDX-License-Identifier: MIT OR Apache-2.0

//! The boot loader of a board.

use super::board::Board;
use super::content::{FIRST_STAGE, SECOND_STAGE};
use crate::project::Project;
use crate::setup::foreign;
use anyhow::{bail, Context, Result};
use std::path::{Path, PathBuf};

/// The directory with the boot loader: the user's own, or that of Debian's package.
pub fn find(project: &Project, board: &Board, own: Option<&Path>) -> Result<PathBuf> {
    if let Some(dir) = own {
        check(dir, board).with_context(|| format!("--firmware {}", dir.display()))?;
        return Ok(dir.to_path_buf());
    }
    let package = &board.firmware.package;
    let files = foreign::fetch(project, package, board.arch.debian_name()).with_context(|| {
        format!(
            "no boot loader for the {}; give a directory that has it with --firmware, or let the \
             package be fetched",
            board.title
        )
    })?;
    let dir = files.join(&board.firmware.directory);
    check(&dir, board).with_context(|| format!("Debian's package {package}"))?;
    Ok(dir)
}

fn check(dir: &Path, board: &Board) -> Result<()> {
    for name in [FIRST_STAGE, SECOND_STAGE] {
        let path = dir.join(name);
        if !path.is_file() {
            bail!(
                "{}: not found; Debian's package {} for {} has it in /{}",
                path.display(),
                board.firmware.package,
                board.arch.debian_name(),
                board.firmware.directory
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn own_directory_must_have_both_stages() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let project = Project::at(dir.path(), dir.path());
        let board = Board::named("beagleboard")?;
        let find = || super::find(&project, &board, Some(dir.path()));
        fs::write(dir.path().join("MLO"), "x")?;
        let error = format!("{:#}", find().expect_err("no u-boot.img"));
        for part in ["--firmware", "u-boot.img: not found", "u-boot-omap"] {
            assert!(error.contains(part), "{part} in {error}");
        }
        fs::write(dir.path().join("u-boot.img"), "x")?;
        assert_eq!(find()?, dir.path());
        Ok(())
    }

    #[test]
    fn package_in_the_cache_is_used() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let project = Project::at(dir.path(), dir.path());
        let board = Board::named("beagleboard")?;
        let package = dir.path().join("foreign/armhf/u-boot-omap");
        let files = package.join(&board.firmware.directory);
        fs::create_dir_all(&files)?;
        let error = format!("{:#}", find(&project, &board, None).expect_err("empty"));
        assert!(error.contains("MLO: not found"), "{error}");
        for name in ["MLO", "u-boot.img"] {
            fs::write(files.join(name), "x")?;
        }
        assert_eq!(find(&project, &board, None)?, files);
        Ok(())
    }
}
