// SPDX-License-Identifier: MIT OR Apache-2.0

//! Deciding what apt-get is to be asked.

use anyhow::{bail, Result};

/// What apt-get says to a set of packages when asked to simulate.
pub struct Simulated {
    /// Whether it could be done.
    pub possible: bool,
    /// What it said.
    pub said: String,
}

/// Chooses what to install so that apt-get can do it in one transaction.
///
/// The trap: on a machine with a `qemu-utils` newer than the suite's QEMU (from backports,
/// say), `qemu-system-common` cannot be installed beside it (`qemu-utils : Breaks:
/// qemu-system-common`). Then QEMU is taken in the version of the `qemu-utils` that is there;
/// where that is not to be had, `qemu-utils` goes, in the same transaction. On a machine
/// without the conflict nothing is removed.
pub fn plan(
    packages: &[String],
    qemu_utils: Option<&str>,
    simulate: impl Fn(&[String]) -> Result<Simulated>,
) -> Result<Vec<String>> {
    let first = simulate(packages)?;
    if first.possible {
        return Ok(packages.to_vec());
    }
    if let Some(version) =
        qemu_utils.filter(|_| packages.iter().any(|name| name.starts_with("qemu-system")))
    {
        for candidate in [same_suite(packages, version), without_utils(packages)] {
            if simulate(&candidate)?.possible {
                return Ok(candidate);
            }
        }
    }
    bail!(
        "apt-get cannot install {}. It says:\n{}",
        packages.join(" "),
        first
            .said
            .lines()
            .filter(|line| !line.starts_with("Reading"))
            .collect::<Vec<_>>()
            .join("\n")
            .trim()
    )
}

fn same_suite(packages: &[String], version: &str) -> Vec<String> {
    let (qemu, mut rest): (Vec<_>, Vec<_>) = packages
        .iter()
        .cloned()
        .partition(|name| name.starts_with("qemu-system"));
    // All of one source package; apt does not follow the version to them by itself.
    let parts = [
        "qemu-system-common".to_owned(),
        "qemu-system-data".to_owned(),
    ];
    rest.extend(
        qemu.into_iter()
            .chain(parts)
            .map(|name| format!("{name}={version}")),
    );
    rest
}

fn without_utils(packages: &[String]) -> Vec<String> {
    packages
        .iter()
        .cloned()
        .chain(["qemu-utils-".to_owned()])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFLICT: &str = "Reading package lists...\nThe following packages have unmet dependencies:\n \
        qemu-utils : Breaks: qemu-system-common (< 1:8.0+dfsg-1~) but 1:7.2+dfsg-7+deb12u18 is to be installed\n\
        E: Unable to correct problems, you have held broken packages.\n";
    const BACKPORT: &str = "1:10.0.2+ds-2+deb13u1~bpo12+1";

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|&name| name.to_owned()).collect()
    }

    /// An apt-get that refuses whatever `refuses` says.
    fn apt(refuses: impl Fn(&[String]) -> bool) -> impl Fn(&[String]) -> Result<Simulated> {
        move |packages| {
            let possible = !refuses(packages);
            Ok(Simulated {
                possible,
                said: if possible {
                    String::new()
                } else {
                    CONFLICT.to_owned()
                },
            })
        }
    }

    fn is_plain(packages: &[String]) -> bool {
        packages.contains(&"qemu-system-x86".to_owned())
            && !packages.contains(&"qemu-utils-".to_owned())
    }

    fn is_versioned(packages: &[String]) -> bool {
        packages.iter().any(|name| name.contains("bpo12"))
    }

    #[test]
    fn without_a_conflict_nothing_is_removed() -> Result<()> {
        let wanted = names(&["bc", "qemu-system-x86"]);
        assert_eq!(
            plan(&wanted, Some("1:7.2+dfsg-7+deb12u18"), apt(|_| false))?,
            wanted
        );
        assert_eq!(plan(&wanted, None, apt(|_| false))?, wanted);
        Ok(())
    }

    #[test]
    fn qemu_of_the_same_suite_is_preferred() -> Result<()> {
        let plan = plan(
            &names(&["bc", "qemu-system-x86"]),
            Some(BACKPORT),
            apt(is_plain),
        )?;
        assert_eq!(plan[0], "bc");
        assert!(
            plan.contains(&format!("qemu-system-x86={BACKPORT}")),
            "{plan:?}"
        );
        assert!(
            plan.contains(&format!("qemu-system-common={BACKPORT}")),
            "{plan:?}"
        );
        Ok(())
    }

    #[test]
    fn conflicting_utils_go_in_the_same_transaction() -> Result<()> {
        let refuses = |packages: &[String]| is_plain(packages) || is_versioned(packages);
        let plan = plan(
            &names(&["bc", "qemu-system-x86"]),
            Some(BACKPORT),
            apt(refuses),
        )?;
        assert_eq!(plan, names(&["bc", "qemu-system-x86", "qemu-utils-"]));
        Ok(())
    }

    #[test]
    fn what_cannot_be_done_is_told_in_apts_words() {
        let error = plan(&names(&["qemu-system-x86"]), Some(BACKPORT), apt(|_| true))
            .expect_err("all refused")
            .to_string();
        assert!(
            error.contains("Breaks: qemu-system-common") && error.contains("qemu-system-x86"),
            "{error}"
        );
        assert!(!error.contains("Reading package lists"), "{error}");
    }

    #[test]
    fn other_conflicts_do_not_cost_qemu_utils() {
        let error = plan(&names(&["bc"]), Some(BACKPORT), |packages| {
            assert!(!packages.contains(&"qemu-utils-".to_owned()));
            Ok(Simulated {
                possible: false,
                said: "E: Unable to locate package bc".into(),
            })
        });
        assert!(error
            .expect_err("refused")
            .to_string()
            .contains("locate package bc"));
    }
}
