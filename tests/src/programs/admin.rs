// SPDX-License-Identifier: MIT OR Apache-2.0

//! The commands of `jaula` that are about jails that exist, as an administrator uses them.

mod asked;
mod copy;
mod end;
mod enter;
mod group;
mod guide;
mod logs;
mod run;
mod set;
mod signal;
mod state;
mod view;

use jaula_tests::admin::prepare_root;
use jaula_tests::ktap::{Chosen, Suite};
use jaula_tests::launch::Root;
use std::process::ExitCode;

pub fn main(chosen: &Chosen) -> ExitCode {
    let root = match prepare_root().and_then(|()| Root::new()) {
        Ok(root) => root,
        Err(failure) => {
            println!("Bail out! No root directory for the jails: {failure}");
            return ExitCode::FAILURE;
        }
    };
    let mut suite = Suite::new();
    run::add(&mut suite, &root);
    view::add(&mut suite);
    enter::add(&mut suite, &root);
    end::add(&mut suite, &root);
    signal::add(&mut suite, &root);
    logs::add(&mut suite);
    state::add(&mut suite);
    copy::add(&mut suite);
    set::add(&mut suite);
    group::add(&mut suite);
    guide::add(&mut suite);
    suite.run(chosen)
}
