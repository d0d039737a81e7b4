// SPDX-License-Identifier: MIT OR Apache-2.0

//! Roots in encrypted volumes.
//!
//! A volume is a file with a LUKS2 header and a file system behind it. It is opened when a jail is launched,
//! by a child of the launcher ([`super::apart`]), and mounted nowhere: what the launcher gets is
//! a descriptor of the mount. From that moment on all of it goes with the last jail that has it for a root,
//! and with that its key in the kernel.

mod cryptsetup;
mod device;
mod filesystem;
mod key;
mod loop_device;
mod make;
mod mapper;
mod segment;

use std::fs::OpenOptions;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::sys::prctl;
use nix::sys::stat::SFlag;
use rustix::fs::fstat;
use serde::{Deserialize, Serialize};

use super::apart;
use super::{Contents, Made, Purpose};
use crate::state::bytes;
use crate::sys::volume::lock_memory;
use crate::text::{reason, shown};
use crate::trusted_path;
use device::Locked;
pub use key::Key;
pub use make::{make, Made as MadeVolume, New};

/// An encrypted volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// The file; an absolute path.
    #[serde(with = "bytes::one")]
    pub volume: PathBuf,
    /// Where its key comes from.
    pub key: Key,
}

impl Volume {
    pub(super) fn assemble(self, purpose: Purpose<'_>) -> Result<(OwnedFd, Made), String> {
        let about = |why: String| format!("{}: {why}", shown(&self.volume));
        let mount = apart::in_child(|| {
            prepare()?;
            let file = open(&self.volume)?;
            let device = self.device(&file)?;
            filesystem::mount(&device, purpose)
        });
        let mount = mount.map_err(about)?;
        let made = Made {
            contents: Contents::Volume(self),
            locks: Vec::new(),
            is_view: purpose.is_look(),
        };
        Ok((mount, made))
    }

    /// Opens it, or what others have opened.
    fn device(&self, file: &OwnedFd) -> Result<OwnedFd, String> {
        let locked = Locked::new(file)?;
        if let Some(device) = locked.find()? {
            return Ok(device);
        }
        // What is missing is said before somebody is asked for a key.
        device::require()?;
        let segment = cryptsetup::segment(&self.volume)?;
        let key = cryptsetup::unlock(&self.volume, self.key.open()?)?;
        locked.make(&segment, &key)
    }
}

/// Has nobody else read what the process has in memory, which its working directory is from here on.
fn prepare() -> Result<(), String> {
    prctl::set_dumpable(false).map_err(reason)?;
    // Where this is refused, what is swapped out is no more than of any program with a key.
    let _ = lock_memory();
    filesystem::enter_memory()
}

/// Opens the file of a volume, which nobody else may have laid where it is, or write to.
fn open(path: &Path) -> Result<OwnedFd, String> {
    let found = trusted_path::open_firm(path).map_err(|refusal| refusal.describe())?;
    let stat = fstat(&found).map_err(|error| error.to_string())?;
    if SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT != SFlag::S_IFREG {
        return Err("is not a regular file, as a volume is".into());
    }
    if stat.st_uid != 0 || stat.st_mode & 0o022 != 0 {
        return Err(format!(
            "can be changed by others than root, who could have the kernel read what they please: it \
             belongs to user {} and has mode {:o}; \"chown root\" and \"chmod 600\" make it safe",
            stat.st_uid,
            stat.st_mode & 0o7777
        ));
    }
    let path = format!("/proc/self/fd/{}", found.as_raw_fd());
    let file = OpenOptions::new().read(true).write(true).open(path);
    file.map(OwnedFd::from).map_err(|error| error.to_string())
}

/// Looks whether encrypted roots can be made and opened here.
///
/// # Errors
///
/// A text that says what is missing.
pub fn require() -> Result<(), String> {
    for name in ["cryptsetup", make::MKFS] {
        if cryptsetup::find(name).is_none() {
            return Err(format!("the program {name} is missing"));
        }
    }
    device::require()
}
