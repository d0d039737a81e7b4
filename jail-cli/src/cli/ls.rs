// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula ls`: the jails there are.

use std::collections::BTreeSet;
use std::ops::Not;

use clap::Args;
use nix::unistd::geteuid;
use serde::Serialize;

use jaula::admin::{Admin, Jail};
use jaula::jail::JailNumber;
use jaula::jails::JailName;
use jaula::network;
use jaula::state::{Record, Store};

use super::table::{duration, Table};
use super::{output, Failure};

/// How the jails are listed.
#[derive(Debug, Args)]
pub struct Ls {
    /// Print all that is known, as a JSON array
    #[arg(short, long)]
    json: bool,

    /// Put each jail below the one that it is in
    #[arg(short, long, conflicts_with = "json")]
    tree: bool,
}

impl Ls {
    /// Lists them.
    pub fn run(self) -> Result<u8, Failure> {
        let admin = Admin::open()?;
        // What a jaula has left that was killed; others than root leave it where it is.
        if geteuid().is_root() {
            let left = network::tidy(admin.jails()).and(Store::default().remove_abandoned());
            if let Err(why) = left {
                jaula::complain!("jaula: warning: {why}");
            }
        }
        let jails = admin.list()?;
        // Others than root are told of the jails that there are.
        let restarting = admin.restarting().map_err(Failure::failed)?;
        if self.json {
            let jails = jails.iter().map(Listed::there);
            let restarting = restarting.iter().map(Listed::restarting);
            output::json(&jails.chain(restarting).collect::<Vec<_>>())?;
            return Ok(0);
        }
        let mut table = Table::new(&[
            ">NUMBER", "NAME", ">PARENT", "STATE", ">TASKS", ">IPC", ">AGE", "ROOT", "COMMAND",
        ]);
        let rows = match self.tree {
            true => as_tree(&jails),
            false => jails.iter().map(|jail| (String::new(), jail)).collect(),
        };
        for (branch, jail) in rows {
            table.row(row(&branch, jail));
        }
        for record in &restarting {
            table.row(row_of_ended(record));
        }
        output::print(&table.text())?;
        Ok(0)
    }
}

/// The state of a jail that has ended and is being made anew.
pub const RESTARTING: &str = "restarting";

/// That of one that stands still.
const PAUSED: &str = "paused";

/// What is listed.
#[derive(Serialize)]
#[serde(untagged)]
enum Listed<'a> {
    There {
        #[serde(flatten)]
        jail: &'a Jail,
        #[serde(skip_serializing_if = "Not::not")]
        paused: bool,
    },
    Restarting {
        number: JailNumber,
        name: &'a Option<JailName>,
        state: &'static str,
        noted: &'a Record,
    },
}

impl<'a> Listed<'a> {
    fn there(jail: &'a Jail) -> Self {
        Listed::There {
            jail,
            paused: jail.is_paused(),
        }
    }

    fn restarting(record: &'a Record) -> Self {
        Listed::Restarting {
            number: record.number,
            name: &record.name,
            state: RESTARTING,
            noted: record,
        }
    }
}

fn row_of_ended(record: &Record) -> [String; 9] {
    let name = record.name.as_ref().map(ToString::to_string);
    let count = record.restart.as_ref().map_or(0, |restart| restart.count);
    let [root, command] = root_and_command(record);
    [
        record.number.to_string(),
        name.unwrap_or_default(),
        String::new(),
        format!("{RESTARTING} ({count})"),
        String::new(),
        String::new(),
        String::new(),
        root,
        command,
    ]
}

fn root_and_command(record: &Record) -> [String; 2] {
    let words = record.command.iter().map(|word| word.to_string_lossy());
    let words: Vec<_> = words.collect();
    [record.root.path.display().to_string(), words.join(" ")]
}

fn row(branch: &str, jail: &Jail) -> [String; 9] {
    let Jail { info, record } = jail;
    let name = info.name.as_ref().map(ToString::to_string);
    let name = match (branch, name) {
        ("", name) => name.unwrap_or_default(),
        (branch, name) => format!("{branch}{}", name.unwrap_or_else(|| "-".into())),
    };
    let [root, command] = record.as_ref().map(root_and_command).unwrap_or_default();
    [
        info.number.to_string(),
        name,
        info.parent.to_string(),
        state(jail),
        info.tasks.to_string(),
        info.ipc_objects().to_string(),
        duration(info.created.age()),
        root,
        command,
    ]
}

fn state(jail: &Jail) -> String {
    match jail.is_paused() {
        true => PAUSED.to_owned(),
        false => jail.info.state.to_string(),
    }
}

/// Each jail after the one that it is in, with what is drawn in front of its name.
fn as_tree(jails: &[Jail]) -> Vec<(String, &Jail)> {
    let shown: BTreeSet<JailNumber> = jails.iter().map(|jail| jail.info.number).collect();
    let tops = jails
        .iter()
        .filter(|jail| !shown.contains(&jail.info.parent));
    let mut rows = Vec::new();
    for top in tops {
        rows.push((String::new(), top));
        add_below(top.info.number, "", jails, &mut rows);
    }
    rows
}

fn add_below<'a>(
    above: JailNumber,
    indent: &str,
    jails: &'a [Jail],
    rows: &mut Vec<(String, &'a Jail)>,
) {
    let mut children = jails
        .iter()
        .filter(|jail| jail.info.parent == above)
        .peekable();
    while let Some(child) = children.next() {
        let (branch, deeper) = match children.peek() {
            Some(_) => ("├─ ", "│  "),
            None => ("└─ ", "   "),
        };
        rows.push((format!("{indent}{branch}"), child));
        add_below(child.info.number, &format!("{indent}{deeper}"), jails, rows);
    }
}
