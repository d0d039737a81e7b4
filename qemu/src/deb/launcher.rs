// SPDX-License-Identifier: MIT OR Apache-2.0

//! The package `jaula`: by debhelper, from `jail-cli/debian` and what has been built already.

use super::third_party;
use super::version::{stamp_file, Digest, Stamp};
use crate::arch::Arch;
use crate::guest::userland;
use crate::kernel::files;
use crate::lock::CacheLock;
use crate::process::{capture, command, Logged};
use crate::project::Project;
use crate::ui::{Progress, Scale};
use anyhow::{ensure, Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a commit is about that changes the package.
const MADE_OF: &[&str] = &[
    "jail-cli",
    "rootfs-templates",
    "docs",
    "LICENSES",
    "README.md",
    "Cargo.toml",
    "Cargo.lock",
    ".cargo",
];

/// A shell, and the name of the file that it looks for.
const COMPLETIONS: [(&str, &str); 3] =
    [("bash", "jaula"), ("zsh", "_jaula"), ("fish", "jaula.fish")];

/// Gives the package of an architecture, which is made anew if anything in it has changed.
pub fn package(project: &Project, lock: &CacheLock, arch: Arch) -> Result<PathBuf> {
    let program = userland::launcher(project, arch, lock)?;
    let runs_here = match arch.is_native() {
        true => program.clone(),
        false => userland::launcher(project, native()?, lock)?,
    };
    let package = Package {
        project,
        arch,
        dir: project
            .cache()
            .join(format!("deb/jaula-{}", arch.debian_name())),
    };
    package.make(&program, &runs_here)
}

/// An architecture whose programs run here: the completions for the shells come from one.
fn native() -> Result<Arch> {
    let mut all = Arch::ALL.into_iter();
    all.find(|arch| arch.is_native()).context(
        "the completions of jaula come from a jaula that runs on this machine, and none is built for \
         its architecture",
    )
}

struct Package<'a> {
    project: &'a Project,
    arch: Arch,
    dir: PathBuf,
}

impl Package<'_> {
    fn make(&self, program: &Path, runs_here: &Path) -> Result<PathBuf> {
        let arch = self.arch.debian_name();
        let what = format!("packaging jaula for {arch}");
        let progress = Progress::start(&what, Scale::Unknown);
        // Packages are made beside the tree. What an interrupted run has left goes.
        let work = self.dir.join("work");
        fresh(&work)?;
        let tree = work.join("tree");
        self.lay_out(&tree, program, runs_here)?;

        let mut digest = Digest::default();
        digest.directory(&tree)?;
        let file = stamp_file(&self.dir);
        let stamp = Stamp::find(self.project, &file, &digest.finish(), MADE_OF)?;
        let version = stamp.version()?;
        let name = format!("jaula_{version}_{arch}.deb");
        let package = self.dir.join(&name);
        if package.exists() {
            return Ok(package);
        }
        stamp.write(&file)?;
        super::remove_packages(&self.dir)?;
        add_entry(&tree.join("debian/changelog"), &version, &stamp)?;
        let log = self.project.log(&format!("deb-jaula-{arch}.log"))?;
        Logged::new(&what, &log)
            .run(&mut build_command(&tree, arch), |line| progress.doing(line))?;
        super::take(&work.join(&name), &package, &log)?;
        progress.done();
        Ok(package)
    }

    /// Puts all that is packaged where `debian/` says that it lies.
    fn lay_out(&self, tree: &Path, program: &Path, runs_here: &Path) -> Result<()> {
        let root = self.project.root();
        for (from, to) in [
            ("jail-cli/debian", "debian"),
            ("jail-cli/systemd", "systemd"),
            ("jail-cli/udev", "udev"),
            ("docs/man", "man"),
            ("rootfs-templates/templates", "templates"),
        ] {
            ensure!(
                files::mirror(&root.join(from), &tree.join(to))? > 0,
                "{}: is empty or not there",
                root.join(from).display()
            );
        }
        files::make_equal(program, &tree.join("bin/jaula"))?;
        files::make_equal(&root.join("README.md"), &tree.join("README.md"))?;
        for name in files::list(&root.join("docs"))? {
            if !name.starts_with("man") {
                files::make_equal(
                    &root.join("docs").join(&name),
                    &tree.join("docs").join(&name),
                )?;
            }
        }
        for (shell, name) in COMPLETIONS {
            let script = capture(command(runs_here).args(["completion", shell]))?;
            let path = tree.join("completions").join(shell).join(name);
            files::write_whole(&path, script.as_bytes(), 0o644)?;
        }
        let notices = third_party::text(self.project, self.arch)?;
        files::write_whole(&tree.join("third-party.txt"), notices.as_bytes(), 0o644)
    }
}

/// Makes an empty directory, whatever lay there.
fn fresh(dir: &Path) -> Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("{}: cannot remove", dir.display()))?;
    }
    fs::create_dir_all(dir).with_context(|| format!("{}: cannot create", dir.display()))
}

/// Puts an entry for this version in front of those that people have written.
fn add_entry(changelog: &Path, version: &str, stamp: &Stamp) -> Result<()> {
    let written = fs::read_to_string(changelog).with_context(|| changelog.display().to_string())?;
    let (name, address) = super::MAINTAINER;
    let date = stamp.changelog_date()?;
    let entry = format!(
        "jaula ({version}) unstable; urgency=medium\n\n  * Build of what follows, and of what has \
         changed since.\n\n -- {name} <{address}>  {date}\n\n"
    );
    files::write_whole(changelog, (entry + &written).as_bytes(), 0o644)
}

/// What makes the package, and puts it beside the tree.
fn build_command(tree: &Path, arch: &str) -> Command {
    let mut build = command("setpriv");
    // A run that is ended must not leave it working behind the lock's back.
    build.args(["--pdeathsig", "TERM", "dpkg-buildpackage"]);
    build.args([
        "--build=binary",
        "--unsigned-changes",
        "--no-check-builddeps",
    ]);
    build.arg(format!("--host-arch={arch}"));
    build.current_dir(tree);
    for name in ["DEB_BUILD_OPTIONS", "DEB_BUILD_PROFILES", "DH_OPTIONS"] {
        build.env_remove(name);
    }
    build
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_changelog_gets_an_entry_in_front() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let changelog = dir.path().join("changelog");
        let written = "jaula (0.1.0) unstable; urgency=medium\n\n  * First.\n\n \
                       -- A B <a@b>  Sat, 28 Nov 2026 06:00:00 +0000\n";
        fs::write(&changelog, written)?;
        let file = stamp_file(dir.path());
        let project = Project::at(dir.path(), dir.path());
        let stamp = Stamp::find(&project, &file, "x", &[])?;
        add_entry(&changelog, "0.1.0+2", &stamp)?;
        let text = fs::read_to_string(&changelog)?;
        assert!(text.starts_with("jaula (0.1.0+2) unstable; "), "{text}");
        assert!(text.ends_with(written), "{text}");
        Ok(())
    }
}
