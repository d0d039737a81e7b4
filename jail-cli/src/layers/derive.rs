// SPDX-License-Identifier: MIT OR Apache-2.0

//! New root files from what is there: clones, which are written to, and snapshots, which are not.
//!
//! Both share the read-only layers of what they come from. What was written there is copied; what is
//! being written meanwhile is in it, in part, or is not.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::apart::{alone, in_own_mounts};
use super::copy::{self, Summary};
use super::making::Making;
use super::upper::{self, UPPER, WORK};
use super::{host, store, But, Contents, Layers, Purpose, RootFile};
use crate::admin::Jail;
use crate::isolation::{Block, Ids};
use crate::launch::root_in_jail_alone;
use crate::root::Root;
use crate::state::Record;
use crate::text::shown;
use crate::trusted_path;

/// What a snapshot has copied, in a directory that root alone may enter: its top has the owner and the mode that the
/// jail has given it, and there can be programs in it that would do as root what users of the host want.
const LAYER: &str = "layer";

/// What something is derived from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A directory, or a root file.
    Path(PathBuf),
    /// The root of a jail.
    Jail(Box<Jail>),
}

/// What has been made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derived {
    /// The layers that it shares.
    pub shared: Vec<PathBuf>,
    /// What was copied, where anything was to be.
    pub copied: Option<Summary>,
}

/// What a source has.
struct Taken {
    /// The layers that are shared.
    lower: Vec<PathBuf>,
    /// What it has beyond these.
    written: Option<Written>,
    /// Keeps those of the layers that are in the cache from being removed.
    _held: Vec<OwnedFd>,
}

impl Taken {
    fn new(lower: Vec<PathBuf>, written: Option<Written>) -> Result<Self, String> {
        let held = lower.iter().map(|layer| store::hold(layer));
        let held = held.collect::<Result<Vec<_>, _>>()?;
        Ok(Taken {
            lower,
            written,
            _held: held.into_iter().flatten().collect(),
        })
    }
}

/// What is written in a source, among all else that it has.
struct Written {
    all: Root,
    ids: Option<Block>,
}

/// Makes a root file at `new` that has a private upper upon the layers of `source`, in which is what was
/// written there. `tell` is told how many bytes have been copied.
///
/// The calling process must have one thread.
///
/// # Errors
///
/// A text that says what is in the way; nothing is made then.
pub fn clone(source: &Source, new: &Path, tell: &mut dyn FnMut(u64)) -> Result<Derived, String> {
    let mut taken = source.take()?;
    if let (true, Some(written)) = (taken.lower.is_empty(), &taken.written) {
        taken = Taken::new(vec![written.directory_to_share()?], None)?;
    }
    let about = |why: String| format!("{}: {why}", shown(new));
    let making = Making::begin(new, "upper").map_err(about)?;
    let copied = taken.written.as_ref().map(|written| {
        let upper = making.make_directory()?;
        for name in [UPPER, WORK] {
            let mut options = fs::DirBuilder::new();
            let made = options.mode(0o700).create(upper.join(name));
            made.map_err(|error| error.to_string())?;
        }
        let copied = written.copy(&taken.lower, &upper.join(UPPER), tell)?;
        trusted_path::mark(open(&upper.join(UPPER))?)
            .map_err(|errno| format!("marking it as a jail's: {errno}"))?;
        Ok(copied)
    });
    let copied = copied.transpose().map_err(about)?;
    let upper = making.directory_name().to_owned();
    let text = RootFile::text(&taken.lower, Some(Path::new(&upper))).map_err(about)?;
    commit(making, &taken.lower, new, &text).map_err(about)?;
    Ok(Derived {
        shared: taken.lower,
        copied,
    })
}

fn commit(making: Making, lower: &[PathBuf], new: &Path, text: &str) -> Result<(), String> {
    let absolute = std::path::absolute(new).map_err(|error| error.to_string())?;
    // One that is never made pins nothing.
    store::pin(lower, &absolute)?;
    making.commit(text)
}

/// Makes a root file at `new` with what `source` has now, which nobody writes to: what is written in a jail
/// with it is thrown away, and clones of it begin with that. As [`clone`].
///
/// # Errors
///
/// As [`clone`].
pub fn snapshot(source: &Source, new: &Path, tell: &mut dyn FnMut(u64)) -> Result<Derived, String> {
    let about = |why: String| format!("{}: {why}", shown(new));
    let taken = source.take()?;
    let making = Making::begin(new, "layer").map_err(about)?;
    let copied = taken.written.as_ref().map(|written| {
        let layer = making.make_directory()?.join(LAYER);
        let made = fs::DirBuilder::new().mode(0o700).create(&layer);
        made.map_err(|error| error.to_string())?;
        written.copy(&taken.lower, &layer, tell)
    });
    let copied = copied.transpose().map_err(about)?;
    let layer = copied.map(|_| Path::new(making.directory_name()).join(LAYER));
    let lower: Vec<PathBuf> = layer.into_iter().chain(taken.lower.clone()).collect();
    let text = RootFile::text(&lower, None).map_err(about)?;
    commit(making, &taken.lower, new, &text).map_err(about)?;
    Ok(Derived {
        shared: taken.lower,
        copied,
    })
}

/// The directories that a root is made of, to be saved one by one.
pub struct Parts {
    /// The layers that it shares with others, the lowest first. All but the first have notes of overlayfs.
    pub lower: Vec<PathBuf>,
    /// What it has beyond these, copied, with such notes; gone when this is.
    pub written: Option<PathBuf>,
    _making: Option<Making>,
    _held: Vec<OwnedFd>,
}

/// What is closed to the users of the machine is covered anew for each jail, and would not be in an image.
///
/// # Errors
///
/// Where one of the layers is the machine's own root.
pub fn refuse_own_root(lower: &[PathBuf]) -> Result<(), String> {
    let is_own = |path: &PathBuf| open(path).is_ok_and(|layer| host::is_own_root(&layer));
    match lower.iter().any(is_own) {
        true => Err(
            "is made of the machine's own root, with all that is closed to its users: that is not saved"
                .into(),
        ),
        false => Ok(()),
    }
}

/// Takes the parts of a root of layers as it is now; `None` where `source` is one directory. `tell` is told
/// how many bytes have been copied.
///
/// The calling process must have one thread.
///
/// # Errors
///
/// A text that says what is in the way.
pub fn parts(source: &Source, tell: &mut dyn FnMut(u64)) -> Result<Option<Parts>, String> {
    let mut taken = source.take()?;
    if taken.lower.is_empty() {
        return Ok(None);
    }
    refuse_own_root(&taken.lower)?;
    let mut parts = Parts {
        lower: Vec::new(),
        written: None,
        _making: None,
        _held: std::mem::take(&mut taken._held),
    };
    if let Some(written) = &taken.written {
        // Nobody but root gets there, and what is left is seen to by the next.
        let making = store::scratch().and_then(|path| Making::begin(&path, "layer"))?;
        let into = making.make_directory()?;
        written.copy(&taken.lower, &into, tell)?;
        parts.written = Some(into);
        parts._making = Some(making);
    }
    taken.lower.reverse();
    parts.lower = taken.lower;
    Ok(Some(parts))
}

/// A layer is a directory of the host.
const ENCRYPTED: &str =
    "is encrypted, and would not be in a layer; copy the volume itself, while no jail \
                         uses it, and its root file";

impl Source {
    fn take(&self) -> Result<Taken, String> {
        match self {
            Source::Path(path) => {
                let about = |why: String| format!("{}: {why}", shown(path));
                match RootFile::find(path).map_err(about)? {
                    Some(file) => of_contents(file.contents(), path, But(None)).map_err(about),
                    None => of_directory(Root::open(path).map_err(about)?).map_err(about),
                }
            }
            Source::Jail(jail) => {
                let about = |why: String| format!("jail {}: {why}", jail.info.number);
                let record = jail.record.as_ref().ok_or_else(|| {
                    about(
                        "jaula has not started it, or has not noted it, and does not know its root"
                            .into(),
                    )
                })?;
                of_jail(jail, record).map_err(about)
            }
        }
    }
}

/// A directory is all its own; whether it can be shared is for who wants to.
fn of_directory(root: Root) -> Result<Taken, String> {
    let written = Written {
        all: root,
        ids: None,
    };
    Taken::new(Vec::new(), Some(written))
}

fn of_contents(contents: Contents, path: &Path, but: But) -> Result<Taken, String> {
    let Contents::Layers(layers) = &contents else {
        return Err(ENCRYPTED.into());
    };
    let lower = layers_of(layers)?;
    if let Some(jail) = layers
        .upper
        .as_deref()
        .and_then(|upper| upper::has(upper, but))
    {
        return Err(format!(
            "jail {jail} is using it, and has what was written there: name the jail in its place"
        ));
    }
    let is_there = |path: &Path| path.join(UPPER).symlink_metadata().is_ok();
    let written = match layers.upper.as_deref().is_some_and(is_there) {
        false => None,
        true => Some(Written {
            all: contents.clone().assemble(path, Purpose::Run(None), but)?,
            ids: None,
        }),
    };
    Taken::new(lower, written)
}

fn of_jail(jail: &Jail, record: &Record) -> Result<Taken, String> {
    let number = jail.info.number;
    let Some(contents) = record.root.made_of() else {
        return of_directory(record.root.open()?);
    };
    let Contents::Layers(layers) = contents else {
        return Err(ENCRYPTED.into());
    };
    let ids = match record.isolation.ids {
        Some(Ids::Block(block)) => Some(block),
        _ => None,
    };
    match root_in_jail_alone(number, record)? {
        Some(all) => Taken::new(layers_of(layers)?, Some(Written { all, ids })),
        None if contents.is_thrown_away() => Err(
            "no process of it is left, and what was written to its root has gone with the last"
                .into(),
        ),
        None => of_contents(contents.clone(), &record.root.path, But(Some(number))),
    }
}

/// The layers that can be shared.
fn layers_of(layers: &Layers) -> Result<Vec<PathBuf>, String> {
    let lower = real(&layers.lower)?;
    match lower.iter().any(|path| path == Path::new("/")) && !host::Mounts::now()?.taken.is_empty()
    {
        true => Err(
            "is made of the machine's own root, which lies on several file systems: of these \
             nothing can be taken to another root"
                .into(),
        ),
        false => Ok(lower),
    }
}

/// Paths as they are to be written into another file.
fn real(paths: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let real = |path: &PathBuf| {
        fs::canonicalize(path).map_err(|error| format!("{}: {error}", shown(path)))
    };
    paths.iter().map(real).collect()
}

impl Written {
    /// The directory that it is, to be a layer of others: nobody may change it meanwhile.
    fn directory_to_share(&self) -> Result<PathBuf, String> {
        let path = self.all.path();
        if let Some(jail) = upper::writer_of(self.all.identity()) {
            return Err(format!(
                "{}: jail {jail} writes to it, and what others are built on must not change meanwhile; \
                 \"jaula snapshot\" copies it as it is now, and that can be cloned",
                shown(path)
            ));
        }
        fs::canonicalize(path).map_err(|error| format!("{}: {error}", shown(path)))
    }

    fn copy(
        &self,
        lower: &[PathBuf],
        into: &Path,
        tell: &mut dyn FnMut(u64),
    ) -> Result<Summary, String> {
        let over = match self.all.as_made() {
            // What is mounted in a directory of the host is not of it.
            None if lower.is_empty() => in_own_mounts(|| {
                // The mounts of the caller are not those of the child.
                let again = trusted_path::open(self.all.path());
                let again = again.map_err(|refusal| refusal.describe())?;
                alone(again, c"")
            })?,
            _ => {
                let directory = self.all.directory().try_clone_to_owned();
                directory.map_err(|error| error.to_string())?
            }
        };
        let under = match lower.is_empty() {
            true => None,
            false => {
                let layers = Layers::new(lower.to_vec(), None, None);
                let contents = Contents::Layers(layers);
                Some(contents.assemble(self.all.path(), Purpose::Look, But(None))?)
            }
        };
        let under = under.map(Root::into_directory);
        copy::copy(&over, under.as_ref(), &open(into)?, self.ids, tell)
    }
}

fn open(path: &Path) -> Result<OwnedFd, String> {
    let file = fs::File::open(path);
    file.map(OwnedFd::from)
        .map_err(|error| format!("{}: {error}", shown(path)))
}
