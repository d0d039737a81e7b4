// SPDX-License-Identifier: MIT OR Apache-2.0

//! The architectures and kernel flavours that can be built.

use std::fmt;
use std::str::FromStr;

/// An architecture that the kernel and the user land are built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum, serde::Deserialize)]
pub enum Arch {
    /// 64-bit x86.
    #[value(name = "x86_64")]
    #[serde(rename = "x86_64")]
    X86_64,
    /// 32-bit ARMv7 with hardware floating point.
    #[value(name = "arm")]
    #[serde(rename = "arm")]
    Arm,
}

impl Arch {
    /// All of them.
    pub const ALL: [Arch; 2] = [Arch::X86_64, Arch::Arm];

    /// What the harness calls it, on the command line and in file names.
    pub fn name(self) -> &'static str {
        match self {
            Arch::X86_64 => "x86_64",
            Arch::Arm => "arm",
        }
    }

    /// `ARCH=` of the kernel's make.
    pub fn kernel_name(self) -> &'static str {
        match self {
            Arch::X86_64 => "x86_64",
            Arch::Arm => "arm",
        }
    }

    /// The make target of the bootable image.
    pub fn image_target(self) -> &'static str {
        match self {
            Arch::X86_64 => "bzImage",
            Arch::Arm => "zImage",
        }
    }

    /// Where make leaves that image, below the build directory.
    pub fn image_path(self) -> &'static str {
        match self {
            Arch::X86_64 => "arch/x86/boot/bzImage",
            Arch::Arm => "arch/arm/boot/zImage",
        }
    }

    /// Where make leaves device trees, below the build directory; `None` where machines are
    /// not described by one.
    pub fn device_trees_path(self) -> Option<&'static str> {
        match self {
            Arch::X86_64 => None,
            Arch::Arm => Some("arch/arm/boot/dts"),
        }
    }

    /// Debian's name of it, where its packages are not this machine's own kind.
    pub fn debian_name(self) -> &'static str {
        match self {
            Arch::X86_64 => "amd64",
            Arch::Arm => "armhf",
        }
    }

    /// Whether this machine runs its programs without emulation.
    pub fn is_native(self) -> bool {
        match self {
            Arch::X86_64 => cfg!(target_arch = "x86_64"),
            Arch::Arm => cfg!(target_arch = "arm"),
        }
    }

    /// The kernels that there are of it.
    pub fn flavours(self) -> &'static [Flavour] {
        match self {
            Arch::X86_64 => &[Flavour::Normal, Flavour::Debug, Flavour::Server],
            Arch::Arm => &[Flavour::Normal, Flavour::Debug],
        }
    }

    /// The Rust target that the user land is built for.
    pub fn rust_target(self) -> &'static str {
        match self {
            Arch::X86_64 => "x86_64-unknown-linux-gnu",
            Arch::Arm => "armv7-unknown-linux-gnueabihf",
        }
    }

    /// The QEMU program that emulates it.
    pub fn qemu(self) -> &'static str {
        match self {
            Arch::X86_64 => "qemu-system-x86_64",
            Arch::Arm => "qemu-system-arm",
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which of the kernels of an architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flavour {
    /// As a distribution would configure it.
    Normal,
    /// With lockdep, atomic-sleep and list checks, kmemleak, and KASAN where it can be had.
    Debug,
    /// For a machine with a disk and a distribution on it; most of its drivers are modules.
    Server,
}

impl Flavour {
    /// The flavour a `--debug-kernel` flag asks for.
    pub fn from_flag(debug_kernel: bool) -> Self {
        if debug_kernel {
            Flavour::Debug
        } else {
            Flavour::Normal
        }
    }

    /// What it is called in file names and in the names of test cases.
    pub fn name(self) -> &'static str {
        match self {
            Flavour::Normal => "normal",
            Flavour::Debug => "debug",
            Flavour::Server => "server",
        }
    }

    /// Default size of the guest's memory in MiB. KASAN's shadow alone takes an eighth,
    /// and its redzones and kmemleak's records much more.
    pub fn memory_mib(self) -> u32 {
        match self {
            Flavour::Normal => 1024,
            Flavour::Debug | Flavour::Server => 2048,
        }
    }
}

impl FromStr for Flavour {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        match text {
            "normal" => Ok(Flavour::Normal),
            "debug" => Ok(Flavour::Debug),
            "server" => Ok(Flavour::Server),
            _ => anyhow::bail!("{text}: no such kernel; there are: normal, debug, server"),
        }
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
