// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a detached jail prints.
//!
//! It is kept in memory, where /run is, and so bounded: when the file has reached [`LIMIT`]
//! bytes it becomes the older one, in place of what was the older one before, and a new one is
//! begun. The last [`LIMIT`] bytes can thus always be read, and at most twice as many are kept.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{open, openat, renameat, OFlag};
use nix::sys::stat::Mode;

use crate::jail::JailNumber;
use crate::process::ProcessId;
use crate::state::{Record, Store};
use crate::text::{reason, shown};

/// How large the file becomes before a new one is begun, in bytes.
pub const LIMIT: u64 = 1 << 20;

/// The file that is written, in the directory of the jail's state.
const CURRENT: &str = "log";
/// The one before it.
const OLDER: &str = "log.1";

/// Where the log of a jail is: the older part, and the one that is written.
fn files(store: &Store, number: JailNumber) -> [PathBuf; 2] {
    let directory = store.place(number);
    [directory.join(OLDER), directory.join(CURRENT)]
}

/// The log of a jail, for whoever writes it.
pub struct Log {
    /// By descriptor: the path may lead to a later jail's when this one's is gone.
    directory: OwnedFd,
    file: File,
    size: u64,
    limit: u64,
}

impl Log {
    /// Begins the log of a jail that is noted.
    pub(super) fn create(record: &Record) -> Result<Self, String> {
        Self::create_in(&Store::default().place(record.number), LIMIT)
    }

    fn create_in(directory: &Path, limit: u64) -> Result<Self, String> {
        let failed = |errno| format!("{}: {}", shown(directory), reason(errno));
        let flags = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let directory = open(directory, flags, Mode::empty()).map_err(failed)?;
        let file = create(&directory).map_err(failed)?;
        Ok(Log {
            directory,
            file,
            size: 0,
            limit,
        })
    }

    /// Writes all that comes from `output` until its end.
    ///
    /// What cannot be written, to a full file system say, is lost: it must not stop the jail.
    pub(super) fn write_all_of(&mut self, output: &mut impl Read) {
        let mut buffer = vec![0; 64 << 10];
        loop {
            match output.read(&mut buffer) {
                Ok(0) => return,
                Ok(length) => {
                    let _ = self.write(&buffer[..length]);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.size >= self.limit {
            renameat(&self.directory, CURRENT, &self.directory, OLDER)?;
            self.file = create(&self.directory)?;
            self.size = 0;
        }
        self.file.write_all(bytes)?;
        self.size += bytes.len() as u64;
        Ok(())
    }
}

fn create(directory: impl AsFd) -> Result<File, Errno> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC | OFlag::O_APPEND;
    let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    openat(directory, CURRENT, flags, Mode::S_IRUSR | Mode::S_IWUSR).map(File::from)
}

/// How often is looked whether there is more.
const INTERVAL: Duration = Duration::from_millis(200);

/// The log of a jail, for whoever reads it.
pub struct Reader {
    older: Option<File>,
    current: Option<File>,
    path: PathBuf,
    writer: ProcessId,
}

impl Reader {
    /// Opens the log of a jail that is noted.
    pub fn open(store: &Store, record: &Record) -> io::Result<Self> {
        let [older, path] = files(store, record.number);
        // In this order: what becomes the older one in between is then read once, by its
        // descriptor.
        let current = open_if_there(&path)?;
        let older = open_if_there(&older)?;
        let older = match (&older, &current) {
            (Some(older), Some(current)) if is_same(older, current)? => None,
            _ => older,
        };
        Ok(Reader {
            older,
            current,
            path,
            writer: record.supervisor,
        })
    }

    /// Hands on what is there, and what comes as long as the log is written where `follow` says
    /// so.
    pub fn read(
        &mut self,
        follow: bool,
        put: &mut impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        if let Some(mut older) = self.older.take() {
            copy(&mut older, put)?;
        }
        loop {
            // Asked first: what it wrote before it ended is then read.
            let is_written = follow && self.writer.is_running();
            let mut printed = 0;
            if let Some(current) = &mut self.current {
                printed += copy(current, put)?;
            }
            match open_if_there(&self.path)? {
                Some(new) if self.is_new(&new)? => {
                    // What came between the last read and the new beginning.
                    if let Some(old) = &mut self.current {
                        copy(old, put)?;
                    }
                    self.current = Some(new);
                }
                _ if !is_written => return Ok(()),
                _ if printed == 0 => sleep(INTERVAL),
                _ => {}
            }
        }
    }

    fn is_new(&self, file: &File) -> io::Result<bool> {
        match &self.current {
            Some(current) => Ok(!is_same(current, file)?),
            None => Ok(true),
        }
    }
}

fn open_if_there(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

fn is_same(a: &File, b: &File) -> io::Result<bool> {
    let (a, b) = (a.metadata()?, b.metadata()?);
    Ok((a.dev(), a.ino()) == (b.dev(), b.ino()))
}

/// Hands on what is left of a file; how many bytes that were.
fn copy(file: &mut File, put: &mut impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<usize> {
    let mut buffer = vec![0; 64 << 10];
    let mut total = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(total),
            length => {
                put(&buffer[..length])?;
                total += length;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn no_more_than_two_parts_are_kept() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let mut log = Log::create_in(dir.path(), 10).expect("a log");
        let content = |name: &str| fs::read_to_string(dir.path().join(name)).expect("read");
        for text in ["0123456789", "abc"] {
            log.write_all_of(&mut text.as_bytes());
        }
        assert_eq!(
            (content(OLDER), content(CURRENT)),
            ("0123456789".into(), "abc".into())
        );
        log.write_all_of(&mut "defghijk".as_bytes());
        log.write_all_of(&mut "lm".as_bytes());
        assert_eq!(
            (content(OLDER), content(CURRENT)),
            ("abcdefghijk".into(), "lm".into())
        );
        assert_eq!(fs::read_dir(dir.path()).expect("list").count(), 2);
    }

    fn reader(directory: &Path, writer: ProcessId) -> Reader {
        Reader {
            older: open_if_there(&directory.join(OLDER)).expect("open"),
            current: open_if_there(&directory.join(CURRENT)).expect("open"),
            path: directory.join(CURRENT),
            writer,
        }
    }

    #[test]
    fn both_parts_are_read_in_order() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let mut log = Log::create_in(dir.path(), 4).expect("a log");
        log.write_all_of(&mut "older".as_bytes());
        log.write_all_of(&mut "new".as_bytes());
        let ended = ProcessId { pid: 1, start: 0 };
        for follow in [false, true] {
            let mut text = Vec::new();
            let mut put = |bytes: &[u8]| io::Write::write_all(&mut text, bytes);
            reader(dir.path(), ended)
                .read(follow, &mut put)
                .expect("read");
            assert_eq!(text, b"oldernew");
        }
    }

    #[test]
    fn following_goes_on_in_the_next_part() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let mut log = Log::create_in(dir.path(), 4).expect("a log");
        log.write_all_of(&mut "first,".as_bytes());
        let own = ProcessId::of(std::process::id() as i32).expect("this process");
        let mut text = Vec::new();
        let mut put = |bytes: &[u8]| {
            text.extend_from_slice(bytes);
            match text.len() {
                6 => log.write_all_of(&mut "second,".as_bytes()),
                13 => log.write_all_of(&mut "third".as_bytes()),
                _ => return Err(io::Error::from(io::ErrorKind::BrokenPipe)),
            }
            Ok(())
        };
        let error = reader(dir.path(), own)
            .read(true, &mut put)
            .expect_err("enough");
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(String::from_utf8_lossy(&text), "first,second,third");
    }

    #[test]
    fn a_log_that_is_gone_stops_nobody() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let mut log = Log::create_in(dir.path(), 4).expect("a log");
        dir.close().expect("removed");
        log.write_all_of(&mut "0123456789".as_bytes());
        log.write_all_of(&mut "0123456789".as_bytes());
    }
}
