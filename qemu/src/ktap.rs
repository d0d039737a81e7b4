// SPDX-License-Identifier: MIT OR Apache-2.0

//! Reading KTAP, version 1, line by line as it arrives
//! (Documentation/dev-tools/ktap.rst of the kernel).
//!
//! Our programs have no subtests: an indented line is a note.

/// How one test case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should.
    Passed,
    /// Not as it should; with what the program said about it.
    Failed(String),
    /// It could not be tried, for this reason.
    Skipped(String),
}

/// One test case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Its name.
    pub name: String,
    /// How it ended.
    pub verdict: Verdict,
}

impl Case {
    /// A case that failed.
    pub fn failed(name: &str, why: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            verdict: Verdict::Failed(why.into()),
        }
    }
}

/// Reads what one program prints.
///
/// What is missing counts as failed: a program without a plan, a planned case without a
/// result, a result that is out of order.
#[derive(Debug, Default)]
pub struct Reader {
    plan: Option<u32>,
    results: u32,
    bailed_out: bool,
    /// Notes since the last result.
    notes: Vec<String>,
}

impl Reader {
    /// Takes the next line; a case, where the line tells of one.
    pub fn line(&mut self, line: &str) -> Option<Case> {
        let line = line.trim_end();
        if let Some(plan) = parse_plan(line) {
            if self.plan.replace(plan).is_some() {
                return Some(Case::failed("plan", "a second plan was printed"));
            }
        } else if let Some(why) = line.strip_prefix("Bail out!") {
            self.bailed_out = true;
            return Some(Case::failed("bail_out", why.trim()));
        } else if let Some(result) = parse_result(line) {
            return Some(self.result(result));
        } else if !line.is_empty() && !line.starts_with("KTAP version") {
            let note = line.strip_prefix('#').unwrap_or(line);
            self.notes
                .push(note.strip_prefix(' ').unwrap_or(note).to_owned());
        }
        None
    }

    /// The program has ended; a case that failed, where that was too early or too late.
    pub fn end(self) -> Option<Case> {
        let why = match self.plan {
            _ if self.bailed_out => return None,
            None => "the program printed no plan".to_owned(),
            Some(0) => "no case was planned".to_owned(),
            Some(plan) if self.results == plan => return None,
            Some(plan) => format!("{plan} results were planned, {} came", self.results),
        };
        let said = self.notes.join("\n");
        Some(Case::failed(
            "complete",
            format!("{why}\n{said}").trim_end(),
        ))
    }

    fn result(&mut self, result: ResultLine) -> Case {
        let expected = self.results + 1;
        // What is missing is told of once, and not with each result that follows.
        self.results = result.number.unwrap_or(expected);
        let notes = std::mem::take(&mut self.notes).join("\n");
        let verdict = match (result.number == Some(expected), result.ok, result.skipped) {
            (false, _, _) => Verdict::Failed(format!(
                "result {} stands where {} should",
                result
                    .number
                    .map_or("without a number".to_owned(), |n| n.to_string()),
                expected
            )),
            (true, _, Some(why)) => Verdict::Skipped(why),
            (true, true, None) => Verdict::Passed,
            (true, false, None) => Verdict::Failed(notes),
        };
        Case {
            name: result.name,
            verdict,
        }
    }
}

struct ResultLine {
    ok: bool,
    number: Option<u32>,
    name: String,
    skipped: Option<String>,
}

fn parse_plan(text: &str) -> Option<u32> {
    text.strip_prefix("1..")?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

/// `ok 1 name`, `not ok 2 - name`, `ok 3 name # SKIP why`
fn parse_result(text: &str) -> Option<ResultLine> {
    let (ok, rest) = match text.strip_prefix("not ok") {
        Some(rest) => (false, rest),
        None => (true, text.strip_prefix("ok")?),
    };
    if !rest.is_empty() && !rest.starts_with(' ') {
        return None;
    }
    let (rest, directive) = rest.split_once('#').unwrap_or((rest, ""));
    let rest = rest.trim();
    let (number, name) = rest.split_once(' ').unwrap_or((rest, ""));
    let (number, name) = match number.parse() {
        Ok(number) => (Some(number), name),
        Err(_) => (None, rest),
    };
    let name = name.trim().trim_start_matches("- ");
    let directive = directive.trim();
    let skipped = directive
        .get(..4)
        .filter(|word| word.eq_ignore_ascii_case("skip"))
        .map(|_| directive[4..].trim().to_owned());
    Some(ResultLine {
        ok,
        number,
        name: if name.is_empty() {
            format!("case_{}", number.unwrap_or(0))
        } else {
            name.to_owned()
        },
        skipped,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Case> {
        let mut reader = Reader::default();
        let mut cases: Vec<_> = text.lines().filter_map(|line| reader.line(line)).collect();
        cases.extend(reader.end());
        cases
    }

    fn case(name: &str, verdict: Verdict) -> Case {
        Case {
            name: name.into(),
            verdict,
        }
    }

    #[test]
    fn every_kind_of_result_is_read() {
        let text = "KTAP version 1\n1..4\nok 1 first\n# got 1\n#   expected 2\nnot ok 2 - second\n\
                    ok 3 third # SKIP no such thing\nok 4\n";
        assert_eq!(
            read(text),
            [
                case("first", Verdict::Passed),
                case("second", Verdict::Failed("got 1\n  expected 2".into())),
                case("third", Verdict::Skipped("no such thing".into())),
                case("case_4", Verdict::Passed),
            ]
        );
    }

    #[test]
    fn a_result_is_known_as_soon_as_its_line_is() {
        let mut reader = Reader::default();
        assert_eq!(reader.line("1..2"), None);
        assert_eq!(reader.line("ok 1 a"), Some(case("a", Verdict::Passed)));
    }

    #[test]
    fn what_is_missing_or_too_much_is_a_failure() {
        for (text, why) in [
            ("", "no plan"),
            ("1..0\n", "no case was planned"),
            (
                "1..2\nok 1 a\n# died\n",
                "2 results were planned, 1 came\ndied",
            ),
            ("1..1\nok 1 a\nok 2 b\n", "1 results were planned, 2 came"),
        ] {
            let last = read(text).pop();
            let Some(Case {
                verdict: Verdict::Failed(said),
                ..
            }) = last
            else {
                panic!("{text}: {last:?}");
            };
            assert!(said.contains(why), "{said}");
        }
    }

    #[test]
    fn a_second_plan_fails() {
        let cases = read("1..2\nok 1 a\n1..1\n");
        assert_eq!(cases[1].name, "plan");
    }

    #[test]
    fn a_result_out_of_order_fails() {
        let cases = read("1..3\nok 2 a\nok 3 b\n");
        assert_eq!(cases[1], case("b", Verdict::Passed));
        assert!(
            matches!(&cases[0].verdict, Verdict::Failed(why) if why.contains("2 stands where 1")),
            "{cases:?}"
        );
    }

    #[test]
    fn bailing_out_is_one_failure() {
        let cases = read("Bail out! No root directory\n");
        assert_eq!(
            cases,
            [case(
                "bail_out",
                Verdict::Failed("No root directory".into())
            )]
        );
    }

    #[test]
    fn other_output_is_no_result() {
        let cases = read("1..1\nokay then\nnot okay\n  ok 1 indented\nok 1 a\n");
        assert_eq!(cases, [case("a", Verdict::Passed)]);
    }
}
