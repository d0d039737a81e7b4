// SPDX-License-Identifier: MIT OR Apache-2.0

//! Running a program once, in a jail that is thrown away, to see what it opens.
//!
//! The jail's root is the machine's own, or another tree, below a layer that takes what is written and is
//! gone afterwards. The kernel tells by fanotify(7) of everything that is opened there, whoever opens it:
//! the program, what it starts, and as whatever user. The file system of the two layers is the jail's
//! alone, so nobody else is seen.

mod layer;
mod watch;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use jaula_rootfs::host::Host;
use jaula_rootfs::template::JailPath;
use jaula_rootfs::trace::{keep, Kept, Seen, Tried};
use nix::errno::Errno;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::process::{pidfd_open, Pid, PidfdFlags};

use std::os::fd::{AsFd, OwnedFd};

use crate::jails::{JailId, JailName, Jails};
use crate::launch::EXIT_FAILED;
use crate::privilege;
use crate::process::members;
use crate::root::Root;
use crate::text::{reason, shown};
use crate::user::{User, UserSpec};
use layer::Layer;
use watch::Watch;

/// What is tried.
#[derive(Debug)]
pub struct Trace {
    /// The tree that it sees, in place of the machine's own.
    pub sysroot: Option<PathBuf>,
    /// Who it runs as.
    pub user: UserSpec,
    /// Directories to be made for it, which belong to its user.
    pub directories: Vec<JailPath>,
    /// Options of `jaula run`.
    pub options: Vec<OsString>,
    /// The program and its arguments.
    pub command: Vec<OsString>,
    /// It is over when nothing new has been opened for so long.
    pub idle: Duration,
    /// Whether what not everybody may read is taken too.
    pub private: bool,
}

/// What came of it.
#[derive(Debug)]
pub struct Traced {
    /// The template.
    pub kept: Kept,
    /// The exit status, where it ended by itself.
    pub status: Option<i32>,
}

impl Trace {
    /// Runs it, and makes a template of what was seen.
    ///
    /// The calling process must have one thread; from then on it has mounts of its own.
    ///
    /// # Errors
    ///
    /// A text that says what could not be done. What the program itself says goes to its standard error.
    pub fn run(self) -> Result<Traced, String> {
        privilege::require()?;
        let path = self.sysroot.as_deref().unwrap_or(Path::new("/"));
        let layer = Layer::upon(path)?;
        let root = Root::open(layer.root())?;
        let user = User::resolve(&root, &self.user, &[])?;
        drop(root);
        for directory in &self.directories {
            layer.make(directory, &user)?;
        }
        let watch = Watch::of(layer.root())?;
        let (seen, status) = self.watched(&layer, watch)?;
        // Where nothing was executed, it has been said why.
        if let Some(status @ 125..=127) = status {
            return Err(format!(
                "{}: was not started (exit status {status}), and nothing is kept",
                shown(&self.command[0])
            ));
        }
        let tried = Tried {
            program: PathBuf::from(&self.command[0]),
            user: user
                .name
                .to_str()
                .filter(|name| !is_number(name))
                .map(str::to_owned),
            made: self.directories,
            private: self.private,
        };
        let trees = layer
            .lower()
            .and_then(|lower| Ok((Host::of(lower)?, Host::of(layer.upper()?)?)));
        let (lower, upper) = trees.map_err(|error| format!("{}: {error}", shown(path)))?;
        let kept = keep(&lower, &upper, &seen, &tried).map_err(|error| error.to_string())?;
        Ok(Traced { kept, status })
    }

    /// Runs it while it is watched; what was seen, and how it ended, if it did by itself.
    fn watched(&self, layer: &Layer, mut watch: Watch) -> Result<(Seen, Option<i32>), String> {
        let name = format!("trace-{}", std::process::id());
        let name: JailName = name
            .parse()
            .map_err(|_| "no name for the jail".to_owned())?;
        let ending = ending()?;
        let mut child = self.start(layer, &name)?;
        let watched = self.watch(&mut child, &name, &ending, &mut watch);
        // Else nobody looks after it any more.
        let has_ended = matches!(watched, Ok(false));
        if !has_ended {
            end(&mut child, &name);
        }
        let stopped = watched?;
        let status = child.wait().map_err(|error| error.to_string())?;
        watch.read()?;
        let status = match stopped {
            true => None,
            false => Some(status.code().unwrap_or(EXIT_FAILED.into())),
        };
        Ok((watch.seen(), status))
    }

    fn start(&self, layer: &Layer, name: &JailName) -> Result<Child, String> {
        let mut run = Command::new("/proc/self/exe");
        run.args(["run", "--quiet", "--name"])
            .arg(name.to_string())
            .arg("--user")
            .arg(self.user.to_string())
            .args(&self.options)
            .arg(layer.root())
            .arg("--")
            .args(&self.command)
            // What it prints is no part of a template on standard output.
            .stdout(
                std::io::stderr()
                    .as_fd()
                    .try_clone_to_owned()
                    .map_or_else(|_| Stdio::null(), Stdio::from),
            );
        run.spawn().map_err(|error| format!("starting it: {error}"))
    }

    /// Watches until it has ended, or was ended because nothing new came.
    fn watch(
        &self,
        child: &mut Child,
        name: &JailName,
        ending: &SignalFd,
        watch: &mut Watch,
    ) -> Result<bool, String> {
        let process = hold(child)?;
        let mut since = Instant::now();
        loop {
            let left = self.idle.saturating_sub(since.elapsed());
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            let mut on = [
                PollFd::new(watch.as_fd(), PollFlags::POLLIN),
                PollFd::new(process.as_fd(), PollFlags::POLLIN),
                PollFd::new(ending.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut on, timeout) {
                Err(Errno::EINTR) => continue,
                result => result.map_err(|errno| format!("poll: {}", reason(errno)))?,
            };
            let [_, has_ended, is_told] = on.map(|one| one.any().unwrap_or(false));
            if watch.read()? {
                since = Instant::now();
            }
            if has_ended {
                return Ok(false);
            }
            if is_told || since.elapsed() >= self.idle {
                watch.note_users(&running(name));
                return Ok(true);
            }
        }
    }
}

fn is_number(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_digit())
}

fn hold(child: &Child) -> Result<OwnedFd, String> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or("it has no process id")?;
    pidfd_open(pid, PidfdFlags::empty()).map_err(|error| format!("pidfd_open: {error}"))
}

/// What tells to end: the program is ended then, and what was seen counts.
fn ending() -> Result<SignalFd, String> {
    let signals: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]
        .into_iter()
        .collect();
    signals.thread_block().map_err(reason)?;
    SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC).map_err(reason)
}

/// What runs in the jail.
fn running(name: &JailName) -> Vec<i32> {
    let found = Jails::open().and_then(|jails| jails.find(&JailId::Name(name.clone())));
    let members = found.ok().and_then(|jail| members(jail.number).ok());
    members.unwrap_or_default()
}

/// Ends the jail, and who has started it; also where there is none so far.
fn end(child: &mut Child, name: &JailName) {
    for _ in 0..PATIENCE {
        stop(name);
        for _ in 0..PATIENCE {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            sleep(PAUSE);
        }
    }
    // With it goes the jail.
    let _ = child.kill();
}

/// How often it is looked whether something has ended, and how long it takes in between.
const PATIENCE: u32 = 20;
const PAUSE: Duration = Duration::from_millis(20);

/// Ends the jail as `jaula stop` does.
fn stop(name: &JailName) {
    let mut stop = Command::new("/proc/self/exe");
    stop.args(["stop", &name.to_string()]).stderr(Stdio::null());
    // It may have ended by itself.
    let _ = stop.status();
}
