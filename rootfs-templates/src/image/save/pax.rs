// SPDX-License-Identifier: MIT OR Apache-2.0

//! Headers of tar, with what does not fit into them in records before them.

use tar::{EntryType, Header};

use crate::image::layer::Time;

/// Bytes of a name in a header.
const NAME: usize = 100;

/// The largest owner in a header.
const LARGEST_ID: u32 = 0o7_777_777;

/// The largest size and time in a header.
const LARGEST: u64 = 0o77_777_777_777;

/// What a header says.
pub struct Said<'a> {
    pub kind: EntryType,
    pub name: &'a [u8],
    pub link: &'a [u8],
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub size: u64,
    pub modified: Time,
    pub xattrs: &'a [(Vec<u8>, Vec<u8>)],
}

impl Said<'_> {
    /// The header, after one with records where that is needed.
    pub fn blocks(&self) -> Vec<u8> {
        let mut records = Vec::new();
        let mut header = Header::new_ustar();
        header.set_entry_type(self.kind);
        header.set_mode(self.mode);
        let fields = header.as_old_mut();
        for (field, text, record) in [
            (&mut fields.name, self.name, "path"),
            (&mut fields.linkname, self.link, "linkpath"),
        ] {
            let fitting = text.len().min(NAME);
            field[..fitting].copy_from_slice(&text[..fitting]);
            if text.len() > NAME {
                add(&mut records, record.as_bytes(), text);
            }
        }
        let mut id = |id: u32, record: &str| match id <= LARGEST_ID {
            true => u64::from(id),
            false => {
                add(&mut records, record.as_bytes(), id.to_string().as_bytes());
                0
            }
        };
        let (uid, gid) = (id(self.uid, "uid"), id(self.gid, "gid"));
        header.set_uid(uid);
        header.set_gid(gid);
        match self.size <= LARGEST {
            true => header.set_size(self.size),
            false => {
                header.set_size(0);
                add(&mut records, b"size", self.size.to_string().as_bytes());
            }
        }
        let seconds = u64::try_from(self.modified.seconds);
        let seconds = seconds.ok().filter(|seconds| *seconds <= LARGEST);
        header.set_mtime(seconds.unwrap_or_default());
        if seconds.is_none() || self.modified.nanoseconds > 0 {
            add(&mut records, b"mtime", decimal(self.modified).as_bytes());
        }
        for (name, value) in self.xattrs {
            let name = [b"SCHILY.xattr.", &name[..]].concat();
            add(&mut records, &name, value);
        }
        header.set_cksum();
        let mut blocks = Vec::new();
        if !records.is_empty() {
            let mut before = Header::new_ustar();
            before.set_entry_type(EntryType::XHeader);
            before.as_old_mut().name[..9].copy_from_slice(b"PaxHeader");
            before.set_mode(0o644);
            before.set_uid(0);
            before.set_gid(0);
            before.set_mtime(0);
            before.set_size(records.len() as u64);
            before.set_cksum();
            blocks.extend_from_slice(before.as_bytes());
            blocks.extend_from_slice(&records);
            blocks.resize(blocks.len().next_multiple_of(512), 0);
        }
        blocks.extend_from_slice(header.as_bytes());
        blocks
    }
}

/// A record says how long it is, with what says that.
fn add(records: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    let rest = name.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    records.extend_from_slice(format!("{length} ").as_bytes());
    records.extend_from_slice(name);
    records.push(b'=');
    records.extend_from_slice(value);
    records.push(b'\n');
}

fn decimal(time: Time) -> String {
    let (sign, seconds, nanoseconds) = match (time.seconds < 0, time.nanoseconds) {
        (false, nanoseconds) => ("", time.seconds.unsigned_abs(), nanoseconds),
        (true, 0) => ("-", time.seconds.unsigned_abs(), 0),
        // What is left over counts from the second before.
        (true, nanoseconds) => (
            "-",
            time.seconds.unsigned_abs() - 1,
            1_000_000_000 - nanoseconds,
        ),
    };
    let text = format!("{sign}{seconds}.{nanoseconds:09}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
