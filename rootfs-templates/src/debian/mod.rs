// SPDX-License-Identifier: MIT OR Apache-2.0

//! A Debian system, as mmdebstrap(1) or debootstrap(8) of the machine makes it, kept for the next time.

mod builder;
mod cache;
mod unpack;

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use crate::template::Debian;
pub use cache::DEBIAN;

/// What cannot be done about it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DebianError(String);

impl DebianError {
    fn new(what: impl std::fmt::Display, why: impl std::fmt::Display) -> Self {
        DebianError(format!("{what}: {why}"))
    }
}

/// Puts the system that a template describes into an empty directory: from the cache, where it is there.
///
/// # Errors
///
/// Where neither of the programs is installed, or what they do fails; what they print themselves says why.
pub fn put(
    debian: &Debian,
    cache: &Path,
    epoch: Option<u32>,
    into: OwnedFd,
) -> Result<(), DebianError> {
    let archive = fetched(debian, cache, epoch)?;
    unpack::unpack(&archive, into, debian.set_id)
}

/// The archive of it in the cache, which is made where it is not there.
fn fetched(debian: &Debian, cache: &Path, epoch: Option<u32>) -> Result<PathBuf, DebianError> {
    let builder = builder::installed()?;
    let cache = cache::Cache::open(cache)?;
    let key = builder.key(debian, epoch)?;
    if let Some(path) = cache.find(&key) {
        return Ok(path);
    }
    let growing = cache.begin()?;
    builder.make(debian, epoch, growing.path())?;
    cache.keep(growing, &key)
}
