// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula rootfs save`: an image of a root directory.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jaula::built::Built;
use jaula::image::{destination, parts, save};
use jaula::text::shown;
use jaula_rootfs::image::{Compression, Config, Part, Platform, SaveOptions, Saved};

use super::progress::Bar;
use crate::cli::table::bytes;
use crate::cli::Failure;

pub const EXAMPLES: &str = "\
Examples:
  jaula rootfs save /srv/web web.tar --cmd /usr/sbin/nginx --cmd=-g --cmd='daemon off;'
  jaula rootfs save /srv/web oci-archive:web.tar:localhost/web:1 --compress zstd
  podman load -i web.tar";

/// What is saved, where to, and what is said about running it.
#[derive(Debug, Args)]
pub struct Save {
    /// Root to save, that no jail is writing to: a directory, or a root file, each of whose directories
    /// becomes a layer
    #[arg(value_name = "ROOT")]
    root: PathBuf,

    /// Where to: a file, oci-archive:FILE[:TAG], or oci:DIR[:TAG] for a directory
    #[arg(value_name = "IMAGE", value_parser = destination)]
    image: (PathBuf, Option<String>, bool),

    /// How layers are compressed
    #[arg(long, value_enum, value_name = "HOW", default_value_t = Compress::Gzip)]
    compress: Compress,

    /// User, as USER[:GROUP] by name or number
    #[arg(long, value_name = "USER")]
    user: Option<String>,

    /// Variable of the environment; can be given several times
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<String>,

    /// A word of what is executed whatever is asked for; can be given several times
    #[arg(long, value_name = "WORD", allow_hyphen_values = true)]
    entrypoint: Vec<String>,

    /// A word of what is executed where nothing is asked for; can be given several times
    #[arg(long, value_name = "WORD", allow_hyphen_values = true)]
    cmd: Vec<String>,

    /// Directory to begin in
    #[arg(long, value_name = "DIR")]
    workdir: Option<String>,

    /// Signal that asks the first process to end
    #[arg(long, value_name = "SIGNAL")]
    stop_signal: Option<String>,

    /// Directory that is to outlive what is thrown away; can be given several times
    #[arg(long, value_name = "DIR")]
    volume: Vec<String>,

    /// What it is for, if not for this machine
    #[arg(long, value_name = "OS/ARCH")]
    platform: Option<Platform>,

    /// When it was made, in seconds since 1970, if not when its newest file was changed
    #[arg(long, value_name = "SECONDS")]
    created: Option<i64>,

    /// Replace a file that is there; a directory is kept as DIR.old
    #[arg(short, long)]
    force: bool,

    /// Do not say what was saved
    #[arg(short, long)]
    quiet: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Compress {
    None,
    Gzip,
    Zstd,
}

/// A variable as it is given.
fn variable(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((name, _)) if !name.is_empty() => Ok(text.to_owned()),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

impl Save {
    /// Saves it, and returns the exit status.
    pub fn run(self) -> Result<u8, Failure> {
        let parts = parts(&self.root).map_err(Failure::failed)?;
        let (target, quiet) = (self.image.0.clone(), self.quiet);
        let options = self.options(parts.first())?;
        let mut bar = Bar::new(quiet);
        let saved = save(&parts, &target, options, &mut |at| {
            bar.show(jaula_rootfs::Progress {
                path: &format!("{} files", at.files),
                done: at.bytes,
                total: at.bytes,
            });
        });
        drop(bar);
        let saved = saved.map_err(Failure::failed)?;
        if !quiet {
            jaula::complain!("jaula: {}: {}", shown(&target), told(&saved));
        }
        Ok(0)
    }

    fn options(self, lowest: Option<&Part>) -> Result<SaveOptions, Failure> {
        let (_, tag, layout) = self.image;
        // What it was made of says how it is run, where nothing else does.
        let noted = lowest.map(|part| Built::of(&part.directory)).transpose();
        let noted = noted.map_err(Failure::failed)?.flatten();
        let noted = noted
            .and_then(|built| built.head.config)
            .unwrap_or_default();
        let or = |given: Vec<String>, noted: Vec<String>| match given.is_empty() {
            true => noted,
            false => given,
        };
        let entrypoint_given = !self.entrypoint.is_empty();
        let config = Config {
            user: self.user.unwrap_or(noted.user),
            env: or(self.env, noted.env),
            entrypoint: or(self.entrypoint, noted.entrypoint),
            cmd: match (self.cmd.is_empty(), entrypoint_given) {
                // What followed another entrypoint means nothing to this one.
                (true, true) => Vec::new(),
                _ => or(self.cmd, noted.cmd),
            },
            workdir: self.workdir.unwrap_or(noted.workdir),
            stop_signal: self.stop_signal.or(noted.stop_signal),
            volumes: or(self.volume, noted.volumes),
        };
        Ok(SaveOptions {
            config,
            platform: self.platform.unwrap_or_else(Platform::of_this_machine),
            tag,
            compression: match self.compress {
                Compress::None => Compression::None,
                Compress::Gzip => Compression::Gzip,
                Compress::Zstd => Compression::Zstd,
            },
            created: self.created,
            layout,
            replace: self.force,
            above: None,
        })
    }
}

fn told(saved: &Saved) -> String {
    let mut text = format!(
        "saved {} files ({}) in {}",
        saved.files,
        bytes(saved.bytes),
        bytes(saved.stored),
    );
    for (count, what) in [
        (saved.sockets_left_out, "sockets"),
        (saved.devices_left_out, "nodes of devices"),
        (
            saved.mounts_left_out,
            "directories with something mounted on them",
        ),
    ] {
        if count > 0 {
            text += &format!(", without {count} {what}");
        }
    }
    format!("{text}; {}", saved.digest)
}
