// SPDX-License-Identifier: MIT OR Apache-2.0

//! How the program is linked.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // A static program that can lie anywhere in memory moves some thousand addresses when it
    // starts. Packed, the list of them is smaller by 80 KiB. A linker that does not know that says
    // so and goes on.
    if std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "x86_64") {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
