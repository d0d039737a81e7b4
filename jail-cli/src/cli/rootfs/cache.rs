// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula rootfs cache`: what was fetched and built, for the next time.

use clap::Args;
use jaula::built::forget_gone;
use jaula::image::cache;
use jaula::layers::store::hold_needed;
use jaula::text::shown;
use jaula_rootfs::image::{Kind, Listed};
use nix::unistd::geteuid;

use crate::cli::output::print;
use crate::cli::table::{bytes, Table};
use crate::cli::Failure;

/// What is shown or taken away.
#[derive(Debug, Args)]
pub struct Cache {
    /// Take away what no jail and no root file needs, and forget roots that are gone
    #[arg(long)]
    empty: bool,

    /// The same for what was asked for by NAME alone
    #[arg(long, value_name = "NAME", conflicts_with = "empty")]
    remove: Option<String>,

    /// Do not say what was taken away
    #[arg(short, long)]
    quiet: bool,
}

impl Cache {
    /// Does it, and returns the exit status.
    pub fn run(self) -> Result<u8, Failure> {
        if !geteuid().is_root() {
            return Err(Failure::failed("the cache is root's alone; run it as root"));
        }
        let cache = cache().map_err(Failure::failed)?;
        // What a jail or a root file needs is in use, whoever has started the jail.
        let _held = hold_needed().map_err(Failure::failed)?;
        if !self.empty && self.remove.is_none() {
            return list(&cache.list().map_err(Failure::failed)?).map(|()| 0);
        }
        let gone = cache
            .empty(self.remove.as_deref())
            .map_err(Failure::failed)?;
        if let Some(name) = self.remove.as_deref().filter(|_| gone.is_empty()) {
            let reason = "nothing in the cache is called so, or a jail or a root file needs it";
            return Err(Failure::failed(format!("{}: {reason}", shown(name))));
        }
        forget_gone().map_err(Failure::failed)?;
        if !self.quiet {
            let sum = gone.iter().map(|listed| listed.bytes).sum();
            jaula::complain!("jaula: {} taken away from the cache", bytes(sum));
        }
        Ok(0)
    }
}

fn list(all: &[Listed]) -> Result<(), Failure> {
    let mut table = Table::new(&["KIND", "NAME", ">SIZE", "USED"]);
    for listed in all {
        let kind = match listed.kind {
            Kind::Image => "image",
            Kind::Root => "root",
            Kind::Debian => "system",
            Kind::Blobs => "content",
        };
        let used = if listed.in_use { "yes" } else { "no" };
        table.row([
            kind.into(),
            listed.name.clone(),
            bytes(listed.bytes),
            used.into(),
        ]);
    }
    print(&table.text())
}
