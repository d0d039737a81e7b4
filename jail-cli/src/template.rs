// SPDX-License-Identifier: MIT OR Apache-2.0

//! Finding the template that somebody means.

use std::path::Path;

use jaula_rootfs::{builtin, Template};

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
