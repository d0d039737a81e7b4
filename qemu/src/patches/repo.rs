// SPDX-License-Identifier: MIT OR Apache-2.0

//! A git repository that lives as long as it is needed.

use crate::process::{capture, command};
use anyhow::{Context, Result};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A fresh repository, away from the user's own configuration.
pub struct Repo {
    dir: TempDir,
}

impl Repo {
    /// Makes an empty one.
    pub fn new() -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("jaula-git-")
            .tempdir()
            .context("temporary directory")?;
        let repo = Self { dir };
        capture(repo.git().args(["init", "-q"]))?;
        Ok(repo)
    }

    /// Its work tree.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// git in it.
    pub fn git(&self) -> Command {
        let mut git = command("git");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("GIT_") {
                git.env_remove(name);
            }
        }
        git.current_dir(self.path())
            // No hooks, signing keys or line-end conversions of the user's.
            .envs([
                ("GIT_CONFIG_GLOBAL", "/dev/null"),
                ("GIT_CONFIG_SYSTEM", "/dev/null"),
            ])
            .envs([
                ("GIT_COMMITTER_NAME", "xtask"),
                ("GIT_COMMITTER_EMAIL", "xtask@localhost"),
            ]);
        git
    }
}
