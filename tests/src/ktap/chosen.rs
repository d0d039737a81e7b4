// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which cases of a program are meant.

/// All cases of a program, or some of them.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    names: Vec<String>,
    /// They are to be named below this program, and not run.
    listed_below: Option<String>,
}

impl Chosen {
    /// The cases that these names mean; all where there are none. They are to be run.
    pub fn to_be_run(names: &[&str]) -> Self {
        Self {
            names: names.iter().map(|name| normal(name)).collect(),
            listed_below: None,
        }
    }

    /// The same, to be listed with the name of their program.
    pub fn to_be_listed(program: &str, names: &[&str]) -> Self {
        Self {
            listed_below: Some(program.to_owned()),
            ..Self::to_be_run(names)
        }
    }

    /// The program whose cases are to be listed, and not run.
    pub fn listed_below(&self) -> Option<&str> {
        self.listed_below.as_deref()
    }

    /// Of the program's cases those that are meant: a name means the case that is called so, or
    /// where there is none, those that have it in their names.
    ///
    /// # Errors
    ///
    /// The name that means no case.
    pub(super) fn among<'a>(&self, cases: &[&'a str]) -> Result<Vec<&'a str>, String> {
        if self.names.is_empty() {
            return Ok(cases.to_vec());
        }
        let mut meant = vec![false; cases.len()];
        for name in &self.names {
            let exactly: Vec<bool> = cases.iter().map(|case| normal(case) == *name).collect();
            let found = if exactly.contains(&true) {
                exactly
            } else {
                cases
                    .iter()
                    .map(|case| normal(case).contains(name))
                    .collect()
            };
            if !found.contains(&true) {
                return Err(name.clone());
            }
            for (meant, found) in meant.iter_mut().zip(found) {
                *meant |= found;
            }
        }
        let with_verdict = cases.iter().zip(meant);
        Ok(with_verdict
            .filter(|(_, meant)| *meant)
            .map(|(case, _)| *case)
            .collect())
    }
}

/// A name as the harness prints it: one word.
pub(super) fn normal(name: &str) -> String {
    super::print::plain(name).replace(' ', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASES: [&str; 3] = ["fork", "fork bombs", "a thread"];

    fn among(names: &[&str]) -> Result<Vec<&'static str>, String> {
        Chosen::to_be_run(names).among(&CASES)
    }

    #[test]
    fn without_names_all_are_meant() {
        assert_eq!(among(&[]), Ok(CASES.to_vec()));
    }

    #[test]
    fn a_name_means_its_case_or_what_it_is_part_of() {
        assert_eq!(among(&["fork"]), Ok(vec!["fork"]));
        assert_eq!(among(&["fork_bombs"]), Ok(vec!["fork bombs"]));
        assert_eq!(among(&["o"]), Ok(vec!["fork", "fork bombs"]));
        assert_eq!(among(&["thread", "fork"]), Ok(vec!["fork", "a thread"]));
    }

    #[test]
    fn a_name_that_means_nothing_is_told() {
        assert_eq!(among(&["fork", "vfork"]), Err("vfork".to_owned()));
    }
}
