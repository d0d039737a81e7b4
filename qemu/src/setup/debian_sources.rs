// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where this machine gets Debian's packages from: a disk's come from there as well.

use super::sources::QUESTION;
use crate::process::{capture, command};
use anyhow::{Context, Result};
use deb822_fast::Deb822;

/// The archives of Debian that this machine uses.
#[derive(Debug, PartialEq, Eq)]
pub struct Mirrors {
    /// That of its releases, where apt knows one.
    pub main: Option<String>,
    /// That of its security updates, where the machine has them.
    pub security: Option<String>,
}

/// Asks apt.
///
/// # Errors
///
/// apt is not there, or its answer cannot be read.
pub fn mirrors() -> Result<Mirrors> {
    among(&capture(command("apt-get").args(QUESTION))?)
}

/// Those in apt's answer to [`QUESTION`].
fn among(targets: &str) -> Result<Mirrors> {
    let targets: Deb822 = targets
        .parse()
        .context("apt-get indextargets: its answer cannot be read")?;
    let of = |label: &str| {
        targets
            .iter()
            .find(|target| {
                target.get("Origin") == Some("Debian") && target.get("Label") == Some(label)
            })
            .and_then(|target| target.get("Repo-URI"))
            .map(|uri| uri.trim_end_matches('/').to_owned())
    };
    Ok(Mirrors {
        main: of("Debian"),
        security: of("Debian-Security"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_s_own_mirrors_are_taken() -> Result<()> {
        let answer = "Origin: Others\nLabel: Debian\nRepo-URI: http://others.example/\n\n\
                      Origin: Debian\nLabel: Debian-Security\nRepo-URI: http://near.example/security/\n\n\
                      Origin: Debian\nLabel: Debian\nRepo-URI: http://near.example/debian/\n";
        let expected = Mirrors {
            main: Some("http://near.example/debian".into()),
            security: Some("http://near.example/security".into()),
        };
        assert_eq!(among(answer)?, expected);
        Ok(())
    }

    #[test]
    fn a_machine_may_have_none() -> Result<()> {
        let none = Mirrors {
            main: None,
            security: None,
        };
        assert_eq!(among("")?, none);
        Ok(())
    }
}
