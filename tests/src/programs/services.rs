// SPDX-License-Identifier: MIT OR Apache-2.0

//! Well-known services from Debian's packages, each in a jail as its page in docs/services has it.
//!
//! The pages are followed command by command; then the service is used, from outside of the jail.

mod apache;
mod cron;
pub mod http;
mod nginx;
pub mod page;
mod postfix;
mod postgresql;
mod python;
mod redis;
mod sshd;
pub mod tree;

use jaula_tests::ktap::{Chosen, Suite};
use std::process::ExitCode;

pub fn main(chosen: &Chosen) -> ExitCode {
    if chosen.listed_below().is_none() {
        if let Err(failure) = tree::provide() {
            println!("Bail out! No tree with the services: {failure}");
            return ExitCode::FAILURE;
        }
    }
    let mut suite = Suite::new();
    nginx::add(&mut suite);
    postgresql::add(&mut suite);
    redis::add(&mut suite);
    apache::add(&mut suite);
    sshd::add(&mut suite);
    cron::add(&mut suite);
    python::add(&mut suite);
    postfix::add(&mut suite);
    suite.run(chosen)
}
