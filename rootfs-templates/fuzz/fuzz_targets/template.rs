// SPDX-License-Identifier: MIT OR Apache-2.0

//! Whatever a template is, it is understood or refused.

#![no_main]

use jaula_rootfs::Template;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = Template::parse(text);
});
