// SPDX-License-Identifier: MIT OR Apache-2.0

//! Descriptors of jails, and what they tell.

use crate::inmate::Inmate;
use crate::ktap::{fail, CaseResult, Context, Failure};
use crate::sys::jailfd::{self as call, ENDED, OWN};
use crate::sys::{jail as number_call, process};
use crate::{check, check_eq, jail, wait};
use std::fmt::Display;
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::str::FromStr;

/// All rights that a descriptor can have beside reading.
pub const ALL: u32 = call::ATTACH | call::ADMINISTER;

/// Each set of rights, and how it is told.
pub const RIGHTS: [(u32, &str); 4] = [
    (0, "read"),
    (call::ATTACH, "read attach"),
    (call::ADMINISTER, "read administer"),
    (ALL, "read attach administer"),
];

/// A jail that is owned, and its owner.
pub struct Owner {
    /// The owning descriptor.
    pub descriptor: OwnedFd,
    /// The number of the jail.
    pub number: i64,
}

impl Owner {
    /// Makes a jail within that of the caller.
    pub fn new() -> Result<Owner, Failure> {
        Owner::within(OWN)
    }

    /// Makes a jail within that of a descriptor.
    pub fn within(place: i32) -> Result<Owner, Failure> {
        let descriptor = call::create_owned_jail(place, 0).context("create_owned_jail")?;
        let number = Status::of(&descriptor)?.number;
        Ok(Owner { descriptor, number })
    }

    /// The descriptor's own number.
    pub fn raw(&self) -> i32 {
        self.descriptor.as_raw_fd()
    }

    /// A plain descriptor of the jail.
    pub fn plain(&self, rights: u32) -> Result<OwnedFd, Failure> {
        open(self.number, rights)
    }

    /// Starts a process that enters the jail, and then does what `inside` says.
    pub fn member(&self, inside: impl FnOnce() -> CaseResult) -> Result<Inmate, Failure> {
        member(self.number, inside)
    }
}

/// A plain descriptor of a jail within the caller's.
pub fn open(number: i64, rights: u32) -> Result<OwnedFd, Failure> {
    call::open_jail(OWN, number, rights).context(format!("open_jail({number}, {rights})"))
}

/// Closes every owner that the calling process has from its parent: it can enter their jails then, and
/// does not keep them. It must not use or drop the parent's objects afterwards.
pub fn close_owners() -> CaseResult {
    let mut numbers = Vec::new();
    for entry in fs::read_dir("/proc/self/fd").context("/proc/self/fd")? {
        let name = entry.context("/proc/self/fd")?.file_name();
        numbers.extend(
            name.to_str()
                .and_then(|name| name.parse::<libc::c_int>().ok()),
        );
    }
    for number in numbers {
        // That of the directory has gone.
        let text = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
        if text.lines().any(|line| line == "owner:\t1") {
            call::close_inherited(number).context("closing an owner")?;
        }
    }
    Ok(())
}

/// Enters a jail by its number without owning any; its number.
pub fn enter(number: i64) -> Result<i64, Failure> {
    close_owners()?;
    number_call::attach_jail(number).context("attach_jail")?;
    jail::number()
}

/// Starts a process that owns no jail, enters this one, and then does what `inside` says.
pub fn member(number: i64, inside: impl FnOnce() -> CaseResult) -> Result<Inmate, Failure> {
    Inmate::start_by(|| enter(number), inside)
}

/// Has a process of its own do something, which may change where it is and who.
pub fn apart(what: impl FnOnce() -> CaseResult) -> CaseResult {
    Inmate::start_by(|| what().and_then(|()| jail::number()), || Ok(())).map(drop)
}

/// What reading a descriptor tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The number of the jail.
    pub number: i64,
    /// When it was made.
    pub created: String,
    /// `alive`, `dying` or `dead`.
    pub state: String,
    /// Tasks that have not exited.
    pub tasks: u64,
    /// Jails within it.
    pub children: u64,
    /// Semaphore sets.
    pub sem: u64,
    /// Shared memory segments.
    pub shm: u64,
    /// Message queues.
    pub msg: u64,
}

impl Status {
    /// Reads a descriptor.
    pub fn of(descriptor: &OwnedFd) -> Result<Status, Failure> {
        text(descriptor)?.parse()
    }
}

impl FromStr for Status {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Status, Failure> {
        let lines: Option<Vec<_>> = text.lines().map(|line| line.split_once(' ')).collect();
        let lines = lines.unwrap_or_default();
        let [("number", number), ("created", created), ("state", state), ("tasks", tasks), ("children", children), ("sem", sem), ("shm", shm), ("msg", msg)] =
            lines[..]
        else {
            return Err(fail(format!("a descriptor tells {text:?}")));
        };
        check!(text.ends_with('\n'), "{text:?} does not end with a newline");
        check!(is_time(created), "created is {created:?}");
        check!(
            ["alive", "dying", "dead"].contains(&state),
            "the state is {state:?}"
        );
        Ok(Status {
            number: parsed("number", number)?,
            created: created.to_owned(),
            state: state.to_owned(),
            tasks: parsed("tasks", tasks)?,
            children: parsed("children", children)?,
            sem: parsed("sem", sem)?,
            shm: parsed("shm", shm)?,
            msg: parsed("msg", msg)?,
        })
    }
}

/// Seconds, a point and nine digits.
fn is_time(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('.').is_some_and(|(seconds, fraction)| {
        digits(seconds) && digits(fraction) && fraction.len() == 9
    })
}

fn parsed<T: FromStr>(what: impl Display, text: &str) -> Result<T, Failure> {
    text.parse()
        .map_err(|_| fail(format!("{what} is {text:?}, no number")))
}

/// What a descriptor tells, as it stands.
pub fn text(descriptor: &OwnedFd) -> Result<String, Failure> {
    let bytes = call::read(descriptor, 4096, None).context("reading a descriptor")?;
    String::from_utf8(bytes).map_err(|_| fail("a descriptor tells something that is no text"))
}

/// What `/proc` tells about a descriptor of a jail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// The number of the jail.
    pub jail: i64,
    /// When it was made.
    pub created: String,
    /// Whether the descriptor owns the jail.
    pub owner: bool,
    /// Its rights.
    pub rights: String,
}

impl Info {
    /// That of a descriptor of the caller.
    pub fn of(descriptor: &OwnedFd) -> Result<Info, Failure> {
        let path = format!("/proc/self/fdinfo/{}", descriptor.as_raw_fd());
        fs::read_to_string(&path).context(&path)?.parse()
    }
}

impl FromStr for Info {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Info, Failure> {
        let value = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"))
                .ok_or_else(|| fail(format!("fdinfo has no line {name}: {text:?}")))
        };
        Ok(Info {
            jail: parsed("jail", value("jail")?)?,
            created: value("created")?.to_owned(),
            owner: parsed::<u8>("owner", value("owner")?)? == 1,
            rights: value("rights")?.to_owned(),
        })
    }
}

/// Waits until the jail of a descriptor has ended, as poll reports it.
pub fn wait_for_end(descriptor: &OwnedFd) -> CaseResult {
    let patience = wait::PATIENCE.as_millis() as i32;
    let got = call::poll(&[descriptor], patience).context("poll")?;
    check_eq!(got, [ENDED], "what poll reports when the jail has ended");
    check_eq!(Status::of(descriptor)?.state, "dead", "the state then");
    Ok(())
}

/// Fails unless the jail of a descriptor is alive, and goes on being so for a moment.
pub fn check_stays(descriptor: &OwnedFd) -> CaseResult {
    for _ in 0..10 {
        check_eq!(Status::of(descriptor)?.state, "alive", "the state");
        check_eq!(
            call::poll(&[descriptor], 0),
            Ok(vec![0]),
            "what poll reports"
        );
        process::nap();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "number 7\ncreated 12.000000034\nstate alive\ntasks 2\nchildren 1\nsem 3\n\
                        shm 4\nmsg 5\n";

    #[test]
    fn what_is_read_is_taken_apart() {
        let status: Status = TEXT.parse().expect("as documented");
        let expected = Status {
            number: 7,
            created: "12.000000034".to_owned(),
            state: "alive".to_owned(),
            tasks: 2,
            children: 1,
            sem: 3,
            shm: 4,
            msg: 5,
        };
        assert_eq!(status, expected);
    }

    #[test]
    fn what_is_not_as_documented_is_refused() {
        for text in [
            "",
            TEXT.trim_end(),
            &TEXT.replace("msg 5\n", ""),
            &TEXT.replace("alive", "well"),
            &TEXT.replace("12.000000034", "12.34"),
            &TEXT.replace("tasks 2", "tasks -2"),
            &format!("{TEXT}more 1\n"),
        ] {
            assert!(text.parse::<Status>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn fdinfo_has_other_lines_as_well() {
        let text = "pos:\t0\nflags:\t02000000\nmnt_id:\t15\nino:\t1037\njail:\t7\n\
                    created:\t12.000000034\nowner:\t1\nrights:\tread attach administer\n";
        let info: Info = text.parse().expect("as documented");
        assert_eq!((info.jail, info.owner), (7, true));
        assert_eq!(info.rights, "read attach administer");
        assert!("pos:\t0\n".parse::<Info>().is_err());
    }
}
