// SPDX-License-Identifier: MIT OR Apache-2.0

//! The machines that QEMU can be, described in `qemu/machines/*.toml`.

use crate::arch::Arch;
use anyhow::{bail, Context, Result};
use serde::Deserialize;

const FILES: [(&str, &str); 1] = [("pc", include_str!("../machines/pc.toml"))];

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
    /// The guest's devices behind the machine's serial ports, in the order of QEMU's
    /// `-serial` options.
    pub serial: Serial,
    /// Kernel arguments that this machine needs.
    #[serde(default)]
    pub append: String,
    /// Number of processors unless `--smp` says otherwise.
    pub smp: u32,
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

    /// The machine that an architecture's kernel boots on unless another is asked for.
    pub fn default_for(arch: Arch) -> Result<Self> {
        match arch {
            Arch::X86_64 => Self::named("pc"),
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
        assert_eq!(Machine::default_for(Arch::X86_64)?.arch, Arch::X86_64);
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
    fn misspelt_key_is_refused() {
        let text = include_str!("../machines/pc.toml").replace("smp", "spm");
        assert!(parse(&text).is_err());
    }
}
