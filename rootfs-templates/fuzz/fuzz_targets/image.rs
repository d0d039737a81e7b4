// SPDX-License-Identifier: MIT OR Apache-2.0

//! Whatever an archive is, it is an image or refused.

#![no_main]

use jaula_rootfs::image::{open, Limits, Reference};
use libfuzzer_sys::fuzz_target;
use std::io::Write;

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new_in("/dev/shm").expect("a file");
    file.write_all(bytes).expect("written");
    let path = file.path().to_owned();
    let limits = Limits {
        entries: 1000,
        bytes: 1 << 20,
        ..Limits::default()
    };
    let _ = open(&Reference::Path(path.clone()), &limits);
    let _ = open(&Reference::DockerArchive(path, None), &limits);
});
