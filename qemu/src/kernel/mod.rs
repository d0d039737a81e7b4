// SPDX-License-Identifier: MIT OR Apache-2.0

//! From an unpatched source to a bootable image, all of it in the cache.
//!
//! A source is fetched ([`source`], [`extract`]), patched ([`series`], [`tree`]), configured
//! ([`config`], [`random`]) and built ([`build`]) with tools found by [`toolchain`].

pub mod build;
pub mod config;
mod extract;
pub mod files;
pub mod random;
pub mod series;
pub mod source;
mod steps;
pub mod toolchain;
pub mod tree;

use crate::arch::{Arch, Flavour};
use crate::lock::CacheLock;
use crate::project::Project;
use crate::ui::{Progress, Scale};
use anyhow::Result;
use build::{Build, Image, Jobs};
use series::Series;
use source::Source;
use std::path::Path;
use toolchain::Toolchain;
use tree::Tree;

/// Everything that builds of one source have in common.
pub struct Kernel<'a> {
    project: &'a Project,
    /// The patched tree.
    pub tree: Tree,
    /// What was applied to it.
    pub series: Series,
    /// The tools.
    pub toolchain: Toolchain,
}

impl<'a> Kernel<'a> {
    /// Finds tools and source, and brings the patched tree up to date.
    ///
    /// The caller holds the lock for as long as it uses the tree.
    pub fn prepare(project: &'a Project, _lock: &CacheLock, source: Option<&Path>) -> Result<Self> {
        let looking = Progress::start("looking for compilers", Scale::Unknown);
        let toolchain = Toolchain::find(project)?;
        drop(looking);
        let source = Source::find(source)?;
        let series = Series::read(&project.series_dir())?;
        let tree = Tree::prepare(project, &source, &series)?;
        Ok(Self {
            project,
            tree,
            series,
            toolchain,
        })
    }

    /// The build of one architecture and flavour.
    pub fn build(&self, arch: Arch, flavour: Flavour) -> Build<'_> {
        Build {
            project: self.project,
            tree: &self.tree,
            toolchain: &self.toolchain,
            arch,
            flavour,
            suffix: "",
        }
    }

    /// The normal configuration once more, for `make CLIPPY=1`.
    pub fn clippy(&self, arch: Arch) -> Build<'_> {
        Build {
            suffix: "-clippy",
            ..self.build(arch, Flavour::Normal)
        }
    }

    /// Where the configurations that are made at random are built, one after the other.
    pub fn random(&self, arch: Arch) -> Build<'_> {
        Build {
            suffix: "-random",
            ..self.build(arch, Flavour::Normal)
        }
    }
}

/// Makes the kernel image of an architecture and flavour up to date.
pub fn image(
    project: &Project,
    lock: &CacheLock,
    source: Option<&Path>,
    arch: Arch,
    flavour: Flavour,
    jobs: usize,
) -> Result<Image> {
    Kernel::prepare(project, lock, source)?
        .build(arch, flavour)
        .run(&Jobs::Number(jobs))
}
