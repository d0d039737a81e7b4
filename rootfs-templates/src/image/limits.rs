// SPDX-License-Identifier: MIT OR Apache-2.0

//! How much of an image is taken, whatever it says of itself.

/// What an image may cost at most. What is more is refused, and nothing of it is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all layers together, unpacked; holes in files count as what they stand for.
    pub bytes: u64,
    /// Entries of all layers together.
    pub entries: u64,
    /// How many times as large as what is stored a layer may become.
    pub ratio: u64,
    /// Layers.
    pub layers: usize,
    /// Bytes of a manifest, an index or a configuration.
    pub document: u64,
    /// Bytes of what stands before one entry of a layer: long names, extended attributes, the map of a
    /// sparse file.
    pub headers: u64,
    /// Bytes of the value of one extended attribute.
    pub xattr: usize,
    /// Directories one in another.
    pub depth: usize,
}

impl Limits {
    /// What a layer may become before its ratio is looked at: small ones of much the same are common.
    pub(crate) const RATIO_FROM: u64 = 256 << 20;

    /// Bytes of a path, as the kernel takes it.
    pub(crate) const PATH: usize = 4095;

    /// Bytes of a name, as the kernel takes it.
    pub(crate) const NAME: usize = 255;
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            bytes: 32 << 30,
            entries: 1_000_000,
            ratio: 200,
            layers: 512,
            document: 4 << 20,
            headers: 1 << 20,
            xattr: 64 << 10,
            // What removes a tree holds a directory open for each.
            depth: 256,
        }
    }
}
