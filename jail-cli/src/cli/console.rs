// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula console`: the terminal of a detached jail.

use std::io::{self, stdin, stdout, IsTerminal};

use clap::Args;

use jaula::admin::Admin;
use jaula::console::{attach, Escape, Left};
use jaula::jails::JailId;
use jaula::text::to_stderr;

use super::Failure;

/// What a shell says of a command that a signal has ended: this and the number of the signal.
const SIGNALLED: i32 = 128;

/// Whose terminal, and how to let go of it.
#[derive(Debug, Args)]
#[command(after_help = WHOSE)]
pub struct Console {
    /// Number or name of the jail
    #[arg(value_name = "JAIL")]
    jail: JailId,

    /// Key that lets go: a character, ^ and a character for Ctrl with it, or "none"
    #[arg(short, long, value_name = "KEY", default_value = "^]")]
    escape: Escape,

    /// Print nothing but errors
    #[arg(short, long)]
    quiet: bool,
}

const WHOSE: &str = "\
A jail has a terminal that was started with \"jaula run --detach --tty\". What it has shown before
is in \"jaula logs\". Several can attach at a time: all see the same, and all can type. Letting go
leaves the jail running.";

impl Console {
    /// Attaches to it and returns when it is let go.
    pub fn run(self) -> Result<u8, Failure> {
        let admin = Admin::open()?;
        if !(stdin().is_terminal() && stdout().is_terminal()) {
            return Err(Failure::failed(
                "a console needs a terminal as standard input and output; \"jaula logs\" shows \
                 what a jail prints, \"jaula exec\" runs commands in it",
            ));
        }
        let number = admin.find(&self.jail)?.info.number;
        if !self.quiet {
            jaula::complain!(
                "jaula: console of jail {number}; {} lets go of it",
                self.escape
            );
        }
        let mut tell = |bytes| {
            if !self.quiet {
                to_stderr(&format!(
                    "\r\njaula: {bytes} bytes were not shown, this terminal is too slow\r\n"
                ));
            }
        };
        match attach(admin.store(), number, self.escape, &mut tell) {
            Ok(Left::LetGo) => self.say("let go; the jail runs on"),
            Ok(Left::Gone) => self.say("its terminal is gone"),
            Ok(Left::Signalled(signal)) => Ok(u8::try_from(SIGNALLED + signal).unwrap_or(u8::MAX)),
            Err(error) => Err(self.explain(&error)),
        }
    }

    fn say(&self, what: &str) -> Result<u8, Failure> {
        if !self.quiet {
            jaula::complain!("\njaula: {}: {what}", self.jail);
        }
        Ok(0)
    }

    fn explain(&self, error: &io::Error) -> Failure {
        use io::ErrorKind::{ConnectionRefused, NotFound};
        match error.kind() {
            NotFound | ConnectionRefused => Failure::failed(format!(
                "{}: has no terminal; a jail has one that was started with \"jaula run --detach \
                 --tty\"",
                self.jail
            )),
            _ => Failure::failed(format!("console of {}: {error}", self.jail)),
        }
    }
}
