// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the harness needs of a machine, how to see whether it is there, and which package
//! brings it.

use super::distro::Distro;
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
    /// A C program with these headers compiles and links statically.
    Headers(&'static str),
    /// Something more.
    Test(fn(&Project) -> Result<()>),
}

/// One thing that is needed.
pub struct Need {
    /// What it is, for people.
    pub name: &'static str,
    check: Check,
    debian12: &'static [&'static str],
    debian13: &'static [&'static str],
}

/// Everything that `kernel`, `demo`, `exec`, `test` and `bench` use.
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
    same(
        "busybox, statically linked",
        Check::Test(static_busybox),
        &["busybox-static"],
    ),
    same(
        "QEMU for x86-64",
        Check::Programs(&["qemu-system-x86_64"]),
        &["qemu-system-x86"],
    ),
    same(
        "the source of Linux 6.12",
        Check::File(DEBIAN_TARBALL),
        &[SOURCE_PACKAGE],
    ),
    Need {
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
        name: "LLVM for the kernel",
        check: Check::Test(|_| toolchain::find_llvm().map(drop)),
        debian12: &["clang-19", "lld-19", "llvm-19", "libclang1-19"],
        debian13: &["clang", "lld", "llvm", "libclang1"],
    },
    Need {
        name: "bindgen",
        check: Check::Test(|project| toolchain::find_bindgen(project).map(drop)),
        // Debian 12's is too old: see bindgen.rs.
        debian12: &[],
        debian13: &["bindgen"],
    },
    Need {
        name: "cargo fmt and cargo clippy",
        check: Check::Test(cargo_components),
        debian12: &["rustfmt-web", "rust-web-clippy"],
        debian13: &["rustfmt", "rust-clippy"],
    },
];

/// The package of [`DEBIAN_TARBALL`].
pub const SOURCE_PACKAGE: &str = "linux-source-6.12";

const fn same(name: &'static str, check: Check, packages: &'static [&'static str]) -> Need {
    Need {
        name,
        check,
        debian12: packages,
        debian13: packages,
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
            Check::Headers(header) => compiles(header),
            Check::Test(test) => test(project),
        }
    }

    /// The packages that bring it; none where it is not packaged.
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

fn compiles(header: &str) -> Result<()> {
    let dir = tempfile::tempdir().context("temporary directory")?;
    let source = dir.path().join("probe.c");
    fs::write(
        &source,
        format!("#include <{header}>\nint main(void) {{ return 0; }}\n"),
    )
    .with_context(|| source.display().to_string())?;
    capture(
        command("cc")
            .arg("-static")
            .arg("-o")
            .arg(dir.path().join("probe"))
            .arg(&source),
    )
    .map(drop)
}

/// Finds a busybox that needs no shared library.
pub fn busybox() -> Result<PathBuf> {
    let program = find_program("busybox").context("busybox: not found")?;
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

fn static_busybox(_: &Project) -> Result<()> {
    busybox().map(drop)
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
