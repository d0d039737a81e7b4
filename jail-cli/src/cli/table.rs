// SPDX-License-Identifier: MIT OR Apache-2.0

//! Tables: aligned and with a header for a person at a terminal, one line with tabs for a program.

use std::io::{stdout, IsTerminal};
use std::time::Duration;

use jaula::text::shown;
use unicode_width::UnicodeWidthStr;

/// Rows under a header.
pub struct Table {
    header: Vec<&'static str>,
    /// The columns of numbers.
    right: Vec<usize>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns; one whose name begins with `>` is for numbers.
    pub fn new(columns: &[&'static str]) -> Self {
        let is_right = |(index, name): (usize, &&str)| name.starts_with('>').then_some(index);
        Table {
            header: columns
                .iter()
                .map(|name| name.trim_start_matches('>'))
                .collect(),
            right: columns.iter().enumerate().filter_map(is_right).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row. Control characters in it are escaped: they could come from within a jail.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells = cells.into_iter().map(|cell| shown(&cell).to_string());
        self.rows.push(cells.collect());
    }

    /// The text for standard output as it is.
    pub fn text(&self) -> String {
        if !stdout().is_terminal() {
            return self.lines();
        }
        let colour = std::env::var_os("NO_COLOR").is_none();
        let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        self.aligned(width, colour)
    }

    fn lines(&self) -> String {
        let line = |row: &Vec<String>| row.join("\t") + "\n";
        self.rows.iter().map(line).collect()
    }

    fn aligned(&self, width: Option<usize>, colour: bool) -> String {
        // What is empty looks as if the next column were this one.
        let shown = |row: &Vec<String>| -> Vec<String> {
            let cell = |cell: &String| if cell.is_empty() { "-" } else { cell }.to_owned();
            row.iter().map(cell).collect()
        };
        let header = self.header.iter().map(|name| (*name).to_owned()).collect();
        let rows: Vec<Vec<String>> = std::iter::once(header)
            .chain(self.rows.iter().map(shown))
            .collect();
        let width_of = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.width()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.header.len()).map(width_of).collect();
        let mut text = String::new();
        for (index, row) in rows.iter().enumerate() {
            let line = cut(self.line(row, &widths).trim_end(), width);
            match index == 0 && colour {
                true => text += &format!("\x1b[1m{line}\x1b[0m\n"),
                false => text += &format!("{line}\n"),
            }
        }
        text
    }

    /// The cells of a row, each as wide as its column.
    fn line(&self, row: &[String], widths: &[usize]) -> String {
        let cells = row.iter().zip(widths).enumerate();
        let cells = cells.map(|(column, (cell, width))| {
            let space = " ".repeat(width.saturating_sub(cell.width()));
            match self.right.contains(&column) {
                true => space + cell,
                false => cell.clone() + &space,
            }
        });
        cells.collect::<Vec<_>>().join("  ")
    }
}

fn cut(line: &str, width: Option<usize>) -> String {
    match width {
        Some(width) if line.chars().count() > width => {
            let kept: String = line.chars().take(width.saturating_sub(1)).collect();
            kept + "…"
        }
        _ => line.to_owned(),
    }
}

/// A length of time in at most two units.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m{}s", seconds % 60),
        (0, _, _) => format!("{hours}h{}m", minutes % 60),
        _ => format!("{days}d{}h", hours % 24),
    }
}

/// A number of bytes in the unit that suits it.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = number as f64;
    let mut unit = "B";
    for larger in UNITS {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    match unit {
        "B" => format!("{number} B"),
        _ => format!("{value:.1} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&[">NUMBER", "NAME", "COMMAND"]);
        table.row(["7".into(), "web".into(), "httpd\x1b[2J -f".into()]);
        table.row(["12".into(), String::new(), "sh".into()]);
        table
    }

    #[test]
    fn a_program_gets_tabs_and_no_header() {
        assert_eq!(table().lines(), "7\tweb\thttpd\\u{1b}[2J -f\n12\t\tsh\n");
    }

    #[test]
    fn a_person_gets_columns() {
        let expected =
            "NUMBER  NAME  COMMAND\n     7  web   httpd\\u{1b}[2J -f\n    12  -     sh\n";
        assert_eq!(table().aligned(None, false), expected);
    }

    #[test]
    fn what_is_too_wide_is_cut() {
        let text = table().aligned(Some(18), true);
        assert!(
            text.starts_with("\x1b[1mNUMBER  NAME  COM…\x1b[0m\n     7  web   htt…\n"),
            "{text}"
        );
    }

    #[test]
    fn quantities_are_short() {
        assert_eq!(duration(Duration::from_secs(59)), "59s");
        assert_eq!(duration(Duration::from_secs(61)), "1m1s");
        assert_eq!(duration(Duration::from_secs(7260)), "2h1m");
        assert_eq!(duration(Duration::from_secs(90_000)), "1d1h");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(64 << 20), "64.0 MiB");
    }
}
