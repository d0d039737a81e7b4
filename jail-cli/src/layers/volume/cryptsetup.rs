// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the program cryptsetup does for volumes: it reads and writes their headers.
//!
//! It opens none. A device that it makes is there until it is taken away, and who should do that may be
//! killed before ([`super::device`]).

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use zeroize::{Zeroize, Zeroizing};

use super::key::Input;
use super::segment::Segment;
use crate::program::command;
pub use crate::program::{find, said};

/// What the key of the data is in, for a moment, in the working directory of the process, which is in
/// memory.
const VOLUME_KEY: &str = "key";

/// The longest, in bytes.
const LONGEST: usize = 512;

/// "No key available with this passphrase."
const WRONG_KEY: i32 = 2;
/// Not enough memory.
const NO_MEMORY: i32 = 3;

/// The key that data are encrypted with.
pub type VolumeKey = Zeroizing<Vec<u8>>;

/// A program of the machine, with nothing of the caller's around it.
///
/// # Errors
///
/// A text that says what to install.
pub fn program(name: &str, package: &str) -> Result<Command, String> {
    let path = find(name).ok_or_else(|| {
        format!("the program {name} is missing, by which volumes are made and read (Debian: apt install {package})")
    })?;
    Ok(command(&path))
}

/// The program itself.
fn cryptsetup() -> Result<Command, String> {
    program("cryptsetup", "cryptsetup-bin")
}

/// How the data of a volume are encrypted.
///
/// # Errors
///
/// A text that says why it is not one that jaula opens.
pub fn segment(volume: &Path) -> Result<Segment, String> {
    let mut command = cryptsetup()?;
    command
        .args(["luksDump", "--dump-json-metadata"])
        .arg(volume);
    let output = run(&mut command)?;
    match output.status.success() {
        true => Segment::of_header(&output.stdout),
        false => Err(format!(
            "is no volume that can be opened (LUKS2): {}",
            said(&output)
        )),
    }
}

/// The key of its data. The working directory must be in memory.
///
/// # Errors
///
/// A text that says why `key` does not open it.
pub fn unlock(volume: &Path, key: Input) -> Result<VolumeKey, String> {
    let mut command = cryptsetup()?;
    command
        .args(["luksDump", "--dump-volume-key", "--batch-mode"])
        .args(["--volume-key-file", VOLUME_KEY]);
    let is_asked = give(&mut command, key);
    command.arg(volume);
    let output = run(&mut command);
    let taken = take_volume_key();
    let output = output?;
    match output.status.code() {
        Some(0) => taken,
        Some(WRONG_KEY) => Err(match is_asked {
            true => "this is not its passphrase".into(),
            false => "the key does not open it".into(),
        }),
        code if code == Some(NO_MEMORY) || output.status.signal() == Some(libc::SIGKILL) => Err(
            "there is not enough memory for what its header asks for (argon2); \"cryptsetup \
             luksConvertKey --pbkdf-memory\" asks for less"
                .into(),
        ),
        _ => Err(format!("reading its key: {}", said(&output))),
    }
}

/// How much work it is to try a key.
pub struct Cost {
    /// In KiB.
    pub memory: u64,
    /// In milliseconds, on this machine.
    pub time: u32,
}

/// Writes a header for data that are encrypted with `volume_key`, and opened by `key`. The working
/// directory must be in memory.
///
/// # Errors
///
/// A text that says what is in the way.
pub fn format(
    volume: &Path,
    volume_key: &VolumeKey,
    key: Input,
    cost: &Cost,
) -> Result<(), String> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(VOLUME_KEY)
        .map_err(|error| format!("a key for its data: {error}"))?;
    let written = file.write_all(volume_key);
    let mut command = cryptsetup()?;
    command
        .args(["luksFormat", "--type", "luks2", "--batch-mode"])
        .args(["--cipher", "aes-xts-plain64", "--hash", "sha256"])
        .args(["--pbkdf", "argon2id", "--pbkdf-parallel", "1"])
        .args(["--pbkdf-memory", &cost.memory.to_string()])
        .args(["--iter-time", &cost.time.to_string()])
        .args(["--key-size", &(volume_key.len() * 8).to_string()])
        .args(["--volume-key-file", VOLUME_KEY]);
    if give(&mut command, key) {
        command.arg("--verify-passphrase");
    }
    command.arg(volume);
    let output = written
        .map_err(|error| format!("a key for its data: {error}"))
        .and_then(|()| run(&mut command));
    // It is in memory, and goes with it all the same.
    let _ = take_volume_key();
    let output = output?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("writing its header: {}", said(&output))),
    }
}

/// Hands a key over; whether it is typed.
fn give(command: &mut Command, key: Input) -> bool {
    match key {
        Input::File(file) => {
            command.args(["--key-file", "-"]).stdin(file);
            false
        }
        Input::Terminal(terminal) => {
            command.stdin(terminal);
            true
        }
    }
}

fn run(command: &mut Command) -> Result<Output, String> {
    let output = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output();
    output.map_err(|error| format!("cryptsetup: {error}"))
}

/// Reads it, and leaves nothing of it.
fn take_volume_key() -> Result<VolumeKey, String> {
    let failed = |error: std::io::Error| format!("the key of its data: {error}");
    let file = OpenOptions::new().read(true).write(true).open(VOLUME_KEY);
    let mut file = file.map_err(failed)?;
    // As large as it ever gets: what has to move leaves itself behind.
    let mut key = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    let read = (&mut file).take(LONGEST as u64 + 1).read_to_end(&mut key);
    let overwritten = overwrite(&mut file);
    fs::remove_file(VOLUME_KEY).map_err(failed)?;
    read.and(overwritten).map_err(failed)?;
    match key.len() {
        1..=LONGEST => Ok(key),
        length => {
            key.zeroize();
            Err(format!("the key of its data has {length} bytes"))
        }
    }
}

fn overwrite(file: &mut File) -> std::io::Result<()> {
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(LONGEST);
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&vec![0; length.min(LONGEST + 1)])
}
