// SPDX-License-Identifier: MIT OR Apache-2.0

//! Choosing how processors are emulated. KVM only once it has proven itself.

use super::deadline::Deadline;
use super::qemu::{Boot, KernelStart, Start};
use super::session::{self, Ended, Io};
use crate::arch::Arch;
use crate::guest::initramfs;
use crate::guest::orders::Orders;
use crate::machine::Machine;
use crate::project::Project;
use crate::setup::needs::busybox;
use crate::ui;
use anyhow::Result;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a guest under a working KVM may take to boot and end. It takes about one.
const PROBE_LIMIT: Duration = Duration::from_secs(10);

/// How the guest's processors are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accel {
    /// By the host's, through KVM.
    Kvm,
    /// By translation, one host thread a processor: they really run at the same time.
    Tcg,
    /// By translation, all of them by one host thread in turn. Where processes are made and ended
    /// it takes half the time: no processor waits for another to let it change what is translated.
    TcgInTurn,
    /// By translation, the guest's clock advancing one nanosecond an instruction.
    Icount,
}

impl Accel {
    /// QEMU's options.
    pub fn arguments(self) -> &'static [&'static str] {
        match self {
            Accel::Kvm => &["-accel", "kvm"],
            Accel::Tcg => &["-accel", "tcg,thread=multi"],
            Accel::TcgInTurn => &["-accel", "tcg,thread=single"],
            // The same clock and the same random numbers in every run.
            Accel::Icount => &[
                "-accel",
                "tcg,thread=single",
                "-icount",
                "shift=0,sleep=off",
                "-rtc",
                "base=2026-01-01,clock=vm",
                "-seed",
                "1",
            ],
        }
    }

    /// QEMU's `-cpu`, where the machine's own choice will not do.
    pub fn cpu(self) -> Option<&'static str> {
        (self == Accel::Kvm).then_some("host")
    }

    /// The same with the processors in turn, where they are emulated.
    pub fn in_turn(self) -> Self {
        match self {
            Accel::Tcg => Accel::TcgInTurn,
            other => other,
        }
    }

    /// KVM if this kernel really boots under it, else translation.
    ///
    /// A node /dev/kvm proves nothing: it may open, and the guest hang all the same. The
    /// answer is kept until the host boots again.
    pub fn best(project: &Project, machine: &Machine, kernel: &Path) -> Result<Self> {
        let native = machine.arch == Arch::X86_64 && machine.arch.is_native();
        let node = fs::File::options().read(true).write(true).open("/dev/kvm");
        if !native || node.is_err() {
            return Ok(Accel::Tcg);
        }
        // Two guests that begin together try it once.
        static TRYING: Mutex<()> = Mutex::new(());
        let _trying = TRYING.lock().unwrap_or_else(PoisonError::into_inner);
        let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let kept = project.cache().join("kvm-probe");
        let known = fs::read_to_string(&kept).unwrap_or_default();
        let answer = match known.strip_prefix(boot_id.trim()).map(str::trim) {
            Some(answer @ ("works" | "fails")) => answer == "works",
            _ => {
                ui::note("trying whether KVM works here");
                let works = probe(project, machine, kernel).unwrap_or(false);
                let word = if works { "works" } else { "fails" };
                ui::note(&format!(
                    "KVM {word}{}",
                    if works {
                        ""
                    } else {
                        "; emulating instead, which is slower"
                    }
                ));
                // Not kept is only asked again.
                let _ = fs::write(&kept, format!("{} {word}\n", boot_id.trim()));
                works
            }
        };
        Ok(if answer { Accel::Kvm } else { Accel::Tcg })
    }
}

fn probe(project: &Project, machine: &Machine, kernel: &Path) -> Result<bool> {
    let dir = tempfile::tempdir()?;
    let initramfs = dir.path().join("initramfs");
    let orders = Orders {
        command: Some("true".into()),
        shell: false,
        variables: super::terminal::variables(machine, false),
    };
    initramfs::write(
        &initramfs,
        &busybox(project, machine.arch)?,
        &[],
        &[],
        &orders,
    )?;
    let boot = Boot {
        machine,
        start: Start::Kernel(KernelStart {
            kernel,
            device_tree: None,
            initramfs: &initramfs,
            card: None,
            append: "",
        }),
        memory_mib: 256,
        smp: machine.smp,
        accel: Accel::Kvm,
    };
    let outcome = session::run(
        &boot,
        Io::Collect(Box::new(std::io::sink())),
        &Deadline::after(Some(PROBE_LIMIT)),
        &project.log("kvm-probe.log")?,
    )?;
    Ok(matches!(outcome.ended, Ended::Normally) && outcome.status == Some(0))
}
