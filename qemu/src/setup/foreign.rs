// SPDX-License-Identifier: MIT OR Apache-2.0

//! Files of Debian packages of another architecture, without installing anything.
//!
//! apt-get works in a state directory of its own here, where the machine's sources and keys
//! hold but where nothing is installed and the other architecture is the only one. So it needs
//! no root, and the machine's own packages and `dpkg --add-architecture` stay out of it.

use super::mirror::{self, PAUSE, TRIES};
use super::needs::find_program;
use crate::lock::CacheLock;
use crate::process::{command, Logged};
use crate::project::Project;
use crate::ui::{Progress, Scale};
use anyhow::{bail, Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Where [`fetch`] puts a package.
pub fn place(project: &Project, package: &str, arch: &str) -> PathBuf {
    project.cache().join("foreign").join(arch).join(package)
}

/// Gives a directory with the unpacked files of `package` for `arch` (both as Debian calls
/// them), downloading it into the cache first unless it is there.
///
/// Takes the cache's lock for that, so the caller must not hold it.
pub fn fetch(project: &Project, package: &str, arch: &str) -> Result<PathBuf> {
    let tools = || {
        Ok(Tools {
            apt_get: find_program("apt-get").context("apt-get: not found")?,
            dpkg_deb: find_program("dpkg-deb").context("dpkg-deb: not found")?,
            pause: PAUSE,
        })
    };
    fetch_with(project, package, arch, tools)
}

/// The programs that do the work, and how long to wait for a mirror after the first failure.
struct Tools {
    apt_get: PathBuf,
    dpkg_deb: PathBuf,
    pause: Duration,
}

fn fetch_with(
    project: &Project,
    package: &str,
    arch: &str,
    tools: impl FnOnce() -> Result<Tools>,
) -> Result<PathBuf> {
    let top = project.cache().join("foreign").join(arch);
    let place = place(project, package, arch);
    if place.is_dir() {
        return Ok(place);
    }
    let _lock = CacheLock::acquire(project)?;
    if place.is_dir() {
        return Ok(place); // another run was faster
    }
    let fetched = tools().and_then(|tools| {
        Fetch {
            project,
            tools: &tools,
            arch,
            top: &top,
        }
        .run(package, &place)
    });
    fetched.with_context(|| {
        format!(
            "Debian's package {package} for {arch} is needed and could not be fetched; where apt \
             cannot get it, unpack it by hand into {} (dpkg-deb -x, or ar x and tar)",
            place.display()
        )
    })?;
    Ok(place)
}

struct Fetch<'a> {
    project: &'a Project,
    tools: &'a Tools,
    arch: &'a str,
    top: &'a Path,
}

impl Fetch<'_> {
    fn run(&self, package: &str, place: &Path) -> Result<()> {
        let progress = Progress::start(
            &format!("fetching {package} for {}", self.arch),
            Scale::Unknown,
        );
        let work = self.fresh_dir("unfinished")?;
        self.download(package, &work, &progress)?;
        let files = work.join("files");
        self.unpack(&the_deb(&work)?, &files)?;
        fs::rename(&files, place)
            .with_context(|| format!("{}: cannot put in place", place.display()))?;
        fs::remove_dir_all(&work).with_context(|| format!("{}: cannot remove", work.display()))?;
        progress.done();
        Ok(())
    }

    fn download(&self, package: &str, into: &Path, progress: &Progress) -> Result<()> {
        let mut attempt = 1;
        loop {
            let mut said = String::new();
            let mut lines = 0;
            let mut heard = |line: &str| {
                lines += 1;
                progress.set(lines);
                said += line;
                said.push('\n');
            };
            // A source that this package does not come from may fail: what counts is whether
            // the download works in the end.
            let updated = self.apt_get("update", &["update"], into, &mut heard);
            let name = format!("{package}:{}", self.arch);
            let Err(error) = self.apt_get("download", &["download", &name], into, &mut heard)
            else {
                return Ok(());
            };
            if attempt == TRIES || !mirror::is_transient(&said) {
                return match updated {
                    Ok(()) => Err(error),
                    Err(update) => Err(error.context(format!("{update:#}"))),
                };
            }
            mirror::wait(self.tools.pause, attempt);
            attempt += 1;
        }
    }

    /// Runs apt-get in `dir`, where a download lands.
    fn apt_get(
        &self,
        what: &str,
        args: &[&str],
        dir: &Path,
        heard: impl FnMut(&str),
    ) -> Result<()> {
        let state = self.top.join("apt");
        for below in ["state/lists/partial", "cache/archives/partial"] {
            let dir = state.join(below);
            fs::create_dir_all(&dir)
                .with_context(|| format!("{}: cannot create", dir.display()))?;
        }
        let status = state.join("status");
        fs::write(&status, "").with_context(|| format!("{}: cannot write", status.display()))?;
        let mut apt: Command = command(&self.tools.apt_get);
        let options = [
            format!("APT::Architecture={}", self.arch),
            format!("APT::Architectures={}", self.arch),
            format!("Dir::State={}", state.join("state").display()),
            format!("Dir::State::status={}", status.display()),
            format!("Dir::Cache={}", state.join("cache").display()),
            // As root, apt would hand the network to a user who may not write here.
            "APT::Sandbox::User=root".to_owned(),
            "Acquire::Languages=none".to_owned(),
            "Acquire::GzipIndexes=true".to_owned(),
        ];
        apt.current_dir(dir);
        for option in options {
            apt.args(["-o", &option]);
        }
        apt.args(args);
        let log = self
            .project
            .log(&format!("foreign-{}-{what}.log", self.arch))?;
        Logged::new(&format!("apt-get {}", args.join(" ")), log).run(&mut apt, heard)
    }

    fn unpack(&self, deb: &Path, into: &Path) -> Result<()> {
        let mut dpkg = command(&self.tools.dpkg_deb);
        dpkg.arg("-x").arg(deb).arg(into);
        let log = self
            .project
            .log(&format!("foreign-{}-unpack.log", self.arch))?;
        Logged::new("unpacking the package", log).run(&mut dpkg, |_| {})
    }

    /// An empty directory; what a killed run has left in it goes.
    fn fresh_dir(&self, name: &str) -> Result<PathBuf> {
        let dir = self.top.join(name);
        if dir.exists() {
            fs::remove_dir_all(&dir)
                .with_context(|| format!("{}: cannot remove", dir.display()))?;
        }
        fs::create_dir_all(&dir).with_context(|| format!("{}: cannot create", dir.display()))?;
        Ok(dir)
    }
}

/// The one package file in a directory.
fn the_deb(dir: &Path) -> Result<PathBuf> {
    let mut debs = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let path = entry.with_context(|| dir.display().to_string())?.path();
        if path.extension().is_some_and(|ext| ext == "deb") {
            debs.push(path);
        }
    }
    match debs.pop() {
        Some(deb) if debs.is_empty() => Ok(deb),
        _ => bail!(
            "{}: apt-get download should have left one package there",
            dir.display()
        ),
    }
}

#[cfg(test)]
#[path = "foreign_tests.rs"]
mod tests;
