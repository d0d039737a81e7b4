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
use serde::Deserialize;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Where the guest has its test programs.
pub const TESTS_DIR: &str = "/usr/lib/jaula/tests";
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
pub fn build(project: &Project, arch: Arch) -> Result<Vec<Program>> {
    let compiler = Compiler::find(arch)?;
    let what = format!("building the user land for {arch}");
    let progress = Progress::start(&what, Scale::Unknown);
    // Another checkout may build there too, and would replace what this one has built.
    let lock = CacheLock::acquire(project)?;
    let mut programs = Vec::new();
    for (package, profile) in PACKAGES {
        programs.extend(build_package(project, arch, &compiler, package, profile)?);
    }
    if compiler != Compiler::Own {
        take_home(project, arch, &mut programs)?;
    }
    drop(lock);
    programs.sort_by(|a, b| a.guest_path.cmp(&b.guest_path));
    drop(progress);
    Ok(programs)
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
    package: &str,
    profile: &str,
) -> Result<Vec<Program>> {
    let mut cargo = compiler.cargo("build");
    cargo
        .current_dir(project.root())
        .args(["--bins", "-p", package, "--profile", profile])
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

/// The test programs that run in both boots, and have the same cases in both: with the module off
/// they show that what is refused with it is not refused by Linux.
pub const IN_BOTH: [&str; 1] = ["escape"];

/// The names of the test programs among them, for a boot with the module on or off.
pub fn tests(programs: &[Program], module_on: bool) -> Vec<String> {
    programs
        .iter()
        .filter_map(|program| {
            program
                .guest_path
                .strip_prefix(TESTS_DIR)?
                .strip_prefix('/')
        })
        .filter(|name| IN_BOTH.contains(name) || name.starts_with("without_") != module_on)
        .map(str::to_owned)
        .collect()
}

/// `jaula` is for people; of the rest the name tells what is a tool and what a test.
fn guest_path(name: &str) -> String {
    match name {
        "jaula" => "/usr/bin/jaula".to_owned(),
        tool if tool.starts_with("jaula-") => format!("{TOOLS_DIR}/{tool}"),
        test => format!("{TESTS_DIR}/{test}"),
    }
}

/// The `jaula` among the programs.
pub fn jaula(programs: &[Program]) -> Option<&Path> {
    programs
        .iter()
        .find(|program| program.guest_path == "/usr/bin/jaula")
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

    #[test]
    fn names_tell_the_place() {
        assert_eq!(guest_path("jaula"), "/usr/bin/jaula");
        assert_eq!(guest_path("jaula-demo"), "/usr/lib/jaula/jaula-demo");
        assert_eq!(guest_path("ipc_get"), "/usr/lib/jaula/tests/ipc_get");
    }

    #[test]
    fn tests_are_told_by_the_kernel_they_want() {
        let programs: Vec<_> = ["jaula", "jaula-demo", "ipc_get", "without_module"]
            .map(|name| Program {
                file: name.into(),
                guest_path: guest_path(name),
            })
            .into();
        assert_eq!(super::tests(&programs, true), ["ipc_get"]);
        assert_eq!(super::tests(&programs, false), ["without_module"]);
    }
}
