// SPDX-License-Identifier: MIT OR Apache-2.0

//! Running, in a test, a program that the test has just written.

use std::io::ErrorKind;
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::Duration;

/// How often it is tried, a hundredth of a second apart.
const TRIES: u32 = 1000;

/// What the command prints, once nobody has its program open for writing any more.
///
/// Tests run in threads, and a child that one of them has forked holds what the others are
/// writing open until it has executed its own program: so long the kernel refuses to execute
/// what was written (ETXTBSY).
pub fn output(command: &mut Command) -> Output {
    for _ in 0..TRIES {
        match command.output() {
            Ok(output) if !is_busy(&output) => return output,
            Err(error) if error.kind() != ErrorKind::ExecutableFileBusy => {
                panic!("{command:?}: {error}")
            }
            Ok(_) | Err(_) => sleep(Duration::from_millis(10)),
        }
    }
    panic!("{command:?}: the program is still open for writing");
}

/// How chroot(1) reports it.
fn is_busy(output: &Output) -> bool {
    output.status.code() == Some(126)
        && String::from_utf8_lossy(&output.stderr).contains("Text file busy")
}
