// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula stats`: what jails use.

use std::collections::BTreeMap;
use std::io::{stdout, IsTerminal};
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;

use jaula::admin::{Admin, Jail};
use jaula::jail::JailNumber;
use jaula::jails::{JailId, JailInfo};
use jaula::process::jailed;
use jaula::resources;

use super::table::{bytes, duration, Table};
use super::{output, Failure};

/// Whose numbers are shown.
#[derive(Debug, Args)]
pub struct Stats {
    /// Number or name of a jail [default: all]
    #[arg(value_name = "JAIL")]
    jail: Option<JailId>,

    /// Show them again and again, until interrupted
    #[arg(short, long)]
    watch: bool,

    /// Seconds from one time to the next
    #[arg(short, long, value_name = "SECONDS", default_value_t = 1, requires = "watch",
          value_parser = clap::value_parser!(u32).range(1..))]
    interval: u32,

    /// Print a JSON array
    #[arg(short, long)]
    json: bool,
}

/// What one jail uses.
#[derive(Serialize)]
struct Usage {
    #[serde(flatten)]
    info: JailInfo,
    processes: u64,
    memory_bytes: u64,
    cpu_seconds: f64,
    /// In the time since the last look, of one processor.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_percent: Option<f64>,
    /// What its control group counts, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<resources::Usage>,
}

/// When was looked last, and the processor time that each jail had used by then.
type Before = (Instant, BTreeMap<JailNumber, f64>);

impl Stats {
    /// Shows them.
    pub fn run(self) -> Result<u8, Failure> {
        let admin = Admin::open()?;
        let mut before = None;
        loop {
            let usage = look(&admin, self.jail.as_ref(), before.as_ref())?;
            before = Some((Instant::now(), cpu_times(&usage)));
            if self.json {
                output::json(&usage)?;
            } else {
                let clear = match self.watch && stdout().is_terminal() {
                    true => "\x1b[H\x1b[2J",
                    false => "",
                };
                output::print(&format!("{clear}{}", table(&usage).text()))?;
            }
            let interval = Duration::from_secs(self.interval.into());
            if !self.watch || !output::wait(interval, &[])? {
                return Ok(0);
            }
        }
    }
}

fn look(
    admin: &Admin,
    id: Option<&JailId>,
    before: Option<&Before>,
) -> Result<Vec<Usage>, Failure> {
    let jails = admin.select(id)?;
    let processes = jailed().map_err(Failure::failed)?;
    let usage = |jail: Jail| {
        let group = jail.group().and_then(|group| group.usage().ok());
        let info = jail.info;
        let own = || {
            processes
                .iter()
                .filter(|process| process.jail == info.number)
        };
        let cpu_seconds: f64 = match &group {
            Some(group) => group.cpu_seconds,
            None => own().map(|process| process.cpu.as_secs_f64()).sum(),
        };
        let cpu_percent = before.and_then(|(time, used)| {
            let used = cpu_seconds - used.get(&info.number)?;
            // Less than before where a process has ended.
            Some(100.0 * used.max(0.0) / time.elapsed().as_secs_f64())
        });
        Usage {
            processes: own().count() as u64,
            memory_bytes: own().map(|process| process.memory).sum(),
            cpu_seconds,
            cpu_percent,
            group,
            info,
        }
    };
    Ok(jails.into_iter().map(usage).collect())
}

fn cpu_times(usage: &[Usage]) -> BTreeMap<JailNumber, f64> {
    let time = |usage: &Usage| (usage.info.number, usage.cpu_seconds);
    usage.iter().map(time).collect()
}

fn table(usage: &[Usage]) -> Table {
    let mut table = Table::new(&[
        ">NUMBER",
        "NAME",
        ">TASKS",
        ">MEMORY",
        ">CPU",
        ">CPU%",
        ">SEM",
        ">SHM",
        ">MSG",
        ">SHM BYTES",
        ">CHILDREN",
        ">REFUSED",
    ]);
    for usage in usage {
        let info = &usage.info;
        let name = info.name.as_ref().map(ToString::to_string);
        let percent = usage.cpu_percent.map(|percent| format!("{percent:.1}"));
        table.row([
            info.number.to_string(),
            name.unwrap_or_default(),
            of(info.tasks, info.limits.tasks),
            memory(usage),
            duration(Duration::from_secs_f64(usage.cpu_seconds)),
            percent.unwrap_or_default(),
            of(info.sem, info.limits.sem),
            of(info.shm, info.limits.shm),
            of(info.msg, info.limits.msg),
            match info.limits.shm_bytes {
                Some(limit) => format!("{}/{}", bytes(info.shm_bytes), bytes(limit)),
                None => bytes(info.shm_bytes),
            },
            of(
                info.children,
                Some(info.limits.children).filter(|&limit| limit > 0),
            ),
            info.refusals.values().sum::<u64>().to_string(),
        ]);
    }
    table
}

/// What the control group counts, with what the kernel keeps of files, and its limit; else what its
/// processes have.
fn memory(usage: &Usage) -> String {
    let group = usage.group.as_ref();
    match group.and_then(|group| Some((group.memory?, group.memory_max))) {
        Some((memory, Some(limit))) => format!("{}/{}", bytes(memory), bytes(limit)),
        Some((memory, None)) => bytes(memory),
        None => bytes(usage.memory_bytes),
    }
}

/// So many of the limit, where there is one.
fn of(number: u64, limit: Option<u64>) -> String {
    match limit {
        Some(limit) => format!("{number}/{limit}"),
        None => number.to_string(),
    }
}
