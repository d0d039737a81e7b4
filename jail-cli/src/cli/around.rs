// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is put around a command, as options.

use clap::Args;

use jaula::isolation::{
    Credentials, Dropped, HostAddress, Ids, Init, Isolation, Mount, Mounts, NewNamespaces, Part,
    Permission, Rlimit, Size, UMASK,
};

use super::mounting::Mounting;
use super::networking::Networking;

/// What is put around it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Around the command")]
pub struct Around {
    /// Let the jail do more: capabilities, or other names
    ///
    /// Capabilities are named in small letters, without "cap_"; chroot, mount and raw_sockets are
    /// short for sys_chroot, sys_admin and net_raw. Besides: userns, to make user namespaces; sysctl,
    /// to set the kernel up by files; unprivileged_parent_tampering, to have users outside reach its
    /// processes that have their number. With many of them root of the jail reaches the host.
    #[arg(
        long,
        value_name = "NAME,...",
        value_delimiter = ',',
        help_heading = "Permissions"
    )]
    allow: Vec<Permission>,

    /// Let the jail do less: the same names, or "all"
    ///
    /// With "all" it may do nothing but what --allow says.
    #[arg(
        long,
        value_name = "CAP,...",
        value_delimiter = ',',
        help_heading = "Permissions"
    )]
    drop: Vec<Dropped>,

    #[command(flatten)]
    mounting: Mounting,

    /// Mount ROOT, and what is mounted below it, read-only
    ///
    /// What --bind, --tmpfs and --device put into it, /dev and /proc stay as they are.
    #[arg(long, help_heading = "Mounts")]
    read_only: bool,

    /// How much /dev/shm holds [default: 64M]
    #[arg(long, value_name = "BYTES", help_heading = "Mounts")]
    shm_size: Option<Size>,

    /// System V IPC and POSIX message queues of its own
    #[arg(long, help_heading = "Namespaces")]
    new_ipc: bool,

    /// A network of its own, with a loopback interface alone: as --net none
    #[arg(long, help_heading = "Namespaces")]
    new_net: bool,

    /// Address of the host that is the jail's, in the host's network; one of IPv4, one of IPv6
    ///
    /// It has these alone: what listens at all addresses listens there, connections begin there, and
    /// 127.0.0.1 is the jail's own. Sockets other than TCP and UDP are refused. Where INTERFACE is given
    /// and has no such address, it has it as long as the jail is there.
    #[arg(long, value_name = "ADDRESS[,INTERFACE]", help_heading = "Network")]
    ip: Vec<HostAddress>,
    #[command(flatten)]
    networking: Networking,

    /// A host name of its own
    #[arg(long, help_heading = "Namespaces")]
    new_uts: bool,

    /// With --new-uts: what that name is
    #[arg(
        long,
        value_name = "NAME",
        requires = "new_uts",
        help_heading = "Namespaces"
    )]
    hostname: Option<String>,

    /// Process ids of its own
    #[arg(long, help_heading = "Namespaces")]
    new_pid: bool,

    /// With --new-pid: who process 1 is [default: jaula]
    ///
    /// jaula: a process of jaula's outside of the jail, which waits for orphans and passes signals
    /// on. none: the command, which has to wait for orphans itself, and gets only the signals that it
    /// handles: for systemd, s6, busybox init.
    #[arg(
        long,
        value_name = "jaula|none",
        requires = "new_pid",
        help_heading = "Namespaces"
    )]
    init: Option<Init>,

    /// Users and groups of its own: a block of the host's ids
    ///
    /// In the jail and on its disk ids are counted from 0 as ever. COUNT is 65536 unless given; "auto"
    /// is a free block of those that /etc/subuid and /etc/subgid give to "jaula", or of 1879048192 to
    /// 2147352575. A capability then counts over nothing but what is the jail's own. The file systems
    /// of ROOT and of what is shown by --bind must be able to map ids.
    #[arg(long, value_name = "auto|BASE[:COUNT]", help_heading = "Namespaces")]
    ids: Option<Ids>,

    /// Nothing but the jail, ROOT and the user
    ///
    /// As --without with all of its names.
    #[arg(long)]
    plain: bool,

    /// Limit each process: nofile=256, cpu=60:90, as=1G; repeatable
    ///
    /// The names are those of prlimit(1). The limits are the command's, and never jaula's. Unless
    /// given, they are those of a new system: nofile=1024:524288, stack=8M:max, memlock=8M,
    /// msgqueue=819200, nice=0, rtprio=0, nproc and sigpending half of kernel.threads-max, and no
    /// limit of the rest, but for core=1, with which there are no core dumps.
    #[arg(long, value_name = "NAME=SOFT[:HARD]")]
    rlimit: Vec<Rlimit>,

    /// Permissions that new files do not get [default: 022]
    #[arg(long, value_name = "OCTAL", value_parser = octal)]
    umask: Option<u32>,
}

impl Around {
    /// What is mounted by option.
    pub fn mounts(&self) -> &[Mount] {
        &self.mounting.0
    }

    /// All of it, but for `without`.
    pub fn isolation(self, without: Vec<Part>) -> Isolation {
        let network = self.networking.network();
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
                new_net: self.new_net || network.is_own(),
                new_uts: self.new_uts,
                hostname: self.hostname,
                new_pid: self.new_pid,
                init: self.init.unwrap_or_default(),
            },
            ip: self.ip,
            network,
            ids: self.ids,
            allow: self.allow,
            rlimit: self.rlimit,
            controls: Vec::new(),
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
