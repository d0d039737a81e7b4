// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula logs`: what a detached jail has printed.

use std::io::{self, stdout, BufWriter, IsTerminal, Write};

use clap::Args;

use jaula::admin::Admin;
use jaula::jails::{JailId, JailsError};
use jaula::launch::log::Reader;
use jaula::state::Record;
use jaula::text::shown_text;

use super::Failure;

/// Whose log is shown.
#[derive(Debug, Args)]
#[command(after_help = BOUNDED)]
pub struct Logs {
    /// Number or name of the jail; it may have ended
    #[arg(value_name = "JAIL")]
    jail: JailId,

    /// Go on with what it prints until it has ended
    #[arg(short, long)]
    follow: bool,

    /// Print control characters to a terminal as they are
    ///
    /// Whoever prints them in the jail can so change what the terminal shows and does.
    #[arg(short, long)]
    raw: bool,
}

const BOUNDED: &str = "\
The last MiB that a jail has printed can be read, at most twice as much is kept. The logs of the
last 20 jails that have ended are kept; \"jaula rm\" removes one.";

impl Logs {
    /// Prints it.
    pub fn run(self) -> Result<u8, Failure> {
        let admin = Admin::open()?;
        let record = self.record(&admin)?;
        let failed = |error: io::Error| Failure::failed(format!("log of {}: {error}", self.jail));
        let mut reader = Reader::open(admin.store(), &record).map_err(failed)?;
        let escape = stdout().is_terminal() && !self.raw;
        let mut out = BufWriter::new(stdout());
        let mut put = |bytes: &[u8]| {
            match escape {
                true => write!(out, "{}", shown_text(&String::from_utf8_lossy(bytes))),
                false => out.write_all(bytes),
            }
            .and_then(|()| out.flush())
        };
        match reader.read(self.follow, &mut put) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
            result => result.map(|()| 0).map_err(failed),
        }
    }

    fn record(&self, admin: &Admin) -> Result<Record, Failure> {
        let record = match admin.find(&self.jail) {
            Ok(jail) => jail.record,
            Err(missing @ JailsError::NoSuchJail(_)) => {
                let ended = admin.ended(&self.jail).map_err(Failure::failed)?;
                Some(ended.ok_or(missing)?)
            }
            Err(error) => return Err(error.into()),
        };
        record.filter(|record| record.detached).ok_or_else(|| {
            Failure::failed(format!(
                "{}: has no log; a jail has one that was started with \"jaula run --detach\"",
                self.jail
            ))
        })
    }
}
