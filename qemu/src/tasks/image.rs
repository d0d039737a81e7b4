// SPDX-License-Identifier: MIT OR Apache-2.0

//! `cargo xtask image`

use super::guest_run::extras;
use super::{debian, kernel};
use crate::arch::Flavour;
use crate::cli::{ImageArgs, KernelChoice};
use crate::guest::initramfs;
use crate::guest::userland::{self, Program};
use crate::image::card::board::Board;
use crate::image::card::{self, firmware, Parts};
use crate::image::target::Target;
use crate::image::{disk, sparse};
use crate::kernel::build::Image;
use crate::machine::Machine;
use crate::project::Project;
use crate::setup::needs::busybox;
use crate::ui;
use anyhow::{bail, Context, Result};
use std::path::Path;
use std::process::ExitCode;

/// Builds everything for a machine and writes its card or disk.
pub fn run(project: &Project, args: &ImageArgs) -> Result<ExitCode> {
    if args.machine == debian::MACHINE {
        return run_disk(project, args);
    }
    // Before minutes of building, not after.
    let board = Board::named(&args.machine)?;
    let target = Target::examine(&args.out, args.force, card::layout::IMAGE_SIZE)?;
    let firmware = firmware::find(project, &board, args.firmware.as_deref())?;

    let choice = KernelChoice {
        arch: Some(board.arch),
        source: args.source.clone(),
        jobs: args.jobs,
    };
    let lock = kernel::set_up(project, &choice, board.arch, &[])?;
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
        card::layout::IMAGE_SIZE >> 20
    ));
    Ok(ExitCode::SUCCESS)
}

fn run_disk(project: &Project, args: &ImageArgs) -> Result<ExitCode> {
    if args.firmware.is_some() || !args.append.is_empty() {
        bail!(
            "image {}: --firmware and --append are for boards",
            debian::MACHINE
        );
    }
    let target = Target::examine(&args.out, args.force, disk::layout::SIZE)?;
    let choice = KernelChoice {
        arch: None,
        source: args.source.clone(),
        jobs: args.jobs,
    };
    let machine = Machine::named(debian::MACHINE)?;
    let lock = kernel::set_up(project, &choice, machine.arch, extras(&machine))?;
    let image = debian::disk(project, &lock, &choice, false)?;
    let work = target.work_file()?;
    sparse::copy(&image, work.as_file())?;
    // The disk in the cache may be replaced from here on.
    drop(lock);
    target.commit(work)?;
    ui::note(&format!(
        "{}: Debian with jaula. {}",
        args.out.display(),
        disk::how_to_use(&args.out)
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
    ) -> Result<card::check::Found> {
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
        card::write(target, &parts)
    }
}
