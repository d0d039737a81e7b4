// SPDX-License-Identifier: MIT OR Apache-2.0

use std::fs;
use std::os::unix::fs::{symlink, FileTypeExt, MetadataExt, PermissionsExt};

use super::*;

struct Trees {
    dir: tempfile::TempDir,
}

impl Trees {
    /// Two trees that are the same: the second has the files of the first.
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("temporary directory");
        let trees = Trees { dir };
        for tree in ["under", "over", "into"] {
            fs::create_dir(trees.at(tree)).expect("mkdir");
        }
        for directory in ["a", "a/b", "c"] {
            for tree in ["under", "over"] {
                fs::create_dir(trees.at(tree).join(directory)).expect("mkdir");
            }
        }
        for file in ["a/one", "a/b/two", "c/three"] {
            fs::write(trees.at("under").join(file), file).expect("write");
            let over = trees.at("over").join(file);
            fs::hard_link(trees.at("under").join(file), over).expect("link");
        }
        for directory in ["a/b", "a", "c"] {
            trees.as_before(directory);
        }
        trees
    }

    fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// Gives a directory of the second tree the times of that of the first.
    fn as_before(&self, directory: &str) {
        let open = |tree: &str| File::open(self.at(tree).join(directory)).expect("open");
        let time = open("under").metadata().and_then(|found| found.modified());
        open("over")
            .set_modified(time.expect("a time"))
            .expect("set");
    }

    fn copy(&self) -> Summary {
        let open = |tree| OwnedFd::from(File::open(self.at(tree)).expect("open"));
        let under = open("under");
        copy(
            &open("over"),
            Some(&under),
            &open("into"),
            None,
            &mut |_| {},
        )
        .expect("copied")
    }

    fn is_in_copy(&self, path: &str) -> bool {
        self.at("into").join(path).symlink_metadata().is_ok()
    }
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

#[test]
fn what_is_the_same_is_not_copied() {
    if !is_root() {
        return;
    }
    let trees = Trees::new();
    let copied = trees.copy();
    assert_eq!(copied, Summary::default());
    let left = fs::read_dir(trees.at("into")).expect("list").count();
    assert_eq!(left, 0);
}

#[test]
fn what_is_another_is_copied_and_what_is_gone_is_noted() {
    if !is_root() {
        return;
    }
    let trees = Trees::new();
    let over = trees.at("over");
    fs::remove_file(over.join("a/one")).expect("rm");
    fs::write(over.join("a/new"), "new").expect("write");
    fs::set_permissions(over.join("a/new"), fs::Permissions::from_mode(0o4755)).expect("chmod");
    fs::hard_link(over.join("a/new"), over.join("again")).expect("link");
    symlink("/etc/passwd", over.join("link")).expect("symlink");
    fs::remove_dir_all(over.join("c")).expect("rm");
    fs::write(over.join("c"), "a file now").expect("write");
    trees.as_before("a/b");
    let copied = trees.copy();
    assert_eq!(copied.removed, 1);
    let into = trees.at("into");
    let gone = into.join("a/one").symlink_metadata().expect("a whiteout");
    assert!(gone.file_type().is_char_device() && gone.rdev() == 0);
    let new = fs::metadata(into.join("a/new")).expect("a/new");
    assert_eq!(new.mode() & 0o7777, 0o4755);
    assert_eq!(
        new.ino(),
        fs::metadata(into.join("again")).expect("again").ino()
    );
    assert_eq!(
        fs::read_link(into.join("link")).expect("link"),
        Path::new("/etc/passwd")
    );
    assert_eq!(fs::read(into.join("c")).expect("c"), b"a file now");
    assert!(!trees.is_in_copy("a/b"));
}

#[test]
fn a_socket_hides_what_is_below_it() {
    if !is_root() {
        return;
    }
    let trees = Trees::new();
    let over = trees.at("over");
    for path in ["a/one", "new"] {
        let _ = fs::remove_file(over.join(path));
        std::os::unix::net::UnixListener::bind(over.join(path)).expect("bind");
    }
    fs::remove_dir_all(over.join("c")).expect("rm");
    std::os::unix::net::UnixListener::bind(over.join("c")).expect("bind");
    let copied = trees.copy();
    assert_eq!(copied.removed, 2);
    for path in ["a/one", "c"] {
        let gone = trees.at("into").join(path).symlink_metadata();
        let gone = gone.expect("a whiteout");
        assert!(gone.file_type().is_char_device() && gone.rdev() == 0);
    }
    assert!(!trees.is_in_copy("new"));
}

#[test]
fn ids_of_a_jail_are_those_of_the_disk() {
    let block: Block = "1879048192:65536".parse().expect("a block");
    assert_eq!(entry::on_disk(1_879_048_192 + 1000, Some(block)), 1000);
    assert_eq!(entry::on_disk(1000, Some(block)), 65534);
    assert_eq!(entry::on_disk(1000, None), 1000);
}

#[test]
fn directories_in_one_another_have_an_end() {
    if !is_root() {
        return;
    }
    let trees = Trees::new();
    let deep = trees.at("over").join("d/".repeat(DEEPEST + 5));
    fs::create_dir_all(deep).expect("mkdir");
    let open = |tree| OwnedFd::from(File::open(trees.at(tree)).expect("open"));
    let copied = copy(&open("over"), None, &open("into"), None, &mut |_| {});
    let error = copied.expect_err("too deep");
    assert!(error.contains("directories deep"), "{error}");
}
