// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula rootfs`: root directories from templates.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jaula::reach;
use jaula::template::{build, find, load};
use jaula_rootfs::{builtin, Template};

use super::output::print;
use super::Failure;

/// What to do about root directories.
#[derive(Debug, Subcommand)]
pub enum Rootfs {
    /// Build a root directory from a template
    ///
    /// It is built whole or not at all: beside DIR, and moved there when it is complete. This
    /// takes root, for files get the owners that the template names.
    #[command(after_help = BUILD_EXAMPLES)]
    Build(Build),
    /// List the templates that come with jaula
    List,
    /// Print a template, to begin one of your own from
    Show {
        /// Name of a template that comes with jaula
        name: String,
    },
}

const BUILD_EXAMPLES: &str = "\
Examples:
  jaula rootfs build --template minimal /srv/jail
  jaula rootfs show minimal > web.toml       change it as you like, then
  jaula rootfs build --template ./web.toml /srv/web";

/// Which template, and where to.
#[derive(Debug, Args)]
pub struct Build {
    /// Template: the name of one that comes with jaula, or a file (a name with a slash, or one
    /// that ends in .toml)
    #[arg(short, long, value_name = "NAME|FILE")]
    template: String,

    /// Replace a DIR that is not empty; what was there is kept as DIR.old
    #[arg(short, long)]
    force: bool,

    /// Do not say what was built
    #[arg(short, long)]
    quiet: bool,

    /// Directory to build; it must not exist, or be empty
    #[arg(value_name = "DIR")]
    target: PathBuf,
}

impl Rootfs {
    /// Does it and returns the exit status.
    pub fn run(self) -> Result<u8, Failure> {
        match self {
            Rootfs::Build(arguments) => arguments.run()?,
            Rootfs::List => list()?,
            Rootfs::Show { name } => print(find(&name).map_err(Failure::failed)?.source)?,
        }
        Ok(0)
    }
}

impl Build {
    fn run(self) -> Result<(), Failure> {
        let template = load(&self.template, Path::new("")).map_err(Failure::failed)?;
        let summary = build(&template, &self.target, self.force).map_err(Failure::failed)?;
        if !self.quiet {
            jaula::complain!(
                "jaula: {}: built from {}: {} files ({:.1} MiB), {} symbolic links",
                self.target.display(),
                self.template,
                summary.files,
                summary.bytes as f64 / f64::from(1 << 20),
                summary.symlinks,
            );
            if reach::is_path_exposed(&self.target) == Ok(true) {
                jaula::complain!("jaula: warning: {}", reach::warning(&self.target));
            }
        }
        Ok(())
    }
}

fn list() -> Result<(), Failure> {
    let width = builtin::all()
        .iter()
        .map(|builtin| builtin.name.len())
        .max()
        .unwrap_or_default();
    let mut text = String::new();
    for builtin in builtin::all() {
        let template = Template::parse(builtin.source).map_err(Failure::failed)?;
        text += &format!("{:width$}  {}\n", builtin.name, template.description());
    }
    print(&text)
}
