// SPDX-License-Identifier: MIT OR Apache-2.0

//! Making sure that the machine has what is needed, and installing what it lacks.

mod apt;
mod backports;
mod bindgen;
pub mod debian_sources;
mod distro;
pub mod foreign;
mod install;
pub mod mirror;
pub mod needs;
mod qemu;
mod root;
mod sources;

use crate::arch::Arch;
use crate::lock::CacheLock;
use crate::project::Project;
use crate::ui::{self, Progress, Scale};
use anyhow::{bail, Result};
use distro::Distro;
use needs::{Need, NEEDS, SOURCE_PACKAGE};
use std::collections::BTreeSet;

/// How far a set-up goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Say what is missing and what would be run, and leave it at that.
    DryRun,
    /// Install what is missing.
    Install,
}

/// What a set-up found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Everything was there.
    Everything,
    /// Something was missing.
    Gaps,
}

/// What a set-up is for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The architectures that kernels and user lands are built for.
    pub archs: &'a [Arch],
    /// The user has a kernel source of their own.
    pub own_source: bool,
    /// What the other commands can do without.
    pub extras: &'a [Extra],
}

/// What only some commands use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extra {
    /// Tools that make Debian packages.
    Packaging,
    /// The program that finds faults in them.
    Lintian,
    /// Tools that make a disk with Debian on it, and what boots it.
    Disk,
}

/// Checks everything and, in [`Mode::Install`], installs what is missing.
pub fn run(project: &Project, mode: Mode, wanted: &Wanted) -> Result<Found> {
    // Two runs must not install at once; apt has a lock of its own, but the answer to "what
    // is missing" would be out of date.
    let lock = CacheLock::acquire(project)?;
    let distro = Distro::detect();
    let missing = missing(project, wanted, &distro);
    if missing.is_empty() {
        return Ok(Found::Everything);
    }
    for (need, why) in &missing {
        let why = why.lines().next().unwrap_or_default();
        ui::note(&format!("missing: {} ({why})", need.name));
    }
    if let Distro::Other(name) = &distro {
        bail!("{}", advice(project, name, &missing));
    }
    let packages = packages(missing.iter().map(|(need, _)| *need), &distro);
    install::packages(project, &packages, mode)?;
    if missing
        .iter()
        .any(|(need, _)| need.packages(&distro).is_empty() && need.foreign().is_none())
    {
        bindgen::install(project, mode)?;
    }
    // It takes the lock by itself.
    drop(lock);
    for (package, arch) in missing.iter().filter_map(|(need, _)| need.foreign()) {
        if mode == Mode::DryRun {
            println!(
                "apt-get download {package}:{arch}    # unpacked into the cache, not installed"
            );
        } else {
            foreign::fetch(project, package, arch)?;
        }
    }
    if mode == Mode::DryRun {
        return Ok(Found::Gaps);
    }
    let left = self::missing(project, wanted, &distro);
    if !left.is_empty() {
        let lines: Vec<_> = left
            .iter()
            .map(|(need, why)| format!("  {}: {why}", need.name))
            .collect();
        bail!("still missing after installing:\n{}", lines.join("\n"));
    }
    Ok(Found::Gaps)
}

fn missing(project: &Project, wanted: &Wanted, distro: &Distro) -> Vec<(&'static Need, String)> {
    let progress = Progress::start("looking at what is installed", Scale::Unknown);
    NEEDS
        .iter()
        .inspect(|need| progress.doing(need.name))
        .filter(|need| need.is_for(wanted.archs, wanted.extras))
        .filter(|need| !(wanted.own_source && need.packages(distro).contains(&SOURCE_PACKAGE)))
        .filter_map(|need| {
            need.check(project)
                .err()
                .map(|error| (need, format!("{error:#}")))
        })
        .collect()
}

/// Package names, each once.
fn packages<'a>(needs: impl Iterator<Item = &'a Need>, distro: &Distro) -> Vec<String> {
    let mut seen = BTreeSet::new();
    needs
        .flat_map(|need| need.packages(distro))
        .filter(|name| seen.insert(**name))
        .map(|name| (*name).to_owned())
        .collect()
}

/// What to tell on a distribution whose package manager the harness does not drive.
fn advice(project: &Project, distro: &str, missing: &[(&Need, String)]) -> String {
    let lines: Vec<_> = missing
        .iter()
        .map(|(need, why)| {
            let how = match need.foreign() {
                Some((package, arch)) => format!(
                    "unpack Debian's package {package}:{arch} into {}",
                    foreign::place(project, package, arch).display()
                ),
                None => format!(
                    "on Debian 13: {}",
                    need.packages(&Distro::Debian13).join(" ")
                ),
            };
            format!("  {}\n      {why}\n      ({how})", need.name)
        })
        .collect();
    format!(
        "set-up installs packages on Debian 12 and 13 only, and this is {distro}. Install these, and run the same command again:\n{}",
        lines.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn fresh_debian_12_takes_the_backported_toolchain() {
        let packages = packages(NEEDS.iter(), &Distro::Debian12);
        for name in [
            "rustc-web",
            "rust-web-src",
            "clang-19",
            "lld-19",
            "llvm-19",
            "linux-source-6.12",
            "qemu-system-x86/bookworm-backports",
            "qemu-system-arm/bookworm-backports",
            "gcc-arm-linux-gnueabihf",
            "libc6-dev-armhf-cross",
        ] {
            assert!(packages.iter().any(|p| p == name), "{name} in {packages:?}");
        }
        for name in ["rustc", "bindgen", "qemu-utils-"] {
            assert!(
                !packages.iter().any(|p| p == name),
                "{name} in {packages:?}"
            );
        }
    }

    #[test]
    fn fresh_debian_13_takes_the_plain_names_once() {
        let packages = packages(NEEDS.iter(), &Distro::Debian13);
        for name in [
            "rustc",
            "rust-src",
            "bindgen",
            "clang",
            "lld",
            "llvm",
            "qemu-system-x86",
            "qemu-system-arm",
        ] {
            assert_eq!(
                packages.iter().filter(|p| *p == name).count(),
                1,
                "{name} in {packages:?}"
            );
        }
        assert_eq!(packages.iter().filter(|p| *p == "rustfmt").count(), 1);
    }

    #[test]
    fn elsewhere_the_missing_are_listed() {
        let missing: Vec<_> = NEEDS
            .iter()
            .map(|need| (need, "not found: x".to_owned()))
            .collect();
        let project = Project::at(Path::new("/checkout"), Path::new("/cache"));
        let text = advice(&project, "Fedora Linux 42", &missing);
        for part in [
            "Fedora Linux 42",
            "make",
            "not found: x",
            "libc6-dev",
            "QEMU 8.1 or newer",
            "on Debian 13: qemu-system-x86",
            "busybox-static:armhf into /cache/foreign/armhf/busybox-static",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains(": )"), "{text}");
    }
}
