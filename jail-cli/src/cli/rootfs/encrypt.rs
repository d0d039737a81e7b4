// SPDX-License-Identifier: MIT OR Apache-2.0

//! Options of an encrypted root.

use std::os::fd::OwnedFd;
use std::path::Path;

use clap::Args;
use jaula::isolation::Size;
use jaula::layers::volume::{self, Key, MadeVolume, New};
use jaula::text::shown;

use crate::cli::table::bytes;
use crate::cli::Failure;

/// How large a volume is unless something is said.
const SIZE: &str = "1G";

/// Whether and how a root is encrypted.
#[derive(Debug, Args)]
pub struct Encrypt {
    /// Build it in an encrypted volume (LUKS2), and a root file DIR that says where its key comes from:
    /// file:PATH (made where it is not there), credential:NAME (of systemd's), fd:NUMBER or prompt
    #[arg(long, value_name = "KEY")]
    encrypt: Option<Key>,

    /// How large the volume is, its header of 16 MiB with it
    #[arg(long, value_name = "BYTES", default_value = SIZE, requires = "encrypt")]
    size: Size,

    /// Take room on the disk only for what is in the volume; jails see errors where there is none left
    #[arg(long, requires = "encrypt")]
    sparse: bool,
}

/// A root that was encrypted.
pub struct Encrypted<T> {
    new: New,
    made: MadeVolume<T>,
}

impl Encrypt {
    /// Makes a volume with what `fill` makes, and a root file at `target`; `None` where none is asked for.
    pub fn make<T>(
        self,
        target: &Path,
        replace: bool,
        fill: impl FnOnce(&Path, OwnedFd) -> Result<T, String>,
    ) -> Result<Option<Encrypted<T>>, Failure> {
        let Some(key) = self.encrypt else {
            return Ok(None);
        };
        let here = std::env::current_dir().map_err(|error| Failure::failed(error.to_string()))?;
        let new = New {
            target: target.to_owned(),
            // The root file is read elsewhere.
            key: key.within(&here),
            size: self.size,
            is_sparse: self.sparse,
            replace,
        };
        let made = volume::make(&new, fill).map_err(Failure::failed)?;
        Ok(Some(Encrypted { new, made }))
    }
}

impl<T> Encrypted<T> {
    /// What has filled it.
    pub fn filled(&self) -> &T {
        &self.made.filled
    }

    /// Says what was made besides that.
    pub fn tell(&self) {
        let Encrypted { new, made } = self;
        if made.has_new_key {
            jaula::complain!(
                "jaula: {}: made, with random bytes; without it all is lost",
                new.key
            );
        }
        jaula::complain!(
            "jaula: {}: encrypted, {}, opened by {}",
            shown(&made.volume),
            bytes(new.size.bytes()),
            new.key
        );
    }
}
