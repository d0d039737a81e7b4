// SPDX-License-Identifier: MIT OR Apache-2.0

//! Descriptors of jails: the calls that make and use them, and what any descriptor can be asked for,
//! raw.

use super::errno::{call, checked, Result};
use super::peer::owned;
use libc::{c_int, c_long, c_short};
use std::os::fd::{AsRawFd, OwnedFd};

/// `open_jail(2)`, the same number on every architecture.
pub const OPEN_JAIL: c_long = 1004;
/// `create_owned_jail(2)`, the same number on every architecture.
pub const CREATE_OWNED_JAIL: c_long = 1005;
/// `attach_jailfd(2)`, the same number on every architecture.
pub const ATTACH_JAILFD: c_long = 1006;
/// `destroy_jailfd(2)`, the same number on every architecture.
pub const DESTROY_JAILFD: c_long = 1007;
/// `disown_jail(2)`, the same number on every architecture.
pub const DISOWN_JAIL: c_long = 1008;

/// In the place of a descriptor: the jail that the caller is in.
pub const OWN: c_int = -1;

/// `JAULA_ATTACH`: the right to enter.
pub const ATTACH: u32 = 1;
/// `JAULA_ADMINISTER`: the right to end the jail, and to make jails in it.
pub const ADMINISTER: u32 = 2;

/// What `poll` reports of a jail that has ended.
pub const ENDED: c_short = libc::POLLIN | libc::POLLHUP;

/// Opens the jail with this number, which lies in that of the descriptor `within`, or in the caller's
/// ([`OWN`]).
pub fn open_jail(within: c_int, number: i64, flags: u32) -> Result<OwnedFd> {
    call!(OPEN_JAIL, within, number as c_int, flags).map(owned)
}

/// Makes a jail in that of the descriptor `within`, or in the caller's ([`OWN`]); its owner.
pub fn create_owned_jail(within: c_int, flags: u32) -> Result<OwnedFd> {
    call!(CREATE_OWNED_JAIL, within, flags).map(owned)
}

/// Moves the caller into the jail of a descriptor.
pub fn attach_jailfd(descriptor: c_int, flags: u32) -> Result<()> {
    call!(ATTACH_JAILFD, descriptor, flags).map(drop)
}

/// Ends the jail of a descriptor, and returns when nothing is left of it.
pub fn destroy_jailfd(descriptor: c_int, flags: u32) -> Result<()> {
    call!(DESTROY_JAILFD, descriptor, flags).map(drop)
}

/// Makes an owner a plain descriptor.
pub fn disown_jail(descriptor: c_int, flags: u32) -> Result<()> {
    call!(DISOWN_JAIL, descriptor, flags).map(drop)
}

/// Reads up to so many bytes, at `offset` where one is given.
pub fn read(descriptor: &OwnedFd, length: usize, offset: Option<u32>) -> Result<Vec<u8>> {
    let mut bytes = vec![0u8; length];
    let descriptor = descriptor.as_raw_fd();
    let place = bytes.as_mut_ptr().cast();
    // SAFETY: the buffer outlives the call and is as long as it says.
    let count = checked(unsafe {
        match offset {
            None => libc::read(descriptor, place, length),
            Some(offset) => libc::pread(descriptor, place, length, offset as libc::off_t),
        }
    })?;
    bytes.truncate(count as usize);
    Ok(bytes)
}

/// Waits so many milliseconds, or for ever where that is -1, for [`ENDED`] of one of the descriptors;
/// what is reported of each.
pub fn poll(descriptors: &[&OwnedFd], milliseconds: c_int) -> Result<Vec<c_short>> {
    let mut list: Vec<libc::pollfd> = descriptors
        .iter()
        .map(|descriptor| libc::pollfd {
            fd: descriptor.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        })
        .collect();
    // SAFETY: the list outlives the call and is as long as it says.
    checked(unsafe { libc::poll(list.as_mut_ptr(), list.len() as libc::nfds_t, milliseconds) })?;
    Ok(list.iter().map(|one| one.revents).collect())
}

/// An epoll descriptor.
pub struct Epoll(OwnedFd);

impl Epoll {
    /// A new one, which watches nothing.
    pub fn new() -> Result<Epoll> {
        // SAFETY: an integer in, an integer out.
        let descriptor = checked(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        Ok(Epoll(owned(descriptor.into())))
    }

    /// Has it watch a descriptor as well, and call it `name`.
    pub fn add(&self, descriptor: &OwnedFd, name: u64, edge_triggered: bool) -> Result<()> {
        let edge = if edge_triggered { libc::EPOLLET } else { 0 };
        let mut event = libc::epoll_event {
            events: (libc::EPOLLIN | edge) as u32,
            u64: name,
        };
        let (own, other) = (self.0.as_raw_fd(), descriptor.as_raw_fd());
        // SAFETY: the event outlives the call.
        checked(unsafe { libc::epoll_ctl(own, libc::EPOLL_CTL_ADD, other, &mut event) }).map(drop)
    }

    /// Waits so many milliseconds, or for ever where that is -1; who has something to report, and what.
    pub fn wait(&self, milliseconds: c_int) -> Result<Vec<(u64, u32)>> {
        const MOST: usize = 8;
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; MOST];
        let own = self.0.as_raw_fd();
        // SAFETY: the list outlives the call and is as long as it says.
        let count = checked(unsafe {
            libc::epoll_wait(own, events.as_mut_ptr(), MOST as c_int, milliseconds)
        })?;
        let told = events.iter().take(count as usize);
        Ok(told.map(|event| (event.u64, event.events)).collect())
    }
}

/// `dup(2)`: the same open file once more. Not closed when something is executed.
pub fn dup(descriptor: &OwnedFd) -> Result<OwnedFd> {
    // SAFETY: an integer in, an integer out.
    checked(unsafe { libc::dup(descriptor.as_raw_fd()) }).map(|copy| owned(copy.into()))
}

/// Whether a descriptor is closed when something is executed.
pub fn closes_on_exec(descriptor: &OwnedFd) -> Result<bool> {
    // SAFETY: this command takes nothing.
    let flags = checked(unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_GETFD) })?;
    Ok(flags & libc::FD_CLOEXEC != 0)
}

/// Closes a descriptor that a process has from its parent, whose objects are never used or dropped in
/// it.
pub fn close_inherited(descriptor: c_int) -> Result<()> {
    // SAFETY: an integer in, an integer out; by the contract nobody uses the number again.
    checked(unsafe { libc::close(descriptor) }).map(drop)
}

/// Has a number of a process, whose object is never used or dropped afterwards, stand for another file.
pub fn replace_inherited(old: c_int, new: c_int) -> Result<()> {
    // SAFETY: integers in, an integer out; by the contract nobody uses the number again.
    checked(unsafe { libc::dup2(new, old) }).map(drop)
}

/// What has come over a socket.
pub struct Received {
    /// The descriptors, in order.
    pub descriptors: Vec<OwnedFd>,
    /// Some did not arrive (MSG_CTRUNC).
    pub truncated: bool,
}

/// How many descriptors a message has at most here.
const MOST_PASSED: usize = 8;

/// Room for the control part of a message, aligned as it has to be.
type Control = [u64; 8];

/// `sendmsg(2)` of one byte with descriptors (SCM_RIGHTS).
pub fn send_descriptors(socket: &impl AsRawFd, descriptors: &[c_int]) -> Result<()> {
    send_byte(socket, b'x', descriptors)
}

/// [`send_descriptors`] with this byte.
pub fn send_byte(socket: &impl AsRawFd, byte: u8, descriptors: &[c_int]) -> Result<()> {
    let size = std::mem::size_of_val(descriptors);
    if descriptors.len() > MOST_PASSED {
        return Err(super::Errno::EINVAL);
    }
    let mut control: Control = [0; 8];
    let mut byte = [byte];
    let mut part = one_part(&mut byte);
    let mut message = message(&mut part, &mut control);
    // SAFETY: computes a number.
    message.msg_controllen = unsafe { libc::CMSG_SPACE(size as u32) } as _;
    // SAFETY: the control part has room for one header with so many descriptors, which are copied as
    // bytes behind it.
    unsafe {
        let header = libc::CMSG_FIRSTHDR(&message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(size as u32) as _;
        std::ptr::copy_nonoverlapping(
            descriptors.as_ptr().cast::<u8>(),
            libc::CMSG_DATA(header),
            size,
        );
    }
    // SAFETY: the message, and all that it points to, outlive the call.
    checked(unsafe { libc::sendmsg(socket.as_raw_fd(), &message, libc::MSG_NOSIGNAL) }).map(drop)
}

/// `recvmsg(2)` of one byte and the descriptors that come with it, which are closed on exec.
pub fn receive_descriptors(socket: &impl AsRawFd) -> Result<Received> {
    let mut control: Control = [0; 8];
    let mut byte = [0];
    let mut part = one_part(&mut byte);
    let mut message = message(&mut part, &mut control);
    let flags = libc::MSG_CMSG_CLOEXEC;
    // SAFETY: the message, and all that it points to, outlive the call.
    checked(unsafe { libc::recvmsg(socket.as_raw_fd(), &mut message, flags) })?;
    let mut descriptors = Vec::new();
    // SAFETY: the kernel has filled the control part with whole headers, and says how much of it.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(&message);
        while !header.is_null() {
            if (*header).cmsg_level == libc::SOL_SOCKET && (*header).cmsg_type == libc::SCM_RIGHTS {
                let size = (*header).cmsg_len as usize - libc::CMSG_LEN(0) as usize;
                let data = libc::CMSG_DATA(header).cast::<c_int>();
                for place in 0..size / std::mem::size_of::<c_int>() {
                    descriptors.push(owned(data.add(place).read_unaligned().into()));
                }
            }
            header = libc::CMSG_NXTHDR(&message, header);
        }
    }
    Ok(Received {
        descriptors,
        truncated: message.msg_flags & libc::MSG_CTRUNC != 0,
    })
}

fn one_part(byte: &mut [u8; 1]) -> libc::iovec {
    libc::iovec {
        iov_base: byte.as_mut_ptr().cast(),
        iov_len: byte.len(),
    }
}

/// A message of one part. It points to both arguments, which have to outlive it.
fn message(part: &mut libc::iovec, control: &mut Control) -> libc::msghdr {
    // SAFETY: an all-zero msghdr is a valid value of this plain C struct.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = std::mem::size_of::<Control>() as _;
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn descriptors_arrive_in_order() {
        let (ours, theirs) = UnixStream::pair().expect("socketpair");
        let (first, second) = UnixStream::pair().expect("socketpair");
        let sent = [first.as_raw_fd(), second.as_raw_fd()];
        send_descriptors(&ours, &sent).expect("sendmsg");
        let received = receive_descriptors(&theirs).expect("recvmsg");
        assert!(!received.truncated);
        let [first_again, second_again] = &received.descriptors[..] else {
            panic!("{} descriptors", received.descriptors.len());
        };
        assert_eq!(closes_on_exec(first_again), Ok(true));
        drop(first);
        assert_eq!(poll(&[second_again], 0), Ok(vec![0]));
        drop(received);
        assert_eq!(poll(&[&OwnedFd::from(second)], 0), Ok(vec![ENDED]));
    }

    #[test]
    fn what_is_watched_is_reported_by_its_name() {
        let (ours, theirs) = UnixStream::pair().expect("socketpair");
        let theirs = OwnedFd::from(theirs);
        let epoll = Epoll::new().expect("epoll_create1");
        epoll.add(&theirs, 7, false).expect("epoll_ctl");
        assert_eq!(epoll.wait(0), Ok(vec![]));
        drop(ours);
        let told = epoll.wait(-1).expect("epoll_wait");
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].0, 7);
    }
}
