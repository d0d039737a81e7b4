// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula top`: what jails use, those first that use most.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::{stdin, stdout, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::termios::{
    tcgetattr, tcsetattr, LocalModes, OptionalActions, SpecialCodeIndex, Termios,
};

use jaula::admin::{Admin, Jail};
use jaula::jail::JailNumber;
use jaula::process::{jailed, Jailed};
use jaula::resources::Usage;

use super::table::{bytes, Table};
use super::{output, Failure};

/// How it is shown.
#[derive(Debug, Args)]
#[command(after_help = KEYS)]
pub struct Top {
    /// What those that come first have most of
    #[arg(short, long, value_name = "COLUMN", default_value = "cpu")]
    sort: Column,

    /// Seconds from one time to the next
    #[arg(short, long, value_name = "SECONDS", default_value_t = 2,
          value_parser = clap::value_parser!(u32).range(1..))]
    interval: u32,

    /// How often it is shown [default: once, and without end on a terminal]
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    count: Option<u32>,
}

const KEYS: &str = "\
On a terminal: c, m, p, i, n, t, r sort by CPU, memory, pressure, I/O, network, tasks, refusals; q ends it.
Elsewhere each jail is a line with tabs, without a header: number, name, CPU in per cent of one processor,
memory, its limit, pressure (cpu, memory, io), bytes read and written a second, bytes received and sent a
second, tasks, refusals. What is not counted is empty.";

/// What the terminal gives for Ctrl-C.
const CTRL_C: u8 = 3;

/// What can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Column {
    Cpu,
    Memory,
    Pressure,
    Io,
    Network,
    Tasks,
    Refused,
}

impl Column {
    fn of_key(key: u8) -> Option<Self> {
        Some(match key {
            b'c' => Column::Cpu,
            b'm' => Column::Memory,
            b'p' => Column::Pressure,
            b'i' => Column::Io,
            b'n' => Column::Network,
            b't' => Column::Tasks,
            b'r' => Column::Refused,
            _ => return None,
        })
    }
}

/// What a jail has used by a moment.
#[derive(Clone, Copy, Default)]
struct Used {
    cpu_seconds: f64,
    disk: [u64; 2],
    network: Option<[u64; 2]>,
}

/// What one uses.
struct Row {
    jail: Jail,
    usage: Option<Usage>,
    memory: u64,
    used: Used,
    /// A second, since the last look.
    rate: Option<Rate>,
}

#[derive(Clone, Copy)]
struct Rate {
    cpu_percent: f64,
    disk: [f64; 2],
    network: [f64; 2],
}

type Before = (Instant, BTreeMap<JailNumber, Used>);

impl Top {
    /// Shows it.
    pub fn run(mut self) -> Result<u8, Failure> {
        let admin = Admin::open()?;
        let is_live = stdout().is_terminal();
        let keys = is_live.then(Keys::take).flatten();
        let mut left = self.count.or((!is_live).then_some(1));
        let mut before: Before = (Instant::now(), used(&look(&admin, None)?));
        // What a second brings is known after some time.
        let first = Duration::from_millis(500);
        let mut wait = first.min(self.interval());
        loop {
            if !self.wait(wait, keys.as_ref())? {
                return Ok(0);
            }
            wait = self.interval();
            let mut rows = look(&admin, Some(&before))?;
            before = (Instant::now(), used(&rows));
            rows.sort_by_key(|row| Reverse(row.weight(self.sort)));
            let clear = if is_live { "\x1b[H\x1b[2J" } else { "" };
            output::print(&format!("{clear}{}", table(&rows).text()))?;
            if let Some(left) = &mut left {
                *left -= 1;
                if *left == 0 {
                    return Ok(0);
                }
            }
        }
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(self.interval.into())
    }

    /// Waits, or until a key is pressed that says something else; whether it goes on.
    fn wait(&mut self, time: Duration, keys: Option<&Keys>) -> Result<bool, Failure> {
        let input = stdin();
        let others = keys.map(|keys| [input.as_fd(), keys.ending.as_fd()]);
        if !output::wait(time, others.as_ref().map_or(&[], |others| others))? {
            return Ok(false);
        }
        if keys.is_some_and(|keys| is_readable(keys.ending.as_fd())) {
            return Ok(false);
        }
        match keys.and_then(Keys::pressed) {
            Some(b'q' | CTRL_C) => Ok(false),
            Some(key) => {
                self.sort = Column::of_key(key).unwrap_or(self.sort);
                Ok(true)
            }
            None => Ok(true),
        }
    }
}

fn look(admin: &Admin, before: Option<&Before>) -> Result<Vec<Row>, Failure> {
    let processes = jailed().map_err(Failure::failed)?;
    let row = |jail: Jail| {
        let own: Vec<&Jailed> = processes
            .iter()
            .filter(|process| process.jail == jail.info.number)
            .collect();
        let usage = jail.group().and_then(|group| group.usage().ok());
        let of_processes = || own.iter().map(|process| process.cpu.as_secs_f64()).sum();
        let used = Used {
            cpu_seconds: usage
                .as_ref()
                .map_or_else(of_processes, |it| it.cpu_seconds),
            disk: usage
                .as_ref()
                .and_then(|usage| usage.io)
                .map_or([0; 2], |io| [io.read_bytes, io.written_bytes]),
            network: own
                .first()
                .filter(|_| has_network(&jail))
                .and_then(|process| traffic(process.pid)),
        };
        let rate = before.and_then(|(time, before)| {
            let before = before.get(&jail.info.number)?;
            Some(used.since(before, time.elapsed()))
        });
        let memory = usage.as_ref().and_then(|usage| usage.memory);
        Row {
            memory: memory.unwrap_or_else(|| own.iter().map(|process| process.memory).sum()),
            jail,
            usage,
            used,
            rate,
        }
    };
    Ok(admin.list()?.into_iter().map(row).collect())
}

fn used(rows: &[Row]) -> BTreeMap<JailNumber, Used> {
    let used = |row: &Row| (row.jail.info.number, row.used);
    rows.iter().map(used).collect()
}

/// Whether it has a network of its own: another's traffic is not its.
fn has_network(jail: &Jail) -> bool {
    let record = jail.record.as_ref();
    record.is_some_and(|record| record.isolation.new.new_net)
}

/// Bytes received and sent over all links of a process's network but that to itself.
fn traffic(pid: i32) -> Option<[u64; 2]> {
    let links = procfs::process::Process::new(pid).ok()?.dev_status().ok()?;
    let others = links.values().filter(|link| link.name != "lo");
    Some(others.fold([0; 2], |[received, sent], link| {
        [received + link.recv_bytes, sent + link.sent_bytes]
    }))
}

impl Used {
    fn since(&self, before: &Used, time: Duration) -> Rate {
        let seconds = time.as_secs_f64().max(0.001);
        // Less than before where something has ended.
        let each = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
        let both =
            |now: [u64; 2], before: [u64; 2]| [each(now[0], before[0]), each(now[1], before[1])];
        let network = self.network.unwrap_or_default();
        Rate {
            cpu_percent: 100.0 * (self.cpu_seconds - before.cpu_seconds).max(0.0) / seconds,
            disk: both(self.disk, before.disk),
            network: both(network, before.network.unwrap_or(network)),
        }
    }
}

impl Row {
    /// What it is sorted by, as a whole number.
    fn weight(&self, column: Column) -> u64 {
        let rate = |of: fn(&Rate) -> f64| self.rate.as_ref().map_or(0.0, of);
        let pressure = || {
            let usage = self.usage.as_ref();
            usage.map_or(0.0, |usage| {
                usage.pressure.values().map(|it| it.some).sum::<f64>()
            })
        };
        let value = match column {
            Column::Cpu => rate(|rate| rate.cpu_percent) * 1000.0,
            Column::Memory => return self.memory,
            Column::Pressure => pressure() * 1000.0,
            Column::Io => rate(|rate| rate.disk[0] + rate.disk[1]),
            Column::Network => rate(|rate| rate.network[0] + rate.network[1]),
            Column::Tasks => return self.jail.info.tasks,
            Column::Refused => return self.refused(),
        };
        value as u64
    }

    fn refused(&self) -> u64 {
        self.jail.info.refusals.values().sum()
    }
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new(&[
        ">NUMBER",
        "NAME",
        ">CPU%",
        ">MEMORY",
        ">OF",
        ">PRESSURE",
        ">READ/S",
        ">WRITTEN/S",
        ">RECEIVED/S",
        ">SENT/S",
        ">TASKS",
        ">REFUSED",
    ]);
    for row in rows {
        let usage = row.usage.as_ref();
        let limit = usage.and_then(|usage| usage.memory_max);
        let pressure = usage
            .filter(|usage| !usage.pressure.is_empty())
            .map(|usage| {
                let of = |name| usage.pressure.get(name).map_or(0.0, |it| it.some);
                format!("{:.0} {:.0} {:.0}", of("cpu"), of("memory"), of("io"))
            });
        let name = row.jail.info.name.as_ref().map(ToString::to_string);
        let disk = row
            .rate
            .filter(|_| usage.is_some_and(|usage| usage.io.is_some()));
        let network = row.rate.filter(|_| row.used.network.is_some());
        let amount = |rate: Option<f64>| rate.map(|rate| bytes(rate as u64)).unwrap_or_default();
        let paused = match usage.is_some_and(|usage| usage.frozen) {
            true => " (paused)",
            false => "",
        };
        table.row([
            row.jail.info.number.to_string(),
            name.unwrap_or_default() + paused,
            row.rate
                .map(|rate| format!("{:.1}", rate.cpu_percent))
                .unwrap_or_default(),
            bytes(row.memory),
            limit.map(bytes).unwrap_or_default(),
            pressure.unwrap_or_default(),
            amount(disk.map(|rate| rate.disk[0])),
            amount(disk.map(|rate| rate.disk[1])),
            amount(network.map(|rate| rate.network[0])),
            amount(network.map(|rate| rate.network[1])),
            row.jail.info.tasks.to_string(),
            row.refused().to_string(),
        ]);
    }
    table
}

/// The terminal, which gives each key at once.
struct Keys {
    before: Termios,
    /// Tells of what would end this process, and leave the terminal so.
    ending: SignalFd,
}

impl Keys {
    /// `None` where standard input is none.
    fn take() -> Option<Self> {
        let before = tcgetattr(stdin()).ok()?;
        let signals = [
            Signal::SIGINT,
            Signal::SIGTERM,
            Signal::SIGHUP,
            Signal::SIGQUIT,
        ];
        let signals = SigSet::from_iter(signals);
        let ending = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC).ok()?;
        signals.thread_block().ok()?;
        let mut now = before.clone();
        // These come as keys: nothing is to be stopped in the midst of it.
        now.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
        // They may have been something else where whole lines are read.
        now.special_codes[SpecialCodeIndex::VMIN] = 1;
        now.special_codes[SpecialCodeIndex::VTIME] = 0;
        let keys = Keys { before, ending };
        tcsetattr(stdin(), OptionalActions::Now, &now).ok()?;
        Some(keys)
    }

    /// One that was pressed; called when one was, or when time is over.
    fn pressed(&self) -> Option<u8> {
        let input = stdin();
        if !is_readable(input.as_fd()) {
            return None;
        }
        let mut key = [0];
        // Not by what reads ahead: what it has read would be waited for.
        match rustix::io::read(&input, &mut key) {
            Ok(1) => Some(key[0]),
            // The terminal is gone.
            _ => Some(b'q'),
        }
    }
}

fn is_readable(descriptor: BorrowedFd<'_>) -> bool {
    let mut waited = [PollFd::new(descriptor, PollFlags::POLLIN)];
    poll(&mut waited, PollTimeout::ZERO).is_ok_and(|count| count > 0)
}

impl Drop for Keys {
    fn drop(&mut self) {
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.before);
    }
}
