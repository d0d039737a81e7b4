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
    fs::write(place.dir.path().join("file"), "").expect("write");
    let nested = place.dir.path().join("file/jail");
    let error = build(&template, &nested, &Options::default()).expect_err("no directory");
    assert!(
        error.to_string().ends_with("file is not a directory"),
        "{error}"
    );
    assert!(build(&template, Path::new("/"), &Options::default()).is_err());
}

#[test]
fn a_failure_leaves_nothing_behind() {
    let place = Place::new();
    let broken = [
        (
            "[[file]]\npath = \"/a\"\nsource = \"/no/such\"",
            "/no/such: is not there; install",
        ),
        (
            "[[copy]]\nsource = \"/no/such\"",
            "/no/such: is not there; install",
        ),
        (
            "[[copies]]\npaths = \"/no/such\"",
            "/no/such: is not there; install",
        ),
        (
            "[[copy]]\nsource = \"/no/such\"\n[[programs]]\nnames = \"no-such-program\"",
            "no-such-program: no such program in PATH",
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

impl Place {
    /// Builds from a tree in place of the machine's own.
    fn build_from_tree(&self, text: &str) -> Result<Summary, String> {
        let template = Template::parse(text).expect("a valid template");
        let tree = self.dir.path().join("tree");
        let options = Options {
            sysroot: Some(fs::File::open(&tree).expect("the tree").into()),
            sysroot_path: Some(tree),
            ..Options::default()
        };
        build(&template, &self.target(), &options).map_err(|error| error.to_string())
    }

    fn tree(&self, path: &str, content: &[u8]) -> PathBuf {
        let path = self.dir.path().join("tree").join(path);
        fs::create_dir_all(path.parent().expect("a directory")).expect("mkdir");
        fs::write(&path, content).expect("write");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o4777)).expect("chmod");
        path
    }
}

#[test]
fn a_second_build_gives_the_same() {
    let bash = crate::builtin::find("bash").expect("it comes along");
    let (one, other) = (Place::new(), Place::new());
    let Some(first) = one.built(bash.source) else {
        return;
    };
    std::thread::sleep(Duration::from_millis(1100));
    let second = other.built(bash.source).expect("built");
    assert_eq!(first.listing.text(), second.listing.text());
    let root = fs::metadata(one.target()).expect("there");
    assert_eq!(root.mtime(), 0);
    for (path, item) in first.listing.iter() {
        assert_eq!((item.time, item.mode & 0o6000), (0, 0), "{path:?}");
    }
}

#[test]
fn the_bash_root_has_what_was_asked_for_and_runs() {
    let place = Place::new();
    let bash = crate::builtin::find("bash").expect("it comes along");
    let Some(_) = place.built(bash.source) else {
        return;
    };
    let script = "cd /usr/bin && echo $PWD && ls -d bash && id -u user && type ps";
    let mut command = Command::new("chroot");
    let output = run::output(
        command
            .arg(place.target())
            .args(["/bin/bash", "-c", script]),
    );
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        text, "/usr/bin\nbash\n1000\nps is /usr/bin/ps\n",
        "{output:?}"
    );
    for link in ["bin", "lib"] {
        let target = fs::read_link(place.target().join(link)).expect("a link");
        assert_eq!(target, Path::new("usr").join(link));
    }
    assert!(!place.target().join("usr/bin/perl").exists());
}

#[test]
fn all_comes_from_the_tree_that_is_given() {
    let place = Place::new();
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let host = Host::machine().expect("the machine");
    let needed = crate::closure::closure(
        &host,
        Path::new("/bin/ls"),
        Path::new("/bin/ls"),
        &Path::to_owned,
    );
    let needed = needed.expect("the libraries of ls");
    let copy = |from: &Path, to: &str| place.tree(to, &fs::read(from).expect("read"));
    copy(Path::new("/bin/ls"), "usr/local/bin/mine");
    for (placed, file) in &needed {
        let name = placed.file_name().expect("a name").to_string_lossy();
        match name.starts_with("ld-") {
            true => copy(file, placed.to_str().expect("text")[1..].as_ref()),
            // Only the configuration of the loader leads there.
            false => copy(file, &format!("opt/libraries/{name}")),
        };
    }
    place.tree("etc/ld.so.conf", b"/opt/libraries\n");
    let script = b"#! /usr/bin/env -S sh\n";
    place.tree("usr/bin/script", script);
    place.tree("usr/bin/env", &fs::read("/bin/ls").expect("read"));
    symlink(
        "/usr/local/bin/mine",
        place.dir.path().join("tree/usr/bin/also"),
    )
    .expect("symlink");
    let text = "description = \"t\"\nusr = \"merged\"\n[[programs]]\nnames = \"mine also script\"";
    let summary = place.build_from_tree(text).expect("built");
    let root = place.target();
    let is_program = |path: &str| {
        root.join(path)
            .metadata()
            .is_ok_and(|found| found.len() > 30)
    };
    assert!(is_program("usr/local/bin/mine") && is_program("usr/bin/env"));
    assert_eq!(
        fs::read_link(root.join("usr/bin/also")).expect("a link"),
        Path::new("/usr/local/bin/mine")
    );
    assert_eq!(fs::read(root.join("usr/bin/script")).expect("read"), script);
    let mut command = Command::new("chroot");
    let output = run::output(command.arg(&root).args(["/usr/local/bin/mine", "/"]));
    assert!(output.status.success(), "{output:?}");
    // Whatever the tree says, nobody is given anything by it.
    for (path, item) in summary.listing.iter() {
        let is_link = item.kind == 'l';
        let given = item.mode & 0o6022;
        assert!(is_link || (given, item.uid) == (0, 0), "{path:?}: {item:?}");
    }
    // It is not the machine's.
    fs::remove_dir_all(&root).expect("remove");
    let text = "description = \"t\"\n[[programs]]\nnames = \"bash\"";
    let error = place.build_from_tree(text).expect_err("not there");
    assert!(
        error.contains("bash: no such program in ") && error.contains("/tree"),
        "{error}"
    );
}

#[test]
fn a_directory_is_copied_as_it_is_and_nothing_that_leads_out() {
    let place = Place::new();
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let old = place.tree("usr/share/data/a/file", b"text");
    let time = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let open = fs::File::options().write(true).open(&old).expect("open");
    open.set_modified(time).expect("set the time");
    place.tree("usr/share/data/big/file", b"big");
    let data = old
        .parent()
        .and_then(Path::parent)
        .expect("a directory")
        .to_owned();
    symlink("../../x", data.join("a/link")).expect("symlink");
    symlink("/etc/passwd", data.join("absolute")).expect("symlink");
    let text = "description = \"t\"\nwithout = [\"/data/big\"]\n[[copy]]\n\
                source = \"/usr/share/data\"\npath = \"/data\"\nkeep_times = true\n[[copy]]\n\
                source = \"/none\"\noptional = true";
    let summary = place.build_from_tree(text).expect("built");
    let paths: Vec<_> = summary
        .listing
        .iter()
        .map(|(path, _)| path.to_str())
        .collect();
    let expected = [
        "/",
        "/data",
        "/data/a",
        "/data/a/file",
        "/data/a/link",
        "/data/absolute",
    ];
    assert_eq!(paths, expected.map(Some));
    let file = summary
        .listing
        .get(Path::new("/data/a/file"))
        .expect("there");
    assert_eq!((file.time, file.mode), (1_000_000_000, 0o755));
    fs::remove_dir_all(place.target()).expect("remove");
    symlink("../../../x", data.join("a/out")).expect("symlink");
    let error = place.build_from_tree(text).expect_err("leads out");
    assert!(
        error.contains("/a/out: is a link to ../../../x, which leads out"),
        "{error}"
    );
    fs::remove_file(data.join("a/out")).expect("remove");
    nix::unistd::mkfifo(&data.join("fifo"), nix::sys::stat::Mode::S_IRWXU).expect("mkfifo");
    let error = place.build_from_tree(text).expect_err("a FIFO");
    assert!(error.contains("is a device, FIFO or socket"), "{error}");
    assert_eq!(place.names(), ["tree"]);
}

#[test]
fn what_does_not_fit_is_not_begun() {
    let place = Place::new();
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let sparse = place.tree("sparse", b"");
    let file = fs::File::options().write(true).open(sparse).expect("open");
    if file.set_len(1 << 43).is_err() {
        return;
    }
    let text = "description = \"t\"\n[[file]]\npath = \"/f\"\nsource = \"/sparse\"";
    let error = place.build_from_tree(text).expect_err("too large");
    assert!(
        error.contains(" MiB are free on the file system"),
        "{error}"
    );
    assert_eq!(place.names(), ["tree"]);
}

#[test]
fn a_file_beside_the_template_is_not_one_of_the_tree() {
    let place = Place::new();
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    place.tree("etc/motd", b"of the tree");
    let beside = place.dir.path().join("templates");
    fs::create_dir(&beside).expect("mkdir");
    fs::write(beside.join("motd"), "beside").expect("write");
    let text = "description = \"t\"\n[[file]]\npath = \"/a\"\nsource = \"motd\"\n\
                [[file]]\npath = \"/b\"\nsource = \"/etc/motd\"";
    fs::write(beside.join("t.toml"), text).expect("write");
    let tree = place.dir.path().join("tree");
    let template = Template::load(&beside.join("t.toml")).expect("valid");
    let options = Options {
        sysroot: Some(fs::File::open(&tree).expect("the tree").into()),
        ..Options::default()
    };
    build(&template, &place.target(), &options).expect("built");
    let read = |name| fs::read_to_string(place.target().join(name)).expect("a file");
    assert_eq!(
        (read("a"), read("b")),
        ("beside".into(), "of the tree".into())
    );
}

/// A list of who may do what besides owner, group and others (acl(5)), as it is in an attribute: user 7
/// may do everything.
fn list_of_rights() -> Vec<u8> {
    let undefined = u32::MAX;
    let entries: [(u16, u16, u32); 5] = [
        (0x01, 7, undefined),
        (0x02, 7, 7),
        (0x04, 5, undefined),
        (0x10, 7, undefined),
        (0x20, 5, undefined),
    ];
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, rights, id) in entries {
        bytes.extend([tag, rights].map(u16::to_le_bytes).concat());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

#[test]
fn nothing_is_inherited_from_where_it_grows() {
    let place = Place::new();
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let plain = place.built(SMALL).expect("built");
    fs::remove_dir_all(place.target()).expect("remove");
    let attribute = "system.posix_acl_default";
    let flags = rustix::fs::XattrFlags::empty();
    let set = rustix::fs::setxattr(place.dir.path(), attribute, &list_of_rights(), flags);
    if set == Err(rustix::io::Errno::OPNOTSUPP) {
        return;
    }
    set.expect("setxattr");
    fs::set_permissions(place.dir.path(), fs::Permissions::from_mode(0o2755)).expect("chmod");
    let inheriting = place.built(SMALL).expect("built");
    assert_eq!(inheriting, plain);
    let root = place.target();
    for path in [root.join("srv/data"), root.join("etc/motd"), root] {
        for name in [attribute, "system.posix_acl_access"] {
            let mut value = [0_u8; 100];
            let found = rustix::fs::getxattr(&path, name, &mut value[..]);
            assert_eq!(found, Err(rustix::io::Errno::NODATA), "{path:?} {name}");
        }
    }
}

#[test]
fn a_link_leads_from_where_it_comes_to_lie() {
    let place = Place::new();
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let file = place.tree("usr/lib/data/file", b"text");
    let data = file.parent().expect("a directory");
    let tree = place.dir.path().join("tree");
    symlink("usr/lib", tree.join("lib")).expect("symlink");
    symlink("../../../etc/motd", data.join("up")).expect("symlink");
    let text = |usr: &str| {
        format!("description = \"t\"\nusr = \"{usr}\"\n[[copies]]\npaths = \"/lib/data\"")
    };
    place.build_from_tree(&text("merged")).expect("built");
    let link = fs::read_link(place.target().join("usr/lib/data/up")).expect("a link");
    assert_eq!(link, Path::new("../../../etc/motd"));
    fs::remove_dir_all(place.target()).expect("remove");
    let error = place
        .build_from_tree(&text("split"))
        .expect_err("leads out");
    assert!(error.contains("leads out of the root"), "{error}");
}

#[test]
fn a_tree_without_an_end_is_refused_or_bounded() {
    let place = Place::new();
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let program = std::fs::read("/bin/ls").expect("ls");
    place.tree("usr/bin/tool", &program);
    place.tree("lib/x", b"");
    let tree = place.dir.path().join("tree");
    let fifo = |path: &str| {
        let mode = nix::sys::stat::Mode::S_IRWXU;
        nix::unistd::mkfifo(&tree.join(path), mode).expect("mkfifo");
    };
    // What is looked for by name is a FIFO, a device or a link to itself: none is opened.
    fs::create_dir_all(tree.join("etc")).expect("mkdir");
    fifo("etc/ld.so.cache");
    fifo("lib/libc.so.6");
    symlink("ld.so.conf", tree.join("etc/ld.so.conf")).expect("symlink");
    symlink("/usr/bin/loop", tree.join("usr/bin/loop")).expect("symlink");
    fifo("usr/bin/pipe");
    for (names, expected) in [
        ("tool", "is missing"),
        ("loop", "loop: no such program"),
        ("/usr/bin/loop", "/usr/bin/loop: is not there"),
        ("pipe", "pipe: no such program"),
        ("/usr/bin/pipe", "is not a regular file"),
    ] {
        let text = format!("description = \"t\"\n[[programs]]\nnames = \"{names}\"");
        let error = place.build_from_tree(&text).expect_err(names);
        assert!(error.contains(expected), "{names}: {error}");
    }
    assert_eq!(place.names(), ["tree"]);
}
