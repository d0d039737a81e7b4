// SPDX-License-Identifier: MIT OR Apache-2.0

//! What `jaula` puts around a command, seen from inside of the jail: mounts, devices, /proc,
//! system calls, capabilities, limits, namespaces; each of them turned off; and `jaula exec` into
//! all that.

mod around;
mod bytes;
mod calls;
mod cores;
mod credentials;
mod doctor;
mod exec;
mod exposed;
mod guide;
mod ids;
mod inherited;
mod limits;
mod links;
mod mounts;
mod namespaces;
mod nodes;
mod parts;
mod pipes;
mod place;
mod refused;
mod roots;
mod world;

use jaula_tests::ktap::{Chosen, Failure, Suite};
use jaula_tests::launch::Root;
use place::Place;
use std::process::ExitCode;

pub use calls::act_as_caller;

pub fn main(chosen: &Chosen) -> ExitCode {
    let made = || Ok((Place::new()?, Root::new()?, ids::Disk::new()?));
    let (place, root, disk) = match made() {
        Ok(made) => made,
        Err(failure) => {
            let failure: Failure = failure;
            println!("Bail out! No root directory for the jails: {failure}");
            return ExitCode::FAILURE;
        }
    };
    let mut suite = Suite::new();
    world::add(&mut suite, &place);
    parts::add(&mut suite, &place, &root);
    calls::add(&mut suite, &place);
    around::add(&mut suite, &place);
    inherited::add(&mut suite, &place);
    limits::add(&mut suite, &place);
    credentials::add(&mut suite, &place);
    bytes::add(&mut suite, &place);
    cores::add(&mut suite, &place);
    mounts::add(&mut suite, &place);
    nodes::add(&mut suite, &place);
    links::add(&mut suite, &place);
    exposed::add(&mut suite);
    roots::add(&mut suite);
    pipes::add(&mut suite, &place);
    exec::add(&mut suite, &place);
    namespaces::add(&mut suite, &place);
    ids::add(&mut suite, &disk);
    refused::add(&mut suite, &place);
    doctor::add(&mut suite);
    guide::add(&mut suite);
    suite.run(chosen)
}
