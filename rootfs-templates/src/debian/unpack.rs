// SPDX-License-Identifier: MIT OR Apache-2.0

//! Unpacking a system, without what no root has: devices, set-user-ID.
//!
//! As a layer of an image is: what lies beside the directory that grows may be somebody's to change, and no link
//! that he lays there in the meantime is followed.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;

use super::DebianError;
use crate::image::layer::{inside, Entry, Kind};
use crate::image::{unpack_archive, Limits};

const SETS_ID: u32 = 0o6000;

/// What a builder copies from the machine that it runs on.
const COPIED: [&str; 2] = ["etc/hostname", "etc/resolv.conf"];

/// What the jail has of its own.
const DEV: &str = "dev";

/// Unpacks an archive that a builder has made. Left out are devices and FIFOs, and extended attributes,
/// capabilities of files among them; and set-user-ID and set-group-ID of files, unless they are wanted.
pub fn unpack(archive: &Path, into: OwnedFd, set_id: bool) -> Result<(), DebianError> {
    let failed = |why: &dyn std::fmt::Display| DebianError::new(archive.display(), why);
    let file = File::open(archive).map_err(|error| failed(&error))?;
    let keep = &mut |entry: &mut Entry| keep(entry, set_id);
    unpack_archive(file, &into, keep).map_err(|error| failed(&error))
}

fn keep(entry: &mut Entry, set_id: bool) -> bool {
    // One that is nowhere is refused by its name.
    let path = inside(&entry.name, &Limits::default()).unwrap_or_default();
    entry.xattrs.clear();
    match entry.kind {
        Kind::Fifo | Kind::Device => return false,
        Kind::File if !set_id => entry.mode &= !SETS_ID,
        Kind::File | Kind::Directory | Kind::Symlink(_) | Kind::Hardlink(_) | Kind::Other(_) => {}
    }
    let is_in_dev = path.starts_with(DEV) && path != Path::new(DEV);
    !is_in_dev && !COPIED.iter().any(|copied| path == Path::new(copied))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};

    use tar::{Builder, EntryType, Header};

    use super::*;

    fn archive(path: &Path, entries: &[(&str, EntryType, u32, &str)]) {
        let mut builder = Builder::new(File::create(path).expect("create"));
        for (name, kind, mode, content) in entries {
            let mut header = Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_mode(*mode);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(7);
            let is_link = [EntryType::Symlink, EntryType::Link].contains(kind);
            let size = if is_link { 0 } else { content.len() as u64 };
            header.set_size(size);
            match is_link {
                true => builder.append_link(&mut header, name, content),
                false => builder.append_data(&mut header, name, content.as_bytes()),
            }
            .expect("append");
        }
        builder.into_inner().expect("finish");
    }

    #[test]
    fn what_no_root_has_is_left_out() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        use EntryType as Is;
        let dir = tempfile::tempdir().expect("temporary directory");
        let (tar, root) = (dir.path().join("x.tar"), dir.path().join("root"));
        let entries = [
            ("etc", Is::Directory, 0o755, ""),
            ("etc/hostname", Is::Regular, 0o644, "machine"),
            ("etc/passwd", Is::Regular, 0o644, "root"),
            ("etc/.wh.passwd", Is::Regular, 0o644, "no whiteout"),
            ("dev", Is::Directory, 0o755, ""),
            ("dev/null", Is::Char, 0o666, ""),
            ("dev/fd", Is::Symlink, 0o777, "/proc/self/fd"),
            ("bin", Is::Directory, 0o2755, ""),
            ("bin/su", Is::Regular, 0o4755, "su"),
            ("bin/sg", Is::Link, 0o4755, "bin/su"),
            ("pipe", Is::Fifo, 0o644, ""),
        ];
        archive(&tar, &entries);
        for set_id in [false, true] {
            std::fs::create_dir(&root).expect("mkdir");
            let open = File::open(&root).expect("open");
            unpack(&tar, open.into(), set_id).expect("unpacked");
            let found = |name: &str| root.join(name).symlink_metadata();
            for name in ["etc/hostname", "dev/null", "dev/fd", "pipe"] {
                assert!(found(name).is_err(), "{name}");
            }
            for name in ["etc/passwd", "etc/.wh.passwd", "dev", "bin/sg"] {
                assert!(found(name).is_ok(), "{name}");
            }
            let su = found("bin/su").expect("su");
            let mode = if set_id { 0o4755 } else { 0o755 };
            assert_eq!((su.mode() & 0o7777, su.nlink(), su.mtime()), (mode, 2, 7));
            assert!(!su.file_type().is_fifo());
            assert_eq!(found("bin").expect("bin").mode() & 0o7777, 0o2755);
            std::fs::remove_dir_all(&root).expect("remove");
        }
        for (name, kind, content) in [
            ("out", Is::Symlink, "../../etc/passwd"),
            ("hard", Is::Link, "../x"),
        ] {
            archive(&tar, &[(name, kind, 0o777, content)]);
            std::fs::create_dir(&root).expect("mkdir");
            let open = File::open(&root).expect("open");
            let error = unpack(&tar, open.into(), false)
                .expect_err(name)
                .to_string();
            assert!(error.contains(name), "{error}");
            std::fs::remove_dir_all(&root).expect("remove");
        }
    }
}
