// SPDX-License-Identifier: MIT OR Apache-2.0

//! What comes of a template that another extends.

use std::path::Path;

use super::schema::Template;
use super::{Applets, JailPath};

impl Template {
    /// Puts what another says in place of what this says about the same path, user or group.
    pub(super) fn extend(&mut self, other: Template) {
        self.usr = other.usr.or(self.usr);
        self.debian = other.debian.clone().or(self.debian.take());
        let is_other = |path: &JailPath| other.has(path);
        self.without.retain(|path| !is_other(path));
        self.directories.retain(|one| !is_other(&one.path));
        self.files.retain(|one| !is_other(&one.path));
        self.symlinks.retain(|one| !is_other(&one.path));
        self.programs.retain(|one| !is_other(&one.path));
        self.copies.retain(|one| !is_other(one.target()));
        for program in &mut self.programs {
            if let Applets::Paths(links) = &mut program.applets {
                links.retain(|link| !is_other(link));
            }
        }
        let is_named = |name: &str| other.users.iter().any(|user| user.name == name);
        self.users.retain(|user| !is_named(&user.name));
        let is_named = |name: &str| other.groups.iter().any(|group| group.name == name);
        self.groups.retain(|group| !is_named(&group.name));
        self.description = other.description;
        self.users.extend(other.users);
        self.groups.extend(other.groups);
        self.without.extend(other.without);
        self.accounts.extend(other.accounts);
        self.directories.extend(other.directories);
        self.directory_lists.extend(other.directory_lists);
        self.files.extend(other.files);
        self.symlinks.extend(other.symlinks);
        self.programs.extend(other.programs);
        self.copies.extend(other.copies);
        self.copy_lists.extend(other.copy_lists);
        self.lists.extend(other.lists);
        self.locales.extend(other.locales);
        self.terminals.extend(other.terminals);
    }

    /// Whether it says what is at a path.
    fn has(&self, path: &JailPath) -> bool {
        let links = |applets: &Applets| match applets {
            Applets::Paths(links) => links.contains(path),
            Applets::All(_) => false,
        };
        self.directories.iter().any(|one| one.path == *path)
            || self.files.iter().any(|one| one.path == *path)
            || self.symlinks.iter().any(|one| one.path == *path)
            || self.copies.iter().any(|one| one.target() == path)
            || self
                .programs
                .iter()
                .any(|one| one.path == *path || links(&one.applets))
    }

    /// Sources that are not absolute begin where the template lies, but for bare names of programs.
    pub(super) fn begin_paths_at(&mut self, base: &Path) {
        for file in &mut self.files {
            if let Some(source) = &mut file.source {
                file.is_beside = !source.is_absolute();
                *source = base.join(&source);
            }
        }
        for program in &mut self.programs {
            if program.source.components().count() > 1 {
                program.source = base.join(&program.source);
            }
        }
    }
}
