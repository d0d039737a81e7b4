// SPDX-License-Identifier: MIT OR Apache-2.0

//! A process that takes the steps that it is asked to: a line of words each, and a line in answer.

use super::reach::HOST;
use super::step::{Answer, Step, SIGNALLING};
use crate::ktap::{fail, Context, Failure};
use crate::sys::process::{self, Ended};
use crate::sys::unix::Kind;
use crate::sys::{jail as call, mqueue, msg, peer, sem, shm, unix, Errno};
use crate::sysv::{Family, Object};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

/// Both ends of the sockets over which workers are asked, made before there is any, so that each
/// can have a child that serves any of them.
pub struct Slots {
    ends: Vec<(UnixStream, UnixStream)>,
}

impl Slots {
    /// So many.
    pub fn new(count: usize) -> Result<Slots, Failure> {
        let ends = (0..count)
            .map(|_| UnixStream::pair())
            .collect::<Result<_, _>>()
            .context("socketpair")?;
        Ok(Slots { ends })
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// Has the worker of a slot take a step.
    pub fn ask(&self, slot: usize, step: &Step) -> Result<Answer, Failure> {
        let mut stream = &self.ends[slot].0;
        stream
            .write_all(format!("{}\n", step.line()).as_bytes())
            .context("asking a worker")?;
        self.hear(slot)
    }

    /// What a worker says unasked: its process number, when it begins.
    pub fn hear(&self, slot: usize) -> Result<Answer, Failure> {
        let stream = &self.ends[slot].0;
        stream
            .set_read_timeout(Some(crate::wait::PATIENCE))
            .context("a time limit")?;
        let mut line = String::new();
        // A worker says one line at a time: nothing of the next one gets lost in the buffer.
        BufReader::new(stream)
            .read_line(&mut line)
            .context("hearing from a worker")?;
        decode(line.trim_end()).ok_or_else(|| fail(format!("a worker said {line:?}")))
    }

    /// Takes the steps that come to a slot; an exit status. To be called in a process of its own.
    pub fn serve(&self, slot: usize) -> i32 {
        let stream = &self.ends[slot].1;
        let mut worker = Worker {
            slots: self,
            sockets: BTreeMap::new(),
        };
        let pid = i64::from(process::pid());
        if tell(stream, &Ok(pid)).is_err() {
            return 1;
        }
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { return 1 };
            let answer = worker.perform(&line);
            if tell(stream, &answer).is_err() {
                return 1;
            }
            if line == Step::Exit.line() {
                return 0;
            }
        }
        0
    }
}

fn tell(mut stream: &UnixStream, answer: &Answer) -> std::io::Result<()> {
    let line = match answer {
        Ok(value) => format!("ok {value}\n"),
        Err(errno) => format!("err {}\n", errno.0),
    };
    stream.write_all(line.as_bytes())
}

fn decode(line: &str) -> Option<Answer> {
    let (word, number) = line.split_once(' ')?;
    match word {
        "ok" => Some(Ok(number.parse().ok()?)),
        "err" => Some(Err(Errno(number.parse().ok()?))),
        _ => None,
    }
}

struct Worker<'a> {
    slots: &'a Slots,
    sockets: BTreeMap<String, (Kind, OwnedFd)>,
}

impl Worker<'_> {
    fn perform(&mut self, line: &str) -> Answer {
        let words: Vec<_> = line.split(' ').collect();
        let numbers: Vec<i32> = words.iter().filter_map(|word| word.parse().ok()).collect();
        let name = words.last().copied().unwrap_or_default();
        match (words[0], &numbers[..]) {
            ("number", []) => call::get_jailnumber(),
            ("create", &[slot]) => self.spawn(slot, call::create_newjail),
            ("attach", &[slot, jail]) => {
                self.spawn(slot, || call::attach_jail(jail.into()).map(|()| HOST))
            }
            ("destroy", &[jail]) => call::destroy_jail(jail.into()).map(|()| 0),
            ("new-object", &[family, key]) => {
                Object::create_with_key(Family::from_number(family)?, key, 0o666)
                    .map(|object| object.id.into())
            }
            ("stat", &[family, id, key]) => object(family, id, key)?.owner().map(|_| 0),
            ("find", &[family, _, key]) => find(Family::from_number(family)?, key),
            ("remove", &[family, id, key]) => object(family, id, key)?.remove().map(|()| 0),
            ("signal", &[way, pid]) => signal(way, pid).map(|()| 0),
            ("new-socket", &[kind]) => self.new_socket(kind, name),
            ("connect", &[kind]) => {
                let socket = unix::socket(kind_of(kind)?)?;
                unix::connect(&socket, name).map(|()| 0)
            }
            ("send", &[kind]) => {
                let socket = unix::socket(kind_of(kind)?)?;
                unix::send_to(&socket, name).map(|()| 0)
            }
            ("drain", []) => {
                let (kind, socket) = self.sockets.get(name).ok_or(Errno::ENOENT)?;
                unix::drain(socket, *kind).map(|()| 0)
            }
            ("new-queue", []) => mqueue::open(name, libc::O_CREAT | libc::O_EXCL).map(|_| 0),
            ("open-queue", []) => mqueue::open(name, 0).map(|_| 0),
            ("unlink-queue", []) => mqueue::unlink(name).map(|()| 0),
            ("exit", []) => Ok(0),
            _ => Err(Errno::EINVAL),
        }
    }

    /// Has a child enter a jail, and a child of that one, which is bound by the jail, serve a
    /// slot. The one between them ends.
    fn spawn(&mut self, slot: i32, enter: impl FnOnce() -> Result<i64, Errno>) -> Answer {
        let slot = usize::try_from(slot).map_err(|_| Errno::EINVAL)?;
        let slots = self.slots;
        let sockets = &mut self.sockets;
        let between = process::fork(move || {
            if let Err(errno) = enter() {
                return errno.0;
            }
            let bound = process::fork(move || {
                // They are the other worker's, and end with it.
                sockets.clear();
                slots.serve(slot)
            });
            match bound {
                Ok(_) => 0,
                Err(errno) => errno.0,
            }
        })?;
        match process::wait(between)? {
            Ended::Exited(0) => Ok(0),
            Ended::Exited(errno) => Err(Errno(errno)),
            Ended::Signaled(_) => Err(Errno::EINTR),
        }
    }

    fn new_socket(&mut self, kind: i32, name: &str) -> Answer {
        let kind = kind_of(kind)?;
        let socket = unix::socket(kind)?;
        unix::bind(&socket, kind, name)?;
        self.sockets.insert(name.to_owned(), (kind, socket));
        Ok(0)
    }
}

fn kind_of(number: i32) -> Result<Kind, Errno> {
    let found = Kind::ALL.into_iter().find(|kind| *kind as i32 == number);
    found.ok_or(Errno::EINVAL)
}

fn object(family: i32, id: i32, key: i32) -> Result<Object, Errno> {
    Ok(Object {
        family: Family::from_number(family)?,
        id,
        key,
    })
}

fn find(family: Family, key: i32) -> Answer {
    match family {
        Family::Sem => sem::get(key, 0, 0),
        Family::Shm => shm::get(key, 0, 0),
        Family::Msg => msg::get(key, 0),
    }
    .map(i64::from)
}

/// The signal is one that processes ignore unless they say otherwise.
fn signal(way: i32, pid: libc::pid_t) -> Result<(), Errno> {
    let way = usize::try_from(way).map_err(|_| Errno::EINVAL)?;
    match SIGNALLING.get(way) {
        Some(&"kill") => process::kill(pid, libc::SIGURG),
        Some(&"tgkill") => peer::tgkill(pid, pid, libc::SIGURG),
        Some(&"sigqueue") => peer::queue(pid, libc::SIGURG),
        Some(&"pidfd") => peer::send_by_pidfd(&peer::pidfd(pid)?, libc::SIGURG),
        _ => Err(Errno::EINVAL),
    }
}
