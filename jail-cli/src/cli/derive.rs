// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula clone` and `jaula snapshot`: new roots from what is there.

use std::io::{stderr, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;

use jaula::admin::Admin;
use jaula::jails::{JailId, JailsError};
use jaula::layers::{self, Derived, Source};
use jaula::privilege;
use jaula::text::{shown, to_stderr};

use super::Failure;

/// How often is told how far it is.
const EACH: Duration = Duration::from_millis(250);

/// What from, and where to.
#[derive(Debug, Args)]
pub struct Derive {
    /// Directory, root file, or number or name of a jail
    ///
    /// What is both a jail and a file here is the file as ./SOURCE.
    #[arg(value_name = "SOURCE", value_hint = clap::ValueHint::AnyPath)]
    source: PathBuf,

    /// Root file to make, by convention NAME.root; it must not exist
    #[arg(value_name = "NEW", value_hint = clap::ValueHint::FilePath)]
    new: PathBuf,

    /// Do not say what was made
    #[arg(short, long)]
    quiet: bool,
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Clone,
    Snapshot,
}

impl Derive {
    /// Makes it.
    pub fn run(self, kind: Kind) -> Result<u8, Failure> {
        privilege::require().map_err(Failure::failed)?;
        let source = source(&self.source)?;
        let mut progress = Progress::new(self.quiet);
        let mut tell = |bytes| progress.tell(bytes);
        let derived = match kind {
            Kind::Clone => layers::clone(&source, &self.new, &mut tell),
            Kind::Snapshot => layers::snapshot(&source, &self.new, &mut tell),
        };
        progress.clear();
        let derived = derived.map_err(Failure::failed)?;
        if !self.quiet {
            jaula::complain!("jaula: {}: {}", shown(&self.new), told(&derived));
        }
        Ok(0)
    }
}

/// What somebody means by the name of a jail, its number, or a path.
pub(super) fn source(given: &Path) -> Result<Source, Failure> {
    let path = || Ok(Source::Path(given.to_owned()));
    let text = given.to_str().filter(|text| !text.contains('/'));
    let Some(id) = text.and_then(|text| text.parse::<JailId>().ok()) else {
        return path();
    };
    let is_there = given.symlink_metadata().is_ok();
    let admin = match Admin::open() {
        // Where there are no jails it is a path.
        Err(_) if is_there => return path(),
        admin => admin?,
    };
    match (admin.find(&id), is_there) {
        (Ok(_), true) => Err(Failure::failed(format!(
            "{id}: is a jail, and there is something of that name here; that is ./{id}"
        ))),
        (Ok(jail), false) => Ok(Source::Jail(jail.into())),
        (Err(JailsError::NoSuchJail(_)), true) => path(),
        (Err(JailsError::NoSuchJail(_)), false) => Err(Failure::failed(format!(
            "{id}: is neither a jail nor a file or directory here; \"jaula ls\" lists jails"
        ))),
        (Err(error), _) => Err(error.into()),
    }
}

fn told(derived: &Derived) -> String {
    let shared: Vec<String> = derived
        .shared
        .iter()
        .map(|path| shown(path).to_string())
        .collect();
    let shared = match shared.is_empty() {
        true => String::new(),
        false => format!(" upon {}", shared.join(", ")),
    };
    match derived.copied {
        None => format!("nothing copied{shared}"),
        Some(copied) => format!(
            "copied {} files ({}), {} removed{shared}",
            copied.entries,
            mebibytes(copied.bytes),
            copied.removed
        ),
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// How much has been copied, for who looks on.
pub(super) struct Progress {
    is_shown: bool,
    last: Instant,
    has_told: bool,
}

impl Progress {
    pub fn new(quiet: bool) -> Self {
        Progress {
            is_shown: !quiet && stderr().is_terminal(),
            last: Instant::now(),
            has_told: false,
        }
    }

    pub fn tell(&mut self, bytes: u64) {
        if self.is_shown && self.last.elapsed() >= EACH {
            self.last = Instant::now();
            self.has_told = true;
            to_stderr(&format!("\rjaula: {} copied", mebibytes(bytes)));
        }
    }

    pub fn clear(&mut self) {
        if self.has_told {
            to_stderr("\r\x1b[K");
        }
    }
}
