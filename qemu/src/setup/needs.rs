// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the harness needs of a machine, how to see whether it is there, and which package
//! brings it.

use super::distro::Distro;
use super::{foreign, qemu, Extra};
use crate::arch::Arch;
use crate::kernel::source::DEBIAN_TARBALL;
use crate::kernel::toolchain;
use crate::process::{capture, cargo, command};
use crate::project::Project;
use anyhow::{bail, Context, Result};
use std::path::{Path, PathBuf};
use std::{env, fs};

/// How to see whether something is there.
#[derive(Clone, Copy)]
enum Check {
    /// Programs of these names are on `PATH` (or in the sbin directories).
    Programs(&'static [&'static str]),
    /// This file is there.
    File(&'static str),
    /// A C program with this header compiles and links statically.
    Headers(&'static str),
    /// The same with the compiler for another architecture.
    CrossCompiler(&'static str),
    /// This program of a package for the architecture is in the cache.
    Foreign(&'static str),
    /// Something more.
    Test(fn(&Project) -> Result<()>),
}

/// One thing that is needed.
pub struct Need {
    /// What it is, for people.
    pub name: &'static str,
    /// The architecture that it is for, where the others can do without.
    arch: Option<Arch>,
    /// What it is for, where other commands can do without.
    extra: Option<Extra>,
    check: Check,
    debian12: &'static [&'static str],
    debian13: &'static [&'static str],
}

/// Everything that is used: by `kernel`, `demo`, `exec`, `test` and `bench` what is no [`Extra`].
pub const NEEDS: &[Need] = &[
    same("make", Check::Programs(&["make"]), &["make"]),
    same(
        "a C compiler for user programs, with static libraries",
        Check::Headers("stdio.h"),
        &["gcc", "libc6-dev"],
    ),
    same(
        "flex and bison",
        Check::Programs(&["flex", "bison"]),
        &["flex", "bison"],
    ),
    same("bc", Check::Programs(&["bc"]), &["bc"]),
    same(
        "libelf with headers",
        Check::Headers("gelf.h"),
        &["libelf-dev"],
    ),
    same(
        "OpenSSL headers",
        Check::Headers("openssl/opensslv.h"),
        &["libssl-dev"],
    ),
    same(
        "cpio and kmod",
        Check::Programs(&["cpio", "depmod"]),
        &["cpio", "kmod"],
    ),
    same("rsync", Check::Programs(&["rsync"]), &["rsync"]),
    same(
        "tar and xz",
        Check::Programs(&["tar", "xz"]),
        &["tar", "xz-utils"],
    ),
    same("patch", Check::Programs(&["patch"]), &["patch"]),
    same("git", Check::Programs(&["git"]), &["git"]),
    same(
        "perl and python3",
        Check::Programs(&["perl", "python3"]),
        &["perl", "python3"],
    ),
    same("setpriv", Check::Programs(&["setpriv"]), &["util-linux"]),
    only(
        Arch::X86_64,
        "busybox, statically linked",
        Check::Test(static_busybox),
        &["busybox-static"],
    ),
    Need {
        arch: Some(Arch::X86_64),
        extra: None,
        name: "QEMU 8.1 or newer, for x86-64",
        check: Check::Test(|_| qemu::check(Arch::X86_64.qemu())),
        // Debian 12's own is too old.
        debian12: &["qemu-system-x86/bookworm-backports"],
        debian13: &["qemu-system-x86"],
    },
    Need {
        arch: Some(Arch::Arm),
        extra: None,
        name: "QEMU 8.1 or newer, for ARM",
        check: Check::Test(|_| qemu::check(Arch::Arm.qemu())),
        debian12: &["qemu-system-arm/bookworm-backports"],
        debian13: &["qemu-system-arm"],
    },
    only(
        Arch::Arm,
        "a C compiler for ARM, with static libraries",
        Check::CrossCompiler("arm-linux-gnueabihf-gcc"),
        &["gcc-arm-linux-gnueabihf", "libc6-dev-armhf-cross"],
    ),
    only(
        Arch::Arm,
        "busybox for ARM, statically linked",
        Check::Foreign(BUSYBOX_PACKAGE),
        &[],
    ),
    same(
        "the source of Linux 6.12",
        Check::File(DEBIAN_TARBALL),
        &[SOURCE_PACKAGE],
    ),
    Need {
        arch: None,
        extra: None,
        name: "Rust for the kernel, with library sources, rustfmt and clippy",
        check: Check::Test(|_| toolchain::find_rust().map(drop)),
        debian12: &[
            "rustc-web",
            "rust-web-src",
            "rustfmt-web",
            "rust-web-clippy",
        ],
        debian13: &["rustc", "rust-src", "rustfmt", "rust-clippy"],
    },
    Need {
        arch: None,
        extra: None,
        name: "LLVM for the kernel",
        check: Check::Test(|_| toolchain::find_llvm().map(drop)),
        debian12: &["clang-19", "lld-19", "llvm-19", "libclang1-19"],
        debian13: &["clang", "lld", "llvm", "libclang1"],
    },
    Need {
        arch: None,
        extra: None,
        name: "bindgen",
        check: Check::Test(|project| toolchain::find_bindgen(project).map(drop)),
        // Debian 12's is too old: see bindgen.rs.
        debian12: &[],
        debian13: &["bindgen"],
    },
    Need {
        arch: None,
        extra: None,
        name: "cargo fmt and cargo clippy",
        check: Check::Test(cargo_components),
        debian12: &["rustfmt-web", "rust-web-clippy"],
        debian13: &["rustfmt", "rust-clippy"],
    },
    extra(
        Extra::Packaging,
        "debhelper and dpkg-dev",
        Check::Programs(&["dh", "dh_installsystemd", "dpkg-buildpackage"]),
        &["debhelper", "dpkg-dev"],
    ),
    extra(
        Extra::Lintian,
        "lintian",
        Check::Programs(&["lintian"]),
        &["lintian"],
    ),
    extra(
        Extra::Disk,
        "mmdebstrap, with user namespaces, and mke2fs",
        Check::Programs(&["mmdebstrap", "newuidmap", "mke2fs"]),
        &["mmdebstrap", "uidmap", "e2fsprogs"],
    ),
    extra(
        Extra::Disk,
        "UEFI for QEMU",
        Check::File(OVMF_CODE),
        &["ovmf"],
    ),
];

/// UEFI firmware for an emulated PC, all in one file.
pub const OVMF: &str = "/usr/share/ovmf/OVMF.fd";
/// The same without variables, and the variables that it starts with.
pub const OVMF_CODE: &str = "/usr/share/OVMF/OVMF_CODE_4M.fd";
/// See [`OVMF_CODE`].
pub const OVMF_VARIABLES: &str = "/usr/share/OVMF/OVMF_VARS_4M.fd";

/// The package of the guest's busybox.
const BUSYBOX_PACKAGE: &str = "busybox-static";
/// Where that package has it.
const BUSYBOX_PATHS: [&str; 2] = ["bin/busybox", "usr/bin/busybox"];

/// The package of [`DEBIAN_TARBALL`].
pub const SOURCE_PACKAGE: &str = "linux-source-6.12";

const fn same(name: &'static str, check: Check, packages: &'static [&'static str]) -> Need {
    Need {
        name,
        arch: None,
        extra: None,
        check,
        debian12: packages,
        debian13: packages,
    }
}

const fn only(
    arch: Arch,
    name: &'static str,
    check: Check,
    packages: &'static [&'static str],
) -> Need {
    Need {
        arch: Some(arch),
        ..same(name, check, packages)
    }
}

const fn extra(
    extra: Extra,
    name: &'static str,
    check: Check,
    packages: &'static [&'static str],
) -> Need {
    Need {
        extra: Some(extra),
        ..same(name, check, packages)
    }
}

impl Need {
    /// Succeeds where it is there; else the error says what exactly is missing.
    pub fn check(&self, project: &Project) -> Result<()> {
        match self.check {
            Check::Programs(names) => {
                let missing: Vec<_> = names
                    .iter()
                    .filter(|name| find_program(name).is_none())
                    .copied()
                    .collect();
                if !missing.is_empty() {
                    bail!("not found: {}", missing.join(", "));
                }
                Ok(())
            }
            Check::File(path) if Path::new(path).exists() => Ok(()),
            Check::File(path) => bail!("not found: {path}"),
            Check::Headers(header) => compiles("cc", header),
            Check::CrossCompiler(compiler) => compiles(compiler, "stdio.h"),
            Check::Foreign(package) => {
                let arch = self.arch.map_or("", Arch::debian_name);
                if !foreign::place(project, package, arch).is_dir() {
                    bail!("not fetched yet: package {package}:{arch}");
                }
                Ok(())
            }
            Check::Test(test) => test(project),
        }
    }

    /// Whether it takes this to work with these architectures and do these things.
    pub fn is_for(&self, archs: &[Arch], extras: &[Extra]) -> bool {
        self.arch.is_none_or(|arch| archs.contains(&arch))
            && self.extra.is_none_or(|extra| extras.contains(&extra))
    }

    /// The package that brings it and Debian's name of the architecture, where it is one to be
    /// unpacked and not installed.
    pub fn foreign(&self) -> Option<(&'static str, &'static str)> {
        match (self.check, self.arch) {
            (Check::Foreign(package), Some(arch)) => Some((package, arch.debian_name())),
            _ => None,
        }
    }

    /// The packages that bring it, with the suite where it is not the release itself; none where
    /// it is not packaged.
    pub fn packages(&self, distro: &Distro) -> &'static [&'static str] {
        match distro {
            Distro::Debian12 => self.debian12,
            Distro::Debian13 | Distro::Other(_) => self.debian13,
        }
    }
}

/// A program on `PATH`, or where Debian keeps what an ordinary user's `PATH` leaves out.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|dir| dir.join(name))
        .find(|program| program.is_file())
}

fn compiles(compiler: &str, header: &str) -> Result<()> {
    let dir = tempfile::tempdir().context("temporary directory")?;
    let source = dir.path().join("probe.c");
    fs::write(
        &source,
        format!("#include <{header}>\nint main(void) {{ return 0; }}\n"),
    )
    .with_context(|| source.display().to_string())?;
    let mut compile = command(compiler);
    compile
        .arg("-static")
        .arg("-o")
        .arg(dir.path().join("probe"))
        .arg(&source);
    capture(&mut compile)
        .map(drop)
        .with_context(|| format!("{compiler} cannot build a program with <{header}>"))
}

/// Finds a busybox for the architecture that needs no shared library.
pub fn busybox(project: &Project, arch: Arch) -> Result<PathBuf> {
    let program = if arch.is_native() {
        find_program("busybox").context("busybox: not found")?
    } else {
        let dir = foreign::fetch(project, BUSYBOX_PACKAGE, arch.debian_name())?;
        BUSYBOX_PATHS
            .iter()
            .map(|path| dir.join(path))
            .find(|path| path.exists())
            .with_context(|| format!("{}: has no busybox", dir.display()))?
    };
    let content = fs::read(&program).with_context(|| program.display().to_string())?;
    // The dynamic linker's path stands in the file as PT_INTERP.
    if content.windows(7).any(|window| window == b"/ld-lin") {
        bail!(
            "{}: is dynamically linked, a static one is needed",
            program.display()
        );
    }
    Ok(program)
}

fn static_busybox(project: &Project) -> Result<()> {
    busybox(project, Arch::X86_64).map(drop)
}

fn cargo_components(project: &Project) -> Result<()> {
    for component in ["fmt", "clippy"] {
        // As the user's own cargo sees it: its toolchain may be chosen by directory.
        capture(
            cargo()
                .args([component, "--version"])
                .current_dir(project.root()),
        )
        .with_context(|| {
            format!(
                "cargo {component} does not work; with rustup: rustup component add rustfmt clippy"
            )
        })?;
    }
    Ok(())
}
