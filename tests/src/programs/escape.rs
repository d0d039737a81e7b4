// SPDX-License-Identifier: MIT OR Apache-2.0

//! Every way out of a jail that we know, tried as root in a jail and as an ordinary user in one:
//! none leads out. On a kernel where jaula is not enabled the same attacks do what Linux lets
//! them, so that what refuses them here is the jail.
//!
//! The last lines are a table: how many attacks were tried, and what became of them.

use jaula_tests::escape::services::Services;
use jaula_tests::escape::tally::Tally;
use jaula_tests::escape::{plan, trial};
use jaula_tests::ktap::{Chosen, Suite};
use std::process::ExitCode;

pub fn main(chosen: &Chosen) -> ExitCode {
    let tally = match Tally::new() {
        Ok(tally) => tally,
        Err(error) => {
            eprintln!("escape: cannot make a file to count attacks in: {error}");
            return ExitCode::FAILURE;
        }
    };
    let services = match Services::install() {
        Ok(services) => services,
        Err(failure) => {
            eprintln!("escape: cannot install what the kernel starts: {failure}");
            return ExitCode::FAILURE;
        }
    };
    let mut suite = Suite::new();
    for group in plan::groups() {
        let names = group
            .attacks
            .iter()
            .map(|attack| group.name(attack))
            .collect();
        let tally = &tally;
        suite.group(names, move |reporter| trial::run(&group, tally, reporter));
    }
    let code = suite.run(chosen);
    drop(services);
    if chosen.listed_below().is_some() {
        return code;
    }
    match tally.table() {
        Ok(table) => print!("{table}"),
        Err(error) => println!("# the attacks were not counted: {error}"),
    }
    code
}
