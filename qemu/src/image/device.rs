// SPDX-License-Identifier: MIT OR Apache-2.0

//! Whether a block device is a card that may be overwritten.

use anyhow::{bail, ensure, Context, Result};
use nix::libc::O_EXCL;
use nix::sys::stat::{major, minor};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{ErrorKind, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A card, open for writing. The kernel lets nobody mount it meanwhile.
#[derive(Debug)]
pub struct Device {
    /// The name that it was given by.
    pub path: PathBuf,
    /// The device.
    pub file: File,
}

/// What the kernel tells about block devices.
struct Kernel<'a> {
    /// `/sys/dev/block`, or a stand-in.
    devices: &'a Path,
    /// The content of `/proc/self/mountinfo`.
    mounts: &'a str,
    /// The content of `/proc/swaps`.
    swaps: &'a str,
}

/// Opens a block device if it is a removable disk with room for as many bytes as are `needed`, nobody
/// uses it, and `force` is given.
pub fn examine(path: &Path, force: bool, needed: u64) -> Result<Device> {
    let number = fs::metadata(path)
        .with_context(|| path.display().to_string())?
        .rdev();
    let mounts = fs::read_to_string("/proc/self/mountinfo").context("/proc/self/mountinfo")?;
    let swaps = match fs::read_to_string("/proc/swaps") {
        // A kernel that cannot swap.
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        read => read.context("/proc/swaps")?,
    };
    let kernel = Kernel {
        devices: Path::new("/sys/dev/block"),
        mounts: &mounts,
        swaps: &swaps,
    };
    let name = format!("{}:{}", major(number), minor(number));
    may_be_written(&kernel, &name, force).with_context(|| path.display().to_string())?;
    let file = open(path).with_context(|| format!("{}: cannot be written", path.display()))?;
    // The name may lead to another device by now, if somebody has changed the card.
    ensure!(
        file.metadata()?.rdev() == number,
        "{}: has become another device meanwhile",
        path.display()
    );
    let size = (&file).seek(SeekFrom::End(0))?;
    ensure!(
        size >= needed,
        "{}: has {} MiB, and the image takes {}",
        path.display(),
        size >> 20,
        needed >> 20
    );
    (&file).seek(SeekFrom::Start(0))?;
    Ok(Device {
        path: path.to_path_buf(),
        file,
    })
}

fn open(path: &Path) -> Result<File> {
    // On a block device, O_EXCL is refused while the kernel itself uses any part of it.
    File::options()
        .read(true)
        .write(true)
        .custom_flags(O_EXCL)
        .open(path)
        .map_err(|error| match error.kind() {
            ErrorKind::ResourceBusy => anyhow::anyhow!("it is in use"),
            ErrorKind::PermissionDenied => anyhow::anyhow!("{error}; writing a card needs root"),
            _ => error.into(),
        })
}

/// `number` is `MAJOR:MINOR`.
fn may_be_written(kernel: &Kernel, number: &str, force: bool) -> Result<()> {
    let device = kernel.devices.join(number);
    ensure!(
        device.is_dir(),
        "the kernel tells nothing about device {number}"
    );
    ensure!(
        !device.join("partition").exists(),
        "is a partition; the image has a partition table of its own and takes the whole card"
    );
    ensure!(
        is_removable(&device),
        "is not a removable disk, and is left alone; write the image to a file and copy that \
         yourself if you are sure"
    );
    let parts = with_partitions(&device, number)?;
    if let Some(place) = mounted_at(kernel.mounts, &parts) {
        bail!("is mounted at {place}; unmount it first");
    }
    if let Some(swap) = kernel.swaps.lines().skip(1).find(|line| {
        let name = line.split_whitespace().next().unwrap_or_default();
        fs::metadata(name).is_ok_and(|meta| {
            parts.contains(&format!("{}:{}", major(meta.rdev()), minor(meta.rdev())))
        })
    }) {
        bail!("is swapped to ({swap})");
    }
    ensure!(
        force,
        "is a disk; --force overwrites everything that is on it"
    );
    Ok(())
}

/// A reader's card has the flag; a slot that is part of the machine has none, but says `SD`.
fn is_removable(device: &Path) -> bool {
    let says = |file: &str, word: &str| {
        fs::read_to_string(device.join(file)).is_ok_and(|text| text.trim() == word)
    };
    says("removable", "1") || says("device/type", "SD")
}

fn with_partitions(device: &Path, number: &str) -> Result<BTreeSet<String>> {
    let mut numbers = BTreeSet::from([number.to_owned()]);
    for entry in fs::read_dir(device).with_context(|| device.display().to_string())? {
        let below = entry?.path();
        if below.join("partition").exists() {
            let number = fs::read_to_string(below.join("dev"))
                .with_context(|| below.display().to_string())?;
            numbers.insert(number.trim().to_owned());
        }
    }
    Ok(numbers)
}

/// The mount point of the first of these devices that is mounted.
fn mounted_at<'a>(mountinfo: &'a str, numbers: &BTreeSet<String>) -> Option<&'a str> {
    mountinfo.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(2);
        let number = fields.next()?;
        numbers.contains(number).then(|| fields.nth(1)).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 8:1 / / rw - ext4 /dev/sda1 rw
23 22 8:17 / /media/u/card rw - vfat /dev/sdb1 rw
";

    struct Disk(tempfile::TempDir);

    impl Disk {
        fn new(removable: &str) -> Result<Self> {
            let disk = Self(tempfile::tempdir()?);
            disk.file("8:16/removable", removable)?;
            disk.file("8:16/sdb1/partition", "1\n")?;
            disk.file("8:16/sdb1/dev", "8:17\n")?;
            Ok(disk)
        }

        fn file(&self, name: &str, content: &str) -> Result<()> {
            let path = self.0.path().join(name);
            fs::create_dir_all(path.parent().context("a directory")?)?;
            Ok(fs::write(path, content)?)
        }

        fn ask(&self, number: &str, mounts: &str, force: bool) -> String {
            let kernel = Kernel {
                devices: self.0.path(),
                mounts,
                swaps: "",
            };
            match may_be_written(&kernel, number, force) {
                Ok(()) => "yes".to_owned(),
                Err(error) => format!("{error:#}"),
            }
        }
    }

    #[test]
    fn removable_disk_is_written_with_force_only() -> Result<()> {
        let disk = Disk::new("1\n")?;
        assert_eq!(disk.ask("8:16", "", true), "yes");
        assert!(disk.ask("8:16", "", false).contains("--force"));
        Ok(())
    }

    #[test]
    fn fixed_disk_is_left_alone_whatever_is_asked() -> Result<()> {
        let disk = Disk::new("0\n")?;
        assert!(disk.ask("8:16", "", true).contains("not a removable disk"));
        disk.file("8:16/device/type", "MMC\n")?;
        assert!(disk.ask("8:16", "", true).contains("not a removable disk"));
        disk.file("8:16/device/type", "SD\n")?;
        assert_eq!(disk.ask("8:16", "", true), "yes");
        Ok(())
    }

    #[test]
    fn mounted_disk_is_left_alone() -> Result<()> {
        let disk = Disk::new("1\n")?;
        assert!(disk.ask("8:16", MOUNTS, true).contains("/media/u/card"));
        Ok(())
    }

    #[test]
    fn partition_and_unknown_device_are_refused() -> Result<()> {
        let disk = Disk::new("1\n")?;
        disk.file("8:17/partition", "1\n")?;
        assert!(disk.ask("8:17", "", true).contains("is a partition"));
        assert!(disk.ask("9:9", "", true).contains("9:9"));
        Ok(())
    }
}
