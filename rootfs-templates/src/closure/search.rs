// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where the loader looks for a library when nothing tells it otherwise.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use goblin::elf::header::{EM_386, EM_AARCH64, EM_ARM, EM_X86_64};

use super::object::{Machine, Object, Place};
use super::{cache, conf};
use crate::host::Host;

/// A library on the host, and its path in the root directory to be.
pub struct Located {
    pub object: Rc<Object>,
    pub placed: PathBuf,
}

/// How much is looked at, of all that one looks for. What a tree names that is meant to do harm has no end.
#[derive(Debug)]
pub struct Budget {
    /// Bytes that may still be remembered.
    bytes: Cell<usize>,
    /// How often something may still be looked up.
    steps: Cell<usize>,
}

impl Budget {
    /// More than any tree takes that is meant well.
    pub fn new() -> Self {
        Budget {
            bytes: Cell::new(256 << 20),
            steps: Cell::new(5_000_000),
        }
    }

    /// Takes a step in which so many bytes come together; false where nothing is left.
    pub fn take(&self, bytes: usize) -> bool {
        self.bytes.set(self.bytes.get().saturating_sub(bytes));
        self.steps.set(self.steps.get().saturating_sub(1));
        !self.is_spent()
    }

    /// Whether nothing is left.
    pub fn is_spent(&self) -> bool {
        self.bytes.get() == 0 || self.steps.get() == 0
    }
}

/// The loader's index, by name.
pub type Index = HashMap<String, Vec<PathBuf>>;

/// Reads it.
pub fn index(host: &Host) -> Index {
    let mut index = Index::new();
    for entry in cache::read(host) {
        index.entry(entry.name).or_default().push(entry.path);
    }
    index
}

/// The usual places for one machine.
pub struct Search<'a> {
    host: &'a Host,
    budget: Rc<Budget>,
    machine: Machine,
    /// Directories the loader knows without ld.so.cache.
    standard: Vec<PathBuf>,
    /// Directories that ldconfig would make the index of.
    configured: Vec<PathBuf>,
    index: Rc<Index>,
    /// What has been looked at, by path.
    known: RefCell<HashMap<PathBuf, Option<Rc<Object>>>>,
    /// Where to put what only the index or its configuration leads to.
    home: PathBuf,
}

impl<'a> Search<'a> {
    /// Learns the usual places on a host for programs of `machine` with this loader. Where the tree is
    /// one that is still to be set up, directories count that are not in its index so far.
    pub fn new(
        host: &'a Host,
        budget: Rc<Budget>,
        index: &Rc<Index>,
        (machine, loader): (Machine, &Path),
        to_be_set_up: bool,
    ) -> Self {
        let mut search = Search {
            host,
            budget,
            machine,
            standard: standard_directories(machine),
            configured: Vec::new(),
            index: Rc::default(),
            known: RefCell::default(),
            home: "/lib".into(),
        };
        if let Some(directories) = musl(host, loader) {
            search.standard = directories;
            return search;
        }
        search.index = Rc::clone(index);
        if to_be_set_up {
            search.configured = conf::read(host);
        }
        if let Some(libc) = search.find("libc.so.6", &[]) {
            search.home = libc.placed.parent().unwrap_or(Path::new("/lib")).to_owned();
        }
        search
    }

    /// Finds the library `name`, first in `paths`.
    pub fn find(&self, name: &str, paths: &[Place]) -> Option<Located> {
        let in_paths = paths
            .iter()
            .find_map(|place| self.fitting(&place.host.join(name), || place.placed.join(name)));
        let in_cache = || {
            let mut paths = self.index.get(name).into_iter().flatten();
            paths.find_map(|path| self.fitting(path, || self.place(path, name)))
        };
        let within = |directories: &[PathBuf]| {
            directories.iter().find_map(|directory| {
                let file = directory.join(name);
                self.fitting(&file, || self.place(&file, name))
            })
        };
        in_paths
            .or_else(in_cache)
            .or_else(|| within(&self.configured))
            .or_else(|| within(&self.standard))
    }

    /// Finds the library at a place.
    pub fn at(&self, place: &Place) -> Option<Located> {
        self.fitting(&place.host, || place.placed.clone())
    }

    /// It keeps its path where the loader looks by itself.
    fn place(&self, file: &Path, name: &str) -> PathBuf {
        match file.parent() {
            Some(directory) if self.standard.iter().any(|known| known == directory) => {
                file.to_owned()
            }
            _ => self.home.join(name),
        }
    }

    /// The loader passes over libraries for another machine.
    fn fitting(&self, file: &Path, placed: impl FnOnce() -> PathBuf) -> Option<Located> {
        if !self.budget.take(0) {
            return None;
        }
        let known = self.known.borrow().get(file).cloned();
        let object = known.unwrap_or_else(|| {
            let object = self.read(file).map(Rc::new);
            let size = object.as_ref().map_or(0, |object| object.size());
            self.budget.take(size + file.as_os_str().len() + 64);
            self.known
                .borrow_mut()
                .insert(file.to_owned(), object.clone());
            object
        })?;
        (object.machine == self.machine).then(|| Located {
            object,
            placed: placed(),
        })
    }

    fn read(&self, file: &Path) -> Option<Object> {
        Object::read(&self.host.find(file).ok()?).ok()
    }
}

/// What loaders have built in: Debian's multiarch directories, then those of others.
fn standard_directories(machine: Machine) -> Vec<PathBuf> {
    let triplets: &[&str] = match machine.number {
        EM_X86_64 => &["x86_64-linux-gnu"],
        EM_386 => &["i386-linux-gnu"],
        EM_ARM => &["arm-linux-gnueabihf", "arm-linux-gnueabi"],
        EM_AARCH64 => &["aarch64-linux-gnu"],
        _ => &[],
    };
    let multiarch = triplets
        .iter()
        .flat_map(|triplet| [format!("/lib/{triplet}"), format!("/usr/lib/{triplet}")]);
    let plain: &[&str] = match machine.is_64 {
        true => &["/lib64", "/usr/lib64", "/lib", "/usr/lib"],
        false => &["/lib", "/usr/lib"],
    };
    multiarch
        .map(PathBuf::from)
        .chain(plain.iter().map(PathBuf::from))
        .collect()
}

/// Where musl's loader looks, if it is that: in what a file names, or else where it is used to.
fn musl(host: &Host, loader: &Path) -> Option<Vec<PathBuf>> {
    let name = loader.file_name()?.to_str()?;
    let machine = name.strip_prefix("ld-musl-")?.split('.').next()?;
    let file = PathBuf::from(format!("/etc/ld-musl-{machine}.path"));
    let text = host.read(&file, 1 << 16).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let named: Vec<PathBuf> = text
        .split([':', '\n'])
        .filter(|part| part.starts_with('/'))
        .map(PathBuf::from)
        .collect();
    Some(match named.is_empty() {
        true => ["/lib", "/usr/local/lib", "/usr/lib"]
            .map(PathBuf::from)
            .to_vec(),
        false => named,
    })
}
