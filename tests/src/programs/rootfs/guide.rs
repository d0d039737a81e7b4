// SPDX-License-Identifier: MIT OR Apache-2.0

//! The sessions of the guide about roots, with what they print.

use super::place::host;
use jaula_tests::ktap::{fail, skip, Context, Failure, Suite};
use jaula_tests::{check, check_eq};
use std::path::Path;

const GUIDE: &str = include_str!("../../../../docs/guide.md");
/// Where they begin and end.
const PART: [&str; 2] = ["## Making a jail root", "## A root for one program"];

/// The template that it shows, and where it has it.
const TEMPLATE: &str = "/etc/jaula/templates/web.toml";

/// What the sessions make.
const MADE: &str = "rm -rf /srv/box /srv/web /etc/jaula/templates /var/lib/jaula/roots";

struct Made;

impl Drop for Made {
    fn drop(&mut self) {
        let _ = host(MADE);
    }
}

pub fn add(suite: &mut Suite<'_>) {
    suite.case("the guide's sessions about roots run as printed", || {
        if !Path::new("/usr/bin/bash").exists() {
            return Err(skip("this machine has no bash"));
        }
        let made = Made;
        let template = part()?.split_once("```toml\n");
        let template = template.and_then(|(_, rest)| rest.split_once("```"));
        let (template, _) = template.ok_or_else(|| fail("the guide shows no template"))?;
        host("mkdir -p /etc/jaula/templates")?;
        std::fs::write(TEMPLATE, template).context(TEMPLATE)?;
        let mut commands = 0;
        for (command, printed) in sessions()? {
            commands += 1;
            let said = host(&format!("{command} 2>&1 || true"))?;
            check_eq!(seen(&said), seen(&printed), "{command}");
        }
        check!(commands >= 6, "there are just {commands} commands");
        drop(made);
        Ok(())
    });
}

fn part() -> Result<&'static str, Failure> {
    let missing = || fail("the guide has no such part");
    let (_, rest) = GUIDE.split_once(PART[0]).ok_or_else(missing)?;
    let (part, _) = rest.split_once(PART[1]).ok_or_else(missing)?;
    Ok(part)
}

/// What is typed, and what is then printed.
fn sessions() -> Result<Vec<(String, String)>, Failure> {
    let mut found: Vec<(String, String)> = Vec::new();
    for block in part()?.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap_or_default();
        for line in block.lines() {
            match (line.strip_prefix("# "), found.last_mut()) {
                (Some(command), _) => found.push((command.to_owned(), String::new())),
                (None, Some((_, printed))) => {
                    printed.push_str(line);
                    printed.push('\n');
                }
                (None, None) => return Err(fail(format!("{line:?} comes before a command"))),
            }
        }
    }
    Ok(found)
}

/// The words of it, without what is another on another machine: numbers, and digests.
fn seen(text: &str) -> Vec<String> {
    let words = text.split_whitespace();
    let word = |word: &str| match word.strip_prefix("sha256:") {
        Some(_) => "sha256:".to_owned(),
        None => word
            .chars()
            .map(|c| if c.is_ascii_digit() { 'N' } else { c })
            .collect(),
    };
    let mut words: Vec<String> = words.map(word).collect();
    for word in &mut words {
        while word.contains("NN") {
            *word = word.replace("NN", "N");
        }
    }
    words
}
