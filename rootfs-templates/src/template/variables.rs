// SPDX-License-Identifier: MIT OR Apache-2.0

//! Variables of templates: `[variable.NAME]`, and what each stands for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use toml::de::DeValue;
use toml::Spanned;

use super::TemplateError;
use crate::expand::{expand, Wrong, BEGINNING, LITERAL, LONGEST};

/// Through how many others one may stand for something.
const DEEPEST: usize = 100;

/// How much all texts may become together, in bytes: a file of a mebibyte could make terabytes
/// otherwise.
const MOST: usize = 16 << 20;

/// `[variable.NAME]`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Declared {
    /// What it is for.
    pub description: Option<String>,
    /// What it stands for unless something else is given.
    pub default: Option<String>,
}

/// All of a template.
#[derive(Clone, Debug, Default)]
pub struct Variables(BTreeMap<String, Declared>);

impl Variables {
    pub(super) fn add(&mut self, declared: &BTreeMap<String, Declared>) {
        for (name, declared) in declared {
            let known = self.0.entry(name.clone()).or_default();
            if declared.description.is_some() {
                known.description.clone_from(&declared.description);
            }
            if declared.default.is_some() {
                known.default.clone_from(&declared.default);
            }
        }
    }

    /// Each by its name.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Declared)> {
        self.0.iter()
    }

    /// What each stands for with these settings.
    ///
    /// # Errors
    ///
    /// Where one is set that there is not, one stands for nothing, or one for itself.
    pub fn values(&self, settings: &Settings) -> Result<Values, TemplateError> {
        if let Some(name) = settings.keys().find(|name| !self.0.contains_key(*name)) {
            let known: Vec<&str> = self.0.keys().map(String::as_str).collect();
            let known = match known.is_empty() {
                true => "it has none".to_owned(),
                false => format!("there are: {}", known.join(", ")),
            };
            return Err(TemplateError::new(format!(
                "the template has no variable {name}; {known}"
            )));
        }
        let missing: Vec<String> = self
            .0
            .iter()
            .filter(|(name, declared)| declared.default.is_none() && !settings.contains_key(*name))
            .map(|(name, declared)| match &declared.description {
                Some(description) => format!("{name} ({description})"),
                None => name.clone(),
            })
            .collect();
        if !missing.is_empty() {
            return Err(TemplateError::new(format!(
                "the template needs a value for: {}; give it with --set NAME=VALUE",
                missing.join(", ")
            )));
        }
        let mut resolving = Resolving {
            variables: self,
            settings,
            path: Vec::new(),
            known: BTreeMap::new(),
            left: MOST,
        };
        for name in self.0.keys() {
            resolving.text_of(name)?;
        }
        Ok(Values(resolving.known))
    }
}

/// What somebody has given for variables: texts, in which nothing is replaced.
pub type Settings = BTreeMap<String, String>;

struct Resolving<'a> {
    variables: &'a Variables,
    settings: &'a Settings,
    /// From a name to one that it stands for, and so on.
    path: Vec<String>,
    /// What has been looked up: each is, once.
    known: BTreeMap<String, String>,
    left: usize,
}

impl Resolving<'_> {
    fn text_of(&mut self, name: &str) -> Result<String, TemplateError> {
        if let Some(text) = self.known.get(name) {
            return Ok(text.clone());
        }
        let text = match self.settings.get(name) {
            Some(text) if text.len() > LONGEST => return Err(about(name, &too_long())),
            Some(text) => text.clone(),
            None => self.default_of(name)?,
        };
        let left = self.left.checked_sub(name.len() + text.len());
        self.left = left.ok_or_else(|| about(name, &too_much()))?;
        self.known.insert(name.to_owned(), text.clone());
        Ok(text)
    }

    fn default_of(&mut self, name: &str) -> Result<String, TemplateError> {
        if self.path.iter().any(|on_path| on_path == name) {
            return Err(about(name, "it stands for itself"));
        }
        if self.path.len() >= DEEPEST {
            let what =
                format!("variables stand for each other through more than {DEEPEST} of them");
            return Err(about(name, &what));
        }
        let declared = self.variables.0.get(name);
        let text = declared.and_then(|declared| declared.default.as_deref());
        self.path.push(name.to_owned());
        let variables = self.variables;
        let mut of = |other: &str| match variables.0.contains_key(other) {
            true => self.text_of(other).map(Some),
            false => Ok(None),
        };
        let text = expand(text.unwrap_or_default(), &mut of).map_err(|wrong| match wrong {
            Wrong::Other(error) => error,
            wrong => about(name, &describe(&wrong)),
        })?;
        self.path.pop();
        Ok(text)
    }
}

fn about(name: &str, what: &str) -> TemplateError {
    TemplateError::new(format!("variable {name}: {what}"))
}

fn too_long() -> String {
    format!("it is longer than {LONGEST} bytes")
}

fn too_much() -> String {
    format!("variables make more than {MOST} bytes of it together")
}

fn describe<E>(wrong: &Wrong<E>) -> String {
    match wrong {
        Wrong::Unknown(name) => format!(
            "there is no variable {name}; name it in a table [variable.{name}], or write {LITERAL} for \
             {BEGINNING}"
        ),
        Wrong::NoName => format!(
            "{BEGINNING} begins the name of a variable, and a }} ends it; write {LITERAL} for {BEGINNING}"
        ),
        Wrong::TooLong | Wrong::Other(_) => too_long(),
    }
}

/// What each variable stands for.
#[derive(Clone, Debug, Default)]
pub struct Values(BTreeMap<String, String>);

impl Values {
    /// Each by its name.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &String)> {
        self.0.iter()
    }

    /// How much they may make of the texts of all templates together.
    pub(super) fn room() -> usize {
        MOST
    }

    /// Puts them into all texts of a value; else says where something is wrong, and what.
    pub(super) fn put_into(
        &self,
        value: &mut Spanned<DeValue<'_>>,
        room: &mut usize,
    ) -> Result<(), (usize, String)> {
        let at = value.span().start;
        match value.get_mut() {
            DeValue::String(text) if text.contains(BEGINNING) => {
                let mut of = |name: &str| Ok::<_, ()>(self.0.get(name).cloned());
                let put = expand(text, &mut of).map_err(|wrong| (at, describe(&wrong)))?;
                let left = room.checked_sub(put.len());
                *room = left.ok_or_else(|| (at, too_much()))?;
                *text = put.into();
                Ok(())
            }
            DeValue::Array(array) => array
                .iter_mut()
                .try_for_each(|item| self.put_into(item, room)),
            DeValue::Table(table) => table
                .iter_mut()
                // Keys are names, and no texts.
                .try_for_each(|(_, value)| self.put_into(value, room)),
            _ => Ok(()),
        }
    }
}
