// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula oci`: a try of what engines call a runtime for.

use std::ffi::c_int;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use jaula::oci::{create, parse_signal, Container, ContainerId, Creation, OciError};

use super::{output, Failure};

/// The exit status for everything that fails, as runc's.
const FAILED: u8 = 1;

/// What is done with a container.
#[derive(Debug, Subcommand)]
pub enum Oci {
    /// Make a container, whose process waits to be started
    Create(Create),
    /// Let the process of a container go on
    Start(One),
    /// Send the process of a container a signal
    Kill(Kill),
    /// Remove a container
    Delete(Delete),
    /// Print the state of a container, as JSON
    State(One),
}

/// Which container is made of what.
#[derive(Debug, Args)]
pub struct Create {
    /// Directory with config.json
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    bundle: PathBuf,

    /// File that gets the number of the process
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,

    /// Socket that gets the master side of the terminal
    #[arg(long, value_name = "PATH")]
    console_socket: Option<PathBuf>,

    #[arg(value_name = "ID")]
    id: ContainerId,
}

/// Which container is meant.
#[derive(Debug, Args)]
pub struct One {
    #[arg(value_name = "ID")]
    id: ContainerId,
}

/// Which container gets which signal.
#[derive(Debug, Args)]
pub struct Kill {
    #[arg(value_name = "ID")]
    id: ContainerId,

    /// Number or name
    #[arg(value_name = "SIGNAL", default_value = "TERM", value_parser = parse_signal)]
    signal: c_int,
}

/// Which container is removed.
#[derive(Debug, Args)]
pub struct Delete {
    #[arg(value_name = "ID")]
    id: ContainerId,

    /// Kill it first where it runs; no error where there is none
    #[arg(short, long)]
    force: bool,
}

impl Oci {
    /// Does it.
    pub fn run(self) -> Result<u8, Failure> {
        let failed = |error: OciError| Failure::Other(FAILED, error.to_string());
        match self {
            Oci::Create(Create {
                bundle,
                pid_file,
                console_socket,
                id,
            }) => create(&Creation {
                id,
                bundle,
                pid_file,
                console_socket,
            }),
            Oci::Start(one) => Container::find(&one.id).and_then(|found| found.start()),
            Oci::Kill(kill) => Container::find(&kill.id).and_then(|found| found.kill(kill.signal)),
            Oci::Delete(delete) => match Container::find(&delete.id) {
                Ok(found) => found.delete(delete.force),
                Err(error) if delete.force && error.is_missing() => Ok(()),
                Err(error) => Err(error),
            },
            Oci::State(one) => {
                let state = Container::find(&one.id).and_then(|found| found.state());
                let state = state.map_err(failed)?;
                let text = serde_json::to_string_pretty(&state).map_err(Failure::failed)?;
                output::print(&format!("{text}\n"))?;
                Ok(())
            }
        }
        .map_err(failed)?;
        Ok(0)
    }
}
