// SPDX-License-Identifier: MIT OR Apache-2.0

//! The state of a container, as it is told.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

/// How far a container is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Its process waits to be started.
    Created,
    /// Its process runs what it was to execute.
    Running,
    /// Its process has ended.
    Stopped,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Status::Created => "created",
            Status::Running => "running",
            Status::Stopped => "stopped",
        })
    }
}

/// The state of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// Whose words these are.
    pub oci_version: &'static str,
    /// Its name.
    pub id: String,
    /// How far it is.
    pub status: Status,
    /// Its process; 0 where that has ended.
    pub pid: i32,
    /// What it was made of.
    pub bundle: PathBuf,
    /// What the engine has noted.
    pub annotations: BTreeMap<String, String>,
}
