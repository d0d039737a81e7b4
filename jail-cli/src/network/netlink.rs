// SPDX-License-Identifier: MIT OR Apache-2.0

//! Asking the kernel about a network, and having it changed (rtnetlink(7)).

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use netlink_packet_core::{
    NetlinkHeader, NetlinkMessage, NetlinkPayload, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::SocketAddr;
use nix::errno::Errno;

use crate::text::reason;

/// More than the kernel ever sends at once.
const BUFFER: usize = 64 << 10;

/// A socket that leads to the network namespace in which it was opened.
pub struct Socket {
    socket: netlink_sys::Socket,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Socket {
    /// Opens one.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn open() -> Result<Self, String> {
        let open = || {
            let socket = netlink_sys::Socket::new(NETLINK_ROUTE)?;
            // From the kernel alone.
            socket.connect(&SocketAddr::new(0, 0))?;
            // Else each refusal has the whole request in it.
            socket.set_cap_ack(true)?;
            Ok(socket)
        };
        let socket = open().map_err(|error: io::Error| format!("a netlink socket: {error}"))?;
        Ok(Socket {
            socket,
            sequence: 0,
            buffer: vec![0; BUFFER],
        })
    }

    /// Has something changed.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn change(&mut self, message: RouteNetlinkMessage, flags: u16) -> Result<(), Errno> {
        self.send(message, flags | NLM_F_ACK)?;
        self.receive(|_| ())
    }

    /// Asks for one thing; `None` where there is no such.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn get(
        &mut self,
        message: RouteNetlinkMessage,
    ) -> Result<Option<RouteNetlinkMessage>, Errno> {
        self.send(message, NLM_F_ACK)?;
        let mut found = None;
        match self.receive(|message| found = Some(message)) {
            Ok(()) => Ok(found),
            Err(Errno::ENODEV | Errno::ENOENT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// Asks for all of a kind. What is of no known form is left out.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn list(
        &mut self,
        message: RouteNetlinkMessage,
    ) -> Result<Vec<RouteNetlinkMessage>, Errno> {
        self.send(message, NLM_F_DUMP)?;
        let mut found = Vec::new();
        self.receive(|message| found.push(message))?;
        Ok(found)
    }

    fn send(&mut self, message: RouteNetlinkMessage, flags: u16) -> Result<(), Errno> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        header.sequence_number = self.sequence;
        let mut packet = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
        packet.finalize();
        let mut bytes = vec![0; packet.buffer_len()];
        packet.serialize(&mut bytes);
        loop {
            match self.socket.send(&bytes, 0) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(errno(&error)),
            }
        }
    }

    /// Takes what the kernel answers, up to its end.
    fn receive(&mut self, mut take: impl FnMut(RouteNetlinkMessage)) -> Result<(), Errno> {
        loop {
            let length = match self.socket.recv(&mut &mut self.buffer[..], 0) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                received => received.map_err(|error| errno(&error))?,
            };
            let mut rest = self.buffer.get(..length).ok_or(Errno::EMSGSIZE)?;
            while let Some((message, after)) = split(rest) {
                rest = after;
                let Ok(answer) = NetlinkMessage::<RouteNetlinkMessage>::deserialize(message) else {
                    continue;
                };
                if answer.header.sequence_number != self.sequence {
                    continue;
                }
                match answer.payload {
                    NetlinkPayload::Done(done) if done.code < 0 => {
                        return Err(Errno::from_raw(-done.code))
                    }
                    NetlinkPayload::Done(_) => return Ok(()),
                    NetlinkPayload::Error(error) => {
                        return match error.raw_code() {
                            0 => Ok(()),
                            code => Err(Errno::from_raw(code.saturating_neg())),
                        }
                    }
                    NetlinkPayload::Overrun(_) => return Err(Errno::ENOBUFS),
                    NetlinkPayload::InnerMessage(message) => take(message),
                    _ => {}
                }
            }
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The first message of what was received, and what comes after it.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = bytes.get(..4)?.try_into().ok()?;
    let length = u32::from_ne_bytes(length) as usize;
    let padded = length.checked_add(3)? & !3;
    match length {
        // No message is shorter than its header.
        0..16 => None,
        _ => Some((
            bytes.get(..length)?,
            bytes.get(padded..).unwrap_or_default(),
        )),
    }
}

fn errno(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

/// A message about a step that the kernel has refused.
pub fn failed(step: impl std::fmt::Display) -> impl Fn(Errno) -> String {
    move |errno| format!("{step}: {}", reason(errno))
}
