// SPDX-License-Identifier: MIT OR Apache-2.0

//! Formatting and lints, of the user land and of the module.

use crate::kernel::build::{Build, Jobs};
use crate::kernel::tree::MODULE_PATH;
use crate::kernel::{files, Kernel};
use crate::process::{capture, cargo, command, Logged};
use crate::project::Project;
use anyhow::{bail, Context, Result};
use jobserver::Client;
use std::fs;

/// `cargo fmt --check`
pub fn format_user_land(project: &Project) -> Result<()> {
    capture(
        cargo()
            .args(["fmt", "--all", "--check"])
            .current_dir(project.root()),
    )
    .map(drop)
}

/// Clippy's warnings are errors.
pub fn lint_user_land(project: &Project, tokens: &Client) -> Result<()> {
    let mut clippy = cargo();
    tokens.configure(&mut clippy);
    clippy.args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ]);
    capture(clippy.current_dir(project.root())).map(drop)
}

/// The module is formatted by the kernel's own rules.
pub fn format_module(project: &Project, kernel: &Kernel) -> Result<()> {
    let module = project.module_dir();
    let sources = files::list(&module)?
        .into_iter()
        .filter(|path| path.extension().is_some_and(|ext| ext == "rs"));
    let mut rustfmt = command(kernel.toolchain.rust_bin.join("rustfmt"));
    rustfmt
        .args(["--check", "--edition", "2021", "--config-path"])
        .arg(kernel.tree.src().join(".rustfmt.toml"));
    rustfmt.args(sources.map(|path| module.join(path)));
    capture(&mut rustfmt).map(drop)
}

/// `make CLIPPY=1` on the module, in a build directory of its own: in a common one every
/// change between rustc and clippy would build all of the kernel's Rust again.
pub fn lint_module(build: &Build, jobs: &Jobs) -> Result<()> {
    build.configure()?;
    // Clippy is silent about what is up to date.
    let objects = build.dir().join(MODULE_PATH);
    if objects.exists() {
        fs::remove_dir_all(&objects).with_context(|| objects.display().to_string())?;
    }
    let log = build.log("clippy")?;
    let mut make = build.make_command();
    jobs.tell(&mut make);
    make.args(["CLIPPY=1", &format!("{MODULE_PATH}/")]);
    Logged::new("make CLIPPY=1", &log).run(&mut make, |_| {})?;
    let said = fs::read_to_string(&log).with_context(|| log.display().to_string())?;
    let ours = warnings(&said);
    if !ours.is_empty() {
        bail!(
            "{} warnings (all of them: {}):\n{}",
            ours.len(),
            log.display(),
            ours.join("\n\n")
        );
    }
    if !objects.join("jaula.o").exists() {
        bail!("make CLIPPY=1 made no {}/jaula.o", objects.display());
    }
    Ok(())
}

/// The diagnostics about the module; those about the rest of the kernel are not ours.
pub fn warnings(said: &str) -> Vec<String> {
    said.split("\n\n")
        .filter_map(|block| {
            let start = block
                .lines()
                .position(|line| line.starts_with("warning") || line.starts_with("error"))?;
            let text: Vec<_> = block.lines().skip(start).collect();
            let place = text
                .iter()
                .find(|line| line.trim_start().starts_with("--> "))?;
            place.contains(MODULE_PATH).then(|| text.join("\n"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_warnings_about_the_module_count() {
        let said = "\
  CLIPPY  rust/kernel.o
warning: unused
  --> /tree/rust/kernel/lib.rs:1:1
   |

  CLIPPY  security/jaula/jaula.o
warning: needless borrow
  --> /tree/security/jaula/ipc.rs:7:2
   |
   = help: remove it

warning: 2 warnings emitted

";
        let ours = super::warnings(said);
        assert_eq!(ours.len(), 1, "{ours:?}");
        assert!(ours[0].starts_with("warning: needless borrow") && ours[0].contains("help"));
    }
}
