// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where templates are found by their names: in directories, and among those that come along.

use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::TemplateError;
use crate::builtin;

/// The largest template, in bytes.
const LARGEST: u64 = 1 << 20;

/// What the files of templates end in.
const EXTENSION: &str = "toml";

/// Reads a file, or says why not; none where there is none.
pub type Reader = fn(&Path) -> Result<Option<String>, String>;

/// The places where templates are looked for, in order; last come those that come along.
#[derive(Clone, Debug)]
pub struct Library {
    /// Directories, the one that counts most first.
    pub directories: Vec<PathBuf>,
    /// How a file in one of them is read.
    pub read: Reader,
}

impl Default for Library {
    /// Only those that come along.
    fn default() -> Self {
        Library {
            directories: Vec::new(),
            read,
        }
    }
}

/// Reads a file of any owner.
///
/// # Errors
///
/// Where it is there and cannot be read, or is no text or too large.
pub fn read(path: &Path) -> Result<Option<String>, String> {
    // Opening a FIFO would wait for somebody to write to it.
    match path.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
        Ok(found) if !found.is_file() => return Err("is not a regular file".into()),
        Ok(_) => {}
    }
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    text(file).map(Some)
}

/// What is in an open file.
///
/// # Errors
///
/// Where it cannot be read, or is no text or too large.
pub fn text(file: impl Read) -> Result<String, String> {
    let mut text = String::new();
    let read = file.take(LARGEST + 1).read_to_string(&mut text);
    read.map_err(|error| error.to_string())?;
    match text.len() as u64 > LARGEST {
        true => Err(format!("is larger than {LARGEST} bytes")),
        false => Ok(text),
    }
}

/// Where a template was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It comes along.
    Builtin,
    /// In this file.
    File(PathBuf),
    /// It was given as a text.
    Text,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Builtin => f.write_str("built in"),
            Origin::File(path) => path.display().fmt(f),
            Origin::Text => f.write_str("template"),
        }
    }
}

/// A template that was found, as it stands there.
#[derive(Clone, Debug)]
pub struct Found {
    /// What it was asked for by.
    pub name: String,
    /// Its text.
    pub text: String,
    /// Where it is.
    pub origin: Origin,
    /// Where to look for one of the same name that it extends: behind its own place.
    behind: usize,
    /// How what lies beside it is read.
    read: Reader,
}

impl Found {
    /// One that was given as a text.
    pub fn of_text(text: &str) -> Self {
        Found {
            name: String::new(),
            text: text.to_owned(),
            origin: Origin::Text,
            behind: 0,
            read,
        }
    }

    /// Where the paths in it begin that are not absolute.
    pub fn base(&self) -> Option<&Path> {
        match &self.origin {
            Origin::File(path) => match path.parent() {
                Some(parent) if parent.as_os_str().is_empty() => Some(Path::new(".")),
                parent => parent,
            },
            Origin::Builtin | Origin::Text => None,
        }
    }

    /// The error with its origin named.
    pub(super) fn wrong(&self, error: impl fmt::Display) -> TemplateError {
        match &self.origin {
            Origin::Text => TemplateError::new(error.to_string()),
            Origin::Builtin => TemplateError::new(format!("template {}: {error}", self.name)),
            Origin::File(path) => TemplateError::new(format!("{}: {error}", path.display())),
        }
    }
}

/// Whether it is a file that is meant, and no name: one with a slash, or that ends in `.toml`.
pub fn is_path(name: &str) -> bool {
    name.contains('/') || name.ends_with(".toml")
}

impl Library {
    /// The template that is called so, or lies at this path.
    ///
    /// # Errors
    ///
    /// Where there is none, with the names that there are; or it cannot be read.
    pub fn find(&self, name: &str) -> Result<Found, TemplateError> {
        match is_path(name) {
            true => file(Path::new(name)),
            false => self.named(name, 0),
        }
    }

    /// What `by` extends.
    pub(super) fn extended(&self, name: &str, by: &Found) -> Result<Found, TemplateError> {
        if is_path(name) {
            let base = by.base().unwrap_or(Path::new(""));
            return beside(&base.join(name), by.read);
        }
        // One that extends its own name is a variant of what it stands in front of.
        let from = match name == by.name {
            true => by.behind,
            false => 0,
        };
        self.named(name, from)
    }

    fn named(&self, name: &str, from: usize) -> Result<Found, TemplateError> {
        if is_name(name) {
            for (index, directory) in self.directories.iter().enumerate().skip(from) {
                let path = directory.join(name).with_extension(EXTENSION);
                let text = (self.read)(&path)
                    .map_err(|why| TemplateError::new(format!("{}: {why}", path.display())))?;
                if let Some(text) = text {
                    return Ok(Found {
                        name: name.to_owned(),
                        text,
                        origin: Origin::File(path),
                        behind: index + 1,
                        read: self.read,
                    });
                }
            }
            let builtin = builtin::find(name).filter(|_| from <= self.directories.len());
            if let Some(builtin) = builtin {
                return Ok(Found {
                    name: name.to_owned(),
                    text: builtin.source.to_owned(),
                    origin: Origin::Builtin,
                    behind: self.directories.len() + 1,
                    read: self.read,
                });
            }
        }
        Err(TemplateError::new(format!(
            "{name}: no such template; there are: {} (a file is given with a slash: ./{name})",
            self.names().join(", ")
        )))
    }

    /// All names, each once, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = builtin::all()
            .iter()
            .map(|builtin| builtin.name.to_owned())
            .collect();
        for directory in &self.directories {
            let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
            names.extend(entries.filter_map(|entry| {
                let path = PathBuf::from(entry.file_name());
                let is_template = path.extension().is_some_and(|end| end == EXTENSION);
                let name = path.file_stem()?.to_str()?;
                (is_template && is_name(name)).then(|| name.to_owned())
            }));
        }
        names.sort();
        names.dedup();
        names
    }
}

/// What a template can be called that is found by its name.
fn is_name(name: &str) -> bool {
    let is_part = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    !name.is_empty() && !name.starts_with('.') && name.chars().all(is_part)
}

/// The template in a file.
pub(super) fn file(path: &Path) -> Result<Found, TemplateError> {
    beside(path, read)
}

fn beside(path: &Path, read: Reader) -> Result<Found, TemplateError> {
    let failed = |why: &str| TemplateError::new(format!("{}: {why}", path.display()));
    let text = read(path).map_err(|why| failed(&why))?;
    Ok(Found {
        name: path.display().to_string(),
        text: text.ok_or_else(|| failed("no such file"))?,
        origin: Origin::File(path.to_owned()),
        behind: 0,
        read,
    })
}
