// SPDX-License-Identifier: MIT OR Apache-2.0

//! Booting a guest with our programs in it: what the commands and the test driver share.

use crate::arch::Flavour;
use crate::boot::accel::Accel;
use crate::boot::deadline::Deadline;
use crate::boot::disk::DiskStart;
use crate::boot::qemu::{Boot, KernelStart, Start};
use crate::boot::session::{self, Ended, Io, Outcome};
use crate::boot::terminal;
use crate::cli::GuestArgs;
use crate::guest::orders::Orders;
use crate::guest::userland::{self, Program};
use crate::guest::{initramfs, payload};
use crate::image::disk::services;
use crate::kernel::build::Image;
use crate::lock::LockedFile;
use crate::machine::Machine;
use crate::project::Project;
use crate::setup::needs::busybox;
use crate::setup::Extra;
use crate::tasks::{debian, kernel};
use anyhow::{bail, Context, Result};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Exit status of a run that was ended at its time limit, as timeout(1) has it.
const TIMED_OUT: u8 = 124;
/// Exit status of a run whose kernel panicked, reported a mistake of its own, or vanished.
const CRASHED: u8 = 125;

/// Exit status of a run whose output nobody read any more: that of a program ended by SIGPIPE.
const UNREAD: u8 = 141;

/// A kernel and a user land, ready to be booted as often as needed.
pub struct Guest<'a> {
    project: &'a Project,
    args: GuestArgs,
    machine: Machine,
    kernel: PathBuf,
    device_tree: Option<PathBuf>,
    /// The disk of a machine that boots from one.
    disk: Option<PathBuf>,
    /// The disk with what services run in, where the tests have made it.
    services: Option<PathBuf>,
    /// Whether what it writes there stays.
    keeps: bool,
    busybox: PathBuf,
    accel: Accel,
    flavour: Flavour,
    /// Our programs in it.
    programs: Vec<Program>,
}

/// What a guest boots, when all of it has been built.
pub struct Bootable {
    /// The kernel.
    pub kernel: Image,
    /// Our programs.
    pub programs: Vec<Program>,
    /// The disk, where the machine boots from one.
    pub disk: Option<PathBuf>,
}

/// What a machine takes that the others can do without.
pub fn extras(machine: &Machine) -> &'static [Extra] {
    if machine.disk {
        &[Extra::Packaging, Extra::Disk]
    } else {
        &[]
    }
}

/// How the processors of an emulated machine run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Processors {
    /// At the same time: for what is to meet the races of a real machine.
    AtOnce,
    /// In turn, which is faster; or one, where the machine does not take that.
    InTurn,
    /// One, whose clock counts instructions.
    Counted,
}

/// One boot.
pub struct Plan<'a> {
    /// A name for the log.
    pub name: &'static str,
    /// A script to run as root.
    pub command: Option<String>,
    /// Whether a shell follows.
    pub shell: bool,
    /// Kernel arguments beside the user's.
    pub append: &'a str,
    /// How its processors run.
    pub processors: Processors,
    /// Where output goes.
    pub io: Io,
    /// When to end it.
    pub deadline: Deadline,
}

impl<'a> Guest<'a> {
    /// Sets up and builds what is missing.
    pub fn prepare(project: &'a Project, args: &GuestArgs) -> Result<Self> {
        let machine = Machine::choose(args.machine.as_deref(), args.kernel.arch)?;
        if machine.smp_fixed && args.smp.is_some_and(|smp| smp != machine.smp) {
            bail!(
                "--smp: machine {} has {} processor and no other number of them",
                machine.name,
                machine.smp
            );
        }
        for copy in &args.copies {
            // Before minutes of building, not after.
            std::fs::metadata(&copy.from)
                .with_context(|| format!("--copy {}", copy.from.display()))?;
        }
        let flavour = machine.flavour(args.debug_kernel)?;
        let lock = kernel::set_up(project, &args.kernel, machine.arch, extras(&machine))?;
        let image = kernel::image(project, &lock, &args.kernel, machine.arch, flavour)?;
        let programs = userland::build(project, machine.arch, &lock, None)?;
        let disk = if machine.disk {
            Some(debian::disk(project, &lock, &args.kernel, machine.selinux)?)
        } else {
            None
        };
        drop(lock);
        let bootable = Bootable {
            kernel: image,
            programs,
            disk,
        };
        Self::of(project, args.clone(), machine, flavour, bootable)
    }

    /// A machine, and what it boots.
    pub fn of(
        project: &'a Project,
        args: GuestArgs,
        machine: Machine,
        flavour: Flavour,
        bootable: Bootable,
    ) -> Result<Self> {
        let image = &bootable.kernel;
        let device_tree = machine.device_tree.as_deref();
        let device_tree = device_tree
            .map(|name| image.device_tree(name))
            .transpose()?;
        Ok(Self {
            project,
            args,
            busybox: busybox(project, machine.arch)?,
            accel: Accel::best(project, &machine, &image.kernel)?,
            machine,
            kernel: image.kernel.clone(),
            device_tree,
            services: match bootable.disk {
                Some(_) => services::made(project)?,
                None => None,
            },
            disk: bootable.disk,
            keeps: false,
            flavour,
            programs: bootable.programs,
        })
    }

    /// The same with a disk of its own, on which everything stays that it writes there.
    pub fn keeping(self, disk: PathBuf) -> Self {
        Self {
            disk: Some(disk),
            keeps: true,
            ..self
        }
    }

    /// How many processors there are.
    fn processors(&self, how: Processors) -> u32 {
        let several = self.args.smp.unwrap_or(self.machine.smp);
        match how {
            // Instructions are counted on one processor only.
            Processors::Counted => 1,
            Processors::InTurn if !self.machine.in_turn => self.args.smp.unwrap_or(1),
            Processors::AtOnce | Processors::InTurn => several,
        }
    }

    /// Boots once.
    pub fn boot(&self, plan: Plan) -> Result<Outcome> {
        let dir = tempfile::Builder::new()
            .prefix("jaula-")
            .tempdir()
            .context("temporary directory")?;
        let orders = Orders {
            command: plan.command,
            shell: plan.shell,
            variables: terminal::variables(&self.machine, self.keeps),
        };
        let accel = match plan.processors {
            Processors::AtOnce => self.accel,
            Processors::InTurn if self.machine.in_turn => self.accel.in_turn(),
            Processors::InTurn => self.accel,
            Processors::Counted => Accel::Icount,
        };
        let append = format!("{} {}", plan.append, self.args.append);
        let append = match self.disk {
            // A kernel that is loaded without a disk has the machine's arguments in any case.
            Some(_) => format!("{} {append}", self.machine.append),
            None => append,
        };
        let given = dir.path().join("given");
        let start = match &self.disk {
            Some(disk) => self.disk_start(disk, &orders, append.trim(), dir.path(), &given)?,
            None => self.kernel_start(&orders, append.trim(), &given)?,
        };
        let boot = Boot {
            machine: &self.machine,
            start,
            memory_mib: self
                .args
                .memory
                .or(self.machine.memory_mib)
                .unwrap_or(self.flavour.memory_mib()),
            smp: self.processors(plan.processors),
            accel,
        };
        let name = format!(
            "console-{}-{}-{}",
            plan.name, self.machine.name, self.flavour
        );
        let (log, _lock) = unused_log(self.project, &name)?;
        session::run(&boot, plan.io, &plan.deadline, &log)
    }

    /// A kernel with all that the guest is given in an initramfs.
    fn kernel_start<'b>(
        &'b self,
        orders: &Orders,
        append: &'b str,
        given: &'b Path,
    ) -> Result<Start<'b>> {
        initramfs::write(
            given,
            &self.busybox,
            &self.programs,
            &self.args.copies,
            orders,
        )?;
        Ok(Start::Kernel(KernelStart {
            kernel: &self.kernel,
            device_tree: self.device_tree.as_deref(),
            initramfs: given,
            card: None,
            append,
        }))
    }

    /// A disk, and a second one with all that the guest is given. With kernel arguments of our own the
    /// boot loader is left out.
    fn disk_start<'b>(
        &'b self,
        disk: &'b Path,
        orders: &Orders,
        append: &str,
        dir: &Path,
        given: &'b Path,
    ) -> Result<Start<'b>> {
        payload::write(
            given,
            &self.busybox,
            &self.programs,
            &self.args.copies,
            orders,
        )?;
        let mut start = DiskStart::new(disk, given, dir)?;
        start.keeps = self.keeps;
        start.services = self.services.as_deref();
        if !append.is_empty() {
            start.boot_directly(&self.kernel, &self.machine, append);
        }
        Ok(Start::Disk(start))
    }
}

/// A log that no other run is writing at this moment, and what keeps it ours.
pub(super) fn unused_log(project: &Project, name: &str) -> Result<(PathBuf, LockedFile)> {
    for n in 1.. {
        let number = if n == 1 {
            String::new()
        } else {
            format!("-{n}")
        };
        let path = project.log(&format!("{name}{number}.log"))?;
        if let Some(lock) = LockedFile::try_new(&path)? {
            return Ok((path, lock));
        }
    }
    bail!("{name}: no log file can be had")
}

/// The exit status that tells how a run went, with what a person must know printed.
pub fn exit_code(outcome: &Outcome, limit: Option<Duration>) -> ExitCode {
    for splat in &outcome.splats {
        eprintln!("xtask: the kernel reported a mistake of its own:\n{splat}");
    }
    match outcome.ended {
        Ended::Escaped => return ExitCode::SUCCESS,
        Ended::Unread => return UNREAD.into(),
        Ended::TimedOut => {
            let seconds = limit.unwrap_or_default().as_secs();
            eprintln!(
                "xtask: the guest was ended after {seconds} s (--timeout). {}",
                outcome.tail_text()
            );
            return TIMED_OUT.into();
        }
        Ended::Panicked => {
            eprintln!(
                "xtask: the guest's kernel panicked. {}",
                outcome.tail_text()
            );
            return CRASHED.into();
        }
        Ended::Vanished => {
            eprintln!(
                "xtask: the guest ended without a word. {}",
                outcome.tail_text()
            );
            return CRASHED.into();
        }
        Ended::Normally if !outcome.splats.is_empty() => {
            eprintln!("xtask: all of the kernel's log: {}", outcome.log.display());
            return CRASHED.into();
        }
        Ended::Normally => {}
    }
    match outcome.status.map(u8::try_from) {
        Some(Ok(status)) => status.into(),
        _ => {
            eprintln!(
                "xtask: the guest reported no exit status. {}",
                outcome.tail_text()
            );
            CRASHED.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_runs_at_once_have_logs_of_their_own() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let project = Project::at(dir.path(), dir.path());
        let (first, lock) = unused_log(&project, "console-exec")?;
        let (second, _second_lock) = unused_log(&project, "console-exec")?;
        assert_ne!(first, second);
        drop(lock);
        assert_eq!(unused_log(&project, "console-exec")?.0, first);
        Ok(())
    }
}
