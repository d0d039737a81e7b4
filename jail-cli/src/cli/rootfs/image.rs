// SPDX-License-Identifier: MIT OR Apache-2.0

//! Images on the command line.

use std::path::Path;

use clap::Args;
use jaula::image::{reference, Asked};
use jaula::isolation::Size;
use jaula::reach;
use jaula::text::shown;
use jaula_rootfs::image::{Limits, Platform, Progress, Pull, Reference, Summary};

use super::encrypt::Encrypt;
use super::progress::Bar;
use crate::cli::table::bytes;
use crate::cli::Failure;

/// Which image, and how much of it is taken.
#[derive(Debug, Args)]
pub struct FromImage {
    /// Image: a directory or tar file that has one in it, oci:DIR[:TAG], oci-archive:FILE[:TAG],
    /// docker-archive:FILE[:TAG], or what skopeo fetches: docker://NAME, containers-storage:NAME
    #[arg(long, value_name = "IMAGE", value_parser = reference)]
    image: Option<Reference>,

    /// Take an image for another machine, such as linux/arm/v7
    #[arg(long, value_name = "OS/ARCH", requires = "image", conflicts_with = "template", help_heading = IMAGES)]
    platform: Option<Platform>,

    /// Fetch the image again where it has been fetched before
    #[arg(long, requires = "image", conflicts_with = "template", help_heading = IMAGES)]
    pull: bool,

    /// Leave nodes of devices out, for which an image is refused otherwise
    #[arg(long, requires = "image", conflicts_with = "template", help_heading = IMAGES)]
    without_devices: bool,

    /// Largest size of what is unpacked [default: 32G]
    #[arg(long, value_name = "SIZE", requires = "image", conflicts_with = "template", help_heading = IMAGES)]
    max_size: Option<Size>,

    /// Most files, directories and whatever else [default: 1000000]
    #[arg(long, value_name = "N", requires = "image", conflicts_with = "template", help_heading = IMAGES)]
    max_entries: Option<u64>,

    /// How many times as large as it is stored a layer may become [default: 200]
    #[arg(long, value_name = "N", requires = "image", conflicts_with = "template", help_heading = IMAGES)]
    max_ratio: Option<u64>,
}

const IMAGES: &str = "Images";

impl FromImage {
    /// What is asked for, where an image is.
    pub fn asked(&self) -> Option<Asked> {
        let usual = Limits::default();
        Some(Asked {
            reference: self.image.clone()?,
            platform: self.platform.clone(),
            pull: match self.pull {
                true => Pull::Always,
                false => Pull::Missing,
            },
            limits: Limits {
                bytes: self.max_size.map_or(usual.bytes, Size::bytes),
                entries: self.max_entries.unwrap_or(usual.entries),
                ratio: self.max_ratio.unwrap_or(usual.ratio),
                ..usual
            },
            without_devices: self.without_devices,
        })
    }
}

/// Where a root goes, and how.
pub struct To<'a> {
    /// The directory, or the root file.
    pub target: &'a Path,
    /// Whether what is there is replaced.
    pub replace: bool,
    /// Whether nothing is told.
    pub quiet: bool,
}

/// Makes a root of an image, and tells of it.
pub fn build(asked: &Asked, to: &To<'_>, encrypt: Encrypt) -> Result<(), Failure> {
    let mut bar = Bar::new(to.quiet);
    let encrypted = encrypt.make(to.target, to.replace, |name, above| {
        asked.build_in(name, above, &mut |at| show(&mut bar, at))
    })?;
    let built = match &encrypted {
        Some(encrypted) => Ok(encrypted.filled().clone()),
        None => asked.build(to.target, to.replace, &mut |at| show(&mut bar, at)),
    };
    drop(bar);
    let (digest, summary) = built.map_err(Failure::failed)?;
    if to.quiet {
        return Ok(());
    }
    if let Some(encrypted) = &encrypted {
        encrypted.tell();
    }
    let reference = asked.reference.to_string();
    jaula::complain!(
        "jaula: {}: made of {}: {}; {digest}",
        shown(to.target),
        shown(&reference),
        told(&summary),
    );
    if encrypted.is_none() && reach::is_path_exposed(to.target) == Ok(true) {
        jaula::complain!("jaula: warning: {}", reach::warning(to.target));
    }
    Ok(())
}

/// Shows how far the unpacking of an image is.
pub fn show(bar: &mut Bar, at: Progress) {
    bar.show(jaula_rootfs::Progress {
        path: &format!("layer {} of {}", at.layer, at.layers),
        done: at.read,
        total: at.stored,
    });
}

fn told(summary: &Summary) -> String {
    let mut text = format!(
        "{}, {} files ({}), {} directories, {} symbolic links",
        match summary.layers {
            1 => "1 layer".to_owned(),
            layers => format!("{layers} layers"),
        },
        summary.files,
        bytes(summary.bytes),
        summary.directories,
        summary.symlinks,
    );
    for (count, what) in [
        (summary.devices_left_out, "nodes of devices left out"),
        (summary.xattrs_left_out, "extended attributes left out"),
    ] {
        if count > 0 {
            text += &format!(", {count} {what}");
        }
    }
    text
}
