// SPDX-License-Identifier: MIT OR Apache-2.0

//! Roots that are made of layers.
//!
//! A *root file* says in TOML what a root is made of: read-only directories that many jails share, and
//! what is written upon them. It is put together when a jail is launched, as a mount that lies nowhere
//! ([`apart`]): no path of the host ever leads there, and it goes with the last that has it, whatever
//! becomes of who made it.

mod apart;
mod copy;
mod derive;
mod file;
mod host;
mod making;
mod overlay;
pub mod store;
mod upper;
pub mod volume;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::isolation::Size;
use crate::jail::JailNumber;
use crate::root::{Identity, Root};
use crate::stat::fstat;
use crate::state::bytes;
use crate::text::shown;
use crate::trusted_path;
pub(crate) use apart::{alone, in_child};
pub use derive::{clone, parts, refuse_own_root, snapshot, Derived, Parts, Source};
pub use file::RootFile;
pub use overlay::knows_overlay;
use upper::Upper;
use volume::Volume;

/// As many layers as the kernel takes.
const MOST_LAYERS: usize = 500;

/// What a root is made of, where that is not one directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contents {
    /// Directories upon each other.
    Layers(Layers),
    /// An encrypted volume.
    Volume(Volume),
}

/// Directories upon each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layers {
    /// Those that are never written to, the topmost first; absolute paths.
    #[serde(with = "bytes::paths")]
    pub lower: Vec<PathBuf>,
    /// Where what is written goes; nothing, where that is thrown away.
    #[serde(
        default,
        with = "bytes::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub upper: Option<PathBuf>,
    /// How much may be written that is thrown away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
    /// Which directory the upper is, once it was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    upper_is: Option<Identity>,
}

/// What a root that was put together is made of, and what must be held as long as it is used.
#[derive(Debug)]
pub struct Made {
    contents: Contents,
    /// The upper, and layers that could be removed, locked.
    locks: Vec<OwnedFd>,
    /// Whether it is for looking at alone.
    is_view: bool,
}

/// What the ids of the disk are in a root.
#[derive(Clone, Copy, Debug)]
pub struct Mapping<'a> {
    /// The user namespace that says so.
    pub namespace: BorrowedFd<'a>,
    /// What 0 is on the host.
    pub base: u32,
}

/// What a root is put together for.
#[derive(Clone, Copy, Debug)]
pub enum Purpose<'a> {
    /// For a jail, whose ids may be its own.
    Run(Option<Mapping<'a>>),
    /// To be looked at: what is written goes nowhere, and nobody is kept from using the same.
    Look,
}

/// Who the upper may be in use by all the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct But(pub Option<JailNumber>);

impl Layers {
    /// Those of a root file, with absolute paths.
    pub fn new(lower: Vec<PathBuf>, upper: Option<PathBuf>, size: Option<Size>) -> Self {
        Layers {
            lower,
            upper,
            size,
            upper_is: None,
        }
    }

    /// Checks that all that is said can be had together.
    ///
    /// # Errors
    ///
    /// What cannot.
    pub fn check(&self) -> Result<(), String> {
        if self.lower.is_empty() {
            return Err("lower is empty: a root takes at least one layer".into());
        }
        if self.lower.len() > MOST_LAYERS {
            return Err(format!("lower has more than {MOST_LAYERS} layers"));
        }
        if let Some(upper) = self.upper.as_ref().filter(|it| it.file_name().is_none()) {
            return Err(format!("{}: is no name of a directory", shown(upper)));
        }
        match (&self.upper, self.size) {
            (Some(_), Some(_)) => Err(
                "a size is for what is thrown away; what goes to an upper is limited by its file \
                 system"
                    .into(),
            ),
            _ => Ok(()),
        }
    }

    /// The directories that are upon each other, the lowest first, what was written among them.
    pub fn directories(&self) -> Vec<PathBuf> {
        let written = self.upper.iter().map(|upper| upper.join(upper::UPPER));
        let written = written.filter(|path| path.symlink_metadata().is_ok());
        self.lower.iter().rev().cloned().chain(written).collect()
    }

    /// Whether what is written to them is gone with the last process that has them.
    pub fn are_thrown_away(&self) -> bool {
        self.upper.is_none()
    }

    /// Whether this is what their upper is.
    pub(crate) fn have_upper(&self, which: Identity) -> bool {
        self.upper_is == Some(which)
    }

    fn assemble(mut self, purpose: Purpose<'_>, but: But) -> Result<(OwnedFd, Made), String> {
        let first = self.lower.first().ok_or("has no lower layer")?;
        let like = overlay::look_at(first)?;
        let upper = self.upper.as_ref().filter(|_| !purpose.is_look());
        let upper = upper.map(|path| Upper::prepare(path, &like, but));
        let upper = upper.transpose()?;
        self.upper_is = match &upper {
            Some(upper) => Some(upper.identity()),
            None => self.upper_is,
        };
        let held = self.lower.iter().map(|layer| store::hold(layer));
        let held = held.collect::<Result<Vec<_>, _>>()?;
        let mount = apart::in_own_mounts(|| overlay::mount(&self, upper.as_ref(), &like, purpose))?;
        let made = Made {
            contents: Contents::Layers(self),
            locks: upper
                .map(Upper::into_lock)
                .into_iter()
                .chain(held.into_iter().flatten())
                .collect(),
            is_view: purpose.is_look(),
        };
        Ok((mount, made))
    }
}

impl Purpose<'_> {
    fn is_look(self) -> bool {
        matches!(self, Purpose::Look)
    }
}

impl Contents {
    /// Puts it together; `path` is what it is called by.
    ///
    /// The calling process must have one thread.
    ///
    /// # Errors
    ///
    /// A text that names the layer in the way.
    pub(crate) fn assemble(
        self,
        path: &Path,
        purpose: Purpose<'_>,
        but: But,
    ) -> Result<Root, String> {
        let (mount, made) = match self {
            Contents::Layers(layers) => layers.assemble(purpose, but)?,
            Contents::Volume(volume) => volume.assemble(purpose)?,
        };
        Root::made(mount, path.to_owned(), made)
    }

    /// Whether what is written there is gone with the last process that has it.
    pub fn is_thrown_away(&self) -> bool {
        match self {
            Contents::Layers(layers) => layers.are_thrown_away(),
            Contents::Volume(_) => false,
        }
    }

    /// Checks that it can be put together again when nobody is there who has put it together.
    ///
    /// # Errors
    ///
    /// What is in the way, and what to do.
    pub fn check_can_be_made_anew(&self) -> Result<(), String> {
        match self {
            Contents::Volume(volume) if volume.key.is_given_once() => Err(format!(
                "its key ({}) is there once, for who starts the jail, which could never be made anew: leave \
                 out restart, or give the key by a file or a credential",
                volume.key
            )),
            _ => Ok(()),
        }
    }

    /// Says how much may be written that is thrown away.
    pub fn limit(&mut self, size: Option<Size>) {
        match self {
            Contents::Layers(layers) => layers.size = size.or(layers.size),
            // All of it is kept.
            Contents::Volume(_) => {}
        }
    }

    /// A directory of the host by which it is called where it has no file of its own: where what is
    /// written goes, or the topmost layer.
    pub fn path(&self) -> &Path {
        match self {
            Contents::Layers(layers) => {
                let first = layers.lower.first();
                let path = layers.upper.as_ref().or(first);
                path.map_or(Path::new("/"), PathBuf::as_path)
            }
            Contents::Volume(volume) => &volume.volume,
        }
    }

    /// What is to be said about who else writes to what it is made of.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let Contents::Layers(layers) = self else {
            return Vec::new();
        };
        let writer = |path: &PathBuf| {
            let layer = trusted_path::open(path).ok()?;
            let jail = upper::writer_of(fstat(layer).ok()?.into())?;
            Some(format!(
                "{}: jail {jail} writes to it, and what it changes is not seen reliably by those built on \
                 it",
                shown(path)
            ))
        };
        layers.lower.iter().filter_map(writer).collect()
    }

    /// Where what is written lies on the host.
    pub fn upper(&self) -> Option<&Path> {
        match self {
            Contents::Layers(layers) => layers.upper.as_deref(),
            Contents::Volume(_) => None,
        }
    }
}

impl Made {
    /// What it is made of.
    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// Whether it is for looking at alone.
    pub(crate) fn is_view(&self) -> bool {
        self.is_view
    }

    /// What must be held as long as it is used.
    pub(crate) fn locks(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.locks.iter().map(AsFd::as_fd)
    }

    /// Takes what must be held from it.
    pub(crate) fn take_locks(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.locks)
    }
}

/// What is to be said about a directory that a jail may write to, where others are built on it.
pub(crate) fn warning_of_users(directory: &Root) -> Option<String> {
    let jail = upper::user_of_layer(directory.identity())?;
    Some(format!(
        "{}: jail {jail} is built on it, and does not see reliably what is changed there",
        shown(directory.path())
    ))
}

/// Checks that the root at a path can be opened again when nobody is there who has opened it.
///
/// # Errors
///
/// A text that says what is in the way.
pub fn check_can_be_made_anew(path: &Path) -> Result<(), String> {
    match RootFile::find(path)? {
        None => Ok(()),
        Some(file) => file.contents().check_can_be_made_anew(),
    }
}

/// Opens the root at a path: a directory, or what a root file says.
///
/// The calling process must have one thread.
///
/// # Errors
///
/// A text that says what is in the way.
pub fn open(path: &Path, purpose: Purpose<'_>, but: But) -> Result<Root, String> {
    match RootFile::find(path)? {
        None => Root::open(path),
        Some(file) => file.contents().assemble(path, purpose, but),
    }
}
