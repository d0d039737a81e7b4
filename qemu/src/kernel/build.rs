// SPDX-License-Identifier: MIT OR Apache-2.0

//! Configuring and making one kernel.

use super::toolchain::Toolchain;
use super::tree::Tree;
use super::{config, files, steps};
use crate::arch::{Arch, Flavour};
use crate::image::card::board::Board;
use crate::machine::Machine;
use crate::process::{capture, command, output, Logged};
use crate::project::Project;
use crate::ui::{self, Progress, Scale};
use anyhow::{bail, Context, Result};
use jobserver::Client;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How many jobs make runs at once.
#[derive(Clone, Copy, Debug)]
pub enum Jobs<'a> {
    /// So many.
    Number(usize),
    /// As many as a job server has tokens for, with those of others.
    Shared(&'a Client),
}

impl Jobs<'_> {
    /// Adds it to a command line of make.
    pub fn tell(&self, make: &mut Command) {
        match self {
            Jobs::Number(number) => {
                make.arg(format!("-j{number}"));
            }
            Jobs::Shared(tokens) => tokens.configure_make(make),
        }
    }
}

/// What a build leaves that can be booted.
#[derive(Clone, Debug)]
pub struct Image {
    /// The kernel.
    pub kernel: PathBuf,
    device_trees: Option<PathBuf>,
}

impl Image {
    /// The device tree of this name, as make calls it.
    pub fn device_tree(&self, name: &str) -> Result<PathBuf> {
        let dir = self.device_trees.as_ref();
        let path = dir.with_context(|| format!("{name}: this architecture has no device trees"))?;
        Ok(path.join(name))
    }

    fn is_whole(&self, device_trees: &[String]) -> bool {
        let has = |name: &String| self.device_tree(name).is_ok_and(|path| path.exists());
        self.kernel.exists() && device_trees.iter().all(has)
    }
}

/// The device trees that are made for an architecture: those of its machines and boards.
fn device_trees(arch: Arch) -> Result<Vec<String>> {
    let machines = Machine::all_of(arch)?.into_iter();
    let boards = Board::all_of(arch)?.into_iter();
    Ok(machines
        .filter_map(|machine| machine.device_tree)
        .chain(boards.flat_map(|board| board.device_trees))
        .collect())
}

/// A build directory for one architecture and flavour, with what is needed to use it.
pub struct Build<'a> {
    pub(super) project: &'a Project,
    pub(super) tree: &'a Tree,
    pub(super) toolchain: &'a Toolchain,
    pub(super) arch: Arch,
    pub(super) flavour: Flavour,
    /// Tells builds of the same flavour apart: `-clippy`, `-random`, or nothing.
    pub(super) suffix: &'static str,
}

impl Build<'_> {
    /// The build directory.
    pub fn dir(&self) -> PathBuf {
        self.tree
            .build_dir(&format!("{}-{}{}", self.arch, self.flavour, self.suffix))
    }

    /// The bootable image, and where its device trees are.
    fn image(&self) -> Image {
        let dir = self.dir();
        Image {
            kernel: dir.join(self.arch.image_path()),
            device_trees: self.arch.device_trees_path().map(|path| dir.join(path)),
        }
    }

    /// Makes the image unless it is there and nothing it was made of has changed.
    pub fn run(&self, jobs: &Jobs) -> Result<Image> {
        let stamp = self.stamp();
        let device_trees = device_trees(self.arch)?;
        let wanted = format!(
            "{}{}{}",
            self.inputs()?,
            device_trees.join("\n"),
            self.tree.generation()?
        );
        let built = files::read(&stamp)?.is_some_and(|(text, _)| text == wanted.as_bytes());
        if built && self.image().is_whole(&device_trees) {
            return Ok(self.image());
        }
        self.configure()?;
        self.make(jobs, &device_trees)?;
        files::write_whole(&stamp, wanted.as_bytes(), 0o644)?;
        Ok(self.image())
    }

    /// Whether it has been made before. It may not be up to date.
    pub fn was_built(&self) -> bool {
        self.stamp().exists()
    }

    fn stamp(&self) -> PathBuf {
        self.dir().join("xtask.built")
    }

    /// The kernel's make for this build directory, without a target.
    pub fn make_command(&self) -> Command {
        let mut make = self.toolchain.make();
        make.arg("-C").arg(self.tree.src());
        make.arg(format!("O={}", self.dir().display()));
        make.arg(format!("ARCH={}", self.arch.kernel_name()));
        make
    }

    /// A log file of this build.
    pub fn log(&self, step: &str) -> Result<PathBuf> {
        self.project.log(&format!(
            "kernel-{}-{}{}-{step}.log",
            self.arch, self.flavour, self.suffix
        ))
    }

    fn fragments(&self) -> Vec<PathBuf> {
        let mut names = vec!["jaula".to_owned(), self.arch.name().to_owned()];
        if self.flavour != Flavour::Normal {
            names.extend([
                self.flavour.to_string(),
                format!("{}-{}", self.arch, self.flavour),
            ]);
        }
        names
            .iter()
            .map(|name| self.project.config_dir().join(format!("{name}.config")))
            .collect()
    }

    /// All that the fragments of this flavour ask for, the last word on each option last.
    pub fn fragments_text(&self) -> Result<String> {
        let mut text = String::new();
        for fragment in self.fragments() {
            text +=
                &fs::read_to_string(&fragment).with_context(|| fragment.display().to_string())?;
        }
        Ok(text)
    }

    fn inputs(&self) -> Result<String> {
        Ok(self.toolchain.identity.clone() + &self.fragments_text()?)
    }

    /// Makes the `.config` anew. One that comes out the same rebuilds nothing.
    pub fn configure(&self) -> Result<()> {
        let asked = self.fragments_text()?;
        let got = self.configure_as(&asked, &self.log("config")?)?;
        // Only what the series brings may be absent, and only while it is not applied.
        let known = |name: &str| {
            name != "CONFIG_SECURITY_JAULA"
                || self.tree.src().join("security/jaula/Kconfig").exists()
        };
        for name in config::verify(&config::parse(&asked), &got, known)? {
            ui::note(&format!(
                "{name}: this kernel tree has no such option (the series is not applied)"
            ));
        }
        Ok(())
    }

    /// Makes the `.config` of one fragment, and gives it back. What has unmet dependencies is not in it.
    pub fn configure_as(&self, fragment: &str, log: &Path) -> Result<String> {
        let dir = self.dir();
        fs::create_dir_all(&dir).with_context(|| format!("{}: cannot create", dir.display()))?;
        let what = format!("configuring the {} kernel for {}", self.flavour, self.arch);
        let _progress = Progress::start(&what, Scale::Unknown);
        self.check_rust()?;
        // All that the fragments do not ask for is off, what their choices make visible included;
        // merging them into a finished configuration would leave that at its defaults.
        let wanted = dir.join("xtask.config");
        files::write_whole(&wanted, fragment.as_bytes(), 0o644)?;
        let mut make = self.make_command();
        make.env("KCONFIG_ALLCONFIG", &wanted).arg("allnoconfig");
        Logged::new(&what, log).run(&mut make, |_| {})?;
        let path = dir.join(".config");
        fs::read_to_string(&path).with_context(|| path.display().to_string())
    }

    /// Lets the kernel itself say whether it can use this Rust.
    fn check_rust(&self) -> Result<()> {
        let output = output(self.make_command().arg("rustavailable"))?;
        if !output.status.success() {
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            let words: Vec<_> = said
                .lines()
                .filter(|line| !line.starts_with("make"))
                .collect();
            bail!(
                "the kernel cannot be built with this Rust toolchain. It says:\n{}",
                words.join("\n")
            );
        }
        Ok(())
    }

    fn make(&self, jobs: &Jobs, device_trees: &[String]) -> Result<()> {
        let what = format!("building the {} kernel for {}", self.flavour, self.arch);
        let log = self.log("build")?;
        let mut targets = vec![self.arch.image_target().to_owned()];
        targets.extend_from_slice(device_trees);
        if self.flavour == Flavour::Server {
            targets.push("modules".to_owned());
        }
        let progress = self.make_counted(&what, &targets, jobs, &log)?;
        if !self.image().is_whole(device_trees) {
            bail!(
                "{what}: make succeeded, but {} or one of {} is not there; see {}",
                self.image().kernel.display(),
                device_trees.join(", "),
                log.display()
            );
        }
        progress.done();
        Ok(())
    }

    /// Runs make for all that there is to build, which takes long the first time: how many steps it
    /// was is remembered.
    pub fn make_counted(
        &self,
        what: &str,
        targets: &[String],
        jobs: &Jobs,
        log: &Path,
    ) -> Result<Progress> {
        let counted = self.dir().join("xtask.objects");
        let first = !counted.exists();
        let scale = if first {
            Scale::Steps(self.expected_objects())
        } else {
            Scale::Unknown
        };
        let progress = Progress::start(what, scale);
        let objects = self.make_targets(what, targets, jobs, log, &progress)?;
        if first {
            files::write_whole(&counted, objects.to_string().as_bytes(), 0o644)?;
        }
        Ok(progress)
    }

    /// Runs make, and says how many steps it took. They are the progress.
    pub fn make_targets(
        &self,
        what: &str,
        targets: &[String],
        jobs: &Jobs,
        log: &Path,
        progress: &Progress,
    ) -> Result<u64> {
        let mut taken = 0;
        let mut make = self.make_command();
        jobs.tell(&mut make);
        make.args(targets);
        Logged::new(what, log).run(&mut make, |line| {
            if let Some(step) = steps::step(line) {
                taken += 1;
                progress.set(taken);
                progress.doing(&step);
            }
        })?;
        Ok(taken)
    }

    /// What the first build of a flavour as large has counted is near enough, unless it had been
    /// interrupted and counted only what was left.
    fn expected_objects(&self) -> u64 {
        let count = |path: PathBuf| fs::read_to_string(path).ok()?.trim().parse().ok();
        let as_large: &[Flavour] = match self.flavour {
            Flavour::Normal | Flavour::Debug => &[Flavour::Normal, Flavour::Debug],
            Flavour::Server => &[],
        };
        as_large
            .iter()
            .find_map(|flavour| {
                count(
                    self.tree
                        .build_dir(&format!("{}-{flavour}", self.arch))
                        .join("xtask.objects"),
                )
            })
            .unwrap_or(0)
            .max(steps::usual(self.arch, self.flavour))
    }

    /// Size of the module's text in bytes, as size(1) counts it.
    pub fn module_text(&self) -> Result<u64> {
        let archive = self.dir().join(super::tree::MODULE_PATH).join("built-in.a");
        let said = capture(
            command(self.toolchain.llvm_bin.join("llvm-size"))
                .arg("-t")
                .arg(&archive),
        )?;
        totals_text(&said).with_context(|| {
            format!(
                "llvm-size {}: cannot read its answer:\n{said}",
                archive.display()
            )
        })
    }
}

/// The text column of `size -t`'s last line.
fn totals_text(said: &str) -> Option<u64> {
    let line = said
        .lines()
        .find(|line| line.trim_end().ends_with("(TOTALS)"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The number of jobs that make runs at once unless told otherwise.
pub fn default_jobs() -> usize {
    std::thread::available_parallelism().map_or(2, |n| n.get())
}

#[cfg(test)]
mod tests {
    #[test]
    fn totals_are_read() {
        let said = "   text\t   data\t    bss\t    dec\t    hex\tfilename\n   5000\t 10\t 20\t 5030\t 1\ta.o (ex built-in.a)\n   9123\t 10\t 20\t 9153\t 2\t(TOTALS)\n";
        assert_eq!(super::totals_text(said), Some(9123));
    }
}
