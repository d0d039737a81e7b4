// SPDX-License-Identifier: MIT OR Apache-2.0

//! Images that podman makes become roots, and roots become images that podman runs.

mod cached;
mod hostile;
mod made;
mod saved;
mod tree;

use jaula_tests::ktap::{Chosen, Suite};
use std::process::ExitCode;

pub fn main(chosen: &Chosen) -> ExitCode {
    if chosen.listed_below().is_none() {
        if let Err(failure) = made::provide() {
            println!("Bail out! No image: {failure}");
            return ExitCode::FAILURE;
        }
    }
    let mut suite = Suite::new();
    made::add(&mut suite);
    saved::add(&mut suite);
    cached::add(&mut suite);
    hostile::add(&mut suite);
    suite.run(chosen)
}
