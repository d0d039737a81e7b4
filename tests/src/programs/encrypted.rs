// SPDX-License-Identifier: MIT OR Apache-2.0

//! Roots in encrypted volumes: nobody outside sees them, and nothing of them is left.

mod build;
mod ends;
mod header;
mod keys;
mod killed;
mod machine;
mod open;
mod refused;

use jaula_tests::ktap::{Chosen, Suite};
use std::process::ExitCode;

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    build::add(&mut suite);
    open::add(&mut suite);
    keys::add(&mut suite);
    refused::add(&mut suite);
    ends::add(&mut suite);
    killed::add(&mut suite);
    suite.run(chosen)
}
