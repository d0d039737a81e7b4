// SPDX-License-Identifier: MIT OR Apache-2.0

//! The key `limits` of `jaula.toml`.

use serde::Deserialize;

use super::schema::Amount;
use crate::isolation::{Bytes, Control, Cpus, Nodes, Processors, Rate, Resources, Weight};
use crate::jails::{Key, Setting};

/// How much a jail may have of what.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "Keys")]
pub struct Limits {
    /// What the jail itself counts.
    pub settings: Vec<Setting>,
    /// What its control group counts.
    pub controls: Vec<Control>,
}

/// What can stand there. Whatever is not named here is refused.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Keys {
    children: Option<Amount>,
    msg: Option<Amount>,
    sem: Option<Amount>,
    shm: Option<Amount>,
    #[serde(rename = "shm_bytes")]
    shm_bytes: Option<Amount>,
    tasks: Option<Amount>,
    memory: Option<Bytes>,
    memory_reservation: Option<Bytes>,
    memory_swap: Option<Bytes>,
    cpus: Option<Cpus>,
    cpu_weight: Option<Weight>,
    cpuset_cpus: Option<Processors>,
    cpuset_mems: Option<Nodes>,
    io_weight: Option<Weight>,
    device_read_bps: Vec<Rate>,
    device_write_bps: Vec<Rate>,
    device_read_iops: Vec<Rate>,
    device_write_iops: Vec<Rate>,
}

impl TryFrom<Keys> for Limits {
    type Error = String;

    fn try_from(keys: Keys) -> Result<Self, String> {
        let counts = [
            (Key::ChildrenMax, keys.children),
            (Key::MsgMax, keys.msg),
            (Key::SemMax, keys.sem),
            (Key::ShmMax, keys.shm),
            (Key::ShmBytesMax, keys.shm_bytes),
            (Key::TasksMax, keys.tasks),
        ];
        let given = |(key, amount): (Key, Option<Amount>)| Some((key, amount?.text()));
        let settings = counts.into_iter().filter_map(given);
        let settings = settings.map(|(key, text)| Setting::new(key, &text));
        let resources = Resources {
            memory: keys.memory,
            memory_reservation: keys.memory_reservation,
            memory_swap: keys.memory_swap,
            cpus: keys.cpus,
            cpu_weight: keys.cpu_weight,
            cpuset_cpus: keys.cpuset_cpus,
            cpuset_mems: keys.cpuset_mems,
            io_weight: keys.io_weight,
            device_read_bps: keys.device_read_bps,
            device_write_bps: keys.device_write_bps,
            device_read_iops: keys.device_read_iops,
            device_write_iops: keys.device_write_iops,
        };
        Ok(Limits {
            settings: settings.collect::<Result<_, _>>()?,
            controls: resources.controls()?,
        })
    }
}
