// SPDX-License-Identifier: MIT OR Apache-2.0

//! The kernel's audit log, as it is sent to whoever listens (audit(7), netlink(7)).

use crate::ktap::{fail, Context, Failure};
use crate::wait;
use netlink_packet_audit::{
    AuditMessage, RuleAction, RuleField, RuleFieldFlags, RuleFlags, RuleMessage, StatusMessage,
};
use netlink_packet_core::{
    NetlinkHeader, NetlinkMessage, NetlinkPayload, NLM_F_ACK, NLM_F_REQUEST,
};
use netlink_sys::{protocols::NETLINK_AUDIT, Socket};
use std::io::{self, ErrorKind};

/// The record of a jail that was created, entered or destroyed (`AUDIT_JAULA_JAIL`).
pub const JAIL: u16 = 1490;
/// The record of a call that was refused (`AUDIT_JAULA_REFUSAL`).
pub const REFUSAL: u16 = 1491;
/// The record of a call (`AUDIT_SYSCALL`).
pub const SYSCALL: u16 = 1300;
/// The record of who was sent a signal (`AUDIT_OBJ_PID`).
pub const OBJ_PID: u16 = 1318;
/// The record of a process that ends with a core dump (`AUDIT_ANOM_ABEND`).
pub const ANOM_ABEND: u16 = 1701;
/// What a program has written (`AUDIT_TRUSTED_APP`).
pub const USER: u16 = 1121;

/// `AUDIT_NLGRP_READLOG` of `<linux/audit.h>`.
const READERS: u32 = 1;
/// `AUDIT_STATUS_ENABLED` of `<linux/audit.h>`.
const STATUS_ENABLED: u32 = 1;
/// The longest message, a record of `MAX_AUDIT_MESSAGE_LENGTH`, with room to spare.
const MESSAGE_MAX: usize = 16384;
/// What the records of a rule are found by.
const KEY: &str = "jaula-tests";

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

/// A rule by which calls are recorded, until this value is dropped.
pub struct Rule(RuleMessage);

impl Rule {
    /// Records what fails with this error, whatever the call: the C libraries have several for
    /// opening a file.
    pub fn on_error(errno: i32) -> Result<Rule, Failure> {
        let mut rule = RuleMessage::new();
        rule.syscalls.set_all();
        let exit = RuleField::Exit((-errno) as u32);
        rule.fields.push((exit, RuleFieldFlags::Equal));
        Rule::add(rule)
    }

    /// Records each call with this number.
    pub fn on_call(number: libc::c_long) -> Result<Rule, Failure> {
        let mut rule = RuleMessage::new();
        rule.syscalls.set(number as u32);
        Rule::add(rule)
    }

    /// How a record says that it was this rule.
    pub fn key() -> String {
        format!("key=\"{KEY}\"")
    }

    fn add(mut rule: RuleMessage) -> Result<Rule, Failure> {
        rule.flags = RuleFlags::FilterExit;
        rule.action = RuleAction::Always;
        let key = RuleField::Filterkey(KEY.to_owned());
        rule.fields.push((key, RuleFieldFlags::Equal));
        request("AUDIT_ADD_RULE", AuditMessage::AddRule(rule.clone()))?;
        Ok(Rule(rule))
    }
}

impl Drop for Rule {
    fn drop(&mut self) {
        let _ = request("AUDIT_DEL_RULE", AuditMessage::DelRule(self.0.clone()));
    }
}

/// Writes into the log, as a program may that has CAP_AUDIT_WRITE.
pub fn write(text: &str) -> Result<(), Failure> {
    // The kernel makes the last byte a zero.
    request(
        "a message",
        AuditMessage::Other((USER, format!("{text}\0"))),
    )
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
    request("AUDIT_SET", AuditMessage::SetStatus(status))
}

/// Asks something of the kernel, and waits for its answer.
fn request(what: &str, message: AuditMessage) -> Result<(), Failure> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_ACK;
    let mut request = NetlinkMessage::new(header, message.into());
    request.finalize();
    let mut bytes = vec![0; request.buffer_len()];
    request.serialize(&mut bytes);

    let socket = socket()?;
    socket.send(&bytes, 0).context(what)?;
    let mut answer = Vec::with_capacity(MESSAGE_MAX);
    let what = format!("the answer to {what}");
    socket.recv(&mut answer, 0).context(&what)?;
    let answer = NetlinkMessage::<AuditMessage>::deserialize(&answer)
        .map_err(|error| fail(format!("{what}: {error}")))?;
    match answer.payload {
        NetlinkPayload::Error(error) => match error.code {
            None => Ok(()),
            Some(code) => Err(io::Error::from_raw_os_error(-code.get())).context(what),
        },
        other => Err(fail(format!("{what}: {other:?}"))),
    }
}
