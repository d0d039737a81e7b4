// SPDX-License-Identifier: MIT OR Apache-2.0

//! The root of a jail as what runs there sees it.

use std::fs::File;
use std::os::unix::fs::MetadataExt;

use nix::fcntl::{open, OFlag};
use nix::sys::stat::Mode;

use super::{Admin, Jail};
use crate::isolation::{Block, Ids, Part};
use crate::launch::root_in_jail;
use crate::layers::{But, Contents, Purpose};
use crate::process::{members, ProcessId};
use crate::root::Root;
use crate::state::Record;

impl Admin {
    /// Opens the root of a jail, with what is mounted in it, by a process that is still in the mount
    /// namespace that the jail was given and has the root that it was started with. Where there is none,
    /// that root alone, as the host has it. With it comes which ids of the host are those of the jail
    /// there, where they are its own.
    ///
    /// # Errors
    ///
    /// Where the root is not known, or another directory lies there now.
    pub fn root_inside(&self, jail: &Jail) -> Result<(Root, Option<Block>, Record), String> {
        let Some(record) = &jail.record else {
            return Err(self.unnoted(
                "jaula has not started this jail, or has not noted it, and does not know its root \
                 directory",
            ));
        };
        if let Some(contents) = record.root.made_of() {
            let root = of_layers(jail, record, contents)?;
            return Ok((root.0, root.1, record.clone()));
        }
        let by_process = match record.isolation.has(Part::Mounts) {
            true => by_process(jail, record)?,
            false => None,
        };
        let (root, ids) = match (by_process, record.isolation.ids) {
            (Some(root), Some(Ids::Block(block))) => (root, Some(block)),
            (Some(root), _) => (root, None),
            // On its disk they are counted from 0.
            (None, _) => (record.root.open()?, None),
        };
        Ok((root, ids, record.clone()))
    }
}

/// That of a jail of layers. Where nobody has it any more, what is left of it is put together.
fn of_layers(
    jail: &Jail,
    record: &Record,
    contents: &Contents,
) -> Result<(Root, Option<Block>), String> {
    let number = jail.info.number;
    if let Some(root) = root_in_jail(number, record)? {
        let ids = match record.isolation.ids {
            Some(Ids::Block(block)) => Some(block),
            _ => None,
        };
        return Ok((root, ids));
    }
    if contents.is_thrown_away() {
        return Err(format!(
            "no process of jail {number} is left, and what was written to its root has gone with the last"
        ));
    }
    let but = But(Some(number));
    let contents = contents.clone();
    let root = contents.assemble(&record.root.path, Purpose::Run(None), but)?;
    Ok((root, None))
}

fn by_process(jail: &Jail, record: &Record) -> Result<Option<Root>, String> {
    let Some(noted) = record.namespaces.and_then(|inodes| inodes.of("mnt")) else {
        return Ok(None);
    };
    let number = jail.info.number;
    let found = members(number)?.into_iter().find_map(|pid| {
        let id = ProcessId::of(pid).ok()?;
        let namespace = File::open(format!("/proc/{pid}/ns/mnt")).ok()?;
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let directory = open(format!("/proc/{pid}/root").as_str(), flags, Mode::empty()).ok()?;
        // Both were of that process if it is still there.
        let held = id.hold_in(|of| of == number).ok()?;
        let root = Root::of(directory, record.root.path.clone()).ok()?;
        // Who may mount or change his root in a jail can have gone elsewhere.
        let is_meant = namespace.metadata().ok()?.ino() == noted && record.root.is(&root);
        (held.is_some() && is_meant).then_some(root)
    });
    Ok(found)
}
