// SPDX-License-Identifier: MIT OR Apache-2.0

//! How much of an image is taken, whatever it says of itself.

/// What an image may cost at most. What is more is refused, and nothing of it is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all layers together, unpacked; holes in files count as what they stand for.
    pub bytes: u64,
    /// Entries of all layers together, and directories that no entry is for.
    pub entries: u64,
    /// Bytes of the names of all entries together, each with the directories that it is in. What is known
    /// of an image while it is unpacked is kept in memory, by name.
    pub names: u64,
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
            names: 128 << 20,
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

/// What is left of what an image may have.
pub(crate) struct Budget {
    what: &'static str,
    limits: Limits,
    entries: u64,
    names: u64,
}

impl Budget {
    /// All of it; `what` is what the names are in.
    pub fn new(what: &'static str, limits: &Limits) -> Self {
        Budget {
            what,
            limits: *limits,
            entries: limits.entries,
            names: limits.names,
        }
    }

    /// Takes away what an entry with this name needs.
    ///
    /// # Errors
    ///
    /// What it is too much for.
    pub fn entry(&mut self, name: &[u8]) -> Result<(), String> {
        self.entries = self.entries.checked_sub(1).ok_or_else(|| {
            format!(
                "is one more than the {} entries that are allowed",
                self.limits.entries
            )
        })?;
        self.names = self.names.checked_sub(name.len() as u64).ok_or_else(|| {
            format!(
                "with it the names in the {} are longer than {} bytes",
                self.what, self.limits.names
            )
        })?;
        Ok(())
    }
}
