// SPDX-License-Identifier: MIT OR Apache-2.0

//! What roots were built of, and what was in them then.
//!
//! It lies below /var/lib/jaula, where nothing in a root can change it, a file for each root, called by
//! the digest of its path. The first line is JSON; then there is a line for each file.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jaula_rootfs::image::{Config, Image};
use jaula_rootfs::listing::digest_of;
use jaula_rootfs::{Listing, Template};
use rustix::fs::{flock, statvfs, FlockOperation};
use serde::{Deserialize, Serialize};

use crate::text::shown;
use crate::trusted_path::{self, Refusal};

/// Where the files are.
const DIRECTORY: &str = "/var/lib/jaula/roots";

/// Nobody else may look.
const MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// The largest file, in bytes, and how much of that the first line may be: an image's configuration has
/// no more.
const LARGEST: u64 = 256 << 20;
const HEAD: u64 = 32 << 20;

/// What a root was built of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The first line.
    pub head: Head,
    /// What was in it.
    pub listing: Listing,
}

/// In few words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Where it was put, as far as that can be written so.
    pub path: String,
    /// What it was asked for by.
    pub template: String,
    /// What the variables of the template stood for.
    pub settings: BTreeMap<String, String>,
    /// What stands for all that was in it.
    pub digest: String,
    /// What an image says about running it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Config>,
    /// The directories above it, the nearest first, where all of them can be told from others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    above: Vec<Place>,
}

/// Which directory something is: its file system, and its number there. Unlike the number of a device they stay
/// what they are when the machine is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place(u64, u64);

impl Place {
    fn of(path: &Path) -> Option<Self> {
        let (found, system) = (path.symlink_metadata().ok()?, statvfs(path).ok()?);
        (system.f_fsid != 0).then_some(Place(system.f_fsid, found.ino()))
    }

    fn above(path: &Path) -> Vec<Self> {
        let above = path.ancestors().skip(1).map(Place::of);
        above.collect::<Option<_>>().unwrap_or_default()
    }
}

impl Head {
    /// Whether what it tells of is gone for good: it could also lie on a disk that is not mounted.
    fn is_gone(&self) -> bool {
        let path = Path::new(&self.path);
        let is_missing = |path: &Path| {
            let kind = path.symlink_metadata().map_err(|error| error.kind());
            matches!(
                kind,
                Err(io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
            )
        };
        let there = path.ancestors().position(|path| !is_missing(path));
        let Some(above) = there.and_then(|there| there.checked_sub(1)) else {
            return false;
        };
        let nearest = path.ancestors().nth(above + 1);
        let found = nearest.and_then(Place::of);
        found.is_some() && found.as_ref() == self.above.get(above)
    }
}

impl Built {
    /// One that has just been built.
    pub fn new(name: &str, template: &Template, listing: &Listing) -> Self {
        Built {
            head: Head {
                path: String::new(),
                template: name.to_owned(),
                settings: template.settings().clone(),
                digest: listing.digest(),
                config: None,
                above: Vec::new(),
            },
            listing: listing.clone(),
        }
    }

    /// One that has just been made of an image.
    pub fn of_image(name: &str, image: &Image, listing: Listing) -> Self {
        Built {
            head: Head {
                path: String::new(),
                template: format!("image {name}"),
                settings: BTreeMap::from([("digest".to_owned(), image.digest.clone())]),
                digest: listing.digest(),
                config: Some(image.config.clone()),
                above: Vec::new(),
            },
            listing,
        }
    }

    /// Notes it for what lies under a name in a directory.
    ///
    /// # Errors
    ///
    /// Where it could not be noted; then nothing is, of what was there before neither.
    pub fn note(&self, above: BorrowedFd<'_>, name: &OsStr) -> Result<(), String> {
        let path = path_of(above).map(|above| above.join(name));
        let path = path.map_err(|error| error.to_string())?;
        trust(&place(Path::new(DIRECTORY), &path))?;
        self.write(Path::new(DIRECTORY), &path)
    }

    /// What is noted about the directory that is open; none where nothing is.
    ///
    /// # Errors
    ///
    /// Where that cannot be read.
    pub fn of(root: impl AsFd) -> Result<Option<Self>, String> {
        let path = path_of(root.as_fd()).map_err(|error| error.to_string())?;
        let file = place(Path::new(DIRECTORY), &path);
        trust(&file)?;
        Self::read(&file)
    }

    fn read(file: &Path) -> Result<Option<Self>, String> {
        let failed = |why: String| format!("{}: {why}", shown(file));
        let text = match read(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            result => result.map_err(|error| failed(error.to_string()))?,
        };
        let whole = text.split_once('\n').and_then(|(head, rest)| {
            let head: Head = serde_json::from_str(head).ok()?;
            let listing = Listing::parse(rest)?;
            // What is cut off would look as if it were gone from the root.
            (listing.digest() == head.digest).then_some(Built { head, listing })
        });
        match whole {
            None => Err(failed("is not whole; build the root again".into())),
            whole => Ok(whole),
        }
    }

    fn write(&self, directory: &Path, path: &Path) -> Result<(), String> {
        let text = self.listing.text();
        if text.len() as u64 > LARGEST - HEAD {
            let _ = fs::remove_file(place(directory, path));
            return Err(format!("there is too much in it, {} bytes", text.len()));
        }
        let file = place(directory, path);
        let new = file.with_extension("new");
        let mut head = self.head.clone();
        head.path = path.to_string_lossy().into_owned();
        head.above = Place::above(path);
        let write = || {
            let mut made = DirBuilder::new();
            made.recursive(true).mode(MODE).create(directory)?;
            let _alone = lock(directory)?;
            // A link in its place would be followed.
            let _ = fs::remove_file(&new);
            let mut options = OpenOptions::new();
            let options = options.write(true).create_new(true).mode(FILE_MODE);
            let mut opened = options.open(&new)?;
            writeln!(opened, "{}", serde_json::to_string(&head)?)?;
            opened.write_all(text.as_bytes())?;
            opened.sync_all()?;
            fs::rename(&new, &file)?;
            File::open(directory)?.sync_all()
        };
        write().map_err(|error: io::Error| {
            let _ = fs::remove_file(&new);
            let _ = fs::remove_file(&file);
            format!("writing {}: {error}", shown(&file))
        })
    }
}

/// Forgets what is noted about roots that are not there any more; how many they were.
///
/// # Errors
///
/// What is in the way.
pub fn forget_gone() -> Result<usize, String> {
    let directory = Path::new(DIRECTORY);
    forget_gone_in(directory).map_err(|error| format!("{}: {error}", shown(directory)))
}

fn forget_gone_in(directory: &Path) -> io::Result<usize> {
    let _alone = match lock(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        locked => locked?,
    };
    let mut count = 0;
    for entry in fs::read_dir(directory)? {
        let file = entry?.path();
        let head = head(&file).filter(|head| {
            // Else what is written there is not all of its path.
            place(directory, Path::new(&head.path)) == file
        });
        if head.is_some_and(|head| head.is_gone()) {
            fs::remove_file(&file)?;
            count += 1;
        }
    }
    Ok(count)
}

/// The first line of a file, where that is one.
fn head(file: &Path) -> Option<Head> {
    let mut line = String::new();
    let mut file = io::BufReader::new(open(file).ok()?.take(HEAD));
    file.read_line(&mut line).ok()?;
    serde_json::from_str(&line).ok()
}

/// Nobody else writes or forgets meanwhile: what is forgotten must not have come anew.
fn lock(directory: &Path) -> io::Result<File> {
    let lock = File::open(directory)?;
    flock(&lock, FlockOperation::LockExclusive)?;
    Ok(lock)
}

/// What is noted says what a root is compared with, and how an image of it is run: it is root's alone to
/// change, where it is there.
fn trust(file: &Path) -> Result<(), String> {
    match trusted_path::open_firm(file) {
        Ok(_) | Err(Refusal::Kernel(_)) => Ok(()),
        Err(refusal) => Err(format!("{DIRECTORY}: {}", refusal.describe())),
    }
}

fn place(directory: &Path, root: &Path) -> PathBuf {
    let digest = digest_of(root.as_os_str().as_bytes());
    directory.join(&digest[..32])
}

fn path_of(directory: BorrowedFd<'_>) -> io::Result<PathBuf> {
    fs::read_link(format!("/proc/self/fd/{}", directory.as_raw_fd()))
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    options.read(true).custom_flags(flags).open(path)
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    open(path)?.take(LARGEST).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_read_again_where_it_is_whole() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let root = dir.path().join("root");
        fs::create_dir(&root).expect("mkdir");
        fs::write(root.join("a b"), "text").expect("write");
        let open = File::open(&root).expect("open");
        let limits = jaula_rootfs::listing::Limits::USUAL;
        let listing = Listing::of(open.into(), &limits).expect("listed");
        let template = Template::parse("description = \"t\"").expect("valid");
        let built = Built::new("mine", &template, &listing);
        let notes = dir.path().join("notes");
        let file = place(&notes, &root);
        assert_eq!(Built::read(&file), Ok(None));
        built.write(&notes, &root).expect("written");
        let read = Built::read(&file).expect("read").expect("noted");
        assert_eq!((read.listing, read.head.template), (listing, "mine".into()));
        assert_eq!(read.head.path, root.to_string_lossy());
        let text = fs::read_to_string(&file).expect("text");
        for length in [0, 1, text.len() / 2, text.len() - 2] {
            fs::write(&file, &text[..length]).expect("write");
            assert!(Built::read(&file).is_err(), "{length}");
        }
    }

    #[test]
    fn what_is_gone_is_forgotten() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let (notes, above) = (dir.path().join("notes"), dir.path().join("above"));
        let listing = Listing::parse("").expect("an empty one");
        let template = Template::parse("description = \"t\"").expect("valid");
        let note = |name: &str| {
            let root = above.join(name);
            fs::create_dir_all(&root).expect("mkdir");
            Built::new("mine", &template, &listing)
                .write(&notes, &root)
                .expect("written");
            place(&notes, &root)
        };
        let files = ["kept", "gone", "deep/gone", "away/x", "odd\u{fffd}"].map(note);
        let left = || files.iter().map(|file| file.exists()).collect::<Vec<_>>();
        assert_eq!(forget_gone_in(&notes).expect("forgotten"), 0);
        fs::remove_dir(above.join("gone")).expect("rmdir");
        fs::remove_dir_all(above.join("deep")).expect("rm");
        // As if what lies there were not mounted.
        fs::rename(above.join("away"), dir.path().join("away")).expect("mv");
        fs::create_dir(above.join("away")).expect("mkdir");
        assert_eq!(forget_gone_in(&notes).expect("forgotten"), 2);
        assert_eq!(left(), [true, false, false, true, true]);
        assert_eq!(forget_gone_in(&notes.join("none")).expect("none"), 0);
        // One of before says nothing about what is above it.
        let text = fs::read_to_string(&files[0]).expect("text");
        let mut head: Head =
            serde_json::from_str(text.lines().next().expect("a line")).expect("a head");
        assert!(!head.above.is_empty());
        head.above.clear();
        fs::write(
            &files[0],
            format!("{}\n", serde_json::to_string(&head).expect("text")),
        )
        .expect("write");
        fs::remove_dir(above.join("kept")).expect("rmdir");
        assert_eq!(forget_gone_in(&notes).expect("forgotten"), 0);
    }
}
