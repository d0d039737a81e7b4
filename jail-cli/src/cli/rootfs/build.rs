// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula rootfs build`: a root directory from a template or an image.

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use jaula::reach;
use jaula::template::{build, build_in, load, setting, How};
use jaula::text::shown;

use super::encrypt::Encrypt;
use super::image::{self, FromImage};
use super::progress::Bar;
use crate::cli::table::bytes;
use crate::cli::Failure;

pub const EXAMPLES: &str = "\
Examples:
  jaula rootfs build --template minimal /srv/jail
  jaula rootfs build --image web.tar /srv/web
  jaula rootfs build --image docker://docker.io/library/alpine:3 /srv/alpine
  jaula rootfs build -t bash --set also='vim git' /srv/box
  jaula rootfs show minimal > web.toml       change it as you like, then
  jaula rootfs build --template ./web.toml /srv/web
  jaula rootfs build -t minimal --encrypt file:/etc/jaula/keys/web /srv/web.root
  jaula run /srv/web.root                    opens it, and closes it with the jail";

/// Which template or image, and where to.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("made of").args(["template", "image"]).required(true))]
pub struct Build {
    /// Template: a name that "jaula rootfs list" tells, or a file (a name with a slash, or one that
    /// ends in .toml)
    #[arg(short, long, value_name = "NAME|FILE")]
    template: Option<String>,

    #[command(flatten)]
    image: FromImage,

    /// What a variable of the template stands for; can be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting, conflicts_with = "image")]
    set: Vec<(String, String)>,

    /// Take programs and files from the tree DIR in place of this machine's own
    #[arg(long, value_name = "DIR", conflicts_with = "image")]
    sysroot: Option<PathBuf>,

    /// Replace a DIR that is not empty; what was there is kept as DIR.old
    #[arg(short, long)]
    force: bool,

    /// Do not say what was built
    #[arg(short, long)]
    quiet: bool,

    #[command(flatten)]
    encrypt: Encrypt,

    /// Directory to build; it must not exist, or be empty. With --encrypt, the root file to write
    #[arg(value_name = "DIR")]
    target: PathBuf,
}

impl Build {
    /// Builds it, and returns the exit status.
    pub fn run(self) -> Result<u8, Failure> {
        let Some(name) = self.template else {
            let asked = self.image.asked();
            let asked =
                asked.ok_or_else(|| Failure::failed("neither a template nor an image is given"))?;
            let to = image::To {
                target: &self.target,
                replace: self.force,
                quiet: self.quiet,
            };
            return image::build(&asked, &to, self.encrypt).map(|()| 0);
        };
        let settings = self.set.into_iter().collect();
        let template = load(&name, Path::new(""), &settings).map_err(Failure::failed)?;
        let how = How {
            replace: self.force,
            sysroot: self.sysroot,
        };
        let mut bar = Bar::new(self.quiet);
        let encrypted = self.encrypt.make(&self.target, self.force, |name, above| {
            build_in(&template, name, above, &how, &mut |at| bar.show(at))
        })?;
        let built = match &encrypted {
            Some(encrypted) => Ok(encrypted.filled().clone()),
            None => build(&name, &template, &self.target, &how, &mut |at| {
                bar.show(at);
            }),
        };
        drop(bar);
        let summary = built.map_err(Failure::failed)?;
        if !self.quiet {
            if let Some(encrypted) = &encrypted {
                encrypted.tell();
            }
            jaula::complain!(
                "jaula: {}: built from {}: {} files ({}), {} directories, {} symbolic links; {}",
                shown(&self.target),
                shown(&name),
                summary.files,
                bytes(summary.bytes),
                summary.directories,
                summary.symlinks,
                summary.listing.digest(),
            );
            if encrypted.is_none() && reach::is_path_exposed(&self.target) == Ok(true) {
                jaula::complain!("jaula: warning: {}", reach::warning(&self.target));
            }
        }
        Ok(0)
    }
}
