// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which Rust builds the user land for an architecture.

use crate::arch::Arch;
use crate::kernel::toolchain;
use crate::process::{capture, cargo, command};
use crate::project::Project;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A Rust for an architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compiler {
    /// The toolchain that runs us: it has a standard library for the architecture.
    Own,
    /// The kernel's Rust, whose library sources the standard library is built from on the way.
    WithLibrarySources {
        /// Directory of rustc.
        bin: PathBuf,
    },
}

impl Compiler {
    /// The own toolchain where it will do: with rustup, `rustup target add` sees to that.
    pub fn find(arch: Arch) -> Result<Self> {
        if arch.is_native() {
            return Ok(Compiler::Own);
        }
        let libraries = own_sysroot()?
            .join("lib/rustlib")
            .join(arch.rust_target())
            .join("lib");
        if libraries.is_dir() {
            return Ok(Compiler::Own);
        }
        let (bin, _) = toolchain::find_rust().with_context(|| {
            format!(
                "Rust has no standard library for {0} ({1}), and there is none to build it from; \
                 with rustup: rustup target add {0}",
                arch.rust_target(),
                libraries.display()
            )
        })?;
        Ok(Compiler::WithLibrarySources { bin })
    }

    /// A cargo that builds with it.
    pub fn cargo(&self, subcommand: &str) -> Command {
        let mut cargo = cargo();
        cargo.arg(subcommand);
        if let Compiler::WithLibrarySources { bin } = self {
            // The flag is not stable, and has been what it is for years.
            cargo.env("RUSTC_BOOTSTRAP", "1");
            cargo.args(["-Z", "build-std=std,panic_abort"]);
            cargo.env("RUSTC", bin.join("rustc"));
            // rustup's proxies put the libraries of their own toolchain there.
            cargo.env_remove("LD_LIBRARY_PATH");
        }
        cargo
    }

    /// Where it builds: a standard library that was built is kept for other checkouts too.
    pub fn target_dir(&self, project: &Project) -> PathBuf {
        match self {
            Compiler::Own => project.target_dir(),
            Compiler::WithLibrarySources { .. } => project.cache().join("user-land"),
        }
    }
}

/// The sysroot of the rustc that our cargo uses.
fn own_sysroot() -> Result<PathBuf> {
    let beside = |cargo: &Path| Some(cargo.parent()?.join("rustc")).filter(|rustc| rustc.exists());
    let rustc = std::env::var_os("CARGO")
        .and_then(|cargo| beside(Path::new(&cargo)))
        .unwrap_or_else(|| "rustc".into());
    let said = capture(command(rustc).args(["--print", "sysroot"]))?;
    Ok(PathBuf::from(said.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn native_programs_are_built_as_the_user_builds_them() -> Result<()> {
        assert_eq!(Compiler::find(Arch::X86_64)?, Compiler::Own);
        let cargo = Compiler::Own.cargo("build");
        assert_eq!(cargo.get_args().collect::<Vec<_>>(), ["build"]);
        Ok(())
    }

    #[test]
    fn the_library_is_built_where_every_checkout_finds_it() {
        let compiler = Compiler::WithLibrarySources {
            bin: "/usr/bin".into(),
        };
        let project = Project::at(Path::new("/checkout"), Path::new("/cache"));
        assert_eq!(compiler.target_dir(&project), Path::new("/cache/user-land"));
        let cargo = compiler.cargo("build");
        let rustc = cargo.get_envs().find(|(name, _)| *name == "RUSTC");
        assert_eq!(
            rustc.and_then(|(_, value)| value),
            Some("/usr/bin/rustc".as_ref())
        );
    }
}
