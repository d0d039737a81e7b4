// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where something is launched: in a new jail or in one that exists.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use nix::errno::Errno;

use crate::host_address;
use crate::isolation::Permissions;
use crate::jail::{self, JailNumber};
use crate::jails::{Created, JailInfo, JailName, Jails, JailsError, Key, Setting, Value};
use crate::layers::{self, Contents};
use crate::resources;
use crate::signal::SignalNumber;
use crate::state::{Entry, Record, Restart, RootDirectory, Store};

use super::ending::Ending;
use super::log;
use super::world::Inodes;

/// How often is looked whether a jail is still there that another jaula ends.
const LOOK: Duration = Duration::from_millis(100);

/// What becomes the root.
#[derive(Clone, Debug)]
pub enum RootChoice {
    /// The directory at this path, or what the root file there says.
    Path(PathBuf),
    /// What this says.
    Made(Contents),
    /// The one that a jail was started with, and no other.
    Noted(RootDirectory),
}

impl RootChoice {
    /// The path that it is called by.
    pub fn path(&self) -> &Path {
        match self {
            RootChoice::Path(path) => path,
            RootChoice::Made(contents) => contents.path(),
            RootChoice::Noted(noted) => &noted.path,
        }
    }
}

impl RootChoice {
    /// Checks that it can be opened again by who makes a jail anew.
    pub(super) fn check_can_be_made_anew(&self) -> Result<(), String> {
        match self {
            RootChoice::Path(path) => layers::check_can_be_made_anew(path),
            RootChoice::Made(contents) => contents.check_can_be_made_anew(),
            RootChoice::Noted(_) => Ok(()),
        }
    }
}

/// How a new jail is set up.
#[derive(Clone, Debug, Default)]
pub struct NewJail {
    /// What it is to be called.
    pub name: Option<JailName>,
    /// What is set about it before anything is executed in it.
    pub settings: Vec<Setting>,
    /// Whether it outlives its first process.
    pub keep: bool,
    /// Whether a command is to be run on the host when it has ended, which is noted.
    pub after_stop_due: bool,
    /// What is done with what it prints, where it is detached.
    pub log: log::Settings,
    /// What it is asked to end by; SIGTERM where nothing is said.
    pub stop_signal: Option<SignalNumber>,
    /// Whether its supervisor makes it anew when it has ended.
    pub restart: Option<Restart>,
    /// The jail that it takes the place of.
    pub continued: Option<Continued>,
    /// The file that describes it, where one does.
    pub described: Option<PathBuf>,
    /// Whether it is left to a unit of its own.
    pub left_to_unit: bool,
}

/// A jail that has ended, what is noted about which becomes that of a new one.
#[derive(Clone, Debug)]
pub struct Continued(Rc<Cell<(JailNumber, Created)>>);

impl Continued {
    /// The jail that a record is about.
    pub fn of(record: &Record) -> Self {
        Continued(Rc::new(Cell::new((record.number, record.created))))
    }

    /// Which jail is noted there now.
    pub fn now(&self) -> (JailNumber, Created) {
        self.0.get()
    }
}

/// How many tasks a jail may have unless something else is asked for, or the jail around it may have
/// no more: as podman has it.
pub const TASKS: u64 = 2048;

impl NewJail {
    /// Whether it can do with a kernel that shows no jails.
    fn is_plain(&self) -> bool {
        self.name.is_none() && self.settings.is_empty() && !self.keep
    }
}

/// Where something is launched.
#[derive(Clone, Debug)]
pub enum Place {
    /// In a new jail.
    New(NewJail),
    /// In one that exists.
    Existing(Existing),
}

/// A jail that exists.
#[derive(Clone, Debug)]
pub struct Existing {
    /// Its number.
    pub number: JailNumber,
    /// When it was made, which tells it from a later one with that number.
    pub created: Created,
    /// What it is called.
    pub name: Option<JailName>,
    /// What it may do.
    pub permissions: Permissions,
}

impl Place {
    /// In a jail that the kernel has shown.
    pub fn existing(jail: &JailInfo) -> Self {
        Place::Existing(Existing {
            number: jail.number,
            created: jail.created,
            name: jail.name.clone(),
            permissions: Permissions::named(jail.allow.iter().map(String::as_str)),
        })
    }

    pub(super) fn is_new(&self) -> bool {
        matches!(self, Place::New(_))
    }

    pub(super) fn log(&self) -> log::Settings {
        match self {
            Place::New(new) => new.log,
            Place::Existing(_) => log::Settings::default(),
        }
    }

    pub(super) fn stop_signal(&self) -> Option<SignalNumber> {
        match self {
            Place::New(new) => new.stop_signal,
            Place::Existing(_) => None,
        }
    }

    /// What is to be noted about a new jail besides what it is.
    pub(super) fn new_jail(&self) -> NewJail {
        match self {
            Place::New(new) => new.clone(),
            Place::Existing(_) => NewJail::default(),
        }
    }

    /// Whether what is noted about it was there before it, and stays.
    pub(super) fn is_continued(&self) -> bool {
        matches!(self, Place::New(new) if new.continued.is_some())
    }

    pub(super) fn is_after_stop_due(&self) -> bool {
        matches!(self, Place::New(new) if new.after_stop_due)
    }

    /// Whether the jail outlives what is launched.
    pub(super) fn is_kept(&self) -> bool {
        match self {
            Place::New(new) => new.keep,
            Place::Existing(_) => true,
        }
    }
}

/// Sets how many tasks a new jail may have, where nothing is said about that and it was not born with a
/// limit.
fn limit_tasks(jails: &Jails, number: JailNumber, settings: &[Setting]) -> Result<(), JailsError> {
    let is_said = settings.iter().any(|setting| setting.key == Key::TasksMax);
    if is_said || jails.value(number, Key::TasksMax)? != Value::Max.to_string() {
        return Ok(());
    }
    jails.set(number, &Setting::limit(Key::TasksMax, Value::At(TASKS)))
}

/// What the parent must know to note a new jail.
pub(super) struct Admission<'a> {
    pub place: &'a Place,
    /// Everything about it but its number and when it was made.
    pub note: &'a dyn Fn(&JailInfo) -> Result<Record, String>,
    /// Whether the kernel must show the jail, for it to be administered.
    pub must_be_noted: bool,
    /// The new namespaces that the child is in.
    pub world: Option<Inodes>,
    /// The user namespace that it is to join.
    pub user_namespace: Option<u64>,
    /// The root of a jail that exists, where that was made once more.
    pub root_again: Option<&'a RootDirectory>,
    /// Where that is to be noted about a jail that exists.
    pub entry: Option<&'a Entry>,
}

/// What has become of an admission.
pub(super) enum Admitted {
    /// Nothing is noted: it is another's jail, or cannot be.
    Unnoted,
    /// As [`Admitted::Unnoted`], for this reason, which the user should know.
    Unseen(String),
    /// This is noted.
    Noted(Box<Record>),
}

impl Admission<'_> {
    /// Sets the jail up that the child has entered, and notes it.
    pub fn admit(&self, number: JailNumber) -> Result<Admitted, String> {
        match self.place {
            Place::New(new) => self.admit_new(number, new),
            Place::Existing(existing) => {
                // The child is in it, so that it cannot end and its number cannot be given to
                // another any more.
                let jail = see(&Jails::open().map_err(|error| error.to_string())?, number)?;
                match jail.created == existing.created {
                    true => Ok(match self.admit_again(&jail) {
                        Ok(()) => Admitted::Unnoted,
                        Err(why) => Admitted::Unseen(format!("nor are its new namespaces: {why}")),
                    }),
                    false => Err(format!("jail {number} has ended, and this is a later one")),
                }
            }
        }
    }

    /// What is run later in a jail that has got a new world is to find that.
    fn admit_again(&self, jail: &JailInfo) -> Result<(), String> {
        let (Some(world), Some(entry)) = (self.world, self.entry) else {
            return Ok(());
        };
        match entry.read() {
            Ok(mut record) if record.created == jail.created => {
                record.namespaces = Some(world);
                record.user_namespace = self.user_namespace;
                if let Some(root) = self.root_again {
                    record.root = root.clone();
                }
                entry.write(&record)
            }
            _ => Ok(()),
        }
    }

    fn admit_new(&self, number: JailNumber, new: &NewJail) -> Result<Admitted, String> {
        let jails = match Jails::open() {
            Ok(jails) => jails,
            Err(error) if error.is_unavailable() && new.is_plain() && !self.must_be_noted => {
                let why = format!("nor is the number of its tasks limited: {error}");
                return Ok(Admitted::Unseen(why));
            }
            Err(error) => return Err(error.to_string()),
        };
        limit_tasks(&jails, number, &new.settings).map_err(|error| error.to_string())?;
        let mut settings = new.settings.clone();
        if new.keep {
            settings.push(Setting::persist());
        }
        // Whoever finds it by its name finds it set up.
        settings.extend(new.name.as_ref().map(Setting::name));
        for setting in &settings {
            jails
                .set(number, setting)
                .map_err(|error| error.to_string())?;
        }
        let record = (self.note)(&see(&jails, number)?)?;
        resources::tidy(&jails);
        host_address::tidy(&jails);
        let store = Store::default();
        let tidied = store.tidy(|record| is_alive(&jails, record));
        let noted = tidied.and_then(|()| match &new.continued {
            None => store.create(&record),
            Some(continued) => {
                let entry = store.carry_on(continued.now(), &record)?;
                continued.0.set((record.number, record.created));
                Ok(entry)
            }
        });
        match noted {
            Ok(_) => Ok(Admitted::Noted(record.into())),
            // It runs all the same; what is not known about it, nobody needs but to look after it.
            Err(why) if !self.must_be_noted => Ok(Admitted::Unseen(why)),
            Err(why) => Err(format!("noting it, which a detached jail needs: {why}")),
        }
    }
}

fn see(jails: &Jails, number: JailNumber) -> Result<JailInfo, String> {
    let jail = jails.get(number).map_err(|error| error.to_string())?;
    jail.ok_or_else(|| format!("the kernel does not show jail {number}, which it has just made"))
}

/// Whether the kernel has the jail that `record` is about; so it counts where it cannot be told.
pub(super) fn is_alive(jails: &Jails, record: &Record) -> bool {
    match jails.life(record.number) {
        Ok(Some(jail)) => jail.created == record.created,
        Ok(None) => false,
        Err(_) => true,
    }
}

/// Ends a jail, whatever is left of it.
pub(super) fn end_jail(number: JailNumber) -> Result<(), String> {
    match jail::end_jail(number) {
        // It has ended by itself, or the kernel, which then shows no jails either, has no such
        // call: nothing is to be done or nothing can be.
        Err(error) if matches!(error.errno(), Errno::ESRCH | Errno::ENOSYS) => Ok(()),
        result => result.map_err(|error| error.to_string()),
    }
}

/// Forgets what is noted about a jail.
pub(super) fn forget(record: &Record) -> Result<(), String> {
    change(record, |entry, _| entry.remove())
}

/// Notes how the first process of a jail ended that outlives it.
pub(super) fn note_end(record: &Record, ending: Ending) -> Result<(), String> {
    change(record, |entry, mut record| {
        record.ended = Some(ending.into());
        entry.write(&record)
    })
}

/// Lets a `jaula stop` that is at work ask those that are left in the jail to end as well: it ends the
/// jail when they have, or when their time is over.
pub(super) fn leave_to_stop(record: &Record) {
    let noted = Store::default().read(record.number);
    let noted = noted.filter(|noted| noted.created == record.created);
    let Some(stop) = noted.and_then(|noted| noted.stopped_by) else {
        return;
    };
    let is_there = || match Jails::open().and_then(|jails| jails.life(record.number)) {
        Ok(jail) => jail.is_some_and(|jail| jail.created == record.created),
        Err(_) => false,
    };
    let Ok(Some(stop)) = stop.hold() else { return };
    while is_there() && matches!(stop.wait(LOOK), Ok(false)) {}
}

/// Notes something more about a jail, unless that was forgotten meanwhile.
pub(super) fn change(
    record: &Record,
    change: impl FnOnce(crate::state::Entry, Record) -> Result<(), String>,
) -> Result<(), String> {
    let Some(entry) = Store::default().lock(record.number)? else {
        return Ok(());
    };
    match entry.read() {
        Ok(found) if found.created == record.created => change(entry, found),
        _ => Ok(()),
    }
}
