// SPDX-License-Identifier: MIT OR Apache-2.0

//! Making a mount where nobody sees it: in a short-lived child with mounts of its own.
//!
//! What is made is handed over as a descriptor of a mount that lies nowhere. All that it took to make it
//! goes with the child.

use std::ffi::CStr;
use std::fs::File;
use std::io::{IoSlice, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::sched::{unshare, CloneFlags};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::sys::wait::waitpid;
use rustix::mount::{mount_change, open_tree, MountPropagationFlags, OpenTreeFlags};
use rustix::net::{
    recvmsg, sendmsg, socketpair, AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage,
    RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};

use crate::sys;
use crate::text::reason;

/// What is said with the descriptor; anything else is the beginning of an error.
const MADE: u8 = 0;

/// As much as is said of what is in the way.
const LONGEST: usize = 8 << 10;

/// What `make` has made, which runs in a child with mounts of its own; nothing of these is seen outside.
///
/// The calling process must have one thread.
///
/// # Errors
///
/// What `make` says, or why there was no such child.
pub fn in_own_mounts(make: impl FnOnce() -> Result<OwnedFd, String>) -> Result<OwnedFd, String> {
    in_child(|| {
        separate()?;
        make()
    })
}

/// The same, without mounts of its own.
///
/// # Errors
///
/// As [`in_own_mounts`].
pub fn in_child(make: impl FnOnce() -> Result<OwnedFd, String>) -> Result<OwnedFd, String> {
    let kind = SocketType::SEQPACKET;
    let (here, there) = socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)
        .map_err(|error| format!("sockets: {error}"))?;
    let child = match sys::fork().map_err(|errno| format!("fork: {}", reason(errno)))? {
        sys::Fork::Parent(child) => child,
        sys::Fork::Child => {
            drop(here);
            // It outlives nobody; who has gone already hears nothing.
            let made = prctl::set_pdeathsig(Signal::SIGKILL)
                .map_err(reason)
                .and_then(|()| make());
            let status = match tell(&there, made) {
                Ok(()) => 0,
                Err(_) => 1,
            };
            sys::exit_now(status)
        }
    };
    drop(there);
    let made = hear(&here);
    // Whether it could be waited for is of no matter: it ends by itself.
    while waitpid(child, None) == Err(Errno::EINTR) {}
    made
}

/// Nothing that is mounted from here on is to be seen outside.
fn separate() -> Result<(), String> {
    let failed = |why| format!("mounts to make it in: {why}");
    unshare(CloneFlags::CLONE_NEWNS).map_err(|errno| failed(reason(errno)))?;
    let alone = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", alone).map_err(|error| failed(error.to_string()))
}

fn tell(to: &OwnedFd, made: Result<OwnedFd, String>) -> rustix::io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let descriptors = match &made {
        Ok(made) => vec![made.as_fd()],
        Err(_) => Vec::new(),
    };
    let said: &[u8] = match &made {
        Ok(_) => &[MADE],
        Err(why) => &why.as_bytes()[..why.len().min(LONGEST)],
    };
    if !descriptors.is_empty() {
        ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
    }
    sendmsg(
        to,
        &[IoSlice::new(said)],
        &mut ancillary,
        SendFlags::NOSIGNAL,
    )
    .map(drop)
}

fn hear(from: &OwnedFd) -> Result<OwnedFd, String> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut said = vec![0; LONGEST];
    let heard = loop {
        let mut slices = [IoSliceMut::new(&mut said)];
        match recvmsg(from, &mut slices, &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
            Err(rustix::io::Errno::INTR) => {}
            heard => break heard.map_err(|error| format!("hearing of what was made: {error}"))?,
        }
    };
    let mut made = None;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            made = descriptors.last();
        }
    }
    match (&said[..heard.bytes], made) {
        ([], _) => Err("what was to make it has ended before it could".into()),
        ([MADE], Some(made)) => Ok(made),
        (why, _) => Err(String::from_utf8_lossy(why).into_owned()),
    }
}

/// What lies at a path of the mounts that the process has, mounted once more without what is mounted below
/// it, and nowhere.
///
/// # Errors
///
/// What the kernel says.
pub fn alone(from: impl AsFd, path: &CStr) -> Result<OwnedFd, String> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH;
    open_tree(from, path, flags).map_err(|error| format!("mounting it once more: {error}"))
}

/// What a context of a mount has to say about what is wrong (fsopen(2)).
pub fn complaints(context: &OwnedFd) -> String {
    let mut text = String::new();
    let Ok(context) = context.try_clone() else {
        return text;
    };
    let (mut context, mut line) = (File::from(context), [0; 1024]);
    while let Ok(length @ 1..) = context.read(&mut line) {
        let said = String::from_utf8_lossy(&line[..length]);
        // Each begins with a letter for how bad it is.
        let said = said.trim_end();
        text += &format!("; {}", said.get(2..).unwrap_or(said));
    }
    text
}
