// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a template can say.

mod check;
mod layers;
pub mod library;
mod merge;
mod schema;
mod values;
mod variables;

use std::path::Path;

pub(crate) use check::{is_account_name, leads_out};
pub use library::{Library, Origin};
pub use schema::{
    Applets, Content, Copies, Copy, Debian, Directories, Directory, File, Group, Names, Program,
    Programs, Symlink, User, Usr,
};
pub use values::{Id, JailPath, Mode, Words};
pub use variables::{Declared, Settings, Variables};

use layers::Layers;
use library::Found;

/// What is wrong with a template, in words for its author.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TemplateError(String);

impl TemplateError {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        TemplateError(text.into())
    }
}

/// The description of a root directory, with all that it extends, checked.
#[derive(Clone, Debug)]
pub struct Template {
    content: schema::Template,
    /// What its variables stand for.
    settings: Settings,
}

impl Template {
    /// Reads a template from its text; it can extend what comes along.
    ///
    /// # Errors
    ///
    /// What [`TemplateError`] says: no TOML, a key that is not known, a path that is not
    /// absolute or has `..` in it, a path given twice, an owner that the template does not
    /// define, a mode with set-user-ID or set-group-ID, a variable that stands for nothing.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let found = Found::of_text(text);
        Self::resolve(found, &Library::default(), &Settings::new())
    }

    /// Reads a template from a file; host paths in it that are relative start where it lies.
    ///
    /// # Errors
    ///
    /// As [`Template::parse`], and where the file cannot be read.
    pub fn load(path: &Path) -> Result<Self, TemplateError> {
        Self::load_file(path, &Library::default(), &Settings::new())
    }

    /// The same, with a library for what it extends.
    ///
    /// # Errors
    ///
    /// As [`Template::load`].
    pub fn load_file(
        path: &Path,
        library: &Library,
        settings: &Settings,
    ) -> Result<Self, TemplateError> {
        Self::resolve(library::file(path)?, library, settings)
    }

    /// Reads the template that is called `name` in a library, or that lies at this path.
    ///
    /// # Errors
    ///
    /// As [`Template::load`].
    pub fn load_named(
        name: &str,
        library: &Library,
        settings: &Settings,
    ) -> Result<Self, TemplateError> {
        Self::resolve(library.find(name)?, library, settings)
    }

    fn resolve(
        found: Found,
        library: &Library,
        settings: &Settings,
    ) -> Result<Self, TemplateError> {
        let origin = found.clone();
        let layers = Layers::of(found, library)?;
        let named = |error: TemplateError| origin.wrong(error);
        let values = layers.variables().values(settings).map_err(named)?;
        let content = layers.merge(&values)?;
        check::check(&content).map_err(named)?;
        let settings = values.iter();
        Ok(Template {
            content,
            settings: settings.map(|(k, v)| (k.clone(), v.clone())).collect(),
        })
    }

    /// What a template in a library says before anything is put into it: its line, and its variables.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn outline(name: &str, library: &Library) -> Result<Outline, TemplateError> {
        let found = library.find(name)?;
        let (text, origin) = (found.text.clone(), found.origin.clone());
        let variables = Layers::of(found, library)?.variables();
        let table: Described =
            toml::from_str(&text).map_err(|error| TemplateError::new(error.to_string()))?;
        Ok(Outline {
            description: table.description,
            origin,
            text,
            variables,
        })
    }

    /// The same as TOML, with all that it extends and without variables.
    ///
    /// # Errors
    ///
    /// Where something in it cannot be written so.
    pub fn to_toml(&self) -> Result<String, TemplateError> {
        // A text that would be a variable if it were read again.
        let text = toml::to_string(&self.content);
        let text = text.map_err(|error| TemplateError::new(error.to_string()))?;
        Ok(text.replace(crate::expand::BEGINNING, crate::expand::LITERAL))
    }

    /// What its variables stand for.
    pub fn settings(&self) -> &Settings {
        &self.settings
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

    /// Whether /bin is a link to /usr/bin.
    pub fn usr(&self) -> Usr {
        self.content.usr.unwrap_or(Usr::Split)
    }

    /// The system to which all else is added.
    pub fn debian(&self) -> Option<&Debian> {
        self.content.debian.as_ref()
    }

    /// What is not to be there.
    pub fn without(&self) -> &[JailPath] {
        &self.content.without
    }

    /// Programs by their names.
    pub fn lists(&self) -> &[Programs] {
        &self.content.lists
    }

    /// What is copied with all that is in it.
    pub fn copies(&self) -> &[Copy] {
        &self.content.copies
    }

    /// The same of several that each stay where they lie.
    pub fn copy_lists(&self) -> &[Copies] {
        &self.content.copy_lists
    }

    /// Directories by their paths.
    pub fn directory_lists(&self) -> &[Directories] {
        &self.content.directory_lists
    }

    /// Users of the host.
    pub fn accounts(&self) -> &[Names] {
        &self.content.accounts
    }

    /// Locales.
    pub fn locales(&self) -> &[Names] {
        &self.content.locales
    }

    /// Terminals.
    pub fn terminals(&self) -> &[Names] {
        &self.content.terminals
    }
}

/// What is told of a template that is not built.
#[derive(Debug)]
pub struct Outline {
    /// Its line.
    pub description: String,
    /// Where it is.
    pub origin: Origin,
    /// Its text.
    pub text: String,
    /// Its variables, and those of what it extends.
    pub variables: Variables,
}

#[derive(serde::Deserialize)]
struct Described {
    description: String,
}

#[cfg(test)]
mod tests;
