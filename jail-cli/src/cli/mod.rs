// SPDX-License-Identifier: MIT OR Apache-2.0

//! The command line: what is asked for, and to whom it goes.

mod failure;
mod help;
mod output;
mod rootfs;
mod run;

use clap::{Parser, Subcommand};

pub use failure::Failure;

/// Run a shell or command in a jail of its own
///
/// A jail is known to the kernel: what runs in it, and everything that comes of that, cannot
/// reach what belongs to another jail or to the host. ROOT becomes its root directory.
#[derive(Debug, Parser)]
#[command(
    name = "jaula",
    version,
    after_help = help::SHORT,
    after_long_help = help::LONG,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true,
    override_usage = help::USAGE,
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    run: run::Run,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the number of the jail this runs in; 0 is the host
    Number,

    /// Make root directories for jails
    #[command(subcommand)]
    Rootfs(rootfs::Rootfs),
}

impl Cli {
    /// Does what is asked for and returns the exit status.
    pub fn run(self) -> Result<u8, Failure> {
        match self.command {
            Some(Command::Number) => {
                output::print(&format!("{}\n", jaula::get_jailnumber()?))?;
                Ok(0)
            }
            Some(Command::Rootfs(rootfs)) => rootfs.run(),
            None => self.run.run(),
        }
    }
}

#[cfg(test)]
mod tests;
