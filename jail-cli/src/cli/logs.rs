// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula logs`: what a detached jail has printed.

mod letters;
mod printer;
mod time;

use std::io::{self, stdout, IsTerminal};
use std::time::Duration;

use clap::Args;

use jaula::admin::Admin;
use jaula::complain;
use jaula::jails::{JailId, JailsError};
use jaula::launch::log::{Destination, Next, Reader};
use jaula::state::Record;

use super::{output, Failure};
use printer::Printer;
use time::Moment;

/// How often is looked whether there is more, where nothing tells it.
const INTERVAL: Duration = Duration::from_millis(200);

/// Whose log is shown.
#[derive(Debug, Args)]
#[command(after_help = BOUNDED)]
pub struct Logs {
    /// Number or name of the jail; it may have ended
    #[arg(value_name = "JAIL")]
    jail: JailId,

    /// Go on with what it prints, until it has ended
    ///
    /// Where the jail prints faster than it is read, what is missing is told on standard error.
    #[arg(short, long)]
    follow: bool,

    /// Begin with the last N lines
    #[arg(short = 'n', long, value_name = "N")]
    tail: Option<u64>,

    /// Begin with what was printed at TIME or later
    ///
    /// TIME is a date, a time of today, or both: 2026-11-27, 14:30, "2026-11-27 14:30:05"; with an
    /// offset from UTC as --timestamps prints it; or how long ago that was: 90s, 10m, 2h30m, 3d.
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,

    /// Put before each line the time at which it began
    #[arg(short, long)]
    timestamps: bool,

    /// Print control characters to a terminal as they are
    ///
    /// Whoever prints them in the jail can so change what the terminal shows and does.
    #[arg(short, long)]
    raw: bool,
}

const BOUNDED: &str = "\
The last MiB that a jail has printed can be read, or what \"jaula run --log-size\" says. The logs of
the last 20 jails that have ended are kept; \"jaula rm\" removes one.";

impl Logs {
    /// Prints it.
    pub fn run(self) -> Result<u8, Failure> {
        let admin = Admin::open()?;
        let record = self.record(&admin)?;
        if record.log.destination == Destination::Journald {
            return Err(Failure::failed(format!(
                "{}: what it prints goes to the journal; see \"journalctl --boot JAULA_JAIL={}\"",
                self.jail, record.number
            )));
        }
        let failed = |error: io::Error| self.failed(&error);
        let mut reader = Reader::open(admin.store(), &record).map_err(failed)?;
        if let Some(moment) = self.since {
            reader.skip_to_time(moment.milliseconds()).map_err(failed)?;
        }
        if let Some(lines) = self.tail {
            reader.skip_to_last(lines).map_err(failed)?;
        }
        if self.follow {
            reader.follow();
        }
        self.print(&mut reader)?;
        Ok(0)
    }

    fn print(&self, reader: &mut Reader) -> Result<(), Failure> {
        let escape = stdout().is_terminal() && !self.raw;
        let mut printer = Printer::new(stdout(), escape, self.timestamps);
        let mut buffer = vec![0; 64 << 10];
        loop {
            let next = reader
                .next(&mut buffer)
                .map_err(|error| self.failed(&error))?;
            let printed = match next {
                Next::Bytes(length) => printer.print(&buffer[..length], |back| {
                    // Of a line whose time cannot be found the bytes are still worth reading.
                    reader.time_of(back).unwrap_or(None)
                }),
                Next::Missing(bytes) => {
                    let broken = printer.break_line();
                    complain!("jaula: {}: {bytes} bytes are missing here", self.jail);
                    broken
                }
                Next::Nothing => {
                    if !output::wait(INTERVAL, reader.changes().as_slice())? {
                        return Ok(());
                    }
                    reader.clear_changes();
                    Ok(())
                }
                Next::End => {
                    return still_read(printer.finish()).map(drop);
                }
            };
            if !still_read(printed)? {
                return Ok(());
            }
        }
    }

    fn failed(&self, error: &io::Error) -> Failure {
        Failure::failed(format!("log of {}: {error}", self.jail))
    }

    fn record(&self, admin: &Admin) -> Result<Record, Failure> {
        let failed = |why: String| Failure::failed(format!("{}: {why}", self.jail));
        let record = match admin.find(&self.jail) {
            Ok(jail) => jail.record,
            Err(missing @ JailsError::NoSuchJail(_)) => {
                let ended = admin.ended(&self.jail).map_err(failed)?;
                Some(ended.ok_or(missing)?)
            }
            Err(error) => return Err(error.into()),
        };
        record.filter(|record| record.detached).ok_or_else(|| {
            failed(
                admin.unnoted(
                    "has no log; a jail has one that was started with \"jaula run --detach\"",
                ),
            )
        })
    }
}

/// Whether there is somebody who reads what is printed.
fn still_read(printed: io::Result<()>) -> Result<bool, Failure> {
    match printed {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::failed(format!("standard output: {error}"))),
    }
}
