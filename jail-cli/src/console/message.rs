// SPDX-License-Identifier: MIT OR Apache-2.0

//! What goes between a supervisor and who has attached to its terminal, one packet each.

use rustix::termios::Winsize;

/// The most bytes of a terminal that one packet carries.
pub const CHUNK: usize = 4096;
/// The most bytes that a packet has.
pub const LENGTH: usize = 1 + CHUNK;

const BYTES: u8 = b'b';
const SIZE: u8 = b's';
const MISSED: u8 = b'm';

/// One packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// What is typed, or what is to be shown.
    Bytes(&'a [u8]),
    /// How large the administrator's terminal is: rows and columns.
    Size(u16, u16),
    /// How many bytes were not sent, to one that was too slow.
    Missed(u64),
}

impl<'a> Message<'a> {
    /// As it is sent.
    pub fn encode(&self) -> Vec<u8> {
        match *self {
            Message::Bytes(bytes) => [&[BYTES], bytes].concat(),
            Message::Size(rows, columns) => {
                [&[SIZE][..], &rows.to_ne_bytes(), &columns.to_ne_bytes()].concat()
            }
            Message::Missed(bytes) => [&[MISSED][..], &bytes.to_ne_bytes()].concat(),
        }
    }

    /// What was sent; `None` for what is no message.
    pub fn decode(packet: &'a [u8]) -> Option<Self> {
        let (&kind, rest) = packet.split_first()?;
        match (kind, rest) {
            (BYTES, bytes) => Some(Message::Bytes(bytes)),
            (SIZE, &[a, b, c, d]) => Some(Message::Size(
                u16::from_ne_bytes([a, b]),
                u16::from_ne_bytes([c, d]),
            )),
            (MISSED, bytes) => Some(Message::Missed(u64::from_ne_bytes(bytes.try_into().ok()?))),
            _ => None,
        }
    }

    /// The size of a terminal.
    pub fn size(size: Winsize) -> Self {
        Message::Size(size.ws_row, size.ws_col)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        for message in [
            Message::Bytes(b""),
            Message::Bytes(b"\x00\xff\x1d"),
            Message::Size(24, 80),
            Message::Size(u16::MAX, 0),
            Message::Missed(u64::MAX),
        ] {
            let packet = message.encode();
            assert_eq!(Message::decode(&packet), Some(message));
        }
    }

    #[test]
    fn what_is_no_message_is_not_decoded() {
        for packet in [&b""[..], b"?", b"s123", b"s12345", b"m1234567", b"m"] {
            assert_eq!(Message::decode(packet), None, "{packet:?}");
        }
    }
}
