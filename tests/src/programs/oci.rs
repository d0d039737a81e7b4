// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula oci`: the two halves of a launch, done by processes that know of each other only by what
//! lies in the state directory, under a stand-in for what engines watch containers with.

mod conmon;
mod ends;
mod gate;
mod life;
mod terminal;

use conmon::Bundle;
use jaula_tests::ktap::{Chosen, Suite};
use jaula_tests::launch::Root;
use std::process::ExitCode;

pub fn main(chosen: &Chosen) -> ExitCode {
    let root = match Root::new() {
        Ok(root) => root,
        Err(failure) => {
            println!("Bail out! No root directory for the containers: {failure}");
            return ExitCode::FAILURE;
        }
    };
    let mut suite = Suite::new();
    life::add(&mut suite, &root);
    gate::add(&mut suite, &root);
    ends::add(&mut suite, &root);
    terminal::add(&mut suite, &root);
    suite.run(chosen)
}

/// A container whose program is the probe, with these arguments.
fn probe(root: &Root, id: &str, arguments: &[&str]) -> Result<Bundle, jaula_tests::ktap::Failure> {
    let command = [&["/bin/probe"], arguments].concat();
    Bundle::new(root, id, &command, false)
}
