// SPDX-License-Identifier: MIT OR Apache-2.0

//! Control groups: the target is in one and the attacker in another beside it. Both are shown in the
//! attacker's root directory, and so is the file system that they are in, once more read-only, as a
//! careful launcher would show it.

use super::attack::{Area, Attack, Attempt, Down, Expected, Needed, Stop};
use super::cell;
use super::procfs::refused;
use super::scene::{Scene, Target};
use crate::ktap::{Context, Failure};
use crate::sys::process::{self, Ended};
use crate::sys::Errno;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// The directory of the groups, in their file system.
const BASE: &str = "jaula-escape";
const ATTACKERS: &str = "jaula-escape/attacker";
const TARGETS: &str = "jaula-escape/target";

/// Linux lets root do it, by the files' owner and mode. In a jail it takes `sysctl`, wherever the target
/// is.
const fn attack(name: &'static str, attempt: fn(&Scene) -> Attempt) -> Attack {
    Attack::crossing(Area::Scheduling, name, attempt, Errno::EPERM)
        .for_user(Expected::Fails(Errno::EACCES))
        .counted("refusals.proc")
        .from_above(Down::HostAlone)
}

/// The rows of the table.
pub const ATTACKS: &[Attack] = &[
    // A descriptor is enough, that of a read-only mount too, and no file is opened to be written.
    attack("clone3 with CLONE_INTO_CGROUP", clone_into)
        // Linux asks when the child has been made and modules have been asked.
        .for_user_in_jail(Expected::Fails(Errno::EPERM)),
    attack("cgroup.freeze of its group", |_| {
        // It is not frozen: nothing is changed.
        write("cgroup.freeze", "0")
    }),
    attack("cgroup.kill of its group", |_| {
        match write("cgroup.kill", "0") {
            // Only 1 kills. Who is told so may.
            Err(Stop::Refused(Errno::ERANGE)) => Ok(()),
            other => other,
        }
    }),
    // The last one: the target is in the attacker's group afterwards.
    attack("cgroup.procs of the attacker's group", |scene| {
        is_there(ATTACKERS)?;
        let path = format!("/groups/{ATTACKERS}/cgroup.procs");
        let file = File::options().write(true).open(path);
        file.and_then(|mut file| write!(file, "{}", scene.target.pid))
            .map_err(refused)
    })
    .proven(is_moved),
];

/// The groups of a scene. Removed when dropped, as far as nobody is left in them.
pub struct Groups {
    base: PathBuf,
}

impl Groups {
    /// Makes them; a kernel without control groups has none.
    pub fn make() -> Result<Groups, Failure> {
        let groups = Groups {
            base: cell::path().join("groups"),
        };
        if groups.are_there() {
            for name in [ATTACKERS, TARGETS] {
                let path = groups.base.join(name);
                fs::create_dir_all(&path).context(path.display())?;
            }
        }
        Ok(groups)
    }

    fn are_there(&self) -> bool {
        self.base.join("cgroup.procs").exists()
    }

    /// Puts the target into its group.
    pub fn place_target(&self, pid: libc::pid_t) -> Result<(), Failure> {
        self.place(TARGETS, pid)
    }

    /// Puts the attacker into its own, in which its children are then, too.
    pub fn place_attacker(&self, pid: libc::pid_t) -> Result<(), Failure> {
        self.place(ATTACKERS, pid)
    }

    fn place(&self, name: &str, pid: libc::pid_t) -> Result<(), Failure> {
        if !self.are_there() {
            return Ok(());
        }
        let path = self.base.join(name).join("cgroup.procs");
        fs::write(&path, pid.to_string()).context(path.display())
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        for name in [ATTACKERS, TARGETS, BASE] {
            let _ = fs::remove_dir(self.base.join(name));
        }
    }
}

/// Says so where there is no such group.
fn is_there(name: &str) -> Result<(), Stop> {
    match fs::exists(format!("/groups/{name}")) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Stop::NotHere("the kernel has no control groups".into())),
        Err(error) => Err(Stop::Broken(format!("/groups/{name}: {error}"))),
    }
}

fn write(file: &str, text: &str) -> Attempt {
    is_there(TARGETS)?;
    let path = format!("/groups/{TARGETS}/{file}");
    match File::options().write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Stop::NotHere("there is no such file".into()))
        }
        opened => opened
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(refused),
    }
}

/// Makes a child in the target's group, which looks where it is.
fn clone_into(_scene: &Scene) -> Attempt {
    is_there(TARGETS)?;
    let group = File::options()
        .read(true)
        .custom_flags(libc::O_PATH)
        .open(format!("/shown/{TARGETS}"))
        .needed("the target's group")?;
    let child = process::clone3_into(&group, || match is_in("self", TARGETS) {
        Ok(true) => 0,
        _ => 1,
    })?;
    match process::wait(child).needed("waiting for the child")? {
        Ended::Exited(0) => Ok(()),
        Ended::Exited(_) => Err(Stop::NoEffect),
        other => Err(Stop::Broken(format!("the child ended by {other}"))),
    }
}

/// Whether a process is in the group of this name.
fn is_in(who: &str, name: &str) -> io::Result<bool> {
    // Those of the second version have no name of a hierarchy.
    let text = fs::read_to_string(format!("/proc/{who}/cgroup"))?;
    let group = text.lines().find_map(|line| line.strip_prefix("0::/"));
    Ok(group == Some(name))
}

fn is_moved(target: &Target) -> Result<bool, Failure> {
    is_in(&target.pid.to_string(), ATTACKERS).context("the target's group")
}
