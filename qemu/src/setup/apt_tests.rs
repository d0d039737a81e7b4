// SPDX-License-Identifier: MIT OR Apache-2.0

//! Planning with a stand-in for apt-get, on machines with this and that installed.

use super::*;

const CONFLICT: &str = "Reading package lists...\nThe following packages have unmet dependencies:\n \
    qemu-utils : Breaks: qemu-system-common (< 1:8.0+dfsg-1~) but 1:7.2+dfsg-7+deb12u18 is to be installed\n\
    E: Unable to correct problems, you have held broken packages.\n";
const NEWER: &str = "1:10.1.0+ds-5~bpo13+1";

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|&name| name.to_owned()).collect()
}

fn installed(utils: Option<&str>, old: &[&str]) -> Installed {
    Installed {
        utils: utils.map(str::to_owned),
        old: names(old),
    }
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
    packages.iter().any(|name| name.contains('='))
}

#[test]
fn fresh_debian_12_takes_qemu_alone_from_the_backports() -> Result<()> {
    let wanted = names(&[
        "bc",
        "qemu-system-x86/bookworm-backports",
        "qemu-system-arm/bookworm-backports",
        "linux-source-6.12",
    ]);
    let suites: Vec<_> = by_suite(&wanted).into_iter().collect();
    let qemu = names(&["qemu-system-x86", "qemu-system-arm"]);
    assert_eq!(
        suites,
        [
            (None, names(&["bc", "linux-source-6.12"])),
            (Some("bookworm-backports"), qemu.clone())
        ]
    );
    assert_eq!(plan(&qemu, &Installed::default(), apt(|_| false))?, qemu);
    Ok(())
}

#[test]
fn utils_that_fit_stay_as_they_are() -> Result<()> {
    // Of the backports, and of Debian 13.
    for version in ["1:10.0.2+ds-2+deb13u1~bpo12+1", "1:10.0.2+ds-2+deb13u1"] {
        let wanted = names(&["bc", "qemu-system-x86"]);
        let utils = installed(Some(version), &[]);
        assert_eq!(plan(&wanted, &utils, apt(|_| false))?, wanted);
    }
    Ok(())
}

#[test]
fn old_qemu_is_upgraded_as_a_whole() -> Result<()> {
    let old = installed(
        Some("1:7.2+dfsg-7+deb12u18"),
        &["qemu-system-arm", "qemu-system-x86", "qemu-utils"],
    );
    assert_eq!(
        plan(&names(&["qemu-system-x86"]), &old, apt(|_| false))?,
        names(&["qemu-system-x86", "qemu-system-arm", "qemu-utils"])
    );
    // It has nothing to do with anything else.
    assert_eq!(plan(&names(&["bc"]), &old, apt(|_| false))?, names(&["bc"]));
    Ok(())
}

#[test]
fn qemu_of_the_version_of_newer_utils_is_preferred() -> Result<()> {
    let plan = plan(
        &names(&["bc", "qemu-system-x86"]),
        &installed(Some(NEWER), &[]),
        apt(is_plain),
    )?;
    assert_eq!(plan[0], "bc");
    for name in ["qemu-system-x86", "qemu-system-common"] {
        assert!(plan.contains(&format!("{name}={NEWER}")), "{plan:?}");
    }
    Ok(())
}

#[test]
fn conflicting_utils_go_in_the_same_transaction() -> Result<()> {
    let refuses = |packages: &[String]| is_plain(packages) || is_versioned(packages);
    let plan = plan(
        &names(&["bc", "qemu-system-x86"]),
        &installed(Some(NEWER), &[]),
        apt(refuses),
    )?;
    assert_eq!(plan, names(&["bc", "qemu-system-x86", "qemu-utils-"]));
    Ok(())
}

#[test]
fn what_cannot_be_done_is_told_in_apts_words() {
    let error = plan(
        &names(&["qemu-system-x86"]),
        &installed(Some(NEWER), &[]),
        apt(|_| true),
    )
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
    let error = plan(&names(&["bc"]), &installed(Some(NEWER), &[]), |packages| {
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
