// SPDX-License-Identifier: MIT OR Apache-2.0

//! Handing the terminal of a container to who asked for it, as runc does: the master side as
//! SCM_RIGHTS over a stream socket with a path, with one message that names it.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::net::{sendmsg, SendAncillaryBuffer, SendAncillaryMessage, SendFlags};

use crate::text::shown;

/// What runc calls it. Nobody looks it up.
const NAME: &[u8] = b"/dev/ptmx";

/// Hands it over to who listens at `path`.
///
/// # Errors
///
/// A text that names the path.
pub fn send(master: BorrowedFd<'_>, path: &Path) -> Result<(), String> {
    let about = |why: String| format!("console socket {}: {why}", shown(path));
    let socket = UnixStream::connect(path).map_err(|error| about(error.to_string()))?;
    let descriptors = [master];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
    let slices = [IoSlice::new(NAME)];
    let sent = sendmsg(&socket, &slices, &mut ancillary, SendFlags::NOSIGNAL);
    sent.map(drop).map_err(|error| about(error.to_string()))
}
