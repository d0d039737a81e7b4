// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where the loader looks for a library when nothing tells it otherwise.

use std::path::{Path, PathBuf};

use goblin::elf::header::{EM_386, EM_AARCH64, EM_ARM, EM_X86_64};

use super::cache;
use super::object::{Machine, Object, Place};

/// A library on the host, and its path in the root directory to be.
pub struct Found {
    pub file: PathBuf,
    pub placed: PathBuf,
}

/// The usual places for one machine.
pub struct Search {
    machine: Machine,
    /// Directories the loader knows without ld.so.cache.
    standard: Vec<PathBuf>,
    cache: Vec<cache::Entry>,
    /// Where to put what only the cache leads to.
    home: PathBuf,
}

impl Search {
    /// Learns the usual places on this host for `machine`.
    pub fn new(machine: Machine) -> Self {
        let standard = standard_directories(machine);
        let cache = cache::read(Path::new("/etc/ld.so.cache"));
        let mut search = Search {
            machine,
            standard,
            cache,
            home: "/lib".into(),
        };
        if let Some(libc) = search.find("libc.so.6", &[]) {
            search.home = libc.placed.parent().unwrap_or(Path::new("/lib")).to_owned();
        }
        search
    }

    /// Finds the library `name`, first in `paths`.
    pub fn find(&self, name: &str, paths: &[Place]) -> Option<Found> {
        if name.contains('/') {
            let file = PathBuf::from(name);
            return self.fits(&file).then(|| Found {
                placed: file.clone(),
                file,
            });
        }
        let in_paths = paths.iter().map(|place| Found {
            file: place.host.join(name),
            placed: place.placed.join(name),
        });
        let in_cache = self
            .cache
            .iter()
            .filter(|entry| entry.name == name)
            .map(|entry| {
                let known = entry
                    .path
                    .parent()
                    .is_some_and(|dir| self.standard.iter().any(|s| s == dir));
                let placed = if known {
                    entry.path.clone()
                } else {
                    self.home.join(name)
                };
                Found {
                    file: entry.path.clone(),
                    placed,
                }
            });
        let in_standard = self.standard.iter().map(|directory| {
            let file = directory.join(name);
            Found {
                placed: file.clone(),
                file,
            }
        });
        in_paths
            .chain(in_cache)
            .chain(in_standard)
            .find(|found| self.fits(&found.file))
    }

    /// The loader passes over libraries for another machine.
    fn fits(&self, file: &Path) -> bool {
        file.is_file() && Object::read(file).is_ok_and(|object| object.machine == self.machine)
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
