// SPDX-License-Identifier: MIT OR Apache-2.0

//! The kernel's log, as `/dev/kmsg` gives it (Documentation/ABI/testing/dev-kmsg).

use crate::ktap::{Context, Failure};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;

/// The longest record that the kernel gives, in bytes (`PRINTK_MESSAGE_MAX`), with room to spare.
const RECORD_MAX: usize = 8192;

/// A place in the log.
pub struct Kmsg {
    file: File,
}

impl Kmsg {
    /// The end of the log as it is now.
    pub fn from_now() -> Result<Kmsg, Failure> {
        let mut file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/kmsg")
            .context("/dev/kmsg")?;
        file.seek(SeekFrom::End(0)).context("/dev/kmsg")?;
        Ok(Kmsg { file })
    }

    /// The texts of the messages that have come since the last call.
    pub fn new_messages(&mut self) -> Result<Vec<String>, Failure> {
        let mut messages = Vec::new();
        let mut record = [0; RECORD_MAX];
        loop {
            match self.file.read(&mut record) {
                Ok(0) => return Ok(messages),
                Ok(length) => messages.push(text(&String::from_utf8_lossy(&record[..length]))),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(messages),
                // Messages have been overwritten before they were read; the next read goes on.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
                Err(error) => return Err(error).context("/dev/kmsg"),
            }
        }
    }
}

/// The text of a record `LEVEL,NUMBER,TIME,FLAGS;TEXT`, without the lines of properties after it.
fn text(record: &str) -> String {
    let body = record.split_once(';').map_or(record, |(_, body)| body);
    body.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_record_is_cut_down_to_its_text() {
        let record = "5,339,5140900,-;jaula: a;b refused\n SUBSYSTEM=x\n";
        assert_eq!(super::text(record), "jaula: a;b refused");
    }
}
