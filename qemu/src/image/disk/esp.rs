// SPDX-License-Identifier: MIT OR Apache-2.0

//! The EFI system partition: the boot loaders that Debian has signed, where firmware looks for them.

use anyhow::{Context, Result};
use fatfs::{Dir, FileSystem, FormatVolumeOptions, FsOptions, ReadWriteSeek};
use fscommon::StreamSlice;
use std::fs::{self, File};
use std::io::Write;
use std::ops::Range;
use std::path::Path;

/// What firmware starts when it knows nothing of this disk, and what that starts.
const REMOVABLE: &str = "EFI/BOOT";
/// Where Debian has its own.
const DEBIAN: &str = "EFI/debian";

/// The boot loaders as Debian's packages have them.
pub const SIGNED: [&str; 3] = [
    "/usr/lib/shim/shimx64.efi.signed",
    "/usr/lib/shim/mmx64.efi.signed",
    "/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed",
];

/// The name of a path's file.
pub fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The names that each has in Debian's packages and here.
const LOADERS: [(&str, &str, &str); 6] = [
    ("shimx64.efi.signed", REMOVABLE, "BOOTX64.EFI"),
    ("grubx64.efi.signed", REMOVABLE, "grubx64.efi"),
    ("mmx64.efi.signed", REMOVABLE, "mmx64.efi"),
    ("shimx64.efi.signed", DEBIAN, "shimx64.efi"),
    ("grubx64.efi.signed", DEBIAN, "grubx64.efi"),
    ("mmx64.efi.signed", DEBIAN, "mmx64.efi"),
];

/// Makes the file system in these bytes of the disk, of the boot loaders in a directory.
///
/// `id` is its serial number, and `root` the file system that has GRUB's menu.
pub fn write(disk: &File, bytes: &Range<u64>, id: u32, root: &str, loaders: &Path) -> Result<()> {
    let slice = || StreamSlice::new(disk, bytes.start, bytes.end).context("EFI system partition");
    let options = FormatVolumeOptions::new()
        .volume_label(*b"EFI        ")
        .volume_id(id);
    fatfs::format_volume(slice()?, options).context("EFI system partition: cannot format it")?;
    let fat = FileSystem::new(slice()?, FsOptions::new()).context("EFI system partition")?;
    let top = fat.root_dir();
    for (from, dir, name) in LOADERS {
        let path = loaders.join(from);
        let content = fs::read(&path).with_context(|| path.display().to_string())?;
        add(&top, dir, name, &content)?;
    }
    // The prefix that Debian's GRUB has built in; what grub-install(8) writes there.
    let menu = format!(
        "search.fs_uuid {root} root\nset prefix=($root)'/boot/grub'\nconfigfile $prefix/grub.cfg\n"
    );
    add(&top, DEBIAN, "grub.cfg", menu.as_bytes())?;
    drop(top);
    fat.unmount()
        .context("EFI system partition: cannot finish it")
}

fn add<T: ReadWriteSeek>(top: &Dir<T>, dir: &str, name: &str, content: &[u8]) -> Result<()> {
    let cannot = || format!("EFI system partition: cannot write {dir}/{name}");
    let mut parent = top.clone();
    for part in dir.split('/') {
        parent = parent.create_dir(part).with_context(cannot)?;
    }
    let mut file = parent.create_file(name).with_context(cannot)?;
    file.write_all(content).with_context(cannot)?;
    file.flush().with_context(cannot)
}

/// The serial number as mount(8) and fstab(5) write it.
pub fn shown(id: u32) -> String {
    format!("{:04X}-{:04X}", id >> 16, id & 0xffff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn serial_numbers_are_written_as_fstab_has_them() {
        assert_eq!(shown(0x0abc_12ef), "0ABC-12EF");
    }

    #[test]
    fn loaders_are_where_firmware_looks() -> Result<()> {
        let (disk, loaders) = (tempfile::tempfile()?, tempfile::tempdir()?);
        for (from, ..) in LOADERS {
            fs::write(loaders.path().join(from), from)?;
        }
        let bytes = 1 << 20..65 << 20;
        disk.set_len(bytes.end)?;
        write(&disk, &bytes, 1, "the-root", loaders.path())?;
        let fat = FileSystem::new(
            StreamSlice::new(&disk, bytes.start, bytes.end)?,
            FsOptions::new(),
        )?;
        let read = |path: &str| -> Result<String> {
            let mut text = String::new();
            fat.root_dir().open_file(path)?.read_to_string(&mut text)?;
            Ok(text)
        };
        assert_eq!(read("efi/boot/bootx64.efi")?, "shimx64.efi.signed");
        assert_eq!(read("EFI/debian/grubx64.efi")?, "grubx64.efi.signed");
        assert!(read("EFI/debian/grub.cfg")?.contains("the-root"));
        Ok(())
    }

    #[test]
    fn a_loader_that_is_not_there_is_named() -> Result<()> {
        let (disk, loaders) = (tempfile::tempfile()?, tempfile::tempdir()?);
        disk.set_len(65 << 20)?;
        let error = write(&disk, &(0..64 << 20), 1, "r", loaders.path()).expect_err("no file");
        assert!(
            format!("{error:#}").contains("shimx64.efi.signed"),
            "{error:#}"
        );
        Ok(())
    }
}
