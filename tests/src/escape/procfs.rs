// SPDX-License-Identifier: MIT OR Apache-2.0

//! What /proc tells about other processes, and what it lets do to them.

use super::attack::{Area, Attack, Attempt, Down, Expected, Needed, Stop};
use super::cell;
use super::need::Need;
use super::scene::Scene;
use crate::sys::Errno;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};

const EACCES: Errno = Errno::EACCES;

/// Opening a file about the target.
const fn open(name: &'static str, attempt: fn(&Scene) -> Attempt) -> Attack {
    Attack::crossing(Area::Proc, name, attempt, EACCES).counted("refusals.proc")
}

/// Opening one to which Linux lets those who may trace the target, or look at least: from above that
/// is asked as well.
const fn guarded(name: &'static str, attempt: fn(&Scene) -> Attempt, need: Need) -> Attack {
    open(name, attempt).needs(need)
}

/// Following a link of the target, and what else is asked like that. This is asked so often and by so many that its refusal is
/// neither counted nor logged.
const fn follow(name: &'static str, attempt: fn(&Scene) -> Attempt) -> Attack {
    Attack::crossing(Area::Proc, name, attempt, EACCES).needs(Need::Look)
}

/// Reading what is of the whole machine, which from above, too, takes what a jail has not got.
const fn machine(name: &'static str, attempt: fn(&Scene) -> Attempt) -> Attack {
    Attack::breakout(Area::Proc, name, attempt).counted("refusals.proc")
}

/// Rows for opening files about the target.
macro_rules! opens {
    ($($file:literal)*) => {
        &[$(open(concat!("opening ", $file), |scene| read(&scene.target.path($file)))),*]
    };
}

const OPENED: &[Attack] = opens!(
    "status" "stat" "cmdline" "comm" "limits" "mountinfo" "wchan" "fd"
    "task" "oom_score_adj" "cgroup" "attr/current" "io" "timerslack_ns" "sched"
);

/// Rows for opening files about the target for which it has to be looked at, or more.
macro_rules! guarded {
    ($($file:literal $need:ident)*) => {
        &[$(guarded(
            concat!("opening ", $file),
            |scene| read(&scene.target.path($file)),
            Need::$need,
        )),*]
    };
}

const GUARDED: &[Attack] = guarded!(
    "environ" Look "maps" Look "auxv" Look "smaps" Look "pagemap" Look "mem" Attach
);

const OTHERS: &[Attack] = &[
    open("opening a thread's status", |scene| {
        read(&format!("/proc/{0}/task/{0}/status", scene.target.pid))
    }),
    guarded(
        "writing oom_score_adj",
        |scene| write(&scene.target.path("oom_score_adj")),
        Need::Write,
    ),
    // Linux lets nobody but the process itself write there.
    guarded(
        "opening comm for writing",
        |scene| open_to_write(&scene.target.path("comm")),
        Need::Write,
    ),
    follow("opening fdinfo", |scene| read(&scene.target.path("fdinfo"))),
    follow("the link exe", |scene| read(&scene.target.path("exe"))),
    follow("the link cwd", |scene| read(&scene.target.path("cwd"))),
    follow("the link root", |scene| read(&scene.target.path("root"))),
    follow("the link ns/mnt", |scene| {
        read(&scene.target.path("ns/mnt"))
    }),
    follow("reading the link exe", |scene| {
        fs::read_link(scene.target.path("exe")).map_err(refused)?;
        Ok(())
    }),
    follow("reading the link ns/ipc", |scene| {
        fs::read_link(scene.target.path("ns/ipc")).map_err(refused)?;
        Ok(())
    }),
    follow("a file beyond the link root", |scene| {
        read(&format!("/proc/{}/root{}", scene.target.pid, cell::FLAG))
    }),
    follow("a file beyond the link cwd", |scene| {
        read(&format!("/proc/{}/cwd{}", scene.target.pid, cell::FLAG))
    }),
    Attack::crossing(
        Area::Proc,
        "the list of processes with hidepid=ptraceable",
        |scene| listed(&scene.target.pid.to_string()),
        EACCES,
    )
    .without_error()
    .needs(Need::Look),
    Attack::crossing(
        Area::Proc,
        "a process by its number with hidepid=ptraceable",
        |scene| read(&format!("/hidden/{}/status", scene.target.pid)),
        Errno::ENOENT,
    )
    .needs(Need::Look),
    Attack::crossing(
        Area::Proc,
        "the locks of others in /proc/locks",
        locked,
        Errno::EPERM,
    )
    .counted("refusals.proc")
    .from_above(Down::FromHost(Errno::EPERM)),
    machine("/proc/net/unix", |_| read("/proc/net/unix")).for_user(Expected::Succeeds),
    machine("/proc/key-users", |_| read("/proc/key-users")).for_user(Expected::Succeeds),
    machine("/proc/timer_list", |_| read("/proc/timer_list")).for_user(Expected::Fails(EACCES)),
    machine("/proc/kcore", |_| read("/proc/kcore")).for_user(Expected::Fails(EACCES)),
    machine("/proc/vmallocinfo", |_| read("/proc/vmallocinfo")).for_user(Expected::Fails(EACCES)),
    machine("/proc/slabinfo", |_| read("/proc/slabinfo")).for_user(Expected::Fails(EACCES)),
    machine("/proc/kpagecount", |_| read("/proc/kpagecount")).for_user(Expected::Fails(EACCES)),
];

/// The rows of the table.
pub const ATTACKS: &[Attack] = &{
    let mut all = [OTHERS[0]; OPENED.len() + GUARDED.len() + OTHERS.len()];
    let mut at = 0;
    while at < all.len() {
        let others = OPENED.len() + GUARDED.len();
        all[at] = if at < OPENED.len() {
            OPENED[at]
        } else if at < others {
            GUARDED[at - OPENED.len()]
        } else {
            OTHERS[at - others]
        };
        at += 1;
    }
    all
};

/// The error of a file.
pub fn refused(error: io::Error) -> Stop {
    Stop::Refused(Errno(error.raw_os_error().unwrap_or(libc::EIO)))
}

/// Opens a file, or a directory, for reading.
pub fn read(path: &str) -> Attempt {
    match File::open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.starts_with("/hidden") => {
            Err(Stop::NotHere("there is no such file".into()))
        }
        Err(error) => Err(refused(error)),
    }
}

/// Opens a file for writing, and leaves it as it is.
pub fn open_to_write(path: &str) -> Attempt {
    match File::options().write(true).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Stop::NotHere("there is no such file".into()))
        }
        Err(error) => Err(refused(error)),
    }
}

/// Opens a file for writing, and writes what is in it.
pub fn write(path: &str) -> Attempt {
    let content = fs::read(path).unwrap_or_default();
    let file = OpenOptions::new().write(true).open(path);
    match file.and_then(|mut file| io::Write::write_all(&mut file, &content)) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Stop::NotHere("there is no such file".into()))
        }
        Err(error) => Err(refused(error)),
    }
}

fn listed(name: &str) -> Attempt {
    for entry in fs::read_dir("/hidden").needed("/hidden")? {
        if entry.needed("/hidden")?.file_name() == name {
            return Ok(());
        }
    }
    Err(Stop::NoEffect)
}

/// Looks for the target's lock, which names the file that it is on.
fn locked(_scene: &Scene) -> Attempt {
    let mut text = String::new();
    File::open("/proc/locks")
        .and_then(|mut file| file.read_to_string(&mut text))
        .map_err(refused)?;
    match text.contains("FLOCK") {
        true => Ok(()),
        false => Err(Stop::NoEffect),
    }
}
