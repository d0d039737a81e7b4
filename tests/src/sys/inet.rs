// SPDX-License-Identifier: MIT OR Apache-2.0

//! Sockets of IPv4 and IPv6, as plain as the calls.

use super::errno::{checked, Errno, Result};
use super::unix;
use libc::c_int;
use nix::sys::socket::{self, ControlMessage, MsgFlags, SockaddrLike, SockaddrStorage};
use std::io::IoSlice;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};

/// Gives the calling process a network of its own.
pub fn own_network() -> Result<()> {
    // SAFETY: plain integers in, an integer out.
    checked(unsafe { libc::unshare(libc::CLONE_NEWNET) }).map(drop)
}

/// A socket of the family of an address, with the usual protocol.
pub fn socket(of: IpAddr, kind: c_int) -> Result<OwnedFd> {
    unix::open(family(of), kind, 0)
}

/// The family of an address.
pub fn family(of: IpAddr) -> c_int {
    match of {
        IpAddr::V4(_) => libc::AF_INET,
        IpAddr::V6(_) => libc::AF_INET6,
    }
}

/// Sets an option that is a number.
pub fn set(socket: &impl AsRawFd, level: c_int, option: c_int, value: c_int) -> Result<()> {
    // SAFETY: the kernel reads one integer, which lives over the call.
    checked(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            std::mem::size_of::<c_int>() as libc::socklen_t,
        )
    })
    .map(drop)
}

/// `bind(2)`.
pub fn bind(socket: &impl AsRawFd, address: SocketAddr) -> Result<()> {
    plain(socket::bind(
        socket.as_raw_fd(),
        &SockaddrStorage::from(address),
    ))
}

/// `connect(2)`.
pub fn connect(socket: &impl AsRawFd, address: SocketAddr) -> Result<()> {
    plain(socket::connect(
        socket.as_raw_fd(),
        &SockaddrStorage::from(address),
    ))
}

/// `connect(2)` to no address.
pub fn disconnect(socket: &impl AsRawFd) -> Result<()> {
    // SAFETY: an all-zero sockaddr is a valid value of this plain C struct: no family, no address.
    let address: libc::sockaddr = unsafe { std::mem::zeroed() };
    let length = std::mem::size_of::<libc::sockaddr>() as libc::socklen_t;
    // SAFETY: the address outlives the call, and is as long as is said.
    checked(unsafe { libc::connect(socket.as_raw_fd(), &raw const address, length) }).map(drop)
}

/// `listen(2)`.
pub fn listen(socket: &impl AsRawFd) -> Result<()> {
    // SAFETY: plain integers in, an integer out.
    checked(unsafe { libc::listen(socket.as_raw_fd(), 5) }).map(drop)
}

/// `getsockname(2)`.
pub fn name(socket: &impl AsRawFd) -> Result<SocketAddr> {
    address(plain(socket::getsockname(socket.as_raw_fd()))?)
}

/// `getpeername(2)`.
pub fn peer(socket: &impl AsRawFd) -> Result<SocketAddr> {
    address(plain(socket::getpeername(socket.as_raw_fd()))?)
}

/// Sends a byte, to an address where one is said, and with this source where one is.
pub fn send(
    socket: &impl AsRawFd,
    to: Option<SocketAddr>,
    source: Option<IpAddr>,
    flags: c_int,
) -> Result<()> {
    let (mut v4, mut v6) = (None, None);
    match source {
        Some(IpAddr::V4(source)) => {
            v4 = Some(libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: libc::in_addr {
                    s_addr: u32::from_ne_bytes(source.octets()),
                },
                ipi_addr: libc::in_addr { s_addr: 0 },
            })
        }
        Some(IpAddr::V6(source)) => {
            v6 = Some(libc::in6_pktinfo {
                ipi6_addr: libc::in6_addr {
                    s6_addr: source.octets(),
                },
                ipi6_ifindex: 0,
            })
        }
        None => {}
    }
    let v4 = v4.as_ref().map(ControlMessage::Ipv4PacketInfo);
    let control: Vec<_> = v4
        .into_iter()
        .chain(v6.as_ref().map(ControlMessage::Ipv6PacketInfo))
        .collect();
    let to = to.map(SockaddrStorage::from);
    let flags = MsgFlags::from_bits_retain(flags);
    plain(socket::sendmsg(
        socket.as_raw_fd(),
        &[IoSlice::new(b"x")],
        &control,
        flags,
        to.as_ref(),
    ))
    .map(drop)
}

fn plain<T>(result: nix::Result<T>) -> Result<T> {
    result.map_err(|errno| Errno(errno as c_int))
}

fn address(found: SockaddrStorage) -> Result<SocketAddr> {
    let v4 = found.as_sockaddr_in().map(|it| SocketAddr::from(*it));
    let v6 = || found.as_sockaddr_in6().map(|it| SocketAddr::from(*it));
    v4.or_else(v6).ok_or(Errno(
        found.family().map_or(libc::EAFNOSUPPORT, |_| libc::EINVAL),
    ))
}
