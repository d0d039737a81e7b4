// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where the control groups of jails lie.
//!
//! On a machine without systemd in a group of jaula's own below the topmost one. On one with it, where
//! each group belongs to systemd, in one that it has given away (`Delegate=`): that which the caller is
//! in, as that of a unit, or else that of a unit that is there for nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::statfs::{statfs, CGROUP2_SUPER_MAGIC};
use rustix::fs::getxattr;

use super::write;
use crate::isolation::Control;
use crate::jail::get_jailnumber;
use crate::text::shown;

/// Where control groups are mounted.
const MOUNT: &str = "/sys/fs/cgroup";

/// The group of jaula's own below that.
const OWN: &str = "jaula";

/// Where processes go that are in a group that others are to be made in.
const ASIDE: &str = "supervisor";

/// The unit whose group is that of all jails of a machine with systemd that are in no other.
const UNIT: &str = "jaula-groups.service";

/// The unit that starts what is described, and where units lie.
const SERVICE: &str = "jaula.service";
const SLICE: &str = "system.slice";

/// How long systemd has to make it.
const PATIENCE: Duration = Duration::from_secs(30);

const CONTROLLERS: &str = "cgroup.controllers";
const ENABLED: &str = "cgroup.subtree_control";
const PROCESSES: &str = "cgroup.procs";

/// A group that those of jails are made in.
pub struct Base {
    directory: PathBuf,
    /// Whether the one around it is nobody else's either.
    is_own: bool,
}

/// The topmost group.
pub fn top() -> &'static Path {
    Path::new(MOUNT)
}

/// Looks whether `controls` can be had, before anything is done.
///
/// # Errors
///
/// What is missing, and what to do about it.
pub fn check(controls: &[Control]) -> Result<(), String> {
    let first = controls.first().map(Control::described);
    let about = |why: String| match &first {
        Some(first) => format!("{first}: {why}"),
        None => why,
    };
    is_there().map_err(about)?;
    let known = words(&top().join(CONTROLLERS)).map_err(about)?;
    controls
        .iter()
        .try_for_each(|control| match known.contains(control.controller()) {
            true => Ok(()),
            false => Err(missing(control)),
        })
}

/// The controllers that there are not, of those that limits need.
///
/// # Errors
///
/// Where there are no control groups.
pub fn missing_controllers() -> Result<Vec<&'static str>, String> {
    is_there()?;
    let there = words(&top().join(CONTROLLERS))?;
    let mut needed: Vec<&str> = Control::files()
        .filter_map(|file| file.split('.').next())
        .collect();
    needed.dedup();
    needed.retain(|controller| !there.contains(*controller));
    Ok(needed)
}

fn missing(control: &Control) -> String {
    format!(
        "{}: there is no controller \"{}\" of control groups, version 2: the kernel has none, or it was \
         turned off (cgroup_disable=) or given to version 1",
        control.described(),
        control.controller()
    )
}

/// That of the calling process.
pub fn for_caller() -> Result<Base, String> {
    is_there()?;
    find("self")
}

/// That of a process of a jail that runs.
pub fn for_process(pid: i32) -> Result<Base, String> {
    is_there()?;
    find(&pid.to_string())
}

/// That in which a group of a jail lies.
pub fn around(group: &Path) -> Result<Base, String> {
    let around = group.parent().ok_or("no control group")?;
    Ok(Base {
        directory: around.to_owned(),
        is_own: around.parent() == Some(top()),
    })
}

/// Where groups of jails may be that are in no unit of their own.
pub fn common() -> [PathBuf; 3] {
    let of_unit = |unit| top().join(SLICE).join(unit);
    [top().join(OWN), of_unit(UNIT), of_unit(SERVICE)]
}

/// Whether the calling process is in no jail.
pub fn is_on_host() -> bool {
    get_jailnumber().is_ok_and(|number| number.is_host())
}

fn is_there() -> Result<(), String> {
    match get_jailnumber() {
        Ok(number) if !number.is_host() => {
            return Err("what a jail may use is said on the host: it has no control groups".into())
        }
        _ => {}
    }
    match statfs(MOUNT).map(|found| found.filesystem_type()) {
        Ok(CGROUP2_SUPER_MAGIC) => Ok(()),
        _ => Err(format!(
            "control groups, version 2, are not mounted; \"mount -t cgroup2 cgroup2 {MOUNT}\" does \
             that"
        )),
    }
}

fn find(process: &str) -> Result<Base, String> {
    let top = top();
    if !has_systemd() {
        let directory = top.join(OWN);
        return match fs::create_dir(&directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                Err(format!("creating {}: {error}", shown(&directory)))
            }
            _ => Ok(Base {
                directory,
                is_own: true,
            }),
        };
    }
    let directory = match delegated_around(&own_group(process)?) {
        Some(directory) => directory,
        None => unit_group()?,
    };
    Ok(Base {
        directory,
        is_own: false,
    })
}

fn has_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// The group that a process is in.
pub fn own_group(process: &str) -> Result<PathBuf, String> {
    let path = format!("/proc/{process}/cgroup");
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let own = text.lines().find_map(|line| line.strip_prefix("0::/"));
    match own {
        Some(own) if !own.split('/').any(|part| part == "..") => Ok(top().join(own)),
        _ => Err(format!("{path} tells no control group below {MOUNT}")),
    }
}

/// The nearest group around `group`, or itself, that systemd has given to root.
fn delegated_around(group: &Path) -> Option<PathBuf> {
    let mut inside = group.ancestors().take_while(|path| *path != top());
    inside.find(|path| is_delegated(path)).map(Path::to_owned)
}

/// Whether systemd has given a group away, and to root: what is a user's is not to be relied on.
fn is_delegated(group: &Path) -> bool {
    let is_roots = fs::metadata(group).is_ok_and(|found| found.uid() == 0);
    let is_marked = |name: &str| {
        let mut value = [0_u8; 2];
        getxattr(group, name, &mut value[..]).is_ok_and(|length| value[..length] == *b"1")
    };
    is_roots && (is_marked("trusted.delegate") || is_marked("user.delegate"))
}

/// The group of the unit, where that is active: below the slice of the system or one that an
/// administrator has put it into.
fn unit_directory() -> Option<PathBuf> {
    let usual = top().join(SLICE).join(UNIT);
    if is_delegated(&usual) {
        return Some(usual);
    }
    let mut command = Command::new("systemctl");
    command.args(["show", "--property=ControlGroup", "--value", UNIT]);
    let shown = command.stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(shown.stdout).ok()?;
    let directory = top().join(text.trim().strip_prefix('/')?);
    is_delegated(&directory).then_some(directory)
}

/// Has systemd make a group that is jaula's.
fn unit_group() -> Result<PathBuf, String> {
    if let Some(directory) = unit_directory() {
        return Ok(directory);
    }
    let started = start_unit();
    let deadline = Instant::now() + PATIENCE;
    loop {
        match (unit_directory(), &started) {
            (Some(directory), _) => return Ok(directory),
            (None, Ok(())) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(20));
            }
            (None, started) => {
                let why = started.as_ref().err().cloned().unwrap_or_default();
                return Err(format!(
                    "systemd has made no control group for {UNIT} to make those of jails in{why}"
                ));
            }
        }
    }
}

/// Starts the unit that comes with jaula, or the same where it is not installed.
fn start_unit() -> Result<(), String> {
    let run = |command: &mut Command| {
        let output = command.stdin(Stdio::null()).output();
        let output = output.map_err(|error| format!(": {error}"))?;
        match output.status.success() {
            true => Ok(()),
            false => {
                let said = String::from_utf8_lossy(&output.stderr);
                Err(format!(": {}", said.trim()))
            }
        }
    };
    let installed = run(Command::new("systemctl").args(["start", UNIT]));
    installed.or_else(|_| {
        run(Command::new("systemd-run").args([
            "--quiet",
            "--unit",
            UNIT,
            "--description=Control groups of jails",
            "--property=Type=exec",
            "--property=Delegate=yes",
            "--property=TasksMax=infinity",
            "--property=OOMPolicy=continue",
            "/usr/bin/sleep",
            "infinity",
        ]))
    })
}

impl Base {
    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Has the controllers that `controls` need in the groups that are made in it.
    pub fn enable(&self, controls: &[Control]) -> Result<(), String> {
        let needed: BTreeSet<&str> = controls.iter().map(Control::controller).collect();
        let chain = [self.is_own.then_some(top()), Some(&self.directory)];
        for group in chain.into_iter().flatten() {
            let enabled = words(&group.join(ENABLED))?;
            let there = words(&group.join(CONTROLLERS))?;
            for controller in &needed {
                if enabled.contains(*controller) {
                    continue;
                }
                if !there.contains(*controller) {
                    let asks = controls.iter().find(|it| it.controller() == *controller);
                    return Err(asks.map(missing).unwrap_or_default());
                }
                self.enable_in(group, controller)?;
            }
        }
        Ok(())
    }

    fn enable_in(&self, group: &Path, controller: &str) -> Result<(), String> {
        let file = group.join(ENABLED);
        let enable = || write(&file, &format!("+{controller}"));
        let enabled = match enable() {
            // No group has both processes and groups in which something is limited.
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) && group == self.directory => {
                set_aside(group)?;
                enable()
            }
            result => result,
        };
        enabled.map_err(|error| format!("+{controller} in {}: {error}", shown(&file)))
    }
}

/// Moves what is in a group into one within it.
fn set_aside(group: &Path) -> Result<(), String> {
    let aside = group.join(ASIDE);
    let failed = |error: io::Error| format!("{}: {error}", shown(&aside));
    match fs::create_dir(&aside) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
        _ => {}
    }
    // One may fork meanwhile.
    for _ in 0..100 {
        let there = fs::read_to_string(group.join(PROCESSES)).map_err(failed)?;
        if there.is_empty() {
            break;
        }
        for pid in there.lines() {
            match write(&aside.join(PROCESSES), pid) {
                Err(error) if error.raw_os_error() != Some(libc::ESRCH) => {
                    return Err(failed(error))
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn words(path: &Path) -> Result<BTreeSet<String>, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", shown(path)))?;
    Ok(text.split_whitespace().map(str::to_owned).collect())
}
