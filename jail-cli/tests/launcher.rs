// SPDX-License-Identifier: MIT OR Apache-2.0

//! What `jaula` says when it cannot launch. None of this needs a kernel with jails: where this
//! one has them the launches succeed instead, and the tests in the booted machine cover that.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::{contains, starts_with};
use tempfile::TempDir;

fn jaula() -> Command {
    Command::cargo_bin("jaula").expect("the program")
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

fn jail() -> TempDir {
    let dir = tempfile::tempdir().expect("temporary directory");
    fs::create_dir(dir.path().join("etc")).expect("mkdir");
    fs::write(
        dir.path().join("etc/passwd"),
        "bob:x:1001:1001::/:/bin/sh\n",
    )
    .expect("write");
    dir
}

/// Runs it with `arguments` and expects status 125, nothing on standard output, and `text`.
fn fails(arguments: &[&str], text: &str) {
    let expected = starts_with("jaula: ").and(contains(text));
    jaula()
        .args(arguments)
        .assert()
        .code(125)
        .stdout("")
        .stderr(expected);
}

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn without_the_kernel_it_says_what_is_missing() {
    let Err(error) = jaula::get_jailnumber() else {
        return number_agrees();
    };
    fails(&["number"], &error.to_string());
    if is_root() {
        fails(&[path(jail().path())], &error.to_string());
    }
}

fn number_agrees() {
    let number = jaula::get_jailnumber().expect("a kernel with jails");
    jaula()
        .arg("number")
        .assert()
        .success()
        .stdout(format!("{number}\n"));
}

#[test]
fn without_privilege_it_names_the_missing_one() {
    let dir = jail();
    let arguments = [path(dir.path())];
    if is_root() {
        // A copy where user 65534 can reach it. This process must not write it: a child of
        // another test could hold it open, and it could not be executed (ETXTBSY).
        let copy = dir.path().join("jaula");
        let copied = std::process::Command::new("cp")
            .arg(assert_cmd::cargo::cargo_bin("jaula"))
            .arg(&copy)
            .status();
        assert!(copied.is_ok_and(|status| status.success()), "cp");
        fs::set_permissions(
            dir.path(),
            std::os::unix::fs::PermissionsExt::from_mode(0o755),
        )
        .expect("chmod");
        let mut command = std::process::Command::new(&copy);
        std::os::unix::process::CommandExt::uid(&mut command, 65534);
        let output = command.args(arguments).output().expect("executed");
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(125), "{text}");
        assert!(text.contains("CAP_SYS_ADMIN (to create a jail)"), "{text}");
        assert!(text.contains("run it as root"), "{text}");
    } else {
        fails(&arguments, "CAP_SYS_ADMIN (to create a jail)");
    }
}

#[test]
fn a_wrong_command_line_is_125_too() {
    jaula().assert().code(125).stderr(contains("ROOT"));
    jaula()
        .args(["--user", "a:b:c", "/"])
        .assert()
        .code(125)
        .stderr(contains("a:b:c"));
}

#[test]
fn help_and_version_succeed() {
    let help = contains("125")
        .and(contains("./number"))
        .and(contains("Examples"));
    jaula().arg("--help").assert().success().stdout(help);
    jaula()
        .arg("--version")
        .assert()
        .success()
        .stdout(starts_with("jaula "));
}
