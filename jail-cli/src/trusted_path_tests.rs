// SPDX-License-Identifier: MIT OR Apache-2.0

use std::fs::{self, Permissions};
use std::os::unix::fs::{symlink, MetadataExt, PermissionsExt};

use tempfile::TempDir;

use super::*;

/// A directory of root's with nothing but such above it, where the test can make one.
fn place() -> Option<TempDir> {
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    let dir = tempfile::tempdir_in("/").ok()?;
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).expect("chmod");
    Some(dir)
}

fn inode(found: &OwnedFd) -> u64 {
    #[allow(clippy::useless_conversion)]
    u64::from(fstat(found).expect("stat").st_ino)
}

#[test]
fn links_of_root_are_followed() {
    let Some(dir) = place() else { return };
    let path = |name: &str| dir.path().join(name);
    fs::create_dir_all(path("a/b")).expect("mkdir");
    fs::write(path("a/b/file"), "").expect("write");
    symlink(path("a"), path("absolute")).expect("symlink");
    symlink("absolute/../a/./b", path("relative")).expect("symlink");
    symlink("relative/", path("slash")).expect("symlink");
    let expected = fs::metadata(path("a/b")).expect("there").ino();
    for name in ["a/b", "absolute/b", "relative", "slash", "a/b/../../slash/"] {
        let found = open(&path(name)).unwrap_or_else(|why| panic!("{name}: {why:?}"));
        assert_eq!(inode(&found), expected, "{name}");
    }
    let file = open(&path("slash/file")).expect("a file");
    assert_eq!(kind(&file), Ok(SFlag::S_IFREG));
    for name in ["a/b/file/", "a/b/file/.", "a/b/file/x"] {
        assert_eq!(
            open(&path(name)).expect_err(name),
            Refusal::Kernel(Errno::ENOTDIR)
        );
    }
    symlink("loop", path("loop")).expect("symlink");
    assert_eq!(
        open(&path("loop")).expect_err("a loop"),
        Refusal::Kernel(Errno::ELOOP)
    );
    assert_eq!(
        open(&path("none/x")).expect_err("nothing"),
        Refusal::Kernel(Errno::ENOENT)
    );
}

#[test]
fn links_below_what_others_can_change_are_not() {
    let Some(dir) = place() else { return };
    let path = |name: &str| dir.path().join(name);
    fs::create_dir_all(path("open/below")).expect("mkdir");
    fs::write(path("open/below/file"), "").expect("write");
    symlink("/etc", path("open/last")).expect("symlink");
    symlink("/etc", path("open/below/last")).expect("symlink");
    symlink("open/below", path("into")).expect("symlink");
    for mode in [0o1777, 0o775, 0o757] {
        fs::set_permissions(path("open"), Permissions::from_mode(mode)).expect("chmod");
        for name in ["open/last", "open/last/passwd", "open/below/last"] {
            let refused = open(&path(name)).expect_err(name);
            assert!(matches!(refused, Refusal::Link(_)), "{name}: {refused:?}");
            let text = refused.describe();
            assert!(text.contains("/last is a symbolic link"), "{text}");
        }
        let refused = open(&path("open/below/../below")).expect_err("up again");
        assert!(matches!(refused, Refusal::Up(_)), "{refused:?}");
        // A link of root's may lead there, and there is no link then.
        for name in ["open/below/file", "into/file"] {
            open(&path(name)).unwrap_or_else(|why| panic!("{name}: {why:?}"));
        }
        open(&path("into/last")).expect_err("a link after a link");
    }
    fs::set_permissions(path("open"), Permissions::from_mode(0o755)).expect("chmod");
    open(&path("open/below/last")).expect("root's own again");
    nix::unistd::chown(&path("open"), Some(1000.into()), None).expect("chown");
    open(&path("open/below/last")).expect_err("a user's");
}

#[test]
fn what_a_jail_was_given_is_marked() {
    let Some(dir) = place() else { return };
    let path = |name: &str| dir.path().join(name);
    fs::create_dir_all(path("given/below")).expect("mkdir");
    symlink("/etc", path("given/below/link")).expect("symlink");
    open(&path("given/below/link")).expect("nobody's");
    let given = open(&path("given")).expect("there");
    mark_as_given(&given);
    if !is_given(&given) {
        // This file system has no place for it.
        return;
    }
    open(&path("given/below/link")).expect_err("the jail's");
    open(&path("given/below")).expect("no link");
}

#[test]
fn links_of_processes_are_followed_in_ones_own_alone() {
    let own = open(Path::new("/proc/self/root")).expect("one's own");
    assert_eq!(inode(&own), fs::metadata("/").expect("there").ino());
    let parent = format!("/proc/{}/cwd", nix::unistd::getppid());
    open(Path::new(&parent)).expect_err("another's");
    open(Path::new("/proc/self/fd/0")).expect("a descriptor");
}
