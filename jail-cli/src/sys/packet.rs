// SPDX-License-Identifier: MIT OR Apache-2.0

//! Sockets that take and send whole frames of one interface (packet(7)).

use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use libc::{c_int, c_void, sock_filter, sock_fprog, sockaddr_ll, socklen_t};
use nix::errno::Errno;

/// Opens one for the IPv4 frames of the interface with this number that `filter` lets through. No other
/// ever comes from it.
pub fn open(interface: u32, filter: &[sock_filter]) -> Result<OwnedFd, Errno> {
    let flags = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // Of no protocol: nothing comes before it is bound.
    // SAFETY: socket takes numbers alone.
    let socket = Errno::result(unsafe { libc::socket(libc::AF_PACKET, flags, 0) })?;
    // SAFETY: it has just been opened, and nobody else owns it.
    let socket = unsafe { OwnedFd::from_raw_fd(socket) };
    let program = sock_fprog {
        len: u16::try_from(filter.len()).map_err(|_| Errno::EINVAL)?,
        filter: filter.as_ptr().cast_mut(),
    };
    // SAFETY: the program and what it points to live over the call, which only reads them.
    Errno::result(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const program).cast::<c_void>(),
            size_of::<sock_fprog>() as socklen_t,
        )
    })?;
    // SAFETY: all zero is a valid value of this plain structure.
    let mut address: sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = (libc::ETH_P_IP as u16).to_be();
    address.sll_ifindex = c_int::try_from(interface).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the address lives over the call, and its length is given.
    Errno::result(unsafe {
        libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            size_of::<sockaddr_ll>() as socklen_t,
        )
    })?;
    Ok(socket)
}
