// SPDX-License-Identifier: MIT OR Apache-2.0

//! The root of a launch: opening it, or that of a jail as what runs there has it.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use nix::fcntl::{open, OFlag, AT_FDCWD};
use nix::sched::{setns, CloneFlags};
use nix::sys::stat::Mode;

use super::place::Place;
use super::world::UserNamespace;
use super::{Launch, Plan, RootChoice};
use crate::isolation::Part;
use crate::jail::JailNumber;
use crate::layers::{self, in_child, But, Contents, Mapping, Purpose};
use crate::process::members;
use crate::root::Root;
use crate::state::{Entry, Record, Store};
use crate::text::reason;

/// What a launch has for a root.
pub(super) struct Opened {
    pub root: Root,
    /// Where it comes from.
    pub from: From,
}

/// Where a root comes from.
#[derive(Debug)]
pub(super) enum From {
    /// It is what was asked for.
    Choice,
    /// It is that of a jail, among the mounts of what runs there.
    Jail,
    /// It is that of a jail in which nobody has it any more, made once more. Until that is noted the
    /// jail is locked, so that nobody makes another.
    Again(Option<Entry>),
}

impl From {
    /// Whether it is the one that the jail was given.
    pub fn is_jails(&self) -> bool {
        !matches!(self, From::Choice)
    }
}

impl Launch {
    /// Opens its root.
    pub(super) fn open_root(&self) -> Result<Opened, String> {
        // With ids of its own it is made when these are known.
        let purpose = match self.isolation.ids {
            Some(_) => Purpose::Look,
            None => Purpose::Run(None),
        };
        let opened = match (&self.root, &self.noted) {
            (RootChoice::Noted(noted), Some(record)) if noted.made_of().is_some() => {
                of_jail(record, purpose)?
            }
            (RootChoice::Noted(noted), _) => Opened {
                root: noted.open()?,
                from: From::Choice,
            },
            (RootChoice::Made(contents), _) => {
                let (contents, but) = (contents.clone(), self.place.but());
                Opened {
                    root: contents.assemble(self.root.path(), purpose, but)?,
                    from: From::Choice,
                }
            }
            (RootChoice::Path(path), _) => Opened {
                root: layers::open(path, purpose, self.place.but())?,
                from: From::Choice,
            },
        };
        match opened.root.as_made() {
            Some(_) if !self.isolation.has(Part::Mounts) => Err(
                "is no directory but made of layers or a volume, which takes mounts of the jail's own: leave \
                 out --without mounts"
                    .into(),
            ),
            _ => Ok(opened),
        }
    }
}

/// That of a jail which is made of layers.
fn of_jail(record: &Record, purpose: Purpose<'_>) -> Result<Opened, String> {
    let entry = Store::default().lock(record.number)?;
    // Another may have made it once more since.
    let now = entry.as_ref().and_then(|entry| entry.read().ok());
    let now = now.filter(|now| now.created == record.created);
    let record = now.as_ref().unwrap_or(record);
    if let Some(root) = root_in_jail(record.number, record)? {
        return Ok(Opened {
            root,
            from: From::Jail,
        });
    }
    let contents = record.root.made_of().cloned();
    let contents = contents.ok_or("it is not noted what it is made of")?;
    if contents.is_thrown_away() {
        crate::complain!(
            "jaula: warning: no process of jail {} is left, and what was written to its root has gone \
             with the last: it begins anew",
            record.number
        );
    }
    let but = But(Some(record.number));
    Ok(Opened {
        root: contents.assemble(&record.root.path, purpose, but)?,
        from: From::Again(entry),
    })
}

/// The root of a jail that is made of layers, as what runs there has it; `None` where nobody is left in
/// the mounts that it was given.
///
/// The calling process must have one thread.
///
/// # Errors
///
/// Where somebody there has made another directory the root of these mounts.
pub(crate) fn root_in_jail(number: JailNumber, record: &Record) -> Result<Option<Root>, String> {
    in_mounts_of(number, record, || {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        open("/", flags, Mode::empty()).map_err(reason)
    })
}

/// The same without what is mounted in it, as a mount that lies nowhere.
///
/// # Errors
///
/// As [`root_in_jail`].
pub(crate) fn root_in_jail_alone(
    number: JailNumber,
    record: &Record,
) -> Result<Option<Root>, String> {
    in_mounts_of(number, record, || layers::alone(AT_FDCWD, c"/"))
}

fn in_mounts_of(
    number: JailNumber,
    record: &Record,
    take: impl FnOnce() -> Result<OwnedFd, String>,
) -> Result<Option<Root>, String> {
    let Some(noted) = record.namespaces.and_then(|inodes| inodes.of("mnt")) else {
        return Ok(None);
    };
    let found = members(number)?.into_iter().find_map(|pid| {
        let mounts = File::open(format!("/proc/{pid}/ns/mnt")).ok()?;
        (mounts.metadata().ok()?.ino() == noted).then_some(mounts)
    });
    let Some(mounts) = found else {
        return Ok(None);
    };
    let directory = in_child(|| {
        setns(mounts.as_fd(), CloneFlags::CLONE_NEWNS)
            .map_err(|errno| format!("joining the mounts of jail {number}: {}", reason(errno)))?;
        take()
    })?;
    let root = Root::of(directory, record.root.path.clone())?;
    match record.root.is(&root) {
        true => Ok(Some(root)),
        false => {
            Err("somebody in the jail has made another directory the root of its mounts".into())
        }
    }
}

impl Place {
    /// Who may be noted with what the launch takes.
    fn but(&self) -> But {
        match self {
            Place::New(new) => But(new.continued.as_ref().map(|jail| jail.now().0)),
            Place::Existing(existing) => But(Some(existing.number)),
        }
    }
}

impl Plan {
    /// Makes the root of what `root` shows, where that was to be looked at alone.
    pub(super) fn ready(&self, root: Root, users: Option<&UserNamespace>) -> Result<Root, String> {
        let contents = match root.as_made() {
            Some(made) if made.is_view() => made.contents().clone(),
            _ => return Ok(root),
        };
        let path = root.path().to_owned();
        // A volume stays open, so that nobody is asked for its key twice. An upper must not be in use.
        let view = Some(root).filter(|_| matches!(contents, Contents::Volume(_)));
        let mapping = users.map(|users| -> Result<_, String> {
            Ok(Mapping {
                namespace: users.as_fd(),
                base: users.on_host(0)?,
            })
        });
        let purpose = Purpose::Run(mapping.transpose()?);
        let made = contents.assemble(&path, purpose, self.place.but());
        drop(view);
        made
    }
}
