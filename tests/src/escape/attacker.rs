// SPDX-License-Identifier: MIT OR Apache-2.0

//! The attacker: a process in a jail and a bare root that is told which attack to try next, and
//! has a child try it.

use super::attack::{Attack, Attempt, Needed, Role, Stop};
use super::cell;
use super::scene::{Kept, Scene, Target};
use crate::ktap::{fail, CaseResult, Context, Failure};
use crate::sys::process::{self, Ended};
use crate::sys::{ids, jail as call, peer, tree, Errno};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

/// How long an attempt may take, in seconds.
const LIMIT: u32 = 120;

/// An attacker. Ended when dropped.
pub struct Attacker {
    leader: libc::pid_t,
    parent: libc::pid_t,
    answers: BufReader<UnixStream>,
    requests: UnixStream,
}

impl Attacker {
    /// Starts one that tries attacks of the list, in a jail or here. Where `user_namespace`, each
    /// attempt begins with one, for which the root directory must be that of the namespace.
    pub fn start(
        attacks: &[Attack],
        jail: Option<i64>,
        jaula: bool,
        role: Role,
        user_namespace: bool,
        target: Target,
    ) -> Result<Attacker, Failure> {
        let (ours, theirs) = UnixStream::pair().context("socketpair")?;
        let leader = process::fork(|| {
            let scene = Scene {
                role,
                target,
                kept: Kept {
                    namespace: File::open("/proc/1/ns/mnt").ok(),
                    handle: tree::handle(cell::FLAG).ok(),
                },
                jail,
                jaula,
            };
            lead(attacks, &scene, user_namespace, theirs)
        })
        .context("fork")?;
        let answers = BufReader::new(ours.try_clone().context("dup")?);
        let mut attacker = Attacker {
            leader,
            parent: 0,
            answers,
            requests: ours,
        };
        match attacker.hear()? {
            Ok(()) => {
                attacker.parent = attacker
                    .read_line()?
                    .parse()
                    .map_err(|_| fail("no number"))?;
                Ok(attacker)
            }
            Err(stop) => Err(fail(format!("the attacker cannot begin: {stop:?}"))),
        }
    }

    /// The process of which those that attack are children.
    pub fn parent(&self) -> libc::pid_t {
        self.parent
    }

    /// Has the attack at this position of the list tried.
    pub fn attempt(&mut self, at: usize) -> Result<Attempt, Failure> {
        self.requests
            .write_all(format!("{at}\n").as_bytes())
            .context("asking the attacker")?;
        self.hear()
    }

    fn hear(&mut self) -> Result<Attempt, Failure> {
        let line = self.read_line()?;
        decode(&line).ok_or_else(|| fail(format!("the attacker said: {line}")))
    }

    fn read_line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        let length = self
            .answers
            .read_line(&mut line)
            .context("hearing from the attacker")?;
        crate::check!(length > 0, "the attacker has died");
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        let _ = process::kill(self.leader, libc::SIGKILL);
        let _ = process::wait(self.leader);
    }
}

/// One line that tells what an attempt gave.
pub(super) fn encode(attempt: &Attempt) -> String {
    match attempt {
        Ok(()) => "done".to_owned(),
        Err(Stop::Refused(errno)) => format!("refused {}", errno.0),
        Err(Stop::NoEffect) => "nothing".to_owned(),
        Err(Stop::NotHere(why)) => format!("absent {}", why.replace('\n', " ")),
        Err(Stop::Broken(why)) => format!("broken {}", why.replace('\n', " ")),
    }
}

/// The opposite of [`encode`].
pub(super) fn decode(line: &str) -> Option<Attempt> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    Some(match word {
        "done" => Ok(()),
        "refused" => Err(Stop::Refused(Errno(rest.parse().ok()?))),
        "nothing" => Err(Stop::NoEffect),
        "absent" => Err(Stop::NotHere(rest.to_owned())),
        "broken" => Err(Stop::Broken(rest.to_owned())),
        _ => return None,
    })
}

fn lead(attacks: &[Attack], scene: &Scene, user_namespace: bool, mut stream: UnixStream) -> i32 {
    // The one that has entered is no part of the jail yet. What it has made is.
    let child = enter(scene, user_namespace).and_then(|()| {
        process::fork(|| act(attacks, scene, user_namespace, &stream)).context("fork")
    });
    match child {
        Ok(child) => process::wait(child).map_or(1, |_| 0),
        Err(failure) => {
            let told = encode(&Err(Stop::from(failure)));
            let _ = stream.write_all(format!("{told}\n").as_bytes());
            1
        }
    }
}

/// Enters the jail and its root as a launcher does.
fn enter(scene: &Scene, user_namespace: bool) -> CaseResult {
    if let Some(number) = scene.jail {
        call::attach_jail(number).context("attach_jail")?;
    }
    if !user_namespace {
        tree::chroot(cell::path()).context("chroot")?;
    }
    process::end_with_parent().context("prctl")
}

fn act(attacks: &[Attack], scene: &Scene, user_namespace: bool, mut stream: &UnixStream) -> i32 {
    let begun = begin(scene).map_err(Stop::from);
    let broken = begun.is_err();
    let told = stream.write_all(format!("{}\n{}\n", encode(&begun), process::pid()).as_bytes());
    let Ok(requests) = stream.try_clone() else {
        return 1;
    };
    if broken || told.is_err() {
        return 1;
    }
    for line in BufReader::new(requests).lines() {
        let index = line.ok().and_then(|line| line.parse::<usize>().ok());
        let Some(attack) = index.and_then(|index| attacks.get(index)) else {
            return 1;
        };
        let answer = in_child(|| {
            if user_namespace {
                enter_user_namespace(scene)?;
                if scene.jaula && scene.jail.is_none() {
                    // Root of the namespace may do what keeps others from making one.
                    tree::chroot(cell::path()).needed("chroot")?;
                    std::env::set_current_dir("/").needed("chdir")?;
                }
            }
            (attack.attempt)(scene)
        });
        if stream
            .write_all(format!("{}\n", encode(&answer)).as_bytes())
            .is_err()
        {
            return 1;
        }
    }
    0
}

/// Takes its place, in which children alone act.
fn begin(scene: &Scene) -> CaseResult {
    std::env::set_current_dir("/").context("chdir")?;
    if scene.role == Role::User {
        ids::become_user(scene.role.id()).context("giving up root")?;
    }
    peer::set_dumpable().context("prctl")?;
    process::end_with_parent().context("prctl")
}

/// Makes an attempt in a child, so that it begins with nothing of what another has left.
pub(super) fn in_child(attempt: impl FnOnce() -> Attempt) -> Attempt {
    let (ours, mut theirs) = UnixStream::pair().needed("socketpair")?;
    let child = process::fork(|| {
        peer::end_after(LIMIT);
        let answer = encode(&attempt());
        i32::from(theirs.write_all(format!("{answer}\n").as_bytes()).is_err())
    });
    let child = child.map_err(|errno| Stop::Broken(format!("fork: {errno}")))?;
    drop(theirs);
    let ended = process::wait(child);
    // What the child has left behind may hold the other end open: do not wait for its end.
    ours.set_nonblocking(true).needed("fcntl")?;
    let mut line = String::new();
    let _ = BufReader::new(ours).read_line(&mut line);
    match (decode(line.trim_end()), ended) {
        (Some(answer), Ok(Ended::Exited(0))) => answer,
        (_, ended) => Err(Stop::Broken(format!("the attempt ended with {ended:?}"))),
    }
}

/// Makes a user namespace, in which the caller is root.
fn enter_user_namespace(scene: &Scene) -> Result<(), Stop> {
    ids::unshare(libc::CLONE_NEWUSER).needed("unshare(CLONE_NEWUSER)")?;
    let id = scene.role.id();
    for (file, text) in [
        ("uid_map", format!("0 {id} 1")),
        ("setgroups", "deny".to_owned()),
        ("gid_map", format!("0 {id} 1")),
    ] {
        let path = format!("/proc/self/{file}");
        match std::fs::write(&path, text) {
            // A jail's maker of a namespace is nobody in it: giving it users takes CAP_SYS_ADMIN.
            Err(error)
                if scene.jail.is_some() && error.kind() == io::ErrorKind::PermissionDenied => {}
            other => other.needed(&path)?,
        }
    }
    Ok(())
}
