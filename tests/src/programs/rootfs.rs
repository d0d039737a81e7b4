// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula rootfs`: roots that are built from templates, run, and looked at.

mod bash;
mod broken;
mod force;
mod guide;
mod minimal;
mod place;
mod templates;

use jaula_tests::ktap::{Chosen, Suite};
use std::process::ExitCode;

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    minimal::add(&mut suite);
    bash::add(&mut suite);
    templates::add(&mut suite);
    broken::add(&mut suite);
    force::add(&mut suite);
    guide::add(&mut suite);
    suite.run(chosen)
}
