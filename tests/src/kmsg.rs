// SPDX-License-Identifier: MIT OR Apache-2.0

//! The kernel's log, as `/dev/kmsg` gives it (Documentation/ABI/testing/dev-kmsg).

use crate::ktap::{Context, Failure};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;

/// The longest record that the kernel gives, in bytes (`PRINTK_MESSAGE_MAX`), with room to spare.
const RECORD_MAX: usize = 8192;

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who says it: 0 is the kernel itself.
    pub facility: u8,
    /// How serious it is: the lower, the more.
    pub level: u8,
    /// When, in microseconds from the start of the machine.
    pub time: u64,
    /// What.
    pub text: String,
}

/// A place in the log.
pub struct Kmsg {
    file: File,
}

impl Kmsg {
    /// The end of the log as it is now.
    pub fn from_now() -> Result<Kmsg, Failure> {
        let mut kmsg = Kmsg::from_start()?;
        kmsg.file.seek(SeekFrom::End(0)).context("/dev/kmsg")?;
        Ok(kmsg)
    }

    /// The oldest message that is still there.
    pub fn from_start() -> Result<Kmsg, Failure> {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/kmsg")
            .context("/dev/kmsg")?;
        Ok(Kmsg { file })
    }

    /// The texts of the messages that have come since the last call.
    pub fn new_messages(&mut self) -> Result<Vec<String>, Failure> {
        let records = self.new_records()?;
        Ok(records.into_iter().map(|message| message.text).collect())
    }

    /// The messages that have come since the last call.
    pub fn new_records(&mut self) -> Result<Vec<Message>, Failure> {
        let mut messages = Vec::new();
        let mut record = [0; RECORD_MAX];
        loop {
            match self.file.read(&mut record) {
                Ok(0) => return Ok(messages),
                Ok(length) => messages.push(message(&String::from_utf8_lossy(&record[..length]))),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(messages),
                // Messages have been overwritten before they were read; the next read goes on.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
                Err(error) => return Err(error).context("/dev/kmsg"),
            }
        }
    }
}

/// A record `PRIORITY,NUMBER,TIME,FLAGS;TEXT`, without the lines of properties after it.
fn message(record: &str) -> Message {
    let (head, body) = record.split_once(';').unwrap_or(("", record));
    let mut fields = head.split(',');
    let priority: u32 = fields
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or_default();
    Message {
        facility: u8::try_from(priority >> 3).unwrap_or(u8::MAX),
        level: (priority & 7) as u8,
        time: fields
            .nth(1)
            .and_then(|text| text.parse().ok())
            .unwrap_or_default(),
        text: body.lines().next().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{message, Message};

    #[test]
    fn a_record_is_taken_apart() {
        let record = "29,339,5140900,-;jaula: a;b refused\n SUBSYSTEM=x\n";
        let expected = Message {
            facility: 3,
            level: 5,
            time: 5_140_900,
            text: "jaula: a;b refused".into(),
        };
        assert_eq!(message(record), expected);
    }
}
