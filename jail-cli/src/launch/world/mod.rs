// SPDX-License-Identifier: MIT OR Apache-2.0

//! The world of a jail: the namespaces and mounts that a command finds itself in.
//!
//! It is made, or joined, by the child of a launch before that enters the jail, so that nothing
//! in the jail can reach it meanwhile. Nothing is looked up by a path on which somebody in the
//! root directory could put a link: mount points are opened below the new root, which is never
//! left, and what is mounted goes to the directory that was opened.

mod devices;
mod lookup;
mod mounts;
mod namespaces;
pub(super) mod pipes;
mod pivot;
mod share;
mod source;
mod target;
mod user_namespace;

pub(super) use devices::terminals;
pub use mounts::knows_hidepid;
pub use namespaces::Inodes;
use namespaces::{Joined, Wanted};
pub(super) use user_namespace::{mapped_ids, UserNamespace};

use super::LaunchError;
use crate::isolation::{Isolation, Part};
use crate::jail::JailNumber;
use crate::network::Attached;
use crate::root::Root;
use crate::trusted_path;

/// What is known of the world that a jail was given.
#[derive(Clone, Copy)]
pub(super) struct NotedWorld {
    /// Whether what is launched has the root of the jail's first process.
    pub has_this_root: bool,
    /// Whether the jail has mounts of its own.
    pub has_mounts: bool,
}

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
        noted: &NotedWorld,
        inodes: &Inodes,
    ) -> Result<World, LaunchError> {
        let own = Inodes::own().map_err(LaunchError::failed)?;
        let wanted = Wanted {
            noted: inodes,
            own: &own,
            without_mounts: noted.has_mounts && !isolation.has(Part::Mounts),
        };
        let joined = match noted.has_this_root {
            true => Joined::find(number, wanted).map_err(LaunchError::failed)?,
            false => None,
        };
        match joined {
            Some(joined) => Ok(World::Joined(joined)),
            None => namespaces::check_lost(isolation, wanted)
                .map(|()| World::New)
                .map_err(LaunchError::failed),
        }
    }

    /// Whether what is forked for it is the first process of a namespace of process ids.
    pub fn has_first_process(&self, isolation: &Isolation) -> bool {
        matches!(self, World::New) && isolation.new.new_pid
    }

    /// Whether what is forked must be led into its namespace of process ids.
    pub fn leads_children(&self) -> bool {
        matches!(self, World::Joined(joined) if joined.has_processes())
    }

    /// Enters it; the namespaces that the process is in then.
    ///
    /// Where the jail has mounts of its own, the root of the process is `root` afterwards. Where it
    /// has the mounts of another, `root` is found among these.
    pub fn enter(
        self,
        isolation: &Isolation,
        root: &mut Root,
        users: Option<&UserNamespace>,
        network: Option<&Attached>,
    ) -> Result<Option<Inodes>, String> {
        match self {
            World::Joined(joined) => {
                joined.enter()?;
                if joined.has_mounts() && !isolation.has(Part::Mounts) {
                    root.open_again()?;
                }
                Ok(None)
            }
            World::New => {
                // What is mounted later is cloned from here, in whichever namespace that is.
                nix::unistd::fchdir(root.directory()).map_err(crate::text::reason)?;
                namespaces::separate(isolation, users, network)?;
                let inodes = match Inodes::own() {
                    // Without /proc there is nothing to be noted, and nothing to be made.
                    Err(_) if !namespaces::has_own(isolation) => None,
                    inodes => Some(inodes?),
                };
                match isolation.has(Part::Mounts) {
                    true => mounts::make(isolation, root, users, network)?,
                    false => trusted_path::mark_as_given(root.directory()),
                }
                Ok(inodes)
            }
        }
    }
}
