// SPDX-License-Identifier: MIT OR Apache-2.0

use std::fs::{self, Permissions};
use std::os::unix::fs::{symlink, PermissionsExt};

use super::*;
use crate::{Library, Settings, Template};

struct Trees {
    directory: tempfile::TempDir,
}

impl Trees {
    /// A tree with a program, and nothing upon it.
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("temporary directory");
        let trees = Trees { directory };
        fs::create_dir(trees.directory.path().join("upper")).expect("mkdir");
        trees.put(
            "etc/passwd",
            "root:x:0:0::/root:/bin/sh\nweb:x:33:33::/:/bin/sh\n",
            0o644,
        );
        trees.put("etc/group", "root:x:0:\nweb:x:33:\n", 0o644);
        trees.put("usr/bin/prog", "#!/bin/true\n", 0o755);
        trees
    }

    fn lower(&self) -> PathBuf {
        self.directory.path().join("lower")
    }

    fn put(&self, path: &str, text: &str, mode: u32) {
        let path = self.lower().join(path);
        fs::create_dir_all(path.parent().expect("above")).expect("mkdir");
        fs::write(&path, text).expect("write");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("mode");
    }

    fn write(&self, path: &str) {
        let path = self.directory.path().join("upper").join(path);
        fs::create_dir_all(path.parent().expect("above")).expect("mkdir");
        fs::write(path, "written").expect("write");
    }

    fn keep(&self, opened: &[&str], private: bool) -> (Kept, String) {
        let lower = Host::at(&self.lower()).expect("lower");
        let upper = Host::at(&self.directory.path().join("upper")).expect("upper");
        let opened = opened
            .iter()
            .map(|path| (PathBuf::from(path), Opened::default()));
        let seen = Seen {
            opened: opened.collect(),
            users: BTreeSet::from([0, 33, 77]),
        };
        let tried = Tried {
            program: "prog".into(),
            user: None,
            made: Vec::new(),
            private,
        };
        let kept = keep(&lower, &upper, &seen, &tried).expect("kept");
        let text = kept.text().expect("text");
        // It can be read again.
        let path = self.directory.path().join("kept.toml");
        fs::write(&path, &text).expect("write");
        Template::load_file(&path, &Library::default(), &Settings::new()).expect(&text);
        (kept, text)
    }
}

#[test]
fn what_is_opened_is_kept_with_the_links_to_it() {
    let trees = Trees::new();
    trees.put("etc/prog/available/site", "x", 0o644);
    trees.put("usr/share/prog-1.2/data", "x", 0o644);
    trees.put("usr/share/other/data", "x", 0o644);
    fs::create_dir_all(trees.lower().join("etc/prog/enabled")).expect("mkdir");
    symlink(
        "../available/site",
        trees.lower().join("etc/prog/enabled/site"),
    )
    .expect("link");
    symlink("prog-1.2", trees.lower().join("usr/share/prog")).expect("link");
    symlink("other", trees.lower().join("usr/share/another")).expect("link");
    symlink("/", trees.lower().join("usr/share/prog-1.2/root")).expect("link");
    let opened = [
        "/etc/prog/available/site",
        "/usr/share/prog-1.2/data",
        "/etc/passwd",
        "/etc/${x} y",
    ];
    trees.put("etc/${x} y", "x", 0o644);
    let (kept, text) = trees.keep(&opened, false);
    for expected in [
        "\"/etc/prog/available/site\"",
        "path = \"/etc/prog/enabled/site\"\ntarget = \"../available/site\"",
        "\"/usr/share/prog-1.2/data\"",
        "path = \"/usr/share/prog\"\ntarget = \"prog-1.2\"",
        "source = \"/etc/$${x} y\"",
        "[[account]]\nnames = [\"web\"]",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    for unexpected in ["other", "root\"\ntarget", "/etc/passwd"] {
        assert!(!text.contains(unexpected), "{unexpected}: {text}");
    }
    assert_eq!(kept.files, (3, 3));
}

#[test]
fn what_not_everybody_may_read_is_left_out() {
    let trees = Trees::new();
    trees.put("etc/shadow", "x", 0o640);
    trees.put("etc/open.pem", "-----BEGIN RSA PRIVATE KEY-----\n", 0o644);
    trees.put("home/notes", "x", 0o644);
    trees.put("etc/plain", "x", 0o644);
    fs::set_permissions(trees.lower().join("home"), Permissions::from_mode(0o700)).expect("mode");
    let opened = ["/etc/shadow", "/etc/open.pem", "/home/notes", "/etc/plain"];
    let (kept, text) = trees.keep(&opened, false);
    assert_eq!(kept.private.len(), 3);
    assert_eq!(kept.files.0, 1);
    assert!(text.contains("#   /etc/shadow\n"), "{text}");
    assert!(!text.contains("source"), "{text}");
    let (_, text) = trees.keep(&opened, true);
    assert!(
        text.contains("source = \"/etc/shadow\"\nmode = \"0640\""),
        "{text}"
    );
}

#[test]
fn what_is_written_is_left_out_but_for_where() {
    let trees = Trees::new();
    trees.put("var/log/prog/log", "of the machine", 0o644);
    trees.put("var/lib/prog/old", "x", 0o644);
    trees.write("var/log/prog/log");
    trees.write("var/lib/prog/cache/a/b");
    trees.write("tmp/x");
    let opened = ["/var/log/prog/log", "/var/lib/prog/cache/a/b", "/tmp/x"];
    let (kept, text) = trees.keep(&opened, false);
    let written = [
        Path::new("/var/lib/prog/cache/a/b"),
        Path::new("/var/log/prog/log"),
    ];
    assert_eq!(kept.written, written);
    assert!(text.contains("path = \"/var/log/prog\"\n"), "{text}");
    assert!(text.contains("path = \"/var/lib/prog\"\n"), "{text}");
    for unexpected in ["path = \"/var/lib/prog/cache", "/tmp", "[[copies]]"] {
        assert!(!text.contains(unexpected), "{unexpected}: {text}");
    }
}

#[test]
fn no_path_is_taken_that_is_not_what_it_says() {
    let trees = Trees::new();
    trees.put("etc/real", "x", 0o644);
    symlink("real", trees.lower().join("etc/link")).expect("link");
    symlink("../../../etc/hostname", trees.lower().join("etc/out")).expect("link");
    let opened = [
        "/etc/link",
        "/etc/out",
        "/etc/../etc/real",
        "relative",
        "/etc/a\nb",
        "/nothing",
    ];
    let (kept, text) = trees.keep(&opened, false);
    assert_eq!(kept.files.0, 0, "{text}");
    assert_eq!(kept.odd.len(), 3, "{:?}", kept.odd);
    assert!(!text.contains("hostname"), "{text}");
}
