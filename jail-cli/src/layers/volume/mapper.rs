// SPDX-License-Identifier: MIT OR Apache-2.0

//! The device mapper, as far as volumes need it.

use std::fs::{File, OpenOptions};
use std::os::fd::AsFd;

use nix::errno::Errno;

use crate::sys::volume::{device_mapper, DEVICE_MAPPER};
use crate::text::reason;

const CONTROL: &str = "/dev/mapper/control";

/// The oldest version of the interface that has all of this: removal when the last has closed it, keys
/// that are named and not told, and whether there is a target.
const VERSION: [u32; 3] = [4, 41, 0];

const DEV_CREATE: u8 = 3;
const DEV_REMOVE: u8 = 4;
const DEV_SUSPEND: u8 = 6;
const DEV_STATUS: u8 = 7;
const TABLE_LOAD: u8 = 9;
const GET_TARGET_VERSION: u8 = 17;

/// `DM_ACTIVE_PRESENT_FLAG`: it has a table that is in use.
const IS_ACTIVE: u32 = 1 << 5;
/// `DM_SUSPEND_FLAG`.
const IS_SUSPENDED: u32 = 1 << 1;
/// `DM_DEFERRED_REMOVE`: it goes when the last has closed it.
const IS_LEAVING: u32 = 1 << 17;
/// `DM_SECURE_DATA_FLAG`: what the kernel has copied of a message is overwritten.
const IS_SECRET: u32 = 1 << 15;

/// Where these are in a `struct dm_ioctl`.
const DATA_START: usize = 16;
const TARGETS: usize = 20;
const FLAGS: usize = 28;
const DEVICE: usize = 40;
const NAME: usize = 48;
const NAME_LENGTH: usize = 128;
const UUID: usize = 176;
const UUID_LENGTH: usize = 129;

/// How long a `struct dm_target_spec` is, and its name.
const TARGET: usize = 40;
const TARGET_NAME: usize = 16;

/// The device mapper.
pub struct Mapper(File);

/// How a device stands.
#[derive(Clone, Copy, Debug)]
pub struct Status {
    flags: u32,
    /// Its number.
    pub device: u64,
}

impl Status {
    /// Whether it can be used.
    pub fn is_ready(self) -> bool {
        self.flags & IS_ACTIVE != 0 && self.flags & IS_SUSPENDED == 0
    }

    /// Whether it goes by itself.
    pub fn is_leaving(self) -> bool {
        self.flags & IS_LEAVING != 0
    }
}

impl Mapper {
    /// Opens it.
    ///
    /// # Errors
    ///
    /// A text that says what the kernel lacks.
    pub fn open() -> Result<Self, String> {
        let file = OpenOptions::new().read(true).write(true).open(CONTROL);
        let file = file.map_err(|error| match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENODEV | libc::ENXIO) => format!(
                "{CONTROL}: there is no device mapper, which volumes are decrypted by \
                 (CONFIG_BLK_DEV_DM; \"modprobe dm-mod\" where it is a module)"
            ),
            _ => format!("{CONTROL}: {error}"),
        })?;
        Ok(Mapper(file))
    }

    /// Looks whether it has a target.
    ///
    /// # Errors
    ///
    /// A text that says that it has none.
    pub fn require(&self, target: &str) -> Result<(), String> {
        let mut message = message(target, 512);
        match self.ask(GET_TARGET_VERSION, &mut message) {
            Ok(()) => Ok(()),
            Err(Errno::EINVAL) => Err(format!(
                "the device mapper has no target \"{target}\" (CONFIG_DM_CRYPT; \"modprobe \
                 dm-{target}\" where it is a module)"
            )),
            Err(errno) => Err(format!(
                "the device mapper's target \"{target}\": {}",
                reason(errno)
            )),
        }
    }

    /// How a device stands; `None` where there is none of that name.
    pub fn status(&self, name: &str) -> Result<Option<Status>, Errno> {
        let mut message = message(name, 0);
        match self.ask(DEV_STATUS, &mut message) {
            Ok(()) => Ok(Some(status_in(&message))),
            Err(Errno::ENXIO) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// Makes a device that has nothing so far.
    pub fn create(&self, name: &str, uuid: &str) -> Result<(), Errno> {
        let mut message = message(name, 0);
        put_text(&mut message, UUID, UUID_LENGTH, uuid)?;
        self.ask(DEV_CREATE, &mut message)
    }

    /// Says what it is to be made of: one target over all of it, of so many sectors. Returns its number.
    pub fn load(
        &self,
        name: &str,
        target: &str,
        sectors: u64,
        parameters: &str,
    ) -> Result<u64, Errno> {
        // The parameters end with a zero, and all of it on a border of 8.
        let length = (TARGET + parameters.len() + 1).next_multiple_of(8);
        let mut message = message(name, length);
        put(&mut message, TARGETS, &1_u32.to_ne_bytes());
        put(&mut message, FLAGS, &IS_SECRET.to_ne_bytes());
        let spec = &mut message[DEVICE_MAPPER..];
        put(spec, 8, &sectors.to_ne_bytes());
        put(spec, 20, &(length as u32).to_ne_bytes());
        put_text(spec, 24, TARGET_NAME, target)?;
        put(spec, TARGET, parameters.as_bytes());
        self.ask(TABLE_LOAD, &mut message)?;
        Ok(status_in(&message).device)
    }

    /// Uses what was loaded.
    pub fn resume(&self, name: &str) -> Result<(), Errno> {
        self.ask(DEV_SUSPEND, &mut message(name, 0))
    }

    /// Removes it: now where nobody has it open, else when the last has closed it.
    pub fn remove(&self, name: &str) -> Result<(), Errno> {
        let mut message = message(name, 0);
        put(&mut message, FLAGS, &IS_LEAVING.to_ne_bytes());
        self.ask(DEV_REMOVE, &mut message)
    }

    fn ask(&self, command: u8, message: &mut [u8]) -> Result<(), Errno> {
        loop {
            match device_mapper(self.0.as_fd(), command, message) {
                Err(Errno::EINTR) => {}
                answer => return answer,
            }
        }
    }
}

/// One about a device, with so much room after it.
fn message(name: &str, room: usize) -> Vec<u8> {
    let mut message = vec![0; DEVICE_MAPPER + room];
    for (index, part) in VERSION.into_iter().enumerate() {
        put(&mut message, index * 4, &part.to_ne_bytes());
    }
    put(
        &mut message,
        DATA_START,
        &(DEVICE_MAPPER as u32).to_ne_bytes(),
    );
    let name = name.as_bytes();
    put(&mut message, NAME, &name[..name.len().min(NAME_LENGTH - 1)]);
    message
}

fn status_in(message: &[u8]) -> Status {
    let mut flags = [0; 4];
    flags.copy_from_slice(&message[FLAGS..FLAGS + 4]);
    let mut device = [0; 8];
    device.copy_from_slice(&message[DEVICE..DEVICE + 8]);
    Status {
        flags: u32::from_ne_bytes(flags),
        device: u64::from_ne_bytes(device),
    }
}

fn put(message: &mut [u8], at: usize, bytes: &[u8]) {
    message[at..at + bytes.len()].copy_from_slice(bytes);
}

fn put_text(message: &mut [u8], at: usize, room: usize, text: &str) -> Result<(), Errno> {
    match text.len() < room {
        true => put(message, at, text.as_bytes()),
        false => return Err(Errno::ENAMETOOLONG),
    }
    Ok(())
}
