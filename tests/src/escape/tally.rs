// SPDX-License-Identifier: MIT OR Apache-2.0

//! How many attacks there were, and what became of them.

use super::attack::Area;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use tabled::builder::Builder;
use tabled::settings::Style;

/// What became of an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was refused, or reached nobody.
    Refused,
    /// It succeeded.
    Succeeded,
}

/// What has been tried so far, told by all processes of the program: a byte for the area and one
/// for what became of it, each.
pub struct Tally {
    file: File,
}

impl Tally {
    /// An empty one.
    pub fn new() -> io::Result<Tally> {
        let path = std::env::temp_dir().join(format!("escape-tally-{}", std::process::id()));
        let file = File::options()
            .read(true)
            .append(true)
            .create_new(true)
            .open(&path)?;
        std::fs::remove_file(path)?;
        Ok(Tally { file })
    }

    /// Counts an attack.
    pub fn add(&self, area: Area, fate: Fate) -> io::Result<()> {
        (&self.file).write_all(&[area as u8, fate as u8])
    }

    /// The table: for each area how many attacks were tried, refused and successful.
    pub fn table(&self) -> io::Result<String> {
        let mut entries = Vec::new();
        (&self.file).rewind()?;
        (&self.file).read_to_end(&mut entries)?;
        Ok(table(&entries))
    }
}

fn table(entries: &[u8]) -> String {
    let mut builder = Builder::default();
    builder.push_record(["area", "attacks tried", "refused", "succeeded"]);
    let mut row = |name: String, wanted: &dyn Fn(u8) -> bool| {
        let count = |fate: Fate| {
            entries
                .chunks_exact(2)
                .filter(|entry| wanted(entry[0]) && entry[1] == fate as u8)
                .count()
        };
        let (refused, succeeded) = (count(Fate::Refused), count(Fate::Succeeded));
        builder.push_record([
            name,
            (refused + succeeded).to_string(),
            refused.to_string(),
            succeeded.to_string(),
        ]);
    };
    for area in Area::ALL {
        row(area.to_string(), &|entry| entry == area as u8);
    }
    row("all".into(), &|_| true);
    let mut lines = String::new();
    for line in builder.build().with(Style::psql()).to_string().lines() {
        // A diagnostic line of the report.
        let _ = writeln!(lines, "# {}", line.trim_end());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_counts_by_area_and_fate() {
        let keys = Area::Keys as u8;
        let entries = [
            [keys, Fate::Refused as u8],
            [keys, Fate::Refused as u8],
            [keys, Fate::Succeeded as u8],
            [Area::Proc as u8, Fate::Refused as u8],
        ]
        .concat();
        let table = table(&entries);
        let row = |name: &str| {
            let line = table
                .lines()
                .find(|line| line.trim_start_matches("# ").trim_start().starts_with(name));
            let cells: Vec<_> = line.unwrap_or_default().split('|').map(str::trim).collect();
            cells[1..].join(" ")
        };
        assert_eq!(row("keys"), "3 2 1");
        assert_eq!(row("proc"), "1 1 0");
        assert_eq!(row("signals"), "0 0 0");
        assert_eq!(row("all"), "4 3 1");
    }
}
