// SPDX-License-Identifier: MIT OR Apache-2.0

//! Texts that stand for others: `${NAME}`.

use std::collections::BTreeMap;

use jaula_rootfs::expand::{expand, is_name, BEGINNING, LITERAL, LONGEST};
use toml::de::{DeTable, DeValue};

use super::room::Room;
use super::sources::{Sources, Value};
use super::Invalid;

/// What each name stands for.
#[derive(Clone, Debug, Default)]
pub struct Variables(BTreeMap<String, String>);

/// Through how many others one may stand for something.
const DEEPEST: usize = 100;

impl Variables {
    /// These, with those of a file, which count more.
    ///
    /// # Errors
    ///
    /// Where one of the file is no text, has a name that cannot be used, stands for itself, or for more
    /// than `room` has.
    pub fn with(
        &self,
        of_file: Option<&Value<'_>>,
        sources: &Sources,
        room: &mut Room,
    ) -> Result<Self, Invalid> {
        let mut found = self.clone();
        let Some(value) = of_file else {
            return Ok(found);
        };
        let table = match value.get_ref() {
            DeValue::Table(table) => table,
            other => {
                let what = format!(
                    "variables: expected a table of texts, not {}",
                    other.type_str()
                );
                return Err(sources.invalid(value.span().start, what));
            }
        };
        let mut of_file = OfFile {
            table,
            outer: self,
            sources,
            room,
            path: Vec::new(),
            known: BTreeMap::new(),
        };
        for (name, value) in table {
            let key = name.get_ref();
            if !is_name(key) {
                let what = format!(
                    "{key:?} cannot be the name of a variable: expected letters, digits and \
                     underscores, not beginning with a digit"
                );
                return Err(sources.invalid(name.span().start, what));
            }
            of_file.text_of(key, value)?;
        }
        found.0.extend(of_file.known);
        Ok(found)
    }

    /// Puts what they stand for in place of them, in all texts of a value.
    ///
    /// # Errors
    ///
    /// Where one is not known, or they make more of it than `room` has.
    pub fn put_into(
        &self,
        value: &mut Value<'_>,
        sources: &Sources,
        room: &mut Room,
    ) -> Result<(), Invalid> {
        let start = value.span();
        match value.get_mut() {
            DeValue::String(text) if text.contains(BEGINNING) => {
                let mut of = |name: &str| Ok(self.0.get(name).cloned());
                let put = expand(text, &mut of);
                let put = put.map_err(|wrong| at(wrong, start.clone(), sources))?;
                room.take(put.len())
                    .map_err(|why| sources.invalid(start.start, why))?;
                *text = put.into();
                Ok(())
            }
            DeValue::Array(array) => array
                .iter_mut()
                .try_for_each(|item| self.put_into(item, sources, room)),
            DeValue::Table(table) => {
                let mut result = Ok(());
                // Keys are names, and no texts.
                for (_, value) in table.iter_mut() {
                    result = result.and_then(|()| self.put_into(value, sources, room));
                }
                result
            }
            _ => Ok(()),
        }
    }
}

/// Those of one file while they are looked up.
struct OfFile<'a, 't> {
    table: &'a DeTable<'t>,
    outer: &'a Variables,
    sources: &'a Sources,
    room: &'a mut Room,
    /// From a name to one that it stands for, and so on.
    path: Vec<String>,
    /// What has been looked up: each is, once.
    known: BTreeMap<String, String>,
}

impl OfFile<'_, '_> {
    fn text_of(&mut self, name: &str, value: &Value<'_>) -> Result<String, Invalid> {
        if let Some(text) = self.known.get(name) {
            return Ok(text.clone());
        }
        let DeValue::String(text) = value.get_ref() else {
            let what = format!("{name}: a variable stands for a text, in quotes");
            return Err(self.sources.invalid(value.span().start, what));
        };
        if self.path.iter().any(|on_path| on_path == name) {
            let what = format!("{name}: this variable stands for itself");
            return Err(self.sources.invalid(value.span().start, what));
        }
        if self.path.len() >= DEEPEST {
            let what = format!(
                "{name}: variables stand for each other through more than {DEEPEST} of them"
            );
            return Err(self.sources.invalid(value.span().start, what));
        }
        self.path.push(name.to_owned());
        let (table, outer, sources) = (self.table, self.outer, self.sources);
        let mut of = |name: &str| match table.get(name) {
            Some(value) => self.text_of(name, value).map(Some),
            None => Ok(outer.0.get(name).cloned()),
        };
        let text = expand(text, &mut of).map_err(|wrong| at(wrong, value.span(), sources))?;
        self.path.pop();
        let taken = self.room.take(name.len() + text.len());
        taken.map_err(|why| sources.invalid(value.span().start, why))?;
        self.known.insert(name.to_owned(), text.clone());
        Ok(text)
    }
}

/// What is wrong with a text.
type Wrong = jaula_rootfs::expand::Wrong<Invalid>;

/// What is wrong with the text that stands there.
fn at(wrong: Wrong, span: std::ops::Range<usize>, sources: &Sources) -> Invalid {
    let (begins, what) = match wrong {
        Wrong::Other(invalid) => return invalid,
        Wrong::Unknown(name) => (
            format!("{BEGINNING}{name}}}"),
            format!(
                "there is no variable {name}; name it in a table [variables], or write {LITERAL} \
                 for {BEGINNING}"
            ),
        ),
        Wrong::TooLong => (
            BEGINNING.to_owned(),
            format!("the variables in it make it longer than {LONGEST} bytes"),
        ),
        Wrong::NoName => (
            BEGINNING.to_owned(),
            format!(
                "{BEGINNING} begins the name of a variable, and a }} ends it; write {LITERAL} for \
                 {BEGINNING}"
            ),
        ),
    };
    // What is escaped may hide it; then the whole text is where it is.
    let within = sources.text(span.clone()).find(&begins).unwrap_or(0);
    sources.invalid(span.start + within, what)
}
