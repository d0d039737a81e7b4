// SPDX-License-Identifier: MIT OR Apache-2.0

use std::fs;
use std::io::Write;
use std::os::unix::fs::{symlink, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use tar::EntryType;
use tempfile::TempDir;

use super::*;
use crate::image::made::{self, Stored, Tar};
use crate::image::{open, Limits, Reference};

struct Place {
    directory: TempDir,
}

impl Place {
    /// None where the tests are not root's, who alone can give files owners.
    fn new() -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            return None;
        }
        let directory = tempfile::tempdir().expect("temporary directory");
        fs::create_dir(directory.path().join("around")).expect("a directory");
        fs::write(directory.path().join("around/secret"), "secret").expect("written");
        Some(Place { directory })
    }

    fn target(&self) -> PathBuf {
        self.directory.path().join("around/root")
    }

    fn unpack(&self, layers: &[Stored], limits: &Limits) -> Result<Summary, String> {
        self.unpack_with(layers, limits, &Options::default())
    }

    fn unpack_with(
        &self,
        layers: &[Stored],
        limits: &Limits,
        options: &Options,
    ) -> Result<Summary, String> {
        let layout = self.directory.path().join("layout");
        let _ = fs::remove_dir_all(&layout);
        made::layout(&layout, layers);
        let image =
            open(&Reference::Layout(layout, None), limits).map_err(|error| error.to_string())?;
        unpack(&image, &self.target(), options, &mut |_| {}).map_err(|error| error.to_string())
    }

    /// Unpacks what has to be refused, and sees that nothing is left.
    fn refused(&self, layers: Vec<Tar>, limits: &Limits) -> String {
        let layers: Vec<_> = layers
            .into_iter()
            .map(|tar| Stored::gzip(&tar.end()))
            .collect();
        let error = self.unpack(&layers, limits).expect_err("refused");
        self.is_untouched();
        error
    }

    fn is_untouched(&self) {
        let around = self.directory.path().join("around");
        let names: Vec<_> = fs::read_dir(&around).expect("read").flatten().collect();
        assert_eq!(names.len(), 1, "{names:?}");
        let secret = around.join("secret");
        assert_eq!(fs::read_to_string(&secret).expect("read"), "secret");
        assert_eq!(secret.metadata().expect("there").nlink(), 1);
    }
}

fn limits() -> Limits {
    Limits::default()
}

fn plain(tar: Tar) -> Stored {
    Stored::plain(tar.end())
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn files_are_as_the_layer_says() {
    let Some(place) = Place::new() else { return };
    let mut set_user = Tar::header(EntryType::Regular, b"bin/su", 2);
    set_user.set_mode(0o4755);
    set_user.set_uid(7);
    set_user.set_gid(8);
    let capability = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let tar = Tar::default()
        .directory("./")
        .directory("bin/")
        .add(set_user, b"su")
        .symlink("bin/sh", "/bin/su")
        .hardlink("bin/other", "bin/su")
        .pax(&[
            ("SCHILY.xattr.security.capability", capability),
            ("SCHILY.xattr.security.selinux", b"label"),
            ("SCHILY.xattr.trusted.overlay.opaque", b"y"),
            ("mtime", b"12.5"),
        ])
        .file("deep/er/ping", "ping")
        .add(Tar::header(EntryType::Fifo, b"pipe", 0), b"");
    let summary = place
        .unpack(&[Stored::gzip(&tar.end())], &limits())
        .expect("unpacked");
    assert_eq!(
        (summary.files, summary.directories, summary.symlinks),
        (2, 2, 1)
    );
    assert_eq!((summary.hardlinks, summary.fifos, summary.bytes), (1, 1, 6));
    assert_eq!(summary.xattrs_left_out, 2);
    let root = place.target();
    let su = root.join("bin/su").metadata().expect("there");
    assert_eq!(
        (su.mode() & 0o7777, su.uid(), su.gid(), su.nlink()),
        (0o4755, 7, 8, 2)
    );
    assert_eq!(su.mtime(), 1_000_000_000);
    assert_eq!(
        fs::read_link(root.join("bin/sh")).expect("a link"),
        Path::new("/bin/su")
    );
    let link = root.join("bin/sh").symlink_metadata().expect("there");
    assert_eq!(link.mtime(), 1_000_000_000);
    let bin = root.join("bin").metadata().expect("there");
    assert_eq!((bin.mode() & 0o7777, bin.mtime()), (0o755, 1_000_000_000));
    // Nothing says when it was made.
    assert_eq!(root.join("deep/er").metadata().expect("there").mtime(), 0);
    let ping = root.join("deep/er/ping");
    let found = ping.metadata().expect("there");
    assert_eq!((found.mtime(), found.mtime_nsec()), (12, 500_000_000));
    let mut value = [0; 64];
    let length = rustix::fs::getxattr(&ping, "security.capability", &mut value[..]);
    assert_eq!(
        length.map(|length| value[..length].to_vec()),
        Ok(capability.to_vec())
    );
    assert!(rustix::fs::getxattr(&ping, "trusted.overlay.opaque", &mut value[..]).is_err());
}

#[test]
fn layers_change_those_below_them() {
    let Some(place) = Place::new() else { return };
    let first = Tar::default()
        .file("gone", "1")
        .file("tree/a", "1")
        .file("tree/b/c", "1")
        .file("kept/a", "1")
        .file("opaque/old", "1")
        .file("opaque/sub/old", "1")
        .file("became", "a file")
        .file("was/a/directory", "1")
        .file("linked", "1")
        .hardlink("other", "linked")
        .file("replaced", "1");
    let second = Tar::default()
        .file(".wh.gone", "")
        .file("tree/.wh.b", "")
        // What comes before the whiteout is this layer's, and stays.
        .file("opaque/new", "2")
        .file("opaque/sub/new", "2")
        .file("opaque/.wh..wh..opq", "")
        .file("became/a", "2")
        .file("was", "a file")
        .file("linked", "2")
        .file("replaced", "2")
        .file(".wh.replaced", "")
        .file(".wh.never", "")
        .file("none/.wh.never", "")
        .file(".wh..wh.plnk", "");
    let summary = place
        .unpack(&[plain(first), plain(second)], &limits())
        .expect("unpacked");
    let root = place.target();
    for gone in [
        "gone",
        "tree/b",
        "opaque/old",
        "opaque/sub/old",
        ".wh.gone",
        ".wh..wh.plnk",
        "none",
    ] {
        assert!(root.join(gone).symlink_metadata().is_err(), "{gone}");
    }
    for (name, content) in [
        ("tree/a", "1"),
        ("kept/a", "1"),
        ("opaque/new", "2"),
        ("opaque/sub/new", "2"),
        ("became/a", "2"),
        ("was", "a file"),
        ("linked", "2"),
        // Another name of what was there, not of what is.
        ("other", "1"),
        ("replaced", "2"),
    ] {
        assert_eq!(read(&root.join(name)), content, "{name}");
    }
    assert_eq!(summary.whiteouts, 7);
}

#[test]
fn nothing_is_written_through_a_link() {
    let Some(place) = Place::new() else { return };
    let outside = place.directory.path().join("around");
    let outside = outside.to_str().expect("a name");
    let first = Tar::default().file("etc/passwd", "1").directory("usr/lib");
    // A directory becomes a link, and then something is written below it.
    let second = Tar::default()
        .symlink("etc", outside)
        .symlink("lib", "usr/lib");
    let third = Tar::default().file("etc/secret", "3").file("lib/x", "3");
    let layers = [plain(first), plain(second), plain(third)];
    place.unpack(&layers, &limits()).expect("unpacked");
    let root = place.target();
    assert_eq!(read(&root.join("etc/secret")), "3");
    assert!(root.join("etc").symlink_metadata().expect("there").is_dir());
    assert!(root.join("usr/lib/x").symlink_metadata().is_err());
    assert_eq!(read(&root.join("lib/x")), "3");
    fs::remove_dir_all(root).expect("removed");
    place.is_untouched();
    // In one layer nobody means that.
    for target in [outside, "/etc", "usr", "."] {
        let one = Tar::default()
            .symlink("etc", target)
            .file("etc/secret", "1");
        let error = place.refused(vec![one], &limits());
        assert!(error.contains("etc: is a symbolic link"), "{error}");
        let two = Tar::default()
            .symlink("etc", target)
            .file("etc/secret", "1");
        let error = place.refused(vec![Tar::default(), two], &limits());
        assert!(
            error.contains("layer 2 of 2: etc: is a symbolic link"),
            "{error}"
        );
    }
    let file = Tar::default().file("etc", "x").file("etc/secret", "1");
    assert!(place
        .refused(vec![file], &limits())
        .contains("etc: is no directory"));
}

#[test]
fn what_leads_out_is_refused_with_its_name() {
    let Some(place) = Place::new() else { return };
    let outside = place.directory.path().join("around/secret");
    let outside = outside.to_str().expect("a name");
    let tar = Tar::default;
    let base = || tar().directory("etc/").file("etc/a", "1");
    let device = |kind| tar().add(Tar::header(kind, b"dev/null", 0), b"");
    let link = || tar().symlink("to", "/");
    for (layers, expected) in [
        (vec![tar().file(outside, "x")], outside),
        (vec![tar().file("../secret", "x")], "../secret: has \"..\""),
        (
            vec![tar().file("etc/../../secret", "x")],
            "etc/../../secret: has \"..\"",
        ),
        (vec![tar().directory("..")], "..: has \"..\""),
        (
            vec![tar().pax(&[("path", b"../x")]).file("a", "")],
            "../x: has",
        ),
        (
            vec![tar().pax(&[("path", b"a\0b")]).file("a", "")],
            "zero byte",
        ),
        (
            vec![tar()
                .before(EntryType::GNULongName, b"/etc/x\0")
                .file("a", "")],
            "/etc/x: has an",
        ),
        (
            vec![tar().symlink("etc/out", "../../secret")],
            "etc/out: is a symbolic link out",
        ),
        (
            vec![tar().symlink("out", "..")],
            "out: is a symbolic link out",
        ),
        (
            vec![tar().symlink("out", "a/../../..")],
            "out: is a symbolic link out",
        ),
        (
            vec![tar().symlink("out", "")],
            "out: is a symbolic link to what",
        ),
        (
            vec![tar().hardlink("out", outside)],
            "out: is a hard link to",
        ),
        (
            vec![tar().hardlink("out", "../secret")],
            "out: is a hard link to",
        ),
        (
            vec![link().hardlink("out", &format!("to{outside}"))],
            "below a symbolic link",
        ),
        (
            vec![link(), tar().hardlink("out", &format!("to{outside}"))],
            "below a symbolic link",
        ),
        (vec![tar().hardlink("out", "none")], "which is not there"),
        (vec![base().hardlink("out", "etc")], "which is a directory"),
        (vec![base().hardlink("etc", "etc/a")], "which is below it"),
        (
            vec![base().hardlink("etc/a", "etc/a")],
            "which is the same name",
        ),
        (vec![tar().hardlink("out", "./")], "which is the root"),
        (
            vec![device(EntryType::Char)],
            "dev/null: is a node of a device",
        ),
        (
            vec![device(EntryType::Block)],
            "dev/null: is a node of a device",
        ),
        (
            vec![tar().add(Tar::header(EntryType::new(b'V'), b"label", 0), b"")],
            "label: is of a type",
        ),
        (vec![tar().file("./", "x")], "./: is the root"),
        (vec![tar().symlink("/", "x")], "/: is the root"),
        (vec![base(), tar().file(".wh.", "")], ".wh.: takes away"),
        (vec![base(), tar().file(".wh..", "")], ".wh..: takes away"),
        (vec![base(), tar().file(".wh...", "")], ".wh...: takes away"),
        (
            vec![base(), tar().file("etc/.wh...", "")],
            "etc/.wh...: takes away",
        ),
        (
            vec![base(), tar().file("../.wh.secret", "")],
            "../.wh.secret: has",
        ),
        (
            vec![base(), tar().file("/.wh.secret", "")],
            "/.wh.secret: has",
        ),
        (
            vec![
                tar().symlink("o", &outside[..outside.len() - 7]),
                tar().file("o/.wh.secret", ""),
            ],
            "o/secret: is taken away below a symbolic link",
        ),
        (
            vec![
                tar().symlink("o", &outside[..outside.len() - 7]),
                tar().file("o/.wh..wh..opq", ""),
            ],
            "o: is taken away below a symbolic link",
        ),
    ] {
        let error = place.refused(layers, &limits());
        assert!(error.contains(expected), "{expected}: {error}");
        assert!(error.starts_with("layer "), "{error}");
    }
}

#[test]
fn nodes_of_devices_can_be_left_out() {
    let Some(place) = Place::new() else { return };
    let tar = Tar::default()
        .add(Tar::header(EntryType::Char, b"dev/null", 0), b"")
        .file("a", "");
    let options = Options {
        without_devices: true,
        ..Options::default()
    };
    let summary = place
        .unpack_with(&[plain(tar)], &limits(), &options)
        .expect("unpacked");
    assert_eq!(summary.devices_left_out, 1);
    assert!(!place.target().join("dev").exists());
}

#[test]
fn what_is_too_much_is_refused() {
    let Some(place) = Place::new() else { return };
    // What is said to be there takes no room.
    let mut header = Tar::header(EntryType::GNUSparse, b"holes", 0);
    let gnu = header.as_gnu_mut().expect("GNU's");
    gnu.sparse[0].set_offset(1 << 62);
    gnu.sparse[0].set_length(0);
    gnu.set_real_size(1 << 62);
    let error = place.refused(vec![Tar::default().add(header, b"")], &limits());
    assert!(
        error.contains("holes: with it the image has more than"),
        "{error}"
    );
    let few = Limits {
        entries: 1000,
        bytes: 1 << 20,
        ..limits()
    };
    let entries = |count| {
        (0..count).fold(Tar::default(), |tar, index| {
            tar.file(&format!("f{index}"), "")
        })
    };
    let error = place.refused(vec![entries(600), entries(600)], &few);
    assert!(
        error.contains("layer 2 of 2: f400: is one more than the 1000 entries"),
        "{error}"
    );
    let large = "x".repeat(700 << 10);
    let twice = || Tar::default().file("a", &large);
    let error = place.refused(vec![twice(), twice()], &few);
    assert!(
        error.contains("a: with it the image has more than"),
        "{error}"
    );
    let deep = Tar::default()
        .pax(&[("path", &b"a/".repeat(300))])
        .directory("x");
    assert!(place
        .refused(vec![deep], &limits())
        .contains("more directories than"));
    let long = Tar::default()
        .pax(&[("path", &b"a".repeat(300))])
        .directory("x");
    assert!(place.refused(vec![long], &limits()).contains("longer name"));
    let attribute = [("SCHILY.xattr.user.x", &[0; 70 << 10][..])];
    let xattr = Tar::default().pax(&attribute).file("x", "");
    assert!(place
        .refused(vec![xattr], &limits())
        .contains("x: has a larger extended attribute"));
}

/// A file of two gigabytes of zeros, in two megabytes.
fn zeros() -> Stored {
    const SIZE: u64 = 2 << 30;
    const PART: usize = 16 << 20;
    let head = Tar::header(EntryType::Regular, b"zeros", SIZE);
    let head = Tar::default().add(head, b"").0;
    let part = vec![0; PART];
    let zip = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).expect("written");
        encoder.finish().expect("written")
    };
    let (mut bytes, zipped) = (zip(&head), zip(&part));
    let mut hasher = crate::image::digest::Hasher::default();
    hasher.update(&head);
    for _ in 0..SIZE / PART as u64 {
        bytes.extend(&zipped);
        hasher.update(&part);
    }
    bytes.extend(zip(&part[..1024]));
    hasher.update(&part[..1024]);
    Stored {
        bytes,
        diff_id: hasher.finish(),
    }
}

#[test]
fn two_gigabytes_of_zeros_are_refused_or_take_no_room() {
    let Some(place) = Place::new() else { return };
    let zeros = zeros();
    assert!(zeros.bytes.len() < 4 << 20);
    let refused = |limits: &Limits| {
        let error = place.unpack(std::slice::from_ref(&zeros), limits);
        place.is_untouched();
        error.expect_err("refused")
    };
    let error = refused(&limits());
    assert!(
        error.contains("zeros: ") && error.contains("200 times"),
        "{error}"
    );
    let any_ratio = Limits {
        ratio: u64::MAX,
        ..limits()
    };
    let error = refused(&Limits {
        bytes: 1 << 30,
        ..any_ratio
    });
    assert!(
        error.contains("zeros: with it the image has more than"),
        "{error}"
    );
    place.unpack(&[zeros], &any_ratio).expect("unpacked");
    let found = place.target().join("zeros").metadata().expect("there");
    assert_eq!(found.size(), 2 << 30);
    assert!(found.blocks() * 512 < 1 << 20, "{} blocks", found.blocks());
}

#[test]
fn directories_that_no_entry_is_for_count_as_well() {
    let Some(place) = Place::new() else { return };
    let few = Limits {
        entries: 1000,
        ..limits()
    };
    // Five entries, and directories without end.
    let tar = (0..5).fold(Tar::default(), |tar, index| {
        let path = format!("{index}/{}x", "a/".repeat(250));
        tar.pax(&[("path", path.as_bytes())]).file("x", "")
    });
    let error = place.refused(vec![tar], &few);
    assert!(
        error.contains("is one more than the 1000 entries"),
        "{error}"
    );
}

#[test]
fn names_do_not_fill_the_memory() {
    let Some(place) = Place::new() else { return };
    let few = Limits {
        names: 10_000,
        ..limits()
    };
    let long = "a".repeat(200);
    let tar = |make: &dyn Fn(Tar, &str) -> Tar| {
        (0..60).fold(Tar::default(), |tar, index| {
            let path = format!("{long}{index}");
            make(tar.pax(&[("path", path.as_bytes())]), &path)
        })
    };
    for tar in [
        tar(&|tar, _| tar.file("x", "")),
        tar(&|tar, _| tar.directory("x")),
        tar(&|tar, path| {
            let (_, target) = path.split_at(path.len() - 50);
            tar.symlink("x", target)
        }),
    ] {
        let error = place.refused(vec![tar], &few);
        assert!(error.contains("the names in the image"), "{error}");
    }
}

#[test]
fn what_is_asked_for_again_and_again_is_done_once() {
    let Some(place) = Place::new() else { return };
    // Each time would go through all there is.
    let many = 4000;
    let first = Tar::default().file("d/old", "1").file("e/old", "1");
    let second = (0..many).fold(Tar::default(), |tar, index| {
        tar.file(&format!("d/{index}"), "2")
    });
    let second = (0..many).fold(second, |tar, index| match index % 2 {
        0 => tar.file("d/.wh..wh..opq", ""),
        _ => tar.file(".wh.d", ""),
    });
    let layers = [plain(first), plain(second)];
    let begun = processor_time();
    place.unpack(&layers, &limits()).expect("unpacked");
    let took = processor_time() - begun;
    let names = fs::read_dir(place.target().join("d")).expect("read");
    assert_eq!(names.count(), many);
    // It was a minute and more.
    assert!(took < 10_000_000_000, "{took} ns");
}

/// What this thread has taken of the processor, in nanoseconds: others may use it as well.
fn processor_time() -> u64 {
    let text = read(Path::new("/proc/thread-self/schedstat"));
    let first = text.split(' ').next().map(str::parse);
    first.expect("a number").expect("a number")
}

#[test]
fn sizes_that_no_image_has_are_no_way_to_stop_it() {
    let Some(place) = Place::new() else { return };
    let layout = place.directory.path().join("layout");
    let layers = [
        plain(Tar::default().file("a", "1")),
        plain(Tar::default().file("b", "1")),
    ];
    made::layout_with(&layout, &layers, &|descriptor| {
        descriptor["size"] = u64::MAX.into();
    });
    let image = open(&Reference::Layout(layout, None), &limits()).expect("an image");
    let error = unpack(&image, &place.target(), &Options::default(), &mut |_| {});
    let error = error.expect_err("refused").to_string();
    assert!(error.contains("bytes early"), "{error}");
    place.is_untouched();
}

#[test]
fn holes_stay_holes() {
    let Some(place) = Place::new() else { return };
    let zeros = "\0".repeat(3 << 20);
    let tar = Tar::default()
        .file("zeros", &zeros)
        .file("both", &format!("{zeros}x"));
    place
        .unpack(&[Stored::gzip(&tar.end())], &limits())
        .expect("unpacked");
    for (name, size) in [("zeros", 3 << 20), ("both", (3 << 20) + 1)] {
        let found = place.target().join(name).metadata().expect("there");
        assert_eq!(found.size(), size, "{name}");
        assert!(
            found.blocks() * 512 < 1 << 20,
            "{name}: {} blocks",
            found.blocks()
        );
    }
}

#[test]
fn content_is_what_its_digest_names() {
    let Some(place) = Place::new() else { return };
    let tar = || Tar::default().file("a", &"content ".repeat(10_000)).end();
    let layout = place.directory.path().join("layout");
    let unpacked = |change: &dyn Fn(&Path, &Stored)| {
        let _ = fs::remove_dir_all(&layout);
        let stored = Stored::gzip(&tar());
        made::layout(&layout, &[Stored::gzip(&tar())]);
        let blob = crate::image::Digest::of(&stored.bytes);
        change(&layout.join("blobs/sha256").join(blob.hex()), &stored);
        let image = open(&Reference::Layout(layout.clone(), None), &limits());
        let image = image.map_err(|error| error.to_string())?;
        let done = unpack(&image, &place.target(), &Options::default(), &mut |_| {});
        done.map_err(|error| error.to_string())
    };
    let refused = |change: &dyn Fn(&Path, &Stored)| {
        let error = unpacked(change).expect_err("refused");
        place.is_untouched();
        error
    };
    let error = refused(&|blob, stored| {
        fs::write(blob, &stored.bytes[..stored.bytes.len() - 20]).expect("written");
    });
    assert!(error.contains("ends 20 bytes early"), "{error}");
    let error = refused(&|blob, stored| {
        let more = [&stored.bytes[..], b"more"].concat();
        fs::write(blob, more).expect("written");
    });
    assert!(error.contains("longer than its descriptor"), "{error}");
    refused(&|blob, stored| {
        let mut bytes = stored.bytes.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(blob, bytes).expect("written");
    });
    // The same files in other bytes.
    let error = refused(&|blob, stored| {
        let mut bytes = stored.bytes.clone();
        // The name of the system that made it, which changes nothing else.
        bytes[9] ^= 1;
        fs::write(blob, bytes).expect("written");
    });
    assert!(error.contains("not what its digest says"), "{error}");
    let error = refused(&|blob, _| fs::remove_file(blob).expect("removed"));
    assert!(
        error.contains("is not there; the image is not complete"),
        "{error}"
    );
    let error = refused(&|blob, stored| {
        let elsewhere = place.directory.path().join("elsewhere");
        fs::write(&elsewhere, &stored.bytes).expect("written");
        fs::remove_file(blob).expect("removed");
        symlink(elsewhere, blob).expect("a link");
    });
    assert!(error.contains("link that leads out"), "{error}");
    // The configuration names other content than the manifest.
    let mut other = Stored::gzip(&tar());
    other.diff_id = crate::image::Digest::of(b"x");
    let error = place.unpack(&[other], &limits()).expect_err("refused");
    assert!(error.contains("not what the configuration says"), "{error}");
    place.is_untouched();
    // A layer that is cut off, with the digest of that.
    let whole = Stored::gzip(&tar());
    let cut = Stored {
        bytes: whole.bytes[..whole.bytes.len() / 2].to_vec(),
        diff_id: whole.diff_id,
    };
    place.unpack(&[cut], &limits()).expect_err("refused");
    place.is_untouched();
    unpacked(&|_, _| {}).expect("unpacked");
}

#[test]
fn what_is_there_is_not_touched() {
    let Some(place) = Place::new() else { return };
    let target = place.target();
    fs::create_dir(&target).expect("a directory");
    fs::write(target.join("own"), "own").expect("written");
    let layer = || [plain(Tar::default().file("a", "1"))];
    let error = place.unpack(&layer(), &limits()).expect_err("refused");
    assert!(error.contains("is not empty"), "{error}");
    assert_eq!(read(&target.join("own")), "own");
    let options = Options {
        replace: true,
        ..Options::default()
    };
    place
        .unpack_with(&layer(), &limits(), &options)
        .expect("unpacked");
    assert_eq!(read(&target.join("a")), "1");
    assert_eq!(read(&target.with_extension("old").join("own")), "own");
    assert_eq!(
        target.metadata().expect("there").permissions().mode() & 0o7777,
        0o755
    );
}
