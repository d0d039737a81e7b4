// SPDX-License-Identifier: MIT OR Apache-2.0

//! The shared libraries a program needs, found as the dynamic loader would (ld.so(8)).
//!
//! Only what the ELF headers name: what a program opens by itself at run time (dlopen(3)),
//! name service modules for instance, is not in them.

mod cache;
mod object;
mod search;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use object::Object;
use search::{Found, Search};

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
}

/// The loader and libraries that `program` needs once it is at `placed` in a root directory:
/// for each path there, the file on the host to copy. Empty for a program linked statically.
///
/// A library keeps its path where the loader looks by itself, and its place relative to the
/// program where a RUNPATH with `$ORIGIN` says so. One that only the host's ld.so.cache leads
/// to goes beside the C library.
///
/// # Errors
///
/// As [`ClosureError`] says.
pub fn closure(program: &Path, placed: &Path) -> Result<BTreeMap<PathBuf, PathBuf>, ClosureError> {
    let first = Object::read(program)?;
    let mut files = BTreeMap::new();
    if let Some(loader) = &first.interpreter {
        files.insert(loader.clone(), loader.clone());
        let loader = Object::read(loader)?;
        debug_assert_eq!(loader.machine, first.machine);
    }
    let search = Search::new(first.machine);
    let mut names: Vec<String> = Vec::new();
    let mut queue = vec![(first, placed.to_owned(), Vec::new())];
    while let Some((object, placed, inherited)) = queue.pop() {
        let paths = object.search_paths(&placed, &inherited);
        for name in &object.needed {
            if names.contains(name) || is_loader(name, &files) {
                continue;
            }
            let Found { file, placed } =
                search
                    .find(name, &paths.all)
                    .ok_or_else(|| ClosureError::Missing {
                        name: name.clone(),
                        needed_by: object.path.clone(),
                    })?;
            names.push(name.clone());
            queue.push((
                Object::read(&file)?,
                placed.clone(),
                paths.inherited.clone(),
            ));
            files.insert(placed, file);
        }
    }
    Ok(files)
}

/// Some libraries name the loader among what they need; it is there already.
fn is_loader(name: &str, files: &BTreeMap<PathBuf, PathBuf>) -> bool {
    files
        .keys()
        .any(|path| path.file_name().is_some_and(|file| file == name))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_program_runs_with_its_closure_alone() {
        let program = Path::new("/bin/ls");
        let files = closure(program, Path::new("/bin/ls")).expect("the libraries of ls");
        let root = tempfile::tempdir().expect("temporary directory");
        for (placed, file) in &files {
            let to = root
                .path()
                .join(placed.strip_prefix("/").expect("absolute"));
            std::fs::create_dir_all(to.parent().expect("a directory")).expect("mkdir");
            std::fs::copy(file, to).expect("copy");
        }
        let Some(loader) = Object::read(program).expect("ls").interpreter else {
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
        let error = closure(Path::new("/etc/passwd"), Path::new("/p")).expect_err("text");
        assert!(
            error.to_string().starts_with("/etc/passwd: not a program"),
            "{error}"
        );
        let error = closure(Path::new("/no/such"), Path::new("/p")).expect_err("missing");
        assert!(error.to_string().starts_with("/no/such: "), "{error}");
    }
}
