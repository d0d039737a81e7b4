// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the process of a command is given and what it keeps, as options.

use clap::Args;

use jaula::isolation::{Inherited, Isolation, Permission};
use jaula::user::Name;

/// Groups, capabilities, and what is kept of the caller's.
#[derive(Debug, Args)]
pub struct Process {
    /// More groups, by name in ROOT/etc/group or by number
    #[arg(long, value_name = "GROUP,...", value_delimiter = ',', value_parser = Name::group, help_heading = "Command")]
    group_add: Vec<Name>,

    /// Capabilities that a user other than root starts with
    ///
    /// They are named as for --allow, and have to be among what the jail may do. Whatever the
    /// command executes has them too.
    #[arg(
        long,
        value_name = "CAP,...",
        value_delimiter = ',',
        help_heading = "Permissions"
    )]
    ambient: Vec<Permission>,

    /// Keep of the caller's what is reset otherwise
    ///
    /// scheduling: policy, priority and nice value; io-priority; affinity: on which processors it
    /// runs; memory: from which nodes its memory comes, huge pages, merging; personality;
    /// oom-score-adj; timer-slack; login-uid: who logged in; rlimits; signals: which are ignored, but
    /// for SIGPIPE and SIGCHLD.
    /// "--without reset" keeps all but rlimits, and "--without rlimits" those.
    #[arg(
        long,
        value_name = "NAME,...",
        value_delimiter = ',',
        help_heading = "Around the command"
    )]
    inherit: Vec<Inherited>,
}

impl Process {
    /// Adds it to what is put around the command.
    pub fn add_to(self, isolation: &mut Isolation) {
        isolation.credentials.group_add.extend(self.group_add);
        isolation.credentials.ambient.extend(self.ambient);
        isolation.inherit.extend(self.inherit);
    }
}
