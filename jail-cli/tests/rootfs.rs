// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula rootfs` from the outside.

use std::fs;

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::{contains, starts_with};

fn rootfs(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("jaula").expect("the program");
    command.arg("rootfs").args(arguments);
    command
}

#[test]
fn lists_and_shows_what_comes_along() {
    rootfs(&["list"])
        .assert()
        .success()
        .stdout(contains("minimal\tbuilt in\tbusybox"));
    rootfs(&["show", "minimal"])
        .assert()
        .success()
        .stdout(contains("[[program]]"));
    let unknown = starts_with("jaula: none: no such template; there are: bash, debian");
    rootfs(&["show", "none"]).assert().code(125).stderr(unknown);
}

#[test]
fn what_is_meant_is_said_where_something_else_is_asked_for() {
    for (arguments, expected) in [
        (
            &["build", "/none/at"][..],
            "<--template <NAME|FILE>|--image <IMAGE>>",
        ),
        (
            &["build", "-t", "host", "/none/at"],
            "\"jaula run --template host\"",
        ),
        (&["show", "image"], "an image is given with --image"),
        (
            &["build", "-t", "minimal", "/none/at/all"],
            "/none/at does not exist; make it first",
        ),
    ] {
        rootfs(arguments)
            .assert()
            .code(125)
            .stderr(contains(expected));
    }
    for command in ["build", "check", "list", "save", "cache", "show", "trace"] {
        rootfs(&[command, "--help"])
            .assert()
            .success()
            .stdout(contains('\\').not());
    }
}

#[test]
fn what_is_shown_can_be_built() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let template = dir.path().join("own.toml");
    let shown = rootfs(&["show", "minimal"])
        .output()
        .expect("executed")
        .stdout;
    fs::write(&template, shown).expect("write");
    let target = dir.path().join("jail");
    let (template, target) = (template.display().to_string(), target.display().to_string());
    let mut command = rootfs(&["build", "--template", &template, &target]);
    if !nix::unistd::geteuid().is_root() {
        command.assert().code(125).stderr(contains("takes root"));
        return;
    }
    command
        .assert()
        .success()
        .stdout("")
        .stderr(contains(format!("{target}: built from")));
    let full = contains(format!("{target}: is not empty"));
    rootfs(&["build", "-t", "minimal", &target])
        .assert()
        .code(125)
        .stderr(full);
    rootfs(&["build", "-qt", "minimal", "--force", &target])
        .assert()
        .success()
        .stderr("");
}

#[test]
fn a_broken_template_is_named_with_its_line() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let template = dir.path().join("broken.toml");
    fs::write(&template, "description = \"x\"\ncolour = 1\n").expect("write");
    let template = template.display().to_string();
    let target = dir.path().join("jail");
    let expected = contains(&template)
        .and(contains("line 2"))
        .and(contains("colour"));
    rootfs(&["build", "-t", &template])
        .arg(&target)
        .assert()
        .code(125)
        .stderr(expected);
    assert!(!target.exists());
}
