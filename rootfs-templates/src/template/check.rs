// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the parts of a template must hold together.

use std::collections::HashSet;
use std::hash::Hash;
use std::path::{Component, Path};

use super::schema::Template;
use super::{Applets, Mode, TemplateError};

/// The paths that `[[user]]` and `[[group]]` become.
pub const ACCOUNT_FILES: [&str; 2] = ["/etc/passwd", "/etc/group"];

/// Checks all that a single value cannot show.
pub fn check(template: &Template) -> Result<(), TemplateError> {
    check_accounts(template)?;
    check_owners(template)?;
    check_paths(template)?;
    check_modes(template)?;
    check_names(template)?;
    check_lists(template)?;
    check_debian(template)?;
    for file in &template.files {
        if file.content().is_none() {
            return fail(format!("file {} needs either content or source", file.path));
        }
    }
    for link in &template.symlinks {
        if link.target.is_empty() || link.target.contains('\0') {
            return fail(format!("symlink {} has no usable target", link.path));
        }
        if leads_out(link.path.as_str(), Path::new(&link.target)) {
            return fail(format!(
                "symlink {}: its target {:?} leads out of the root",
                link.path, link.target
            ));
        }
    }
    Ok(())
}

/// Whether what a link has in it goes up from the root of the path that it lies at. In the jail it
/// would stop there; from outside it leads elsewhere.
pub fn leads_out(link: &str, target: &Path) -> bool {
    if target.is_absolute() {
        return false;
    }
    let mut depth = link.split('/').filter(|part| !part.is_empty()).count();
    // The link's own name is no directory.
    depth = depth.saturating_sub(1);
    for component in target.components() {
        match component {
            Component::ParentDir if depth == 0 => return true,
            Component::ParentDir => depth -= 1,
            Component::Normal(_) => depth += 1,
            _ => {}
        }
    }
    false
}

fn check_modes(template: &Template) -> Result<(), TemplateError> {
    let refused = |path: &dyn std::fmt::Display, mode: Mode, hint: &str| {
        let mode = String::from(mode);
        fail(format!(
            "{path}: mode {mode:?} has set-user-ID or set-group-ID, which does nothing in a jail{hint}"
        ))
    };
    for directory in &template.directories {
        if directory.mode.sets_id() {
            return refused(&directory.path, directory.mode, "");
        }
    }
    for list in &template.directory_lists {
        if list.mode.sets_id() {
            return refused(&list.paths.0.join(" "), list.mode, "");
        }
    }
    let hint = "; it takes set_id = true";
    for file in &template.files {
        if file.mode.sets_id() && !file.set_id {
            return refused(&file.path, file.mode, hint);
        }
    }
    for program in &template.programs {
        if program.mode.sets_id() && !program.set_id {
            return refused(&program.path, program.mode, hint);
        }
    }
    Ok(())
}

/// Names of what the host has are parts of paths there.
fn check_names(template: &Template) -> Result<(), TemplateError> {
    let lists = template.locales.iter().chain(&template.terminals);
    let names = lists.flat_map(|list| &list.names.0);
    for name in names {
        if name.contains('/') || name.starts_with('.') || name.contains(char::is_control) {
            return fail(format!("{name:?} is no name of a locale or terminal"));
        }
    }
    for name in template.lists.iter().flat_map(|list| &list.names.0) {
        let is_path = name.starts_with('/') && super::JailPath::new(name).is_ok();
        let is_name = !name.contains('/') && !name.starts_with('.');
        if !is_path && !is_name || name.contains(char::is_control) {
            return fail(format!(
                "{name:?} is neither the name of a program nor an absolute path"
            ));
        }
    }
    Ok(())
}

/// A whole system has its own users and programs, and brings what they need.
fn check_debian(template: &Template) -> Result<(), TemplateError> {
    let Some(debian) = &template.debian else {
        return Ok(());
    };
    let others = [
        ("usr", template.usr.is_some()),
        ("without", !template.without.is_empty()),
        ("[[user]]", !template.users.is_empty()),
        ("[[group]]", !template.groups.is_empty()),
        ("[[account]]", !template.accounts.is_empty()),
        ("[[program]]", !template.programs.is_empty()),
        ("[[programs]]", !template.lists.is_empty()),
        ("[[copy]]", !template.copies.is_empty()),
        ("[[copies]]", !template.copy_lists.is_empty()),
        ("[[locale]]", !template.locales.is_empty()),
        ("[[terminfo]]", !template.terminals.is_empty()),
    ];
    if let Some((name, _)) = others.into_iter().find(|(_, is_there)| *is_there) {
        return fail(format!(
            "{name} does not go with [debian], which is a system of its own; name packages there"
        ));
    }
    let is_part =
        |character: char| character.is_ascii_alphanumeric() || "+-.:=~_/".contains(character);
    let single = [&debian.suite, &debian.variant];
    let all = single
        .into_iter()
        .chain(&debian.components.0)
        .chain(&debian.packages.0);
    for word in all {
        let begins = word.starts_with(|first: char| first.is_ascii_alphanumeric());
        if !begins || !word.chars().all(is_part) {
            return fail(format!("[debian]: {word:?} is no name of Debian's"));
        }
    }
    if debian
        .mirror
        .contains(|c: char| c.is_control() && c != '\n')
    {
        return fail("[debian]: mirror has a control character in it".to_owned());
    }
    // It would be an option of the builder.
    if let Some(line) = debian.mirrors().find(|line| line.starts_with('-')) {
        return fail(format!("[debian]: {line:?} is no mirror"));
    }
    Ok(())
}

/// Paths that stand in lists.
fn check_lists(template: &Template) -> Result<(), TemplateError> {
    let directories = template.directory_lists.iter().map(|list| &list.paths);
    let copies = template.copy_lists.iter().map(|list| &list.paths);
    for path in directories.chain(copies).flat_map(|paths| &paths.0) {
        super::JailPath::new(path).map_err(TemplateError::new)?;
    }
    for name in template.accounts.iter().flat_map(|list| &list.names.0) {
        if !is_account_name(name) {
            return fail(format!("{name:?} is no name of a user"));
        }
    }
    Ok(())
}

fn check_accounts(template: &Template) -> Result<(), TemplateError> {
    let users = template.users.iter().map(|user| (&user.name, user.uid.0));
    let groups = template
        .groups
        .iter()
        .map(|group| (&group.name, group.gid.0));
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

pub fn is_account_name(name: &str) -> bool {
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
        .map(|one| (one.path.to_string(), &one.owner, &one.group));
    let lists = template
        .directory_lists
        .iter()
        .map(|one| (one.paths.0.join(" "), &one.owner, &one.group));
    let files = template
        .files
        .iter()
        .map(|one| (one.path.to_string(), &one.owner, &one.group));
    // Who comes from the host is known when it is built.
    if !template.accounts.is_empty() {
        return Ok(());
    }
    for (path, owner, group) in directories.chain(lists).chain(files) {
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
    let accounts = [
        template.users.len(),
        template.groups.len(),
        template.accounts.len(),
    ];
    if accounts != [0; 3] {
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
    paths.extend(template.copies.iter().map(|one| one.target().as_str()));
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
