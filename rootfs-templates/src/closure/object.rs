// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the dynamic section of an ELF file asks for.

use std::path::{Component, Path, PathBuf};

use goblin::elf::Elf;

use super::ClosureError;

/// What must agree between a program and its libraries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// `e_machine`.
    pub number: u16,
    /// Whether it is ELFCLASS64.
    pub is_64: bool,
    /// Whether it is ELFDATA2LSB.
    pub little_endian: bool,
}

/// A program or library.
#[derive(Debug)]
pub struct Object {
    /// Where it lies on the host.
    pub path: PathBuf,
    pub machine: Machine,
    /// PT_INTERP: the loader.
    pub interpreter: Option<PathBuf>,
    /// DT_NEEDED: names of libraries.
    pub needed: Vec<String>,
    rpath: Vec<String>,
    runpath: Vec<String>,
}

/// A directory to look in, and the same as seen in the root directory to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub host: PathBuf,
    pub placed: PathBuf,
}

/// Where to look for what an object needs before the usual places.
pub struct SearchPaths {
    /// For the object itself.
    pub all: Vec<Place>,
    /// For what the objects it needs need in turn.
    pub inherited: Vec<Place>,
}

impl Object {
    /// Reads the headers of the file at `path`.
    pub fn read(path: &Path) -> Result<Self, ClosureError> {
        let bytes = std::fs::read(path).map_err(|source| ClosureError::Read {
            path: path.to_owned(),
            source,
        })?;
        let elf = Elf::parse(&bytes).map_err(|error| ClosureError::Format {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        let split = |lists: &[&str]| -> Vec<String> {
            let entries = lists.iter().flat_map(|list| list.split(':'));
            entries
                .filter(|entry| !entry.is_empty())
                .map(str::to_owned)
                .collect()
        };
        Ok(Object {
            path: path.to_owned(),
            machine: Machine {
                number: elf.header.e_machine,
                is_64: elf.is_64,
                little_endian: elf.little_endian,
            },
            interpreter: elf.interpreter.map(PathBuf::from),
            needed: elf.libraries.iter().map(|&name| name.to_owned()).collect(),
            rpath: split(&elf.rpaths),
            runpath: split(&elf.runpaths),
        })
    }

    /// Its RUNPATH, or else its RPATH and that of whoever needed it: a RUNPATH is for the
    /// object alone and puts every RPATH out of force (ld.so(8)).
    pub fn search_paths(&self, placed: &Path, inherited: &[Place]) -> SearchPaths {
        let expand = |entries: &[String]| -> Vec<Place> {
            entries
                .iter()
                .map(|entry| self.expand(entry, placed))
                .collect()
        };
        if !self.runpath.is_empty() {
            return SearchPaths {
                all: expand(&self.runpath),
                inherited: inherited.to_vec(),
            };
        }
        let mut all = expand(&self.rpath);
        all.extend_from_slice(inherited);
        SearchPaths {
            inherited: all.clone(),
            all,
        }
    }

    fn expand(&self, entry: &str, placed: &Path) -> Place {
        // The loader takes the origin from the file itself, not from a link to it.
        let real = self
            .path
            .canonicalize()
            .unwrap_or_else(|_| self.path.clone());
        let with = |path: &Path| {
            let origin = path.parent().unwrap_or(Path::new("/")).to_string_lossy();
            let text = entry
                .replace("${ORIGIN}", &origin)
                .replace("$ORIGIN", &origin);
            normalize(Path::new(&text))
        };
        Place {
            host: with(&real),
            placed: with(placed),
        }
    }
}

/// Resolves `.` and `..` by their names alone.
fn normalize(path: &Path) -> PathBuf {
    let mut result = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => result.push(name),
            Component::ParentDir => {
                result.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(rpath: &[&str], runpath: &[&str]) -> Object {
        let owned = |list: &[&str]| list.iter().map(|&entry| entry.to_owned()).collect();
        Object {
            path: "/opt/app/bin/app".into(),
            machine: Machine {
                number: 62,
                is_64: true,
                little_endian: true,
            },
            interpreter: None,
            needed: Vec::new(),
            rpath: owned(rpath),
            runpath: owned(runpath),
        }
    }

    fn place(host: &str, placed: &str) -> Place {
        Place {
            host: host.into(),
            placed: placed.into(),
        }
    }

    #[test]
    fn the_origin_moves_with_the_program() {
        let paths =
            object(&[], &["$ORIGIN/../lib", "/opt/x"]).search_paths(Path::new("/bin/app"), &[]);
        assert_eq!(
            paths.all,
            [place("/opt/app/lib", "/lib"), place("/opt/x", "/opt/x")]
        );
        assert!(paths.inherited.is_empty());
    }

    #[test]
    fn an_rpath_is_inherited_and_a_runpath_puts_it_out_of_force() {
        let above = [place("/above", "/above")];
        let paths = object(&["${ORIGIN}"], &[]).search_paths(Path::new("/bin/app"), &above);
        assert_eq!(paths.all, [place("/opt/app/bin", "/bin"), above[0].clone()]);
        assert_eq!(paths.inherited, paths.all);
        let paths = object(&["/r"], &["/run"]).search_paths(Path::new("/bin/app"), &above);
        assert_eq!(paths.all, [place("/run", "/run")]);
    }
}
