// SPDX-License-Identifier: MIT OR Apache-2.0

//! Putting one layer over the others.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::Ordering;

use super::stream::{self, Count};
use super::tree::Tree;
use super::{Progress, Summary};
use crate::image::error::{name as shown, ImageError};
use crate::image::layer::{inside, link_leads_out, Entry, Input, Kind, LayerReader, Piece, Sought};
use crate::image::limits::Limits;
use crate::image::open::{Image, Layer};

/// How much is read before it is told.
const STEP: u64 = 1 << 20;

/// How much is read at a time.
const BUFFER: usize = 64 << 10;

/// Begins the name of what takes something away.
const WHITEOUT: &[u8] = b".wh.";

/// Takes all away that is in its directory.
const OPAQUE: &[u8] = b".wh..wh..opq";

/// Begins the names of a file system's own files, which say nothing about the image.
const META: &[u8] = b".wh..wh.";

/// Unpacks all layers into `root`, an empty directory. It may not be on the disk yet.
pub fn all(
    image: &Image,
    root: &OwnedFd,
    without_devices: bool,
    progress: &mut dyn FnMut(Progress),
) -> Result<Summary, ImageError> {
    let mut unpacked = Unpacked::new(root, image.limits, without_devices, true)?;
    let mut state = Progress {
        layer: 0,
        layers: image.layers.len(),
        read: 0,
        stored: image.stored(),
    };
    for (index, layer) in image.layers.iter().enumerate() {
        state.layer = index + 1;
        progress(state);
        let before = state.read;
        let mut tell = |read| {
            state.read = before + read;
            progress(state);
        };
        unpacked
            .layer(layer, index == 0, &mut tell)
            .map_err(|error| {
                error.within(format!("layer {} of {}", index + 1, image.layers.len()))
            })?;
        state.read = before + layer.stored();
        unpacked.summary.layers += 1;
    }
    progress(state);
    unpacked.summary.xattrs_left_out = unpacked.tree.xattrs_left_out;
    unpacked.tree.finish()?;
    Ok(unpacked.summary)
}

/// Unpacks an archive that is no layer, and takes nothing away, into `root`, an empty directory: of its
/// entries those that `keep` lets pass, as it leaves them.
///
/// # Errors
///
/// As for a layer.
pub(crate) fn archive(
    file: File,
    root: &OwnedFd,
    keep: &mut dyn FnMut(&mut Entry) -> bool,
) -> Result<(), ImageError> {
    let limits = Limits::default();
    let mut unpacked = Unpacked::new(root, limits, false, false)?;
    unpacked.tree.begin(true);
    let input = Sought::new(file).map_err(ImageError::io("its content"))?;
    let mut reader = LayerReader::new(input, &limits);
    while let Some(mut entry) = reader.next_entry()? {
        if keep(&mut entry) {
            unpacked.entry(&entry, &mut reader, &mut || {})?;
        }
    }
    unpacked.tree.finish()
}

struct Unpacked<'a> {
    tree: Tree<'a>,
    limits: Limits,
    without_devices: bool,
    /// Whether names say that something is taken away.
    has_whiteouts: bool,
    summary: Summary,
    /// Bytes in the files of all layers, holes among them.
    content: u64,
    /// Bytes of all layers as tar files.
    streamed: u64,
    buffer: Vec<u8>,
}

impl<'a> Unpacked<'a> {
    fn new(
        root: &'a OwnedFd,
        limits: Limits,
        without_devices: bool,
        has_whiteouts: bool,
    ) -> Result<Self, ImageError> {
        Ok(Unpacked {
            tree: Tree::new(root, &limits)?,
            limits,
            without_devices,
            has_whiteouts,
            summary: Summary::default(),
            content: 0,
            streamed: 0,
            buffer: vec![0; BUFFER],
        })
    }

    fn layer(
        &mut self,
        layer: &Layer,
        first: bool,
        tell: &mut dyn FnMut(u64),
    ) -> Result<(), ImageError> {
        self.tree.begin(first);
        let count = Count::default();
        // What stands around the content may be more than that: a file of one byte takes a block.
        let most = self
            .limits
            .bytes
            .saturating_mul(2)
            .saturating_sub(self.streamed);
        let stream = stream::open(layer, most, &self.limits, Count::clone(&count))?;
        let mut reader = LayerReader::new(stream, &self.limits);
        let mut told = 0;
        while let Some(entry) = reader.next_entry()? {
            self.entry(&entry, &mut reader, &mut || {
                let read = count.load(Ordering::Relaxed);
                if read - told >= STEP {
                    told = read;
                    tell(told);
                }
            })?;
        }
        self.streamed += reader.position();
        stream::finish(reader.into_input(), &layer.diff_id)
    }

    fn entry(
        &mut self,
        entry: &Entry,
        reader: &mut LayerReader<impl Input>,
        step: &mut dyn FnMut(),
    ) -> Result<(), ImageError> {
        step();
        let refused = |reason: &str| ImageError::new(shown(&entry.name), reason);
        self.tree
            .count(&entry.name)
            .map_err(|reason| refused(&reason))?;
        let path = inside(&entry.name, &self.limits).map_err(refused)?;
        let taken_away = match self.has_whiteouts {
            true => self.taken_away(&path),
            false => Ok(false),
        };
        if taken_away.map_err(|reason| match reason {
            Refused::Name => refused("takes away what has no name of its own"),
            Refused::Tree(error) => error,
        })? {
            self.summary.whiteouts += 1;
            return Ok(());
        }
        if path.as_os_str().is_empty() && entry.kind != Kind::Directory {
            return Err(refused("is the root, and is no directory"));
        }
        match &entry.kind {
            Kind::Directory => {
                self.tree.directory(&path, entry)?;
                self.summary.directories += 1;
            }
            Kind::File => self.file(&path, entry, reader, step)?,
            Kind::Symlink(target) => {
                if target.is_empty() || target.contains(&0) || target.len() > Limits::PATH {
                    return Err(refused("is a symbolic link to what no path can be"));
                }
                if link_leads_out(&path, target) {
                    let reason =
                        format!("is a symbolic link out of the root, to {}", shown(target));
                    return Err(refused(&reason));
                }
                self.tree.symlink(&path, entry, target)?;
                self.summary.symlinks += 1;
            }
            Kind::Hardlink(target) => {
                let target = inside(target, &self.limits).map_err(|reason| {
                    refused(&format!(
                        "is a hard link to {}, which {reason}",
                        shown(target)
                    ))
                })?;
                self.tree.hardlink(&path, &target)?;
                self.summary.hardlinks += 1;
            }
            Kind::Fifo => {
                self.tree.fifo(&path, entry)?;
                self.summary.fifos += 1;
            }
            Kind::Device if self.without_devices => self.summary.devices_left_out += 1,
            Kind::Device => {
                return Err(refused(
                    "is a node of a device, and a jail gets those that it may have from jaula; \
                     --without-devices leaves them out",
                ));
            }
            Kind::Other(letter) => {
                let letter = char::from(*letter).escape_default();
                return Err(refused(&format!(
                    "is of a type that no image has: '{letter}'"
                )));
            }
        }
        Ok(())
    }

    fn file(
        &mut self,
        path: &Path,
        entry: &Entry,
        reader: &mut LayerReader<impl Input>,
        step: &mut dyn FnMut(),
    ) -> Result<(), ImageError> {
        let place = shown(&entry.name);
        self.content = self.content.saturating_add(entry.size);
        if self.content > self.limits.bytes {
            let reason = format!(
                "with it the image has more than {} bytes",
                self.limits.bytes
            );
            return Err(ImageError::new(place, reason));
        }
        let buffer = &mut self.buffer;
        self.tree.file(path, entry, |file| {
            copy(file, entry.size, reader, buffer, step).map_err(ImageError::io(place))
        })?;
        self.summary.files += 1;
        self.summary.bytes += entry.size;
        Ok(())
    }

    /// Does what a whiteout says; false where it is none.
    fn taken_away(&mut self, path: &Path) -> Result<bool, Refused> {
        let name = path.file_name().unwrap_or_default().as_bytes();
        let above = path.parent().unwrap_or(Path::new(""));
        if name == OPAQUE {
            return self
                .tree
                .opaque(above)
                .map(|()| true)
                .map_err(Refused::Tree);
        }
        if name.starts_with(META) {
            return Ok(true);
        }
        let Some(hidden) = name.strip_prefix(WHITEOUT) else {
            return Ok(false);
        };
        if [&b""[..], b".", b".."].contains(&hidden) {
            return Err(Refused::Name);
        }
        let path = above.join(OsStr::from_bytes(hidden));
        self.tree
            .whiteout(&path)
            .map(|()| true)
            .map_err(Refused::Tree)
    }
}

/// Why nothing was taken away.
enum Refused {
    Name,
    Tree(ImageError),
}

/// Writes the content of an entry; where it is zeros for long, it becomes a hole.
fn copy(
    file: &mut File,
    size: u64,
    reader: &mut LayerReader<impl Input>,
    buffer: &mut [u8],
    step: &mut dyn FnMut(),
) -> std::io::Result<()> {
    let mut ends_in_hole = false;
    let hole = |file: &mut File, bytes: u64| {
        let bytes = i64::try_from(bytes).map_err(|_| std::io::ErrorKind::FileTooLarge)?;
        file.seek(SeekFrom::Current(bytes)).map(drop)
    };
    loop {
        match reader.piece(buffer)? {
            Piece::End => break,
            Piece::Hole(bytes) => {
                hole(file, bytes)?;
                ends_in_hole = true;
            }
            Piece::Data(count) if count == buffer.len() && buffer.iter().all(|byte| *byte == 0) => {
                hole(file, count as u64)?;
                ends_in_hole = true;
                step();
            }
            Piece::Data(count) => {
                file.write_all(&buffer[..count])?;
                ends_in_hole = false;
                step();
            }
        }
    }
    if ends_in_hole {
        file.set_len(size)?;
    }
    Ok(())
}
