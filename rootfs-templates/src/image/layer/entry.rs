// SPDX-License-Identifier: MIT OR Apache-2.0

//! One entry of a layer, as plain values.

use tar::{EntryType, Header};

use super::pax::Records;

/// What a layer has to say about one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, as it is in the archive.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Permissions, with the set-user-ID, set-group-ID and sticky bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// When it was changed last.
    pub modified: Time,
    /// Extended attributes.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// Bytes of its content, holes among them.
    pub size: u64,
    /// Where its content begins in the archive.
    pub offset: u64,
}

/// A moment, in seconds since 1970 and what is left over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time {
    /// Seconds.
    pub seconds: i64,
    /// Billionths of a second.
    pub nanoseconds: u32,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link to this.
    Symlink(Vec<u8>),
    /// Another name of the file that has this one.
    Hardlink(Vec<u8>),
    /// A named pipe.
    Fifo,
    /// A node of a device.
    Device,
    /// Something else, of the type that has this letter.
    Other(u8),
}

impl Kind {
    pub(super) fn of(header: &Header, name: &[u8], link: Vec<u8>) -> Self {
        match header.entry_type() {
            // The oldest archives know directories by their names.
            EntryType::Regular if header.as_old().linkflag == [0] && name.ends_with(b"/") => {
                Kind::Directory
            }
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => Kind::File,
            EntryType::Directory => Kind::Directory,
            EntryType::Symlink => Kind::Symlink(link),
            EntryType::Link => Kind::Hardlink(link),
            EntryType::Fifo => Kind::Fifo,
            EntryType::Char | EntryType::Block => Kind::Device,
            other => Kind::Other(other.as_byte()),
        }
    }

    pub(super) fn has_content(&self) -> bool {
        matches!(self, Kind::File | Kind::Other(_))
    }
}

/// The numbers of an entry.
pub(super) struct Numbers {
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub modified: Time,
}

impl Numbers {
    pub fn of(header: &Header, records: &Records) -> Result<Self, &'static str> {
        let id = |stored: std::io::Result<u64>, said: Option<u64>| {
            let id = said.or(stored.ok()).and_then(|id| u32::try_from(id).ok());
            // The largest stands for none, and would leave the owner as it is.
            id.filter(|id| *id != u32::MAX)
                .ok_or("has an owner or a group that is no number of one")
        };
        let seconds = header.mtime().unwrap_or_default();
        Ok(Numbers {
            mode: header.mode().map_err(|_| "has a mode that is no number")? & 0o7777,
            uid: id(header.uid(), records.uid()?)?,
            gid: id(header.gid(), records.gid()?)?,
            modified: records.modified()?.unwrap_or(Time {
                seconds: i64::try_from(seconds).unwrap_or_default(),
                nanoseconds: 0,
            }),
        })
    }
}
