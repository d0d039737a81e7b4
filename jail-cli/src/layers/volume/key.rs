// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where the key of a volume comes from.
//!
//! The key itself is never read here: what it is in is handed to cryptsetup as its standard input.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use nix::errno::Errno;
use nix::fcntl::{openat, AtFlags, OFlag};
use nix::sys::stat::{Mode, SFlag};
use nix::unistd::linkat;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::stat::fstat;
use crate::sys::volume::inherited_descriptor;
use crate::text::{reason, shown};
use crate::trusted_path;

/// Where systemd says that the credentials of a unit are.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// The largest, in bytes.
const LARGEST: u64 = 64 << 10;

/// How many random bytes a key is that is made here.
const RANDOM: usize = 64;

/// Where the key of a volume comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Key {
    /// A file: all that is in it.
    File(PathBuf),
    /// What systemd gives a unit by this name.
    Credential(String),
    /// A descriptor that jaula was started with.
    Descriptor(RawFd),
    /// Who sits at the terminal.
    Prompt,
}

/// What cryptsetup gets its key from.
pub enum Input {
    /// All that this gives.
    File(File),
    /// What is typed there.
    Terminal(File),
}

impl Key {
    /// The same, where a path begins in `directory` that is not absolute.
    pub fn within(self, directory: &Path) -> Self {
        match self {
            Key::File(path) => Key::File(directory.join(path)),
            key => key,
        }
    }

    /// Opens it.
    ///
    /// # Errors
    ///
    /// A text that says what is in the way, or who else could read it.
    pub fn open(&self) -> Result<Input, String> {
        let about = |why: String| format!("the key {self}: {why}");
        match self {
            Key::File(path) => open_file(path).map(Input::File).map_err(about),
            Key::Credential(name) => credential(name)
                .and_then(|path| open_file(&path))
                .map(Input::File)
                .map_err(about),
            Key::Descriptor(number) => inherited(*number).map(Input::File).map_err(about),
            Key::Prompt => {
                let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty");
                terminal.map(Input::Terminal).map_err(|_| {
                    about(
                        "there is no terminal to ask on; a file, a credential or a descriptor gives a \
                         key to what starts by itself"
                            .into(),
                    )
                })
            }
        }
    }

    /// Whether it is there only for who starts a jail, once.
    pub fn is_given_once(&self) -> bool {
        matches!(self, Key::Descriptor(_) | Key::Prompt)
    }

    /// Makes the file with a key of random bytes, where this is one that is not there; whether it has.
    ///
    /// # Errors
    ///
    /// A text that says what is in the way.
    pub fn make(&self) -> Result<bool, String> {
        let Key::File(path) = self else {
            return Ok(false);
        };
        match path.symlink_metadata() {
            Ok(_) => return Ok(false),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(format!("the key {self}: {error}")),
        }
        make_file(path)
            .map(|()| true)
            .map_err(|why| format!("the key {self}, which is not there, could not be made: {why}"))
    }
}

fn open_file(path: &Path) -> Result<File, String> {
    let found = trusted_path::open_firm(path).map_err(|refusal| refusal.describe())?;
    let stat = fstat(&found).map_err(reason)?;
    if SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT != SFlag::S_IFREG {
        return Err("is not a regular file".into());
    }
    if stat.st_uid != 0 || stat.st_mode & 0o077 != 0 {
        return Err(format!(
            "is to be root's, and nobody else may read it: it belongs to user {} and has mode {:o}; \
             \"chown root\" and \"chmod 400\" make it so",
            stat.st_uid,
            stat.st_mode & 0o7777
        ));
    }
    match u64::try_from(stat.st_size) {
        Ok(1..=LARGEST) => {}
        Ok(0) => return Err("is empty".into()),
        _ => return Err(format!("is larger than {LARGEST} bytes")),
    }
    let path = format!("/proc/self/fd/{}", found.as_raw_fd());
    File::open(path).map_err(|error| error.to_string())
}

fn credential(name: &str) -> Result<PathBuf, String> {
    let Some(directory) = std::env::var_os(CREDENTIALS) else {
        return Err(format!(
            "there is no {CREDENTIALS}: it is not a unit of systemd's with credentials \
             (LoadCredential= or LoadCredentialEncrypted=) that starts this"
        ));
    };
    Ok(Path::new(&directory).join(name))
}

/// A descriptor that who has started jaula has given it: all of jaula's own are closed when something is
/// executed.
fn inherited(number: RawFd) -> Result<File, String> {
    inherited_descriptor(number)
        .map(File::from)
        .map_err(|errno| match errno {
            Errno::EBADF => "jaula was not started with this descriptor".to_owned(),
            errno => reason(errno),
        })
}

/// Whole or not at all.
fn make_file(path: &Path) -> Result<(), String> {
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
        return Err("is no name of a file".into());
    };
    let above = trusted_path::open_firm(above)
        .map_err(|refusal| format!("{}: {}", shown(above), refusal.describe()))?;
    let flags = OFlag::O_TMPFILE | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
    let file = openat(&above, ".", flags, Mode::S_IRUSR).map_err(reason)?;
    let random = random(RANDOM)?;
    let mut file = File::from(file);
    file.write_all(&random)
        .and_then(|()| file.sync_all())
        .map_err(|error| error.to_string())?;
    link(&file.into(), &above, name).map_err(reason)
}

/// Gives a file that has no name so far one that nothing has.
pub fn link(file: &OwnedFd, above: &OwnedFd, name: &std::ffi::OsStr) -> Result<(), Errno> {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    linkat(
        nix::fcntl::AT_FDCWD,
        path.as_str(),
        above,
        name,
        AtFlags::AT_SYMLINK_FOLLOW,
    )
}

/// As many random bytes.
pub fn random(count: usize) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut bytes = Zeroizing::new(vec![0; count]);
    File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut bytes))
        .map_err(|error| format!("/dev/urandom: {error}"))?;
    Ok(bytes)
}

const FILE: &str = "file:";
const CREDENTIAL: &str = "credential:";
const DESCRIPTOR: &str = "fd:";
const PROMPT: &str = "prompt";

impl FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == PROMPT {
            return Ok(Key::Prompt);
        }
        if let Some(path) = text.strip_prefix(FILE).filter(|path| !path.is_empty()) {
            return Ok(Key::File(path.into()));
        }
        if let Some(name) = text.strip_prefix(CREDENTIAL) {
            return match !name.is_empty()
                && name != "."
                && name != ".."
                && !name.contains(['/', '\0'])
            {
                true => Ok(Key::Credential(name.into())),
                false => Err(format!("{name:?} is no name of a credential")),
            };
        }
        if let Some(number) = text.strip_prefix(DESCRIPTOR) {
            return match number.parse() {
                // What runs in the jail has these as well, and could read the key once more.
                Ok(0..=2) => Err(format!(
                    "{number}: standard input and output are the jail's; another descriptor gives a key \
                     (3< FILE)"
                )),
                Ok(number @ 3..) => Ok(Key::Descriptor(number)),
                _ => Err(format!("{number:?} is no number of a descriptor")),
            };
        }
        // It may be one, and this may go to a log.
        Err(
            "expected file:PATH, credential:NAME, fd:NUMBER or prompt, where a key comes from; never a \
             key itself"
                .into(),
        )
    }
}

impl TryFrom<String> for Key {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.to_string()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::File(path) => write!(f, "{FILE}{}", path.display()),
            Key::Credential(name) => write!(f, "{CREDENTIAL}{name}"),
            Key::Descriptor(number) => write!(f, "{DESCRIPTOR}{number}"),
            Key::Prompt => f.write_str(PROMPT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_and_written_alike() {
        for text in [
            "file:/etc/keys/web",
            "file:web.key",
            "credential:web",
            "fd:3",
            "fd:17",
            "prompt",
        ] {
            let key: Key = text.parse().expect(text);
            assert_eq!(key.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_place_of_a_key_is_refused() {
        for text in [
            "",
            "secret",
            "file:",
            "file",
            "credential:",
            "credential:../x",
            "credential:..",
            "fd:",
            "fd:-1",
            "fd:0",
            "fd:2",
            "fd:x",
            "prompt:",
            "Prompt",
        ] {
            assert!(text.parse::<Key>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_may_be_a_key_is_not_told() {
        let why = "correct horse"
            .parse::<Key>()
            .expect_err("no place of a key");
        assert!(!why.contains("horse"), "{why}");
    }

    #[test]
    fn a_path_begins_where_it_is_said() {
        let key: Key = "file:web.key".parse().expect("a key");
        let there = key.within(Path::new("/srv"));
        assert_eq!(there, Key::File("/srv/web.key".into()));
    }
}
