// SPDX-License-Identifier: MIT OR Apache-2.0

//! Making a root directory from a template.

mod accounts;
mod error;
mod program;
mod stage;
mod tree;

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

pub use error::BuildError;

use crate::closure::closure;
use crate::template::{Content, JailPath, Mode, Template};
use stage::Stage;
use tree::{Attributes, Tree};

/// How a root directory is built.
#[derive(Debug, Default)]
pub struct Options {
    /// The directory that the new one is to be in, open; else it is looked up by its path.
    pub above: Option<OwnedFd>,
    /// Put the new directory in place of one that is there. What was there is kept beside it,
    /// with `.old` after its name.
    pub replace: bool,
    /// Files to take for programs, by the `source` the template names them by; for another
    /// machine's programs for instance.
    pub programs: BTreeMap<PathBuf, PathBuf>,
}

/// What was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many files, programs and libraries among them.
    pub files: usize,
    /// How many symbolic links.
    pub symlinks: usize,
    /// Bytes in the files.
    pub bytes: u64,
}

/// Builds `template` at `target`, whole or not at all.
///
/// It grows in a directory beside `target`, which only the caller can enter, and is moved there
/// when it is complete. `target` must not exist or be an empty directory, unless `options` says
/// to replace it.
///
/// # Errors
///
/// As [`BuildError`] says; `target` is then as it was.
pub fn build(template: &Template, target: &Path, options: &Options) -> Result<Summary, BuildError> {
    let above = options.above.as_ref().map(AsFd::as_fd);
    let stage = Stage::new(target, options.replace, above)?;
    let mut builder = Builder {
        template,
        options,
        tree: Tree::new(stage.open()?)?,
    };
    builder.directories()?;
    builder.accounts()?;
    builder.files()?;
    builder.programs()?;
    builder.symlinks()?;
    let summary = builder.tree.finish()?;
    stage.commit()?;
    Ok(summary)
}

struct Builder<'a> {
    template: &'a Template,
    options: &'a Options,
    tree: Tree,
}

impl Builder<'_> {
    fn directories(&mut self) -> Result<(), BuildError> {
        let mut directories: Vec<_> = self.template.directories().iter().collect();
        directories.sort_by(|a, b| a.path.cmp(&b.path));
        for directory in directories {
            let attributes = self.attributes(directory.mode, &directory.owner, &directory.group);
            self.tree.directory(&directory.path, attributes)?;
        }
        Ok(())
    }

    fn accounts(&mut self) -> Result<(), BuildError> {
        for (path, content) in accounts::files(self.template) {
            let attributes = Attributes::of_root(Mode::READABLE);
            self.tree
                .file(&fixed(path), attributes, &mut content.as_bytes())?;
        }
        Ok(())
    }

    fn files(&mut self) -> Result<(), BuildError> {
        for file in self.template.files() {
            let attributes = self.attributes(file.mode, &file.owner, &file.group);
            match file.content() {
                Some(Content::Text(text)) => {
                    self.tree
                        .file(&file.path, attributes, &mut text.as_bytes())?;
                }
                Some(Content::Host(source)) => {
                    let source = self.template.host_path(source);
                    self.tree.copy(&file.path, attributes, &source)?;
                }
                None => {}
            }
        }
        Ok(())
    }

    fn programs(&mut self) -> Result<(), BuildError> {
        for program in self.template.programs() {
            let source = program::locate(self.template, self.options, &program.source)?;
            self.tree
                .copy(&program.path, Attributes::of_root(program.mode), &source)?;
            if program.libraries {
                self.libraries(&source, &program.path)?;
            }
            for link in program::applets(&source, &program.applets)? {
                if !self.tree.contains(&link) && !self.is_declared(&link) {
                    self.tree.symlink(&link, program.path.as_str())?;
                }
            }
        }
        Ok(())
    }

    fn libraries(&mut self, source: &Path, program: &JailPath) -> Result<(), BuildError> {
        let needed = closure(source, Path::new(program.as_str()))
            .map_err(|error| BuildError::new(source, error))?;
        for (placed, file) in needed {
            let text = placed.to_string_lossy();
            let placed = JailPath::new(&text).map_err(|error| BuildError::new(&file, error))?;
            // Two programs can need the same library.
            if !self.tree.contains(&placed) {
                self.tree
                    .copy(&placed, Attributes::of_root(Mode::TRAVERSABLE), &file)?;
            }
        }
        Ok(())
    }

    fn symlinks(&mut self) -> Result<(), BuildError> {
        for link in self.template.symlinks() {
            self.tree.symlink(&link.path, &link.target)?;
        }
        Ok(())
    }

    /// What the template says itself comes before what a program lists.
    fn is_declared(&self, path: &JailPath) -> bool {
        let symlinks = self.template.symlinks().iter().map(|link| &link.path);
        symlinks
            .chain(self.template.programs().iter().map(|one| &one.path))
            .any(|one| one == path)
    }

    fn attributes(&self, mode: Mode, owner: &str, group: &str) -> Attributes {
        Attributes {
            mode,
            uid: self.template.uid(owner),
            gid: self.template.gid(group),
        }
    }
}

fn fixed(path: &'static str) -> JailPath {
    JailPath::new(path).expect("a constant path is valid")
}

#[cfg(test)]
mod tests;
