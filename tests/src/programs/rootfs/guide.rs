// SPDX-License-Identifier: MIT OR Apache-2.0

//! The sessions of the guide about roots, with what they print.

use super::place::host;
use jaula_tests::ktap::{skip, Context, Suite};
use jaula_tests::session::{self, part, steps};
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
        let part = part(GUIDE, PART[0], Some(PART[1]))?;
        let template = session::part(part, "```toml\n", Some("```"))?;
        host("mkdir -p /etc/jaula/templates")?;
        std::fs::write(TEMPLATE, template).context(TEMPLATE)?;
        let steps = steps(part);
        check!(steps.len() >= 6, "there are just {} commands", steps.len());
        for step in steps {
            let said = host(&format!("{} 2>&1 || true", step.typed))?;
            check_eq!(seen(&said), seen(&step.shown), "{}", step.typed);
        }
        drop(made);
        Ok(())
    });
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
