// SPDX-License-Identifier: MIT OR Apache-2.0

//! The machines that QEMU can be, described in `qemu/machines/*.toml`.

use crate::arch::{Arch, Flavour};
use anyhow::{bail, Context, Result};
use serde::Deserialize;

const FILES: [(&str, &str); 5] = [
    ("pc", include_str!("../machines/pc.toml")),
    ("debian", include_str!("../machines/debian.toml")),
    (
        "debian-selinux",
        include_str!("../machines/debian-selinux.toml"),
    ),
    ("virt", include_str!("../machines/virt.toml")),
    ("cubieboard", include_str!("../machines/cubieboard.toml")),
];

/// One emulated machine.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Its name, for `--machine`.
    pub name: String,
    /// The architecture of its processors.
    pub arch: Arch,
    /// QEMU's `-machine`.
    pub qemu_machine: String,
    /// QEMU's `-cpu` under TCG; absent for QEMU's own default.
    #[serde(default)]
    pub cpu: Option<String>,
    /// The device tree that the kernel is given, as make calls it; absent where QEMU or the
    /// firmware describes the machine.
    #[serde(default)]
    pub device_tree: Option<String>,
    /// The guest's names for the ports by which the harness talks to it.
    pub serial: Serial,
    /// QEMU's `-serial` options: which of the character devices `console`, `stdio` and
    /// `control` are the machine's own ports, in their order; `none` is one that is not there.
    pub ports: Vec<String>,
    /// QEMU's `-device` options, for those that the machine has no port of its own for.
    #[serde(default)]
    pub devices: Vec<String>,
    /// Kernel arguments that this machine needs.
    #[serde(default)]
    pub append: String,
    /// Number of processors unless `--smp` says otherwise.
    pub smp: u32,
    /// Whether they may be emulated in turn, by one thread of the host. Where they may not, a machine
    /// that is to be fast has one.
    #[serde(default)]
    pub in_turn: bool,
    /// Whether it can have another number of them.
    #[serde(default)]
    pub smp_fixed: bool,
    /// The size of its memory in MiB, where it is soldered on.
    #[serde(default)]
    pub memory_mib: Option<u32>,
    /// Whether it boots Debian from a disk, by its firmware, instead of a kernel and an initramfs
    /// that QEMU is given.
    #[serde(default)]
    pub disk: bool,
    /// Whether its disk has SELinux and Debian's policy for it.
    #[serde(default)]
    pub selinux: bool,
    /// Whether the guest can end QEMU by itself, by powering off or by a reboot under
    /// `-no-reboot`. Where it cannot, the harness ends QEMU when the guest has reported.
    pub powers_off: bool,
}

/// What each serial port is used for: names of devices below `/dev` in the guest.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Serial {
    /// The kernel's console.
    pub console: String,
    /// Standard input and output of the command.
    pub stdio: String,
    /// The exit status, and the size of the terminal.
    pub control: String,
}

impl Machine {
    /// The machine of this name; an unknown name lists the known ones.
    pub fn named(name: &str) -> Result<Self> {
        let Some((_, text)) = FILES.iter().find(|(known, _)| *known == name) else {
            let known: Vec<_> = FILES.iter().map(|(name, _)| *name).collect();
            bail!("{name}: no such machine; there are: {}", known.join(", "));
        };
        parse(text).with_context(|| format!("qemu/machines/{name}.toml"))
    }

    /// Every machine of an architecture.
    pub fn all_of(arch: Arch) -> Result<Vec<Self>> {
        let mut machines = Vec::new();
        for (name, _) in FILES {
            let machine = Self::named(name)?;
            if machine.arch == arch {
                machines.push(machine);
            }
        }
        Ok(machines)
    }

    /// The machine that was asked for by name or architecture, or else the usual one.
    pub fn choose(name: Option<&str>, arch: Option<Arch>) -> Result<Self> {
        let Some(name) = name else {
            return Self::default_for(arch.unwrap_or(Arch::X86_64));
        };
        let machine = Self::named(name)?;
        match arch {
            Some(arch) if arch != machine.arch => {
                let fitting: Vec<_> = Self::all_of(arch)?
                    .into_iter()
                    .map(|machine| machine.name)
                    .collect();
                bail!(
                    "machine {name} is {}, not {arch}; machines that are: {}",
                    machine.arch,
                    fitting.join(", ")
                )
            }
            _ => Ok(machine),
        }
    }

    /// The kernel that it boots.
    pub fn flavour(&self, debug_kernel: bool) -> Result<Flavour> {
        match (self.disk, debug_kernel) {
            (true, true) => bail!(
                "--debug-kernel: machine {} boots the kernel on its disk",
                self.name
            ),
            (true, false) => Ok(Flavour::Server),
            (false, debug) => Ok(Flavour::from_flag(debug)),
        }
    }

    /// The machine that an architecture's kernel boots on unless another is asked for.
    pub fn default_for(arch: Arch) -> Result<Self> {
        match arch {
            Arch::X86_64 => Self::named("pc"),
            Arch::Arm => Self::named("virt"),
        }
    }
}

fn parse(text: &str) -> Result<Machine> {
    Ok(toml::from_str(text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_parses_and_bears_its_name() -> Result<()> {
        for (name, _) in FILES {
            assert_eq!(Machine::named(name)?.name, name);
        }
        Ok(())
    }

    #[test]
    fn default_machine_has_the_architecture() -> Result<()> {
        for arch in Arch::ALL {
            assert_eq!(Machine::default_for(arch)?.arch, arch);
        }
        Ok(())
    }

    #[test]
    fn unknown_machine_lists_the_known_ones() {
        let error = Machine::named("toaster")
            .expect_err("no such machine")
            .to_string();
        assert!(error.contains("toaster") && error.contains("pc"), "{error}");
    }

    #[test]
    fn machine_decides_on_the_architecture() -> Result<()> {
        assert_eq!(Machine::choose(None, None)?.name, "pc");
        assert_eq!(Machine::choose(None, Some(Arch::Arm))?.name, "virt");
        assert_eq!(Machine::choose(Some("cubieboard"), None)?.arch, Arch::Arm);
        let error = Machine::choose(Some("pc"), Some(Arch::Arm))
            .expect_err("another architecture")
            .to_string();
        assert!(
            error.contains("pc is x86_64, not arm") && error.contains("cubieboard"),
            "{error}"
        );
        Ok(())
    }

    #[test]
    fn every_channel_is_a_port_or_a_device() -> Result<()> {
        for (name, _) in FILES {
            let machine = Machine::named(name)?;
            for channel in ["console", "stdio", "control"] {
                let port = machine.ports.iter().any(|port| port == channel);
                let device = machine
                    .devices
                    .iter()
                    .any(|device| device.contains(&format!("={channel}")));
                assert!(port != device, "{name}: {channel}");
            }
        }
        Ok(())
    }

    #[test]
    fn misspelt_key_is_refused() {
        let text = include_str!("../machines/pc.toml").replace("smp", "spm");
        assert!(parse(&text).is_err());
    }
}
