// SPDX-License-Identifier: MIT OR Apache-2.0

//! Unix sockets with abstract addresses, of every type.

use super::errno::{checked, Errno, Result};
use libc::c_int;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// The types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Kind {
    /// A stream of bytes.
    Stream = libc::SOCK_STREAM,
    /// A connection that keeps the bounds of messages.
    Packet = libc::SOCK_SEQPACKET,
    /// Messages without a connection.
    Datagram = libc::SOCK_DGRAM,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 3] = [Kind::Stream, Kind::Packet, Kind::Datagram];
}

/// An abstract address and its length.
pub(super) fn address(name: &str) -> Result<(libc::sockaddr_un, libc::socklen_t)> {
    // SAFETY: an all-zero sockaddr_un is a valid value of this plain C struct.
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    address.sun_family = libc::AF_UNIX as libc::sa_family_t;
    let place = address
        .sun_path
        .get_mut(1..=name.len())
        .ok_or(Errno::ENAMETOOLONG)?;
    for (to, from) in place.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    let length = std::mem::size_of::<libc::sa_family_t>() + 1 + name.len();
    Ok((address, length as libc::socklen_t))
}

/// A new socket.
pub fn socket(kind: Kind) -> Result<OwnedFd> {
    open(libc::AF_UNIX, kind as c_int, 0)
}

/// `socket(2)` of any family.
pub fn open(family: c_int, kind: c_int, protocol: c_int) -> Result<OwnedFd> {
    // SAFETY: plain integers in, an integer out.
    let descriptor = checked(unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, protocol) })?;
    // SAFETY: the kernel has just opened it, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// Gives a socket the abstract address `name`, and has it listen where its type does.
pub fn bind(socket: &OwnedFd, kind: Kind, name: &str) -> Result<()> {
    let (address, length) = address(name)?;
    // SAFETY: the address outlives the call, and `length` of its bytes are in it.
    checked(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) })?;
    if kind != Kind::Datagram {
        // SAFETY: plain integers in, an integer out.
        checked(unsafe { libc::listen(socket.as_raw_fd(), 100) })?;
    }
    Ok(())
}

/// Connects a socket to the abstract address `name`.
pub fn connect(socket: &OwnedFd, name: &str) -> Result<()> {
    let (address, length) = address(name)?;
    // SAFETY: the address outlives the call, and `length` of its bytes are in it.
    checked(unsafe { libc::connect(socket.as_raw_fd(), (&raw const address).cast(), length) })
        .map(drop)
}

/// `sendto(2)` of one byte, without waiting.
pub fn send_to(socket: &OwnedFd, name: &str) -> Result<()> {
    let (address, length) = address(name)?;
    // SAFETY: one byte and the address outlive the call, and `length` of its bytes are in it.
    checked(unsafe {
        libc::sendto(
            socket.as_raw_fd(),
            c"x".as_ptr().cast(),
            1,
            libc::MSG_DONTWAIT,
            (&raw const address).cast(),
            length,
        )
    })
    .map(drop)
}

/// `sendmsg(2)` of one byte to the abstract address `name`, or where the socket is connected to.
pub fn send_message(socket: &OwnedFd, name: Option<&str>) -> Result<()> {
    let mut to = name.map(address).transpose()?;
    let mut byte = *b"x";
    let mut part = libc::iovec {
        iov_base: byte.as_mut_ptr().cast(),
        iov_len: 1,
    };
    // SAFETY: an all-zero msghdr is a valid value of this plain C struct.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    if let Some((address, length)) = &mut to {
        message.msg_name = std::ptr::from_mut(address).cast();
        message.msg_namelen = *length;
    }
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    // SAFETY: the message, and all that it points to, outlive the call.
    checked(unsafe { libc::sendmsg(socket.as_raw_fd(), &message, libc::MSG_DONTWAIT) }).map(drop)
}

/// Takes one message or connection that waits at a socket, if there is one.
pub fn drain(socket: &OwnedFd, kind: Kind) -> Result<()> {
    if kind == Kind::Datagram {
        let mut byte = 0u8;
        // SAFETY: one byte that outlives the call.
        return checked(unsafe {
            libc::recv(
                socket.as_raw_fd(),
                (&raw mut byte).cast(),
                1,
                libc::MSG_DONTWAIT,
            )
        })
        .map(drop);
    }
    // SAFETY: the address may be null.
    let descriptor = checked(unsafe {
        libc::accept(
            socket.as_raw_fd(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
        )
    })?;
    // SAFETY: the kernel has just opened it, and nobody else owns it.
    drop(unsafe { OwnedFd::from_raw_fd(descriptor) });
    Ok(())
}

/// The label of who is at the other end (SO_PEERSEC), as the module with labels has it.
pub fn peer_label(socket: &impl AsRawFd) -> Result<String> {
    let mut label = [0u8; 256];
    let mut length = label.len() as libc::socklen_t;
    // SAFETY: the call writes no more than `length` bytes to the buffer, and the length to `length`;
    // both outlive it.
    checked(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERSEC,
            label.as_mut_ptr().cast(),
            &raw mut length,
        )
    })?;
    let told = &label[..length as usize];
    Ok(String::from_utf8_lossy(told).into_owned())
}
