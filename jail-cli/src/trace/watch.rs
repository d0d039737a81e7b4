// SPDX-License-Identifier: MIT OR Apache-2.0

//! Hearing from the kernel what is opened.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use jaula_rootfs::trace::Seen;
use nix::errno::Errno;
use nix::fcntl::AT_FDCWD;
use nix::sys::fanotify::{EventFFlags, Fanotify, FanotifyEvent, InitFlags, MarkFlags, MaskFlags};
use procfs::process::Process;

use crate::text::reason;

/// The most different paths that are remembered.
const MOST: usize = 200_000;

/// What a path ends in whose file is gone.
const GONE: &[u8] = b" (deleted)";

/// A file system that is watched.
#[derive(Debug)]
pub struct Watch {
    events: Fanotify,
    /// Where it is mounted outside of the jail.
    outside: PathBuf,
    seen: Seen,
}

impl Watch {
    /// Watches the file system that is mounted at a path.
    ///
    /// # Errors
    ///
    /// What the kernel lacks for it.
    pub fn of(path: &Path) -> Result<Self, String> {
        let flags = InitFlags::FAN_CLASS_NOTIF
            | InitFlags::FAN_CLOEXEC
            | InitFlags::FAN_NONBLOCK
            | InitFlags::FAN_UNLIMITED_QUEUE;
        // A FIFO that is opened to tell of it must not be waited for.
        let opened = EventFFlags::O_RDONLY
            | EventFFlags::O_LARGEFILE
            | EventFFlags::O_CLOEXEC
            | EventFFlags::O_NONBLOCK;
        let events = Fanotify::init(flags, opened).map_err(|errno| match errno {
            Errno::ENOSYS => {
                "the running kernel does not tell what is opened (CONFIG_FANOTIFY)".to_owned()
            }
            errno => format!("fanotify_init: {}", reason(errno)),
        })?;
        let mask = MaskFlags::FAN_OPEN | MaskFlags::FAN_OPEN_EXEC | MaskFlags::FAN_ONDIR;
        let mark = MarkFlags::FAN_MARK_ADD | MarkFlags::FAN_MARK_FILESYSTEM;
        events
            .mark(mark, mask, AT_FDCWD, Some(path))
            .map_err(|errno| format!("fanotify_mark: {}", reason(errno)))?;
        Ok(Watch {
            events,
            outside: path.to_owned(),
            seen: Seen::default(),
        })
    }

    /// Takes what has been told so far; whether there was something new.
    ///
    /// # Errors
    ///
    /// Where there is too much of it.
    pub fn read(&mut self) -> Result<bool, String> {
        let before = self.seen.opened.len();
        loop {
            match self.events.read_events() {
                Err(Errno::EAGAIN) => break,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(format!("hearing what is opened: {}", reason(errno))),
                Ok(events) => {
                    for event in events {
                        self.note(&event)?;
                    }
                }
            }
        }
        Ok(self.seen.opened.len() > before)
    }

    fn note(&mut self, event: &FanotifyEvent) -> Result<(), String> {
        if event.mask().contains(MaskFlags::FAN_Q_OVERFLOW) {
            return Err("more was opened than the kernel could tell of".into());
        }
        let Some(file) = event.fd() else {
            return Ok(());
        };
        let path = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()));
        let path = path.map_err(|error| format!("/proc/self/fd: {error}"))?;
        // By the launcher, before it enters the jail.
        if path.starts_with(&self.outside) || path.as_os_str().as_bytes().ends_with(GONE) {
            return Ok(());
        }
        self.note_users(&[event.pid()]);
        if self.seen.opened.len() >= MOST {
            return Err(format!("more than {MOST} files were opened"));
        }
        let opened = self.seen.opened.entry(path).or_default();
        opened.executed |= event.mask().contains(MaskFlags::FAN_OPEN_EXEC);
        Ok(())
    }

    /// Notes who processes run as. One that has ended already is not asked after.
    pub fn note_users(&mut self, pids: &[i32]) {
        for &pid in pids {
            let status = Process::new(pid).and_then(|process| process.status());
            if let Ok(status) = status {
                self.seen.users.insert(status.euid);
            }
        }
    }

    /// All that was seen.
    pub fn seen(self) -> Seen {
        self.seen
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }
}
