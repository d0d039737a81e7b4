// SPDX-License-Identifier: MIT OR Apache-2.0

//! Finding the template that somebody means, and building from it.

use std::path::Path;

use jaula_rootfs::{builtin, Options, Summary, Template};

use crate::text::shown;
use crate::trusted_path::{self, Refusal};

/// The template called `name`: one that comes with jaula, or a file, which has a slash in its
/// name or ends in `.toml`; a path that is not absolute begins in `directory`.
///
/// # Errors
///
/// A text that names the file or the template.
pub fn load(name: &str, directory: &Path) -> Result<Template, String> {
    if name.contains('/') || name.ends_with(".toml") {
        return Template::load(&directory.join(name)).map_err(|error| error.to_string());
    }
    Template::parse(find(name)?.source).map_err(|error| error.to_string())
}

/// The one that comes with jaula under this name.
///
/// # Errors
///
/// A text with the names that there are.
pub fn find(name: &str) -> Result<builtin::Builtin, String> {
    builtin::find(name).ok_or_else(|| {
        let known: Vec<&str> = builtin::all().iter().map(|builtin| builtin.name).collect();
        format!(
            "{name}: no such template; there are: {} (a file is given with a slash: ./{name})",
            known.join(", ")
        )
    })
}

/// Builds `template` at `target`, in place of what is there where `replace` says so.
///
/// Links on the way are followed where nobody but root of the host can have laid them: what a jail may
/// write to does not say where a root is built.
///
/// # Errors
///
/// A text that names the path, and why nothing was built.
pub fn build(template: &Template, target: &Path, replace: bool) -> Result<Summary, String> {
    let parent = target.parent();
    let parent = parent.filter(|parent| !parent.as_os_str().is_empty());
    let above = match trusted_path::open(parent.unwrap_or(Path::new("."))) {
        Ok(above) => Some(above),
        // What is missing is said with what is wrong about the target itself.
        Err(Refusal::Kernel(_)) => None,
        Err(refusal) => return Err(format!("{}: {}", shown(target), refusal.describe())),
    };
    let options = Options {
        above,
        replace,
        ..Options::default()
    };
    jaula_rootfs::build(template, target, &options).map_err(|error| error.to_string())
}
