// SPDX-License-Identifier: MIT OR Apache-2.0

//! The device with the decrypted data of a volume.
//!
//! It is named after the file, so that there is one of each, which jails share. It has to go by itself with
//! the last that uses it, whatever becomes of who has made it. So it is opened before it can be used, and
//! removed while it is open: the kernel does that when the last has closed it. Its loop device
//! lets go of the file then in the same way.
//!
//! Until it is open and removed it has no key, and nothing but a SIGKILL to the very process that makes it comes
//! in between. What is left by that has never been used, and is removed by the next that opens the
//! volume: all of this is done by one process at a time, which the file is locked for.

use std::fs::{File, OpenOptions};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{fcntl, openat, FcntlArg, OFlag, AT_FDCWD};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::stat::{mknodat, Mode, SFlag};
use nix::unistd::{getppid, setsid, unlinkat, Pid, UnlinkatFlags};
use rustix::fs::{fstat, major, minor, Stat};

use super::cryptsetup::VolumeKey;
use super::loop_device::LoopDevice;
use super::mapper::Mapper;
use super::segment::Segment;
use crate::sys::volume::SecretKey;
use crate::text::reason;

/// The target that decrypts.
pub const TARGET: &str = "crypt";

/// What the names of the devices begin with.
pub const PREFIX: &str = "jaula-";

/// How long one that is on its way out may take.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);

/// What a node of the device is called, by which it is seen in the jail.
const NODE: &str = "jaula";

/// A file, locked for the making of its device.
pub struct Locked<'a> {
    file: &'a OwnedFd,
    /// What holds the lock. The loop device must not have it, which would keep that.
    _lock: File,
    name: String,
    mapper: Mapper,
}

/// How a device of that name stands.
enum Found {
    Nothing,
    Open(OwnedFd),
    /// It is on its way out.
    Leaving,
}

impl<'a> Locked<'a> {
    /// Waits until nobody else makes its device. `file` is open for reading and writing.
    ///
    /// # Errors
    ///
    /// A text that says what is in the way.
    pub fn new(file: &'a OwnedFd) -> Result<Self, String> {
        // As large as it may be on a machine of 32 bits.
        let stat = fstat(file).map_err(|error| error.to_string())?;
        let lock = reopen(file).map_err(|error| error.to_string())?;
        let all = libc::flock {
            l_type: libc::F_WRLCK as _,
            l_whence: libc::SEEK_SET as _,
            l_start: 0,
            l_len: 0,
            l_pid: 0,
        };
        let since = Instant::now();
        let mut is_told = false;
        loop {
            // Only to wait for it would not tell anybody why.
            let locked = match is_told {
                false => fcntl(&lock, FcntlArg::F_OFD_SETLK(&all)),
                true => fcntl(&lock, FcntlArg::F_OFD_SETLKW(&all)),
            };
            match locked {
                Ok(_) => break,
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN | Errno::EACCES) if since.elapsed() < PATIENCE => sleep(LOOK),
                Err(Errno::EAGAIN | Errno::EACCES) => {
                    is_told = true;
                    crate::complain!(
                        "jaula: another opens the volume, and may have been asked for its passphrase: \
                         waiting for that"
                    );
                }
                Err(errno) => return Err(format!("locking it: {}", reason(errno))),
            }
        }
        Ok(Locked {
            file,
            _lock: lock,
            name: name_of(&stat),
            mapper: Mapper::open()?,
        })
    }

    /// Its device, where there is one. The working directory must be in memory.
    ///
    /// # Errors
    ///
    /// A text that says what is in the way.
    pub fn find(&self) -> Result<Option<OwnedFd>, String> {
        let since = Instant::now();
        loop {
            match self.look().map_err(|errno| self.failed("opening it", errno))? {
                Found::Nothing => return Ok(None),
                Found::Open(device) => return Ok(Some(device)),
                Found::Leaving if since.elapsed() > PATIENCE => {
                    return Err(format!(
                        "its device {} is in use by something else, and cannot be used: \"dmsetup remove \
                         {0}\" takes it away",
                        self.name
                    ))
                }
                Found::Leaving => sleep(LOOK),
            }
        }
    }

    fn look(&self) -> Result<Found, Errno> {
        let Some(status) = self.mapper.status(&self.name)? else {
            return Ok(Found::Nothing);
        };
        if !status.is_leaving() {
            // Its maker was killed.
            match self.mapper.remove(&self.name) {
                Ok(()) | Err(Errno::ENXIO) => return Ok(Found::Leaving),
                Err(errno) => return Err(errno),
            }
        }
        let device = match open(status.device) {
            Ok(device) => device,
            Err(Errno::ENXIO | Errno::ENODEV | Errno::ENOENT) => return Ok(Found::Leaving),
            Err(errno) => return Err(errno),
        };
        // It stays for as long as it is open here.
        match self.mapper.status(&self.name)? {
            Some(now) if now.device == status.device && now.is_ready() => Ok(Found::Open(device)),
            _ => Ok(Found::Leaving),
        }
    }

    /// Makes it. The working directory must be in memory.
    ///
    /// # Errors
    ///
    /// A text that says what is in the way; there is none then.
    pub fn make(&self, segment: &Segment, key: &VolumeKey) -> Result<OwnedFd, String> {
        self.mapper.require(TARGET)?;
        // Not what is locked, but the file once more.
        let file = reopen(self.file).map_err(|error| error.to_string())?;
        let disk = LoopDevice::attach(&file.into())?;
        let size = disk.size();
        let sectors = segment.sectors(size.map_err(|error| error.to_string())?)?;
        let description = format!("jaula:{}", self.name);
        let parameters = segment.parameters(&disk.number, &description, key.len());
        let description = std::ffi::CString::new(description).map_err(|error| error.to_string())?;
        let secret = SecretKey::new(&description, key).map_err(|errno| match errno {
            Errno::ENOSYS => "the kernel has no keys to give it (CONFIG_KEYS)".to_owned(),
            errno => self.failed("giving the kernel its key", errno),
        })?;
        let device = self.prepare(&disk.number, sectors)?;
        // From here on it goes with this process.
        self.mapper
            .load(&self.name, TARGET, sectors, &parameters)
            .map_err(|errno| match errno {
                Errno::EINVAL | Errno::ENOENT => format!(
                    "the kernel does not decrypt it ({parameters}): {}; it may lack the cipher, and its \
                     log (dmesg) says more",
                    reason(errno)
                ),
                errno => self.failed("having the kernel decrypt it", errno),
            })?;
        drop(secret);
        self.mapper
            .resume(&self.name)
            .map_err(|errno| self.failed("using it", errno))?;
        Ok(device)
    }

    /// Makes a device that decrypts nothing so far, open, and gone with the last who has it open.
    ///
    /// It takes a table to be opened. With one of the disk as it is that is quick, and holds no key.
    fn prepare(&self, disk: &str, sectors: u64) -> Result<OwnedFd, String> {
        let Locked { mapper, name, .. } = self;
        let _undisturbed =
            Undisturbed::begin().map_err(|errno| self.failed("not being disturbed", errno))?;
        // The first word says what kind of device it is.
        mapper
            .create(name, &format!("CRYPT-JAULA-{name}"))
            .map_err(|errno| self.failed("making it", errno))?;
        let opened = mapper
            .load(name, "linear", sectors, &format!("{disk} 0"))
            .map_err(|errno| self.failed("having it be a disk", errno))
            .and_then(|device| open(device).map_err(|errno| self.failed("opening it", errno)));
        // Where it is not open that is at once.
        let removed = mapper.remove(name);
        let device = opened?;
        removed.map_err(|errno| self.failed("having it go by itself", errno))?;
        Ok(device)
    }

    fn failed(&self, what: &str, errno: Errno) -> String {
        format!("its device {}: {what}: {}", self.name, reason(errno))
    }
}

/// Nothing but a SIGKILL to just this process comes in between, as long as this lives: neither other
/// signals, nor the end of its parent, nor what is sent to the process group of a terminal.
struct Undisturbed {
    parent: Pid,
    signals: SigSet,
}

impl Undisturbed {
    fn begin() -> Result<Self, Errno> {
        let mut all = SigSet::all();
        all.remove(Signal::SIGKILL);
        let signals = all.thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
        let parent = getppid();
        prctl::set_pdeathsig(None)?;
        // Who leads a session has one already.
        let _ = setsid();
        Ok(Undisturbed { parent, signals })
    }
}

impl Drop for Undisturbed {
    fn drop(&mut self) {
        let restored = prctl::set_pdeathsig(Signal::SIGKILL);
        if restored.is_err() || getppid() != self.parent {
            // What is open is closed, and so gone.
            crate::sys::exit_now(1);
        }
        let _ = self.signals.thread_set_mask();
    }
}

/// Waits until the device of a file has gone; whether it has.
pub fn wait_until_gone(file: &OwnedFd) -> bool {
    let (Ok(mapper), Ok(stat)) = (Mapper::open(), fstat(file)) else {
        return false;
    };
    let (name, since) = (name_of(&stat), Instant::now());
    loop {
        match mapper.status(&name) {
            Ok(None) => return true,
            _ if since.elapsed() > PATIENCE => return false,
            _ => sleep(LOOK),
        }
    }
}

/// By the file: a volume that was copied is another one.
fn name_of(stat: &Stat) -> String {
    let (device, inode) = (stat.st_dev, stat.st_ino);
    format!("{PREFIX}{}-{}-{inode}", major(device), minor(device))
}

/// Opens a file once more, which need not have a name.
pub fn reopen(file: &OwnedFd) -> std::io::Result<File> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(Path::new(&path))
}

/// A node by which a device is opened, in the working directory: the /dev of the machine need not have one
/// yet.
pub struct Node(());

impl Node {
    fn new(device: u64) -> Result<Self, Errno> {
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        mknodat(AT_FDCWD, NODE, SFlag::S_IFBLK, mode, device)?;
        Ok(Node(()))
    }

    /// One of what is open.
    ///
    /// # Errors
    ///
    /// A text that says what is in the way.
    pub fn of(device: &OwnedFd) -> Result<Self, String> {
        let failed = |why: String| format!("a node of its device: {why}");
        let stat = fstat(device).map_err(|error| failed(error.to_string()))?;
        Self::new(stat.st_rdev).map_err(|errno| failed(reason(errno)))
    }

    /// Where it is.
    pub fn path(&self) -> &'static Path {
        Path::new(NODE)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It is in memory, and goes with it all the same.
        let _ = unlinkat(AT_FDCWD, NODE, UnlinkatFlags::NoRemoveDir);
    }
}

/// Opens a device by its number.
fn open(device: u64) -> Result<OwnedFd, Errno> {
    let node = Node::new(device)?;
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    openat(AT_FDCWD, node.path(), flags, Mode::empty())
}

/// Looks whether there is all that it takes.
///
/// # Errors
///
/// A text that says what is missing.
pub fn require() -> Result<(), String> {
    super::loop_device::control()?;
    Mapper::open()?.require(TARGET)
}
