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
    let numbers = store.numbers().unwrap_or_default();
    let records: Vec<Record> = numbers
        .into_iter()
        .filter_map(|number| store.read(number))
        .collect();
    let mut exposed: Vec<&Path> = records
        .iter()
        .flat_map(writable)
        .filter(|path| is_path_exposed(path) == Ok(true))
        .collect();
    exposed.sort_unstable();
    exposed.dedup();
    let findings = exposed.into_iter().map(|path| {
        Finding::warning(
            CHECK,
            format!("users of the host can get to {}", shown(path)),
            "what root of a jail makes set-user-ID there they execute as root of the host: put it \
             below a directory that root alone may enter (chmod 700)",
        )
    });
    let findings: Vec<Finding> = findings.collect();
    match findings.is_empty() {
        false => findings,
        true => vec![Finding::ok(
            CHECK,
            "users of the host can get to none of a jail that is noted",
        )],
    }
}

/// What a jail may write to, by the paths of the host.
fn writable(record: &Record) -> Vec<&Path> {
    let mounts = &record.isolation.mounts;
    let root = (!mounts.read_only).then_some(record.root.path.as_path());
    let binds = mounts.list.iter().filter_map(|mount| match mount {
        Mount::Bind(bind) if !bind.read_only => Some(bind.source.as_path()),
        _ => None,
    });
    root.into_iter().chain(binds).collect()
}
