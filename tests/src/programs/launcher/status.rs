// SPDX-License-Identifier: MIT OR Apache-2.0

//! The exit status.

use jaula_tests::check_eq;
use jaula_tests::ktap::{CaseResult, Context, Suite};
use jaula_tests::launch::{complaint, failed, jaula, run, Root};
use std::os::unix::fs::PermissionsExt;

fn command(root: &Root, command: &[&str], status: i32) -> CaseResult {
    let arguments = [&[root.text(), "--"], command].concat();
    let output = run(&mut jaula(&arguments))?;
    let message = complaint(&output);
    check_eq!(
        output.status.code(),
        Some(status),
        "the exit status ({message})"
    );
    Ok(())
}

/// Nothing was executed, with this status and a message that names the path as seen in the jail.
fn not_executed(root: &Root, path: &str, status: i32) -> CaseResult {
    let output = run(&mut jaula(&[root.text(), "--", path]))?;
    failed(&output, status, &[path])
}

pub fn add<'a>(suite: &mut Suite<'a>, root: &'a Root) {
    for status in [0, 1, 3, 125, 126, 127, 255] {
        suite.case(&format!("exit status {status} is passed on"), move || {
            command(root, &["/bin/probe", "exit", &status.to_string()], status)
        });
    }
    for signal in [libc::SIGKILL, libc::SIGTERM, libc::SIGABRT, libc::SIGINT] {
        suite.case(&format!("128 + {signal} for signal {signal}"), move || {
            command(
                root,
                &["/bin/probe", "kill", &signal.to_string()],
                128 + signal,
            )
        });
    }
    suite.case("127: no such command", || {
        not_executed(root, "/bin/no-such-command", 127)
    });
    suite.case("127: no such command along the PATH", || {
        not_executed(root, "no-such-command", 127)
    });
    suite.case("127: no such shell", || {
        let output = run(&mut jaula(&["--user", "shelly", root.text()]))?;
        failed(&output, 127, &["/bin/no-such-shell"])
    });
    suite.case("127: no interpreter for a script", || {
        root.file("bin/script", b"#!/no/such/interpreter\n", 0o755)?;
        let output = run(&mut jaula(&[root.text(), "--", "/bin/script"]))?;
        failed(&output, 127, &["/bin/script", "/no/such/interpreter"])
    });
    #[cfg(target_arch = "x86_64")]
    suite.case("127: no loader for a program", || {
        root.file(
            "bin/dynamic",
            &program_with_loader(b"/no/such/loader\0"),
            0o755,
        )?;
        let output = run(&mut jaula(&[root.text(), "--", "/bin/dynamic"]))?;
        failed(&output, 127, &["/bin/dynamic", "/no/such/loader"])
    });
    suite.case("126: not executable", || {
        root.file("bin/data", b"not a program\n", 0o644)?;
        not_executed(root, "/bin/data", 126)
    });
    suite.case("126: a directory", || not_executed(root, "/bin", 126));
    suite.case("126: neither a program nor a script", || {
        root.file("bin/garbage", b"\x01\x02\x03\x04", 0o755)?;
        not_executed(root, "/bin/garbage", 126)
    });
    suite.case("126: in a directory that the user may not search", || {
        let place = root.path().join("private");
        std::fs::create_dir_all(&place).context(place.display())?;
        root.file("private/program", b"#!/bin/probe\n", 0o755)?;
        let private = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(&place, private).context(place.display())?;
        not_executed(root, "/private/program", 126)
    });
}

/// The beginning of a 64-bit program that names its loader; nothing else of it is looked at
/// when the loader is missing (elf(5)).
#[cfg(target_arch = "x86_64")]
fn program_with_loader(loader: &[u8]) -> Vec<u8> {
    const HEADER: u64 = 64;
    const PROGRAM_HEADER: u16 = 56;
    let length = loader.len() as u64;
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    // An executable for x86-64, version 1; entry point.
    file.extend([2, 0, 62, 0, 1, 0, 0, 0]);
    file.extend(0x40_0000u64.to_le_bytes());
    // Where the program headers are; there are no section headers; no flags.
    file.extend(HEADER.to_le_bytes());
    file.extend([0; 12]);
    for half in [HEADER as u16, PROGRAM_HEADER, 1, 64, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    // PT_INTERP, readable: offset, two addresses, two sizes, alignment.
    file.extend([3, 0, 0, 0, 4, 0, 0, 0]);
    for long in [HEADER + u64::from(PROGRAM_HEADER), 0, 0, length, length, 1] {
        file.extend(long.to_le_bytes());
    }
    file.extend(loader);
    file
}
