// SPDX-License-Identifier: MIT OR Apache-2.0

//! Descriptions of jails for `jaula up` and `jaula down`.

use crate::admin::{output, ROOT};
use crate::check;
use crate::ktap::{CaseResult, Context, Failure};
use crate::launch::{complaint, jaula};
use crate::sys::process;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// A directory with a jaula.toml in it; what was brought up is taken down with it.
pub struct Group(pub PathBuf);

impl Group {
    /// One in which this is described; `ROOT` in it is a root directory.
    pub fn new(text: &str) -> Result<Self, Failure> {
        let group = Self::of_files(&std::env::temp_dir().display().to_string(), &[])?;
        group.describe(text)?;
        Ok(group)
    }

    /// One with these files, below a directory.
    pub fn of_files(above: &str, files: &[(&str, &str)]) -> Result<Self, Failure> {
        let path = PathBuf::from(above).join(format!("group-{}", process::pid()));
        fs::create_dir_all(&path).context(path.display())?;
        let group = Group(path);
        for (name, text) in files {
            group.write(name, text)?;
        }
        Ok(group)
    }

    /// Describes something else.
    pub fn describe(&self, text: &str) -> CaseResult {
        self.write("jaula.toml", text)
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: &str) -> CaseResult {
        let path = self.0.join(name);
        if let Some(above) = path.parent() {
            fs::create_dir_all(above).context(above.display())?;
        }
        fs::write(path, text.replace("ROOT", ROOT)).context(name)
    }

    /// A command in the directory.
    pub fn jaula(&self, arguments: &[&str]) -> Command {
        let mut command = jaula(arguments);
        command.current_dir(&self.0);
        command
    }

    /// Runs one that must succeed.
    pub fn succeed(&self, arguments: &[&str]) -> CaseResult {
        let output = output(&mut self.jaula(arguments))?;
        check!(
            output.status.success(),
            "{arguments:?}: {}",
            complaint(&output)
        );
        Ok(())
    }

    /// What the hooks have written.
    pub fn told(&self) -> String {
        fs::read_to_string(self.0.join("told")).unwrap_or_default()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = jaula(&["rm", "--all"]).output();
        let _ = fs::remove_dir_all(&self.0);
    }
}
