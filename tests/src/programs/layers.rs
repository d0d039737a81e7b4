// SPDX-License-Identifier: MIT OR Apache-2.0

//! Roots that are made of layers: root files, clones, snapshots, and roots that are thrown away.

mod archives;
mod derived;
mod files;
mod hostile;
mod images;
mod killed;
mod large;
mod own_root;
mod running;
mod thrown_away;

use jaula_tests::admin::{output, ROOT};
use jaula_tests::ktap::{fail, CaseResult, Chosen, Context, Failure, Suite};
use jaula_tests::{check, check_eq};
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Output};

/// Where the roots lie: nobody but root can change it.
pub const PLACE: &str = "/srv/layers";

pub fn main(chosen: &Chosen) -> ExitCode {
    if let Err(failure) = prepare() {
        println!("Bail out! No place for layers: {failure}");
        return ExitCode::FAILURE;
    }
    let mut suite = Suite::new();
    files::add(&mut suite);
    running::add(&mut suite);
    derived::add(&mut suite);
    thrown_away::add(&mut suite);
    images::add(&mut suite);
    own_root::add(&mut suite);
    hostile::add(&mut suite);
    large::add(&mut suite);
    archives::add(&mut suite);
    killed::add(&mut suite);
    let code = suite.run(chosen);
    // What a case has left there is told by the case.
    let _ = sh(&format!("umount {PLACE}; rm -rf {PLACE}"));
    code
}

/// A copy of the machine's root for jails, on a file system that maps ids.
fn prepare() -> CaseResult {
    fs::create_dir_all(PLACE).context(PLACE)?;
    // What a kernel starts with does not map any.
    if mounts()?.contains(" - rootfs ") {
        let made = format!("mount -t tmpfs -o mode=755,size=64M layers {PLACE}");
        said(&made)?;
    }
    said(&format!("chmod 755 {PLACE}; cp -a {ROOT} {PLACE}/base"))?;
    // As the first process of a jail needs it to start something in the background.
    said(&format!("mkdir -p {PLACE}/base/dev {PLACE}/base/proc"))?;
    Ok(())
}

/// Runs a script where the roots lie.
pub fn sh(script: &str) -> Result<Output, Failure> {
    let mut command = Command::new("/bin/sh");
    output(command.args(["-c", script]).current_dir(PLACE))
}

/// What a script prints that must succeed.
pub fn said(script: &str) -> Result<String, Failure> {
    let done = sh(script)?;
    let text = String::from_utf8_lossy(&done.stdout).trim().to_owned();
    check!(
        done.status.success(),
        "{script}: {}: {text} {}",
        done.status,
        String::from_utf8_lossy(&done.stderr)
    );
    Ok(text)
}

/// Checks that a script prints this.
pub fn says(script: &str, expected: &str) -> CaseResult {
    check_eq!(said(script)?, expected, "what {script} says");
    Ok(())
}

/// Checks that a script fails, and complains with all of `parts`.
pub fn refused(script: &str, parts: &[&str]) -> CaseResult {
    let done = sh(script)?;
    let complaint = String::from_utf8_lossy(&done.stderr).into_owned();
    check!(!done.status.success(), "{script}: it did not fail");
    for part in parts {
        check!(
            complaint.contains(part),
            "{script}: no {part:?}: {complaint}"
        );
    }
    Ok(())
}

/// A directory of a case's own with root files in it, gone with this.
pub struct Case(pub String);

impl Case {
    /// One with these files, in which CASE stands for the directory.
    pub fn new(files: &[(&str, &str)]) -> Result<Self, Failure> {
        let path = format!("{PLACE}/case-{}", std::process::id());
        fs::create_dir(&path).context(&path)?;
        let case = Case(path);
        for (name, text) in files {
            let path = format!("{}/{name}", case.0);
            fs::write(&path, case.in_place(text)).context(&path)?;
        }
        Ok(case)
    }

    fn in_place(&self, text: &str) -> String {
        text.replace("CASE", &self.0)
    }

    /// As [`said`], with CASE for the directory.
    pub fn said(&self, script: &str) -> Result<String, Failure> {
        said(&self.in_place(script))
    }

    /// As [`says`].
    pub fn says(&self, script: &str, expected: &str) -> CaseResult {
        says(&self.in_place(script), expected)
    }

    /// As [`refused`].
    pub fn refused(&self, script: &str, parts: &[&str]) -> CaseResult {
        refused(&self.in_place(script), parts)
    }

    /// Whether something is there.
    pub fn has(&self, name: &str) -> bool {
        Path::new(&self.0).join(name).symlink_metadata().is_ok()
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        // With what is noted about those that were killed.
        let _ = sh("jaula rm --all");
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What is mounted on the host.
pub fn mounts() -> Result<String, Failure> {
    fs::read_to_string("/proc/self/mountinfo").context("mountinfo")
}

/// Bytes that trees take on their disk.
pub fn usage(paths: &[&str]) -> Result<u64, Failure> {
    let text = said(&format!("du -skc {} | tail -n 1", paths.join(" ")))?;
    let first = text.split_whitespace().next().unwrap_or_default();
    first.parse().map_err(|_| fail(format!("du said {text:?}")))
}
