// SPDX-License-Identifier: MIT OR Apache-2.0

//! The SD card images: every board's is made and read back, and what can be booted of one is.

use crate::boot::accel::Accel;
use crate::boot::deadline::Deadline;
use crate::boot::qemu::{Boot, KernelStart, Start};
use crate::boot::session::{self, Ended, Io};
use crate::image::card::check;
use crate::image::card::content::{INITRAMFS, KERNEL};
use crate::image::card::layout::IMAGE_SIZE;
use crate::image::target::Target;
use crate::kernel::build::Image;
use crate::machine::Machine;
use crate::project::Project;
use crate::tasks::guest_run::unused_log;
use crate::tasks::image::Ready;
use crate::ui;
use anyhow::{bail, Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Ends the demonstration of a card, with `pass` or `fail`.
const LAST_LINE: &str = "jaula-demo: ";
/// How long to wait for that line.
const LIMIT: Duration = Duration::from_secs(600);
/// QEMU has no BeagleBoard. This one has its processor, and the same kernel boots it.
const STAND_IN: &str = "cubieboard";

/// Makes the card of a board and reads it back; gives its path, below `dir`.
pub fn make(project: &Project, ready: &Ready, dir: &Path) -> Result<PathBuf> {
    let out = dir.join(&ready.board.name);
    ready.write(project, Target::examine(&out, false, IMAGE_SIZE)?, "")?;
    check::file(&out)?;
    Ok(out)
}

/// Boots the kernel and the initramfs of a card with the card in its slot, until the last line of
/// the demonstration.
pub fn boot(project: &Project, built: &Image, card: &Path) -> Result<()> {
    let machine = Machine::named(STAND_IN)?;
    let found = check::file(card)?;
    let dir = card.parent().context("a card is in a directory")?;
    let taken = |name: &str| -> Result<PathBuf> {
        let path = dir.join(format!("booted-{name}"));
        let content = found
            .files
            .get(name)
            .with_context(|| format!("{}: {name} is not on the card", card.display()))?;
        fs::write(&path, content).with_context(|| path.display().to_string())?;
        Ok(path)
    };
    let device_tree = machine
        .device_tree
        .as_deref()
        .with_context(|| format!("machine {STAND_IN} has no device tree"))?;
    let (log, _lock) = unused_log(project, &format!("console-card-{STAND_IN}"))?;
    let started = Instant::now();
    let outcome = session::run(
        &Boot {
            machine: &machine,
            start: Start::Kernel(KernelStart {
                kernel: &taken(KERNEL)?,
                device_tree: Some(&built.device_tree(device_tree)?),
                initramfs: &taken(INITRAMFS)?,
                card: Some(card),
                append: "jaula.demo",
            }),
            memory_mib: machine.memory_mib.unwrap_or(512),
            smp: machine.smp,
            accel: Accel::Tcg,
        },
        Io::Console(LAST_LINE),
        &Deadline::after(Some(LIMIT)),
        &log,
    )?;
    let said = fs::read_to_string(&log).with_context(|| log.display().to_string())?;
    if outcome.ended != Ended::Normally || outcome.status != Some(0) {
        bail!("{:?}. {}", outcome.ended, outcome.tail_text());
    }
    if !outcome.splats.is_empty() {
        bail!("{}", outcome.splats.join("\n\n"));
    }
    if !said.contains("init: /data is on /dev/mmcblk") {
        bail!(
            "the card's second partition was not mounted: {}",
            log.display()
        );
    }
    ui::note(&format!(
        "from power-on to the demonstration's last line: {}",
        ui::duration(started.elapsed())
    ));
    Ok(())
}
