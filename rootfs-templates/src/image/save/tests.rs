// SPDX-License-Identifier: MIT OR Apache-2.0

use std::fs::{self, File};
use std::os::unix::fs::{symlink, MetadataExt, PermissionsExt};
use std::path::PathBuf;

use rustix::fs::{lgetxattr, lsetxattr, mknodat, FileType, Mode, XattrFlags, CWD};
use tempfile::TempDir;

use super::*;
use crate::image::{open, unpack, Limits, Options, Reference};

struct Place(TempDir);

impl Place {
    fn new() -> Option<Self> {
        let root = nix::unistd::geteuid().is_root();
        root.then(|| Place(tempfile::tempdir().expect("temporary directory")))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn root(&self) -> PathBuf {
        let root = self.path("root");
        fs::create_dir_all(root.join("bin")).expect("directories");
        fs::write(root.join("bin/su"), "su").expect("written");
        fs::set_permissions(root.join("bin/su"), PermissionsExt::from_mode(0o4711)).expect("mode");
        std::os::unix::fs::chown(root.join("bin/su"), Some(3_000_000), Some(8)).expect("owner");
        fs::set_permissions(root.join("bin/su"), PermissionsExt::from_mode(0o4711)).expect("mode");
        fs::hard_link(root.join("bin/su"), root.join("bin/sudo")).expect("linked");
        symlink("/bin/su".repeat(20), root.join("link")).expect("linked");
        let long = root.join("long/".repeat(30));
        fs::create_dir_all(&long).expect("directories");
        fs::write(long.join("name"), "x".repeat(100_000)).expect("written");
        let value = b"a\nb\0";
        lsetxattr(root.join("bin/su"), "user.x", value, XattrFlags::empty()).expect("attribute");
        mknodat(CWD, root.join("pipe"), FileType::Fifo, Mode::RWXU, 0).expect("a pipe");
        root
    }

    fn save(
        &self,
        parts: &[(&str, bool)],
        name: &str,
        options: SaveOptions,
    ) -> Result<Saved, String> {
        let parts: Vec<Part> = parts
            .iter()
            .map(|(name, is_upper)| Part {
                directory: File::open(self.path(name)).expect("open").into(),
                is_upper: *is_upper,
            })
            .collect();
        save(&parts, &self.path(name), &options, &mut |_| {}).map_err(|error| error.to_string())
    }

    fn unpack(&self, name: &str, target: &str) -> String {
        let reference = Reference::Path(self.path(name));
        let image = open(&reference, &Limits::default()).expect("an image");
        let target = self.path(target);
        unpack(&image, &target, &Options::default(), &mut |_| {}).expect("unpacked");
        image.digest
    }
}

fn options() -> SaveOptions {
    SaveOptions {
        config: Config {
            cmd: vec!["/bin/sh".to_owned()],
            ..Config::default()
        },
        platform: Platform::of_this_machine(),
        tag: None,
        compression: Compression::Gzip,
        created: None,
        most: 1 << 30,
        layout: false,
        replace: false,
        above: None,
    }
}

/// All that is in a directory, with what is said about it.
fn listing(root: &PathBuf) -> Vec<String> {
    let mut lines = Vec::new();
    let mut left = vec![root.clone()];
    while let Some(path) = left.pop() {
        let found = path.symlink_metadata().expect("there");
        let name = path.strip_prefix(root).expect("in it").display();
        let content = match (found.is_file(), found.is_symlink()) {
            (true, _) => fs::read_to_string(&path).expect("read"),
            (_, true) => fs::read_link(&path).expect("read").display().to_string(),
            _ => String::new(),
        };
        let owner = (found.uid(), found.gid(), found.mode());
        let time = (found.mtime(), found.mtime_nsec());
        lines.push(format!(
            "{name} {owner:?} {time:?} {} {content}",
            found.nlink()
        ));
        if found.is_dir() {
            left.extend(
                fs::read_dir(&path)
                    .expect("read")
                    .flatten()
                    .map(|entry| entry.path()),
            );
        }
    }
    lines.sort();
    lines
}

#[test]
fn what_is_saved_is_what_was_there() {
    let Some(place) = Place::new() else { return };
    let before = listing(&place.root());
    for (name, compression) in [
        ("none", Compression::None),
        ("gzip", Compression::Gzip),
        ("zstd", Compression::Zstd),
    ] {
        for layout in [false, true] {
            let name = format!("{name}{layout}");
            let options = || SaveOptions {
                compression,
                layout,
                ..options()
            };
            let saved = place
                .save(&[("root", false)], &name, options())
                .expect("saved");
            assert_eq!((saved.files, saved.bytes), (2, 100_002));
            let target = format!("{name}.unpacked");
            assert_eq!(place.unpack(&name, &target), saved.digest);
            assert_eq!(listing(&place.path(&target)), before, "{name}");
            let mut value = [0; 10];
            let su = place.path(&target).join("bin/su");
            let length = rustix::fs::getxattr(su, "user.x", &mut value[..]);
            assert_eq!(length.map(|length| &value[..length]), Ok(&b"a\nb\0"[..]));
            // The same again is the same.
            let again = format!("{name}.again");
            let second = place
                .save(&[("root", false)], &again, options())
                .expect("saved");
            assert_eq!(second.digest, saved.digest);
            if !layout {
                let bytes = |name: &str| fs::read(place.path(name)).expect("read");
                assert!(bytes(&name) == bytes(&again), "{name} is another one");
                let mode = place.path(&name).metadata().expect("there").mode();
                assert_eq!(mode & 0o7777, 0o600);
            }
        }
    }
}

#[test]
fn what_an_overlay_hides_becomes_a_whiteout() {
    let Some(place) = Place::new() else { return };
    let (lower, upper) = (place.path("lower"), place.path("upper"));
    for directory in ["opaque/sub", "kept"] {
        fs::create_dir_all(lower.join(directory)).expect("directories");
    }
    for file in ["opaque/old", "opaque/sub/old", "kept/old", "gone"] {
        fs::write(lower.join(file), "old").expect("written");
    }
    fs::create_dir_all(upper.join("opaque")).expect("directories");
    fs::create_dir_all(upper.join("kept")).expect("directories");
    fs::write(upper.join("opaque/new"), "new").expect("written");
    fs::write(upper.join("kept/new"), "new").expect("written");
    let flags = XattrFlags::empty();
    lsetxattr(upper.join("opaque"), "trusted.overlay.opaque", b"y", flags).expect("attribute");
    lsetxattr(upper.join("kept"), "trusted.overlay.origin", b"x", flags).expect("attribute");
    let kind = FileType::CharacterDevice;
    mknodat(CWD, upper.join("gone"), kind, Mode::empty(), 0).expect("a whiteout");
    let parts = [("lower", false), ("upper", true)];
    place.save(&parts, "image", options()).expect("saved");
    place.unpack("image", "both");
    let both = place.path("both");
    for (name, there) in [
        ("opaque/old", false),
        ("opaque/sub", false),
        ("opaque/new", true),
        ("kept/old", true),
        ("kept/new", true),
        ("gone", false),
    ] {
        assert_eq!(both.join(name).exists(), there, "{name}");
    }
    // What anybody could note says nothing.
    for note in ["opaque", "redirect"] {
        let name = format!("user.overlay.{note}");
        lsetxattr(upper.join("kept"), name, b"y", flags).expect("attribute");
    }
    place.save(&parts, "again", options()).expect("saved");
    place.unpack("again", "noted");
    let kept = place.path("noted/kept");
    assert!(kept.join("old").exists());
    assert!(lgetxattr(&kept, "user.overlay.opaque", &mut [0; 8][..]).is_err());
    // What is noted as being elsewhere is not there to be saved.
    fs::write(upper.join("moved"), "").expect("written");
    lsetxattr(upper.join("moved"), "trusted.overlay.metacopy", b"", flags).expect("attribute");
    let error = place.save(&parts, "other", options()).expect_err("refused");
    assert!(error.contains("moved: is elsewhere"), "{error}");
    assert!(!place.path("other").exists());
}

#[test]
fn what_cannot_be_saved_leaves_nothing() {
    let Some(place) = Place::new() else { return };
    let root = place.root();
    fs::write(root.join("bin/.wh.x"), "").expect("written");
    let error = place
        .save(&[("root", false)], "image", options())
        .expect_err("refused");
    assert!(error.contains("bin/.wh.x: has a name"), "{error}");
    fs::remove_file(root.join("bin/.wh.x")).expect("removed");
    let holes = fs::File::create(root.join("bin/holes")).expect("made");
    holes.set_len(1 << 40).expect("made large");
    let error = place
        .save(&[("root", false)], "image", options())
        .expect_err("refused");
    assert!(
        error.contains("bin/holes: with it there are more than"),
        "{error}"
    );
    fs::remove_file(root.join("bin/holes")).expect("removed");
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).expect("a socket");
    let saved = place
        .save(&[("root", false)], "image", options())
        .expect("saved");
    assert_eq!(saved.sockets_left_out, 1);
    let error = place
        .save(&[("root", false)], "image", options())
        .expect_err("refused");
    assert!(error.contains("is there already"), "{error}");
    let options = SaveOptions {
        replace: true,
        ..options()
    };
    place
        .save(&[("root", false)], "image", options)
        .expect("saved");
    let names: Vec<_> = fs::read_dir(place.0.path())
        .expect("read")
        .flatten()
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
}
