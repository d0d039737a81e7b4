// SPDX-License-Identifier: MIT OR Apache-2.0

//! Finding compilers that can build a kernel with Rust in it.

use crate::process::{capture, command};
use crate::project::Project;
use anyhow::{bail, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The oldest Rust that 6.12 builds with (scripts/min-tool-version.sh).
const RUSTC_MIN: Version = Version(1, 78, 0);
/// The oldest bindgen of 6.12 (same file).
const BINDGEN_MIN: Version = Version(0, 65, 1);
/// The oldest LLVM of 6.12 (same file).
const LLVM_MIN: Version = Version(13, 0, 1);

/// A version of three numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32, pub u32);

impl Version {
    /// The first `A.B.C` in what a tool says of itself.
    pub fn parse(said: &str) -> Option<Self> {
        said.split(|c: char| c.is_whitespace() || c == '-' || c == '+' || c == '(')
            .find_map(|word| {
                let mut numbers = word.split('.').map(str::parse::<u32>);
                match (numbers.next(), numbers.next(), numbers.next()) {
                    (Some(Ok(a)), Some(Ok(b)), Some(Ok(c))) => Some(Version(a, b, c)),
                    _ => None,
                }
            })
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// The tools that the kernel is built with.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// Directory of rustc, rustdoc, rustfmt and clippy-driver.
    pub rust_bin: PathBuf,
    /// Directory of clang, ld.lld and the llvm tools.
    pub llvm_bin: PathBuf,
    /// The bindgen program.
    pub bindgen: PathBuf,
    /// What all of them say of themselves: another text means another build.
    pub identity: String,
}

impl Toolchain {
    /// The first of each that serves; an error says what is wrong with each that does not.
    pub fn find(project: &Project) -> Result<Self> {
        let (rust_bin, rust) = find_rust()?;
        let (llvm_bin, llvm) = find_llvm()?;
        let (bindgen, bindgen_version) = find_bindgen(project)?;
        let identity = format!(
            "rustc {} {rust}\nclang {} {llvm}\nbindgen {} {bindgen_version}\n",
            rust_bin.display(),
            llvm_bin.display(),
            bindgen.display(),
        );
        Ok(Self {
            rust_bin,
            llvm_bin,
            bindgen,
            identity,
        })
    }

    /// A make command with these tools.
    pub fn make(&self) -> Command {
        // A run that is ended must not leave make working in the tree behind the lock's back.
        let mut make = command("setpriv");
        make.args(["--pdeathsig", "TERM", "make"]);
        make.env("PATH", self.path());
        // bindgen loads libclang by itself, and takes the newest it finds otherwise.
        make.env("LIBCLANG_PATH", self.llvm_bin.with_file_name("lib"));
        make.env("KBUILD_BUILD_USER", "jaula")
            .env("KBUILD_BUILD_HOST", "xtask");
        make.arg("LLVM=1");
        for (variable, tool) in [
            ("RUSTC", "rustc"),
            ("HOSTRUSTC", "rustc"),
            ("RUSTDOC", "rustdoc"),
            ("RUSTFMT", "rustfmt"),
            ("CLIPPY_DRIVER", "clippy-driver"),
        ] {
            make.arg(format!("{variable}={}", self.rust_bin.join(tool).display()));
        }
        make.arg(format!("BINDGEN={}", self.bindgen.display()));
        make
    }

    /// `PATH` with the LLVM tools in front.
    pub fn path(&self) -> std::ffi::OsString {
        let rest = env::var_os("PATH").unwrap_or_default();
        let dirs = std::iter::once(self.llvm_bin.clone()).chain(env::split_paths(&rest));
        // Fails only for directories with a colon in their names, which PATH cannot hold anyway.
        env::join_paths(dirs).unwrap_or(rest)
    }
}

/// Debian's rustc before one of rustup's: that one's sources are often not installed.
pub fn find_rust() -> Result<(PathBuf, Version)> {
    let mut wrong = Vec::new();
    for rustc in [Path::new("/usr/bin/rustc"), Path::new("rustc")] {
        match rust_at(rustc) {
            Ok(found) => return Ok(found),
            Err(error) => wrong.push(format!("  {}: {error:#}", rustc.display())),
        }
    }
    bail!("no rustc that can build the kernel (needs {RUSTC_MIN} or newer, its library sources and rustfmt):\n{}", wrong.join("\n"))
}

fn rust_at(rustc: &Path) -> Result<(PathBuf, Version)> {
    let said = capture(command(rustc).arg("--version"))?;
    let version = at_least(&said, RUSTC_MIN)?;
    // The tool itself rather than rustup's proxy, whose choice depends on the directory.
    let sysroot = PathBuf::from(capture(command(rustc).args(["--print", "sysroot"]))?.trim());
    let sources = sysroot.join("lib/rustlib/src/rust/library/core/src/lib.rs");
    if !sources.exists() {
        bail!(
            "version {version}, but without library sources ({})",
            sources.display()
        );
    }
    let bin = sysroot.join("bin");
    for tool in ["rustc", "rustdoc", "rustfmt", "clippy-driver"] {
        if !bin.join(tool).exists() {
            bail!(
                "version {version}, but there is no {}",
                bin.join(tool).display()
            );
        }
    }
    Ok((bin, version))
}

/// The newest LLVM of Debian's versioned directories up to the one it is known to work
/// with, else what is on `PATH`.
pub fn find_llvm() -> Result<(PathBuf, Version)> {
    let versioned = (17..=21)
        .rev()
        .map(|n| PathBuf::from(format!("/usr/lib/llvm-{n}/bin")));
    let path = env::var_os("PATH").unwrap_or_default();
    let mut wrong = Vec::new();
    for dir in versioned.chain(env::split_paths(&path)) {
        if !dir.join("clang").exists() {
            continue;
        }
        match llvm_at(&dir) {
            Ok(found) => return Ok(found),
            Err(error) => wrong.push(format!("  {}: {error:#}", dir.display())),
        }
    }
    let found = if wrong.is_empty() {
        "  clang: not found".to_owned()
    } else {
        wrong.join("\n")
    };
    bail!("no LLVM that can build the kernel (needs clang, lld, the llvm tools and libclang, {LLVM_MIN} or newer):\n{found}")
}

fn llvm_at(dir: &Path) -> Result<(PathBuf, Version)> {
    let version = at_least(
        &capture(command(dir.join("clang")).arg("--version"))?,
        LLVM_MIN,
    )?;
    let dir = fs::canonicalize(dir.join("clang"))?
        .parent()
        .map(Path::to_path_buf)
        .unwrap_or(dir.to_path_buf());
    for tool in [
        "ld.lld",
        "llvm-ar",
        "llvm-nm",
        "llvm-objcopy",
        "llvm-objdump",
        "llvm-readelf",
        "llvm-strip",
        "llvm-size",
    ] {
        if !dir.join(tool).exists() {
            bail!(
                "version {version}, but there is no {}",
                dir.join(tool).display()
            );
        }
    }
    let lib = dir.with_file_name("lib");
    let is_libclang = |name: &str| name.starts_with("libclang.so") || name.starts_with("libclang-");
    let has_libclang = fs::read_dir(&lib)
        .map(|mut entries| {
            entries
                .any(|entry| entry.is_ok_and(|e| e.file_name().to_str().is_some_and(is_libclang)))
        })
        .unwrap_or(false);
    if !has_libclang {
        bail!(
            "version {version}, but there is no libclang in {}",
            lib.display()
        );
    }
    Ok((dir, version))
}

/// The harness's own bindgen, else one on `PATH`.
pub fn find_bindgen(project: &Project) -> Result<(PathBuf, Version)> {
    let path = env::var_os("PATH").unwrap_or_default();
    let dirs = std::iter::once(project.tools_dir().join("bin")).chain(env::split_paths(&path));
    let mut wrong = Vec::new();
    for program in dirs
        .map(|dir| dir.join("bindgen"))
        .filter(|program| program.exists())
    {
        let checked = capture(command(&program).arg("--version"))
            .and_then(|said| at_least(&said, BINDGEN_MIN));
        match checked {
            Ok(version) => return Ok((program, version)),
            Err(error) => wrong.push(format!("  {}: {error:#}", program.display())),
        }
    }
    let found = if wrong.is_empty() {
        "  bindgen: not found".to_owned()
    } else {
        wrong.join("\n")
    };
    bail!("no bindgen that can build the kernel (needs {BINDGEN_MIN} or newer):\n{found}")
}

fn at_least(said: &str, least: Version) -> Result<Version> {
    match Version::parse(said) {
        Some(version) if version >= least => Ok(version),
        Some(version) => bail!("version {version} is too old, {least} is needed"),
        None => bail!("says no version: {}", said.trim()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_tools_say() {
        let cases = [
            (
                "rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)",
                Version(1, 96, 0),
            ),
            (
                "Debian clang version 19.1.7 (3~deb12u1)\nTarget: x86_64",
                Version(19, 1, 7),
            ),
            ("Debian clang version 19.1.7 (3+b1)", Version(19, 1, 7)),
            ("bindgen 0.71.1", Version(0, 71, 1)),
            ("rustc 1.97.0-nightly (abc 2026-01-01)", Version(1, 97, 0)),
        ];
        for (said, version) in cases {
            assert_eq!(Version::parse(said), Some(version), "{said}");
        }
        assert_eq!(Version::parse("no numbers here"), None);
    }

    #[test]
    fn versions_are_ordered_by_number() {
        assert!(Version(1, 100, 0) > Version(1, 78, 0));
        let error = at_least("rustc 1.63.0", RUSTC_MIN)
            .expect_err("Debian 12's own")
            .to_string();
        assert!(
            error.contains("1.63.0") && error.contains("1.78.0"),
            "{error}"
        );
    }
}
