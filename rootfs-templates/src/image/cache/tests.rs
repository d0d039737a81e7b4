// SPDX-License-Identifier: MIT OR Apache-2.0

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::*;
use crate::image::made::{self, Stored, Tar};

fn cache() -> Option<(TempDir, Cache)> {
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    let directory = tempfile::tempdir().expect("temporary directory");
    let cache = Cache::open(&directory.path().join("cache")).expect("a cache");
    Some((directory, cache))
}

/// What skopeo leaves: a layout without content, and the content beside it.
fn fetched(cache: &Cache, name: &str, text: &str) -> String {
    let layers = [Stored::gzip(&Tar::default().file("a", text).end())];
    let target = cache
        .path
        .join("images")
        .join(fetch::key(name, &Platform::of_this_machine()));
    made::layout(&target, &layers);
    let own = target.join("blobs/sha256");
    fs::create_dir_all(cache.path.join("blobs/sha256")).expect("a directory");
    for blob in fs::read_dir(own).expect("read").flatten() {
        let shared = cache.path.join("blobs/sha256").join(blob.file_name());
        fs::rename(blob.path(), shared).expect("moved");
    }
    fs::remove_dir_all(target.join("blobs")).expect("removed");
    let about = serde_json::json!({"reference": name, "platform": "linux/x"});
    fs::write(target.join("about.json"), about.to_string()).expect("written");
    name.to_owned()
}

fn image(cache: &Cache, name: &str) -> Result<Image, String> {
    let reference: Reference = name.parse().expect("a reference");
    let platform = Platform::of_this_machine();
    let image = cache.image(&reference, &platform, &Limits::default(), Pull::Missing);
    image.map_err(|error| error.to_string())
}

fn root(cache: &Cache, name: &str) -> Root {
    let image = image(cache, name).expect("an image");
    let root = cache.root_of_image(name, &image, false, &mut |_| {});
    root.expect("a root")
}

fn names(listed: &[Listed]) -> Vec<&str> {
    listed.iter().map(|one| one.name.as_str()).collect()
}

#[test]
fn what_was_fetched_and_built_is_there_the_next_time() {
    let Some((_directory, cache)) = cache() else {
        return;
    };
    let name = fetched(&cache, "docker://one", "1");
    let first = root(&cache, &name);
    assert_eq!(
        fs::read_to_string(first.path().join("a")).expect("read"),
        "1"
    );
    assert_eq!(
        first
            .about
            .config
            .as_ref()
            .map(|config| config.user.as_str()),
        Some("1000")
    );
    fs::write(first.path().join("mark"), "").expect("written");
    let second = root(&cache, &name);
    assert!(second.path().join("mark").exists(), "it was built again");
    let listed = cache.list().expect("listed");
    let expected = [
        "docker://one (linux/x)",
        "image docker://one",
        "content of images (3 parts)",
    ];
    assert_eq!(names(&listed), expected);
    assert!(listed[1].in_use && !listed[0].in_use);
}

#[test]
fn what_is_in_use_is_not_removed() {
    let Some((_directory, cache)) = cache() else {
        return;
    };
    let (one, two) = (
        fetched(&cache, "docker://one", "1"),
        fetched(&cache, "docker://two", "2"),
    );
    let held = root(&cache, &one);
    drop(root(&cache, &two));
    let open = image(&cache, &one).expect("an image");
    let gone = cache.empty(None).expect("emptied");
    assert_eq!(
        names(&gone),
        ["image docker://two"],
        "content is in use, and one root"
    );
    drop(open);
    let gone = cache.empty(Some(&two)).expect("emptied");
    assert_eq!(
        names(&gone),
        ["docker://two (linux/x)", "content of images (3 parts)"]
    );
    image(&cache, &one).expect("it is there still");
    assert!(held.path().join("a").exists());
    drop(held);
    cache.empty(None).expect("emptied");
    let left = cache.list().expect("listed");
    assert_eq!(names(&left), ["content of images (0 parts)"]);
}

#[test]
fn what_was_not_finished_is_not_there() {
    let Some((_directory, cache)) = cache() else {
        return;
    };
    let name = fetched(&cache, "docker://one", "1");
    let about = About::default();
    let error = cache.root(about.clone(), |target| {
        fs::create_dir(target).expect("made");
        Err(ImageError::new("it", "fails"))
    });
    assert_eq!(error.expect_err("refused").to_string(), "it: fails");
    assert_eq!(cache.list().expect("listed").len(), 2);
    let made = cache.root(about, |target| {
        fs::create_dir(target).map_err(ImageError::io("it"))
    });
    assert!(made.expect("made").path().is_dir());
    // Content that was damaged is told, and not taken.
    let blobs = cache.path.join("blobs/sha256");
    for blob in fs::read_dir(&blobs).expect("read").flatten() {
        let mut content = fs::read(blob.path()).expect("read");
        let last = content.len() - 1;
        content[last] ^= 1;
        fs::write(blob.path(), content).expect("written");
    }
    assert!(image(&cache, &name)
        .expect_err("refused")
        .contains("not what its digest says"));
    // A name that was never finished is fetched.
    let error = image(&cache, "docker://never.invalid/x").expect_err("refused");
    assert!(error.contains("skopeo"), "{error}");
    let left = fs::read_dir(cache.path.join("images")).expect("read");
    let names = left.flatten().map(|entry| entry.file_name());
    let left = names.filter(|name| !name.to_string_lossy().starts_with(".making-"));
    assert_eq!(left.count(), 1);
}

#[test]
fn what_was_interrupted_is_taken_away_with_the_rest() {
    let Some((_directory, cache)) = cache() else {
        return;
    };
    let name = fetched(&cache, "docker://one", "1");
    let held = root(&cache, &name);
    let roots = cache.path.join("roots");
    let images = cache.path.join("images");
    let stage = roots.join(".jaula-rootfs-abc");
    for left in [
        roots.join(".gone-12"),
        images.join(".gone-12"),
        images.join("12.old"),
        cache.path.join("blobs/sha256/.gone-12"),
        stage.clone(),
    ] {
        fs::create_dir(&left).expect("made");
        fs::write(left.join("file"), "left").expect("written");
    }
    // It is as old as one that nobody is at any more.
    let then = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    fs::File::open(&stage)
        .and_then(|stage| stage.set_modified(then))
        .expect("dated");
    cache.empty(Some(&name)).expect("emptied");
    let names = |path: &Path| {
        let names = fs::read_dir(path).expect("read").flatten();
        names.map(|entry| entry.file_name()).collect::<Vec<_>>()
    };
    let entry = held.path().parent().and_then(Path::file_name);
    assert_eq!(names(&roots), [entry.expect("a name")]);
    assert!(names(&images).is_empty(), "{:?}", names(&images));
    assert!(names(&cache.path.join("blobs/sha256")).is_empty());
    // Who waited for one that has gone makes another.
    drop(cache.making(&roots, "12").expect("locked"));
}

#[test]
fn many_who_want_the_same_wait_for_one() {
    let Some((_directory, cache)) = cache() else {
        return;
    };
    let name = fetched(&cache, "docker://one", "1");
    let made = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let image = image(&cache, &name).expect("an image");
                let about = About {
                    digest: image.digest.clone(),
                    ..About::default()
                };
                let root = cache.root(about, |target| {
                    made.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    unpack_there(&image, target)
                });
                assert!(root.expect("a root").path().join("a").exists());
            });
        }
    });
    assert_eq!(made.into_inner(), 1);
}

fn unpack_there(image: &Image, target: &Path) -> Result<(), ImageError> {
    let options = crate::image::Options::default();
    crate::image::unpack(image, target, &options, &mut |_| {}).map(drop)
}

#[test]
fn what_others_can_change_is_no_cache() {
    let Some((directory, cache)) = cache() else {
        return;
    };
    let path = cache.path.join("roots");
    fs::set_permissions(&path, PermissionsExt::from_mode(0o777)).expect("mode");
    let error = Cache::open(&cache.path).expect_err("refused");
    assert!(
        error
            .to_string()
            .contains("can be changed by somebody else"),
        "{error}"
    );
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(&cache.path, &link).expect("a link");
    assert!(Cache::open(&link).is_err());
}

#[test]
fn what_is_damaged_is_made_anew_and_what_was_left_is_removed() {
    let Some((_directory, cache)) = cache() else {
        return;
    };
    let name = fetched(&cache, "docker://one", "1");
    let path = root(&cache, &name).path().to_owned();
    let about = path.with_file_name("about.json");
    fs::write(&about, "").expect("written");
    assert!(root(&cache, &name).path().join("a").exists());
    fs::remove_dir_all(&path).expect("removed");
    let held = root(&cache, &name);
    assert!(held.path().join("a").exists());
    fs::write(&about, "").expect("written");
    let one = image(&cache, &name).expect("an image");
    let error = cache.root_of_image(&name, &one, false, &mut |_| {});
    let error = error.expect_err("in use").to_string();
    assert!(error.contains("is damaged, and in use"), "{error}");
    drop((held, one));
    let roots = cache.path.join("roots");
    for left in [".gone-1", ".jaula-rootfs-1"] {
        fs::create_dir_all(roots.join(left).join("root")).expect("a directory");
        let hour_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
        let left = fs::File::open(roots.join(left)).expect("open");
        left.set_modified(hour_ago).expect("set the time");
    }
    cache.empty(None).expect("emptied");
    let left = fs::read_dir(&roots).expect("read").flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
    let is_lock = |name: &std::ffi::OsString| name.to_string_lossy().starts_with(".making-");
    assert!(left.iter().all(is_lock), "{left:?}");
}

#[test]
fn systems_are_told_and_taken_away() {
    let Some((_dir, cache)) = cache() else { return };
    let directory = cache.path().join("debian");
    std::fs::create_dir(&directory).expect("a directory");
    for name in ["0123.tar", "4567.tar", ".growing-1"] {
        std::fs::write(directory.join(name), "x").expect("a file");
    }
    let names = |all: Vec<Listed>| -> Vec<String> {
        let systems = all.into_iter().filter(|one| one.kind == Kind::Debian);
        systems.map(|one| one.name).collect()
    };
    let all = ["debian 0123", "debian 4567"];
    assert_eq!(names(cache.list().expect("listed")), all);
    assert!(names(cache.empty(Some("else")).expect("nothing")).is_empty());
    assert_eq!(names(cache.empty(Some("debian")).expect("emptied")), all);
    assert!(names(cache.list().expect("listed")).is_empty());
    assert!(directory.join(".growing-1").exists(), "what is being made");
}
