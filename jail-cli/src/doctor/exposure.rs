// SPDX-License-Identifier: MIT OR Apache-2.0

//! What users of the host can reach of what jails may write to.

use std::path::Path;

use super::Finding;
use crate::isolation::Mount;
use crate::reach::is_path_exposed;
use crate::state::{Record, Store};
use crate::text::shown;

const CHECK: &str = "roots";

pub fn examine() -> Vec<Finding> {
    let store = Store::default();
    if store.is_closed() {
        return vec![Finding::warning(
            CHECK,
            "which jails are noted cannot be read",
            "whether users of the host can get to what these may write to can be told to root alone",
        )];
    }
    let numbers = store.numbers().unwrap_or_default();
    let records: Vec<Record> = numbers
        .into_iter()
        .filter_map(|number| store.read(number))
        .collect();
    let mut paths: Vec<&Path> = records.iter().flat_map(writable).collect();
    paths.sort_unstable();
    paths.dedup();
    let findings: Vec<Finding> = paths.into_iter().filter_map(look).collect();
    match findings.is_empty() {
        false => findings,
        true => vec![Finding::ok(
            CHECK,
            "users of the host can get to none of a jail that is noted",
        )],
    }
}

/// What is to be said about a path.
fn look(path: &Path) -> Option<Finding> {
    match is_path_exposed(path) {
        Ok(false) => None,
        Ok(true) => Some(Finding::warning(
            CHECK,
            format!("users of the host can get to {}", shown(path)),
            "what root of a jail makes set-user-ID there they execute as root of the host: put it \
             below a directory that root alone may enter (chmod 700)",
        )),
        // What is not there any more nobody gets to.
        Err(_) if path.symlink_metadata().is_err() => None,
        Err(why) => Some(Finding::warning(
            CHECK,
            format!("{}: {why}", shown(path)),
            "it cannot be told whether users of the host can get there, and is not what a jail was \
             given by this path: look what has become of it",
        )),
    }
}

/// What a jail may write to, by the paths of the host.
fn writable(record: &Record) -> Vec<&Path> {
    let mounts = &record.isolation.mounts;
    let root = record.root.written().filter(|_| !mounts.read_only);
    let binds = mounts.list.iter().filter_map(|mount| match mount {
        Mount::Bind(bind) if !bind.read_only => Some(bind.source.as_path()),
        _ => None,
    });
    root.into_iter().chain(binds).collect()
}
