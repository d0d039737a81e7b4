// SPDX-License-Identifier: MIT OR Apache-2.0

//! A directory as a layer, its names in order.
//!
//! What is in the directory may change while it is read, and be a jail's: no link is followed, and
//! nothing but a regular file is opened.

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::fs::{
    fgetxattr, flistxattr, fstat, open, openat, readlinkat, statat, AtFlags, Dir, FileType, Mode,
    OFlags, Stat,
};
use rustix::io::Errno;
use tar::EntryType;

use super::compress::Layer;
use super::pax::Said;
use super::{Part, Saved};
use crate::image::digest::Digest;
use crate::image::error::{name as shown, ImageError};
use crate::image::layer::Time;
use crate::image::unpack::is_kept;

/// A layer that has been written.
#[derive(Default)]
pub struct Packed {
    /// What it is before it is compressed.
    pub diff_id: Option<Digest>,
    /// When the newest file was changed.
    pub newest: i64,
}

/// How much is read before it is told.
const STEP: u64 = 1 << 20;

/// How deep directories may lie in each other: one is open for each.
const DEEPEST: usize = 512;

/// Begins the name of what takes something away.
const WHITEOUT: &[u8] = b".wh.";

/// Writes a directory as a tar file. All that is saved has no more than `most` bytes in its files.
pub fn pack(
    part: &Part,
    output: Layer<'_>,
    most: u64,
    saved: &mut Saved,
    progress: &mut dyn FnMut(&Saved),
) -> Result<Packed, ImageError> {
    let found = fstat(&part.directory).map_err(|errno| ImageError::kernel("/", LOOKING, errno))?;
    let mut walk = Walk {
        output,
        is_upper: part.is_upper,
        device: found.st_dev,
        links: HashMap::new(),
        newest: 0,
        most,
        left: most.saturating_sub(saved.bytes),
        saved,
        progress,
        told: 0,
        buffer: vec![0; 64 << 10],
    };
    walk.directory(&part.directory, &found, b"./", 0)?;
    let mut output = walk.output;
    let newest = walk.newest;
    let finished = output.write_all(&[0; 1024]).and_then(|()| output.finish());
    Ok(Packed {
        diff_id: Some(finished.map_err(ImageError::io("the layer"))?),
        newest,
    })
}

const LOOKING: &str = "looking at it";

struct Walk<'a, 'b> {
    output: Layer<'a>,
    is_upper: bool,
    /// The file system: what is mounted in the directory is not in it.
    device: u64,
    /// The first names of files that have several.
    links: HashMap<(u64, u64), Vec<u8>>,
    newest: i64,
    /// Bytes that all files may have, and how many more. A file of holes costs who makes it nothing.
    most: u64,
    left: u64,
    saved: &'b mut Saved,
    progress: &'b mut dyn FnMut(&Saved),
    told: u64,
    buffer: Vec<u8>,
}

type Done = Result<(), ImageError>;

impl Walk<'_, '_> {
    /// `name` ends with a slash.
    fn directory(&mut self, directory: &OwnedFd, found: &Stat, name: &[u8], depth: usize) -> Done {
        let place = shown(name);
        let failed = |what: &'static str| {
            let place = &place;
            move |errno| ImageError::kernel(place, what, errno)
        };
        let xattrs = xattrs(directory, &place)?;
        self.add(EntryType::Directory, name, b"", found, 0, &xattrs.kept)?;
        if depth > DEEPEST {
            return Err(ImageError::new(
                place,
                "lies in more directories than can be saved",
            ));
        }
        if self.is_upper && xattrs.is_elsewhere {
            let reason =
                "is elsewhere in a lower layer (an overlay with redirect_dir), and cannot be saved";
            return Err(ImageError::new(place, reason));
        }
        if self.is_upper && xattrs.is_opaque {
            let opaque = [inside(name), b".wh..wh..opq"].concat();
            self.add(EntryType::Regular, &opaque, b"", found, 0, &[])?;
        }
        let mut names: Vec<CString> = Vec::new();
        for entry in Dir::read_from(directory).map_err(failed("reading it"))? {
            let entry = entry.map_err(failed("reading it"))?;
            if ![c".", c".."].contains(&entry.file_name()) {
                names.push(entry.file_name().to_owned());
            }
        }
        names.sort();
        for child in names {
            let path = [inside(name), child.to_bytes()].concat();
            self.entry(directory, &child, path, depth)?;
        }
        Ok(())
    }

    fn entry(&mut self, parent: &OwnedFd, name: &CStr, path: Vec<u8>, depth: usize) -> Done {
        let place = shown(&path);
        let failed = |what: &'static str| {
            let place = &place;
            move |errno| ImageError::kernel(place, what, errno)
        };
        if name.to_bytes().starts_with(WHITEOUT) {
            let reason = "has a name by which images take something away, and cannot be saved";
            return Err(ImageError::new(place, reason));
        }
        let found = match statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) => found,
            // It has gone since the directory was read.
            Err(Errno::NOENT) => return Ok(()),
            Err(errno) => return Err(failed(LOOKING)(errno)),
        };
        match FileType::from_raw_mode(found.st_mode) {
            FileType::Directory => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let directory = openat(parent, name, flags, Mode::empty());
                let directory = directory.map_err(failed("opening it"))?;
                let found = fstat(&directory).map_err(failed(LOOKING))?;
                let path = [&path[..], b"/"].concat();
                match found.st_dev == self.device {
                    true => self.directory(&directory, &found, &path, depth + 1),
                    false => {
                        self.saved.mounts_left_out += 1;
                        self.add(EntryType::Directory, &path, b"", &found, 0, &[])
                    }
                }
            }
            FileType::RegularFile => self.file(parent, name, &path),
            FileType::Symlink => {
                let target = readlinkat(parent, name, Vec::new());
                let target = target.map_err(failed("reading the link"))?;
                self.add(EntryType::Symlink, &path, target.to_bytes(), &found, 0, &[])
            }
            FileType::Fifo => self.add(EntryType::Fifo, &path, b"", &found, 0, &[]),
            FileType::CharacterDevice if self.is_upper && found.st_rdev == 0 => {
                self.whiteout(&path, &found)
            }
            FileType::Socket => {
                self.saved.sockets_left_out += 1;
                Ok(())
            }
            _ => {
                self.saved.devices_left_out += 1;
                Ok(())
            }
        }
    }

    fn file(&mut self, parent: &OwnedFd, name: &CStr, path: &[u8]) -> Done {
        let place = shown(path);
        let failed = |what: &'static str| {
            let place = &place;
            move |errno| ImageError::kernel(place, what, errno)
        };
        // Whatever has taken its place meanwhile, looking at it does nothing and waits for nobody.
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(parent, name, flags, Mode::empty());
        let file = file.map_err(failed("opening it"))?;
        let found = fstat(&file).map_err(failed(LOOKING))?;
        if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
            return Err(ImageError::new(place, CHANGED));
        }
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let path_of = format!("/proc/self/fd/{}", file.as_raw_fd());
        let file = open(path_of, flags, Mode::empty()).map_err(failed("opening it"))?;
        let xattrs = xattrs(&file, &place)?;
        if self.is_upper && xattrs.is_whiteout {
            return self.whiteout(path, &found);
        }
        if self.is_upper && xattrs.is_elsewhere {
            let reason =
                "is elsewhere in a lower layer (an overlay with metacopy), and cannot be saved";
            return Err(ImageError::new(place, reason));
        }
        if found.st_nlink > 1 {
            let first = self.links.entry((found.st_dev, found.st_ino));
            match first {
                std::collections::hash_map::Entry::Occupied(first) => {
                    let first = first.get().clone();
                    return self.add(EntryType::Link, path, &first, &found, 0, &[]);
                }
                std::collections::hash_map::Entry::Vacant(first) => {
                    first.insert(path.to_vec());
                }
            }
        }
        let size = u64::try_from(found.st_size).unwrap_or_default();
        self.left = self.left.checked_sub(size).ok_or_else(|| {
            let reason = format!(
                "with it there are more than {} bytes, which is what an image may have",
                self.most
            );
            ImageError::new(&place, reason)
        })?;
        self.add(EntryType::Regular, path, b"", &found, size, &xattrs.kept)?;
        self.content(std::fs::File::from(file), size)
            .map_err(ImageError::io(&place))?;
        self.saved.files += 1;
        Ok(())
    }

    fn content(&mut self, mut file: std::fs::File, size: u64) -> io::Result<()> {
        let mut left = size;
        while left > 0 {
            let most =
                usize::try_from(left).map_or(self.buffer.len(), |left| left.min(self.buffer.len()));
            let count = file.read(&mut self.buffer[..most])?;
            if count == 0 {
                return Err(io::Error::other(CHANGED));
            }
            self.output.write_all(&self.buffer[..count])?;
            left -= count as u64;
            self.saved.bytes += count as u64;
            if self.saved.bytes - self.told >= STEP {
                self.told = self.saved.bytes;
                (self.progress)(self.saved);
            }
        }
        let padding = (512 - size % 512) % 512;
        self.output
            .write_all(&[0; 512][..usize::try_from(padding).unwrap_or_default()])
    }

    /// Notes what overlayfs hides, as images do.
    fn whiteout(&mut self, path: &[u8], found: &Stat) -> Done {
        let at = path
            .iter()
            .rposition(|byte| *byte == b'/')
            .map_or(0, |at| at + 1);
        let name = [&path[..at], WHITEOUT, &path[at..]].concat();
        self.add(EntryType::Regular, &name, b"", found, 0, &[])
    }

    fn add(
        &mut self,
        kind: EntryType,
        name: &[u8],
        link: &[u8],
        found: &Stat,
        size: u64,
        xattrs: &[(Vec<u8>, Vec<u8>)],
    ) -> Done {
        let modified = Time {
            seconds: found.st_mtime,
            nanoseconds: u32::try_from(found.st_mtime_nsec).unwrap_or_default(),
        };
        self.newest = self.newest.max(modified.seconds);
        let said = Said {
            kind,
            name,
            link,
            mode: found.st_mode & 0o7777,
            uid: found.st_uid,
            gid: found.st_gid,
            size,
            modified,
            xattrs,
        };
        self.output
            .write_all(&said.blocks())
            .map_err(ImageError::io(shown(name)))
    }
}

const CHANGED: &str = "has changed while it was read; save what no jail is running in";

/// What is before the names in a directory.
fn inside(name: &[u8]) -> &[u8] {
    match name {
        b"./" => b"",
        name => name,
    }
}

/// Extended attributes, and what overlayfs says with its own.
#[derive(Default)]
struct Xattrs {
    kept: Vec<(Vec<u8>, Vec<u8>)>,
    is_opaque: bool,
    is_whiteout: bool,
    /// Its content, or what was in it, has another name below.
    is_elsewhere: bool,
}

fn xattrs(file: &OwnedFd, place: &str) -> Result<Xattrs, ImageError> {
    let failed = |errno| ImageError::kernel(place, "reading its attributes", errno);
    let mut names = vec![0; 64 << 10];
    let length = match flistxattr(file.as_fd(), &mut names[..]) {
        Ok(length) => length,
        Err(Errno::OPNOTSUPP) => return Ok(Xattrs::default()),
        Err(errno) => return Err(failed(errno)),
    };
    let mut xattrs = Xattrs::default();
    let mut sorted: Vec<&[u8]> = names[..length].split(|byte| *byte == 0).collect();
    sorted.sort_unstable();
    for name in sorted {
        let of_overlay = name.strip_prefix(b"trusted.overlay.");
        // Anybody can set a user's own, and no layer of a root is mounted so that they mean something.
        let is_kept = is_kept(name);
        if of_overlay.is_none() && !is_kept {
            continue;
        }
        let mut value = vec![0; 64 << 10];
        let length = match fgetxattr(file.as_fd(), name, &mut value[..]) {
            Ok(length) => length,
            Err(Errno::NODATA) => continue,
            Err(errno) => return Err(failed(errno)),
        };
        value.truncate(length);
        match of_overlay {
            Some(b"opaque") => xattrs.is_opaque = value == b"y",
            Some(b"whiteout") => xattrs.is_whiteout = true,
            Some(b"redirect" | b"metacopy") => xattrs.is_elsewhere = true,
            Some(_) => {}
            None => xattrs.kept.push((name.to_vec(), value)),
        }
    }
    Ok(xattrs)
}
