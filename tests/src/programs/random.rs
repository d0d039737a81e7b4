// SPDX-License-Identifier: MIT OR Apache-2.0

//! Two thousand random sequences by processes in several jails, in each other and side by side:
//! jails made, entered and ended, objects, sockets, queues and signals across all walls, each
//! step compared with a small model.
//!
//! The seeds are the same each time, unless `JAULA_SEED` is `new`, and a failure tells its own:
//! `JAULA_SEED=N` runs the sequence of that seed first, and then those of the seeds after it.

use jaula_tests::ktap::{CaseResult, Chosen, Suite};
use jaula_tests::random::{seed, sequence};
use jaula_tests::rounds::rounds;
use std::process::ExitCode;

/// How many sequences there are in a case.
const IN_CASE: usize = 100;
const CASES: usize = 20;

pub fn main(chosen: &Chosen) -> ExitCode {
    let first = match seed::first() {
        Ok(first) => first,
        Err(message) => {
            eprintln!("random: {message}");
            return ExitCode::FAILURE;
        }
    };
    if chosen.listed_below().is_none() {
        println!("# {}={first}", seed::VARIABLE);
    }
    let mut suite = Suite::new();
    for case in 0..CASES {
        let begin = first.wrapping_add((case * IN_CASE) as u64);
        suite.case(
            &format!("sequences, part {} of {CASES}", case + 1),
            move || part(begin),
        );
    }
    suite.run(chosen)
}

fn part(begin: u64) -> CaseResult {
    sequence::prepare()?;
    // Twice: each round is a sequence of many processes.
    for at in 0..rounds(rounds(IN_CASE)) {
        let seed = begin.wrapping_add(at as u64);
        sequence::run(seed)?;
    }
    Ok(())
}
