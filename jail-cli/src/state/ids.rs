// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which blocks of ids are about to be a jail's.
//!
//! Between the moment at which a launcher has chosen a block and that at which its jail is noted,
//! nothing else tells others of it. What is written here counts as long as that launcher runs.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use super::{failed, Store};
use crate::isolation::{Block, Ids};
use crate::process::ProcessId;
use crate::text::{reason, shown};

/// No numbers, so that they are not taken for a jail's.
const FILE: &str = "ids.json";
const LOCK: &str = "ids.lock";

#[derive(Serialize, Deserialize)]
struct Reservation {
    ids: Block,
    launcher: ProcessId,
}

impl Store {
    /// Sets a block aside for the jail that `launcher` is about to start: the one that `choose` finds,
    /// which is told what others are about to take. One at a time chooses.
    pub fn reserve_ids(
        &self,
        launcher: ProcessId,
        choose: impl FnOnce(&[Block]) -> Result<Block, String>,
    ) -> Result<Block, String> {
        self.prepare()?;
        let _lock = lock(&self.directory.join(LOCK))?;
        let path = self.directory.join(FILE);
        let mut reserved = read(&path)?;
        // What a launcher has reserved before is of a jail of its that has ended, or is noted.
        reserved.retain(|found| found.launcher != launcher && found.launcher.is_running());
        let others: Vec<Block> = reserved.iter().map(|found| found.ids).collect();
        let ids = choose(&others)?;
        reserved.push(Reservation { ids, launcher });
        write(&path, &reserved)?;
        Ok(ids)
    }

    /// The blocks that are noted about jails for which `is_alive` holds.
    pub fn noted_ids(
        &self,
        is_alive: impl Fn(&super::Record) -> bool,
    ) -> Result<Vec<Block>, String> {
        let numbers = self.numbers()?.into_iter();
        let records = numbers.filter_map(|number| self.read(number));
        let ids = records.filter_map(|record| match record.isolation.ids {
            Some(Ids::Block(block)) if is_alive(&record) => Some(block),
            _ => None,
        });
        Ok(ids.collect())
    }
}

fn lock(path: &Path) -> Result<Flock<File>, String> {
    // It is never removed, so that all lock the same one. Only root can open it.
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let file = options
        .open(path)
        .map_err(|error| failed("opening", path, &error))?;
    Flock::lock(file, FlockArg::LockExclusive)
        .map_err(|(_, errno)| format!("locking {}: {}", shown(path), reason(errno)))
}

fn read(path: &Path) -> Result<Vec<Reservation>, String> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        result => result.map_err(|error| failed("reading", path, &error))?,
    };
    serde_json::from_slice(&text).map_err(|error| {
        format!(
            "{}: {error}; remove it when no jail is being started",
            shown(path)
        )
    })
}

fn write(path: &Path, reserved: &[Reservation]) -> Result<(), String> {
    let text = serde_json::to_vec(reserved).map_err(|error| format!("{}: {error}", shown(path)))?;
    let new = path.with_extension("json.new");
    let write = || {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&new)?;
        file.write_all(&text)?;
        fs::rename(&new, path)
    };
    write().map_err(|error| failed("writing", path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str) -> Block {
        text.parse().expect(text)
    }

    #[test]
    fn what_one_has_reserved_others_see_as_long_as_it_runs() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let store = Store::at(&directory.path().join("jaula"));
        let (first, second) = (block("100000"), block("200000"));
        let mut child = std::process::Command::new("sleep")
            .arg("1000")
            .spawn()
            .expect("sleep");
        let other = ProcessId::of(child.id() as i32).expect("a process");
        let own = ProcessId::of(std::process::id() as i32).expect("a process");
        let reserve = |launcher, ids: Block, seen: &[Block]| {
            let reserved = store.reserve_ids(launcher, |others| {
                assert_eq!(others, seen);
                Ok(ids)
            });
            assert_eq!(reserved, Ok(ids));
        };
        reserve(other, first, &[]);
        reserve(own, second, &[first]);
        // Its own do not stand in its way.
        reserve(own, second, &[first]);
        assert!(store.reserve_ids(own, |_| Err("none".into())).is_err());
        child.kill().expect("kill");
        child.wait().expect("wait");
        reserve(own, first, &[]);
    }
}
