// SPDX-License-Identifier: MIT OR Apache-2.0

//! The kernel's audit log, as it is sent to whoever listens (audit(7), netlink(7)).

use crate::ktap::{fail, Context, Failure};
use crate::wait;
use netlink_packet_audit::{AuditMessage, StatusMessage};
use netlink_packet_core::{
    NetlinkHeader, NetlinkMessage, NetlinkPayload, NLM_F_ACK, NLM_F_REQUEST,
};
use netlink_sys::{protocols::NETLINK_AUDIT, Socket};
use std::io::{self, ErrorKind};

/// The record of a jail that was created, entered or destroyed (`AUDIT_JAULA_JAIL`).
pub const JAIL: u16 = 1490;
/// The record of a call that was refused (`AUDIT_JAULA_REFUSAL`).
pub const REFUSAL: u16 = 1491;

/// `AUDIT_NLGRP_READLOG` of `<linux/audit.h>`.
const READERS: u32 = 1;
/// `AUDIT_STATUS_ENABLED` of `<linux/audit.h>`.
const STATUS_ENABLED: u32 = 1;
/// The longest message, a record of `MAX_AUDIT_MESSAGE_LENGTH`, with room to spare.
const MESSAGE_MAX: usize = 16384;

/// Auditing, on until this value is dropped.
pub struct Audit {
    log: Socket,
    records: Vec<(u16, String)>,
}

impl Audit {
    /// Turns it on, and listens.
    pub fn start() -> Result<Audit, Failure> {
        let log = socket()?;
        log.add_membership(READERS).context("joining the readers")?;
        log.set_non_blocking(true).context("the reader's socket")?;
        let audit = Audit {
            log,
            records: Vec::new(),
        };
        enable(true)?;
        Ok(audit)
    }

    /// Waits for a record of this type with all of these values, and gives its text.
    pub fn expect(&mut self, kind: u16, values: &[String]) -> Result<String, Failure> {
        let what = format!("a record {kind} with {values:?}");
        wait::until_some(&what, || {
            let text = self.matching(kind, values)?.next().map(str::to_owned);
            Ok(text)
        })
    }

    /// The texts of the records so far of this type with all of these values.
    pub fn matching<'a>(
        &'a mut self,
        kind: u16,
        values: &'a [String],
    ) -> Result<impl Iterator<Item = &'a str>, Failure> {
        self.read()?;
        Ok(self
            .records
            .iter()
            .filter(move |(found, text)| *found == kind && has_all(text, values))
            .map(|(_, text)| text.as_str()))
    }

    fn read(&mut self) -> Result<(), Failure> {
        loop {
            let mut message = Vec::with_capacity(MESSAGE_MAX);
            match self.log.recv(&mut message, 0) {
                Ok(_) => self.records.push(record(&message)?),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("the audit log"),
            }
        }
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        let _ = enable(false);
    }
}

/// Whether each of the values, `NAME=VALUE`, is a word of the text.
pub fn has_all(text: &str, values: &[String]) -> bool {
    values
        .iter()
        .all(|value| format!(" {text} ").contains(&format!(" {value} ")))
}

fn socket() -> Result<Socket, Failure> {
    let mut socket = Socket::new(NETLINK_AUDIT).context("an audit socket")?;
    socket.bind_auto().context("binding an audit socket")?;
    Ok(socket)
}

/// The kernel sends records with the length of the text alone in their headers, so that it is the
/// length of the message that counts.
fn record(message: &[u8]) -> Result<(u16, String), Failure> {
    const HEADER: usize = 16;
    let (Some(kind), Some(text)) = (message.get(4..6), message.get(HEADER..)) else {
        return Err(fail(format!("a short message: {message:?}")));
    };
    let kind = u16::from_ne_bytes([kind[0], kind[1]]);
    let text = String::from_utf8_lossy(text);
    Ok((kind, text.trim_end_matches(['\0', '\n']).to_owned()))
}

fn enable(on: bool) -> Result<(), Failure> {
    let mut status = StatusMessage::new();
    status.mask = STATUS_ENABLED;
    status.enabled = u32::from(on);
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_ACK;
    let mut request = NetlinkMessage::new(header, AuditMessage::SetStatus(status).into());
    request.finalize();
    let mut bytes = vec![0; request.buffer_len()];
    request.serialize(&mut bytes);

    let socket = socket()?;
    socket.send(&bytes, 0).context("AUDIT_SET")?;
    let mut answer = Vec::with_capacity(MESSAGE_MAX);
    socket
        .recv(&mut answer, 0)
        .context("the answer to AUDIT_SET")?;
    let answer = NetlinkMessage::<AuditMessage>::deserialize(&answer)
        .map_err(|error| fail(format!("the answer to AUDIT_SET: {error}")))?;
    match answer.payload {
        NetlinkPayload::Error(error) => match error.code {
            None => Ok(()),
            Some(code) => Err(io::Error::from_raw_os_error(-code.get())).context("AUDIT_SET"),
        },
        other => Err(fail(format!("the answer to AUDIT_SET: {other:?}"))),
    }
}
