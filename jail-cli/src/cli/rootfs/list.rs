// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula rootfs list`: the templates that there are.

use clap::Args;
use jaula_rootfs::{builtin, Template};

use crate::cli::output::print;
use crate::cli::Failure;

/// It takes nothing.
#[derive(Debug, Args)]
pub struct List {}

impl List {
    /// Prints them, and returns the exit status.
    pub fn run(self) -> Result<u8, Failure> {
        let names = builtin::all().iter().map(|builtin| builtin.name.len());
        let width = names.max().unwrap_or_default();
        let mut text = String::new();
        for builtin in builtin::all() {
            let template = Template::parse(builtin.source).map_err(Failure::failed)?;
            text += &format!("{:width$}  {}\n", builtin.name, template.description());
        }
        print(&text)?;
        Ok(0)
    }
}
