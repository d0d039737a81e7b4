// SPDX-License-Identifier: MIT OR Apache-2.0

//! Images: layers of files and what is said about running them, as the OCI image specification and
//! docker have them.
//!
//! [`open`] reads what an image says of itself, [`unpack`] makes a root directory of it, whole or not at
//! all. Whoever made an image may be anybody: what is taken is what its digest names, within
//! [`Limits`], and nothing is written anywhere but in the new directory.

mod archive;
mod blob;
mod cache;
mod config;
mod decompress;
mod digest;
mod document;
mod error;
pub(crate) mod layer;
mod layout;
mod limits;
#[cfg(test)]
mod made;
mod open;
mod platform;
mod reference;
mod save;
mod select;
mod source;
mod unpack;

pub use cache::{About, Cache, Kind, Listed, Pull, Root, ABOUT, CACHE};
pub use config::Config;
pub use digest::{Digest, NotADigest};
pub use error::ImageError;
pub use layer::Kind as EntryKind;
pub use layer::{Entry, Input, LayerReader, Piece, Time};
pub use limits::Limits;
pub use open::{open, open_for, Image};
pub use platform::{NotAPlatform, Platform};
pub use reference::{NotAReference, Reference};
pub use save::{save, Compression, Part, SaveOptions, Saved};
pub(crate) use unpack::archive as unpack_archive;
pub use unpack::{unpack, unpack_and, Options, Progress, Summary};
