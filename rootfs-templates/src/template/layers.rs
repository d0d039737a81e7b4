// SPDX-License-Identifier: MIT OR Apache-2.0

//! The templates that one is made of: what it extends, what those extend, and it itself.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::de::{DeTable, DeValue, ValueDeserializer};
use toml::Spanned;

use super::library::{Found, Library, Origin};
use super::schema;
use super::variables::{Declared, Values, Variables};
use super::TemplateError;

/// What stands in a file beside what is in the root.
const EXTENDS: &str = "extends";
const VARIABLE: &str = "variable";

/// The most templates that one is made of, and how deep they may extend each other.
const MOST: usize = 64;
const DEEPEST: usize = 16;

/// A template that is one of several, and what of it is not about the root.
#[derive(Debug)]
pub struct Layer {
    found: Found,
    variables: BTreeMap<String, Declared>,
}

/// What a template extends.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "extends is the name of a template, or a list of names"
)]
enum Extends {
    One(String),
    Several(Vec<String>),
}

/// What is read first.
#[derive(Deserialize)]
struct Head {
    extends: Option<Extends>,
    #[serde(default)]
    variable: BTreeMap<String, Declared>,
}

/// All layers of a template, what is extended before what extends it.
#[derive(Debug, Default)]
pub struct Layers {
    all: Vec<Layer>,
    chain: Vec<String>,
}

impl Layers {
    /// Reads a template, and what it extends.
    ///
    /// # Errors
    ///
    /// What is wrong with one of them; with the chain where they go round in a circle.
    pub fn of(found: Found, library: &Library) -> Result<Self, TemplateError> {
        let mut layers = Layers::default();
        layers.add(found, library)?;
        Ok(layers)
    }

    fn add(&mut self, found: Found, library: &Library) -> Result<(), TemplateError> {
        let known = format!("{} ({})", found.name, found.origin);
        if self.chain.contains(&known) {
            let chain = self.chain.join(" extends ");
            return Err(TemplateError::new(format!(
                "templates extend each other in a circle: {chain} extends {known}"
            )));
        }
        if self.all.iter().any(|layer| is_same(&layer.found, &found)) {
            return Ok(());
        }
        if self.chain.len() >= DEEPEST || self.all.len() >= MOST {
            return Err(found.wrong(format!(
                "more than {DEEPEST} templates extend each other, or more than {MOST} make one"
            )));
        }
        let head: Head = toml::from_str(&found.text).map_err(|error| found.wrong(error))?;
        self.chain.push(known);
        let names = match head.extends {
            None => Vec::new(),
            Some(Extends::One(name)) => vec![name],
            Some(Extends::Several(names)) => names,
        };
        for name in names {
            let extended = library.extended(&name, &found);
            let extended = extended.map_err(|error| {
                let chain = self.chain.join(" extends ");
                TemplateError::new(format!("{chain} extends {name}: {error}"))
            })?;
            self.add(extended, library)?;
        }
        self.chain.pop();
        for name in head.variable.keys() {
            if !crate::expand::is_name(name) {
                return Err(found.wrong(format!(
                    "{name:?} cannot be the name of a variable: expected letters, digits and \
                     underscores, not beginning with a digit"
                )));
            }
        }
        self.all.push(Layer {
            found,
            variables: head.variable,
        });
        Ok(())
    }

    /// The variables of all of them; what extends says more than what is extended.
    pub fn variables(&self) -> Variables {
        let mut variables = Variables::default();
        for layer in &self.all {
            variables.add(&layer.variables);
        }
        variables
    }

    /// Puts them together.
    ///
    /// # Errors
    ///
    /// What is wrong with one of them, and where.
    pub fn merge(&self, values: &Values) -> Result<schema::Template, TemplateError> {
        let mut merged: Option<schema::Template> = None;
        let mut room = Values::room();
        for layer in &self.all {
            let template = layer.read(values, &mut room)?;
            match &mut merged {
                None => merged = Some(template),
                Some(merged) => merged.extend(template),
            }
        }
        merged.ok_or_else(|| TemplateError::new("there is no template"))
    }
}

fn is_same(one: &Found, other: &Found) -> bool {
    one.origin == other.origin && (one.origin != Origin::Builtin || one.name == other.name)
}

impl Layer {
    fn read(&self, values: &Values, room: &mut usize) -> Result<schema::Template, TemplateError> {
        let text = &self.found.text;
        let table = DeTable::parse(text).map_err(|error| self.found.wrong(error))?;
        let span = table.span();
        let mut table = table.into_inner();
        table.remove(EXTENDS);
        table.remove(VARIABLE);
        let mut value = Spanned::new(span, DeValue::Table(table));
        values
            .put_into(&mut value, room)
            .map_err(|(at, what)| self.wrong(at, &what))?;
        let template = schema::Template::deserialize(ValueDeserializer::from(value));
        let mut template = template.map_err(|error| match error.span() {
            Some(span) => self.wrong(span.start, error.message()),
            None => self.found.wrong(error.message()),
        })?;
        if let Some(base) = self.found.base() {
            let base = std::path::absolute(base).map_err(|error| self.found.wrong(error))?;
            template.begin_paths_at(&base);
        }
        Ok(template)
    }

    fn wrong(&self, at: usize, what: &str) -> TemplateError {
        let before = self.found.text.get(..at).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        self.found
            .wrong(format!("line {line}, column {column}: {what}"))
    }
}
