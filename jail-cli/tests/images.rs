// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula rootfs` with images, from the outside.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::{contains, starts_with};

fn rootfs(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("jaula").expect("the program");
    command.arg("rootfs").args(arguments);
    command
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn a_root_becomes_an_image_and_that_a_root() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let dir = tempfile::tempdir().expect("temporary directory");
    let root = dir.path().join("root");
    fs::create_dir(&root).expect("a directory");
    fs::write(root.join("file"), "content").expect("written");
    for (image, again) in [
        (text(&dir.path().join("web.tar")), "one"),
        (
            format!("oci-archive:{}:web:1", text(&dir.path().join("two.tar"))),
            "two",
        ),
        (
            format!("oci:{}:web:1", text(&dir.path().join("layout"))),
            "three",
        ),
    ] {
        rootfs(&[
            "save",
            &text(&root),
            &image,
            "--compress",
            "zstd",
            "--cmd",
            "/bin/sh",
        ])
        .assert()
        .success()
        .stdout("")
        .stderr(contains("saved 1 files (7 B) in").and(contains("; sha256:")));
        let target = dir.path().join(again);
        rootfs(&["build", "--image", &image, &text(&target)])
            .assert()
            .success()
            .stderr(contains(format!("made of {image}: 1 layer, 1 files (7 B)")));
        assert_eq!(
            fs::read_to_string(target.join("file")).expect("read"),
            "content"
        );
        // What it was made of is known, and said of what is made of it.
        let next = text(&dir.path().join("next.tar"));
        rootfs(&["save", "-qf", &text(&target), &next])
            .assert()
            .success()
            .stderr("");
        let next = fs::read(next).expect("read");
        let next = String::from_utf8_lossy(&next);
        assert!(next.contains(r#""Cmd":["/bin/sh"]"#), "{again}");
        rootfs(&["save", &text(&root), &image])
            .assert()
            .code(125)
            .stderr(contains("is there already").or(contains("is not empty")));
    }
}

#[test]
fn what_is_asked_for_must_be_one_thing() {
    rootfs(&["build", "-t", "minimal", "--image", "x", "/nowhere/x"])
        .assert()
        .code(125)
        .stderr(contains("cannot be used with"));
    rootfs(&["build", "--pull", "-t", "minimal", "/nowhere/x"])
        .assert()
        .code(125);
    rootfs(&["build", "/nowhere/x"])
        .assert()
        .code(125)
        .stderr(contains("--template"));
    rootfs(&["build", "--image", "oci:", "/nowhere/x"])
        .assert()
        .code(125);
    rootfs(&["save", "/", "docker://x"])
        .assert()
        .code(125)
        .stderr(contains("skopeo copies it"));
}

#[test]
fn an_image_that_is_not_there_is_told() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let target = dir.path().join("target");
    rootfs(&["build", "--image", "alpine:3", &text(&target)])
        .assert()
        .code(125)
        .stderr(starts_with("jaula: alpine:3: ").and(contains("docker://alpine:3")));
    rootfs(&["build", "--image", "/dev/null", &text(&target)])
        .assert()
        .code(125)
        .stderr(contains("neither a directory nor a regular file"));
    assert!(!target.exists());
    rootfs(&["save", &text(&target), "x.tar"])
        .assert()
        .code(125);
}
