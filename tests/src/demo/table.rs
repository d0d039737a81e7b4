// SPDX-License-Identifier: MIT OR Apache-2.0

//! Showing what was seen.

use super::{Findings, Line};
use crate::sys::{Errno, Result as SysResult};
use std::io::IsTerminal;
use tabled::builder::Builder;
use tabled::settings::object::Cell;
use tabled::settings::{Color, Style};

/// Prints the table and the summary; whether everything was as it must be.
pub fn show(findings: &Findings) -> bool {
    println!("{}", table(findings, colourful()));
    let lines = &findings.lines;
    let count = |good: fn(&Line) -> bool| lines.iter().filter(|line| good(line)).count();
    let all = lines.len();
    println!();
    println!(
        "host → jail: {} of {all} refused",
        count(Line::host_kept_out)
    );
    println!(
        "jail → host: {} of {all} refused",
        count(Line::jail_kept_in)
    );
    println!(
        "same jail:   {} of {all} as on any Linux",
        count(Line::same_as_linux)
    );
    println!(
        "objects:     {} of {all} pairs unharmed",
        count(|line| line.unharmed)
    );
    lines.iter().all(Line::good)
}

/// Colour is for a terminal whose user has not said otherwise (<https://no-color.org>).
fn colourful() -> bool {
    std::io::stdout().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
}

fn table(findings: &Findings, colour: bool) -> String {
    let mut builder = Builder::default();
    builder.push_record(["path", "host → jail", "jail → host", "same jail"]);
    for line in &findings.lines {
        builder.push_record([
            line.path.name.to_owned(),
            word(line, line.host_to_jail),
            word(line, line.jail_to_host),
            word(line, line.same_jail),
        ]);
    }
    let mut table = builder.build();
    table.with(Style::psql());
    if colour {
        for (at, line) in findings.lines.iter().enumerate() {
            let verdicts = [
                line.host_kept_out(),
                line.jail_kept_in(),
                line.same_as_linux(),
            ];
            for (column, good) in verdicts.into_iter().enumerate() {
                let colour = if good { Color::FG_GREEN } else { Color::FG_RED };
                table.modify(Cell::new(at + 1, column + 1), colour);
            }
        }
    }
    table.to_string()
}

fn word(line: &Line, answer: SysResult<()>) -> String {
    let listing = line.path.crossing == Errno::ENOENT;
    match answer {
        Ok(()) if listing => "listed".to_owned(),
        Err(Errno::ENOENT) if listing => "not listed".to_owned(),
        Ok(()) => "ok".to_owned(),
        Err(errno) => errno.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sysv::PATHS;

    fn findings() -> Findings {
        let lines = PATHS
            .iter()
            .map(|path| Line {
                path,
                host_to_jail: Err(path.crossing),
                jail_to_host: Err(path.crossing),
                same_jail: path.root,
                unharmed: true,
            })
            .collect();
        Findings { jail: 1, lines }
    }

    #[test]
    fn what_was_refused_passes() {
        assert!(show(&findings()));
    }

    #[test]
    fn one_answer_that_crosses_fails() {
        for at in 0..PATHS.len() {
            let mut crossed = findings();
            crossed.lines[at].jail_to_host = Ok(());
            assert!(!show(&crossed), "{}", PATHS[at].name);
            let mut crossed = findings();
            crossed.lines[at].host_to_jail = Err(Errno::EEXIST);
            assert!(!show(&crossed), "{}", PATHS[at].name);
            let mut broken = findings();
            broken.lines[at].same_jail = Err(Errno::EACCES);
            assert!(!show(&broken), "{}", PATHS[at].name);
            let mut harmed = findings();
            harmed.lines[at].unharmed = false;
            assert!(!show(&harmed), "{}", PATHS[at].name);
        }
    }

    #[test]
    fn a_listing_says_what_it_shows() {
        let text = table(&findings(), false);
        let line = text.lines().find(|line| line.contains("/proc/sysvipc/sem"));
        let words: Vec<_> = line.unwrap_or_default().split('|').map(str::trim).collect();
        assert_eq!(
            words,
            ["/proc/sysvipc/sem", "not listed", "not listed", "listed"]
        );
    }

    #[test]
    fn colour_is_added_to_cells_alone() {
        assert!(!table(&findings(), false).contains('\u{1b}'));
        assert!(table(&findings(), true).contains('\u{1b}'));
    }
}
