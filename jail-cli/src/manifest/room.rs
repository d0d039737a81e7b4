// SPDX-License-Identifier: MIT OR Apache-2.0

//! How much a description may become by what stands in it for something else, or for several jails.

use toml::de::{DeTable, DeValue};

use super::sources::Value;

/// How much that is, in bytes: a file of a mebibyte could make terabytes otherwise.
const ALL: usize = 16 << 20;

/// What each value and key takes besides its text.
const EACH: usize = 16;

/// What is left of it.
#[derive(Debug)]
pub struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Room(ALL)
    }
}

impl Room {
    /// Takes so many bytes of it.
    ///
    /// # Errors
    ///
    /// Where there are fewer.
    pub fn take(&mut self, bytes: usize) -> Result<(), String> {
        let left = self.0.checked_sub(bytes);
        self.0 = left.ok_or_else(|| {
            format!("variables and defaults make more than {ALL} bytes of it together")
        })?;
        Ok(())
    }
}

/// How much a table takes.
pub fn size(table: &DeTable<'_>) -> usize {
    let entries = table
        .iter()
        .map(|(key, value)| EACH + key.get_ref().len() + size_of_value(value));
    entries.sum()
}

fn size_of_value(value: &Value<'_>) -> usize {
    EACH + match value.get_ref() {
        DeValue::String(text) => text.len(),
        DeValue::Array(array) => array.iter().map(size_of_value).sum(),
        DeValue::Table(table) => size(table),
        _ => 0,
    }
}
