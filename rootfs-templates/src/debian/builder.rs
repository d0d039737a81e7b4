// SPDX-License-Identifier: MIT OR Apache-2.0

//! The programs that make a Debian system.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::DebianError;
use crate::listing::digest_of;
use crate::template::Debian;

/// Where they are looked for besides PATH.
const ALSO: [&str; 4] = ["/usr/local/sbin", "/usr/sbin", "/usr/bin", "/sbin"];

/// The directory in which debootstrap makes it, beside the archive.
const SYSTEM: &str = "system";

/// One that is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builder {
    Mmdebstrap,
    Debootstrap,
}

/// The one to take.
pub fn installed() -> Result<Builder, DebianError> {
    let both = [Builder::Mmdebstrap, Builder::Debootstrap];
    let found = both
        .into_iter()
        .find(|builder| is_installed(builder.name()));
    found.ok_or_else(|| {
        let why =
            "neither mmdebstrap nor debootstrap is installed (Debian: apt-get install mmdebstrap)";
        DebianError::new("Debian", why)
    })
}

fn is_installed(name: &str) -> bool {
    directories().any(|directory| directory.join(name).is_file())
}

/// Where they are looked for, and what they start themselves.
fn directories() -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let named: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let all = named.into_iter().chain(ALSO.iter().map(PathBuf::from));
    all.filter(|directory| directory.is_absolute())
}

impl Builder {
    fn name(self) -> &'static str {
        match self {
            Builder::Mmdebstrap => "mmdebstrap",
            Builder::Debootstrap => "debootstrap",
        }
    }

    /// What the same is kept by.
    pub fn key(self, debian: &Debian, epoch: Option<u32>) -> Result<String, DebianError> {
        let text = toml::to_string(debian).map_err(|error| DebianError::new("Debian", error))?;
        let machine =
            nix::sys::utsname::uname().map_err(|errno| DebianError::new("uname", errno))?;
        let machine = machine.machine().to_string_lossy().into_owned();
        let all = format!("{}\n{machine}\n{epoch:?}\n{text}", self.name());
        Ok(digest_of(all.as_bytes())[..32].to_owned())
    }

    /// Makes it, as a tar archive at a path.
    pub fn make(
        self,
        debian: &Debian,
        epoch: Option<u32>,
        archive: &Path,
    ) -> Result<(), DebianError> {
        match self {
            Builder::Mmdebstrap => {
                let mut command = self.command(epoch);
                command
                    .args(["--mode=root", "--format=tar", "--skip=output/dev"])
                    .arg(format!("--variant={}", debian.variant))
                    .arg(format!("--components={}", debian.components.0.join(",")));
                if !debian.packages.0.is_empty() {
                    command.arg(format!("--include={}", debian.packages.0.join(",")));
                }
                command
                    .arg("--")
                    .arg(&debian.suite)
                    .arg(archive)
                    .args(debian.mirrors());
                run(&mut command)
            }
            Builder::Debootstrap => {
                let directory = archive.with_file_name(SYSTEM);
                let mut command = self.command(epoch);
                command.arg(format!("--components={}", debian.components.0.join(",")));
                if debian.variant != "debootstrap" {
                    command.arg(format!("--variant={}", debian.variant));
                }
                if !debian.packages.0.is_empty() {
                    command.arg(format!("--include={}", debian.packages.0.join(",")));
                }
                let mirrors: Vec<&str> = debian.mirrors().collect();
                if mirrors.len() > 1 || mirrors.iter().any(|mirror| mirror.contains(' ')) {
                    let why = "takes one address and no lines of a sources.list; install mmdebstrap for those";
                    return Err(DebianError::new(self.name(), why));
                }
                command.arg(&debian.suite).arg(&directory).args(mirrors);
                run(&mut command)?;
                let mut pack = Command::new("tar");
                pack.args([
                    "--create",
                    "--numeric-owner",
                    "--sort=name",
                    "--one-file-system",
                ])
                .args([
                    "--exclude=./dev/*",
                    "--exclude=./var/cache/apt/archives/*.deb",
                ])
                .arg("--file")
                .arg(archive)
                .arg("--directory")
                .arg(&directory)
                .arg(".");
                run(&mut pack)
            }
        }
    }

    fn command(self, epoch: Option<u32>) -> Command {
        let mut command = match self {
            Builder::Mmdebstrap => Command::new(self.name()),
            // What it mounts in the system is gone with it, however it ends, and before that is removed.
            Builder::Debootstrap => {
                let mut command = Command::new("unshare");
                command.args(["--mount", "--propagation", "private", "--", self.name()]);
                command
            }
        };
        // Who has become root by su(1) has none of these in PATH.
        if let Ok(path) = std::env::join_paths(directories()) {
            command.env("PATH", path);
        }
        if let Some(epoch) = epoch {
            command.env("SOURCE_DATE_EPOCH", epoch.to_string());
        }
        command
    }
}

/// Runs a program to its end. What it prints goes to standard error.
pub fn run(command: &mut Command) -> Result<(), DebianError> {
    let name = command.get_program().to_string_lossy().into_owned();
    let failed = |why: String| DebianError::new(&name, why);
    let null = File::open("/dev/null").map_err(|error| DebianError::new("/dev/null", error))?;
    let errors = std::io::stderr().as_fd().try_clone_to_owned();
    let errors = errors.map_err(|error| failed(error.to_string()))?;
    command.stdin(Stdio::from(null)).stdout(Stdio::from(errors));
    let status = command.status().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => failed("is not installed".into()),
        _ => failed(error.to_string()),
    })?;
    match status.success() {
        true => Ok(()),
        false => Err(failed(format!(
            "failed ({status}); what it printed says why"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_started_finds_the_programs_of_root() {
        for builder in [Builder::Mmdebstrap, Builder::Debootstrap] {
            let command = builder.command(None);
            let path = command.get_envs().find(|(name, _)| *name == "PATH");
            let path = path.and_then(|(_, path)| path).expect("a path");
            let mut directories = std::env::split_paths(path);
            assert!(directories.any(|directory| directory == Path::new("/usr/sbin")));
        }
    }
}
