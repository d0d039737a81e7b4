// SPDX-License-Identifier: MIT OR Apache-2.0

//! The name of the machine, as a jail that has one of its own sees it.

use std::fs::File;
use std::os::unix::fs::MetadataExt;

use nix::sched::{setns, CloneFlags};
use nix::unistd::sethostname;

use super::{Admin, Jail};
use crate::process::{members, ProcessId};
use crate::state::Record;
use crate::text::reason;

/// The longest that the kernel takes, in bytes (`__NEW_UTS_LEN`).
const LONGEST: usize = 64;

/// The namespace in which the name of a jail is; nothing where nobody is left in it, and it will be
/// made once more by who enters the jail next.
pub struct Uts(Option<File>);

/// Whether this can be a name of a machine.
///
/// # Errors
///
/// What is expected.
pub fn check_hostname(name: &str) -> Result<(), String> {
    match (1..=LONGEST).contains(&name.len()) && !name.contains('\0') {
        true => Ok(()),
        false => Err(format!(
            "{name:?} is no hostname: expected 1 to {LONGEST} bytes"
        )),
    }
}

impl Admin {
    /// Finds the namespace in which the name of a jail is.
    ///
    /// # Errors
    ///
    /// Where the jail has none of its own, or it is not known.
    pub fn uts(&self, jail: &Jail) -> Result<Uts, String> {
        let Some(record) = &jail.record else {
            return Err(self.unnoted(
                "whether it has a hostname of its own is not noted: jaula has not started it",
            ));
        };
        let noted = record.namespaces.and_then(|inodes| inodes.of("uts"));
        let inode = noted.filter(|_| record.isolation.new.new_uts).ok_or(
            "it has no hostname of its own, but that of who started it; one is given to a jail \
             that is started with --new-uts",
        )?;
        let found = members(jail.info.number)?.into_iter().find_map(|pid| {
            let id = ProcessId::of(pid).ok()?;
            let file = File::open(format!("/proc/{pid}/ns/uts")).ok()?;
            let is_noted = file.metadata().ok()?.ino() == inode;
            // It was of that process if it is still there.
            let held = id.hold_in(|of| of == jail.info.number).ok()?;
            (is_noted && held.is_some()).then_some(file)
        });
        Ok(Uts(found))
    }

    /// Gives a jail, whose namespace was joined, a name of the machine, and notes it.
    ///
    /// # Errors
    ///
    /// What went wrong.
    pub fn set_hostname(&self, record: &Record, uts: &Uts, name: &str) -> Result<(), String> {
        check_hostname(name)?;
        if uts.0.is_some() {
            sethostname(name)
                .map_err(|errno| format!("setting the hostname: {}", reason(errno)))?;
        }
        let note = |record: &mut Record| record.isolation.new.hostname = Some(name.to_owned());
        if let Err(why) = self.change(record, note) {
            // What is run in it later may make the namespace once more.
            crate::complain!(
                "jaula: warning: jail {}: its hostname is not noted: {why}",
                record.number
            );
        }
        Ok(())
    }
}

impl Uts {
    /// Joins it, where somebody is in it. The calling process must have one thread.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn join(&self) -> Result<(), String> {
        match &self.0 {
            Some(file) => setns(file, CloneFlags::CLONE_NEWUTS)
                .map_err(|errno| format!("joining its uts namespace: {}", reason(errno))),
            None => Ok(()),
        }
    }
}
