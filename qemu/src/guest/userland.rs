// SPDX-License-Identifier: MIT OR Apache-2.0

//! Building `jaula`, the guest's test programs and its tools.

use super::compiler::Compiler;
use crate::arch::Arch;
use crate::kernel::files;
use crate::lock::CacheLock;
use crate::process::{cannot_start, shown};
use crate::project::Project;
use crate::ui::{Progress, Scale};
use anyhow::{bail, Context, Result};
use jobserver::Client;
use serde::Deserialize;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where the guest has `jaula`.
pub const JAULA: &str = "/usr/bin/jaula";
/// Where the guest has its tests.
pub const GUEST_TESTS: &str = "/usr/bin/jaula-test";
/// Where the guest has its tools.
pub const TOOLS_DIR: &str = "/usr/lib/jaula";

/// A program and its place in the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// On this machine.
    pub file: PathBuf,
    /// In the guest, absolute.
    pub guest_path: String,
}

/// What is built, and how: `jaula` as it is installed, the rest without the minutes that making it
/// as small as it can be would take.
const PACKAGES: [(&str, &str); 2] = [("jaula", "release"), ("jaula-tests", "guest")];

/// Builds everything of ours that goes into the guest.
///
/// The lock is on the cache: another checkout may build there too, and would replace what this
/// one has built. The compilers take part in the job server, if there is one.
pub fn build(
    project: &Project,
    arch: Arch,
    _lock: &CacheLock,
    tokens: Option<&Client>,
) -> Result<Vec<Program>> {
    let compiler = Compiler::find(arch)?;
    let what = format!("building the user land for {arch}");
    let progress = Progress::start(&what, Scale::Unknown);
    let mut programs = Vec::new();
    for package in PACKAGES {
        programs.extend(build_one(project, arch, &compiler, package, tokens)?);
    }
    if compiler != Compiler::Own {
        take_home(project, arch, &mut programs)?;
    }
    programs.sort_by(|a, b| a.guest_path.cmp(&b.guest_path));
    drop(progress);
    Ok(programs)
}

/// Builds `jaula` alone, as it is installed; its file.
pub fn launcher(project: &Project, arch: Arch, _lock: &CacheLock) -> Result<PathBuf> {
    let compiler = Compiler::find(arch)?;
    let _progress = Progress::start(&format!("building jaula for {arch}"), Scale::Unknown);
    let mut programs = build_one(project, arch, &compiler, PACKAGES[0], None)?;
    if compiler != Compiler::Own {
        take_home(project, arch, &mut programs)?;
    }
    let jaula = jaula(&programs).context("cargo has built no jaula")?;
    Ok(jaula.to_path_buf())
}

fn build_one(
    project: &Project,
    arch: Arch,
    compiler: &Compiler,
    (package, profile): (&str, &str),
    tokens: Option<&Client>,
) -> Result<Vec<Program>> {
    let mut cargo = compiler.cargo("build");
    cargo.args(["--bins", "-p", package, "--profile", profile]);
    if let Some(tokens) = tokens {
        tokens.configure(&mut cargo);
    }
    build_package(project, arch, compiler, cargo)
}

/// Copies programs from a directory that checkouts share into this one's own.
fn take_home(project: &Project, arch: Arch, programs: &mut [Program]) -> Result<()> {
    let home = project.target_dir().join("user-land").join(arch.name());
    for program in programs {
        let copy = home.join(program.guest_path.trim_start_matches('/'));
        files::make_equal(&program.file, &copy)?;
        program.file = copy;
    }
    Ok(())
}

fn build_package(
    project: &Project,
    arch: Arch,
    compiler: &Compiler,
    mut cargo: Command,
) -> Result<Vec<Program>> {
    cargo
        .current_dir(project.root())
        .args([
            "--target",
            arch.rust_target(),
            "--message-format",
            "json-render-diagnostics",
            "--target-dir",
        ])
        .arg(compiler.target_dir(project))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = cargo
        .spawn()
        .map_err(|error| cannot_start(&cargo, &error))?;
    let errors = child.stderr.take().context("cargo's standard error")?;
    let errors = std::thread::spawn(move || std::io::read_to_string(errors).unwrap_or_default());
    let messages = BufReader::new(child.stdout.take().context("cargo's standard output")?);
    let mut programs = Vec::new();
    for message in serde_json::Deserializer::from_reader(messages).into_iter::<Message>() {
        let message = message.context("cargo's messages")?;
        if let Some(file) = message.executable {
            let name = message.target.map(|target| target.name).unwrap_or_default();
            programs.push(Program {
                file,
                guest_path: guest_path(&name),
            });
        }
    }
    let status = child.wait()?;
    let errors = errors.join().unwrap_or_default();
    if !status.success() {
        bail!(
            "building the user land failed ({}):\n{}",
            shown(&cargo),
            errors.trim_end()
        );
    }
    Ok(programs)
}

/// Those of the programs that a board's card carries: what is shown there, and not the tests.
pub fn for_card(programs: &[Program]) -> Vec<Program> {
    let on_card = |program: &&Program| {
        program.guest_path == JAULA || program.guest_path.ends_with("/jaula-demo")
    };
    programs.iter().filter(on_card).cloned().collect()
}

/// Commands are on the `PATH`; tools are called with theirs.
fn guest_path(name: &str) -> String {
    match name {
        "jaula" => JAULA.to_owned(),
        "jaula-test" => GUEST_TESTS.to_owned(),
        tool => format!("{TOOLS_DIR}/{tool}"),
    }
}

/// The `jaula` among the programs.
pub fn jaula(programs: &[Program]) -> Option<&Path> {
    programs
        .iter()
        .find(|program| program.guest_path == JAULA)
        .map(|program| program.file.as_path())
}

/// The parts of cargo's messages that matter here.
#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(name: &str) -> Program {
        Program {
            file: name.into(),
            guest_path: guest_path(name),
        }
    }

    #[test]
    fn names_tell_the_place() {
        assert_eq!(guest_path("jaula"), "/usr/bin/jaula");
        assert_eq!(guest_path("jaula-test"), "/usr/bin/jaula-test");
        assert_eq!(guest_path("jaula-demo"), "/usr/lib/jaula/jaula-demo");
    }

    #[test]
    fn a_card_carries_no_tests() {
        let all = ["jaula", "jaula-bench", "jaula-demo", "jaula-test"].map(program);
        let expected = ["jaula", "jaula-demo"].map(program);
        assert_eq!(for_card(&all), expected);
    }
}
