// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula rootfs list`: the templates that there are.

use clap::Args;
use jaula::template::{find, library};
use serde::Serialize;

use crate::cli::output::{json, print};
use crate::cli::table::Table;
use crate::cli::Failure;

/// How they are told.
#[derive(Debug, Args)]
pub struct List {
    /// Print them as a JSON array
    #[arg(short, long)]
    json: bool,
}

/// One of them.
#[derive(Serialize)]
struct Row {
    name: String,
    from: String,
    description: String,
}

impl List {
    /// Prints them, and returns the exit status.
    pub fn run(self) -> Result<u8, Failure> {
        let rows: Vec<Row> = library().names().into_iter().map(row).collect();
        if self.json {
            json(&rows)?;
            return Ok(0);
        }
        let mut table = Table::new(&["NAME", "FROM", "DESCRIPTION"]);
        for row in rows {
            table.row([row.name, row.from, row.description]);
        }
        print(&table.text())?;
        Ok(0)
    }
}

/// One that cannot be used is there nevertheless, and hides others.
fn row(name: String) -> Row {
    match find(&name) {
        Ok(found) => Row {
            name,
            from: found.origin.to_string(),
            description: found.description,
        },
        Err(why) => Row {
            name,
            from: "cannot be used".into(),
            description: why,
        },
    }
}
