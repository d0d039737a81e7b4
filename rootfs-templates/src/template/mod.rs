// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a template can say.

mod check;
mod schema;
mod values;

use std::path::{Path, PathBuf};

pub use schema::{Applets, Content, Directory, File, Group, Program, Symlink, User};
pub use values::{JailPath, Mode};

/// What is wrong with a template, in words for its author.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TemplateError(String);

impl TemplateError {
    fn new(text: impl Into<String>) -> Self {
        TemplateError(text.into())
    }
}

/// The description of a root directory, checked.
#[derive(Clone, Debug)]
pub struct Template {
    content: schema::Template,
    base: Option<PathBuf>,
}

impl Template {
    /// Reads a template from its text.
    ///
    /// # Errors
    ///
    /// What [`TemplateError`] says: no TOML, a key that is not known, a path that is not
    /// absolute or has `..` in it, a path given twice, an owner that the template does not
    /// define, a mode with set-user-ID or set-group-ID.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let content: schema::Template =
            toml::from_str(text).map_err(|error| TemplateError(error.to_string()))?;
        check::check(&content)?;
        Ok(Template {
            content,
            base: None,
        })
    }

    /// Reads a template from a file; host paths in it that are relative start where it lies.
    ///
    /// # Errors
    ///
    /// As [`Template::parse`], and where the file cannot be read.
    pub fn load(path: &Path) -> Result<Self, TemplateError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| TemplateError(format!("{}: {error}", path.display())))?;
        let mut template = Self::parse(&text)
            .map_err(|error| TemplateError(format!("{}: {error}", path.display())))?;
        template.base = path.parent().map(Path::to_owned);
        Ok(template)
    }

    /// What it is for, in one line.
    pub fn description(&self) -> &str {
        &self.content.description
    }

    /// The users of its passwd file.
    pub fn users(&self) -> &[User] {
        &self.content.users
    }

    /// The groups of its group file.
    pub fn groups(&self) -> &[Group] {
        &self.content.groups
    }

    /// The directories.
    pub fn directories(&self) -> &[Directory] {
        &self.content.directories
    }

    /// The files.
    pub fn files(&self) -> &[File] {
        &self.content.files
    }

    /// The symbolic links.
    pub fn symlinks(&self) -> &[Symlink] {
        &self.content.symlinks
    }

    /// The programs.
    pub fn programs(&self) -> &[Program] {
        &self.content.programs
    }

    /// The user id of an owner; `root` is 0 whether the template defines it or not.
    pub fn uid(&self, owner: &str) -> u32 {
        self.users()
            .iter()
            .find(|user| user.name == owner)
            .map_or(0, |user| user.uid)
    }

    /// The group id of a group; `root` is 0 whether the template defines it or not.
    pub fn gid(&self, group: &str) -> u32 {
        self.groups()
            .iter()
            .find(|one| one.name == group)
            .map_or(0, |group| group.gid)
    }

    /// A path on the host, as the template means it.
    pub fn host_path(&self, path: &Path) -> PathBuf {
        self.base
            .as_ref()
            .map_or_else(|| path.to_owned(), |base| base.join(path))
    }
}

#[cfg(test)]
mod tests;
