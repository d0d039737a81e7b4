// SPDX-License-Identifier: MIT OR Apache-2.0

//! The package of the kernel: by the `bindeb-pkg` of the kernel's own tree, in the build directory of
//! the kernel for a machine with a disk.

use super::version::{stamp_file, Digest, Stamp};
use crate::arch::{Arch, Flavour};
use crate::kernel::build::{default_jobs, Build, Jobs};
use crate::kernel::source::Source;
use crate::kernel::{files, Kernel};
use crate::process::capture;
use crate::project::Project;
use anyhow::{bail, Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// The architecture that there is a kernel for a machine with a disk for.
pub const ARCH: Arch = Arch::X86_64;

/// What a commit is about that changes the package.
const MADE_OF: &[&str] = &["kernel-module", "patches", "qemu/configs"];

/// What the package's source is called, which the names of build profiles begin with.
const SOURCE_NAME: &str = "linux-jaula";

/// Gives the package, which is made anew if anything in it has changed.
///
/// `source` is what the kernel was prepared from.
pub fn package(
    project: &Project,
    kernel: &Kernel,
    source: Option<&Path>,
    jobs: &Jobs,
) -> Result<PathBuf> {
    let build = kernel.build(ARCH, Flavour::Server);
    let dir = project
        .cache()
        .join(format!("deb/linux-image-{}", ARCH.debian_name()));
    fs::create_dir_all(&dir).with_context(|| format!("{}: cannot create", dir.display()))?;

    let mut digest = Digest::default();
    digest.text(&kernel.toolchain.identity);
    digest.text(&build.fragments_text()?);
    digest.text(&Source::find(source)?.identity()?);
    for (name, text) in kernel.series.patches() {
        digest.text(name);
        digest.text(text);
    }
    digest.directory(&project.module_dir())?;
    let file = stamp_file(&dir);
    let digest = digest.finish();
    let stamp = Stamp::find(project, &file, &digest, MADE_OF)?;
    // A tree of the user's own is known by its generation alone; that also tells of an interrupted run.
    let made = dir.join("made");
    let wanted = format!("{digest} {}", kernel.tree.generation()?);
    if let [package] = super::packages(&dir)?.as_slice() {
        if files::read(&made)?.is_some_and(|(text, _)| text == wanted.as_bytes()) {
            return Ok(package.clone());
        }
    }
    stamp.write(&file)?;
    super::remove_packages(&dir)?;
    let package = make(&build, &stamp, &dir, jobs)?;
    files::write_whole(&made, wanted.as_bytes(), 0o644)?;
    Ok(package)
}

fn make(build: &Build, stamp: &Stamp, dir: &Path, jobs: &Jobs) -> Result<PathBuf> {
    // What is built already is only packed: a configuration made anew has Rust's library built again.
    build.run(jobs)?;
    let release = capture(build.make_command().args(["-s", "kernelversion"]))?;
    let version = format!("{}-{}", release.trim(), stamp.version()?);
    let what = "building the kernel's package";
    let log = build.log("deb")?;
    // It leaves packages beside the build directory; others there are an interrupted run's.
    let beside = build.dir().join("..");
    remove_images(&beside)?;
    // dpkg-buildpackage does not hand on the tokens of a job server.
    let jobs = Jobs::Number(default_jobs());
    let progress = build.make_counted(what, &arguments(&version)?, &jobs, &log)?;
    let mut images = images(&beside)?;
    let (Some(image), true) = (images.pop(), images.is_empty()) else {
        bail!(
            "{what}: make should have left one package in {}; see {}",
            beside.display(),
            log.display()
        );
    };
    let package = dir.join(image.file_name().unwrap_or_default());
    super::take(&image, &package, &log)?;
    progress.done();
    Ok(package)
}

/// How the package's rules are run. The make around them exports this variable, and 6.12 adds to it what
/// stands in it already: the flags would differ, and all that is written in Rust be built again.
const RULES: &str = "--rules-file='env -u RETPOLINE_RUSTFLAGS make -f debian/rules'";

/// What make is told: as on its own command line, so that what it starts is told as well.
fn arguments(version: &str) -> Result<Vec<String>> {
    let (name, address) = super::MAINTAINER;
    // Neither headers nor debugging symbols, and not the package that libc's headers need.
    let profiles =
        ["nokernelheaders", "nokerneldbg"].map(|name| format!("pkg.{SOURCE_NAME}.{name}"));
    Ok(vec![
        "bindeb-pkg".to_owned(),
        format!("KDEB_PKGVERSION={version}"),
        format!("KDEB_SOURCENAME={SOURCE_NAME}"),
        "KDEB_CHANGELOG_DIST=unstable".to_owned(),
        format!("DEBFULLNAME={name}"),
        format!("DEBEMAIL={address}"),
        format!(
            "DPKG_FLAGS={RULES} --rules-target=binary-image --build-profiles={}",
            profiles.join(",")
        ),
        // The commands in full are no steps that can be counted.
        "DEB_BUILD_OPTIONS=terse".to_owned(),
    ])
}

fn images(dir: &Path) -> Result<Vec<PathBuf>> {
    let is_image = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("linux-image-")
    };
    Ok(super::packages(dir)?.into_iter().filter(is_image).collect())
}

fn remove_images(dir: &Path) -> Result<()> {
    for image in images(dir)? {
        fs::remove_file(&image).with_context(|| format!("{}: cannot remove", image.display()))?;
    }
    Ok(())
}
