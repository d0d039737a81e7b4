// SPDX-License-Identifier: MIT OR Apache-2.0

//! The side that asks.

use super::server;
use crate::jail;
use crate::ktap::{fail, Context, Failure};
use crate::sys::{process, Errno};
use crate::sysv::{Family, Moment, Object, Path};
use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

/// Where a crew works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the jail of the caller.
    Here,
    /// In a jail of its own, made for it.
    NewJail,
    /// In the jail of this number, which is not the caller's.
    Jail(i64),
}

/// Some processes of one jail.
pub struct Crew {
    leader: libc::pid_t,
    number: i64,
    members: Vec<Member>,
    sockets: Vec<UnixStream>,
}

/// A process that does what it is asked to.
pub struct Member {
    streams: RefCell<(Box<dyn BufRead>, Box<dyn Write>)>,
}

impl Place {
    /// The jail of this number; without one it is that of the caller.
    pub fn of(jail: Option<i64>) -> Place {
        jail.map_or(Place::Here, Place::Jail)
    }
}

impl Crew {
    /// Starts `size` processes at `place`, siblings of each other.
    pub fn start(place: Place, size: usize) -> Result<Crew, Failure> {
        let outside = jail::number_if_any().context("get_jailnumber")?;
        let (ours, theirs): (Vec<_>, Vec<_>) = (0..size)
            .map(|_| UnixStream::pair())
            .collect::<Result<Vec<_>, _>>()
            .context("socketpair")?
            .into_iter()
            .unzip();
        let leader = process::fork(|| server::lead(place, theirs)).context("fork")?;
        let mut crew = Crew {
            leader,
            number: outside,
            members: Vec::new(),
            sockets: ours,
        };
        for socket in &crew.sockets {
            let reading = socket.try_clone().context("dup")?;
            let writing = socket.try_clone().context("dup")?;
            crew.members
                .push(Member::new(BufReader::new(reading), writing));
        }
        for at in 0..size {
            crew.number = crew.members[at].number().context("starting a process")?;
            let is_there = match place {
                Place::Here => crew.number == outside,
                Place::NewJail => crew.number != outside,
                Place::Jail(number) => crew.number == number,
            };
            crate::check!(
                is_there,
                "a process that was to be at {place:?} is in jail {}, its parent in {outside}",
                crew.number
            );
        }
        Ok(crew)
    }

    /// The number of the jail that the crew is in.
    pub fn number(&self) -> i64 {
        self.number
    }

    /// The process at this position, from 0.
    pub fn member(&self, at: usize) -> &Member {
        &self.members[at]
    }
}

impl Drop for Crew {
    /// Ends all its processes and waits until they have gone.
    fn drop(&mut self) {
        for socket in &self.sockets {
            // Closing alone would not end a member: other processes hold this socket as well.
            let _ = socket.shutdown(std::net::Shutdown::Both);
        }
        let _ = process::wait(self.leader);
    }
}

impl Member {
    /// A process that [serves](super::serve) at the other end of two streams.
    pub fn new(answers: impl BufRead + 'static, requests: impl Write + 'static) -> Member {
        Member {
            streams: RefCell::new((Box::new(answers), Box::new(requests))),
        }
    }

    /// Sends a request and returns the values of the answer. The inner error is the errno that
    /// the requested call gave.
    fn ask(&self, request: &str) -> Result<Result<Vec<i64>, Errno>, Failure> {
        let (answers, requests) = &mut *self.streams.borrow_mut();
        requests
            .write_all(format!("{request}\n").as_bytes())
            .and_then(|()| requests.flush())
            .context("asking a process of the test")?;
        let mut answer = String::new();
        let length = answers
            .read_line(&mut answer)
            .context("hearing from a process of the test")?;
        crate::check!(length > 0, "the process asked to '{request}' has died");
        server::decode(answer.trim_end(), request)
    }

    /// [`Member::ask`] for what must succeed.
    fn done(&self, request: &str) -> Result<Vec<i64>, Failure> {
        self.ask(request)?.context(request)
    }

    /// The number of the jail that the process is in, 0 on a kernel without jaula.
    pub fn number(&self) -> Result<i64, Failure> {
        let answer = self.done("number")?;
        answer.first().copied().ok_or_else(|| fail("no number"))
    }

    /// Gives up root and goes on as user and group `id`.
    pub fn become_user(&self, id: u32) -> Result<(), Failure> {
        self.done(&format!("user {id}")).map(drop)
    }

    /// Executes the program anew.
    pub fn exec(&self) -> Result<(), Failure> {
        self.done("exec").map(drop)
    }

    /// Creates an object with the state that every [`Path`] expects, as a process of the crew
    /// that then ends when `in_child`, otherwise as this one.
    pub fn create(&self, family: Family, mode: i32, in_child: bool) -> Result<Object, Failure> {
        let word = if in_child {
            "create-in-child"
        } else {
            "create"
        };
        match self.done(&format!("{word} {} {mode}", family.number()))?[..] {
            [id, key] => Ok(Object {
                family,
                id: id as i32,
                key: key as i32,
            }),
            ref other => Err(fail(format!("an object is an id and a key, not {other:?}"))),
        }
    }

    /// Tries a path on an object.
    pub fn attempt(&self, path: &Path, object: &Object) -> Result<Result<(), Errno>, Failure> {
        let answer = self.ask(&format!("try {} {}", path.index(), encode(object)))?;
        Ok(answer.map(drop))
    }

    /// What an object holds and what the kernel says about it, see [`Object::snapshot`].
    pub fn snapshot(&self, object: &Object, moment: Moment) -> Result<Vec<i64>, Failure> {
        let word = match moment {
            Moment::Before => "before",
            Moment::After => "after",
        };
        self.done(&format!("{word} {}", encode(object)))
    }

    /// Removes an object.
    pub fn remove(&self, object: &Object) -> Result<(), Failure> {
        self.done(&format!("remove {}", encode(object))).map(drop)
    }
}

fn encode(object: &Object) -> String {
    format!("{} {} {}", object.family.number(), object.id, object.key)
}
