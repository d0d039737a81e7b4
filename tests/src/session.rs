// SPDX-License-Identifier: MIT OR Apache-2.0

//! Sessions in a document: what is typed in its `console` blocks, and what is printed then.
//!
//! A line with `# ` or `$ ` before it is typed; those after it with `> ` go on with it. Other lines are printed. In
//! these `...` stands for whatever varies: alone on a line for any number of lines, else for any text. A block that
//! begins with "```console fails" shows commands that fail.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::check;
use crate::ktap::{fail, CaseResult, Context, Failure};

/// What stands for whatever varies.
const VARIES: &str = "...";

/// Begins the line that tells how a command ended. No command prints it.
const MARK: &str = "\u{1}";

/// A command, and what it prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is typed.
    pub typed: String,
    /// What is printed, as the document has it.
    pub shown: String,
    /// Whether it fails.
    pub fails: bool,
}

/// What is looked at besides that each command ends as it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// What it prints.
    Output,
    /// Nothing.
    Status,
}

/// The part of a document between two texts; to its end where there is no second one.
///
/// # Errors
///
/// That the document has no such part.
pub fn part<'a>(document: &'a str, from: &str, to: Option<&str>) -> Result<&'a str, Failure> {
    let missing = || fail(format!("the document has no part from {from:?} to {to:?}"));
    let (_, rest) = document.split_once(from).ok_or_else(missing)?;
    match to {
        Some(to) => Ok(rest.split_once(to).ok_or_else(missing)?.0),
        None => Ok(rest),
    }
}

/// The sessions of a part, in order.
pub fn steps(part: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for block in part.split("```console").skip(1) {
        let block = block.split("```").next().unwrap_or_default();
        let (kind, lines) = block.split_once('\n').unwrap_or((block, ""));
        add(&mut steps, lines, kind.trim() == "fails");
    }
    steps
}

fn add(steps: &mut Vec<Step>, lines: &str, fails: bool) {
    let first = steps.len();
    for line in lines.lines() {
        let typed = line.strip_prefix("# ").or_else(|| line.strip_prefix("$ "));
        match (typed, steps[first..].last_mut()) {
            (Some(typed), _) => steps.push(Step {
                typed: typed.to_owned(),
                shown: String::new(),
                fails,
            }),
            (None, None) => {}
            (None, Some(step)) => match goes_on(line) {
                Some(more) if step.shown.is_empty() => {
                    step.typed.push('\n');
                    step.typed.push_str(more);
                }
                _ => {
                    step.shown.push_str(line);
                    step.shown.push('\n');
                }
            },
        }
    }
}

/// What goes on with a command; an empty line may have no blank after the sign.
fn goes_on(line: &str) -> Option<&str> {
    line.strip_prefix("> ")
        .or_else(|| line.strip_prefix('>').filter(|rest| rest.is_empty()))
}

/// Types all of it into one shell, in `place`, and stops at the first that ends or prints otherwise than it should.
///
/// # Errors
///
/// Which one, and what it printed.
pub fn follow(steps: &[Step], place: &Path, compare: Compare) -> CaseResult {
    check!(!steps.is_empty(), "there are no commands");
    let mut printed = tempfile().context("a file for what is printed")?;
    let script = steps.iter().enumerate().map(|(index, step)| {
        let goes_on = if step.fails { "-ne" } else { "-eq" };
        format!(
            "{}\n__status=$?; printf '\\n\\001%s %s\\n' {index} $__status; [ $__status {goes_on} 0 ] || exit 1\n",
            step.typed
        )
    });
    // A file, which whatever is left running may keep open.
    let mut shell = Command::new("/bin/sh");
    let shell = shell.arg("-c").arg(script.collect::<String>());
    let shell = shell.current_dir(place).stdin(Stdio::null());
    let errors = printed.try_clone().context("dup")?;
    let output = printed.try_clone().context("dup")?;
    shell
        .stdout(output)
        .stderr(errors)
        .status()
        .context("/bin/sh")?;
    let mut said = Vec::new();
    printed.rewind().context("rewind")?;
    printed.read_to_end(&mut said).context("read")?;
    let said = String::from_utf8_lossy(&said).into_owned();
    let mut rest = said.as_str();
    for (index, step) in steps.iter().enumerate() {
        let typed = &step.typed;
        let Some((own, after)) = rest.split_once(&format!("\n{MARK}{index} ")) else {
            return Err(fail(format!("{typed}: it did not come to an end: {rest}")));
        };
        let (status, after) = after.split_once('\n').unwrap_or((after, ""));
        rest = after;
        check!(
            (status == "0") != step.fails,
            "{typed}: exit status {status}: {own}"
        );
        check!(
            compare == Compare::Status || matches(&step.shown, own),
            "{typed}: expected:\n{}but it printed:\n{own}",
            step.shown
        );
    }
    Ok(())
}

/// One that only this process has. All that write to it append.
fn tempfile() -> std::io::Result<File> {
    let path = std::env::temp_dir().join(format!("session-{}", std::process::id()));
    let mut options = File::options();
    let file = options
        .read(true)
        .append(true)
        .create_new(true)
        .open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

/// Whether something was printed as it is shown.
pub fn matches(shown: &str, printed: &str) -> bool {
    let lines = |text: &'_ str| -> Vec<String> {
        let text = text.trim_end().lines();
        text.map(|line| line.trim_end().to_owned()).collect()
    };
    all_match(&lines(shown), &lines(printed), &|pattern, line| {
        let pieces: Vec<&str> = pattern.split(VARIES).collect();
        is_made_of(&pieces, line)
    })
}

fn all_match(shown: &[String], printed: &[String], fits: &dyn Fn(&str, &str) -> bool) -> bool {
    match (shown.split_first(), printed.split_first()) {
        (None, rest) => rest.is_none(),
        (Some((pattern, after)), _) if pattern.trim() == VARIES => {
            (0..=printed.len()).any(|skipped| all_match(after, &printed[skipped..], fits))
        }
        (Some(_), None) => false,
        (Some((pattern, after)), Some((line, rest))) => {
            fits(pattern, line) && all_match(after, rest, fits)
        }
    }
}

/// Whether a line has these pieces in this order, from its beginning to its end.
fn is_made_of(pieces: &[&str], line: &str) -> bool {
    let [first, middle @ .., last] = pieces else {
        return pieces.first().is_some_and(|only| *only == line);
    };
    let Some(mut rest) = line
        .strip_prefix(first)
        .and_then(|rest| rest.strip_suffix(last))
    else {
        return false;
    };
    for piece in middle {
        match rest.split_once(piece) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "text\n```console\n# echo a; \\\n> echo b\n>\na\nb\n$ id\nuid=...\n```\n\
                        ```sh\n# nothing\n```\n```console fails\n# false\n```\n";

    #[test]
    fn what_is_typed_and_what_is_printed() {
        let step = |typed: &str, shown: &str, fails| Step {
            typed: typed.into(),
            shown: shown.into(),
            fails,
        };
        let expected = [
            step("echo a; \\\necho b\n", "a\nb\n", false),
            step("id", "uid=...\n", false),
            step("false", "", true),
        ];
        assert_eq!(steps(PAGE), expected);
        assert_eq!(
            follow(&expected, Path::new("/"), Compare::Output).ok(),
            Some(())
        );
    }

    #[test]
    fn what_ends_otherwise_is_noticed() {
        for wrong in ["# false\n", "# echo a\nb\n", "# exit 0\n", "# echo a\n"] {
            let steps = steps(&format!("```console\n{wrong}```"));
            let done = follow(&steps, Path::new("/"), Compare::Output);
            assert!(done.is_err(), "{wrong}");
        }
        let steps = steps("```console fails\n# true\n```");
        assert!(follow(&steps, Path::new("/"), Compare::Status).is_err());
        assert!(follow(&[], Path::new("/"), Compare::Status).is_err());
    }

    #[test]
    fn what_varies_is_passed_over() {
        for (shown, printed) in [
            ("a\n...\nb\n", "a\nb\n"),
            ("a\n...\nb\n", "a\n1\n2\nb\n"),
            ("pid ... of ...\n", "pid 7 of me\n"),
            ("...end", "the end"),
        ] {
            assert!(matches(shown, printed), "{shown}");
        }
        for (shown, printed) in [
            ("a...b", "ab c"),
            ("...\nb", "a"),
            ("a", "a\nb"),
            ("a...a", "a"),
        ] {
            assert!(!matches(shown, printed), "{shown}");
        }
    }
}
