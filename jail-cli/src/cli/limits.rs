// SPDX-License-Identifier: MIT OR Apache-2.0

//! How much a jail may have of what, as options.

use clap::Args;

use jaula::isolation::{Bytes, Control, Cpus, Nodes, Processors, Rate, Resources, Weight};
use jaula::jails::{Key, Setting, Value};

/// How much there may be of what.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits of the jail")]
pub struct Limits {
    /// Processes and threads, or "unlimited" [default: 2048]
    ///
    /// Beyond that, fork fails (EAGAIN). The default is what the jail around it has, where that is less.
    #[arg(long, value_name = "N", visible_alias = "pids-limit", value_parser = tasks, allow_negative_numbers = true)]
    max_tasks: Option<Value>,

    /// System V semaphore sets
    ///
    /// Beyond that, semget fails (ENOSPC).
    #[arg(long, value_name = "N")]
    max_sem: Option<Value>,

    /// System V shared memory segments
    ///
    /// Beyond that, shmget fails (ENOSPC).
    #[arg(long, value_name = "N")]
    max_shm: Option<Value>,

    /// System V message queues
    ///
    /// Beyond that, msgget fails (ENOSPC).
    #[arg(long, value_name = "N")]
    max_msg: Option<Value>,

    /// Bytes of System V shared memory
    ///
    /// Beyond that, shmget fails (ENOSPC).
    #[arg(long, value_name = "BYTES", value_parser = |text: &str| Setting::new(Key::ShmBytesMax, text))]
    max_shm_bytes: Option<Setting>,

    /// Jails within it [default: 0]
    #[arg(long, value_name = "N", value_parser = |text: &str| Setting::new(Key::ChildrenMax, text))]
    max_children: Option<Setting>,

    /// Memory: 64m, 2g
    ///
    /// Beyond that the kernel kills something in the jail. Files in its tmpfs and what the kernel
    /// keeps for it of files on disks count as well; the latter is taken back first. b, k, m and g
    /// stand for powers of 1024.
    #[arg(short, long, value_name = "BYTES")]
    memory: Option<Bytes>,

    /// Memory that is left to it when the machine has little
    #[arg(long, value_name = "BYTES")]
    memory_reservation: Option<Bytes>,

    /// With --memory: memory and swap space together, or -1 [default: twice the memory]
    #[arg(
        long,
        value_name = "BYTES",
        requires = "memory",
        allow_negative_numbers = true
    )]
    memory_swap: Option<Bytes>,

    /// Processors whose time it may use: 0.5, 2
    ///
    /// In each tenth of a second it gets so much, and then waits for the next.
    #[arg(long, value_name = "N")]
    cpus: Option<Cpus>,

    /// Share of the processors beside others: 1 to 10000 [default: 100]
    ///
    /// It counts where more wants to run than there are processors. What a jail does not use is the
    /// others'.
    #[arg(long, value_name = "WEIGHT")]
    cpu_weight: Option<Weight>,

    /// Processors that it runs on: 0-2,5
    ///
    /// With ":exclusive" after them all others run elsewhere.
    #[arg(long, value_name = "LIST[:exclusive]")]
    cpuset_cpus: Option<Processors>,

    /// Memory nodes that it uses
    #[arg(long, value_name = "LIST")]
    cpuset_mems: Option<Nodes>,

    /// Share of the disks beside others: 1 to 10000 [default: 100]
    ///
    /// It counts where the kernel shares a disk out by weights (io.cost.qos).
    #[arg(long, value_name = "WEIGHT")]
    io_weight: Option<Weight>,

    /// Bytes that it reads from a disk in a second: /dev/vda:10m; repeatable
    #[arg(long, value_name = "DISK:BYTES")]
    device_read_bps: Vec<Rate>,

    /// Bytes that it writes to a disk in a second; repeatable
    #[arg(long, value_name = "DISK:BYTES")]
    device_write_bps: Vec<Rate>,

    /// How often it reads from a disk in a second; repeatable
    #[arg(long, value_name = "DISK:N")]
    device_read_iops: Vec<Rate>,

    /// How often it writes to a disk in a second; repeatable
    #[arg(long, value_name = "DISK:N")]
    device_write_iops: Vec<Rate>,
}

impl Limits {
    /// What the jail itself counts.
    pub fn settings(&self) -> Vec<Setting> {
        let counts = [
            (Key::TasksMax, self.max_tasks),
            (Key::SemMax, self.max_sem),
            (Key::ShmMax, self.max_shm),
            (Key::MsgMax, self.max_msg),
        ];
        let limit = |(key, value): (Key, Option<Value>)| Some(Setting::limit(key, value?));
        let counts = counts.into_iter().filter_map(limit);
        counts
            .chain(self.max_shm_bytes.clone())
            .chain(self.max_children.clone())
            .collect()
    }

    /// What its control group counts.
    pub fn controls(self) -> Result<Vec<Control>, String> {
        let resources = Resources {
            memory: self.memory,
            memory_reservation: self.memory_reservation,
            memory_swap: self.memory_swap,
            cpus: self.cpus,
            cpu_weight: self.cpu_weight,
            cpuset_cpus: self.cpuset_cpus,
            cpuset_mems: self.cpuset_mems,
            io_weight: self.io_weight,
            device_read_bps: self.device_read_bps,
            device_write_bps: self.device_write_bps,
            device_read_iops: self.device_read_iops,
            device_write_iops: self.device_write_iops,
        };
        resources.controls()
    }
}

/// -1 is no limit to podman.
fn tasks(text: &str) -> Result<Value, String> {
    match text {
        "-1" => Ok(Value::Max),
        _ => text.parse(),
    }
}
