// SPDX-License-Identifier: MIT OR Apache-2.0

//! Reading KTAP, version 1, as the kernel's documentation has it
//! (Documentation/dev-tools/ktap.rst).

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
    /// Its name, with those of the subtests it is in, joined by dots.
    pub name: String,
    /// How it ended.
    pub verdict: Verdict,
}

/// Reads what a test program has printed.
///
/// What is missing counts as failed: a program without a plan, a planned case without a
/// result, a result that is out of order.
pub fn parse(output: &str) -> Vec<Case> {
    let mut reader = Reader {
        cases: Vec::new(),
        notes: Vec::new(),
    };
    let lines: Vec<_> = output.lines().filter_map(Line::read).collect();
    let read = reader.level(&lines, 0, "");
    if read < lines.len() {
        reader.fail(
            "ktap",
            format!(
                "result lines after the end of the plan, from: {}",
                lines[read].text
            ),
        );
    }
    reader.cases
}

/// A line that is not blank, with its depth: two spaces a level.
struct Line<'a> {
    depth: usize,
    text: &'a str,
}

impl<'a> Line<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let text = line.trim_end().trim_start_matches(' ');
        let indent = line.len() - line.trim_start_matches(' ').len();
        (!text.is_empty()).then_some(Self {
            depth: indent / 2,
            text,
        })
    }
}

struct Reader {
    cases: Vec<Case>,
    /// Diagnostics since the last result.
    notes: Vec<String>,
}

impl Reader {
    fn fail(&mut self, name: &str, why: String) {
        self.cases.push(Case {
            name: name.to_owned(),
            verdict: Verdict::Failed(why),
        });
    }

    /// Reads the results of one depth; gives the number of lines read.
    fn level(&mut self, lines: &[Line], depth: usize, prefix: &str) -> usize {
        let mut plan = None;
        let mut results = 0;
        // Cases of a subtest, while its own result line has not come.
        let mut inner: Option<usize> = None;
        let mut at = 0;
        while at < lines.len() {
            let line = &lines[at];
            if line.depth < depth {
                break;
            }
            if line.depth > depth && line.text.starts_with("KTAP version") {
                let before = self.cases.len();
                let name = lines[at..]
                    .iter()
                    .find(|next| next.depth <= depth && is_result(next.text));
                let name = name
                    .and_then(|line| parse_result(line.text))
                    .map_or("subtest".to_owned(), |result| result.name);
                at += self.level(&lines[at..], line.depth, &format!("{prefix}{name}."));
                inner = Some(before);
                continue;
            }
            at += 1;
            if let Some(count) = parse_plan(line.text) {
                plan = Some(count);
            } else if let Some(why) = line.text.strip_prefix("Bail out!") {
                self.fail(&format!("{prefix}bail_out"), why.trim().to_owned());
            } else if let Some(result) = parse_result(line.text) {
                results += 1;
                self.result(result, results, prefix, inner.take());
            } else if !line.text.starts_with("KTAP version")
                && !line.text.starts_with("TAP version")
            {
                self.notes
                    .push(line.text.trim_start_matches("# ").to_owned());
            }
            if depth > 0 && plan.is_some_and(|plan| results >= plan) {
                break;
            }
        }
        self.complete(plan, results, prefix);
        at
    }

    fn result(&mut self, result: ResultLine, expected: u32, prefix: &str, inner: Option<usize>) {
        let notes = std::mem::take(&mut self.notes).join("\n");
        let verdict = match (result.number == Some(expected), result.ok, result.skipped) {
            (false, _, _) => Verdict::Failed(format!(
                "result {:?} stands where {expected} should",
                result.number
            )),
            (true, _, Some(why)) => Verdict::Skipped(why),
            (true, true, None) => Verdict::Passed,
            (true, false, None) => Verdict::Failed(notes),
        };
        // A subtest's cases speak for themselves, unless it failed and none of them did.
        if let Some(first) = inner {
            let explained = self.cases[first..]
                .iter()
                .any(|case| matches!(case.verdict, Verdict::Failed(_)));
            if self.cases.len() > first && (verdict == Verdict::Passed || explained) {
                return;
            }
        }
        self.cases.push(Case {
            name: format!("{prefix}{}", result.name),
            verdict,
        });
    }

    fn complete(&mut self, plan: Option<u32>, results: u32, prefix: &str) {
        let why = match plan {
            None => "the program printed no plan".to_owned(),
            Some(plan) if results < plan => format!("{plan} results were planned, {results} came"),
            Some(plan) if results > plan => format!("{plan} results were planned, {results} came"),
            Some(_) => return,
        };
        let said = std::mem::take(&mut self.notes).join("\n");
        self.fail(
            &format!("{prefix}complete"),
            format!("{why}\n{said}").trim_end().to_owned(),
        );
    }
}

struct ResultLine {
    ok: bool,
    number: Option<u32>,
    name: String,
    skipped: Option<String>,
}

fn is_result(text: &str) -> bool {
    text == "ok" || text.starts_with("ok ") || text == "not ok" || text.starts_with("not ok ")
}

fn parse_plan(text: &str) -> Option<u32> {
    text.strip_prefix("1..")?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

/// `ok|not ok NUMBER [- ]NAME [# SKIP|TODO|XFAIL|TIMEOUT|ERROR REASON]`
fn parse_result(text: &str) -> Option<ResultLine> {
    if !is_result(text) {
        return None;
    }
    let (ok, rest) = match text.strip_prefix("not ok") {
        Some(rest) => (false, rest),
        None => (true, text.strip_prefix("ok")?),
    };
    let (rest, directive) = match rest.split_once(" # ") {
        Some((rest, directive)) => (rest, Some(directive)),
        None => (rest, None),
    };
    let mut words = rest.trim().splitn(2, ' ');
    let number = words.next().and_then(|word| word.parse().ok());
    let name = words
        .next()
        .unwrap_or_default()
        .trim_start_matches("- ")
        .trim();
    let skipped = directive
        .and_then(|text| text.strip_prefix("SKIP"))
        .map(|why| why.trim().to_owned());
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

    fn verdicts(output: &str) -> Vec<(String, &'static str)> {
        parse(output)
            .into_iter()
            .map(|case| {
                let word = match case.verdict {
                    Verdict::Passed => "passed",
                    Verdict::Failed(_) => "failed",
                    Verdict::Skipped(_) => "skipped",
                };
                (case.name, word)
            })
            .collect()
    }

    fn expect(output: &str, wanted: &[(&str, &'static str)]) {
        let wanted: Vec<_> = wanted
            .iter()
            .map(|(name, word)| ((*name).to_owned(), *word))
            .collect();
        assert_eq!(verdicts(output), wanted, "{output}");
    }

    #[test]
    fn flat_results() {
        let output = "KTAP version 1\n1..3\nok 1 first\n# wanted EACCES, got 0\nnot ok 2 - second\nok 3 third # SKIP no CPU\n";
        expect(
            output,
            &[
                ("first", "passed"),
                ("second", "failed"),
                ("third", "skipped"),
            ],
        );
        assert_eq!(
            parse(output)[1].verdict,
            Verdict::Failed("wanted EACCES, got 0".into())
        );
        assert_eq!(parse(output)[2].verdict, Verdict::Skipped("no CPU".into()));
    }

    #[test]
    fn subtests_bear_both_names() {
        let output = "KTAP version 1\n1..2\n  KTAP version 1\n  1..2\n  ok 1 a\n  not ok 2 b\nnot ok 1 outer\nok 2 other\n";
        expect(
            output,
            &[
                ("outer.a", "passed"),
                ("outer.b", "failed"),
                ("other", "passed"),
            ],
        );
    }

    #[test]
    fn missing_plan_fails() {
        expect(
            "KTAP version 1\nok 1 a\n",
            &[("a", "passed"), ("complete", "failed")],
        );
        expect("", &[("complete", "failed")]);
        expect("Segmentation fault\n", &[("complete", "failed")]);
    }

    #[test]
    fn fewer_results_than_planned_fail() {
        let output = "KTAP version 1\n1..3\nok 1 a\nterminate: out of luck\n";
        expect(output, &[("a", "passed"), ("complete", "failed")]);
        assert!(
            matches!(&parse(output)[1].verdict, Verdict::Failed(why) if why.contains("3 results") && why.contains("luck"))
        );
    }

    #[test]
    fn more_results_than_planned_fail() {
        expect(
            "1..1\nok 1 a\nok 2 b\n",
            &[("a", "passed"), ("b", "passed"), ("complete", "failed")],
        );
    }

    #[test]
    fn results_out_of_order_fail() {
        expect(
            "1..2\nok 2 b\nok 1 a\n",
            &[("b", "failed"), ("a", "failed")],
        );
    }

    #[test]
    fn bail_out_fails() {
        expect(
            "1..1\nBail out! no /proc\nok 1 a\n",
            &[("bail_out", "failed"), ("a", "passed")],
        );
    }

    #[test]
    fn carriage_returns_do_not_matter() {
        expect("KTAP version 1\r\n1..1\r\nok 1 a\r\n", &[("a", "passed")]);
    }
}
