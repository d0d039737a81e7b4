// SPDX-License-Identifier: MIT OR Apache-2.0

//! Running apt-get.

use super::apt::{self, plan, Installed, Simulated};
use super::mirror::{self, PAUSE};
use super::{backports, qemu, root, Mode};
use crate::process::{capture, command, output, shown, Logged};
use crate::project::Project;
use crate::ui::{self, Progress, Scale};
use anyhow::Result;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

/// Package lists older than this name versions that the mirrors have removed meanwhile.
const STALE: Duration = Duration::from_secs(24 * 3600);

/// Installs Debian packages, or in a dry run says which commands would.
pub fn packages(project: &Project, names: &[String], mode: Mode) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let suites = apt::by_suite(names);
    if mode == Mode::DryRun {
        show(&suites);
        return Ok(());
    }
    root::need()?;
    let update = || logged(project, "updating the package lists", update());
    let mut lists_fresh = false;
    if lists_are_stale() {
        mirror::patiently(PAUSE, update)?;
        lists_fresh = true;
    }
    for suite in suites.keys().flatten() {
        lists_fresh = backports::add(project, suite, lists_fresh)?;
    }
    let install = || {
        suites.iter().try_for_each(|(suite, names)| {
            let simulate = |packages: &[String]| simulate(*suite, packages);
            let packages = plan(names, &installed_qemu(), simulate)?;
            let install = install_command(*suite, &packages);
            logged(project, "installing packages", install)
        })
    };
    let Err(error) = install() else {
        return Ok(());
    };
    if lists_fresh {
        if !mirror::is_transient(&format!("{error:#}")) {
            return Err(error);
        }
        mirror::wait(PAUSE, 1);
    }
    mirror::patiently(PAUSE, || {
        update()?;
        install()
    })
}

/// Prints the commands that would be run.
fn show(suites: &BTreeMap<Option<&str>, Vec<String>>) {
    let stale = lists_are_stale();
    if stale {
        println!("{}", shown(&update()));
    }
    for suite in suites.keys().flatten() {
        backports::show(suite, stale);
    }
    let installed = installed_qemu();
    for (suite, names) in suites {
        // Without lists apt-get cannot say whether a conflict is in the way.
        let packages = plan(names, &installed, |packages| simulate(*suite, packages))
            .unwrap_or_else(|_| apt::candidates(names, &installed).swap_remove(0));
        println!("{}", shown(&install_command(*suite, &packages)));
    }
}

/// What installing takes after `apt-get`.
fn install_arguments<'a>(suite: Option<&'a str>, packages: &'a [String]) -> Vec<&'a str> {
    let mut arguments = vec!["install", "-y", "--no-install-recommends"];
    if let Some(suite) = suite {
        arguments.extend(["-t", suite]);
    }
    arguments.extend(packages.iter().map(String::as_str));
    arguments
}

fn install_command(suite: Option<&str>, packages: &[String]) -> Command {
    apt_get(&install_arguments(suite, packages))
}

/// The command that updates the package lists.
pub fn update() -> Command {
    apt_get(&["update"])
}

fn apt_get(args: &[&str]) -> Command {
    // sudo clears the environment, so what apt-get is to see goes through env(1).
    let mut apt = root::as_root("env");
    apt.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"])
        .args(args);
    apt
}

/// Runs apt-get, and says so.
pub fn logged(project: &Project, what: &str, mut apt: Command) -> Result<()> {
    ui::note(&shown(&apt));
    root::authenticate()?;
    let progress = Progress::start(what, Scale::Unknown);
    Logged::new(what, project.log("apt.log")?).run(&mut apt, |line| progress.doing(line))?;
    progress.done();
    Ok(())
}

fn simulate(suite: Option<&str>, packages: &[String]) -> Result<Simulated> {
    let _progress = Progress::start("asking apt-get what it can install", Scale::Unknown);
    let mut apt = command("apt-get");
    apt.arg("--simulate")
        .args(install_arguments(suite, packages));
    let output = output(&mut apt)?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    Ok(Simulated {
        possible: output.status.success(),
        said,
    })
}

/// The packages of QEMU that are installed.
fn installed_qemu() -> Installed {
    let said = capture(command("dpkg-query").args([
        "-W",
        "-f",
        "${source:Package} ${db:Status-Status} ${Package} ${Version} ${source:Upstream-Version}\n",
    ]));
    installed_of(&said.unwrap_or_default())
}

fn installed_of(said: &str) -> Installed {
    let mut installed = Installed::default();
    for line in said.lines() {
        let Some(rest) = line.strip_prefix("qemu installed ") else {
            continue;
        };
        let mut words = rest.split(' ');
        let (Some(package), Some(version), Some(upstream)) =
            (words.next(), words.next(), words.next())
        else {
            continue;
        };
        if package == "qemu-utils" {
            installed.utils = Some(version.to_owned());
        }
        if qemu::is_old(upstream) && goes_with_system(package) {
            installed.old.push(package.to_owned());
        }
    }
    installed
}

/// Whether a package of QEMU depends on `qemu-system-common` in about its own version, or breaks
/// it. The ones that it depends on in turn follow by themselves.
fn goes_with_system(package: &str) -> bool {
    let follows = ["qemu-system-common", "qemu-system-data"].contains(&package);
    let others = ["qemu-utils", "qemu-block-extra"];
    !follows && (package.starts_with("qemu-system-") || others.contains(&package))
}

fn lists_are_stale() -> bool {
    let lists = Path::new("/var/lib/apt/lists");
    let is_list =
        |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().contains("_Packages");
    let newest = std::fs::read_dir(lists).ok().and_then(|entries| {
        entries
            .flatten()
            .filter(is_list)
            .filter_map(|entry| entry.metadata().ok()?.modified().ok())
            .max()
    });
    // The lists bear the mirror's time stamps; `partial` is touched by every update.
    let updated = std::fs::metadata(lists.join("partial"))
        .and_then(|meta| meta.modified())
        .ok();
    match newest.and(updated) {
        Some(time) => SystemTime::now()
            .duration_since(time)
            .is_ok_and(|age| age > STALE),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::installed_of;

    #[test]
    fn old_packages_of_qemu_are_found() {
        let installed = installed_of(
            "bc installed bc 1.07.1-3+b1 1.07.1\n\
             qemu installed qemu-guest-agent 1:7.2+dfsg-7 7.2+dfsg\n\
             qemu installed qemu-system-arm 1:7.2+dfsg-7+deb12u18+b3 7.2+dfsg\n\
             qemu installed qemu-system-common 1:7.2+dfsg-7+deb12u18+b3 7.2+dfsg\n\
             qemu config-files qemu-system-mips 1:7.2+dfsg-7 7.2+dfsg\n\
             qemu installed qemu-utils 1:10.0.2+ds-2 10.0.2+ds\n",
        );
        assert_eq!(installed.old, ["qemu-system-arm"]);
        assert_eq!(installed.utils.as_deref(), Some("1:10.0.2+ds-2"));
        assert_eq!(installed_of("").utils, None);
    }
}
