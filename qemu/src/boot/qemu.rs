// SPDX-License-Identifier: MIT OR Apache-2.0

//! The command line of QEMU.

use super::accel::Accel;
use super::disk::DiskStart;
use crate::machine::Machine;
use crate::process::command;
use std::path::Path;
use std::process::Command;

/// What to boot, and on what.
#[derive(Clone, Debug)]
pub struct Boot<'a> {
    /// The machine.
    pub machine: &'a Machine,
    /// What it boots.
    pub start: Start<'a>,
    /// Guest memory in MiB.
    pub memory_mib: u32,
    /// Number of processors.
    pub smp: u32,
    /// How the processors are emulated.
    pub accel: Accel,
}

/// What a machine boots.
#[derive(Clone, Debug)]
pub enum Start<'a> {
    /// A kernel that QEMU loads.
    Kernel(KernelStart<'a>),
    /// A disk.
    Disk(DiskStart<'a>),
}

/// A kernel, and what belongs to it.
#[derive(Clone, Debug)]
pub struct KernelStart<'a> {
    /// The kernel's image.
    pub kernel: &'a Path,
    /// The machine's device tree, where the kernel needs to be given one.
    pub device_tree: Option<&'a Path>,
    /// The initramfs.
    pub initramfs: &'a Path,
    /// The image of a card in the machine's slot; what the guest writes there is lost.
    pub card: Option<&'a Path>,
    /// Kernel arguments beside those that the machine needs.
    pub append: &'a str,
}

impl KernelStart<'_> {
    /// The kernel's command line.
    fn arguments(&self, machine: &Machine) -> String {
        // A panic reboots at once, which ends QEMU, as does an oops: nothing after it counts.
        let own = format!("console={} panic=-1 oops=panic", machine.serial.console);
        [own.as_str(), machine.append.as_str(), self.append]
            .iter()
            .filter(|part| !part.is_empty())
            .copied()
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn add_to(&self, qemu: &mut Command, machine: &Machine) {
        qemu.arg("-kernel").arg(self.kernel);
        qemu.arg("-initrd").arg(self.initramfs);
        qemu.args(["-append", &self.arguments(machine)]);
        if let Some(device_tree) = self.device_tree {
            qemu.arg("-dtb").arg(device_tree);
        }
        if let Some(card) = self.card {
            qemu.args([
                "-drive",
                &format!("if=sd,format=raw,snapshot=on,file={}", escaped(card)),
            ]);
        }
        qemu.arg("-no-reboot");
    }
}

impl Boot<'_> {
    /// QEMU, with the guest's console on standard output and its other channels connected to
    /// these sockets.
    pub fn command(&self, sockets: &[(&str, &Path)]) -> Command {
        // QEMU must not outlive us, however we end.
        let mut qemu = command("setpriv");
        qemu.args(["--pdeathsig", "KILL", self.machine.arch.qemu()]);
        qemu.args(["-nodefaults", "-no-user-config", "-display", "none"]);
        qemu.args(["-machine", &self.machine.qemu_machine]);
        qemu.args(self.accel.arguments());
        if let Some(cpu) = self.accel.cpu().or(self.machine.cpu.as_deref()) {
            qemu.args(["-cpu", cpu]);
        }
        qemu.args(["-m", &format!("{}M", self.memory_mib)]);
        if !self.machine.smp_fixed {
            // A socket each: the tables of a PC's firmware name one processor a socket.
            qemu.args(["-smp", &format!("{0},sockets={0}", self.smp)]);
        }
        match &self.start {
            Start::Kernel(start) => start.add_to(&mut qemu, self.machine),
            Start::Disk(start) => start.add_to(&mut qemu),
        }
        // Early in a boot the kernel does not wait long for the port, and a socket holds few
        // of the single bytes that QEMU writes: characters got lost. A pipe holds more.
        qemu.args(["-chardev", "stdio,id=console,signal=off"]);
        for (channel, socket) in sockets {
            qemu.arg("-chardev")
                .arg(format!("socket,id={channel},path={}", socket.display()));
        }
        for port in &self.machine.ports {
            let device = match port.as_str() {
                "none" => port.clone(),
                channel => format!("chardev:{channel}"),
            };
            qemu.args(["-serial", &device]);
        }
        for device in &self.machine.devices {
            qemu.args(["-device", device]);
        }
        qemu
    }
}

/// A path in an option, where a comma is written twice.
pub(super) fn escaped(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}
