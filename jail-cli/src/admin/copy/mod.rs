// SPDX-License-Identifier: MIT OR Apache-2.0

//! Copying files into jails and out of them.
//!
//! Whoever is in the jail decides what lies there, and changes it meanwhile. So
//!
//! - paths in it are looked up below its root and never lead out of that, nor through what /proc has in
//!   place of links;
//! - from there on everything is opened by one name in a directory that is held open, without following
//!   links; what has been looked at is what is opened then;
//! - nothing that exists is opened to be written: a file is made under a name of its own and put in its
//!   place, as the user to whom it is to belong and with the mode that it is to have, so that nothing is
//!   changed afterwards by a name;
//! - devices, FIFOs and sockets are not opened, nor what the kernel makes up on its own file systems.

pub(crate) mod content;
mod ends;
mod tree;

use std::path::Path;

use caps::{CapSet, Capability};
use nix::sys::stat::{umask, Mode};
use nix::unistd::{setfsgid, setfsuid, Gid, Uid};

use crate::caller::Caller;
use crate::isolation::{Block, UMASK};
use crate::root::Root;
use crate::state::Record;
use crate::user::User;
use ends::{Source, Target, Where};
use tree::Copying;

/// Copies `from` of the host to `to` of a jail, where it then belongs to the user that the jail was
/// started with, whose number is one of `ids` on the host; how many of what is in it could not be copied. `warn` is told of each, and of what is
/// left out.
///
/// The calling process must have one thread; it works as that user from then on, and its umask is 0.
///
/// # Errors
///
/// What kept the whole from being copied.
pub fn copy_in(
    (root, ids, record): (&Root, Option<Block>, &Record),
    (from, to): (&Path, &Path),
    warn: &mut dyn FnMut(String),
) -> Result<usize, String> {
    let user = User::resolve(root, &record.user.parse()?, &[])?;
    let source = Source::find(&Where::Host, from)?;
    become_maker(&user, ids)?;
    umask(Mode::empty());
    let target = Target::find(&Where::Jail(root), to, &source)?;
    Copying::new(false, warn).copy(source, target)
}

/// Copies `from` of a jail to `to` of the host, where it then belongs to the caller, whose umask it
/// heeds; as [`copy_in`].
///
/// # Errors
///
/// What kept the whole from being copied.
pub fn copy_out(
    root: &Root,
    (from, to): (&Path, &Path),
    warn: &mut dyn FnMut(String),
) -> Result<usize, String> {
    let source = Source::find(&Where::Jail(root), from)?;
    let target = Target::find(&Where::Host, to, &source)?;
    // That others may write to it is not for the jail to say, whatever the caller permits.
    umask(Mode::from_bits_truncate(Caller::get().umask() | UMASK));
    Copying::new(true, warn).copy(source, target)
}

/// Has what is made belong to the user from the beginning. Of what root may do about files the calling
/// process keeps that it may read and write all; not that it may change whose they are.
fn become_maker(user: &User, ids: Option<Block>) -> Result<(), String> {
    let on_host = |id: u32| match ids {
        None => Ok(id),
        Some(ids) => ids
            .on_host(id)
            .ok_or_else(|| format!("there is no id {id} among those of the jail")),
    };
    let (uid, gid) = (
        Uid::from_raw(on_host(user.uid)?),
        Gid::from_raw(on_host(user.gid)?),
    );
    setfsgid(gid);
    setfsuid(uid);
    // They return what it was before, and no error.
    if setfsuid(uid) != uid || setfsgid(gid) != gid {
        return Err(format!(
            "making files as user {uid} and group {gid} is not permitted"
        ));
    }
    let all = caps::read(None, CapSet::Permitted).map_err(|error| error.to_string())?;
    match all.contains(&Capability::CAP_DAC_OVERRIDE) {
        true => caps::raise(None, CapSet::Effective, Capability::CAP_DAC_OVERRIDE)
            .map_err(|error| format!("keeping CAP_DAC_OVERRIDE: {error}")),
        // Then it does what it may.
        false => Ok(()),
    }
}
