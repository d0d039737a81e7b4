// SPDX-License-Identifier: MIT OR Apache-2.0

//! Finding the command in the jail and executing it.

use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::execve;

use super::diagnose::diagnose;
use super::error::{LaunchError, EXIT_FAILED, EXIT_NOT_FOUND};
use crate::environment::Environment;
use crate::text::shown;

/// Executes `argv` with `environment`; returns only to say why that was not possible.
///
/// A name without a slash is searched in the PATH of `environment`. A file that the kernel
/// cannot execute is not handed to a shell.
pub fn execute(argv: &[OsString], environment: &Environment) -> LaunchError {
    let Some(command) = argv.first().filter(|command| !command.is_empty()) else {
        return LaunchError::new(EXIT_NOT_FOUND, "the command is empty");
    };
    let (argv, variables) = match strings(argv, environment) {
        Ok(strings) => strings,
        Err(error) => return error,
    };
    if command.as_bytes().contains(&b'/') {
        return attempt(Path::new(command), &argv, &variables);
    }
    let mut refused = None;
    for directory in environment.search_path() {
        let path = PathBuf::from(directory).join(command);
        match path.symlink_metadata() {
            Err(_) => continue,
            Ok(found) if found.is_dir() => continue,
            Ok(_) => {}
        }
        // As in a shell, what may not be executed does not hide what comes later.
        let error = attempt(&path, &argv, &variables);
        refused.get_or_insert(error);
    }
    refused.unwrap_or_else(|| {
        let path = environment.get("PATH").unwrap_or_default();
        let text = format!(
            "{}: not found in the PATH {} of the jail",
            shown(command),
            shown(path)
        );
        LaunchError::new(EXIT_NOT_FOUND, text)
    })
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
    let variables = environment
        .to_strings()
        .map_err(|name| nul(OsStr::new(&name)))?;
    Ok((argv, variables))
}
