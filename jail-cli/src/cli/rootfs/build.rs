// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula rootfs build`: a root directory from a template.

use std::path::{Path, PathBuf};

use clap::Args;
use jaula::reach;
use jaula::template::{build, load};

use crate::cli::Failure;

pub const EXAMPLES: &str = "\
Examples:
  jaula rootfs build --template minimal /srv/jail
  jaula rootfs show minimal > web.toml       change it as you like, then
  jaula rootfs build --template ./web.toml /srv/web";

/// Which template, and where to.
#[derive(Debug, Args)]
pub struct Build {
    /// Template: the name of one that comes with jaula, or a file (a name with a slash, or one
    /// that ends in .toml)
    #[arg(short, long, value_name = "NAME|FILE")]
    template: String,

    /// Replace a DIR that is not empty; what was there is kept as DIR.old
    #[arg(short, long)]
    force: bool,

    /// Do not say what was built
    #[arg(short, long)]
    quiet: bool,

    /// Directory to build; it must not exist, or be empty
    #[arg(value_name = "DIR")]
    target: PathBuf,
}

impl Build {
    /// Builds it, and returns the exit status.
    pub fn run(self) -> Result<u8, Failure> {
        let template = load(&self.template, Path::new("")).map_err(Failure::failed)?;
        let summary = build(&template, &self.target, self.force).map_err(Failure::failed)?;
        if !self.quiet {
            jaula::complain!(
                "jaula: {}: built from {}: {} files ({:.1} MiB), {} symbolic links",
                self.target.display(),
                self.template,
                summary.files,
                summary.bytes as f64 / f64::from(1 << 20),
                summary.symlinks,
            );
            if reach::is_path_exposed(&self.target) == Ok(true) {
                jaula::complain!("jaula: warning: {}", reach::warning(&self.target));
            }
        }
        Ok(0)
    }
}
