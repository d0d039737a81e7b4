// SPDX-License-Identifier: MIT OR Apache-2.0

use std::ffi::CString;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use super::*;

/// What is said of a file with `content` and `mode` when the kernel refuses to execute it.
fn said(content: &[u8], mode: u32) -> (u8, String) {
    let dir = tempfile::tempdir().expect("temporary directory");
    let path = dir.path().join("command");
    fs::write(&path, content).expect("write");
    fs::set_permissions(&path, Permissions::from_mode(mode)).expect("chmod");
    let error = diagnose(&path, refusal(&path));
    let text = error.to_string();
    let text = text
        .strip_prefix(&format!("{}: ", path.display()))
        .expect("names the path");
    (error.status(), text.to_owned())
}

/// The kernel's own answer to executing `path`.
fn refusal(path: &Path) -> Errno {
    let errno = Command::new(path)
        .spawn()
        .expect_err("refused")
        .raw_os_error();
    Errno::from_raw(errno.expect("an error of the kernel"))
}

#[test]
fn a_missing_file_or_directory_is_not_found() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let file = dir.path().join("command");
    let error = diagnose(&file, refusal(&file));
    assert_eq!(error.status(), 127);
    assert_eq!(
        error.to_string(),
        format!("{}: not found in the jail", file.display())
    );
    let nested = dir.path().join("no/command");
    let error = diagnose(&nested, refusal(&nested));
    assert_eq!(error.status(), 127);
    assert!(
        error
            .to_string()
            .ends_with("/no does not exist in the jail"),
        "{error}"
    );
}

#[test]
fn nothing_is_waited_for() {
    // As if somebody had put it there since the kernel has refused.
    let dir = tempfile::tempdir().expect("temporary directory");
    let path = dir.path().join("command");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
    let (done, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for errno in [Errno::ENOENT, Errno::EACCES, Errno::ENOEXEC] {
            let _ = done.send(diagnose(&path, errno).status());
        }
    });
    let patience = std::time::Duration::from_secs(60);
    for status in [127, 126, 126] {
        assert_eq!(ended.recv_timeout(patience), Ok(status));
    }
}

#[test]
fn a_dangling_link_is_told_from_a_missing_file() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let link = dir.path().join("command");
    std::os::unix::fs::symlink("busybox", &link).expect("symlink");
    let error = diagnose(&link, refusal(&link));
    assert_eq!(error.status(), 127);
    assert!(
        error
            .to_string()
            .contains("symbolic link to something that does not"),
        "{error}"
    );
}

#[test]
fn a_missing_interpreter_is_named() {
    let missing = "its interpreter /no/such/sh is missing in the jail";
    assert_eq!(said(b"#!/no/such/sh -e\n", 0o755), (127, missing.into()));
    let carriage_return = "its interpreter /bin/sh\\r is missing in the jail";
    assert_eq!(
        said(b"#! /bin/sh\r\n", 0o755),
        (127, carriage_return.into())
    );
}

#[test]
fn a_missing_loader_is_named() {
    let missing = "its loader (its shared libraries) /no/ld.so is missing in the jail";
    assert_eq!(
        said(&elf(own_machine(), "/no/ld.so"), 0o755),
        (127, missing.into())
    );
}

#[test]
fn what_is_no_program_is_not_executable() {
    assert_eq!(said(b"", 0o755), (126, "is an empty file".into()));
    let (status, text) = said(b"hello\n", 0o755);
    assert_eq!(status, 126);
    assert!(
        text.starts_with("is neither a program for this machine"),
        "{text}"
    );
    const EM_PARISC: u16 = 15;
    let foreign = said(&elf(EM_PARISC, "/ld.so"), 0o755);
    assert_eq!(foreign, (126, "is a program for another machine".into()));
}

#[test]
fn a_file_without_execute_permission_is_not_executable() {
    let text = "is not executable: no execute permission is set";
    assert_eq!(said(b"#!/bin/sh\n", 0o644), (126, text.into()));
}

#[test]
fn an_interpreter_without_execute_permission_is_named() {
    let (status, text) = said(b"#!/etc/passwd\n", 0o755);
    assert_eq!(status, 126);
    let expected = "its interpreter /etc/passwd: is not executable: no execute permission is set";
    assert_eq!(text, expected);
}

#[test]
fn a_directory_is_not_executable() {
    let error = diagnose(Path::new("/etc"), refusal(Path::new("/etc")));
    assert_eq!(
        (error.status(), error.to_string()),
        (126, "/etc: is a directory".into())
    );
}

#[test]
fn truncated_programs_are_survived() {
    let whole = elf(own_machine(), "/ld.so");
    for length in 0..whole.len() {
        classify(&whole[..length]);
    }
}

fn own_machine() -> u16 {
    NATIVE.expect("tests run on a known machine")
}

/// A little-endian 64-bit program for `machine`: header, one program header, loader name.
fn elf(machine: u16, loader: &str) -> Vec<u8> {
    let name = CString::new(Path::new(loader).as_os_str().as_bytes()).expect("no NUL");
    let name = name.into_bytes_with_nul();
    let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    bytes.extend(2u16.to_le_bytes()); // e_type: ET_EXEC
    bytes.extend(machine.to_le_bytes());
    bytes.extend(1u32.to_le_bytes()); // e_version
    bytes.extend(0x40_0000u64.to_le_bytes()); // e_entry
    bytes.extend(64u64.to_le_bytes()); // e_phoff
    bytes.extend(0u64.to_le_bytes()); // e_shoff
    bytes.extend(0u32.to_le_bytes()); // e_flags
    for value in [64u16, 56, 1, 64, 0, 0] {
        bytes.extend(value.to_le_bytes()); // e_ehsize to e_shstrndx
    }
    bytes.extend(PT_INTERP.to_le_bytes());
    bytes.extend(4u32.to_le_bytes()); // p_flags: PF_R
    for value in [120, 0, 0, name.len() as u64, name.len() as u64, 1] {
        bytes.extend(u64::to_le_bytes(value)); // p_offset to p_align
    }
    bytes.extend(name);
    bytes
}
