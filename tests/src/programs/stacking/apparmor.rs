// SPDX-License-Identifier: MIT OR Apache-2.0

//! AppArmor: profiles that the launcher is under.

use super::{ends, jailed};
use jaula_tests::jailfs;
use jaula_tests::ktap::{Context, Failure, Suite};
use jaula_tests::launch::{complaint, failed, run, Root, FAILED};
use jaula_tests::{check, check_eq};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Lets everything through but what a case adds.
const PROFILE: &str = "\
abi <abi/4.0>,
profile NAME flags=(attach_disconnected) {
  / rwlk,
  /** rwlkmix,
  capability,
  dbus,
  mount,
  network,
  pivot_root,
  ptrace,
  remount,
  signal,
  umount,
  unix,
  userns,
  MORE
}
";

/// A profile that the kernel has until this is dropped.
struct Profile {
    name: &'static str,
    path: PathBuf,
}

impl Profile {
    fn load(name: &'static str, more: &str) -> Result<Profile, Failure> {
        let path = Path::new("/run").join(name);
        let text = PROFILE.replace("NAME", name).replace("MORE", more);
        std::fs::write(&path, text).context(path.display())?;
        let profile = Profile { name, path };
        profile.parser("--replace")?;
        Ok(profile)
    }

    fn parser(&self, what: &str) -> Result<(), Failure> {
        let mut parser = Command::new("apparmor_parser");
        parser.args(["--skip-cache", what]).arg(&self.path);
        let output = run(&mut parser)?;
        check!(
            output.status.success(),
            "{parser:?}: {}",
            complaint(&output)
        );
        Ok(())
    }

    /// `jaula` under the profile.
    fn jaula(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("aa-exec");
        command.args(["--profile", self.name, "--", "jaula"]);
        command.args(arguments);
        command
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        let _ = self.parser("--remove");
        let _ = std::fs::remove_file(&self.path);
    }
}

const INTO_TMP: [&str; 4] = ["--user", "root", "--tmpfs", "/tmp"];

pub fn add<'a>(suite: &mut Suite<'a>, root: &'a Root) {
    suite.case("apparmor: a jail has the label of who starts it", || {
        let label = jailed(root, &[], &["label"]);
        check_eq!(
            ends(Command::new("jaula").args(&label), 0)?,
            "unconfined",
            "the label"
        );
        let profile = Profile::load("jaula-test-label", "")?;
        check_eq!(
            ends(&mut profile.jaula(&label), 0)?,
            "jaula-test-label (enforce)",
            "the label"
        );
        Ok(())
    });
    suite.case(
        "apparmor: what a profile refuses is refused in the jail",
        || {
            let profile = Profile::load("jaula-test-files", "deny /tmp/denied w,")?;
            let write = |path| jailed(root, &INTO_TMP, &["write", path]);
            ends(&mut profile.jaula(&write("/tmp/other")), 0)?;
            ends(&mut profile.jaula(&write("/tmp/denied")), libc::EACCES)?;
            ends(Command::new("jaula").args(write("/tmp/denied")), 0).map(drop)
        },
    );
    suite.case("apparmor: what it keeps from the launcher is said", || {
        let before = jailfs::numbers()?;
        for (more, part) in [
            ("deny capability sys_admin,", "CAP_SYS_ADMIN"),
            ("deny mount,", "mount"),
            ("deny /sys/kernel/security/** rw,", "/sys/kernel/security"),
        ] {
            let profile = Profile::load("jaula-test-less", more)?;
            let output = run(&mut profile.jaula(&jailed(root, &[], &["label"])))?;
            failed(&output, FAILED, &[part])?;
        }
        check_eq!(
            jailfs::numbers_beyond(&before)?,
            Vec::<i64>::new(),
            "the jails"
        );
        Ok(())
    });
}
