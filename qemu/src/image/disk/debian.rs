// SPDX-License-Identifier: MIT OR Apache-2.0

//! What makes a machine of Debian's packages: the files of `qemu/debian`, and mmdebstrap, which
//! runs them.

use crate::process::{command, Logged};
use crate::project::Project;
use crate::setup::debian_sources;
use crate::ui::{Progress, Scale};
use anyhow::{Context, Result};
use nix::unistd::Uid;
use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The release.
pub const SUITE: &str = "trixie";

const PACKAGES: &str = include_str!("../../../debian/packages");
const SERVICES: &str = include_str!("../../../debian/services");
const SELINUX: &str = include_str!("../../../debian/packages-selinux");
/// Each with its mode.
const FILES: [(&str, &str, u32); 4] = [
    (
        "configure",
        include_str!("../../../debian/configure"),
        0o755,
    ),
    ("install", include_str!("../../../debian/install"), 0o755),
    (
        "grub-probe",
        include_str!("../../../debian/grub-probe"),
        0o755,
    ),
    ("grub.cfg", include_str!("../../../debian/grub.cfg"), 0o644),
];

/// The files, in a directory where mmdebstrap finds them.
pub struct Files(TempDir);

impl Files {
    /// Writes them.
    pub fn write() -> Result<Self> {
        let dir = readable_dir()?;
        for (name, content, mode) in FILES {
            let path = dir.path().join(name);
            fs::write(&path, content)
                .and_then(|()| fs::set_permissions(&path, Permissions::from_mode(mode)))
                .with_context(|| format!("{}: cannot write", path.display()))?;
        }
        Ok(Self(dir))
    }

    /// Where they are.
    pub fn dir(&self) -> &Path {
        self.0.path()
    }

    /// One of them, as a hook of mmdebstrap has it.
    pub fn hook(&self, name: &str) -> String {
        self.dir().join(name).display().to_string()
    }
}

/// A temporary directory that the users of a user namespace may look into.
pub fn readable_dir() -> Result<TempDir> {
    tempfile::Builder::new()
        .prefix("jaula-")
        .permissions(Permissions::from_mode(0o755))
        .tempdir()
        .context("temporary directory")
}

/// What Debian's packages are configured by, with SELinux or without.
pub fn base_text(selinux: bool) -> String {
    let more = if selinux { SELINUX } else { "" };
    text_of(&["configure", "grub.cfg"]) + PACKAGES + more + SUITE
}

/// What our packages are installed by.
pub fn install_text() -> String {
    text_of(&["install", "grub-probe"])
}

fn text_of(names: &[&str]) -> String {
    let files = FILES.iter().filter(|(name, ..)| names.contains(name));
    files.map(|(_, content, _)| *content).collect()
}

/// A list of packages.
#[derive(Clone, Copy, Debug)]
pub enum List {
    /// Those of the machine.
    Machine {
        /// With SELinux among them.
        selinux: bool,
    },
    /// Those of the tree that services run in.
    Services,
}

impl List {
    /// The packages, as mmdebstrap wants them.
    pub fn names(self) -> String {
        let (list, more) = match self {
            List::Machine { selinux: false } => (PACKAGES, ""),
            List::Machine { selinux: true } => (PACKAGES, SELINUX),
            List::Services => (SERVICES, ""),
        };
        let names: Vec<_> = list
            .lines()
            .chain(more.lines())
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .collect();
        names.join(",")
    }
}

/// Whether what is done here is done as root.
pub fn is_root() -> bool {
    Uid::effective().is_root()
}

/// mmdebstrap, as root where that is who we are, and else in a user namespace.
pub fn mmdebstrap() -> Command {
    let mut mmdebstrap = command("mmdebstrap");
    let mode = if is_root() { "root" } else { "unshare" };
    mmdebstrap.arg(format!("--mode={mode}"));
    if env::var_os("TMPDIR").is_none() {
        // What lies in /tmp may have to fit into memory.
        mmdebstrap.env("TMPDIR", "/var/tmp");
    }
    mmdebstrap
}

/// The suites that a machine of today has, as lines of a sources.list, from the mirrors that this
/// machine's owner has chosen. There is none where apt knows no mirror, and mmdebstrap takes its own.
pub fn sources() -> Result<Vec<String>> {
    let mirrors = debian_sources::mirrors()?;
    let main = mirrors.main.map(|uri| format!("deb {uri} {SUITE} main"));
    let security = mirrors
        .security
        .map(|uri| format!("deb {uri} {SUITE}-security main"));
    Ok(match main {
        Some(main) => [main].into_iter().chain(security).collect(),
        None => Vec::new(),
    })
}

/// Runs mmdebstrap, with each step that it announces as progress.
pub fn run(project: &Project, what: &str, log: &str, mmdebstrap: &mut Command) -> Result<()> {
    let progress = Progress::start(what, Scale::Unknown);
    let log: PathBuf = project.log(log)?;
    Logged::new(what, log).run(mmdebstrap, |line| {
        if let Some(step) = line.strip_prefix("I: ") {
            progress.doing(step.split(" in shell").next().unwrap_or(step));
        }
    })?;
    progress.done();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_names_with_commas() {
        for (selinux, there) in [(false, false), (true, true)] {
            let packages = List::Machine { selinux }.names();
            assert!(packages.contains(",systemd-sysv,"), "{packages}");
            assert_eq!(packages.contains(",selinux-"), there, "{packages}");
            assert!(
                !packages.contains(' ') && !packages.contains('#'),
                "{packages}"
            );
        }
    }

    #[test]
    fn each_file_counts_once() {
        let all: usize = FILES.iter().map(|(_, content, _)| content.len()).sum();
        let base = base_text(false).len() - PACKAGES.len() - SUITE.len();
        assert_eq!(base + install_text().len(), all);
    }

    #[test]
    fn hooks_can_be_executed() -> Result<()> {
        let files = Files::write()?;
        for (name, _, mode) in FILES {
            let meta = fs::metadata(files.dir().join(name))?;
            assert_eq!(meta.permissions().mode() & 0o777, mode, "{name}");
        }
        Ok(())
    }
}
