// SPDX-License-Identifier: MIT OR Apache-2.0

//! The shared libraries a program needs, found as the dynamic loader would (ld.so(8)).
//!
//! Only what the ELF headers name, and nothing is executed for it: what a program opens by itself at
//! run time (dlopen(3)), name service modules for instance, is not in them.

mod cache;
mod conf;
mod object;
mod search;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::rc::Rc;

pub use object::{Machine, Object, MAGIC};
use search::{index, Budget, Index, Located, Search};

use crate::host::Host;

/// Why the libraries of a program cannot be gathered.
#[derive(Debug, thiserror::Error)]
pub enum ClosureError {
    /// A file that cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file that is not ELF, or broken.
    #[error("{}: not a program or library: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A library that is nowhere to be found.
    #[error("{name}, a library that {} needs, is not installed here", needed_by.display())]
    Missing {
        /// The name it is asked for by.
        name: String,
        /// Who asks.
        needed_by: PathBuf,
    },
    /// A loader that cannot start it.
    #[error("the loader {} of {} {reason}", loader.display(), program.display())]
    Loader {
        /// The program.
        program: PathBuf,
        /// The loader.
        loader: PathBuf,
        /// What about it.
        reason: String,
    },
    /// One that needs more than is looked for.
    #[error("{} needs more than is looked for", program.display())]
    TooMuch {
        /// The program.
        program: PathBuf,
    },
}

/// What a program needs, and what of that is not there.
#[derive(Debug, Default)]
pub struct Closure {
    /// What it is for.
    pub machine: Option<Machine>,
    /// For each path in the root directory to be, the file on the host.
    pub files: BTreeMap<PathBuf, PathBuf>,
    /// What is missing.
    pub missing: Vec<ClosureError>,
}

/// The loader and libraries that `program` of the host needs once it is at `placed` in a root
/// directory: for each path there, the file on the host to copy. Empty for a program linked statically.
///
/// A library keeps its path where the loader looks by itself, and its place relative to the
/// program where a RUNPATH with `$ORIGIN` says so. One that only the host's ld.so.cache or ld.so.conf
/// leads to goes beside the C library. What comes of a path there is for `place` to say, as in a root
/// whose /lib is a link.
///
/// # Errors
///
/// As [`ClosureError`] says.
pub fn closure(
    host: &Host,
    program: &Path,
    placed: &Path,
    place: &dyn Fn(&Path) -> PathBuf,
) -> Result<BTreeMap<PathBuf, PathBuf>, ClosureError> {
    let mut inspector = Inspector::new(host, true);
    let mut found = inspector.look(program, placed, place)?;
    match found.missing.is_empty() {
        true => Ok(found.files),
        false => Err(found.missing.swap_remove(0)),
    }
}

/// For how many kinds of machine and loader something is looked for.
const MOST_LOADERS: usize = 100;

/// What programs of one tree need, where many are looked at.
pub struct Inspector<'a> {
    host: &'a Host,
    to_be_set_up: bool,
    budget: Rc<Budget>,
    /// Of the loader, once it was needed.
    index: Option<Rc<Index>>,
    /// By machine and loader.
    searches: HashMap<(Machine, PathBuf), Search<'a>>,
}

impl<'a> Inspector<'a> {
    /// Of a tree that is as it is to be.
    pub fn of(host: &'a Host) -> Self {
        Self::new(host, false)
    }

    fn new(host: &'a Host, to_be_set_up: bool) -> Self {
        Inspector {
            host,
            to_be_set_up,
            budget: Rc::new(Budget::new()),
            index: None,
            searches: HashMap::new(),
        }
    }

    /// What a program in the tree needs, with all that is missing.
    ///
    /// # Errors
    ///
    /// Where the program itself cannot be read.
    pub fn inspect(&mut self, program: &Path) -> Result<Closure, ClosureError> {
        self.look(program, program, &Path::to_owned)
    }

    /// Whether more was looked for than any tree has that is meant well.
    pub fn is_exhausted(&self) -> bool {
        self.searches.len() > MOST_LOADERS || self.budget.is_spent()
    }

    fn read(&self, path: &Path) -> Result<Object, ClosureError> {
        let found = self.host.find(path).map_err(|source| ClosureError::Read {
            path: path.to_owned(),
            source,
        })?;
        Object::read(&found)
    }

    fn look(
        &mut self,
        program: &Path,
        placed: &Path,
        place: &dyn Fn(&Path) -> PathBuf,
    ) -> Result<Closure, ClosureError> {
        let first = Rc::new(self.read(program)?);
        let mut closure = Closure {
            machine: Some(first.machine),
            ..Closure::default()
        };
        let loader = first.interpreter.clone();
        if let Some(loader) = &loader {
            match self.loader(loader, &first) {
                Ok(()) => drop(closure.files.insert(place(loader), loader.clone())),
                Err(error) => closure.missing.push(error),
            }
        }
        if first.needed.is_empty() {
            return Ok(closure);
        }
        let loader = loader.unwrap_or_default();
        let (host, to_be_set_up) = (self.host, self.to_be_set_up);
        let index = self.index.get_or_insert_with(|| Rc::new(index(host)));
        let budget = &self.budget;
        let key = (first.machine, loader.clone());
        let search = self.searches.entry(key.clone()).or_insert_with(|| {
            let of = (key.0, key.1.as_path());
            Search::new(host, Rc::clone(budget), index, of, to_be_set_up)
        });
        let mut names: HashSet<String> = HashSet::new();
        let mut queue = vec![(first, placed.to_owned(), Vec::new())];
        while let Some((object, placed, inherited)) = queue.pop() {
            let paths = object.search_paths(&placed, &inherited);
            for name in &object.needed {
                let is_loader = loader.file_name().is_some_and(|file| file == name.as_str());
                if is_loader || !names.insert(name.clone()) {
                    continue;
                }
                let inherited = paths.inherited.iter().map(object::Place::size).sum();
                if !budget.take(inherited) {
                    let program = program.to_owned();
                    closure.missing.push(ClosureError::TooMuch { program });
                    return Ok(closure);
                }
                let located = match name.contains('/') {
                    true => search.at(&object.expand(name, &placed)),
                    false => search.find(name, &paths.all),
                };
                let Some(Located { object, placed }) = located else {
                    closure.missing.push(ClosureError::Missing {
                        name: name.clone(),
                        needed_by: object.path.clone(),
                    });
                    continue;
                };
                let placed = place(&placed);
                closure.files.insert(placed.clone(), object.path.clone());
                queue.push((object, placed, paths.inherited.clone()));
            }
        }
        Ok(closure)
    }

    fn loader(&self, loader: &Path, program: &Object) -> Result<(), ClosureError> {
        let reason = match self.read(loader) {
            Ok(object) if object.machine == program.machine => return Ok(()),
            Ok(_) => "is for another machine".to_owned(),
            Err(ClosureError::Read { source, .. }) if source.kind() == ErrorKind::NotFound => {
                "is missing".to_owned()
            }
            Err(error) => format!("cannot be used: {error}"),
        };
        Err(ClosureError::Loader {
            program: program.path.clone(),
            loader: loader.to_owned(),
            reason,
        })
    }
}

#[cfg(test)]
mod hostile_tests;

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn machine() -> Host {
        Host::machine().expect("the machine")
    }

    #[test]
    fn a_program_runs_with_its_closure_alone() {
        let program = Path::new("/bin/ls");
        let placed = Path::new("/bin/ls");
        let files = closure(&machine(), program, placed, &Path::to_owned).expect("the libraries");
        let root = tempfile::tempdir().expect("temporary directory");
        for (placed, file) in &files {
            let to = root
                .path()
                .join(placed.strip_prefix("/").expect("absolute"));
            std::fs::create_dir_all(to.parent().expect("a directory")).expect("mkdir");
            std::fs::copy(file, to).expect("copy");
        }
        let found = machine().find(program).expect("ls");
        let Some(loader) = Object::read(&found).expect("ls").interpreter else {
            return assert!(files.is_empty(), "a static program needs nothing");
        };
        let directories: Vec<String> = files
            .keys()
            .filter_map(|placed| placed.parent()?.strip_prefix("/").ok())
            .map(|directory| root.path().join(directory).display().to_string())
            .collect();
        let output = crate::run::output(
            Command::new(
                root.path()
                    .join(loader.strip_prefix("/").expect("absolute")),
            )
            .args(["--inhibit-cache", "--library-path", &directories.join(":")])
            .args(["--list", "/bin/ls"]),
        );
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && !text.contains("not found"),
            "{text}"
        );
        let libraries = text.lines().filter_map(|line| line.split(" => ").nth(1));
        for library in libraries.filter(|library| library.starts_with('/')) {
            let inside = library.starts_with(&root.path().display().to_string());
            assert!(inside, "{library} is not in the closure");
        }
    }

    #[test]
    fn what_is_no_program_is_refused() {
        let refused = |program: &str| {
            let program = Path::new(program);
            let error = closure(&machine(), program, Path::new("/p"), &Path::to_owned);
            error.expect_err("no program").to_string()
        };
        let error = refused("/etc/passwd");
        assert!(error.starts_with("/etc/passwd: not a program"), "{error}");
        let error = refused("/no/such");
        assert!(error.starts_with("/no/such: "), "{error}");
    }
}
