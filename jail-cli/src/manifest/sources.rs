// SPDX-License-Identifier: MIT OR Apache-2.0

//! The texts that a description was read from, and where in them something stands.
//!
//! All of them share one row of offsets: that of a byte says in which file it is. So what has been
//! put together from several files can still be traced to where it was written.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};
use toml::Spanned;

use super::Invalid;
use crate::text::shown;

/// A value, with where it stands.
pub type Value<'t> = Spanned<DeValue<'t>>;

/// Where something stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// In which file; none where the text came from elsewhere.
    path: Option<PathBuf>,
    /// In which line, from 1.
    line: usize,
    /// At which character of that, from 1.
    column: usize,
}

impl Place {
    /// The file.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{}: ", shown(path))?;
        }
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// The texts.
#[derive(Debug, Default)]
pub struct Sources {
    all: Vec<Source>,
    end: usize,
}

#[derive(Debug)]
struct Source {
    path: Option<PathBuf>,
    text: String,
    base: usize,
}

impl Sources {
    /// Adds one, and reads the table that it is.
    ///
    /// # Errors
    ///
    /// Where it is no TOML; what is wrong.
    pub fn read<'t>(
        &mut self,
        path: Option<&Path>,
        text: &'t str,
    ) -> Result<DeTable<'t>, (Place, String)> {
        let base = self.end;
        // One more, for what is wrong at the end of a text.
        self.end += text.len() + 1;
        self.all.push(Source {
            path: path.map(Path::to_owned),
            text: text.to_owned(),
            base,
        });
        match DeTable::parse(text) {
            Ok(table) => Ok(moved(table.into_inner(), base)),
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                Err((self.place(base + at), error.message().to_owned()))
            }
        }
    }

    /// An error about what is there.
    pub fn invalid(&self, offset: usize, what: impl Into<String>) -> Invalid {
        Invalid::new(self.place(offset), what)
    }

    /// Where a byte is.
    pub fn place(&self, offset: usize) -> Place {
        let source = self.all.iter().rfind(|source| source.base <= offset);
        let Some(source) = source else {
            return Place::default();
        };
        let bytes = source.text.as_bytes();
        let before = &bytes[..(offset - source.base).min(bytes.len())];
        let line = before.split(|&byte| byte == b'\n').next_back();
        Place {
            path: source.path.clone(),
            line: 1 + before.iter().filter(|&&byte| byte == b'\n').count(),
            column: 1 + String::from_utf8_lossy(line.unwrap_or_default())
                .chars()
                .count(),
        }
    }

    /// What is written there.
    pub fn text(&self, span: Range<usize>) -> &str {
        let source = self.all.iter().rfind(|source| source.base <= span.start);
        source
            .and_then(|source| {
                let span = span.start - source.base..span.end.checked_sub(source.base)?;
                source.text.get(span)
            })
            .unwrap_or_default()
    }
}

/// The same, where it begins at `base` in the row of all.
fn moved(table: DeTable<'_>, base: usize) -> DeTable<'_> {
    let entries = table
        .into_iter()
        .map(|(key, value)| (moved_by(key, base), moved_value(value, base)));
    entries.collect()
}

fn moved_value(value: Value<'_>, base: usize) -> Value<'_> {
    let mut value = moved_by(value, base);
    match value.get_mut() {
        DeValue::Table(table) => *table = moved(std::mem::take(table), base),
        DeValue::Array(array) => {
            for item in array.iter_mut() {
                let nothing = Spanned::new(0..0, DeValue::Boolean(false));
                *item = moved_value(std::mem::replace(item, nothing), base);
            }
        }
        _ => {}
    }
    value
}

fn moved_by<T>(spanned: Spanned<T>, base: usize) -> Spanned<T> {
    let span = spanned.span();
    Spanned::new(span.start + base..span.end + base, spanned.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_in_the_text_that_it_is_in() {
        let mut sources = Sources::default();
        let first = "a = 1\n";
        let second = "# \u{e4}\nb = '\u{e4}' # c\n";
        let first = sources.read(Some("/first".as_ref()), first).expect("TOML");
        let second = sources
            .read(Some("/second".as_ref()), second)
            .expect("TOML");
        let place = |table: &DeTable<'_>, key: &str| {
            let value = table.get(key).expect(key);
            sources.place(value.span().start).to_string()
        };
        assert_eq!(place(&first, "a"), "/first: line 1, column 5");
        assert_eq!(place(&second, "b"), "/second: line 2, column 5");
        let span = second.get("b").expect("b").span();
        assert_eq!(sources.text(span), "'\u{e4}'");
        assert_eq!(
            sources.place(usize::MAX).to_string(),
            "/second: line 3, column 1"
        );
    }

    #[test]
    fn what_is_no_toml_is_located() {
        let mut sources = Sources::default();
        sources.read(None, "a = 1\n").expect("TOML");
        let (place, what) = sources.read(None, "\nb = \n").expect_err("no TOML");
        assert!(
            place.to_string().starts_with("line 2, column "),
            "{place}: {what}"
        );
    }
}
