// SPDX-License-Identifier: MIT OR Apache-2.0

//! A place for volumes, and what the machine has of them.

use jaula_tests::admin::{output, succeed, text};
use jaula_tests::ktap::{CaseResult, Context, Failure};
use jaula_tests::launch::{complaint, jaula};
use jaula_tests::{check, procfs, wait};
use std::fs;
use std::os::linux::fs::MetadataExt;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};

/// How large volumes are here.
pub const SIZE: &str = "40M";

/// A directory for volumes and keys, which goes with this and all jails with it.
pub struct Place(&'static str);

impl Place {
    pub fn new() -> Result<Self, Failure> {
        let place = Place("/srv/encrypted");
        place.clear()?;
        fs::create_dir(place.0).context(place.0)?;
        fs::set_permissions(place.0, PermissionsExt::from_mode(0o700)).context(place.0)?;
        Ok(place)
    }

    /// With a volume, its root file and its key: secret.luks, secret.root and key.
    pub fn with_volume() -> Result<Self, Failure> {
        let place = Place::new()?;
        place.build(&[])?;
        Ok(place)
    }

    pub fn build(&self, options: &[&str]) -> CaseResult {
        let key = format!("file:{}", self.path("key"));
        let said = output(&mut self.building("secret.root", &key, options))?;
        check!(
            said.status.success(),
            "{options:?}: {} {}",
            said.status,
            complaint(&said)
        );
        Ok(())
    }

    /// `jaula rootfs build` of a small volume with the template `minimal`.
    pub fn building(&self, name: &str, key: &str, options: &[&str]) -> Command {
        let target = self.path(name);
        let start = ["rootfs", "build", "-t", "minimal", "--encrypt", key];
        jaula(&[&start[..], &["--size", SIZE], options, &[&target]].concat())
    }

    /// Starts a jail of a root file here that does nothing.
    pub fn start(&self, root: &str, name: &str, options: &[&str]) -> CaseResult {
        let root = self.path(root);
        let all = ["run", "--detach", "--name", name];
        succeed(&[&all[..], options, &[&root, "--", "sleep", "1000"]].concat()).map(drop)
    }

    pub fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.0)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>, mode: u32) -> CaseResult {
        let path = self.path(name);
        fs::write(&path, content).context(&path)?;
        fs::set_permissions(&path, PermissionsExt::from_mode(mode)).context(&path)
    }

    /// A root file for the volume with this key.
    pub fn root_file(&self, name: &str, key: &str) -> CaseResult {
        let text = format!("volume = 'secret.luks'\nkey = '{key}'\n");
        self.write(name, text, 0o644)
    }

    /// `jaula run` of a root file here, as root of the jail.
    pub fn command(&self, name: &str, options: &[&str], script: &str) -> Command {
        let root = self.path(name);
        let command = [root.as_str(), "--", "sh", "-c", script];
        jaula(&[&["run", "--quiet", "--user", "root"], options, &command].concat())
    }

    /// What a script in the jail prints, which must succeed.
    pub fn run(&self, name: &str, script: &str) -> Result<String, Failure> {
        let said = self.end(name, script)?;
        check!(
            said.status.success(),
            "{script}: {} {}",
            said.status,
            complaint(&said)
        );
        Ok(text(&said))
    }

    /// How a script in the jail ends.
    pub fn end(&self, name: &str, script: &str) -> Result<Output, Failure> {
        output(&mut self.command(name, &[], script))
    }

    fn clear(&self) -> CaseResult {
        output(&mut jaula(&["rm", "--all"]))?;
        // Of a case that mounts something there.
        output(Command::new("umount").args(["--quiet", "--recursive", &self.path("small")]))?;
        match fs::remove_dir_all(self.0) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).context(self.0)
            }
            _ => nothing_is_left(),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.clear();
    }
}

/// What a script prints as root of a jail, which must succeed.
pub fn in_jail(name: &str, script: &str) -> Result<String, Failure> {
    succeed(&["exec", "--user", "root", name, "--", "sh", "-c", script])
}

/// The devices of volumes.
pub fn devices() -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/sys/block").context("/sys/block")? {
        let path = entry.context("/sys/block")?.path();
        // One without a table has no name.
        let name = fs::read_to_string(path.join("dm/name")).unwrap_or_default();
        if name.starts_with("jaula-") {
            found.push(path);
        }
    }
    Ok(found)
}

/// What dmsetup lists, and so those without a table as well.
fn mapped() -> Result<String, Failure> {
    let said = text(&output(Command::new("dmsetup").arg("ls"))?);
    Ok(said
        .lines()
        .filter(|line| line.starts_with("jaula-"))
        .collect())
}

/// The loop devices that have a file.
fn loops() -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/sys/block").context("/sys/block")? {
        let path = entry
            .context("/sys/block")?
            .path()
            .join("loop/backing_file");
        found.extend(fs::read_to_string(path).ok());
    }
    Ok(found)
}

/// Keys of ours that the kernel has, and whoever asks for them.
pub fn keys() -> Result<Vec<String>, Failure> {
    let keys = fs::read_to_string("/proc/keys").context("/proc/keys")?;
    let ours = keys.lines().filter(|line| line.contains("jaula"));
    Ok(ours.map(str::to_owned).collect())
}

/// Waits until nothing of a volume is open.
pub fn nothing_is_left() -> CaseResult {
    let mut left = String::new();
    let waited = wait::until("nothing of a volume is open", || {
        left = format!(
            "{:?} {:?} {:?} {:?}",
            devices()?,
            mapped()?,
            loops()?,
            keys()?
        );
        Ok(left == "[] \"\" [] []")
    });
    waited.context(left)
}

/// Who has a mount or an open file on a device, of all processes.
pub fn users(device: &str) -> Result<Vec<libc::pid_t>, Failure> {
    let number = fs::read_to_string(format!("{device}/dev")).context(device)?;
    let number = number.trim();
    let mut found = Vec::new();
    for pid in procfs::processes()? {
        // What ends meanwhile has none.
        let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
        let is_mounted = mounts
            .lines()
            .any(|line| line.split(' ').nth(2) == Some(number));
        let open = fs::read_dir(format!("/proc/{pid}/fd"))
            .into_iter()
            .flatten();
        let is_open = open.flatten().any(|entry| {
            let there = fs::metadata(entry.path());
            there.is_ok_and(|there| {
                let device = there.st_dev();
                format!("{}:{}", libc::major(device), libc::minor(device)) == number
            })
        });
        if is_mounted || is_open {
            found.push(pid);
        }
    }
    Ok(found)
}
