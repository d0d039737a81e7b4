// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula set`: limits, and what else can be set about a jail that exists.

use std::str::FromStr;

use clap::Args;

use jaula::admin::{check_hostname, Admin, Jail};
use jaula::jailfd::Rights;
use jaula::jails::{JailId, JailName, JailsError, Key, Setting};

use super::Failure;

/// What is set about which jail.
#[derive(Debug, Args)]
#[command(after_help = KEYS)]
pub struct Set {
    /// Number or name of the jail
    #[arg(value_name = "JAIL")]
    jail: JailId,

    /// What is set, such as tasks.max=50
    #[arg(value_name = "KEY=VALUE", required = true)]
    settings: Vec<Wanted>,
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
  persist        1 for a jail that goes on existing with nothing in it, else 0

All is set, or nothing. A limit below what the jail has already takes nothing away.";

/// One thing that is set.
#[derive(Clone, Debug)]
enum Wanted {
    /// By the kernel, about the jail.
    Setting(Setting),
    /// In a namespace that it has.
    Hostname(String),
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("hostname=") {
            Some(name) => check_hostname(name).map(|()| Wanted::Hostname(name.to_owned())),
            None => text.parse().map(Wanted::Setting).map_err(|why: String| {
                match text.split_once('=') {
                    Some((key, _)) if Key::ALL.iter().any(|known| known.file() == key) => why,
                    _ => why + ", hostname",
                }
            }),
        }
    }
}

impl Set {
    /// Sets it.
    pub fn run(self) -> Result<u8, Failure> {
        let admin = Admin::open()?;
        let jail = admin.find(&self.jail)?;
        let failed = |why: String| Failure::failed(format!("{}: {why}", self.jail));
        // No later jail gets its number as long as this is open.
        let held = admin.open_jail(&jail.info, Rights::READ).map_err(failed)?;
        let _held = held.ok_or_else(|| JailsError::NoSuchJail(self.jail.clone()))?;
        let mut settings = Vec::new();
        let mut hostname = None;
        for wanted in &self.settings {
            match wanted {
                Wanted::Setting(setting) => settings.push(setting.clone()),
                Wanted::Hostname(name) => hostname = Some(name),
            }
        }
        // What can be in the way of it is met before anything is set.
        let uts = hostname.map(|_| admin.uts(&jail).and_then(|uts| uts.join().map(|()| uts)));
        let uts = uts.transpose();
        let uts = uts.map_err(|why| failed(format!("hostname: {why}")))?;
        admin.jails().set_all(jail.info.number, &settings)?;
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
        Ok(0)
    }

    /// By its name it is known when it has ended as well.
    fn note_name(&self, admin: &Admin, jail: &Jail, settings: &[Setting]) -> Result<(), String> {
        let named = settings.iter().rfind(|setting| setting.key == Key::Name);
        match (named, &jail.record) {
            (Some(setting), Some(record)) => {
                let name: JailName = setting.text().parse()?;
                admin.rename(record, name)
            }
            _ => Ok(()),
        }
    }
}
