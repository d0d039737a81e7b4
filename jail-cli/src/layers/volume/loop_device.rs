// SPDX-License-Identifier: MIT OR Apache-2.0

//! Loop devices: a file as a disk, for as long as somebody has it open.

use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::errno::Errno;
use rustix::fs::{fstat, major, minor};

use crate::sys::volume::{configure_loop_device, free_loop_device, LOOP_CONFIG};
use crate::text::reason;

const CONTROL: &str = "/dev/loop-control";

/// `LO_FLAGS_AUTOCLEAR`: it lets go of the file when the last has closed it.
const GOES_BY_ITSELF: u32 = 4;

/// Where these are in a `struct loop_config`.
const FILE: usize = 0;
const FLAGS: usize = 8 + 52;

/// So often somebody else may be faster in taking a free one.
const ATTEMPTS: usize = 100;

/// A loop device, which has its file for as long as it is open.
pub struct LoopDevice {
    device: File,
    /// Its numbers, as the device mapper takes them.
    pub number: String,
}

/// Looks whether there are any.
///
/// # Errors
///
/// A text that says what the kernel lacks.
pub fn control() -> Result<OwnedFd, String> {
    let control = OpenOptions::new().read(true).write(true).open(CONTROL);
    match control {
        Ok(control) => Ok(control.into()),
        Err(error)
            if matches!(
                error.raw_os_error(),
                Some(libc::ENOENT | libc::ENODEV | libc::ENXIO)
            ) =>
        {
            Err(format!(
                "{CONTROL}: there are no loop devices, by which a file is a disk \
                 (CONFIG_BLK_DEV_LOOP; \"modprobe loop\" where it is a module)"
            ))
        }
        Err(error) => Err(format!("{CONTROL}: {error}")),
    }
}

impl LoopDevice {
    /// Makes one of `file`.
    ///
    /// # Errors
    ///
    /// A text that names what is in the way.
    pub fn attach(file: &OwnedFd) -> Result<Self, String> {
        let control = control()?;
        let descriptor = u32::try_from(file.as_raw_fd()).map_err(|error| error.to_string())?;
        let mut config = [0; LOOP_CONFIG];
        config[FILE..FILE + 4].copy_from_slice(&descriptor.to_ne_bytes());
        config[FLAGS..FLAGS + 4].copy_from_slice(&GOES_BY_ITSELF.to_ne_bytes());
        for _ in 0..ATTEMPTS {
            let number = free_loop_device(control.as_fd());
            let number = number.map_err(|errno| format!("{CONTROL}: {}", reason(errno)))?;
            let path = format!("/dev/loop{number}");
            let failed = |why: String| format!("{path}: {why}");
            let device = OpenOptions::new().read(true).write(true).open(&path);
            let device = match device {
                Ok(device) => device,
                // It was free, and somebody has removed it.
                Err(error) if error.raw_os_error() == Some(libc::ENXIO) => continue,
                Err(error) => return Err(failed(error.to_string())),
            };
            match configure_loop_device(device.as_fd(), &config) {
                Ok(()) => {
                    let is = fstat(&device)
                        .map_err(|error| failed(error.to_string()))?
                        .st_rdev;
                    return Ok(LoopDevice {
                        device,
                        number: format!("{}:{}", major(is), minor(is)),
                    });
                }
                // Another has taken it.
                Err(Errno::EBUSY) => {}
                Err(errno) => return Err(failed(reason(errno))),
            }
        }
        Err("no loop device stays free long enough to be taken".into())
    }

    /// How many bytes it has.
    pub fn size(&self) -> std::io::Result<u64> {
        use std::io::{Seek, SeekFrom};

        (&self.device).seek(SeekFrom::End(0))
    }
}
