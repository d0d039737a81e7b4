// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula rootfs show`: the text of a template.

use clap::Args;
use jaula::template::find;

use crate::cli::output::print;
use crate::cli::Failure;

/// Which one.
#[derive(Debug, Args)]
pub struct Show {
    /// Name of a template that comes with jaula
    name: String,
}

impl Show {
    /// Prints it, and returns the exit status.
    pub fn run(self) -> Result<u8, Failure> {
        print(find(&self.name).map_err(Failure::failed)?.source)?;
        Ok(0)
    }
}
