// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is not for everybody: passwords, keys, what somebody keeps for himself.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::host::{Found, Host};

/// How a key begins, in every of the formats that are text.
const KEY: &[u8] = b"PRIVATE KEY-----";

/// How much of a file is looked through for one.
const HEAD: u64 = 64 << 10;

/// Whether others than its owner may not read it, or it has a key in it.
pub fn is_private(tree: &Host, found: &Found) -> bool {
    let is_hidden = |path: &Path| {
        tree.find_itself(path)
            .is_ok_and(|above| above.metadata.is_dir() && above.metadata.mode() & 0o001 == 0)
    };
    found.metadata.mode() & 0o004 == 0
        || found.real.ancestors().skip(1).any(is_hidden)
        || has_key(found)
}

fn has_key(found: &Found) -> bool {
    let mut head = Vec::new();
    let read = found
        .open()
        .and_then(|file| file.take(HEAD).read_to_end(&mut head));
    // One that cannot be read is not taken for anything.
    read.is_err()
        || head.windows(KEY.len()).any(|window| window == KEY) && !head.starts_with(b"\x7fELF")
}
