// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula` as an administrator sees it: each step from within the jail, the exit status, the
//! messages, signals and the terminal.

mod console;
mod hostile;
mod inside;
mod pty;
mod refused;
mod signals;
mod status;
mod terminal;
mod users;

use jaula_tests::ktap::{Chosen, Suite};
use jaula_tests::launch::Root;
use std::process::ExitCode;

pub fn main(chosen: &Chosen) -> ExitCode {
    let root = match Root::new() {
        Ok(root) => root,
        Err(failure) => {
            println!("Bail out! No root directory for the jails: {failure}");
            return ExitCode::FAILURE;
        }
    };
    let mut suite = Suite::new();
    inside::add(&mut suite, &root);
    users::add(&mut suite, &root);
    status::add(&mut suite, &root);
    refused::add(&mut suite, &root);
    signals::add(&mut suite, &root);
    terminal::add(&mut suite);
    pty::add(&mut suite);
    console::add(&mut suite);
    hostile::add(&mut suite);
    suite.run(chosen)
}
