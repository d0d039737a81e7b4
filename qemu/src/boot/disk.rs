// SPDX-License-Identifier: MIT OR Apache-2.0

//! Booting from a disk as a real machine does: firmware, boot loader, and a system that knows
//! nothing of the harness until systemd finds a unit in what QEMU says of the machine.

use super::qemu::escaped;
use crate::machine::Machine;
use crate::setup::needs::{OVMF_CODE, OVMF_VARIABLES};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const UNIT: &str = include_str!("../../guest/harness.service");
const WANTED: &str = include_str!("../../guest/harness-wanted.conf");

/// What a machine that boots from its disk has.
#[derive(Clone, Debug)]
pub struct DiskStart<'a> {
    /// The disk.
    pub disk: &'a Path,
    /// Whether what the guest writes to it stays.
    pub keeps: bool,
    /// The disk with what the guest is given for this run.
    pub payload: &'a Path,
    /// The kernel and its arguments, where the boot loader of the disk is to be left out.
    pub kernel: Option<(&'a Path, String)>,
    /// A disk with what services run in, which nobody writes to.
    pub services: Option<&'a Path>,
    firmware: Firmware,
}

#[derive(Clone, Debug)]
struct Firmware {
    variables: PathBuf,
    /// Strings for systemd in the tables of the firmware.
    credentials: Vec<PathBuf>,
}

impl<'a> DiskStart<'a> {
    /// A disk that boots by its own boot loader and is left as it is. `dir` is a directory for files
    /// that have to be there for as long as QEMU runs.
    pub fn new(disk: &'a Path, payload: &'a Path, dir: &Path) -> Result<Self> {
        let variables = dir.join("variables");
        fs::copy(OVMF_VARIABLES, &variables).with_context(|| {
            format!("{OVMF_VARIABLES}: cannot copy it; `cargo xtask setup` installs it")
        })?;
        let units = [
            ("systemd.extra-unit.jaula-harness.service", UNIT),
            ("systemd.unit-dropin.multi-user.target", WANTED),
        ];
        let mut credentials = Vec::new();
        for (name, text) in units {
            let path = dir.join(name);
            let text = format!(
                "io.systemd.credential.binary:{name}={}",
                data_encoding::BASE64.encode(text.as_bytes())
            );
            fs::write(&path, text).with_context(|| path.display().to_string())?;
            credentials.push(path);
        }
        Ok(Self {
            disk,
            keeps: false,
            payload,
            kernel: None,
            services: None,
            firmware: Firmware {
                variables,
                credentials,
            },
        })
    }

    /// Leaves firmware and boot loader out: QEMU loads this kernel, with these arguments beside those
    /// that the disk takes.
    pub fn boot_directly(&mut self, kernel: &'a Path, machine: &Machine, append: &str) {
        let arguments = format!(
            "root=/dev/vda2 rw console={} {append}",
            machine.serial.console
        );
        self.kernel = Some((kernel, arguments));
    }

    pub(super) fn add_to(&self, qemu: &mut Command) {
        let mut drive = |text: String| {
            qemu.args(["-drive", &text]);
        };
        if self.kernel.is_none() {
            drive(format!(
                "if=pflash,unit=0,format=raw,readonly=on,file={OVMF_CODE}"
            ));
            drive(format!(
                "if=pflash,unit=1,format=raw,file={}",
                escaped(&self.firmware.variables)
            ));
        }
        let snapshot = if self.keeps { "off" } else { "on" };
        drive(format!(
            "if=none,id=disk,format=raw,cache=unsafe,snapshot={snapshot},file={}",
            escaped(self.disk)
        ));
        drive(format!(
            "if=none,id=payload,format=raw,readonly=on,file={}",
            escaped(self.payload)
        ));
        qemu.args([
            "-device",
            "virtio-blk-pci,drive=disk,serial=disk,bootindex=1",
        ]);
        qemu.args([
            "-device",
            "virtio-blk-pci,drive=payload,serial=jaula-payload",
        ]);
        if let Some(services) = self.services {
            let file = escaped(services);
            qemu.args([
                "-drive",
                &format!("if=none,id=services,format=raw,readonly=on,file={file}"),
                "-device",
                "virtio-blk-pci,drive=services,serial=services",
            ]);
        }
        qemu.args(["-netdev", "user,id=net"]);
        qemu.args(["-device", "virtio-net-pci,netdev=net"]);
        for credential in &self.firmware.credentials {
            qemu.args(["-smbios", &format!("type=11,path={}", escaped(credential))]);
        }
        if let Some((kernel, arguments)) = &self.kernel {
            qemu.arg("-kernel").arg(kernel).args(["-append", arguments]);
        }
    }
}
