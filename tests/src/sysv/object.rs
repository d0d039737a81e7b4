// SPDX-License-Identifier: MIT OR Apache-2.0

//! The objects that the paths are tried on.

use crate::sys::{msg, sem, shm, Errno, Result};
use std::fmt;
use std::sync::atomic::{AtomicI32, Ordering};

/// The kinds of System V objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Semaphore sets.
    Sem,
    /// Shared-memory segments.
    Shm,
    /// Message queues.
    Msg,
}

impl Family {
    /// All of them.
    pub const ALL: [Family; 3] = [Family::Sem, Family::Shm, Family::Msg];

    pub(crate) fn number(self) -> i32 {
        self as i32
    }

    pub(crate) fn from_number(number: i32) -> Result<Family> {
        Family::ALL
            .into_iter()
            .find(|family| family.number() == number)
            .ok_or(Errno::EINVAL)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Family::Sem => "semaphore set",
            Family::Shm => "shared memory",
            Family::Msg => "message queue",
        })
    }
}

/// A System V object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Object {
    /// What it is.
    pub family: Family,
    /// Its identifier.
    pub id: i32,
    /// The key that it was created with.
    pub key: i32,
}

/// When a snapshot is taken: before or after something that must not have touched the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before.
    Before,
    /// After.
    After,
}

/// The values of a new set. The last one is for waiting for zero.
pub(super) const VALUES: [u16; 4] = [1, 2, 3, 0];
/// The size of a new segment, in bytes.
pub(super) const SIZE: usize = 4096;
const PATTERN: &[u8] = b"nobody but the owner's jail reads this";
/// The messages in a new queue, by type.
pub(super) const MESSAGES: [(i32, &[u8]); 3] = [(1, b"first"), (2, b"second"), (3, b"third")];

/// The first key of this package; others' programs are unlikely to use the neighbourhood.
const KEYS: i32 = 0x6a61_0000;

impl Object {
    /// Creates an object with a key that nobody uses, and gives it the state that every path
    /// finds something to do with.
    pub fn create(family: Family, mode: i32) -> Result<Object> {
        static NEXT: AtomicI32 = AtomicI32::new(0);
        loop {
            let key = KEYS + NEXT.fetch_add(1, Ordering::Relaxed);
            match Object::create_with_key(family, key, mode) {
                // Refused: an object of another jail has that key.
                Err(Errno::EEXIST | Errno::EACCES) => continue,
                other => return other,
            }
        }
    }

    /// [`Object::create`] with this key.
    pub fn create_with_key(family: Family, key: i32, mode: i32) -> Result<Object> {
        let flags = libc::IPC_CREAT | libc::IPC_EXCL | mode;
        let id = match family {
            Family::Sem => sem::get(key, VALUES.len() as i32, flags)?,
            Family::Shm => shm::get(key, SIZE, flags)?,
            Family::Msg => msg::get(key, flags)?,
        };
        let object = Object { family, id, key };
        object.fill()?;
        Ok(object)
    }

    fn fill(&self) -> Result<()> {
        match self.family {
            Family::Sem => sem::set_all(self.id, &VALUES),
            Family::Shm => {
                shm::attach(self.id, 0, SIZE)?.write(PATTERN);
                Ok(())
            }
            Family::Msg => MESSAGES
                .iter()
                .try_for_each(|(kind, text)| msg::send(self.id, *kind, text, msg::NOWAIT)),
        }
    }

    /// Removes the object.
    pub fn remove(&self) -> Result<()> {
        match self.family {
            Family::Sem => sem::remove(self.id),
            Family::Shm => shm::remove(self.id),
            Family::Msg => msg::remove(self.id),
        }
    }

    /// The owner according to the kernel: the user and the group.
    pub fn owner(&self) -> Result<(u32, u32)> {
        Ok(match self.family {
            Family::Sem => {
                let perm = sem::stat(self.id, sem::Stat::ById)?.sem_perm;
                (perm.uid, perm.gid)
            }
            Family::Shm => {
                let perm = shm::stat(self.id, shm::Stat::ById)?.shm_perm;
                (perm.uid, perm.gid)
            }
            Family::Msg => {
                let perm = msg::stat(self.id, msg::Stat::ById)?.msg_perm;
                (perm.uid, perm.gid)
            }
        })
    }

    /// Everything that can be seen of the object, for comparison: what it holds, and all that
    /// the kernel says about it, the times and the processes of the last operations included.
    ///
    /// Taking it changes a segment's times and last process: two snapshots by one process are
    /// equal if the first is taken as [`Moment::Before`], the second as [`Moment::After`], and
    /// nothing has touched the object between them.
    pub fn snapshot(&self, moment: Moment) -> Result<Vec<i64>> {
        match self.family {
            Family::Sem => self.sem_snapshot(),
            Family::Shm => self.shm_snapshot(moment),
            Family::Msg => self.msg_snapshot(),
        }
    }

    // What is an i64 on one architecture is an i32 on another.
    #[allow(clippy::unnecessary_cast)]
    fn sem_snapshot(&self) -> Result<Vec<i64>> {
        let stat = sem::stat(self.id, sem::Stat::ById)?;
        let perm = stat.sem_perm;
        let mut seen = vec![
            stat.sem_nsems as i64,
            stat.sem_otime as i64,
            stat.sem_ctime as i64,
            perm.uid as i64,
            perm.gid as i64,
            perm.mode as i64,
        ];
        let values = sem::get_all(self.id, VALUES.len())?;
        seen.extend(values.into_iter().map(i64::from));
        for semnum in 0..VALUES.len() as i32 {
            seen.push(sem::get_pid(self.id, semnum)?.into());
            seen.push(sem::get_ncnt(self.id, semnum)?.into());
            seen.push(sem::get_zcnt(self.id, semnum)?.into());
        }
        Ok(seen)
    }

    #[allow(clippy::unnecessary_cast)]
    fn shm_snapshot(&self, moment: Moment) -> Result<Vec<i64>> {
        let content =
            || -> Result<Vec<u8>> { Ok(shm::attach(self.id, shm::READ_ONLY, SIZE)?.read()) };
        let facts = || -> Result<Vec<i64>> {
            let stat = shm::stat(self.id, shm::Stat::ById)?;
            let perm = stat.shm_perm;
            Ok(vec![
                stat.shm_segsz as i64,
                stat.shm_atime as i64,
                stat.shm_dtime as i64,
                stat.shm_ctime as i64,
                stat.shm_cpid as i64,
                stat.shm_lpid as i64,
                stat.shm_nattch as i64,
                perm.uid as i64,
                perm.gid as i64,
                perm.mode as i64,
            ])
        };
        let (facts, content) = match moment {
            Moment::Before => {
                let content = content()?;
                (facts()?, content)
            }
            Moment::After => (facts()?, content()?),
        };
        Ok(facts
            .into_iter()
            .chain(content.into_iter().take(64).map(i64::from))
            .collect())
    }

    #[allow(clippy::unnecessary_cast)]
    fn msg_snapshot(&self) -> Result<Vec<i64>> {
        let stat = msg::stat(self.id, msg::Stat::ById)?;
        let perm = stat.msg_perm;
        let mut seen = vec![
            stat.msg_stime as i64,
            stat.msg_rtime as i64,
            stat.msg_ctime as i64,
            stat.msg_qnum as i64,
            stat.msg_qbytes as i64,
            stat.msg_lspid as i64,
            stat.msg_lrpid as i64,
            perm.uid as i64,
            perm.gid as i64,
            perm.mode as i64,
        ];
        let copied = if msg::can_copy() { stat.msg_qnum } else { 0 };
        for position in 0..copied as i32 {
            let how = msg::COPY | msg::NOWAIT;
            let (kind, text) = msg::receive(self.id, position, msg::TEXT_MAX, how)?;
            seen.push(kind as i64);
            seen.extend(text.into_iter().map(i64::from));
        }
        Ok(seen)
    }
}
