// SPDX-License-Identifier: MIT OR Apache-2.0

//! Finding the command in the jail and executing it.

use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::{access, execve, AccessFlags};

use super::diagnose::diagnose;
use super::error::{LaunchError, EXIT_FAILED, EXIT_NOT_FOUND};
use crate::environment::Environment;
use crate::text::shown;

/// A command, ready to be executed: what takes memory or can be refused has been done.
pub struct Command<'a> {
    name: &'a OsString,
    environment: &'a Environment,
    argv: Vec<CString>,
    variables: Vec<CString>,
    /// Where it can lie.
    paths: Vec<PathBuf>,
    is_searched: bool,
}

impl<'a> Command<'a> {
    /// `argv` with `environment`.
    ///
    /// A name without a slash is searched in the PATH of `environment`. A file that the kernel
    /// cannot execute is not handed to a shell.
    ///
    /// # Errors
    ///
    /// What cannot be executed wherever it lies.
    pub fn new(argv: &'a [OsString], environment: &'a Environment) -> Result<Self, LaunchError> {
        let Some(name) = argv.first().filter(|name| !name.is_empty()) else {
            return Err(LaunchError::new(EXIT_NOT_FOUND, "the command is empty"));
        };
        let (argv, variables) = strings(argv, environment)?;
        let is_searched = !name.as_bytes().contains(&b'/');
        let paths = match is_searched {
            true => environment
                .search_path()
                .into_iter()
                .map(|directory| PathBuf::from(directory).join(name))
                .collect(),
            false => vec![PathBuf::from(name)],
        };
        Ok(Command {
            name,
            environment,
            argv,
            variables,
            paths,
            is_searched,
        })
    }

    /// Executes it; returns only to say why that was not possible.
    pub fn execute(&self) -> LaunchError {
        let mut refused = None;
        for path in &self.paths {
            if self.is_searched {
                match path.symlink_metadata() {
                    Err(_) => continue,
                    Ok(found) if found.is_dir() => continue,
                    Ok(_) => {}
                }
            }
            // As in a shell, what may not be executed does not hide what comes later.
            let error = attempt(path, &self.argv, &self.variables);
            refused.get_or_insert(error);
        }
        refused.unwrap_or_else(|| self.not_found())
    }

    /// Looks for it as executing it will. What is found may be another file by then, and may be none
    /// that the kernel executes.
    ///
    /// # Errors
    ///
    /// Why it cannot be executed.
    pub fn look_up(&self) -> Result<(), LaunchError> {
        let mut refused = None;
        for path in &self.paths {
            match look_at(path) {
                Ok(()) => return Ok(()),
                Err(Errno::ENOENT | Errno::ENOTDIR) if self.is_searched => {}
                Err(errno) => {
                    refused.get_or_insert((path, errno));
                }
            }
        }
        Err(match refused {
            Some((path, errno)) => diagnose(path, errno),
            None => self.not_found(),
        })
    }

    fn not_found(&self) -> LaunchError {
        let path = self.environment.get("PATH").unwrap_or_default();
        let (name, path) = (shown(self.name), shown(path));
        let text = format!("{name}: not found in the PATH {path} of the jail");
        LaunchError::new(EXIT_NOT_FOUND, text)
    }
}

fn look_at(path: &Path) -> Result<(), Errno> {
    access(path, AccessFlags::X_OK)?;
    match path.is_dir() {
        true => Err(Errno::EACCES),
        false => Ok(()),
    }
}

fn attempt(path: &Path, argv: &[CString], variables: &[CString]) -> LaunchError {
    let errno = match CString::new(path.as_os_str().as_bytes()) {
        Ok(string) => match execve(&string, argv, variables) {
            Err(errno) => errno,
            Ok(never) => match never {},
        },
        Err(_) => Errno::EINVAL,
    };
    diagnose(path, errno)
}

type Strings = (Vec<CString>, Vec<CString>);

fn strings(argv: &[OsString], environment: &Environment) -> Result<Strings, LaunchError> {
    let nul = |what: &OsStr| {
        LaunchError::new(EXIT_FAILED, format!("{} has a NUL byte in it", shown(what)))
    };
    let argument = |text: &OsString| CString::new(text.as_bytes()).map_err(|_| nul(text));
    let argv = argv.iter().map(argument).collect::<Result<_, _>>()?;
    let variables = environment.to_strings().map_err(|name| nul(&name))?;
    Ok((argv, variables))
}
