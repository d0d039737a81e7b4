// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a jail prints, in the journal of the host.
//!
//! Each line becomes an entry, by the protocol that systemd describes in "Native Journal Protocol".
//! It takes text of any bytes; so nothing that a jail prints can make a field of its own.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

use crate::jail::JailNumber;
use crate::state::Record;

/// Where journald listens.
const SOCKET: &str = "/run/systemd/journal/socket";

/// The longest line that becomes one entry, as journald itself has it for what services print.
const LONGEST: usize = 48 << 10;

/// How long journald is waited for. A jail must not stop because it does: after that, entries are
/// lost until it takes one again.
const PATIENCE: Duration = Duration::from_secs(1);

/// The priority of what is merely told (syslog(3)).
const PRIORITY: &str = "6";

/// Whether journald is there.
pub fn is_there() -> Result<(), String> {
    let missing = |error: io::Error| {
        format!("--log journald: {SOCKET}: {error}; systemd-journald must run on this machine")
    };
    let socket = UnixDatagram::unbound().map_err(missing)?;
    socket.connect(SOCKET).map_err(missing)
}

/// The journal, for what one jail prints.
pub struct Journal {
    socket: UnixDatagram,
    path: &'static Path,
    /// The fields that each entry has.
    fields: Vec<u8>,
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    /// What has been lost since the last entry, in bytes.
    lost: u64,
}

impl Journal {
    /// Opens it for a jail that is noted.
    pub fn of(record: &Record) -> Result<Self, String> {
        is_there()?;
        let name = record.name.as_ref().map(ToString::to_string);
        Self::open(Path::new(SOCKET), record.number, name.as_deref())
            .map_err(|error| format!("{SOCKET}: {error}"))
    }

    fn open(path: &'static Path, number: JailNumber, name: Option<&str>) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let mut fields = Vec::new();
        let number = number.to_string();
        add_field(&mut fields, "PRIORITY", PRIORITY.as_bytes());
        add_field(&mut fields, "JAULA_JAIL", number.as_bytes());
        match name {
            Some(name) => {
                add_field(&mut fields, "JAULA_NAME", name.as_bytes());
                add_field(&mut fields, "SYSLOG_IDENTIFIER", name.as_bytes());
            }
            None => {
                let name = format!("jaula-{number}");
                add_field(&mut fields, "SYSLOG_IDENTIFIER", name.as_bytes());
            }
        }
        Ok(Journal {
            socket,
            path,
            fields,
            line: Vec::new(),
            lost: 0,
        })
    }

    /// Takes what was printed: an entry for each line that is whole, or too long to wait for.
    pub fn write(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if self.line.ends_with(b"\n") {
                self.line.pop();
                // A terminal ends its lines so, and a control character would hide the line from
                // who reads the journal.
                if self.line.ends_with(b"\r") {
                    self.line.pop();
                }
                self.send();
            }
            while self.line.len() >= LONGEST {
                let rest = self.line.split_off(LONGEST);
                self.send();
                self.line = rest;
            }
        }
    }

    /// Sends the line that has no end.
    pub fn finish(&mut self) {
        if !self.line.is_empty() {
            self.send();
        }
        self.tell_loss();
    }

    /// Makes an entry of the line.
    fn send(&mut self) {
        self.tell_loss();
        let line = std::mem::take(&mut self.line);
        if self.lost > 0 || self.send_message(&line).is_err() {
            self.lost += line.len() as u64 + 1;
            // It has been waited for.
            let _ = self.socket.set_nonblocking(true);
        }
    }

    /// Says what was lost, once that can be said.
    fn tell_loss(&mut self) {
        if self.lost == 0 {
            return;
        }
        let message = format!("{} bytes that the jail printed here were lost", self.lost);
        if self.send_message(message.as_bytes()).is_ok() {
            self.lost = 0;
            let _ = self.socket.set_nonblocking(false);
        }
    }

    fn send_message(&self, message: &[u8]) -> io::Result<()> {
        let mut entry = self.fields.clone();
        add_field(&mut entry, "MESSAGE", message);
        // By its path each time: a journald that is started anew has another socket.
        loop {
            match self.socket.send_to(&entry, self.path) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map(drop),
            }
        }
    }
}

/// Adds a field: as a line where its value is one, and else with its length before it.
fn add_field(entry: &mut Vec<u8>, name: &str, value: &[u8]) {
    entry.extend_from_slice(name.as_bytes());
    let is_plain = std::str::from_utf8(value).is_ok_and(|text| !text.contains(char::is_control));
    if is_plain {
        entry.push(b'=');
    } else {
        entry.push(b'\n');
        entry.extend_from_slice(&(value.len() as u64).to_le_bytes());
    }
    entry.extend_from_slice(value);
    entry.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(socket: &UnixDatagram) -> Vec<u8> {
        let mut buffer = vec![0; 1 << 17];
        let length = socket.recv(&mut buffer).expect("an entry");
        buffer.truncate(length);
        buffer
    }

    /// A journal at a socket of its own. The path is leaked: it outlives the test's directory.
    fn journal(directory: &Path) -> (UnixDatagram, Journal) {
        let path: &'static Path = Box::leak(directory.join("socket").into_boxed_path());
        let socket = UnixDatagram::bind(path).expect("a socket");
        let number = JailNumber::new(7).expect("a number");
        let journal = Journal::open(path, number, Some("web")).expect("a journal");
        (socket, journal)
    }

    const FIELDS: &str = "PRIORITY=6\nJAULA_JAIL=7\nJAULA_NAME=web\nSYSLOG_IDENTIFIER=web\n";

    #[test]
    fn each_line_is_an_entry() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let (socket, mut journal) = journal(dir.path());
        journal.write(b"one\ntw");
        assert_eq!(
            String::from_utf8_lossy(&receive(&socket)),
            format!("{FIELDS}MESSAGE=one\n")
        );
        journal.write(b"o\nthree");
        assert!(receive(&socket).ends_with(b"\nMESSAGE=two\n"));
        journal.finish();
        assert!(receive(&socket).ends_with(b"\nMESSAGE=three\n"));
        journal.write(b"of a terminal\r\n");
        assert!(receive(&socket).ends_with(b"\nMESSAGE=of a terminal\n"));
    }

    #[test]
    fn what_is_no_plain_text_has_its_length_before_it() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let (socket, mut journal) = journal(dir.path());
        journal.write(b"\xff\rMESSAGE=b\n");
        assert!(receive(&socket).ends_with(b"\nMESSAGE\n\x0b\0\0\0\0\0\0\0\xff\rMESSAGE=b\n"));
        journal.write(&vec![b'x'; LONGEST + 1]);
        journal.write(b"\n");
        assert!(receive(&socket).len() > LONGEST);
        assert!(receive(&socket).ends_with(b"\nMESSAGE=x\n"));
    }

    #[test]
    fn what_is_lost_is_counted() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let (socket, mut journal) = journal(dir.path());
        drop(socket);
        journal.write(b"lost\n");
        std::fs::remove_file(journal.path).expect("the old socket");
        let socket = UnixDatagram::bind(journal.path).expect("a new socket");
        journal.write(b"here\n");
        assert!(
            receive(&socket).ends_with(b"MESSAGE=5 bytes that the jail printed here were lost\n")
        );
        assert!(receive(&socket).ends_with(b"MESSAGE=here\n"));
    }
}
