// SPDX-License-Identifier: MIT OR Apache-2.0

//! Running apt-get.

use super::apt::{plan, Simulated};
use super::needs::find_program;
use super::Mode;
use crate::process::{capture, command, output, shown, Logged};
use crate::project::Project;
use crate::ui::{self, Progress, Scale};
use anyhow::{bail, Result};
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

/// Package lists older than this name versions that the mirrors have removed meanwhile.
const STALE: Duration = Duration::from_secs(24 * 3600);

/// How often a download is tried: a mirror in the middle of its own update serves files
/// that do not match its lists ("File has unexpected size"), for some minutes.
const TRIES: u32 = 4;

/// Installs Debian packages, or in a dry run says which commands would.
pub fn packages(project: &Project, names: &[String], mode: Mode) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let update = apt_get(&["update"]);
    if mode == Mode::DryRun {
        if lists_are_stale() {
            println!("{}", shown(&update));
        }
        // Without lists apt-get cannot say whether a conflict is in the way.
        let packages = plan(names, installed_version("qemu-utils").as_deref(), simulate)
            .unwrap_or(names.to_vec());
        println!("{}", shown(&install_command(&packages)));
        return Ok(());
    }
    need_root()?;
    let mut lists_fresh = false;
    if lists_are_stale() {
        logged(project, "updating the package lists", apt_get(&["update"]))?;
        lists_fresh = true;
    }
    for attempt in 1.. {
        let done = plan(names, installed_version("qemu-utils").as_deref(), simulate).and_then(
            |packages| logged(project, "installing packages", install_command(&packages)),
        );
        match done {
            Ok(()) => return Ok(()),
            Err(error) if attempt >= TRIES => return Err(error),
            Err(error) => {
                let transient = [
                    "unexpected size",
                    "Hash Sum mismatch",
                    "Failed to fetch",
                    "404  Not Found",
                    "Temporary failure",
                    "Could not get lock",
                ];
                let text = format!("{error:#}");
                if lists_fresh && !transient.iter().any(|words| text.contains(words)) {
                    return Err(error);
                }
                if lists_fresh {
                    ui::note(&format!(
                        "the mirror did not serve everything; trying again in {} s",
                        20 * attempt
                    ));
                    sleep(Duration::from_secs(20 * u64::from(attempt)));
                }
                logged(project, "updating the package lists", apt_get(&["update"]))?;
                lists_fresh = true;
            }
        }
    }
    Ok(())
}

fn install_command(packages: &[String]) -> Command {
    let mut install = apt_get(&["install", "-y", "--no-install-recommends"]);
    install.args(packages);
    install
}

/// apt-get, by way of sudo where it needs to be.
fn apt_get(args: &[&str]) -> Command {
    // sudo clears the environment, so what apt-get is to see goes through env(1).
    let mut apt = command(if is_root() { "env" } else { "sudo" });
    if !is_root() {
        apt.arg("env");
    }
    apt.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"])
        .args(args);
    apt
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

fn need_root() -> Result<()> {
    if !is_root() && find_program("sudo").is_none() {
        bail!("installing packages needs root, and there is no sudo; run as root what `cargo xtask setup --dry-run` prints");
    }
    Ok(())
}

fn logged(project: &Project, what: &str, mut apt: Command) -> Result<()> {
    ui::note(&shown(&apt));
    if !is_root() {
        // sudo asks for the password on the terminal, before a progress bar draws over it.
        let status = Command::new("sudo").arg("-v").status();
        if !status.is_ok_and(|status| status.success()) {
            bail!("sudo refused; run as root what `cargo xtask setup --dry-run` prints");
        }
    }
    let progress = Progress::start(what, Scale::Unknown);
    Logged::new(what, project.log("apt.log")?).run(&mut apt, |_| {})?;
    progress.done();
    Ok(())
}

fn simulate(packages: &[String]) -> Result<Simulated> {
    let mut apt = command("apt-get");
    apt.args(["--simulate", "install", "-y", "--no-install-recommends"])
        .args(packages);
    let output = output(&mut apt)?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    Ok(Simulated {
        possible: output.status.success(),
        said,
    })
}

/// The version of a package, if it is installed.
fn installed_version(package: &str) -> Option<String> {
    let said = capture(command("dpkg-query").args([
        "-W",
        "-f",
        "${db:Status-Status} ${Version}",
        package,
    ]))
    .ok()?;
    said.strip_prefix("installed ").map(str::to_owned)
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
