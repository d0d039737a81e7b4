// SPDX-License-Identifier: MIT OR Apache-2.0

//! From a file, and those that it includes, to the jails that they describe.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::de::{DeTable, DeValue, ValueDeserializer};
use toml::Spanned;

use super::read::{self, Text, Trust};
use super::room::{self, Room};
use super::sources::{Place, Sources, Value};
use super::variables::Variables;
use super::{Description, Invalid};
use crate::jails::JailName;
use crate::root::Identity;
use crate::text::shown;

/// What can stand in a file beside tables of jails.
const JAIL: &str = "jail";
const DEFAULTS: &str = "defaults";
const VARIABLES: &str = "variables";
const INCLUDE: &str = "include";

/// The most files that one may be made of, how deep they may lie in one another, and the most jails.
const MOST_FILES: usize = 1000;
const DEEPEST: usize = 32;
pub const MOST_JAILS: usize = 1000;

/// What holds for the jails of a file: what including files have said, and it itself.
#[derive(Clone, Default)]
struct Scope<'t> {
    variables: Variables,
    defaults: DeTable<'t>,
    /// How much those are.
    size: usize,
}

/// Jails, as far as they have been read.
pub struct Loader {
    pub jails: BTreeMap<JailName, Description>,
    sources: Sources,
    trust: Trust,
    room: Room,
    /// Each that has been read, and where it was included.
    files: Vec<(Identity, Option<Place>)>,
    /// The file that is read now, after those that include it.
    chain: Vec<Identity>,
    /// Whether something is included, where there may be no jails so far.
    pub includes: bool,
}

impl Loader {
    /// Whoever has to have written what is included.
    pub fn new(trust: Trust) -> Self {
        Loader {
            jails: BTreeMap::new(),
            sources: Sources::default(),
            trust,
            room: Room::default(),
            files: Vec::new(),
            chain: Vec::new(),
            includes: false,
        }
    }

    /// Reads a file, and what it includes.
    ///
    /// # Errors
    ///
    /// What is wrong, and where.
    pub fn file(&mut self, text: &Text) -> Result<(), Invalid> {
        self.included(text, None, &Scope::default())
    }

    /// Reads a text that is in no file.
    ///
    /// # Errors
    ///
    /// As [`Loader::file`].
    pub fn text(&mut self, text: &str, directory: &Path) -> Result<(), Invalid> {
        self.tables(None, text, directory, &Scope::default())
    }

    fn included(
        &mut self,
        text: &Text,
        by: Option<Place>,
        scope: &Scope<'_>,
    ) -> Result<(), Invalid> {
        let found = self.files.iter();
        let before = found
            .clone()
            .find(|(identity, _)| *identity == text.identity);
        if let (Some((_, first)), Some(by)) = (before, &by) {
            let path = shown(&text.path);
            let what = match (self.chain.contains(&text.identity), first) {
                (true, None) => format!("includes {path}, with which it all begins: a circle"),
                (true, Some(first)) => {
                    format!(
                        "includes {path}, in which it is itself included: a circle; see {first}"
                    )
                }
                (false, Some(first)) => {
                    format!("includes {path}, which is included already: {first}")
                }
                (false, None) => format!("includes {path}, which was read already"),
            };
            return Err(Invalid::new(by.clone(), what));
        }
        if let (true, Some(by)) = (self.files.len() >= MOST_FILES, &by) {
            let what = format!("includes more than {MOST_FILES} files, with those before it");
            return Err(Invalid::new(by.clone(), what));
        }
        if let (true, Some(by)) = (self.chain.len() >= DEEPEST, &by) {
            let what = format!("files include each other more than {DEEPEST} deep");
            return Err(Invalid::new(by.clone(), what));
        }
        self.files.push((text.identity, by));
        self.chain.push(text.identity);
        self.tables(Some(&text.path), &text.text, &text.directory, scope)?;
        self.chain.pop();
        Ok(())
    }

    fn tables(
        &mut self,
        path: Option<&Path>,
        text: &str,
        directory: &Path,
        outer: &Scope<'_>,
    ) -> Result<(), Invalid> {
        let table = self.sources.read(path, text);
        let mut table = table.map_err(|(place, what)| Invalid::new(place, what))?;
        let known = [JAIL, DEFAULTS, VARIABLES, INCLUDE];
        if let Some(key) = table
            .keys()
            .find(|key| !known.contains(&key.get_ref().as_ref()))
        {
            let what = format!(
                "unknown key {:?}; expected tables such as [{JAIL}.NAME], [{DEFAULTS}], \
                 [{VARIABLES}], or {INCLUDE}",
                key.get_ref()
            );
            return Err(self.sources.invalid(key.span().start, what));
        }
        let of_file = table.get(VARIABLES);
        let variables = outer
            .variables
            .with(of_file, &self.sources, &mut self.room)?;
        for key in [JAIL, DEFAULTS, INCLUDE] {
            if let Some(value) = table.get_mut(key) {
                variables.put_into(value, &self.sources, &mut self.room)?;
            }
        }
        let mut defaults = self.table_of(table.remove(DEFAULTS), DEFAULTS)?;
        complete(&mut defaults, &outer.defaults);
        let scope = Scope {
            variables,
            size: room::size(&defaults),
            defaults,
        };
        for (name, value) in self.table_of(table.remove(JAIL), JAIL)? {
            self.jail(name, value, directory, &scope)?;
        }
        if let Some(include) = table.remove(INCLUDE) {
            self.includes = true;
            self.include(include, directory, &scope)?;
        }
        Ok(())
    }

    fn table_of<'t>(&self, value: Option<Value<'t>>, what: &str) -> Result<DeTable<'t>, Invalid> {
        let Some(value) = value else {
            return Ok(DeTable::new());
        };
        let start = value.span().start;
        match value.into_inner() {
            DeValue::Table(table) => Ok(table),
            other => {
                let what = format!("{what}: expected a table, not {}", other.type_str());
                Err(self.sources.invalid(start, what))
            }
        }
    }

    fn jail(
        &mut self,
        name: Spanned<toml::de::DeString<'_>>,
        value: Value<'_>,
        directory: &Path,
        scope: &Scope<'_>,
    ) -> Result<(), Invalid> {
        let place = self.sources.place(name.span().start);
        let name: JailName = name
            .get_ref()
            .parse()
            .map_err(|why| Invalid::new(place.clone(), why))?;
        if let Some(first) = self.jails.get(&name) {
            let what = format!("jail.{name}: is described already: {}", first.place);
            return Err(Invalid::new(place, what));
        }
        if self.jails.len() >= MOST_JAILS {
            let what = format!(
                "jail.{name}: there are more than {MOST_JAILS} jails, with those before it"
            );
            return Err(Invalid::new(place, what));
        }
        let span = value.span();
        let mut table = self.table_of(Some(value), &format!("jail.{name}"))?;
        let taken = self.room.take(scope.size);
        taken.map_err(|why| Invalid::new(place.clone(), format!("jail.{name}: {why}")))?;
        complete(&mut table, &scope.defaults);
        let value = Spanned::new(span.clone(), DeValue::Table(table));
        let description = Description::deserialize(ValueDeserializer::from(value));
        let mut description = description.map_err(|error| {
            let at = error.span().unwrap_or(span).start;
            let what = format!("jail.{name}: {}", error.message());
            self.sources.invalid(at, what)
        })?;
        description.directory = directory.to_owned();
        description.place = place;
        let checked = description.check();
        checked.map_err(|why| {
            Invalid::new(description.place.clone(), format!("jail.{name}: {why}"))
        })?;
        self.jails.insert(name, description);
        Ok(())
    }

    fn include(
        &mut self,
        value: Value<'_>,
        directory: &Path,
        scope: &Scope<'_>,
    ) -> Result<(), Invalid> {
        let expected = "include: expected a list of files and directories";
        let DeValue::Array(array) = value.get_ref() else {
            return Err(self.sources.invalid(value.span().start, expected));
        };
        for item in array.iter() {
            let start = item.span().start;
            let DeValue::String(named) = item.get_ref() else {
                return Err(self.sources.invalid(start, expected));
            };
            let place = self.sources.place(start);
            let path = directory.join(named.as_ref());
            let failed = |path: &Path, why: String| {
                let what = format!("includes {}", read::about(path, &why));
                Invalid::new(place.clone(), what)
            };
            let files: Vec<PathBuf> = match read::is_directory(&path) {
                true => read::listed(&path, self.trust).map_err(|why| failed(&path, why))?,
                false => vec![path],
            };
            for file in files {
                let text = read::included(&file, self.trust);
                let text = text.map_err(|why| failed(&file, why))?;
                self.included(&text, Some(place.clone()), scope)?;
            }
        }
        Ok(())
    }
}

/// Adds what a table has no key for; tables in it are completed in the same way.
fn complete<'t>(table: &mut DeTable<'t>, defaults: &DeTable<'t>) {
    for (key, default) in defaults {
        match table.get_mut(key.get_ref().as_ref()) {
            None => drop(table.insert(key.clone(), default.clone())),
            Some(value) => {
                if let (DeValue::Table(own), DeValue::Table(default)) =
                    (value.get_mut(), default.get_ref())
                {
                    complete(own, default);
                }
            }
        }
    }
}
