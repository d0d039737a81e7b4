// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula rootfs`: root directories from templates.

mod build;
mod cache;
mod check;
mod encrypt;
mod image;
mod list;
mod progress;
mod save;
mod show;
mod trace;

use clap::Subcommand;

use super::Failure;

/// What to do about root directories.
#[derive(Debug, Subcommand)]
pub enum Rootfs {
    /// Build a root directory from a template or an image
    ///
    /// It is built whole or not at all: beside DIR, and moved there when it is complete. This
    /// takes root, for files get the owners that the template or the image names.
    #[command(after_help = build::EXAMPLES)]
    Build(Box<build::Build>),
    /// Look why a root directory does not work, or lets its users do too much
    ///
    /// Each line says how bad it is, where and what, and below that what to do. A root that jaula has
    /// built is compared with what it was then. Nothing in it is executed, and no link followed out of
    /// it. The exit status is 1 where there is a problem.
    #[command(after_help = check::EXAMPLES)]
    Check(check::Check),
    /// List the templates that there are, and where each is
    ///
    /// One in ~/.config/jaula/templates comes before one of the same name in /etc/jaula/templates, and
    /// that before one that is built in.
    List(list::List),
    /// Save a root, or that of a jail, as an image that podman, skopeo and others load
    ///
    /// The same root makes the same bytes. What was built from an image keeps what that says about running
    /// it, where the options say nothing else. Only root can read what is saved.
    #[command(after_help = save::EXAMPLES)]
    Save(Box<save::Save>),
    /// Show or empty the cache of what was fetched and built
    Cache(cache::Cache),
    /// Print a template, to begin one of your own from, or what comes of it
    Show(show::Show),
    /// Run a program once, and make a template of what it opens
    ///
    /// It runs in a jail of its own, in the root of this machine or of another, below a layer in memory
    /// that takes what it writes and is thrown away. Who traces it sees what all its processes open, and
    /// not what they only ask after. It ends by itself, by ^C, or when nothing new has been opened for a
    /// while; use a server meanwhile, so that it opens what it serves.
    #[command(after_help = trace::EXAMPLES)]
    Trace(trace::Trace),
}

impl Rootfs {
    /// Does it and returns the exit status.
    pub fn run(self) -> Result<u8, Failure> {
        match self {
            Rootfs::Build(build) => build.run(),
            Rootfs::Check(check) => check.run(),
            Rootfs::List(list) => list.run(),
            Rootfs::Save(save) => save.run(),
            Rootfs::Cache(cache) => cache.run(),
            Rootfs::Show(show) => show.run(),
            Rootfs::Trace(trace) => trace.run(),
        }
    }
}
