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

use std::fs::{self, File, OpenOptions};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::resource::{rlim_t, setrlimit, Resource};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::stat::SFlag;
use nix::unistd::{getpgrp, tcgetpgrp};
use rustix::fs::fstat;
use rustix::termios::{tcgetattr, tcsetattr, OptionalActions, Termios};
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

/// Less than any core dump has, and what keeps the kernel from handing one to a program (core(5)): 0 does
/// not.
const NO_CORE: rlim_t = 1;

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
        let mount = in_child(&self.key, || {
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

/// Makes a mount in a child in which keys can be handled.
fn in_child(key: &Key, make: impl FnOnce() -> Result<OwnedFd, String>) -> Result<OwnedFd, String> {
    let patient = match key {
        Key::Prompt => Some(Patient::begin().map_err(reason)?),
        _ => None,
    };
    apart::in_child(|| {
        if let Some(patient) = &patient {
            // What it executes has its mask.
            patient.signals.thread_set_mask().map_err(reason)?;
        }
        prepare().and_then(|()| make())
    })
}

/// While somebody is asked for a passphrase, who interrupts that interrupts cryptsetup, and jaula when
/// what is typed is shown again: cryptsetup leaves it hidden then.
struct Patient {
    signals: SigSet,
    terminal: Option<(File, Termios)>,
}

impl Patient {
    fn begin() -> Result<Self, Errno> {
        let mut typed = SigSet::empty();
        typed.add(Signal::SIGINT);
        typed.add(Signal::SIGQUIT);
        // Without one nobody is asked.
        let terminal = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/tty")
            .ok();
        let terminal = terminal.and_then(|file| {
            let modes = tcgetattr(&file).ok()?;
            Some((file, modes))
        });
        let signals = typed.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        Ok(Patient { signals, terminal })
    }
}

impl Drop for Patient {
    fn drop(&mut self) {
        if let Some((file, modes)) = &self.terminal {
            // In the background it is another's by now.
            if tcgetpgrp(file).is_ok_and(|group| group == getpgrp()) {
                let _ = tcsetattr(file, OptionalActions::Now, modes);
            }
        }
        let _ = self.signals.thread_set_mask();
    }
}

/// Has nobody else read what the process has in memory, which its working directory is from here on; nor
/// what the programs have that it executes.
fn prepare() -> Result<(), String> {
    prctl::set_dumpable(false).map_err(reason)?;
    setrlimit(Resource::RLIMIT_CORE, NO_CORE, NO_CORE).map_err(reason)?;
    // A header may ask for all the memory that there is: nobody else is to be killed for that.
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
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
