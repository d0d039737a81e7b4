// SPDX-License-Identifier: MIT OR Apache-2.0

use std::fs;
use std::os::unix::fs::{symlink, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;

use tempfile::TempDir;

use super::*;
use crate::admin::copy::copy_out;
use crate::admin::copy::ends::Where;
use crate::root::Root;

/// A root with something in it, and a place outside.
struct Places {
    root: TempDir,
    outside: TempDir,
}

impl Places {
    fn new() -> Self {
        let dir = || tempfile::tempdir().expect("temporary directory");
        let places = Places {
            root: dir(),
            outside: dir(),
        };
        fs::create_dir(places.root.path().join("tree")).expect("mkdir");
        fs::write(places.root.path().join("tree/file"), "content").expect("write");
        fs::write(places.outside.path().join("secret"), "secret").expect("write");
        places
    }

    fn root(&self) -> Root {
        Root::open(self.root.path()).expect("the root")
    }

    fn inside(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn out(&self, path: &str) -> PathBuf {
        self.outside.path().join(path)
    }

    /// Copies out of the root; what was warned of, and how many could not be copied.
    fn copy_out(&self, from: &str, to: &str) -> Result<(Vec<String>, usize), String> {
        let mut warnings = Vec::new();
        let failed = copy_out(&self.root(), (from.as_ref(), &self.out(to)), &mut |text| {
            warnings.push(text);
        })?;
        Ok((warnings, failed))
    }

    /// Copies into the root.
    fn copy_in(&self, from: &str, to: &str) -> Result<usize, String> {
        let root = self.root();
        let source = Source::find(&Where::Host, &self.out(from))?;
        let target = Target::find(&Where::Jail(&root), to.as_ref(), &source)?;
        Copying::new(false, &mut |_| {}).copy(source, target)
    }
}

fn content(path: PathBuf) -> String {
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn names_are_as_cp_has_them() {
    let places = Places::new();
    places.copy_out("tree/file", "new").expect("a new name");
    assert_eq!(content(places.out("new")), "content");
    fs::create_dir(places.out("there")).expect("mkdir");
    places.copy_out("/tree/file", "there").expect("into it");
    assert_eq!(content(places.out("there/file")), "content");
    places
        .copy_out("tree", "there")
        .expect("a directory into it");
    assert_eq!(content(places.out("there/tree/file")), "content");
    places.copy_out("tree", "renamed").expect("a new directory");
    assert_eq!(content(places.out("renamed/file")), "content");
    fs::create_dir(places.out("flat")).expect("mkdir");
    places.copy_out("tree/.", "flat").expect("what is in it");
    assert_eq!(content(places.out("flat/file")), "content");
    fs::write(places.inside("tree/file"), "changed").expect("write");
    places.copy_out("tree/file", "new").expect("once more");
    assert_eq!(content(places.out("new")), "changed");
    assert_eq!(places.copy_in("new", "/tree"), Ok(0));
    assert_eq!(content(places.inside("tree/new")), "changed");
    for (from, to) in [
        ("tree", "new"),
        ("tree/file", "no/such"),
        ("tree/file", "none/"),
        ("tree/file/", "x"),
        ("none", "x"),
    ] {
        assert!(places.copy_out(from, to).is_err(), "{from} {to}");
    }
    let left = fs::read_dir(places.outside.path()).expect("list").flatten();
    let hidden = left.filter(|entry| entry.file_name().as_bytes().starts_with(b"."));
    assert_eq!(hidden.count(), 0);
}

#[test]
fn links_do_not_lead_out() {
    let places = Places::new();
    let secret = places.out("secret");
    for (name, target) in [
        ("absolute", secret.clone()),
        (
            "up",
            Path::new("../../../../..").join(secret.strip_prefix("/").expect("absolute")),
        ),
    ] {
        symlink(&target, places.inside(name)).expect("symlink");
        assert!(places.copy_out(name, "stolen").is_err(), "{name}");
    }
    symlink(places.outside.path(), places.inside("dir")).expect("symlink");
    assert!(places.copy_out("dir/secret", "stolen").is_err());
    assert!(places.copy_in("secret", "dir/planted").is_err());
    assert!(places.copy_in("secret", "/absolute").is_err());
    symlink("/proc/self/root", places.inside("magic")).expect("symlink");
    assert!(places.copy_out("magic", "stolen").is_err());
    assert_eq!(content(secret), "secret");
    assert!(!places.out("stolen").exists() && !places.out("planted").exists());
    // In a tree they are what they are.
    symlink("/etc/shadow", places.inside("tree/link")).expect("symlink");
    let (warnings, failed) = places.copy_out("tree", "copy").expect("copied");
    assert_eq!((warnings.len(), failed), (0, 0));
    let link = fs::read_link(places.out("copy/link")).expect("a link");
    assert_eq!(link, Path::new("/etc/shadow"));
}

#[test]
fn what_is_no_file_is_left_out() {
    let places = Places::new();
    nix::unistd::mkfifo(&places.inside("tree/fifo"), Mode::S_IRWXU).expect("mkfifo");
    let _listener = UnixListener::bind(places.inside("tree/socket")).expect("bind");
    let (warnings, failed) = places.copy_out("tree", "copy").expect("copied");
    assert_eq!((warnings.len(), failed), (2, 0), "{warnings:?}");
    assert_eq!(content(places.out("copy/file")), "content");
    assert!(places.copy_out("tree/fifo", "x").is_err());
    // Nor is anything put in the place of one.
    fs::write(places.out("fifo"), "x").expect("write");
    let error = places
        .copy_in("fifo", "/tree/fifo")
        .expect_err("in its place");
    assert!(error.contains("something else"), "{error}");
}

#[test]
fn nobody_gets_privileges_by_it() {
    let places = Places::new();
    let file = places.inside("tree/file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o6755)).expect("chmod");
    places.copy_out("tree", "copy").expect("copied");
    let mode = |path| fs::metadata(path).expect("metadata").mode() & 0o7000;
    assert_eq!(mode(places.out("copy/file")), 0);
    places.copy_in("copy", "/back").expect("copied");
    assert_eq!(mode(places.inside("back/file")), 0);
}

#[test]
fn a_directory_is_not_copied_into_itself_for_ever() {
    let places = Places::new();
    let source = Source::find(&Where::Host, places.root.path()).expect("the source");
    let target = Target::find(&Where::Host, &places.inside("tree"), &source).expect("the target");
    let mut warnings = Vec::new();
    let mut warn = |text| warnings.push(text);
    let failed = Copying::new(false, &mut warn).copy(source, target);
    assert_eq!(failed, Ok(1), "{warnings:?}");
}

#[test]
fn a_directory_stays_one() {
    let places = Places::new();
    fs::create_dir_all(places.out("copy/file")).expect("mkdir");
    let (warnings, failed) = places.copy_out("tree/.", "copy").expect("the rest");
    assert_eq!((warnings.len(), failed), (1, 1), "{warnings:?}");
    assert!(places.out("copy/file").is_dir());
}
