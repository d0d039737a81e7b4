// SPDX-License-Identifier: MIT OR Apache-2.0

//! The tables and keys of the format.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Id, JailPath, Mode, Words};

/// The whole file, but for what it extends and its variables, which are gone when it is read as this.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    pub description: String,
    /// Where what lies in /bin, /sbin and /lib is; in /bin, /sbin and /lib unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usr: Option<Usr>,
    /// A Debian system, to which all else is added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub debian: Option<Debian>,
    /// Paths that are not to be there, whatever else says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<JailPath>,
    #[serde(default, rename = "user", skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<User>,
    #[serde(default, rename = "group", skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
    #[serde(default, rename = "account", skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<Names>,
    #[serde(default, rename = "directory", skip_serializing_if = "Vec::is_empty")]
    pub directories: Vec<Directory>,
    #[serde(default, rename = "directories", skip_serializing_if = "Vec::is_empty")]
    pub directory_lists: Vec<Directories>,
    #[serde(default, rename = "file", skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<File>,
    #[serde(default, rename = "symlink", skip_serializing_if = "Vec::is_empty")]
    pub symlinks: Vec<Symlink>,
    #[serde(default, rename = "program", skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<Program>,
    #[serde(default, rename = "programs", skip_serializing_if = "Vec::is_empty")]
    pub lists: Vec<Programs>,
    #[serde(default, rename = "copy", skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<Copy>,
    #[serde(default, rename = "copies", skip_serializing_if = "Vec::is_empty")]
    pub copy_lists: Vec<Copies>,
    #[serde(default, rename = "locale", skip_serializing_if = "Vec::is_empty")]
    pub locales: Vec<Names>,
    #[serde(default, rename = "terminfo", skip_serializing_if = "Vec::is_empty")]
    pub terminals: Vec<Names>,
}

/// Whether there are two of what was once one.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Usr {
    /// /bin is a directory, and /usr/bin another.
    Split,
    /// /bin, /sbin, /lib and those like it are links to the same below /usr.
    Merged,
}

/// `[debian]`: a system that mmdebstrap or debootstrap makes.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Debian {
    pub(crate) suite: String,
    /// Which set of packages it begins with.
    #[serde(default = "variant")]
    pub(crate) variant: String,
    #[serde(default = "components")]
    pub(crate) components: Words,
    /// Packages besides these.
    #[serde(default)]
    pub(crate) packages: Words,
    /// Where packages come from, in lines; where the builder says, unless given.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) mirror: String,
    /// Whether programs keep set-user-ID and set-group-ID.
    #[serde(default, skip_serializing_if = "is_not")]
    pub(crate) set_id: bool,
}

impl Debian {
    /// Addresses, or lines of a sources.list.
    pub fn mirrors(&self) -> impl Iterator<Item = &str> {
        let lines = self.mirror.lines().map(str::trim);
        lines.filter(|line| !line.is_empty())
    }
}

/// `[[user]]`: a line of /etc/passwd.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    pub(crate) name: String,
    pub(crate) uid: Id,
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
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    pub(crate) name: String,
    pub(crate) gid: Id,
    #[serde(default)]
    pub(crate) members: Vec<String>,
}

/// `[[directory]]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
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

/// `[[directories]]`: several with one owner and mode.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Directories {
    pub(crate) paths: Words,
    #[serde(default = "traversable")]
    pub(crate) mode: Mode,
    #[serde(default = "root")]
    pub(crate) owner: String,
    #[serde(default = "root")]
    pub(crate) group: String,
}

/// `[[file]]`: with `content`, or copied from `source` on the host.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub(crate) path: JailPath,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<PathBuf>,
    /// Whether that lies beside the template, and not in the tree that other files are taken from.
    #[serde(skip)]
    pub(crate) is_beside: bool,
    #[serde(default = "readable")]
    pub(crate) mode: Mode,
    /// Whether the mode may have set-user-ID or set-group-ID in it.
    #[serde(default, skip_serializing_if = "is_not")]
    pub(crate) set_id: bool,
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
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Symlink {
    pub(crate) path: JailPath,
    pub(crate) target: String,
}

/// `[[program]]`: copied from the host, by path or as found in PATH.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    pub(crate) source: PathBuf,
    pub(crate) path: JailPath,
    #[serde(default = "traversable")]
    pub(crate) mode: Mode,
    /// Whether the loader and shared libraries it needs come along.
    #[serde(default)]
    pub(crate) libraries: bool,
    #[serde(default, skip_serializing_if = "Applets::is_empty")]
    pub(crate) applets: Applets,
    /// Whether the mode may have set-user-ID or set-group-ID in it.
    #[serde(default, skip_serializing_if = "is_not")]
    pub(crate) set_id: bool,
}

/// `[[programs]]`: several of the host, with what they need, each where it lies there.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Programs {
    pub(crate) names: Words,
    /// Where they go, if not where they lie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) directory: Option<JailPath>,
    /// Whether the loader and shared libraries they need come along.
    #[serde(default = "yes")]
    pub(crate) libraries: bool,
    /// Whether those that are not there are passed over.
    #[serde(default, skip_serializing_if = "is_not")]
    pub(crate) optional: bool,
}

/// `[[copy]]`: a file or directory of the host, with all that is in it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Copy {
    pub(crate) source: JailPath,
    /// Where it goes, if not where it lies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<JailPath>,
    /// Whether what programs and libraries in it need comes along.
    #[serde(default, skip_serializing_if = "is_not")]
    pub(crate) libraries: bool,
    /// Whether files keep the time of their last change.
    #[serde(default, skip_serializing_if = "is_not")]
    pub(crate) keep_times: bool,
    /// Whether it is passed over where it is not there.
    #[serde(default, skip_serializing_if = "is_not")]
    pub(crate) optional: bool,
}

impl Copy {
    /// Where it goes.
    pub(crate) fn target(&self) -> &JailPath {
        self.path.as_ref().unwrap_or(&self.source)
    }
}

/// `[[copies]]`: several files and directories of the host, each where it lies there.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Copies {
    pub(crate) paths: Words,
    /// Whether what programs and libraries among them need comes along.
    #[serde(default, skip_serializing_if = "is_not")]
    pub(crate) libraries: bool,
    /// Whether files keep the time of their last change.
    #[serde(default, skip_serializing_if = "is_not")]
    pub(crate) keep_times: bool,
    /// Whether those that are not there are passed over.
    #[serde(default, skip_serializing_if = "is_not")]
    pub(crate) optional: bool,
}

/// `[[account]]`, `[[locale]]` and `[[terminfo]]`: what the host has under these names.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Names {
    pub(crate) names: Words,
    /// Whether those that are not there are passed over.
    #[serde(default, skip_serializing_if = "is_not")]
    pub(crate) optional: bool,
}

/// Links by which a program that is many in one, as busybox is, is called.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(untagged, expecting = "applets is \"all\" or a list of absolute paths")]
pub enum Applets {
    /// These paths.
    Paths(Vec<JailPath>),
    /// All of which a busybox has the names in it.
    All(All),
}

/// The word `all`.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum All {
    /// `"all"`.
    All,
}

impl Applets {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Applets {
    fn default() -> Self {
        Applets::Paths(Vec::new())
    }
}

fn root() -> String {
    "root".into()
}

fn variant() -> String {
    "minbase".into()
}

fn components() -> Words {
    Words(vec!["main".into()])
}

fn home() -> String {
    "/".into()
}

fn shell() -> String {
    "/bin/sh".into()
}

fn yes() -> bool {
    true
}

fn is_not(flag: &bool) -> bool {
    !flag
}

fn traversable() -> Mode {
    Mode::TRAVERSABLE
}

fn readable() -> Mode {
    Mode::READABLE
}
