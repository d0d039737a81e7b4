// SPDX-License-Identifier: MIT OR Apache-2.0

//! The side that does what it is asked to: lines of words and integers, one answer a line.

use super::Place;
use crate::ktap::{fail, Failure};
use crate::sys::{ids, jail, process, tty, Errno};
use crate::sysv::{Family, Moment, Object, PATHS};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::ExitCode;

/// The argument after which a program of this package goes on as a member of a crew.
const MEMBER_ARGUMENT: &str = "--member";

/// The answer to a request: values, or the error number of the call that failed.
type Answer = Result<Vec<i64>, Errno>;

/// The first process of a crew: goes to its place and starts the members, one for each socket.
pub(super) fn lead(place: Place, streams: Vec<UnixStream>) -> i32 {
    if process::end_with_parent().is_err() {
        return 1;
    }
    let entered = match place {
        Place::Here => Ok(()),
        Place::NewJail => jail::create_newjail().map(drop),
        Place::Jail(number) => jail::attach_jail(number),
    };
    if let Err(errno) = entered {
        for mut stream in streams {
            let _ = answer(&mut stream, &Err(errno));
        }
        return 1;
    }
    let members: Vec<_> = streams
        .into_iter()
        .map(|stream| process::fork(|| serve_socket(stream)))
        .collect();
    for member in members.into_iter().flatten() {
        let _ = process::wait(member);
    }
    0
}

/// Goes on as a member of a crew, where the program was executed by one. To be called first thing
/// in `main` of a program that uses [`Member::exec`](super::Member::exec).
pub fn resume_after_exec() -> Option<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(MEMBER_ARGUMENT) {
        return None;
    }
    let stream = arguments
        .next()
        .and_then(|number| number.parse().ok())
        .and_then(|number| tty::inherited(number).ok())
        .map(UnixStream::from);
    let Some(mut stream) = stream else {
        eprintln!("{MEMBER_ARGUMENT} needs the number of an open socket");
        return Some(ExitCode::from(2));
    };
    let status = match answer(&mut stream, &Ok(vec![])) {
        Ok(()) => serve_socket(stream),
        Err(_) => 1,
    };
    Some(ExitCode::from(u8::from(status != 0)))
}

fn serve_socket(mut stream: UnixStream) -> i32 {
    if process::end_with_parent().is_err() {
        return 1;
    }
    let (Ok(reading), Ok(socket)) = (stream.try_clone(), stream.try_clone()) else {
        return 1;
    };
    serve_with(BufReader::new(reading), &mut stream, &|| exec(&socket))
}

/// Does what the lines of `requests` ask for, until there are no more; an exit status.
pub fn serve(requests: impl BufRead, mut answers: impl Write) -> i32 {
    serve_with(requests, &mut answers, &|| Errno::EINVAL)
}

fn serve_with(requests: impl BufRead, answers: &mut impl Write, exec: &dyn Fn() -> Errno) -> i32 {
    for line in requests.lines() {
        let Ok(line) = line else { return 1 };
        let result = match line.as_str() {
            "exec" => Err(exec()),
            request => perform(request),
        };
        if answer(answers, &result).is_err() {
            return 1;
        }
    }
    0
}

/// Executes this program anew; returns only on failure.
fn exec(stream: &UnixStream) -> Errno {
    if let Err(errno) = tty::keep_over_exec(stream.as_fd()) {
        return errno;
    }
    let error = std::process::Command::new("/proc/self/exe")
        .arg(MEMBER_ARGUMENT)
        .arg(stream.as_raw_fd().to_string())
        .exec();
    Errno(error.raw_os_error().unwrap_or(libc::EIO))
}

fn perform(request: &str) -> Answer {
    let mut words = request.split(' ');
    let word = words.next().unwrap_or_default();
    let numbers: Vec<i32> = words.filter_map(|number| number.parse().ok()).collect();
    match (word, &numbers[..]) {
        ("number", []) => Ok(vec![crate::jail::number_if_any()?]),
        ("user", &[id]) => ids::become_user(id as u32).map(|()| vec![]),
        ("create", &[family, mode]) => create(Family::from_number(family)?, mode),
        ("create-in-child", &[family, mode]) => create_in_child(Family::from_number(family)?, mode),
        ("try", &[index, family, id, key]) => {
            let path = PATHS.get(index as usize).ok_or(Errno::EINVAL)?;
            (path.attempt)(&object(family, id, key)?).map(|()| vec![])
        }
        ("before", &[family, id, key]) => object(family, id, key)?.snapshot(Moment::Before),
        ("after", &[family, id, key]) => object(family, id, key)?.snapshot(Moment::After),
        ("remove", &[family, id, key]) => object(family, id, key)?.remove().map(|()| vec![]),
        _ => Err(Errno::EINVAL),
    }
}

fn object(family: i32, id: i32, key: i32) -> Result<Object, Errno> {
    Ok(Object {
        family: Family::from_number(family)?,
        id,
        key,
    })
}

fn create(family: Family, mode: i32) -> Answer {
    let object = Object::create(family, mode)?;
    Ok(vec![object.id.into(), object.key.into()])
}

/// Creates an object in a process that has gone when this returns.
fn create_in_child(family: Family, mode: i32) -> Answer {
    let (reading, mut writing) = UnixStream::pair().map_err(|_| Errno::last())?;
    let child = process::fork(|| match answer(&mut writing, &create(family, mode)) {
        Ok(()) => 0,
        Err(_) => 1,
    })?;
    drop(writing);
    let mut line = String::new();
    let heard = BufReader::new(reading).read_line(&mut line);
    process::wait(child)?;
    match heard {
        Ok(_) => decode(line.trim_end(), "create").unwrap_or(Err(Errno::EIO)),
        Err(_) => Err(Errno::EIO),
    }
}

fn answer(stream: &mut impl Write, result: &Answer) -> std::io::Result<()> {
    let line = match result {
        Ok(values) => {
            let values: Vec<String> = values.iter().map(i64::to_string).collect();
            format!("ok {}\n", values.join(" "))
        }
        Err(errno) => format!("err {}\n", errno.0),
    };
    stream.write_all(line.as_bytes())?;
    stream.flush()
}

/// The opposite of [`answer`].
pub(super) fn decode(line: &str, request: &str) -> Result<Answer, Failure> {
    let garbled = || fail(format!("the answer to '{request}' is garbled: {line}"));
    let mut words = line.split_whitespace();
    let word = words.next().ok_or_else(garbled)?;
    let numbers: Vec<i64> = words
        .map(|number| number.parse().map_err(|_| garbled()))
        .collect::<Result<_, _>>()?;
    match (word, &numbers[..]) {
        ("ok", _) => Ok(Ok(numbers)),
        ("err", &[errno]) => Ok(Err(Errno(errno as i32))),
        _ => Err(garbled()),
    }
}
