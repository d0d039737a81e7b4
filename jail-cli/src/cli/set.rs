// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula set`: limits, and what else can be set about a jail that exists.

use std::str::FromStr;

use clap::Args;

use jaula::admin::{check_hostname, Admin, Jail};
use jaula::isolation::Control;
use jaula::jailfd::Rights;
use jaula::jails::{JailId, JailName, JailsError, Key, Setting};
use jaula::kept::{can_keep, Changing, HOSTNAME};
use jaula::network;

use super::Failure;

/// What is set about which jail.
#[derive(Debug, Args)]
#[command(after_help = KEYS)]
pub struct Set {
    /// Number or name of the jail
    #[arg(value_name = "JAIL")]
    jail: JailId,

    /// What is set, such as tasks.max=50
    #[arg(value_name = "KEY=VALUE", required_unless_present = "forget")]
    settings: Vec<Wanted>,

    /// Have it so as well when the jail is started again, also after a restart of the machine
    ///
    /// Only for what "jaula up" has started: it then counts more than the description. Of allow it is all
    /// that the jail may do now. It is noted below /var/lib/jaula.
    #[arg(short, long)]
    keep: bool,

    /// Forget what was kept for the jail of this name, or of that these KEYs alone
    ///
    /// A jail that runs stays as it is. It need not be there.
    #[arg(
        short,
        long,
        value_name = "KEY,...",
        num_args = 0..=1,
        require_equals = true,
        value_delimiter = ',',
        conflicts_with_all = ["keep", "settings"]
    )]
    forget: Option<Vec<String>>,
}

const KEYS: &str = "\
Keys:
  tasks.max      processes and threads; a number, or \"max\" for no limit, as for the next four
  sem.max        System V semaphore sets
  shm.max        System V shared memory segments
  msg.max        System V message queues
  shm_bytes.max  bytes of shared memory; K, M and G stand for powers of 1024
  children.max   jails within it; a number
  allow          what it may do: names as for \"jaula run --allow\" that replace what there is,
                 names with + or - that change it, or none
  name           its name, for a jail that has none
  hostname       its host name, for a jail with one of its own (\"jaula run --new-uts\")
  memory.max and other files of its control group (Documentation/admin-guide/cgroup-v2.rst):
                 memory.high, memory.low, memory.min, memory.swap.max, memory.swap.high,
                 memory.oom.group, cpu.max, cpu.weight, cpu.idle, cpuset.cpus, cpuset.mems,
                 cpuset.cpus.exclusive, cpuset.cpus.partition, io.weight, io.max, pids.max.
                 b, k, m and g stand for powers of 1024; io.max=/dev/vda rbps=10m wiops=100
  persist        1 for a jail that goes on existing with nothing in it, else 0

All is set, or nothing. A limit below what the jail has already takes nothing away: memory.max is
refused where the kernel cannot take back so much.";

/// One thing that is set.
#[derive(Clone, Debug)]
enum Wanted {
    /// By the kernel, about the jail.
    Setting(Setting),
    /// In a namespace that it has.
    Hostname(String),
    /// In its control group.
    Control(Control),
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let key = text.split('=').next().unwrap_or_default();
        match text.strip_prefix("hostname=") {
            Some(name) => check_hostname(name).map(|()| Wanted::Hostname(name.to_owned())),
            None if Control::is_file(key) => text.parse().map(Wanted::Control),
            None => text.parse().map(Wanted::Setting).map_err(|why: String| {
                match text.split_once('=') {
                    Some((key, _)) if Key::ALL.iter().any(|known| known.file() == key) => why,
                    _ => why + ", hostname, or a file of its control group such as memory.max",
                }
            }),
        }
    }
}

impl Set {
    /// Sets it.
    pub fn run(self) -> Result<u8, Failure> {
        if let Some(keys) = &self.forget {
            return self.forget(keys);
        }
        let admin = Admin::open()?;
        let jail = admin.find(&self.jail)?;
        let failed = |why: String| Failure::failed(format!("{}: {why}", self.jail));
        // No later jail gets its number as long as this is open.
        let held = admin.open_jail(&jail.info, Rights::READ).map_err(failed)?;
        let _held = held.ok_or_else(|| JailsError::NoSuchJail(self.jail.clone()))?;
        let mut settings = Vec::new();
        let mut controls = Vec::new();
        let mut hostname = None;
        for wanted in &self.settings {
            match wanted {
                Wanted::Setting(setting) => settings.push(setting.clone()),
                Wanted::Hostname(name) => hostname = Some(name),
                Wanted::Control(control) => controls.push(control.clone()),
            }
        }
        let kept = match self.keep {
            true => Some(self.kept(&jail).map_err(failed)?),
            false => None,
        };
        // What can be in the way of it is met before anything is set.
        let uts = hostname.map(|_| admin.uts(&jail).and_then(|uts| uts.join().map(|()| uts)));
        let uts = uts.transpose();
        let uts = uts.map_err(|why| failed(format!("hostname: {why}")))?;
        let changed = admin.set_controls(&jail, &controls).map_err(failed)?;
        if let Err(error) = admin.jails().set_all(jail.info.number, &settings) {
            // What is told is what was in the way.
            let _ = admin.undo(&jail, changed);
            return Err(error.into());
        }
        if let (Some(name), Some(uts), Some(record)) = (hostname, &uts, &jail.record) {
            admin
                .set_hostname(record, uts, name)
                .map_err(|why| failed(format!("hostname: {why}")))?;
        }
        if let Err(why) = self.note_name(&admin, &jail, &settings) {
            // It has it all the same, until it ends.
            jaula::complain!(
                "jaula: warning: {}: its name is not noted: {why}",
                self.jail
            );
        }
        if let Some(kept) = kept {
            keep_all(&admin, &jail, kept, (&settings, hostname, &controls))
                .map_err(|why| failed(format!("it is set, and that could not be kept: {why}")))?;
        }
        Ok(0)
    }

    /// What is kept for it so far.
    fn kept(&self, jail: &Jail) -> Result<Changing, String> {
        let described = jail.record.as_ref().map(|record| &record.described);
        let name = jail.info.name.clone();
        let (Some(Some(_)), Some(name)) = (described, name) else {
            return Err(
                "it was not started by \"jaula up\", and nothing is kept for it: another jail may \
                 get its name, and would be set to it as well"
                    .into(),
            );
        };
        for wanted in &self.settings {
            match wanted {
                Wanted::Setting(setting) if !can_keep(setting.key.file()) => {
                    return Err(format!("{} cannot be kept", setting.key.file()));
                }
                Wanted::Control(control) if !can_keep(control.file()) => {
                    return Err(format!("{} cannot be kept", control.file()));
                }
                _ => {}
            }
        }
        Changing::of(&name)
    }

    /// Forgets what is kept.
    fn forget(&self, keys: &[String]) -> Result<u8, Failure> {
        let failed = |why: String| Failure::failed(format!("{}: {why}", self.jail));
        let name = match &self.jail {
            JailId::Name(name) => name.clone(),
            JailId::Number(_) => {
                let jail = Admin::open()?.find(&self.jail)?;
                let unnamed = || failed("has no name, for which something could be kept".into());
                jail.info.name.ok_or_else(unnamed)?
            }
        };
        if keys.is_empty() {
            Changing::forget_all(&name).map_err(failed)?;
            return Ok(0);
        }
        let mut changing = Changing::of(&name).map_err(failed)?;
        for key in keys {
            if !changing.kept.forget(key) {
                return Err(failed(format!("{key} was not kept")));
            }
        }
        changing.note().map_err(failed)?;
        Ok(0)
    }

    /// By its name it is known when it has ended as well.
    fn note_name(&self, admin: &Admin, jail: &Jail, settings: &[Setting]) -> Result<(), String> {
        let named = settings.iter().rfind(|setting| setting.key == Key::Name);
        let Some(setting) = named else {
            return Ok(());
        };
        let name: JailName = setting.text().parse()?;
        let renamed = network::For {
            number: jail.info.number,
            created: jail.info.created,
        };
        let in_networks = network::rename(renamed, &name, admin.jails());
        match &jail.record {
            Some(record) => admin.rename(record, name).and(in_networks),
            None => in_networks,
        }
    }
}

/// Keeps what a jail was set to.
fn keep_all(
    admin: &Admin,
    jail: &Jail,
    mut changing: Changing,
    (settings, hostname, controls): (&[Setting], Option<&String>, &[Control]),
) -> Result<(), String> {
    let kept = &mut changing.kept;
    for setting in settings {
        let key = setting.key.file();
        match setting.key {
            // It may have been said in terms of what was allowed before.
            Key::Allow => {
                let now = admin.jails().get(jail.info.number);
                let now = now.map_err(|error| error.to_string())?;
                let now = now.filter(|now| now.created == jail.info.created);
                let allow = now.ok_or("it has ended meanwhile")?.allow;
                kept.keep(key, &allow.join(","));
            }
            _ => kept.keep(key, setting.text()),
        }
    }
    if let Some(hostname) = hostname {
        kept.keep(HOSTNAME, hostname);
    }
    for control in controls {
        kept.keep(control.file(), control.value());
    }
    changing.note()
}
