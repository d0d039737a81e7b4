// SPDX-License-Identifier: MIT OR Apache-2.0

//! Why a root directory does not work, or lets its users do what they should not.
//!
//! Who is in the jail may have made what is looked at. Nothing of it is executed, no link is followed
//! out of the root, nothing but regular files is opened, and all that is read has its bounds.

mod access;
mod accounts;
mod drift;
mod findings;
mod links;
mod programs;
mod rights;

use std::os::fd::OwnedFd;

pub use accounts::Who;
pub use findings::{Finding, Findings, Level, Topic};

use crate::host::Host;
use crate::listing::{entries, Entry, Kind, Limits, Listing, WalkError};
use access::Access;

/// What is known beforehand.
#[derive(Debug)]
pub struct CheckOptions<'a> {
    /// Who is to run in the jail: a name of its passwd, or a number.
    pub user: Option<String>,
    /// What was in the root when it was built.
    pub built: Option<&'a Listing>,
    /// How much is looked at.
    pub limits: Limits,
}

impl Default for CheckOptions<'_> {
    fn default() -> Self {
        CheckOptions {
            user: None,
            built: None,
            limits: Limits::USUAL,
        }
    }
}

/// Looks at a root directory that is open.
///
/// # Errors
///
/// Where it cannot be looked at at all, or has no such user.
pub fn check(root: OwnedFd, options: &CheckOptions<'_>) -> Result<Findings, String> {
    let host = root.try_clone().and_then(Host::of);
    let host = host.map_err(|error| error.to_string())?;
    let mut findings = Findings::default();
    let who = accounts::find(&host, options.user.as_deref())?;
    accounts::check(&host, &mut findings);
    let access = Access::new(&host, &who);
    let mut programs = programs::Programs::new(&host, &access);
    let mut links = links::Links::new(&host);
    let mut rights = rights::Rights::new(&who, options.built);
    let mut drift = options.built.map(drift::Drift::new);
    let mut device = None;
    let walked = entries(&root, &options.limits, &mut |entry| {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                unreadable(&error, &mut findings);
                return Ok(());
            }
        };
        let own = *device.get_or_insert(entry.device());
        if entry.device() != own {
            findings.add(Finding::note(
                Topic::Mount,
                &entry.path,
                "something is mounted there, which is not looked at",
                "",
            ));
            return Ok(());
        }
        strange(entry, &mut findings);
        programs.look(entry, &mut findings);
        links.look(entry, &mut findings);
        rights.look(entry, &mut findings);
        let compared = drift.as_mut().map(|drift| drift.look(entry, &mut findings));
        if let Some(Err(error)) = compared {
            unreadable(&error, &mut findings);
        }
        Ok(())
    });
    if let Err(error) = walked {
        findings.add(Finding::problem(
            Topic::Bounds,
            &error.path,
            error.reason,
            "what comes after it was not looked at",
        ));
    } else {
        links.finish(&mut findings);
        if let Some(drift) = drift {
            drift.finish(&mut findings);
        }
    }
    programs.finish(&mut findings);
    Ok(findings)
}

fn unreadable(error: &WalkError, findings: &mut Findings) {
    findings.add(Finding::problem(
        Topic::Unreadable,
        &error.path,
        format!("cannot be looked at: {}", error.reason),
        "look as root",
    ));
}

/// What no root needs.
fn strange(entry: &Entry, findings: &mut Findings) {
    match entry.kind {
        Kind::Other('c' | 'b') => findings.add(Finding::problem(
            Topic::Device,
            &entry.path,
            "is a device node",
            "remove it; jaula gives a jail a /dev of its own",
        )),
        Kind::Other(_) | Kind::File | Kind::Directory | Kind::Symlink => {}
    }
}

#[cfg(test)]
mod tests;
