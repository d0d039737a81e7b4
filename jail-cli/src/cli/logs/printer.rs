// SPDX-License-Identifier: MIT OR Apache-2.0

//! How a log is printed: as it is, or escaped, or with times.

use std::io::{self, Write};

use jaula::text::shown_text;

use super::letters::Letters;
use super::time;

/// What prints a log.
pub struct Printer<W> {
    out: W,
    /// Where control characters are to be escaped.
    letters: Option<Letters>,
    timestamps: bool,
    is_within_line: bool,
}

impl<W: Write> Printer<W> {
    /// To `out`, with control characters escaped and with times where that is asked for.
    pub fn new(out: W, escape: bool, timestamps: bool) -> Self {
        Printer {
            out,
            letters: escape.then(Letters::default),
            timestamps,
            is_within_line: false,
        }
    }

    /// Prints what was read; `time_of` knows when the byte was printed that is so many bytes before
    /// the end of it.
    pub fn print(
        &mut self,
        bytes: &[u8],
        mut time_of: impl FnMut(u64) -> Option<u64>,
    ) -> io::Result<()> {
        let Some(last) = bytes.last() else {
            return Ok(());
        };
        let mut made = Vec::with_capacity(bytes.len());
        if self.timestamps {
            let mut left = bytes.len();
            for line in bytes.split_inclusive(|byte| *byte == b'\n') {
                if !self.is_within_line {
                    let text = time_of(left as u64).map_or_else(time::unknown, time::text);
                    made.extend_from_slice(text.as_bytes());
                    made.push(b' ');
                }
                self.add(&mut made, line);
                self.is_within_line = !line.ends_with(b"\n");
                left -= line.len();
            }
        } else {
            self.add(&mut made, bytes);
            self.is_within_line = *last != b'\n';
        }
        self.put(&made)
    }

    /// Ends a line that has no end, where bytes are missing: what comes is not its end.
    pub fn break_line(&mut self) -> io::Result<()> {
        let mut made = self.rest();
        if std::mem::take(&mut self.is_within_line) {
            made.push(b'\n');
        }
        self.put(&made)
    }

    /// Prints what is left.
    pub fn finish(&mut self) -> io::Result<()> {
        let rest = self.rest();
        self.put(&rest)
    }

    fn rest(&mut self) -> Vec<u8> {
        let rest = self.letters.as_mut().map(Letters::finish);
        rest.unwrap_or_default().as_bytes().to_vec()
    }

    fn add(&mut self, made: &mut Vec<u8>, bytes: &[u8]) {
        match &mut self.letters {
            Some(letters) => made.extend_from_slice(shown_text(&letters.decode(bytes)).as_bytes()),
            None => made.extend_from_slice(bytes),
        }
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(
        escape: bool,
        timestamps: bool,
        work: impl Fn(&mut Printer<&mut Vec<u8>>),
    ) -> String {
        let mut out = Vec::new();
        let mut printer = Printer::new(&mut out, escape, timestamps);
        work(&mut printer);
        printer.finish().expect("printed");
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn control_characters_are_escaped_where_that_is_asked_for() {
        let work = |printer: &mut Printer<&mut Vec<u8>>| {
            printer.print(b"\x1b[2J\xc3", |_| None).expect("printed");
            printer.print(b"\xa9\n\xc3", |_| None).expect("printed");
        };
        assert_eq!(printed(true, false, work), "\\u{1b}[2Jé\n\u{fffd}");
        assert_eq!(printed(false, false, work), "\u{1b}[2Jé\n\u{fffd}");
    }

    #[test]
    fn what_is_missing_joins_nothing() {
        let work = |printer: &mut Printer<&mut Vec<u8>>| {
            printer.print(b"begun\xc3", |_| None).expect("printed");
            printer.break_line().expect("printed");
            printer.print(b"other\n", |_| None).expect("printed");
            printer.break_line().expect("printed");
        };
        assert_eq!(printed(true, false, work), "begun\u{fffd}\nother\n");
    }

    #[test]
    fn each_line_has_the_time_of_its_beginning() {
        let work = |printer: &mut Printer<&mut Vec<u8>>| {
            printer
                .print(b"a\nb", |back| (back == 3).then_some(0))
                .expect("printed");
            printer
                .print(b"b\nc\n", |back| (back == 2).then_some(1))
                .expect("printed");
        };
        let (first, second) = (time::text(0), time::text(1));
        let none = time::unknown();
        assert_eq!(
            printed(false, true, work),
            format!("{first} a\n{none} bb\n{second} c\n")
        );
    }
}
