// SPDX-License-Identifier: MIT OR Apache-2.0

//! The architectures and kernel flavours that can be built.

use std::fmt;

/// An architecture that the kernel and the user land are built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum, serde::Deserialize)]
pub enum Arch {
    /// 64-bit x86.
    #[value(name = "x86_64")]
    #[serde(rename = "x86_64")]
    X86_64,
}

impl Arch {
    /// What the harness calls it, on the command line and in file names.
    pub fn name(self) -> &'static str {
        match self {
            Arch::X86_64 => "x86_64",
        }
    }

    /// `ARCH=` of the kernel's make.
    pub fn kernel_name(self) -> &'static str {
        match self {
            Arch::X86_64 => "x86_64",
        }
    }

    /// The make target of the bootable image.
    pub fn image_target(self) -> &'static str {
        match self {
            Arch::X86_64 => "bzImage",
        }
    }

    /// Where make leaves that image, below the build directory.
    pub fn image_path(self) -> &'static str {
        match self {
            Arch::X86_64 => "arch/x86/boot/bzImage",
        }
    }

    /// The Rust target that the user land is built for.
    pub fn rust_target(self) -> &'static str {
        match self {
            Arch::X86_64 => "x86_64-unknown-linux-gnu",
        }
    }

    /// The QEMU program that emulates it.
    pub fn qemu(self) -> &'static str {
        match self {
            Arch::X86_64 => "qemu-system-x86_64",
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which of the two kernels of an architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flavour {
    /// As a distribution would configure it.
    Normal,
    /// With KASAN, lockdep, atomic-sleep and list checks, and kmemleak.
    Debug,
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
        }
    }

    /// Default size of the guest's memory in MiB. KASAN's shadow alone takes an eighth,
    /// and its redzones and kmemleak's records much more.
    pub fn memory_mib(self) -> u32 {
        match self {
            Flavour::Normal => 1024,
            Flavour::Debug => 2048,
        }
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
