// SPDX-License-Identifier: MIT OR Apache-2.0

//! From a template to a plan: what is taken from the host for it.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::accounts::{self, Accounts};
use super::plan::{Attributes, Kind, Plan};
use super::{data, program, BuildError, Options};
use crate::closure::closure;
use crate::host::{Found, Host};
use crate::template::{Applets, Content, JailPath, Mode, Template};

/// How far a script's interpreter may be a script itself.
const DEEPEST: usize = 4;

/// What may be in the mode of a file that is taken with a directory: nobody else writes to it, and it
/// gives nobody anything.
const KEPT: u32 = 0o755;

/// Gathers what a template asks for.
pub struct Collector<'a> {
    pub(super) template: &'a Template,
    pub(super) host: &'a Host,
    machine: &'a Host,
    pub(super) plan: Plan,
    options: &'a Options,
    accounts: Accounts,
    /// Where programs are looked for.
    directories: Vec<PathBuf>,
}

impl<'a> Collector<'a> {
    /// Nothing is gathered so far.
    ///
    /// # Errors
    ///
    /// Where a user of the host is asked for that there is not.
    pub fn new(
        template: &'a Template,
        host: &'a Host,
        machine: &'a Host,
        options: &'a Options,
    ) -> Result<Self, BuildError> {
        Ok(Collector {
            template,
            host,
            machine,
            plan: Plan::new(template.usr(), template.without()),
            options,
            accounts: Accounts::of(template, host)?,
            directories: program::directories(options.sysroot.is_none()),
        })
    }

    /// Gathers all of it. What the template says itself comes first, then what comes of that.
    pub fn collect(mut self) -> Result<Plan, BuildError> {
        self.directories()?;
        self.accounts()?;
        self.files()?;
        for link in self.template.symlinks() {
            let target = Kind::Symlink(link.target.clone());
            self.plan.put(&link.path, target)?;
        }
        self.programs()?;
        // Who lacks a program lacks its data as well, and is told of the program.
        self.look_for_listed()?;
        self.copies()?;
        self.lists()?;
        self.locales()?;
        self.terminals()?;
        Ok(self.plan)
    }

    fn directories(&mut self) -> Result<(), BuildError> {
        for directory in self.template.directories() {
            let attributes = self.attributes(directory.mode, &directory.owner, &directory.group)?;
            self.plan
                .put(&directory.path, Kind::Directory(attributes))?;
        }
        let lists = self.template.directory_lists().iter();
        for list in lists.filter(|list| !list.paths.0.is_empty()) {
            let attributes = self.attributes(list.mode, &list.owner, &list.group)?;
            for path in &list.paths.0 {
                let path = jail_path(Path::new(path))?;
                self.plan.put(&path, Kind::Directory(attributes))?;
            }
        }
        Ok(())
    }

    fn accounts(&mut self) -> Result<(), BuildError> {
        for (path, content) in self.accounts.files() {
            let path = JailPath::new(path).map_err(|error| BuildError::new(path, error))?;
            let attributes = Attributes::of_root(Mode::READABLE);
            self.plan.put(&path, Kind::Text(attributes, content))?;
        }
        Ok(())
    }

    fn files(&mut self) -> Result<(), BuildError> {
        for file in self.template.files() {
            let attributes = self.attributes(file.mode, &file.owner, &file.group)?;
            let kind = match file.content() {
                Some(Content::Text(text)) => Kind::Text(attributes, text.to_owned()),
                Some(Content::Host(source)) if file.is_beside => {
                    let found = self.machine.find(source);
                    let found = found.map_err(|error| BuildError::new(source, error))?;
                    let mut kind = self.copy_of(source, &found, attributes)?;
                    if let Kind::Copy { of_machine, .. } = &mut kind {
                        *of_machine = true;
                    }
                    kind
                }
                Some(Content::Host(source)) => {
                    let found = self.find(source)?;
                    self.copy_of(source, &found, attributes)?
                }
                None => continue,
            };
            self.plan.put(&file.path, kind)?;
        }
        Ok(())
    }

    fn programs(&mut self) -> Result<(), BuildError> {
        let template = self.template;
        for one in template.programs() {
            let (path, found) = self.locate(&one.source)?;
            let kind = self.copy_of(&path, &found, Attributes::of_root(one.mode))?;
            self.plan.put(&one.path, kind)?;
        }
        for one in template.programs() {
            let (path, found) = self.locate(&one.source)?;
            if one.libraries {
                self.needs(&found, &one.path, DEEPEST)?;
            }
            match &one.applets {
                Applets::Paths(links) => {
                    for link in links {
                        let target = Kind::Symlink(one.path.as_str().to_owned());
                        self.plan.put(link, target)?;
                    }
                }
                Applets::All(_) => {
                    for link in program::applets(self.host, &path)? {
                        let target = Kind::Symlink(one.path.as_str().to_owned());
                        self.plan.put_if_free(&link, target)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn look_for_listed(&self) -> Result<(), BuildError> {
        let lists = self.template.lists().iter().filter(|list| !list.optional);
        for name in lists.flat_map(|list| &list.names.0) {
            self.locate(Path::new(name))?;
        }
        Ok(())
    }

    fn lists(&mut self) -> Result<(), BuildError> {
        let template = self.template;
        for list in template.lists() {
            for name in &list.names.0 {
                let source = Path::new(name);
                let located = program::locate(self.host, &self.directories, source);
                let Some((path, found)) = located else {
                    match list.optional {
                        true => continue,
                        false => return Err(self.missing(source)),
                    }
                };
                let path = match (&list.directory, path.file_name()) {
                    (Some(directory), Some(file)) => Path::new(directory.as_str()).join(file),
                    _ => path,
                };
                self.program(&path, &found, list.libraries, DEEPEST)?;
            }
        }
        Ok(())
    }

    /// Puts a program at a path; by another name of one that is there already, a link to that.
    fn program(
        &mut self,
        path: &Path,
        found: &Found,
        libraries: bool,
        depth: usize,
    ) -> Result<(), BuildError> {
        let path = jail_path(path)?;
        if self.plan.contains(&path) {
            return Ok(());
        }
        let kind = match self.plan.copy_of(&found.real) {
            Some(first) => Kind::Symlink(first.as_str().to_owned()),
            None => {
                let attributes = Attributes::of_root(Mode::TRAVERSABLE);
                self.copy_of(Path::new(path.as_str()), found, attributes)?
            }
        };
        self.plan.put_if_free(&path, kind)?;
        match libraries {
            true => self.needs(found, &path, depth),
            false => Ok(()),
        }
    }

    /// What the program needs that is to be at `placed`: its loader and libraries, or its interpreter.
    fn needs(&mut self, found: &Found, placed: &JailPath, depth: usize) -> Result<(), BuildError> {
        let failed = |error: io::Error| BuildError::new(&found.real, error);
        match program::kind(found).map_err(failed)? {
            program::Kind::Elf => self.libraries(&found.real, placed),
            program::Kind::Script(..) if depth == 0 => Err(BuildError::new(
                &found.real,
                "its interpreter is a script, whose interpreter is one, and so on",
            )),
            program::Kind::Script(interpreter, word) => {
                let (path, interpreter) = self.starter(found, &interpreter)?;
                self.program(&path, &interpreter, true, depth - 1)?;
                // env(1) starts what comes then.
                let is_env = path.file_name().is_some_and(|name| name == "env");
                let word =
                    word.filter(|word| is_env && !word.to_string_lossy().contains(['-', '=']));
                if let Some(word) = word {
                    let (path, named) = self.starter(found, Path::new(&word))?;
                    self.program(&path, &named, true, depth - 1)?;
                }
                Ok(())
            }
            program::Kind::Other => Err(BuildError::new(
                &found.real,
                "is neither a program nor a script, and has no libraries",
            )),
        }
    }

    pub(super) fn libraries(
        &mut self,
        program: &Path,
        placed: &JailPath,
    ) -> Result<(), BuildError> {
        let placed = self.plan.place(placed);
        let place = |path: &Path| self.plan.place_path(path);
        let needed = closure(self.host, program, Path::new(placed.as_str()), &place)
            .map_err(|error| BuildError::new(program, error))?;
        for (placed, file) in needed {
            let placed = jail_path(&placed)?;
            // Two programs can need the same library.
            if !self.plan.contains(&placed) {
                let found = self.find(&file)?;
                let attributes = Attributes::of_root(Mode::TRAVERSABLE);
                let kind = self.copy_of(&file, &found, attributes)?;
                self.plan.put_if_free(&placed, kind)?;
            }
        }
        Ok(())
    }

    fn copies(&mut self) -> Result<(), BuildError> {
        let template = self.template;
        for copy in template.copies() {
            let source = Path::new(copy.source.as_str());
            let found = match self.host.find(source) {
                Ok(found) => found,
                Err(_) if copy.optional => continue,
                Err(error) => return Err(self.absent(source, &error)),
            };
            let how = data::How {
                libraries: copy.libraries,
                keep_times: copy.keep_times,
            };
            self.tree(&found, copy.target(), how)?;
        }
        for list in template.copy_lists() {
            let how = data::How {
                libraries: list.libraries,
                keep_times: list.keep_times,
            };
            for path in &list.paths.0 {
                let source = jail_path(Path::new(path))?;
                match self.host.find_itself(Path::new(path)) {
                    Ok(found) => self.tree(&found, &source, how)?,
                    Err(_) if list.optional => {}
                    Err(error) => return Err(self.absent(Path::new(path), &error)),
                }
            }
        }
        Ok(())
    }

    /// What is found at a path of the host.
    pub(super) fn find(&self, path: &Path) -> Result<Found, BuildError> {
        let found = self.host.find(path);
        found.map_err(|error| self.absent(path, &error))
    }

    /// Why something that the template takes of the tree is not taken.
    fn absent(&self, path: &Path, error: &io::Error) -> BuildError {
        if error.kind() != io::ErrorKind::NotFound {
            return BuildError::new(path, error);
        }
        let what = match &self.options.sysroot_path {
            Some(tree) => format!(
                "is not there in {}; install there what it belongs to, or change the template or its variables",
                tree.display()
            ),
            None => "is not there; install what it belongs to, take it from another tree with --sysroot, or \
                     change the template or its variables (\"jaula rootfs show --variables\")"
                .to_owned(),
        };
        BuildError::new(path, what)
    }

    fn locate(&self, source: &Path) -> Result<(PathBuf, Found), BuildError> {
        program::locate(self.host, &self.directories, source).ok_or_else(|| self.missing(source))
    }

    /// What starts a script.
    fn starter(&self, script: &Found, name: &Path) -> Result<(PathBuf, Found), BuildError> {
        let found = program::locate(self.host, &self.directories, name);
        found.ok_or_else(|| {
            let name = name.display();
            let what =
                format!("its interpreter {name} is not there; install it, or leave this out");
            BuildError::new(&script.real, what)
        })
    }

    fn missing(&self, source: &Path) -> BuildError {
        program::missing(source, self.options.sysroot_path.as_deref())
    }

    /// A copy of a regular file.
    pub(super) fn copy_of(
        &self,
        source: &Path,
        found: &Found,
        attributes: Attributes,
    ) -> Result<Kind, BuildError> {
        match found.metadata.is_file() {
            false => Err(BuildError::new(source, "is not a regular file")),
            true => Ok(Kind::Copy {
                of_machine: false,
                attributes,
                source: found.real.clone(),
                size: found.metadata.len(),
                time: None,
            }),
        }
    }

    fn attributes(&self, mode: Mode, owner: &str, group: &str) -> Result<Attributes, BuildError> {
        let unknown = |what: &str, name: &str| {
            let what = format!("there is no {what} {name} in this root, whom the template names");
            BuildError::new(accounts::PASSWD, what)
        };
        let (uid, gid) = (self.accounts.uid(owner), self.accounts.gid(group));
        Ok(Attributes {
            mode,
            uid: uid.ok_or_else(|| unknown("user", owner))?,
            gid: gid.ok_or_else(|| unknown("group", group))?,
        })
    }
}

/// What a file or directory that is taken with others has, of what it has on the host.
pub fn attributes_kept(found: &Found) -> Attributes {
    let mode = found.metadata.permissions().mode() & KEPT;
    Attributes::of_root(Mode::from_bits(mode))
}

/// A path of the host as one of the root directory.
pub fn jail_path(path: &Path) -> Result<JailPath, BuildError> {
    let text = path.to_str();
    let text = text.ok_or_else(|| BuildError::new(path, "its name is no UTF-8"))?;
    JailPath::new(text).map_err(|error| BuildError::new(path, error))
}
