// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula cp`: files into a jail and out of it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::Args;

use jaula::admin::copy::{copy_in, copy_out};
use jaula::admin::Admin;
use jaula::jailfd::Rights;
use jaula::jails::{JailId, JailsError};

use super::Failure;

/// What is copied, and where to.
#[derive(Debug, Args)]
#[command(after_help = RULES)]
pub struct Cp {
    /// What is copied: a file or a directory, PATH of the host or JAIL:PATH of a jail
    #[arg(value_name = "SRC", value_hint = clap::ValueHint::AnyPath)]
    from: OsString,

    /// Where to; exactly one of SRC and DST is in a jail
    #[arg(value_name = "DST", value_hint = clap::ValueHint::AnyPath)]
    to: OsString,

    /// Do not print warnings
    #[arg(short, long)]
    quiet: bool,
}

const RULES: &str = "\
Where DST is a directory, SRC is put into it under its own name; SRC/. stands for all that is in
it. What is put into a jail belongs to the user that the jail was started with, what comes out to
the caller. A link is copied as a link; devices, FIFOs, sockets and what the kernel makes up, in
/proc say, are left out. A path of the host with a colon in its first part is written ./PATH.";

#[derive(Debug, PartialEq, Eq)]
enum Operand {
    Host(PathBuf),
    Jail(JailId, PathBuf),
}

impl Operand {
    fn parse(text: &OsStr) -> Result<Self, String> {
        let bytes = text.as_bytes();
        let first = bytes.split(|byte| *byte == b'/').next().unwrap_or_default();
        let Some(colon) = first.iter().position(|byte| *byte == b':') else {
            return match bytes.is_empty() {
                true => Err("a path is empty".into()),
                false => Ok(Operand::Host(text.into())),
            };
        };
        let jail = String::from_utf8_lossy(&bytes[..colon]).parse()?;
        match &bytes[colon + 1..] {
            b"" => Err(format!("{jail}: a path is to follow the colon")),
            path => Ok(Operand::Jail(jail, OsStr::from_bytes(path).into())),
        }
    }
}

impl Cp {
    /// Copies it.
    pub fn run(self) -> Result<u8, Failure> {
        let from = Operand::parse(&self.from).map_err(Failure::failed)?;
        let to = Operand::parse(&self.to).map_err(Failure::failed)?;
        match (&from, &to) {
            (Operand::Host(from), Operand::Jail(jail, to)) => self.copy(jail, (from, to), true),
            (Operand::Jail(jail, from), Operand::Host(to)) => self.copy(jail, (from, to), false),
            _ => Err(Failure::failed(
                "cp: one of SRC and DST is to be in a jail, as JAIL:PATH, and the other one not",
            )),
        }
    }

    fn copy(&self, id: &JailId, paths: (&Path, &Path), into: bool) -> Result<u8, Failure> {
        let failed = |why: String| Failure::failed(format!("{id}: {why}"));
        let admin = Admin::open()?;
        let jail = admin.find(id)?;
        // No later jail gets its number as long as this is open.
        let held = admin.open_jail(&jail.info, Rights::READ).map_err(failed)?;
        let _held = held.ok_or_else(|| JailsError::NoSuchJail(id.clone()))?;
        let (root, ids, record) = admin.root_inside(&jail).map_err(failed)?;
        let quiet = self.quiet;
        let mut warn = |text: String| {
            if !quiet {
                jaula::complain!("jaula: warning: {id}: {text}");
            }
        };
        let failures = match into {
            true => copy_in((&root, ids, &record), paths, &mut warn),
            false => copy_out(&root, paths, &mut warn),
        };
        match failures.map_err(failed)? {
            0 => Ok(0),
            1 => Err(failed("one of what was to be copied could not be".into())),
            number => Err(failed(format!(
                "{number} of what was to be copied could not be"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Operand, String> {
        Operand::parse(OsStr::new(text))
    }

    #[test]
    fn a_jail_is_told_from_a_path() {
        let web = |path: &str| Operand::Jail("web".parse().expect("a name"), path.into());
        assert_eq!(parsed("web:/etc"), Ok(web("/etc")));
        assert_eq!(parsed("web:etc/a:b"), Ok(web("etc/a:b")));
        for path in ["/a:b", "./a:b", "a/b:c", "a"] {
            assert_eq!(parsed(path), Ok(Operand::Host(path.into())));
        }
        for wrong in ["", "web:", ":/etc", "0:/etc", "a b:/etc"] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }
}
