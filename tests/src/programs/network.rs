// SPDX-License-Identifier: MIT OR Apache-2.0

//! Networks of jails: who reaches whom, by which names and addresses, and that nothing of them is left.

pub mod addresses;
mod connected;
mod dhcp;
mod ends;
mod guide;
mod killed;
pub mod place;
mod rate;
mod refused;

use jaula_tests::ktap::{Chosen, Suite};
use std::process::ExitCode;

pub fn main(chosen: &Chosen) -> ExitCode {
    if let Err(failure) = place::prepare() {
        println!("Bail out! No root for the jails: {failure}");
        return ExitCode::FAILURE;
    }
    let mut suite = Suite::new();
    connected::add(&mut suite);
    addresses::add(&mut suite);
    dhcp::add(&mut suite);
    rate::add(&mut suite);
    ends::add(&mut suite);
    refused::add(&mut suite);
    killed::add(&mut suite);
    guide::add(&mut suite);
    suite.run(chosen)
}
