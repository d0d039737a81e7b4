// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the parts of a template must hold together.

use std::collections::HashSet;
use std::hash::Hash;

use super::schema::Template;
use super::{Applets, TemplateError};

/// The paths that `[[user]]` and `[[group]]` become.
pub const ACCOUNT_FILES: [&str; 2] = ["/etc/passwd", "/etc/group"];

/// Checks all that a single value cannot show.
pub fn check(template: &Template) -> Result<(), TemplateError> {
    check_accounts(template)?;
    check_owners(template)?;
    check_paths(template)?;
    for file in &template.files {
        if file.content().is_none() {
            return fail(format!("file {} needs either content or source", file.path));
        }
    }
    for link in &template.symlinks {
        if link.target.is_empty() || link.target.contains('\0') {
            return fail(format!("symlink {} has no usable target", link.path));
        }
    }
    Ok(())
}

fn check_accounts(template: &Template) -> Result<(), TemplateError> {
    let users = template.users.iter().map(|user| (&user.name, user.uid));
    let groups = template.groups.iter().map(|group| (&group.name, group.gid));
    check_ids("user", users)?;
    check_ids("group", groups)?;
    for user in &template.users {
        for field in [&user.comment, &user.home, &user.shell] {
            if field.contains(|c: char| c == ':' || c.is_control()) {
                return fail(format!(
                    "user {}: {field:?} has a colon or control",
                    user.name
                ));
            }
        }
        for path in [&user.home, &user.shell] {
            if !path.starts_with('/') {
                return fail(format!(
                    "user {}: {path:?} is not an absolute path",
                    user.name
                ));
            }
        }
        if !template.groups.iter().any(|group| group.name == user.group) {
            return fail(format!(
                "user {}: no [[group]] is called {:?}",
                user.name, user.group
            ));
        }
    }
    for group in &template.groups {
        for member in &group.members {
            if !template.users.iter().any(|user| user.name == *member) {
                return fail(format!(
                    "group {}: no [[user]] is called {member:?}",
                    group.name
                ));
            }
        }
    }
    Ok(())
}

fn check_ids<'a>(
    what: &str,
    entries: impl Iterator<Item = (&'a String, u32)> + Clone,
) -> Result<(), TemplateError> {
    for (name, id) in entries.clone() {
        if !is_account_name(name) {
            return fail(format!(
                "{what} name {name:?} does not match [a-z_][a-z0-9_-]{{0,31}}"
            ));
        }
        if id == u32::MAX {
            return fail(format!("{what} {name}: {id} is no id"));
        }
        if (name == "root") != (id == 0) {
            return fail(format!("{what} {name}: root is 0, and nobody else is"));
        }
    }
    if let Some((name, _)) = first_double(entries.clone(), |(name, _)| *name) {
        return fail(format!("{what} {name} is there twice"));
    }
    if let Some((name, id)) = first_double(entries, |(_, id)| *id) {
        return fail(format!("{what} {name}: {id} is another's already"));
    }
    Ok(())
}

fn is_account_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    let first = bytes
        .next()
        .is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let rest = bytes
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte));
    first && rest && name.len() <= 32
}

fn check_owners(template: &Template) -> Result<(), TemplateError> {
    let directories = template
        .directories
        .iter()
        .map(|one| (&one.path, &one.owner, &one.group));
    let files = template
        .files
        .iter()
        .map(|one| (&one.path, &one.owner, &one.group));
    for (path, owner, group) in directories.chain(files) {
        if owner != "root" && !template.users.iter().any(|user| user.name == *owner) {
            return fail(format!("{path}: no [[user]] is called {owner:?}"));
        }
        if group != "root" && !template.groups.iter().any(|one| one.name == *group) {
            return fail(format!("{path}: no [[group]] is called {group:?}"));
        }
    }
    Ok(())
}

fn check_paths(template: &Template) -> Result<(), TemplateError> {
    let mut paths: Vec<&str> = Vec::new();
    if !template.users.is_empty() || !template.groups.is_empty() {
        paths.extend(ACCOUNT_FILES);
    }
    paths.extend(template.directories.iter().map(|one| one.path.as_str()));
    paths.extend(template.files.iter().map(|one| one.path.as_str()));
    paths.extend(template.symlinks.iter().map(|one| one.path.as_str()));
    for program in &template.programs {
        paths.push(program.path.as_str());
        if let Applets::Paths(links) = &program.applets {
            paths.extend(links.iter().map(|link| link.as_str()));
        }
    }
    match first_double(paths.into_iter(), |path| *path) {
        Some(path) if ACCOUNT_FILES.contains(&path) => fail(format!(
            "{path} is made from [[user]] and [[group]] and cannot be given too"
        )),
        Some(path) => fail(format!("{path} is there twice")),
        None => Ok(()),
    }
}

fn first_double<T, K: Eq + Hash>(
    mut items: impl Iterator<Item = T>,
    key: impl Fn(&T) -> K,
) -> Option<T> {
    let mut seen = HashSet::new();
    items.find(|item| !seen.insert(key(item)))
}

fn fail<T>(text: String) -> Result<T, TemplateError> {
    Err(TemplateError::new(text))
}
