// SPDX-License-Identifier: MIT OR Apache-2.0

//! `cargo xtask image`

use super::kernel;
use crate::arch::Flavour;
use crate::cli::{ImageArgs, KernelChoice};
use crate::guest::initramfs;
use crate::guest::userland::{self, Program};
use crate::image::board::Board;
use crate::image::target::Target;
use crate::image::{self, firmware, Parts};
use crate::kernel::build::Image;
use crate::project::Project;
use crate::setup::needs::busybox;
use crate::ui;
use anyhow::{Context, Result};
use std::path::Path;
use std::process::ExitCode;

/// Builds everything for a board and writes its card.
pub fn run(project: &Project, args: &ImageArgs) -> Result<ExitCode> {
    // Before minutes of building, not after.
    let board = Board::named(&args.board)?;
    let target = Target::examine(&args.out, args.force)?;
    let firmware = firmware::find(project, &board, args.firmware.as_deref())?;

    let choice = KernelChoice {
        arch: Some(board.arch),
        source: args.source.clone(),
        jobs: args.jobs,
    };
    let lock = kernel::set_up(project, &choice, board.arch)?;
    let kernel = kernel::image(project, &lock, &choice, board.arch, Flavour::Normal)?;
    let programs = userland::build(project, board.arch, &lock, None)?;
    drop(lock);
    let ready = Ready {
        board: &board,
        firmware: &firmware,
        kernel: &kernel,
        programs: &programs,
    };
    let found = ready.write(project, target, &args.append)?;
    ui::note(&format!(
        "{}: a card for the {}, read back and compared; {} of {} MiB are in use",
        args.out.display(),
        board.title,
        found.used.div_ceil(1 << 20),
        image::layout::IMAGE_SIZE >> 20
    ));
    Ok(ExitCode::SUCCESS)
}

/// What a board's card is made of, when all of it has been built.
pub struct Ready<'a> {
    /// The board.
    pub board: &'a Board,
    /// The directory with its boot loader.
    pub firmware: &'a Path,
    /// Its kernel, and the device trees.
    pub kernel: &'a Image,
    /// Our programs, of which the card carries those that are no tests.
    pub programs: &'a [Program],
}

impl Ready<'_> {
    /// Writes the card; what was found on reading it back.
    pub fn write(
        &self,
        project: &Project,
        target: Target,
        append: &str,
    ) -> Result<image::check::Found> {
        let names = self.board.device_trees.iter();
        let device_trees = names
            .map(|name| self.kernel.device_tree(name))
            .collect::<Result<Vec<_>>>()?;
        let initramfs = tempfile::NamedTempFile::with_prefix("jaula-").context("temporary file")?;
        initramfs::write_card(
            initramfs.path(),
            &busybox(project, self.board.arch)?,
            &userland::for_card(self.programs),
        )?;
        let parts = Parts {
            board: self.board,
            firmware: self.firmware,
            zimage: &self.kernel.kernel,
            device_trees: &device_trees,
            initramfs: initramfs.path(),
            append,
        };
        image::write(target, &parts)
    }
}
