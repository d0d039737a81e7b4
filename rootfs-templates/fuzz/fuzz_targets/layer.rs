// SPDX-License-Identifier: MIT OR Apache-2.0

//! Whatever a layer is, it is read to its end or refused, and an entry has as many bytes as it says.

#![no_main]

use jaula_rootfs::image::{LayerReader, Limits, Piece};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits {
        headers: 4096,
        ..Limits::default()
    };
    let mut reader = LayerReader::new(bytes, &limits);
    let mut buffer = [0; 1000];
    while let Ok(Some(entry)) = reader.next_entry() {
        let mut count = 0u64;
        loop {
            match reader.piece(&mut buffer) {
                Ok(Piece::Data(read)) => count += read as u64,
                Ok(Piece::Hole(bytes)) => count += bytes,
                Ok(Piece::End) => {
                    assert_eq!(count, entry.size);
                    break;
                }
                Err(_) => return,
            }
        }
    }
});
