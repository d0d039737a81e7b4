// SPDX-License-Identifier: MIT OR Apache-2.0

//! Whether what can be executed has what it takes.

use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use goblin::elf::header::{machine_to_str, EM_386, EM_AARCH64, EM_ARM, EM_X86_64};

use super::access::{Access, EXECUTE, READ};
use super::findings::{Finding, Findings, Topic};
use crate::build::program::{directories, kind, locate, Kind};
use crate::closure::{ClosureError, Inspector};
use crate::host::Host;
use crate::listing;
use crate::listing::Entry;

/// The machines whose programs run here; none where it is not known, and nothing is then said.
const NATIVE: &[u16] = if cfg!(target_arch = "x86_64") {
    &[EM_X86_64, EM_386]
} else if cfg!(target_arch = "x86") {
    &[EM_386]
} else if cfg!(target_arch = "aarch64") {
    &[EM_AARCH64, EM_ARM]
} else if cfg!(target_arch = "arm") {
    &[EM_ARM]
} else {
    &[]
};

/// The most programs that are looked into.
const MOST: usize = 50_000;

/// The most that is kept in mind of what is missing or cannot be used.
const MOST_NEEDED: usize = 2000;

/// What several programs need.
#[derive(Default)]
struct Needed {
    first: PathBuf,
    others: usize,
    /// Whether one of those is to be called by its name.
    is_command: bool,
    detail: String,
}

/// All programs of a root.
pub struct Programs<'a> {
    host: &'a Host,
    access: &'a Access<'a>,
    inspector: Inspector<'a>,
    looked: usize,
    /// By what is missing or cannot be used, and what about it.
    needed: BTreeMap<(Topic, String), Needed>,
    /// What keeps the user from reading a library.
    obstacles: HashMap<PathBuf, Option<String>>,
}

impl<'a> Programs<'a> {
    /// None so far.
    pub fn new(host: &'a Host, access: &'a Access<'a>) -> Self {
        Programs {
            host,
            access,
            inspector: Inspector::of(host),
            looked: 0,
            needed: BTreeMap::new(),
            obstacles: HashMap::new(),
        }
    }

    /// Looks at a file.
    pub fn look(&mut self, entry: &Entry, findings: &mut Findings) {
        let is_program = entry.kind == listing::Kind::File && entry.metadata.mode() & 0o111 != 0;
        if !is_program || self.looked >= MOST {
            return;
        }
        self.looked += 1;
        if self.looked == MOST || self.inspector.is_exhausted() {
            self.looked = MOST;
            findings.add(Finding::problem(
                Topic::Bounds,
                &entry.path,
                "there are more programs, or they need more, than is looked into",
                "those that come after it were not looked into",
            ));
        }
        let Ok(found) = self.host.find_itself(&entry.path) else {
            return;
        };
        match kind(&found) {
            Err(error) => self.add(
                Topic::Unreadable,
                &entry.path,
                &entry.path,
                error.to_string(),
            ),
            Ok(Kind::Elf) => self.elf(&entry.path),
            Ok(Kind::Script(interpreter, word)) => self.script(&entry.path, &interpreter, word),
            Ok(Kind::Other) => {}
        }
    }

    fn elf(&mut self, path: &Path) {
        let closure = match self.inspector.inspect(path) {
            Ok(closure) => closure,
            Err(error) => {
                let what = match error {
                    ClosureError::Format { reason, .. } => format!("is broken: {reason}"),
                    error => error.to_string(),
                };
                return self.add(Topic::Interpreter, path, path, what);
            }
        };
        let Some(machine) = closure.machine else {
            return;
        };
        if !NATIVE.is_empty() && !NATIVE.contains(&machine.number) {
            let name = machine_to_str(machine.number);
            self.add(Topic::Architecture, Path::new(name), path, String::new());
        }
        for missing in closure.missing {
            match missing {
                ClosureError::Missing { name, needed_by } => {
                    let detail = match needed_by == path {
                        true => String::new(),
                        false => format!(", by {}", needed_by.display()),
                    };
                    self.add(Topic::Library, Path::new(&name), path, detail);
                }
                ClosureError::Loader { loader, reason, .. } => {
                    self.add(Topic::Interpreter, &loader, path, reason);
                }
                other => self.add(Topic::Interpreter, path, path, other.to_string()),
            }
        }
        for needed in closure.files.keys() {
            let known = self.obstacles.entry(needed.clone());
            let known = known.or_insert_with(|| self.access.obstacle(needed, READ));
            if let Some(obstacle) = known.clone() {
                self.add(Topic::Unreadable, needed, path, obstacle);
            }
        }
        self.own(path);
    }

    fn script(&mut self, path: &Path, interpreter: &Path, word: Option<std::ffi::OsString>) {
        // A name that is not absolute begins where somebody happens to be.
        if self.host.find(interpreter).is_err() || !interpreter.is_absolute() {
            return self.add(Topic::Interpreter, interpreter, path, "is missing".into());
        }
        if let Some(obstacle) = self.access.obstacle(interpreter, READ | EXECUTE) {
            self.add(Topic::Unreadable, interpreter, path, obstacle);
        }
        let is_env = interpreter.file_name().is_some_and(|name| name == "env");
        let word = word.filter(|word| is_env && !word.to_string_lossy().contains(['-', '=']));
        if let Some(word) = word {
            let word = PathBuf::from(word);
            if locate(self.host, &directories(false), &word).is_none() {
                self.add(Topic::Interpreter, &word, path, "is missing".into());
            }
        }
        self.own(path);
    }

    /// One that is to be called by its name is for everybody, but for those of root.
    fn own(&mut self, path: &Path) {
        if is_command(path) {
            if self.needed.len() >= MOST_NEEDED {
                return;
            }
            if let Some(obstacle) = self.access.obstacle(path, EXECUTE) {
                let key = (Topic::Unreadable, path.display().to_string());
                self.needed.entry(key).or_insert(Needed {
                    first: path.to_owned(),
                    others: 0,
                    is_command: false,
                    detail: obstacle,
                });
            }
        }
    }

    fn add(&mut self, topic: Topic, what: &Path, needed_by: &Path, detail: String) {
        let key = (topic, what.to_string_lossy().into_owned());
        if self.needed.len() >= MOST_NEEDED && !self.needed.contains_key(&key) {
            return;
        }
        let needed = self.needed.entry(key).or_insert_with(|| Needed {
            first: needed_by.to_owned(),
            detail,
            ..Needed::default()
        });
        if needed.first != needed_by {
            needed.others += 1;
            // The one that somebody is most likely to call stands for all.
            if is_command(needed_by) && !needed.is_command {
                needed.first = needed_by.to_owned();
            }
        }
        needed.is_command = needed.is_command
            || is_command(needed_by)
            || is_for_programs(topic) && is_of_system(needed_by);
    }

    /// Says what is missing, once for all that need it.
    pub fn finish(self, findings: &mut Findings) {
        for ((topic, name), needed) in self.needed {
            let path = Path::new(&name);
            let (by, need) = match needed.others {
                0 => (needed.first.display().to_string(), "needs"),
                1 => (format!("{} and another", needed.first.display()), "need"),
                others => (
                    format!("{} and {others} others", needed.first.display()),
                    "need",
                ),
            };
            let detail = needed.detail;
            let finding = match topic {
                Topic::Library => Finding::problem(
                    topic,
                    path,
                    format!("is missing, a library that {by} {need}{detail}"),
                    "put it where the loader looks, and run ldconfig in the root where it has an index",
                ),
                Topic::Architecture => Finding::problem(
                    topic,
                    &needed.first,
                    match needed.others {
                        0 => format!("is a program for another machine ({name})"),
                        1 => format!("and another are programs for another machine ({name})"),
                        others => format!("and {others} others are for another machine ({name})"),
                    },
                    "take the root of this machine's kind, or build with its own programs",
                ),
                Topic::Unreadable if path == needed.first => {
                    Finding::problem(topic, path, detail, "chmod a+rX, if it is to be for all")
                }
                Topic::Unreadable => {
                    let what = format!("{detail}, and {by} {need} it");
                    Finding::problem(topic, path, what, "chmod a+rX")
                }
                _ if path == needed.first => Finding::problem(topic, path, detail, "replace it"),
                _ => Finding::problem(
                    topic,
                    path,
                    format!("{detail}, and starts {by}"),
                    "put it there, or leave out what needs it",
                ),
            };
            findings.add(match needed.is_command {
                true => finding,
                false => Finding {
                    level: super::Level::Note,
                    ..finding
                },
            });
        }
    }
}

/// Whether it is about programs for a processor, which lie among scripts that nobody calls.
fn is_for_programs(topic: Topic) -> bool {
    matches!(topic, Topic::Library | Topic::Architecture)
}

/// Whether it lies where programs are called by their names.
fn is_command(path: &Path) -> bool {
    let directory = path.parent().and_then(Path::file_name);
    directory.is_some_and(|name| name == "bin" || name == "sbin") && is_of_system(path)
}

/// Whether it lies where the programs of a system do, and not what somebody has put somewhere.
fn is_of_system(path: &Path) -> bool {
    const SYSTEM: [&str; 5] = ["/bin", "/sbin", "/lib", "/usr", "/opt"];
    const NOT: [&str; 2] = ["/usr/share", "/usr/src"];
    let is_in = |all: &[&str]| all.iter().any(|one| path.starts_with(one));
    is_in(&SYSTEM) && !is_in(&NOT)
}
