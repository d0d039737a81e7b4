// SPDX-License-Identifier: MIT OR Apache-2.0

//! The packages are upgraded, removed and installed again while jails run.

pub mod dpkg;
mod jails;

use dpkg::{kernel, run, write, Newer};
use jails::{Jails, NAMES, UNIT};
use jaula_tests::admin::{in_kernel, listed, succeed};
use jaula_tests::ktap::{CaseResult, Chosen, Context, Failure, Suite};
use jaula_tests::{check, check_eq};
use std::fs;
use std::path::Path;
use std::process::ExitCode;

const GRUB: &str = "/boot/grub/grub.cfg";
const LSM: &str = "/etc/default/grub.d/yy-lsm.cfg";

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    suite.case(
        "jaula is upgraded: jails go on, and the new one knows them",
        || {
            let newer = Newer::of("jaula")?;
            let jails = Jails::start()?;
            newer.install()?;
            jails.have_the_old_program()?;
            jails.go_on()?;
            jails.end()
        },
    );
    suite.case(
        "jaula is removed and installed again: what was started by hand goes on and is found",
        removed_and_installed_again,
    );
    suite.case(
        "jaula is purged: nothing is left of it, and all of the jails' roots",
        purged,
    );
    suite.case("lsm= of the machine is completed in GRUB's menu", || {
        let before = menu()?;
        let chosen = Lsm::choose("quiet lsm=landlock,yama,apparmor")?;
        let lines = kernels(&menu()?);
        check!(lines.len() > 1, "one kernel in the menu: {lines:?}");
        for line in &lines {
            check!(
                line.contains(" lsm=landlock,yama,apparmor,jaula"),
                "not completed: {line}"
            );
        }
        drop(chosen);
        check!(menu()? == before, "the menu is another one");
        Ok(())
    });
    suite.case(
        "the kernel's package is upgraded: jails go on, and the menu has every kernel",
        || {
            let newer = Newer::of(&kernel()?)?;
            let jails = Jails::start()?;
            newer.install()?;
            jails.go_on()?;
            has_every_kernel()?;
            jails.end()
        },
    );
    suite.run(chosen)
}

fn removed_and_installed_again() -> CaseResult {
    let newer = Newer::of("jaula")?;
    let jails = Jails::start()?;
    let by_hand = jails.by_hand.number;
    let said = run("dpkg", &["--remove", "jaula"])?;
    check!(
        said.contains(NAMES[0]),
        "{} is not told of: {said}",
        NAMES[0]
    );
    let left = in_kernel()?;
    check!(left.contains(&by_hand), "{} has ended", NAMES[0]);
    check!(!left.contains(&jails.of_unit), "{} has not", NAMES[1]);
    check!(!Path::new("/usr/bin/jaula").exists(), "there is a jaula");
    check!(
        Path::new("/etc/jaula/of-unit.toml").exists(),
        "its description has gone"
    );
    newer.install()?;
    check!(listed()?.contains(&by_hand), "{} is not found", NAMES[0]);
    succeed(&["exec", NAMES[0], "--", "/bin/sh", "-c", "true"])?;
    check_eq!(dpkg::property(UNIT, "ActiveState")?, "inactive", "the unit");
    // With the next start of the machine it is.
    let enabled = run("systemctl", &["is-enabled", UNIT])?;
    check_eq!(enabled.trim(), "enabled", "the unit");
    Ok(())
}

fn purged() -> CaseResult {
    let newer = Newer::of("jaula")?;
    let roots = ["/etc/jaula/web/rules.toml", "/var/lib/jaula/web/Cargo.toml"];
    for root in roots {
        let directory = Path::new(root).parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(directory).context(root)?;
        write(root, "")?;
    }
    fs::create_dir_all("/var/lib/jaula/kept").context("/var/lib/jaula/kept")?;
    let own = ["/etc/jaula/web.toml", "/var/lib/jaula/kept/web.toml"];
    for file in own {
        write(file, "")?;
    }
    run("dpkg", &["--purge", "jaula"])?;
    for file in own {
        check!(!Path::new(file).exists(), "{file} is left");
    }
    for root in roots {
        check!(Path::new(root).exists(), "{root} has gone");
    }
    for directory in ["/etc/jaula/web", "/var/lib/jaula"] {
        fs::remove_dir_all(directory).context(directory)?;
    }
    for path in [
        "/etc/default/grub.d/zz-jaula.cfg",
        "/etc/systemd/system/multi-user.target.wants/jaula.service",
        "/usr/lib/systemd/system/jaula.service",
        "/usr/share/doc/jaula",
    ] {
        check!(fs::symlink_metadata(path).is_err(), "{path} is left");
    }
    newer.install().map(drop)
}

/// A list of security modules on the command line of every kernel in the menu.
struct Lsm;

impl Lsm {
    fn choose(words: &str) -> Result<Self, Failure> {
        let chosen = Lsm;
        write(LSM, &format!("GRUB_CMDLINE_LINUX_DEFAULT=\"{words}\"\n"))?;
        run("update-grub", &[])?;
        Ok(chosen)
    }
}

impl Drop for Lsm {
    fn drop(&mut self) {
        let _ = fs::remove_file(LSM);
        let _ = run("update-grub", &[]);
    }
}

fn menu() -> Result<String, Failure> {
    fs::read_to_string(GRUB).context(GRUB)
}

/// The lines that name a kernel and its command line, but for recovery.
fn kernels(menu: &str) -> Vec<String> {
    let lines = menu.lines().map(str::trim);
    let kernels = lines.filter(|line| line.starts_with("linux") && line.contains("/vmlinuz-"));
    kernels
        .filter(|line| !line.contains(" single"))
        .map(str::to_owned)
        .collect()
}

fn has_every_kernel() -> CaseResult {
    let lines = kernels(&menu()?);
    let mut count = 0;
    for entry in fs::read_dir("/boot").context("/boot")? {
        let name = entry.context("/boot")?.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("vmlinuz-") {
            count += 1;
            let path = format!("/{name} ");
            check!(
                lines.iter().any(|line| line.contains(&path)),
                "{name} is not in the menu"
            );
        }
    }
    check!(count > 1, "there is one kernel alone");
    Ok(())
}
