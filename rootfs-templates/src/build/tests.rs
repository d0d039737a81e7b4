// SPDX-License-Identifier: MIT OR Apache-2.0

use std::fs;
use std::os::unix::fs::{symlink, MetadataExt, PermissionsExt};
use std::process::Command;

use tempfile::TempDir;

use super::*;
use crate::run;

const SMALL: &str = r#"
description = "test"
[[group]]
name = "www"
gid = 33
[[user]]
name = "www"
uid = 33
group = "www"
comment = "Web"
[[directory]]
path = "/srv/data"
mode = "1770"
owner = "www"
group = "www"
[[file]]
path = "/etc/motd"
content = "hello\n"
mode = "0600"
[[symlink]]
path = "/etc/message"
target = "motd"
"#;

struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        Place {
            dir: tempfile::tempdir().expect("temporary directory"),
        }
    }

    fn target(&self) -> PathBuf {
        self.dir.path().join("jail")
    }

    fn build(&self, text: &str, replace: bool) -> Result<Summary, String> {
        let template = Template::parse(text).expect("a valid template");
        let options = Options {
            replace,
            ..Options::default()
        };
        build(&template, &self.target(), &options).map_err(|error| error.to_string())
    }

    /// Builds, or sees that without root it is refused with the reason; then `None`.
    fn built(&self, text: &str) -> Option<Summary> {
        let result = self.build(text, false);
        if nix::unistd::geteuid().is_root() {
            return Some(result.expect("built"));
        }
        assert!(result.expect_err("not root").contains("takes root"));
        None
    }

    /// The names beside the target: nothing must be left there.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path()).expect("the directory");
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        let mut names: Vec<String> = entries
            .map(|entry| name(entry.expect("an entry")))
            .collect();
        names.sort();
        names
    }
}

/// Mode, user and group of what is at a path.
fn attributes(path: &Path) -> (u32, u32, u32) {
    let found = path.symlink_metadata().expect("there");
    (
        found.permissions().mode() & 0o7777,
        found.uid(),
        found.gid(),
    )
}

#[test]
fn makes_what_the_template_says() {
    let place = Place::new();
    let Some(summary) = place.built(SMALL) else {
        return;
    };
    let target = place.target();
    assert_eq!(attributes(&target), (0o755, 0, 0));
    assert_eq!(attributes(&target.join("srv")), (0o755, 0, 0));
    assert_eq!(attributes(&target.join("srv/data")), (0o1770, 33, 33));
    assert_eq!(attributes(&target.join("etc/motd")), (0o600, 0, 0));
    assert_eq!(
        fs::read_link(target.join("etc/message")).expect("a link"),
        Path::new("motd")
    );
    let read = |path| fs::read_to_string(target.join(path)).expect("a file");
    assert_eq!(read("etc/motd"), "hello\n");
    assert_eq!(read("etc/passwd"), "www:*:33:33:Web:/:/bin/sh\n");
    assert_eq!(read("etc/group"), "www:*:33:\n");
    assert_eq!((summary.files, summary.symlinks), (3, 1));
    assert_eq!(place.names(), ["jail"]);
}

#[test]
fn the_minimal_root_runs_its_shell() {
    let place = Place::new();
    let minimal = crate::builtin::find("minimal").expect("it comes along");
    let Some(_) = place.built(minimal.source) else {
        return;
    };
    let target = place.target();
    for directory in [
        "bin", "etc", "home", "lib", "sbin", "usr/bin", "tmp", "root",
    ] {
        assert!(target.join(directory).is_dir(), "{directory}");
    }
    assert_eq!(attributes(&target.join("tmp")), (0o1777, 0, 0));
    assert_eq!(attributes(&target.join("root")), (0o700, 0, 0));
    assert_eq!(attributes(&target.join("home/user")), (0o700, 1000, 1000));
    let output =
        run::output(
            Command::new("chroot")
                .arg(&target)
                .args(["/bin/sh", "-c", "id user; ls /"]),
        );
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(
        text.starts_with("uid=1000(user)") && text.contains("usr\n"),
        "{text}"
    );
}

#[test]
fn nothing_in_the_minimal_root_is_privileged() {
    let place = Place::new();
    let minimal = crate::builtin::find("minimal").expect("it comes along");
    let Some(_) = place.built(minimal.source) else {
        return;
    };
    let mut directories = vec![place.target()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            let found = path.symlink_metadata().expect("there");
            let kind = found.file_type();
            assert!(
                kind.is_dir() || kind.is_file() || kind.is_symlink(),
                "{path:?} is a device"
            );
            if !kind.is_symlink() {
                let mode = found.permissions().mode();
                assert_eq!(mode & 0o6000, 0, "{path:?} is set-user-ID or set-group-ID");
                assert!(
                    mode & 0o002 == 0 || mode & 0o1000 != 0,
                    "{path:?} is anybody's to write"
                );
            }
            if kind.is_dir() {
                directories.push(path);
            }
        }
    }
}

#[test]
fn a_dynamic_program_brings_what_it_needs() {
    let place = Place::new();
    let text =
        "description = \"t\"\n[[program]]\nsource = \"ls\"\npath = \"/bin/list\"\nlibraries = true";
    let Some(_) = place.built(text) else { return };
    let output = run::output(
        Command::new("chroot")
            .arg(place.target())
            .args(["/bin/list", "/"]),
    );
    assert!(output.status.success(), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("bin\n"),
        "{output:?}"
    );
}

#[test]
fn an_empty_directory_is_filled_and_a_full_one_left_alone() {
    let place = Place::new();
    fs::create_dir(place.target()).expect("mkdir");
    let Some(_) = place.built(SMALL) else { return };
    fs::write(place.target().join("kept"), "").expect("write");
    let error = place.build(SMALL, false).expect_err("full");
    assert!(error.contains("/jail: is not empty"), "{error}");
    assert!(place.target().join("kept").exists());
    assert_eq!(place.names(), ["jail"]);
}

#[test]
fn replacing_keeps_what_was_there() {
    let place = Place::new();
    let Some(_) = place.built(SMALL) else { return };
    fs::write(place.target().join("kept"), "").expect("write");
    place.build(SMALL, true).expect("replaced");
    assert!(!place.target().join("kept").exists());
    assert!(place.dir.path().join("jail.old/kept").exists());
    let error = place.build(SMALL, true).expect_err("a second time");
    assert!(error.contains("jail.old: is there already"), "{error}");
    assert_eq!(place.names(), ["jail", "jail.old"]);
}

#[test]
fn what_cannot_replace_leaves_what_is_there() {
    let place = Place::new();
    let old = place.target().join("kept");
    fs::create_dir(place.target()).expect("mkdir");
    fs::write(&old, "").expect("write");
    let stage = Stage::new(&place.target(), true, None).expect("a stage");
    // Another has come in between.
    let former = place.dir.path().join("jail.old");
    fs::create_dir(&former).expect("mkdir");
    stage.commit().expect_err("its place is taken");
    assert!(old.exists());
    assert_eq!(place.names(), ["jail", "jail.old"]);
    fs::remove_dir(&former).expect("rmdir");
    let stage = Stage::new(&place.target(), true, None).expect("a stage");
    fs::rename(place.target(), place.dir.path().join("moved")).expect("rename");
    stage.commit().expect_err("nothing to be replaced");
    assert_eq!(place.names(), ["moved"]);
}

#[test]
fn a_target_that_is_no_directory_is_refused() {
    let place = Place::new();
    fs::write(place.target(), "").expect("write");
    assert!(place
        .build(SMALL, true)
        .expect_err("a file")
        .ends_with("/jail: is not a directory"));
    fs::remove_file(place.target()).expect("remove");
    symlink("elsewhere", place.target()).expect("symlink");
    assert!(place
        .build(SMALL, true)
        .expect_err("a link")
        .contains("is a symbolic link"));
    let template = Template::parse(SMALL).expect("valid");
    let nested = place.dir.path().join("none/jail");
    let error = build(&template, &nested, &Options::default()).expect_err("no parent");
    assert!(error.to_string().contains("make it first"), "{error}");
    assert!(build(&template, Path::new("/"), &Options::default()).is_err());
}

#[test]
fn a_failure_leaves_nothing_behind() {
    let place = Place::new();
    let broken = [
        (
            "[[file]]\npath = \"/a\"\nsource = \"/no/such\"",
            "/no/such: ",
        ),
        (
            "[[file]]\npath = \"/a\"\nsource = \"/proc/self\"",
            "is not a regular file",
        ),
        (
            "[[program]]\nsource = \"no-such-program\"\npath = \"/a\"",
            "no such program in PATH",
        ),
        (
            "[[file]]\npath = \"/a\"\ncontent=\"\"\n[[file]]\npath = \"/a/b\"\ncontent=\"\"",
            "/a: is a file",
        ),
        (
            "[[program]]\nsource = \"/bin/true\"\npath = \"/t\"\napplets = \"all\"",
            "no table of applets",
        ),
    ];
    for (text, expected) in broken {
        let error = place.build(&format!("description = \"t\"\n{text}"), false);
        let error = error.expect_err(text);
        let without_root = !nix::unistd::geteuid().is_root() && error.contains("takes root");
        assert!(without_root || error.contains(expected), "{error}");
        assert!(place.names().is_empty(), "{text}");
    }
}

#[test]
fn nothing_is_written_through_a_link() {
    let place = Place::new();
    let outside = place.dir.path().join("outside");
    fs::create_dir(&outside).expect("mkdir");
    let text = format!(
        "description = \"t\"\n[[program]]\nsource = \"/bin/true\"\npath = \"/p\"\n\
         applets = [\"/link/x\"]\n[[symlink]]\npath = \"/link\"\ntarget = {outside:?}"
    );
    if nix::unistd::geteuid().is_root() {
        let error = place.build(&text, false).expect_err("through a link");
        assert!(error.starts_with("/link: "), "{error}");
    }
    let text = format!(
        "description = \"t\"\n[[symlink]]\npath = \"/link\"\ntarget = {outside:?}\n\
         [[symlink]]\npath = \"/link/x\"\ntarget = \"y\""
    );
    let error = place.build(&text, false).expect_err("through a link");
    assert!(
        error.contains("/link: is a symbolic link") || error.contains("takes root"),
        "{error}"
    );
    assert_eq!(fs::read_dir(&outside).expect("there").count(), 0);
}

#[test]
fn what_a_killed_build_left_is_removed() {
    let place = Place::new();
    let left = place.dir.path().join(".jaula-rootfs-abandoned");
    fs::create_dir(&left).expect("mkdir");
    let hour_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    fs::File::open(&left)
        .expect("open")
        .set_modified(hour_ago)
        .expect("set the time");
    let young = place.dir.path().join(".jaula-rootfs-young");
    fs::create_dir(&young).expect("mkdir");
    let _ = place.build(SMALL, false);
    assert!(!left.exists());
    assert!(young.exists());
}
