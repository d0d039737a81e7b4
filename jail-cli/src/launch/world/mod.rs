// SPDX-License-Identifier: MIT OR Apache-2.0

//! The world of a jail: the namespaces and mounts that a command finds itself in.
//!
//! It is made, or joined, by the child of a launch before that enters the jail, so that nothing
//! in the jail can reach it meanwhile. Nothing is looked up by a path on which somebody in the
//! root directory could put a link: mount points are opened below the new root, which is never
//! left, and what is mounted goes to the directory that was opened.

mod devices;
mod mounts;
mod namespaces;
mod pivot;
mod user_namespace;

pub(super) use devices::terminals;
pub use mounts::knows_hidepid;
pub use namespaces::Inodes;
pub(super) use namespaces::Joined;
pub(super) use user_namespace::{mapped_ids, UserNamespace};

use super::LaunchError;
use crate::isolation::{Isolation, Part};
use crate::jail::JailNumber;
use crate::root::Root;

/// Which world a command gets.
pub(super) enum World {
    /// A new one.
    New,
    /// The one that the jail has already.
    Joined(Joined),
}

impl World {
    /// The one that the processes of a jail are in, where there is one left that is in the world
    /// that the jail was given.
    pub fn of_jail(
        number: JailNumber,
        isolation: &Isolation,
        inodes: Option<&Inodes>,
    ) -> Result<World, LaunchError> {
        let joined = match inodes {
            Some(inodes) => Joined::find(number, isolation, inodes).map_err(LaunchError::failed)?,
            None => None,
        };
        Ok(joined.map_or(World::New, World::Joined))
    }

    /// Whether what is forked for it is the first process of a namespace of process ids.
    pub fn has_first_process(&self, isolation: &Isolation) -> bool {
        matches!(self, World::New) && isolation.new.new_pid
    }

    /// Whether what is forked must be led into its namespace of process ids.
    pub fn leads_children(&self, isolation: &Isolation) -> bool {
        matches!(self, World::Joined(_)) && isolation.new.new_pid
    }

    /// Enters it; the namespaces that the process is in then.
    ///
    /// Where the jail has mounts of its own, the root of the process is `root` afterwards.
    pub fn enter(
        self,
        isolation: &Isolation,
        root: &Root,
        users: Option<&UserNamespace>,
    ) -> Result<Option<Inodes>, String> {
        match self {
            World::Joined(joined) => joined.enter().map(|()| None),
            World::New => {
                // What is mounted later is cloned from here, in whichever namespace that is.
                nix::unistd::fchdir(root.directory()).map_err(crate::text::reason)?;
                namespaces::separate(isolation, users)?;
                let inodes = namespaces::has_own(isolation)
                    .then(Inodes::own)
                    .transpose()?;
                if isolation.has(Part::Mounts) {
                    mounts::make(isolation, root, users)?;
                }
                Ok(inodes)
            }
        }
    }
}
