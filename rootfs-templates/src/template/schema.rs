// SPDX-License-Identifier: MIT OR Apache-2.0

//! The tables and keys of the format.

use std::path::PathBuf;

use serde::Deserialize;

use super::{JailPath, Mode};

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    pub description: String,
    #[serde(default, rename = "user")]
    pub users: Vec<User>,
    #[serde(default, rename = "group")]
    pub groups: Vec<Group>,
    #[serde(default, rename = "directory")]
    pub directories: Vec<Directory>,
    #[serde(default, rename = "file")]
    pub files: Vec<File>,
    #[serde(default, rename = "symlink")]
    pub symlinks: Vec<Symlink>,
    #[serde(default, rename = "program")]
    pub programs: Vec<Program>,
}

/// `[[user]]`: a line of /etc/passwd.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) group: String,
    #[serde(default)]
    pub(crate) comment: String,
    #[serde(default = "home")]
    pub(crate) home: String,
    #[serde(default = "shell")]
    pub(crate) shell: String,
}

impl User {
    /// The login name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// `[[group]]`: a line of /etc/group.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    pub(crate) name: String,
    pub(crate) gid: u32,
    #[serde(default)]
    pub(crate) members: Vec<String>,
}

/// `[[directory]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Directory {
    pub(crate) path: JailPath,
    #[serde(default = "traversable")]
    pub(crate) mode: Mode,
    #[serde(default = "root")]
    pub(crate) owner: String,
    #[serde(default = "root")]
    pub(crate) group: String,
}

/// `[[file]]`: with `content`, or copied from `source` on the host.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub(crate) path: JailPath,
    pub(crate) content: Option<String>,
    pub(crate) source: Option<PathBuf>,
    #[serde(default = "readable")]
    pub(crate) mode: Mode,
    #[serde(default = "root")]
    pub(crate) owner: String,
    #[serde(default = "root")]
    pub(crate) group: String,
}

/// Where the content of a file comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// It stands in the template.
    Text(&'a str),
    /// It is copied from a file of the host.
    Host(&'a PathBuf),
}

impl File {
    /// Where its content comes from; `None` unless exactly one source is given.
    pub fn content(&self) -> Option<Content<'_>> {
        match (&self.content, &self.source) {
            (Some(text), None) => Some(Content::Text(text)),
            (None, Some(path)) => Some(Content::Host(path)),
            _ => None,
        }
    }
}

/// `[[symlink]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Symlink {
    pub(crate) path: JailPath,
    pub(crate) target: String,
}

/// `[[program]]`: copied from the host, by path or as found in PATH.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    pub(crate) source: PathBuf,
    pub(crate) path: JailPath,
    #[serde(default = "traversable")]
    pub(crate) mode: Mode,
    /// Whether the loader and shared libraries it needs come along.
    #[serde(default)]
    pub(crate) libraries: bool,
    #[serde(default)]
    pub(crate) applets: Applets,
}

/// Links by which a program that is many in one, as busybox is, is called.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(untagged, expecting = "applets is \"all\" or a list of absolute paths")]
pub enum Applets {
    /// These paths.
    Paths(Vec<JailPath>),
    /// All that the program lists when called with `--list-full`.
    All(All),
}

/// The word `all`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum All {
    /// `"all"`.
    All,
}

impl Default for Applets {
    fn default() -> Self {
        Applets::Paths(Vec::new())
    }
}

fn root() -> String {
    "root".into()
}

fn home() -> String {
    "/".into()
}

fn shell() -> String {
    "/bin/sh".into()
}

fn traversable() -> Mode {
    Mode::TRAVERSABLE
}

fn readable() -> Mode {
    Mode::READABLE
}
