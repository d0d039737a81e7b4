// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is put around a command, as options.

use clap::Args;

use jaula::isolation::{
    Credentials, Dropped, Ids, Init, Isolation, Mounts, NewNamespaces, Part, Permission, Rlimit,
    Size, UMASK,
};

use super::mounting::Mounting;

/// What is put around it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Around the command")]
pub struct Around {
    /// Nothing but the jail, ROOT and the user: as --without with all of its names
    #[arg(long)]
    plain: bool,

    /// Let the jail do more than it may by default, by names of capabilities without "cap_"
    ///
    /// Also: userns, to make user namespaces; sysctl, to set the kernel up by files;
    /// unprivileged_parent_tampering, to have users outside reach its processes that have their
    /// number; and for short chroot (sys_chroot), mount (sys_admin) and raw_sockets (net_raw).
    /// Many of them have root of the jail reach the host.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    allow: Vec<Permission>,

    /// Let the jail do less than it may by default: these, by the same names, or "all"
    ///
    /// With "all" it may do no more than --allow says.
    #[arg(long, value_name = "CAP", value_delimiter = ',')]
    drop: Vec<Dropped>,

    #[command(flatten)]
    mounting: Mounting,

    /// Let nobody in the jail change anything in ROOT, nor in what is mounted below it
    ///
    /// What is put into it by --bind, --tmpfs and the like can be changed all the same.
    #[arg(long)]
    read_only: bool,

    /// How much /dev/shm holds [default: 64M]
    #[arg(long, value_name = "BYTES")]
    shm_size: Option<Size>,

    /// Limit each process, as prlimit(1) does: nofile=256, cpu=60:90, as=1G
    ///
    /// They are those of the command, and never of jaula. core is 1 unless given: neither files nor
    /// a program of the host are given what is in memory when a program crashes. The others are what
    /// a new system has: nofile=1024:524288, stack=8M:max, memlock=8M, msgqueue=819200, nice=0,
    /// rtprio=0, nproc and sigpending half of kernel.threads-max, and no limit of the rest.
    #[arg(long, value_name = "NAME=SOFT[:HARD]")]
    rlimit: Vec<Rlimit>,

    /// Which permissions new files do not get [default: 022]
    #[arg(long, value_name = "OCTAL", value_parser = octal)]
    umask: Option<u32>,

    /// System V IPC and POSIX message queues of its own
    #[arg(long)]
    new_ipc: bool,

    /// A network of its own, with a loopback interface alone
    #[arg(long)]
    new_net: bool,

    /// A name of the machine of its own
    #[arg(long)]
    new_uts: bool,

    /// What that name is
    #[arg(long, value_name = "NAME", requires = "new_uts")]
    hostname: Option<String>,

    /// Process ids of its own; a first process outside of the jail looks after the command
    #[arg(long)]
    new_pid: bool,

    /// With --new-pid, which is the first process: jaula, or none but the command itself
    ///
    /// jaula: one outside of the jail, which waits for orphans and passes signals on. none: the
    /// command, which has to do that and gets no signals that it does not handle: systemd, s6,
    /// busybox init.
    #[arg(long, value_name = "jaula|none", requires = "new_pid")]
    init: Option<Init>,

    /// Users and groups of its own: COUNT ids of the host, from BASE on, that nobody else has
    ///
    /// In the jail and on its disk they are counted from 0 as ever. With "auto" the ids are a free
    /// block of those that /etc/subuid and /etc/subgid give to "jaula", or of 1879048192 to
    /// 2147352575. A capability then counts over nothing but what is the jail's own. The file systems
    /// of ROOT and of what is shown by --bind must be able to map ids.
    #[arg(long, value_name = "auto|BASE[:COUNT]")]
    ids: Option<Ids>,
}

impl Around {
    /// All of it, but for `without`.
    pub fn isolation(self, without: Vec<Part>) -> Isolation {
        Isolation {
            without: match self.plain {
                true => Part::ALL.to_vec(),
                false => without,
            },
            mounts: Mounts {
                list: self.mounting.0,
                read_only: self.read_only,
                shm_size: self.shm_size,
            },
            new: NewNamespaces {
                new_ipc: self.new_ipc,
                new_net: self.new_net,
                new_uts: self.new_uts,
                hostname: self.hostname,
                new_pid: self.new_pid,
                init: self.init.unwrap_or_default(),
            },
            ids: self.ids,
            allow: self.allow,
            rlimit: self.rlimit,
            umask: self.umask.unwrap_or(UMASK),
            credentials: Credentials {
                drop: self.drop,
                ..Credentials::default()
            },
            inherit: Vec::new(),
        }
    }
}

fn octal(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mask) if mask <= 0o777 && !text.starts_with('+') => Ok(mask),
        _ => Err("expected an octal number up to 777".into()),
    }
}
