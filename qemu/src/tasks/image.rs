// SPDX-License-Identifier: MIT OR Apache-2.0

//! `cargo xtask image`

use super::kernel;
use crate::arch::Flavour;
use crate::cli::{ImageArgs, KernelChoice};
use crate::guest::{initramfs, userland};
use crate::image::board::Board;
use crate::image::target::Target;
use crate::image::{self, firmware, Parts};
use crate::project::Project;
use crate::setup::needs::busybox;
use crate::ui;
use anyhow::{Context, Result};
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
    let kernel = kernel::image(project, &choice, board.arch, Flavour::Normal)?;
    let device_trees = board
        .device_trees
        .iter()
        .map(|name| kernel.device_tree(name))
        .collect::<Result<Vec<_>>>()?;
    let initramfs = tempfile::NamedTempFile::with_prefix("jaula-").context("temporary file")?;
    initramfs::write_card(
        initramfs.path(),
        &busybox(project, board.arch)?,
        &userland::build(project, board.arch)?,
    )?;

    let parts = Parts {
        board: &board,
        firmware: &firmware,
        zimage: &kernel.kernel,
        device_trees: &device_trees,
        initramfs: initramfs.path(),
        append: &args.append,
    };
    let found = image::write(target, &parts)?;
    ui::note(&format!(
        "{}: a card for the {}, read back and compared; {} of {} MiB are in use",
        args.out.display(),
        board.title,
        found.used.div_ceil(1 << 20),
        image::layout::IMAGE_SIZE >> 20
    ));
    Ok(ExitCode::SUCCESS)
}
