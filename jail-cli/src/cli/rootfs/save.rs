// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula rootfs save`: an image of a root.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jaula::image::{destination, save, ToSave};
use jaula::isolation::Size;
use jaula::layers::Source;
use jaula::privilege;
use jaula::text::shown;
use jaula_rootfs::image::{Compression, Config, Limits, Platform, SaveOptions, Saved};

use super::progress::Bar;
use crate::cli::derive::{source, Progress};
use crate::cli::table::bytes;
use crate::cli::Failure;

pub const EXAMPLES: &str = "\
Examples:
  jaula rootfs save /srv/web web.tar --cmd /usr/sbin/nginx --cmd=-g --cmd='daemon off;'
  jaula rootfs save /srv/web oci-archive:web.tar:localhost/web:1 --compress zstd
  jaula rootfs save web web.tar
  podman load -i web.tar";

/// What is saved, where to, and what is said about running it.
#[derive(Debug, Args)]
pub struct Save {
    /// Root to save: a directory, a root file, or the number or name of a jail
    ///
    /// Of a root file or a jail with a root of layers each becomes a layer of the image, and what was written
    /// the topmost. A directory, and the upper of a root file, should not be written to meanwhile. What is
    /// both a jail and a file here is the file as ./ROOT.
    #[arg(value_name = "ROOT|JAIL", value_hint = clap::ValueHint::AnyPath)]
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

    /// Largest size of all files, holes among them [default: 32G]
    #[arg(long, value_name = "SIZE")]
    max_size: Option<Size>,

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
        let source = source(&self.root)?;
        if let Source::Jail(_) = source {
            privilege::require().map_err(Failure::failed)?;
        }
        let (target, quiet) = (self.image.0.clone(), self.quiet);
        let mut copying = Progress::new(quiet);
        let opened = ToSave::open(&source, &mut |bytes| copying.tell(bytes));
        copying.clear();
        let mut root = opened.map_err(Failure::failed)?;
        let options = self.options(root.config.take().unwrap_or_default());
        let mut bar = Bar::new(quiet);
        let saved = save(&root.parts, &target, options, &mut |at| {
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

    /// What it was made of says how it is run, where nothing else does.
    fn options(self, noted: Config) -> SaveOptions {
        let (_, tag, layout) = self.image;
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
        SaveOptions {
            config,
            platform: self.platform.unwrap_or_else(Platform::of_this_machine),
            tag,
            compression: match self.compress {
                Compress::None => Compression::None,
                Compress::Gzip => Compression::Gzip,
                Compress::Zstd => Compression::Zstd,
            },
            created: self.created,
            most: self.max_size.map_or(Limits::default().bytes, Size::bytes),
            layout,
            replace: self.force,
            above: None,
        }
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
