// SPDX-License-Identifier: MIT OR Apache-2.0

//! Finds which component of a path is in the way.

use std::path::{Path, PathBuf};

use nix::errno::Errno;

use crate::stat::{lstat, stat};
use crate::text::{reason, shown};

/// The first component that keeps a path from being reached, and why.
#[derive(Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The path up to and including the component to blame.
    pub path: PathBuf,
    /// What the kernel answered.
    pub errno: Errno,
}

impl Obstacle {
    /// The obstacle in words, beginning with its path.
    pub fn describe(&self) -> String {
        let path = shown(&self.path);
        match self.errno {
            Errno::ENOENT if lstat(&self.path).is_ok() => {
                format!("{path} is a symbolic link to something that does not exist")
            }
            Errno::ENOENT => format!("{path} does not exist"),
            Errno::ENOTDIR => format!("{path} is not a directory"),
            Errno::EACCES => format!("no permission to search {path}"),
            Errno::ELOOP => format!("{path} leads through too many symbolic links"),
            errno => format!("{path}: {}", reason(errno)),
        }
    }
}

/// Walks `path` a component at a time; `None` when every one can be reached.
pub fn first_obstacle(path: &Path) -> Option<Obstacle> {
    let mut reached = PathBuf::new();
    for component in path.components() {
        let parent = reached.clone();
        reached.push(component);
        let Err(errno) = stat(&reached) else { continue };
        // Looking up a name fails with these because of the directory it is looked up in.
        let blame_parent = matches!(errno, Errno::EACCES | Errno::ENOTDIR);
        let path = match (blame_parent, parent.as_os_str().is_empty()) {
            (true, true) => PathBuf::from("."),
            (true, false) => parent,
            (false, _) => reached,
        };
        return Some(Obstacle { path, errno });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_component_that_is_missing() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("a/b/c");
        std::fs::create_dir(dir.path().join("a")).expect("mkdir");
        let found = first_obstacle(&path).expect("an obstacle");
        assert_eq!(found.path, dir.path().join("a/b"));
        assert!(found.describe().ends_with("a/b does not exist"));
    }

    #[test]
    fn names_the_file_in_place_of_a_directory() {
        let dir = tempfile::tempdir().expect("temporary directory");
        std::fs::write(dir.path().join("a"), "").expect("write");
        let found = first_obstacle(&dir.path().join("a/b/c")).expect("an obstacle");
        assert!(
            found.describe().ends_with("/a is not a directory"),
            "{}",
            found.describe()
        );
    }

    #[test]
    fn names_the_symbolic_link_that_dangles() {
        let dir = tempfile::tempdir().expect("temporary directory");
        std::os::unix::fs::symlink("nowhere", dir.path().join("l")).expect("symlink");
        let found = first_obstacle(&dir.path().join("l")).expect("an obstacle");
        assert!(
            found.describe().contains("/l is a symbolic link"),
            "{}",
            found.describe()
        );
    }

    #[test]
    fn finds_nothing_wrong_with_a_path_that_is_there() {
        assert_eq!(first_obstacle(Path::new("/proc/../proc/self")), None);
    }
}
