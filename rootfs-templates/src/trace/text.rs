// SPDX-License-Identifier: MIT OR Apache-2.0

//! The template as its user keeps it.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::written::{Place, Written};
use super::{Seen, Sorted, TraceError, Tried};
use crate::build::Users;
use crate::expand::{BEGINNING, LITERAL};
use crate::host::Host;
use crate::template::{
    Copies, Copy, Declared, Directory, File, JailPath, Mode, Names, Programs, Symlink, Words,
};

/// A template, and what somebody should know about it.
#[derive(Debug)]
pub struct Kept {
    template: Text,
    /// Which files were opened that not everybody may read.
    pub private: Vec<JailPath>,
    /// Whether they are in it.
    pub has_private: bool,
    /// What was written; not in it, but for the directories.
    pub written: Vec<PathBuf>,
    /// What has a name that no template can have.
    pub odd: Vec<PathBuf>,
    /// How many files it has, and bytes in them, without what programs need by their headers.
    pub files: (usize, u64),
}

/// What is written into the file.
#[derive(Debug, Serialize)]
struct Text {
    description: String,
    extends: &'static str,
    variable: BTreeMap<&'static str, Declared>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    account: Vec<Names>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    programs: Vec<Programs>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    copies: Vec<Copies>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    copy: Vec<Copy>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    file: Vec<File>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    symlink: Vec<Symlink>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    directory: Vec<Directory>,
}

pub fn keep(
    lower: &Host,
    sorted: &Sorted,
    written: &Written,
    links: BTreeMap<JailPath, String>,
    users: &Users,
    (seen, tried): (&Seen, &Tried),
    program: JailPath,
) -> Kept {
    let name = program.as_str().rsplit('/').next().unwrap_or_default();
    let value = |text: &str| Declared {
        description: None,
        default: Some(text.to_owned()),
    };
    let user = tried.user.as_deref().unwrap_or("root");
    let mut names: BTreeSet<&str> = seen
        .users
        .iter()
        .filter_map(|uid| users.name(*uid))
        .collect();
    let owners = written.places.values().map(|place| place.uid);
    names.extend(owners.filter_map(|uid| users.name(uid)));
    names.retain(|name| *name != "root" && *name != user);
    // What is written to is not copied.
    let is_written = |path: &JailPath| {
        written
            .files
            .iter()
            .any(|file| file == Path::new(path.as_str()))
    };
    let files = sorted.files.iter().filter(|path| !is_written(path));
    let (odd, plain): (Vec<&JailPath>, Vec<&JailPath>) =
        files.partition(|path| path.as_str().contains(char::is_whitespace));
    let private: Vec<JailPath> = sorted
        .private
        .iter()
        .filter(|path| !is_written(path))
        .cloned()
        .collect();
    let mut directories = places(&written.places, users, user);
    let is_above = |directory: &JailPath| {
        let below = |path: &JailPath| Path::new(path.as_str()).starts_with(directory.as_str());
        let copied = sorted.files.iter().chain(&sorted.programs);
        copied.chain(written.places.keys()).any(below)
    };
    let empty = sorted.directories.iter().filter(|path| !is_above(path));
    directories.extend(empty.map(|path| plain_directory(path.clone())));
    let taken = match tried.private {
        true => private
            .iter()
            .filter_map(|path| file(lower, path, users))
            .collect(),
        false => Vec::new(),
    };
    let all = sorted.files.iter().chain(&sorted.programs);
    let sizes: Vec<u64> = all
        .filter_map(|path| lower.find(Path::new(path.as_str())).ok())
        .map(|found| found.metadata.len())
        .collect();
    let template = Text {
        description: format!("{name}, with what it opened when it was tried"),
        extends: "program",
        variable: BTreeMap::from([("program", value(program.as_str())), ("user", value(user))]),
        account: some(
            names.iter().map(|name| (*name).to_owned()).collect(),
            |names| Names {
                names: Words(names),
                optional: false,
            },
        ),
        programs: some(texts(sorted.programs.iter()), |names| Programs {
            names: Words(names),
            directory: None,
            libraries: true,
            optional: false,
        }),
        copies: some(texts(plain.into_iter()), |paths| Copies {
            paths: Words(paths),
            libraries: true,
            keep_times: true,
            optional: false,
        }),
        copy: odd
            .into_iter()
            .map(|path| Copy {
                source: path.clone(),
                path: None,
                libraries: true,
                keep_times: true,
                optional: false,
            })
            .collect(),
        file: taken,
        symlink: links
            .into_iter()
            .map(|(path, target)| Symlink { path, target })
            .collect(),
        directory: directories,
    };
    Kept {
        template,
        private,
        has_private: tried.private,
        written: written.files.clone(),
        odd: sorted.odd.iter().cloned().collect(),
        files: (sizes.len(), sizes.iter().sum()),
    }
}

fn texts<'a>(paths: impl Iterator<Item = &'a JailPath>) -> Vec<String> {
    paths.map(|path| path.as_str().to_owned()).collect()
}

fn some<T>(list: Vec<String>, make: impl FnOnce(Vec<String>) -> T) -> Vec<T> {
    match list.is_empty() {
        true => Vec::new(),
        false => vec![make(list)],
    }
}

fn plain_directory(path: JailPath) -> Directory {
    Directory {
        path,
        mode: Mode::TRAVERSABLE,
        owner: "root".into(),
        group: "root".into(),
    }
}

/// The directories that are written to, each with its owner. Those that `program` has are left to it.
fn places(places: &BTreeMap<JailPath, Place>, users: &Users, user: &str) -> Vec<Directory> {
    let own = ["/dev", "/proc", "/root", "/run", "/tmp"];
    let places = places
        .iter()
        .filter(|(path, _)| !own.contains(&path.as_str()));
    let directory = |(path, place): (&JailPath, &Place)| {
        let owner = users.name(place.uid).unwrap_or("root");
        // A group that comes with nobody is not there.
        let comes =
            |name: &&str| *name == "root" || users.is_in(owner, name) || users.is_in(user, name);
        Directory {
            path: path.clone(),
            mode: place.mode,
            owner: owner.to_owned(),
            group: users
                .group(place.gid)
                .filter(comes)
                .unwrap_or("root")
                .to_owned(),
        }
    };
    places.map(directory).collect()
}

/// One that not everybody may read, as it is.
fn file(lower: &Host, path: &JailPath, users: &Users) -> Option<File> {
    let found = lower.find(Path::new(path.as_str())).ok()?;
    let owner = users.name(found.metadata.uid()).unwrap_or("root");
    let group = users.group(found.metadata.gid());
    let group = group.filter(|name| *name == "root" || users.is_in(owner, name));
    Some(File {
        path: path.clone(),
        content: None,
        source: Some(PathBuf::from(path.as_str())),
        is_beside: false,
        mode: Mode::from_bits(found.metadata.mode() & 0o755),
        set_id: false,
        owner: owner.to_owned(),
        group: group.unwrap_or("root").to_owned(),
    })
}

impl Kept {
    /// The text of the template.
    ///
    /// # Errors
    ///
    /// Where something cannot be written so.
    pub fn text(&self) -> Result<String, TraceError> {
        let text = toml::to_string_pretty(&self.template);
        let text = text.map_err(|error| TraceError::new("the template", error))?;
        let mut head = String::from(
            "# What a program opened when it was tried, as \"jaula rootfs trace\" saw it. What it opens later, and\n\
             # what it only asks after, is not here. Build it with \"jaula rootfs build --template\".\n",
        );
        let mut say = |what: &str, paths: &mut dyn Iterator<Item = String>| {
            let lines: String = paths.map(|path| format!("#   {path}\n")).collect();
            if !lines.is_empty() {
                head += &format!("#\n# {what}:\n{lines}");
            }
        };
        if !self.has_private {
            let mut paths = self.private.iter().map(|path| path.to_string());
            say(
                "Opened, and left out, for not everybody may read it",
                &mut paths,
            );
        }
        let mut paths = self.written.iter().map(|path| shown(path));
        say("Written, and left out", &mut paths);
        // What a text has in it that would be a variable.
        Ok(format!("{head}\n{}", text.replace(BEGINNING, LITERAL)))
    }
}

/// A path on a line of its own.
fn shown(path: &Path) -> String {
    path.to_string_lossy().escape_debug().to_string()
}
