// SPDX-License-Identifier: MIT OR Apache-2.0

//! The kernel's tracepoints about jails, in a buffer that nobody else reads.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::{told, Event, Happened};
use crate::jail::JailNumber;
use crate::text::shown;
use crate::trace_marker::{INSTANCES, OOM_KILL, PREFIX};

/// What is read at once.
const PART: usize = 1 << 16;

/// A buffer of the kernel's, which goes with this.
pub struct Trace {
    directory: PathBuf,
    /// There until this goes.
    pipe: Option<File>,
    /// What was read of a line that is not whole.
    rest: Vec<u8>,
    /// Those that were made since that was last taken.
    created: Vec<JailNumber>,
}

impl Trace {
    /// Makes one, and has the kernel write to it.
    pub fn begin() -> Result<Self, String> {
        remove_abandoned();
        let directory = Path::new(INSTANCES).join(format!("{PREFIX}{}", std::process::id()));
        fs::create_dir(&directory).map_err(|error| {
            let why = match error.kind() {
                ErrorKind::NotFound => {
                    "the kernel's tracepoints are not there; \"mount -t tracefs tracefs \
                     /sys/kernel/tracing\" shows them where the kernel has any"
                        .to_owned()
                }
                _ => error.to_string(),
            };
            format!("{}: {why}", shown(&directory))
        })?;
        let open = || {
            fs::write(directory.join("events/jaula/enable"), "1")?;
            OpenOptions::new()
                .read(true)
                .custom_flags(libc::O_NONBLOCK)
                .open(directory.join("trace_pipe"))
        };
        match open() {
            Ok(pipe) => Ok(Trace {
                directory,
                pipe: Some(pipe),
                rest: Vec::new(),
                created: Vec::new(),
            }),
            Err(error) => {
                remove(&directory);
                Err(format!("{}: {error}", shown(&directory)))
            }
        }
    }

    /// What it tells that was not read yet.
    pub fn read(&mut self) -> Result<Vec<Happened>, String> {
        let mut found = Vec::new();
        let mut part = vec![0; PART];
        while let Some(pipe) = &mut self.pipe {
            match pipe.read(&mut part) {
                Ok(0) => break,
                Ok(length) => self.rest.extend_from_slice(&part[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(format!("{}: {error}", shown(&self.directory))),
            }
            // Who makes them faster than they are read is told of as far as it goes.
            if self.rest.len() > 16 * PART {
                break;
            }
        }
        let whole = self.rest.iter().rposition(|&byte| byte == b'\n');
        // One by one they would be moved as often as there are lines.
        let whole: Vec<u8> = self.rest.drain(..whole.map_or(0, |end| end + 1)).collect();
        for line in whole.split(|&byte| byte == b'\n') {
            found.extend(read_line(&String::from_utf8_lossy(line)));
        }
        let created = found.iter().filter(|it| it.event == Event::Created);
        self.created.extend(created.map(|it| it.jail));
        Ok(found)
    }

    /// Whether a jail of this number was made since that was last taken.
    pub fn has_created(&self, number: JailNumber) -> bool {
        self.created.contains(&number)
    }

    /// Those that were made.
    pub fn take_created(&mut self) -> Vec<JailNumber> {
        std::mem::take(&mut self.created)
    }
}

impl Trace {
    /// Can be read when something has happened.
    pub fn pipe(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(File::as_fd)
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        // As long as it is open the rest stays.
        drop(self.pipe.take());
        remove(&self.directory);
    }
}

fn remove(directory: &Path) {
    let _ = fs::write(directory.join("events/jaula/enable"), "0");
    let _ = fs::remove_dir(directory);
}

/// Removes those of processes that were killed.
fn remove_abandoned() {
    for entry in fs::read_dir(INSTANCES).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        if owner.is_some_and(|owner| !Path::new("/proc").join(owner).exists()) {
            remove(&entry.path());
        }
    }
}

/// What a line tells. It begins with the name of a task, which can be anything; what comes after the
/// last name of an event is the kernel's own.
fn read_line(line: &str) -> Option<Happened> {
    if is_loss(line) {
        return Some(told(JailNumber::HOST, None, Event::Lost));
    }
    let at = line.rfind(": jaula_")?;
    let (name, values) = line[at + 2..].trim_end().split_once(": ")?;
    let value = |key: &str| {
        let mut words = values.split(' ');
        words.find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    };
    let number = |key| value(key)?.parse().ok().and_then(JailNumber::new);
    let text = |key| value(key).unwrap_or_default().to_owned();
    let event = match name {
        "jaula_create" => Event::Created,
        "jaula_attach" => Event::Entered,
        "jaula_limit" => Event::Limit { of: text("limit") },
        "jaula_refuse" => Event::Refused {
            call: text("call"),
            kind: quoted(values, "kind=\"").unwrap_or_default(),
            owner: number("owner")?,
        },
        OOM_KILL => Event::OomKill {
            count: value("count")?.parse().ok()?,
        },
        // That it is to end is seen when it has.
        _ => return None,
    };
    Some(told(number("jail")?, None, event))
}

/// Whether it is what the kernel puts where something is missing. The name of a task can have line feeds,
/// but is too short for all of that.
fn is_loss(line: &str) -> bool {
    let numbers = || {
        let (cpu, events) = line
            .trim_end()
            .strip_prefix("CPU:")?
            .strip_suffix("EVENTS]")?
            .split_once(" [LOST ")?;
        // Where the kernel does not know how many, it does not say.
        Some([cpu, events.trim_end()])
    };
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    numbers().is_some_and(|numbers| numbers.into_iter().all(is_number))
}

fn quoted(values: &str, key: &str) -> Option<String> {
    let (_, rest) = values.split_once(key)?;
    rest.split_once('"').map(|(text, _)| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(number: u32) -> JailNumber {
        JailNumber::new(number).expect("a number")
    }

    #[test]
    fn lines_are_read() {
        let line =
            "           jaula-89      [001] .....    12.345678: jaula_create: jail=3 from=0\n";
        assert_eq!(read_line(line), Some(told(number(3), None, Event::Created)));
        let line = "  x-9 [000] ...1. 1.0: jaula_limit: jail=3 limit=tasks.max\n";
        let of = "tasks.max".to_owned();
        assert_eq!(
            read_line(line),
            Some(told(number(3), None, Event::Limit { of }))
        );
        assert_eq!(
            read_line("CPU:1 [LOST 5 EVENTS]\n").map(|it| it.event),
            Some(Event::Lost)
        );
        let line = "x-9 [000] ...1. 1.0: jaula_refuse: jail=3 owner=0 call=shmget cmd= kind=\"shared memory\" id=1 key=0x2\n";
        let refused = Event::Refused {
            call: "shmget".into(),
            kind: "shared memory".into(),
            owner: JailNumber::HOST,
        };
        assert_eq!(read_line(line), Some(told(number(3), None, refused)));
        assert_eq!(read_line("nothing\n"), None);
    }

    #[test]
    fn the_name_of_a_task_is_believed_nothing() {
        assert!(is_loss("CPU:0 [LOST EVENTS]\n"));
        for line in ["[LOST 5\n", "x[LOST 5 EVENTS]", "CPU:1 [LOST \n"] {
            assert_eq!(read_line(line), None, "{line}");
        }
        let line = ": jaula_create: -9 [000] ...1. 1.0: jaula_limit: jail=3 limit=tasks.max\n";
        let of = "tasks.max".to_owned();
        assert_eq!(
            read_line(line),
            Some(told(number(3), None, Event::Limit { of }))
        );
    }
}
