// SPDX-License-Identifier: MIT OR Apache-2.0

use std::fs;
use std::os::unix::fs::symlink;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tempfile::TempDir;

use super::*;

fn jail() -> (TempDir, Root) {
    let dir = tempfile::tempdir().expect("temporary directory");
    fs::create_dir_all(dir.path().join("jail/etc")).expect("mkdir");
    fs::write(dir.path().join("secret"), "of the host").expect("write");
    let root = Root::open(&dir.path().join("jail")).expect("the root");
    (dir, root)
}

fn passwd(root: &Root) -> Result<Option<Vec<u8>>, String> {
    root.read(Path::new("/etc/passwd"), 100)
}

#[test]
fn reads_a_file_of_the_jail() {
    let (_dir, root) = jail();
    assert_eq!(passwd(&root), Ok(None));
    fs::write(root.path().join("etc/passwd"), "inside").expect("write");
    assert_eq!(passwd(&root), Ok(Some(b"inside".to_vec())));
}

#[test]
fn no_symbolic_link_leads_out() {
    let (dir, root) = jail();
    let link = root.path().join("etc/passwd");
    for target in [
        dir.path().join("secret"),
        "../../secret".into(),
        "../../../etc/passwd".into(),
    ] {
        symlink(&target, &link).expect("symlink");
        assert_ne!(
            passwd(&root),
            Ok(Some(b"of the host".to_vec())),
            "{target:?}"
        );
        fs::remove_file(&link).expect("remove");
    }
    fs::remove_dir(root.path().join("etc")).expect("rmdir");
    symlink("/etc", root.path().join("etc")).expect("symlink");
    assert!(passwd(&root).is_err(), "a link to itself within the root");
}

#[test]
fn absolute_links_are_resolved_inside() {
    let (_dir, root) = jail();
    fs::write(root.path().join("users"), "inside").expect("write");
    symlink("/users", root.path().join("etc/passwd")).expect("symlink");
    assert_eq!(passwd(&root), Ok(Some(b"inside".to_vec())));
}

#[test]
fn refuses_what_is_not_a_regular_file() {
    let (_dir, root) = jail();
    let path = root.path().join("etc/passwd");
    mkfifo(&path, Mode::S_IRWXU).expect("mkfifo");
    assert_eq!(passwd(&root), Err("is not a regular file".into()));
    fs::remove_file(&path).expect("remove");
    fs::create_dir(&path).expect("mkdir");
    assert_eq!(passwd(&root), Err("is not a regular file".into()));
}

#[test]
fn refuses_what_is_too_large() {
    let (_dir, root) = jail();
    let path = root.path().join("etc/passwd");
    fs::write(&path, [b'a'; 100]).expect("write");
    assert_eq!(
        passwd(&root).map(|content| content.map(|c| c.len())),
        Ok(Some(100))
    );
    fs::write(&path, [b'a'; 101]).expect("write");
    assert_eq!(passwd(&root), Err("is larger than 100 bytes".into()));
}

#[test]
fn a_root_that_cannot_be_is_named() {
    let (dir, _root) = jail();
    let error = |path: &str| Root::open(&dir.path().join(path)).expect_err("no root");
    assert!(error("none/at/all").ends_with("/none does not exist"));
    assert!(error("none").starts_with("does not exist; "));
    assert!(error("secret/x").ends_with("/secret is not a directory"));
    assert_eq!(error("secret"), "is not a directory");
    assert_eq!(
        Root::open(Path::new("")).expect_err("no root"),
        "the path is empty"
    );
}
