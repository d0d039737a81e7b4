// SPDX-License-Identifier: MIT OR Apache-2.0

//! The command line of QEMU.

use super::accel::Accel;
use crate::machine::Machine;
use crate::process::command;
use std::path::Path;
use std::process::Command;

/// What to boot, and on what.
#[derive(Clone, Debug)]
pub struct Boot<'a> {
    /// The machine.
    pub machine: &'a Machine,
    /// The kernel's image.
    pub kernel: &'a Path,
    /// The initramfs.
    pub initramfs: &'a Path,
    /// Kernel arguments beside those that the machine needs.
    pub append: &'a str,
    /// Guest memory in MiB.
    pub memory_mib: u32,
    /// Number of processors.
    pub smp: u32,
    /// How the processors are emulated.
    pub accel: Accel,
}

impl Boot<'_> {
    /// The kernel's command line.
    pub fn kernel_arguments(&self) -> String {
        // A panic reboots at once, which ends QEMU, as does an oops: nothing after it counts.
        let own = format!(
            "console={} panic=-1 oops=panic",
            self.machine.serial.console
        );
        [own.as_str(), self.machine.append.as_str(), self.append]
            .iter()
            .filter(|part| !part.is_empty())
            .copied()
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// QEMU, with its first serial port on standard output and the others connected to these
    /// sockets, in this order.
    pub fn command(&self, sockets: &[&Path]) -> Command {
        // QEMU must not outlive us, however we end.
        let mut qemu = command("setpriv");
        qemu.args(["--pdeathsig", "KILL", self.machine.arch.qemu()]);
        qemu.args([
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
            "-no-reboot",
        ]);
        qemu.args(["-machine", &self.machine.qemu_machine]);
        qemu.args(self.accel.arguments());
        if let Some(cpu) = self.accel.cpu().or(self.machine.cpu.as_deref()) {
            qemu.args(["-cpu", cpu]);
        }
        qemu.args([
            "-m",
            &format!("{}M", self.memory_mib),
            "-smp",
            // A socket each: the tables of the firmware name one processor a socket.
            &format!("{0},sockets={0}", self.smp),
        ]);
        qemu.arg("-kernel")
            .arg(self.kernel)
            .arg("-initrd")
            .arg(self.initramfs);
        qemu.args(["-append", &self.kernel_arguments()]);
        // Early in a boot the kernel does not wait long for the port, and a socket holds few
        // of the single bytes that QEMU writes: characters got lost. A pipe holds more.
        qemu.args([
            "-chardev",
            "stdio,id=console,signal=off",
            "-serial",
            "chardev:console",
        ]);
        for (n, socket) in sockets.iter().enumerate() {
            qemu.arg("-chardev")
                .arg(format!("socket,id=s{n},path={}", socket.display()));
            qemu.args(["-serial", &format!("chardev:s{n}")]);
        }
        qemu
    }
}
