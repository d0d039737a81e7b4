// SPDX-License-Identifier: MIT OR Apache-2.0

//! The target: a process that has one of everything that can be attacked, and waits.

use super::attack::Role;
use super::cell;
use super::scene::{Keys, Target};
use crate::inmate::wait_for_ever;
use crate::ktap::{fail, CaseResult, Context, Failure};
use crate::sys::unix::Kind;
use crate::sys::{ids, jail as call, key, mqueue, peer, process, signal, tree, unix, Errno};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

/// A target. Ended when dropped.
pub struct Victim {
    /// What is known about it.
    pub target: Target,
    parent: libc::pid_t,
}

impl Victim {
    /// Starts one, in a jail or here.
    pub fn start(jail: Option<i64>, role: Role) -> Result<Victim, Failure> {
        let (ours, theirs) = UnixStream::pair().context("socketpair")?;
        // A child of the process that has entered the jail is bound by it from birth.
        let parent = process::fork(|| {
            let entered = jail.map_or(Ok(()), call::attach_jail);
            if entered.is_err() || process::end_with_parent().is_err() {
                return 1;
            }
            match process::fork(|| live(role, theirs)) {
                Ok(child) => process::wait(child).map_or(1, |_| 0),
                Err(_) => 1,
            }
        })
        .context("fork")?;
        let mut victim = Victim {
            target: Target::default(),
            parent,
        };
        let mut line = String::new();
        BufReader::new(ours)
            .read_line(&mut line)
            .context("hearing from the target")?;
        victim.target = parse(line.trim_end())?;
        Ok(victim)
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        if self.target.pid > 0 {
            let _ = process::kill(self.target.pid, libc::SIGKILL);
        }
        let _ = process::kill(self.parent, libc::SIGKILL);
        let _ = process::wait(self.parent);
    }
}

/// The line that [`live`] tells.
fn parse(line: &str) -> Result<Target, Failure> {
    let numbers: Vec<i32> = line
        .split(' ')
        .map_while(|word| word.parse().ok())
        .collect();
    let &[pid, descriptor, queues, session, a, b, c, d] = &numbers[..] else {
        return Err(fail(format!("the target: {line}")));
    };
    Ok(Target {
        pid,
        descriptor,
        queues: queues != 0,
        keys: Keys {
            spare: [a, b, c, d],
            session,
        },
    })
}

fn live(role: Role, mut told: UnixStream) -> i32 {
    match prepare(role) {
        Ok((target, _held)) => {
            let Keys { spare, session } = target.keys;
            let [a, b, c, d] = spare;
            let line = format!(
                "{} {} {} {session} {a} {b} {c} {d}\n",
                target.pid,
                target.descriptor,
                i32::from(target.queues)
            );
            if told.write_all(line.as_bytes()).is_err() {
                return 1;
            }
            wait_for_ever()
        }
        Err(failure) => {
            let _ = told.write_all(format!("{failure}\n").as_bytes());
            1
        }
    }
}

/// Makes everything; what must stay open for it.
fn prepare(role: Role) -> Result<(Target, Vec<OwnedFd>), Failure> {
    // All but those that the C library keeps to itself, and those that cannot wait.
    let signals: Vec<i32> = (1..=64)
        .filter(|signal| ![9, 19, 32, 33].contains(signal))
        .collect();
    signal::block(&signals).context("blocking signals")?;
    process::set_process_group(0).context("setpgid")?;
    if role == Role::User {
        ids::become_user(role.id()).context("giving up root")?;
    }
    std::env::set_current_dir("/").context("chdir")?;
    process::end_with_parent().context("prctl")?;
    peer::set_dumpable().context("prctl")?;
    let mut target = Target {
        pid: process::pid(),
        ..Target::default()
    };
    let mut held = Vec::new();
    for kind in Kind::ALL {
        let socket = unix::socket(kind).context("socket")?;
        unix::bind(&socket, kind, &target.socket(kind)).context("bind")?;
        held.push(socket);
    }
    let locked = File::options()
        .write(true)
        .open(cell::LOCKED)
        .context(cell::LOCKED)?;
    tree::lock(&locked).context("flock")?;
    held.push(locked.into());
    tree::allow_all_modes();
    target.queues = make_queues(&target)?;
    target.keys = make_keys(&target)?;
    target.descriptor = held.first().map_or(0, |socket| socket.as_raw_fd());
    Ok((target, held))
}

/// Whether there are queues; the kernel may have none.
fn make_queues(target: &Target) -> Result<bool, Failure> {
    for which in ["open", "unlink", "file"] {
        match mqueue::open(&target.queue(which), libc::O_CREAT | libc::O_EXCL) {
            Err(Errno::ENOSYS) => return Ok(false),
            other => drop(other.context("mq_open")?),
        }
    }
    Ok(true)
}

fn make_keys(target: &Target) -> Result<Keys, Failure> {
    let session = match key::join_session(Some(&target.session())) {
        Err(Errno::ENOSYS) => return Ok(Keys::default()),
        other => other.context("beginning a session keyring")?,
    };
    let mut keys = Keys {
        session,
        ..Keys::default()
    };
    for (at, spare) in keys.spare.iter_mut().enumerate() {
        *spare = key::add(&target.key(&at.to_string()), key::SESSION).context("add_key")?;
        key::set_permissions(*spare, key::ALL).context("KEYCTL_SETPERM")?;
    }
    for (ring, name) in [(key::USER, "user"), (key::USER_SESSION, "user-session")] {
        key::add(&target.key(name), ring).context("add_key to the user's keyring")?;
    }
    key::set_permissions(session, key::ALL).context("KEYCTL_SETPERM")?;
    Ok(keys)
}

/// Whether a signal waits for the target.
pub fn has_pending(target: &Target, signal: i32) -> Result<bool, Failure> {
    crate::procfs::has_pending(target.pid, signal)
}

/// Whether nothing has ended the target.
pub fn check_alive(target: &Target) -> CaseResult {
    let state = crate::procfs::state(target.pid).context("looking at the target")?;
    crate::check!(!matches!(state, 'Z' | 'X'), "the target has ended");
    Ok(())
}
