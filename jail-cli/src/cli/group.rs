// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula up` and `jaula down`: the jails of a jaula.toml.

use std::path::PathBuf;

use clap::Args;

use jaula::admin::Admin;
use jaula::jails::JailName;
use jaula::manifest::{down, up, Event, Manifest};
use jaula::state::Alone;
use jaula::text::shown;

use super::Failure;

/// Which jails, and whether that is said.
#[derive(Debug, Args)]
pub struct Group {
    /// File that describes the jails, see jaula.toml(5)
    #[arg(value_name = "FILE", default_value = "jaula.toml", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,

    /// Print nothing but errors
    #[arg(short, long)]
    quiet: bool,
}

impl Group {
    /// Brings them up.
    pub fn up(self) -> Result<u8, Failure> {
        self.with(|manifest, admin, tell| up(manifest, admin, tell))
    }

    /// Takes them down.
    pub fn down(self) -> Result<u8, Failure> {
        self.with(|manifest, admin, tell| down(manifest, admin, tell))
    }

    fn with(
        &self,
        work: impl Fn(&Manifest, &Admin, &mut dyn FnMut(&JailName, Event)) -> Result<(), String>,
    ) -> Result<u8, Failure> {
        let manifest = Manifest::load(&self.file).map_err(Failure::failed)?;
        let admin = Admin::open()?;
        let _alone = self.alone(&admin).map_err(Failure::failed)?;
        let mut tell = |name: &JailName, event: Event| self.tell(name, &event);
        work(&manifest, &admin, &mut tell)
            .map_err(|why| Failure::failed(format!("{}: {why}", shown(&self.file))))?;
        Ok(0)
    }

    /// Two that bring the same jails up and down would undo what the other does.
    fn alone(&self, admin: &Admin) -> Result<Alone, String> {
        admin.store().alone(&self.file, || {
            if !self.quiet {
                let path = shown(&self.file);
                jaula::complain!("jaula: {path}: waiting for another jaula that works on it");
            }
        })
    }

    fn tell(&self, name: &JailName, event: &Event) {
        let text = match event {
            Event::Failed(why) => return jaula::complain!("jaula: {name}: {why}"),
            _ if self.quiet => return,
            Event::Built => "its root was built".to_owned(),
            Event::Started(number) => format!("started, jail {number}"),
            Event::Running(number) => format!("runs already, jail {number}"),
            Event::Stopped(number) => format!("stopped, was jail {number}"),
        };
        jaula::complain!("jaula: {name}: {text}");
    }
}
