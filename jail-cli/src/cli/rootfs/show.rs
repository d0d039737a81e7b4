// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula rootfs show`: the text of a template, or what comes of it.

use std::path::Path;

use clap::Args;
use jaula::template::{find, load, setting};

use crate::cli::output::print;
use crate::cli::table::Table;
use crate::cli::Failure;

/// Which one, and what of it.
#[derive(Debug, Args)]
pub struct Show {
    /// Print what is built, with all that the template extends and its variables put in
    #[arg(short, long)]
    resolved: bool,

    /// Print the variables of the template, what each stands for unless --set says otherwise, and what
    /// it is for
    #[arg(short, long, conflicts_with = "resolved")]
    variables: bool,

    /// With --resolved, what a variable stands for; can be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting, requires = "resolved")]
    set: Vec<(String, String)>,

    /// Template: a name that "jaula rootfs list" tells, or a file
    #[arg(value_name = "NAME|FILE")]
    name: String,
}

impl Show {
    /// Prints it, and returns the exit status.
    pub fn run(self) -> Result<u8, Failure> {
        if self.resolved {
            let settings = self.set.into_iter().collect();
            let template = load(&self.name, Path::new(""), &settings).map_err(Failure::failed)?;
            print(&template.to_toml().map_err(Failure::failed)?)?;
            return Ok(0);
        }
        let found = find(&self.name).map_err(Failure::failed)?;
        if self.variables {
            let mut table = Table::new(&["NAME", "DEFAULT", "DESCRIPTION"]);
            for (name, declared) in found.variables.iter() {
                let default = declared.default.clone().unwrap_or_default();
                let default = default.split_whitespace().collect::<Vec<_>>().join(" ");
                let description = declared.description.clone().unwrap_or_default();
                table.row([name.clone(), default, description]);
            }
            print(&table.text())?;
            return Ok(0);
        }
        print(&found.text)?;
        Ok(0)
    }
}
