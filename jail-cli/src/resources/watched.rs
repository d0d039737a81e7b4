// SPDX-License-Identifier: MIT OR Apache-2.0

//! Hearing from a control group: two files of it tell by poll(2) that they have changed.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use nix::poll::{PollFd, PollFlags};

use super::usage::pairs;
use super::Group;

/// The longest that such a file is, in bytes.
const LONGEST: usize = 4096;

/// The files of a group, open.
#[derive(Debug)]
pub struct Watched {
    /// What happened about its memory; there is none where its memory is not counted.
    memory: Option<File>,
    /// What happened to it.
    group: Option<File>,
}

/// What they told last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// How often it had all the memory that it may have.
    pub memory_max: u64,
    /// How many of its processes were killed for want of memory.
    pub oom_kills: u64,
    /// Whether it is paused.
    pub paused: bool,
}

impl Watched {
    /// Those of a group. What cannot be opened tells nothing.
    pub fn open(group: &Group) -> Self {
        let open = |name| File::open(group.path().join(name)).ok();
        Watched {
            memory: open("memory.events"),
            group: open("cgroup.events"),
        }
    }

    /// What they tell by now; `None` where the group is gone. After that poll(2) waits for more.
    pub fn told(&self) -> Option<Told> {
        let group = read(self.group.as_ref()?)?;
        let memory = self.memory.as_ref().and_then(read).unwrap_or_default();
        let of = |text: &str, name| pairs(text).get(name).copied().unwrap_or_default();
        Some(Told {
            memory_max: of(&memory, "max"),
            oom_kills: of(&memory, "oom_kill"),
            paused: of(&group, "frozen") == 1,
        })
    }

    /// What is waited for.
    pub fn changes(&self) -> impl Iterator<Item = PollFd<'_>> {
        let files = self.memory.iter().chain(&self.group);
        files.map(|file| PollFd::new(file.as_fd(), PollFlags::POLLPRI))
    }
}

/// All of it from its beginning: the kernel makes it anew then.
fn read(file: &File) -> Option<String> {
    let mut text = vec![0; LONGEST];
    let length = file.read_at(&mut text, 0).ok()?;
    text.truncate(length);
    String::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_what_stands_there_by_now() {
        let group = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: &str| {
            std::fs::write(group.path().join(name), text).expect(name);
        };
        write("memory.events", "low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\n");
        write("cgroup.events", "populated 1\nfrozen 0\n");
        let watched = Watched::open(&Group {
            path: group.path().to_owned(),
        });
        let told = Told {
            memory_max: 3,
            oom_kills: 1,
            paused: false,
        };
        assert_eq!(watched.told(), Some(told));
        write("cgroup.events", "populated 1\nfrozen 1\n");
        assert_eq!(watched.told().map(|told| told.paused), Some(true));
        assert_eq!(watched.changes().count(), 2);
    }
}
