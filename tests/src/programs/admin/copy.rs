// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula cp`, also against who is root in the jail.

use jaula_tests::admin::{output, succeed, Detached, ROOT};
use jaula_tests::ktap::{CaseResult, Context, Failure, Suite};
use jaula_tests::launch::{complaint, failed, jaula, Root, FAILED};
use jaula_tests::sys::{process, tree};
use jaula_tests::{check, check_eq, jailfs};
use std::fs;
use std::os::unix::fs::{symlink, MetadataExt};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// A directory of the host's, removed when dropped.
struct Place(PathBuf);

impl Place {
    fn new() -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("copy-{}", process::pid()));
        fs::create_dir_all(&path).context(path.display())?;
        Ok(Place(path))
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) -> Result<String, Failure> {
        let path = self.path(name);
        fs::write(&path, text).context(&path)?;
        Ok(path)
    }

    fn read(&self, name: &str) -> Result<String, Failure> {
        fs::read_to_string(self.path(name)).context(name)
    }

    fn has(&self, name: &str) -> bool {
        fs::symlink_metadata(self.path(name)).is_ok()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A jail with a /tmp in memory, which the host does not see.
fn jail(options: &[&str]) -> Result<Detached, Failure> {
    let jail = Detached::start(
        &[&["--name", "copied", "--tmpfs", "/tmp"], options].concat(),
        "echo ready; exec sleep 1000",
    )?;
    jail.has_printed("ready")?;
    Ok(jail)
}

/// The probe in it.
fn probe(root: &Root, arguments: &[&str]) -> Result<Detached, Failure> {
    let run = ["run", "--detach", "--name", "copied", "--tmpfs", "/tmp"];
    let probe = [
        "--user",
        "root",
        "--workdir",
        "/tmp",
        root.text(),
        "--",
        "/bin/probe",
    ];
    let jail = Detached::run(&[&run[..], &probe, arguments].concat())?;
    jail.has_printed("ready")?;
    Ok(jail)
}

fn inside(script: &str) -> Result<String, Failure> {
    succeed(&["exec", "copied", "--", "/bin/sh", "-c", script])
}

fn refused(from: &str, to: &str, parts: &[&str]) -> CaseResult {
    let said = output(&mut jaula(&["cp", from, to]))?;
    failed(&said, FAILED, parts).context(format_args!("cp {from} {to}"))
}

fn with_own_users(place: &Place, disk: &str) -> CaseResult {
    let root = format!("{disk}/box");
    succeed(&["rootfs", "build", "--template", "minimal", &root])?;
    let options = [
        "run", "--detach", "--keep", "--ids", "auto", "--tmpfs", "/tmp",
    ];
    let command = [&root, "--", "/bin/sleep", "1000"];
    let jail = Detached::run(&[&options[..], &command].concat())?;
    let file = place.write("file", "x\n")?;
    let to = |path: &str| succeed(&["cp", &file, &format!("{}:{path}", jail.number)]);
    let on_disk = |path: &str| -> CaseResult {
        let found = fs::metadata(format!("{root}{path}")).context(path)?;
        check_eq!(
            (found.uid(), found.gid()),
            (1000, 1000),
            "{path} on its disk"
        );
        Ok(())
    };
    for path in ["/tmp/file", "/etc/file"] {
        to(path)?;
        let exec = ["exec", &jail.text(), "--", "stat", "-c", "%u:%g", path];
        check_eq!(succeed(&exec)?, "1000:1000\n", "{path} as seen in the jail");
    }
    on_disk("/etc/file")?;
    let from = format!("{}:/tmp/file", jail.number);
    succeed(&["cp", &from, &place.path("back")])?;
    check_eq!(place.read("back")?, "x\n", "what came back");
    succeed(&["kill", &jail.text()])?;
    jailfs::wait_for(jail.number, "tasks", 0)?;
    to("/etc/later")?;
    on_disk("/etc/later")
}

pub fn add(suite: &mut Suite<'_>) {
    suite.case("cp: what is put in belongs to the jail's user", || {
        let (place, _jail) = (Place::new()?, jail(&[])?);
        let file = place.write("file", "content\n")?;
        tree::set_mode(&file, 0o4750).context("chmod")?;
        succeed(&["cp", &file, "copied:/tmp"])?;
        let seen = inside("cat /tmp/file; stat -c '%u:%g %a' /tmp/file")?;
        check_eq!(seen, "content\n1000:1000 750\n", "what is seen inside");
        check!(
            !fs::exists(format!("{ROOT}/tmp/file"))?,
            "the host's /tmp has it"
        );
        // Where its user may not write: root puts it there.
        succeed(&["cp", &file, "copied:home/other"])?;
        let placed = fs::metadata(format!("{ROOT}/home/other")).context("home/other")?;
        check_eq!((placed.uid(), placed.gid()), (1000, 1000), "its owner");
        succeed(&["cp", "copied:/home/other", &place.path("back")])?;
        let back = fs::metadata(place.path("back")).context("back")?;
        check_eq!(
            (back.uid(), back.mode() & 0o7777),
            (0, 0o750),
            "what came back"
        );
        fs::remove_file(format!("{ROOT}/home/other")).context("removing it")
    });
    suite.case("cp: where users are the jail's own", || {
        let place = Place::new()?;
        // The file system of the machine itself does not map ids.
        let disk = place.path("disk");
        fs::create_dir(&disk).context(&disk)?;
        tree::mount("tmpfs", &disk, "mode=755").context("mount")?;
        let tested = with_own_users(&place, &disk);
        let _ = jaula(&["rm", "--all"]).output();
        let _ = tree::unmount(&disk);
        tested
    });
    suite.case("cp: directories, in and out", || {
        let (place, _jail) = (Place::new()?, jail(&[])?);
        fs::create_dir_all(place.path("tree/deep/er")).context("mkdir")?;
        place.write("tree/deep/file", "deep\n")?;
        place.write("tree/empty", "")?;
        symlink("deep/file", place.path("tree/link")).context("symlink")?;
        succeed(&["cp", &place.path("tree"), "copied:/tmp/new"])?;
        let seen = inside("cd /tmp/new; find . | sort; cat link; stat -c %u deep/er")?;
        let expected = ".\n./deep\n./deep/er\n./deep/file\n./empty\n./link\ndeep\n1000\n";
        check_eq!(seen, expected, "what is seen inside");
        succeed(&["cp", "copied:/tmp/new", &place.path("out")])?;
        check_eq!(place.read("out/deep/file")?, "deep\n", "what came out");
        fs::create_dir(place.path("there")).context("mkdir")?;
        succeed(&["cp", "copied:/tmp/new", &place.path("there")])?;
        succeed(&["cp", "copied:/tmp/new/.", &place.path("there")])?;
        check_eq!(place.read("there/new/link")?, "deep\n", "in a directory");
        check_eq!(
            place.read("there/deep/file")?,
            "deep\n",
            "without its own name"
        );
        Ok(())
    });
    suite.case("cp: what is large, and what has holes", || {
        let (place, _jail) = (Place::new()?, jail(&[])?);
        let file = place.write("large", "")?;
        let content: Vec<u8> = (0..3_000_001u32).map(|at| (at / 7) as u8).collect();
        fs::write(&file, &content).context("large")?;
        succeed(&["cp", &file, "copied:/tmp/large"])?;
        succeed(&["cp", "copied:/tmp/large", &place.path("back")])?;
        check!(
            fs::read(place.path("back")).context("back")? == content,
            "it has changed"
        );
        inside("dd if=/dev/zero of=/tmp/holes bs=1 count=1 seek=2147483647 2>&1")?;
        succeed(&["cp", "copied:/tmp/holes", &place.path("holes")])?;
        let holes = fs::metadata(place.path("holes")).context("holes")?;
        check_eq!(holes.len(), 1 << 31, "its length");
        check!(holes.blocks() < 1000, "it has {} blocks", holes.blocks());
        Ok(())
    });
    suite.case("cp: links lead nowhere outside, neither in nor out", || {
        let (place, _jail) = (Place::new()?, jail(&["--user", "root"])?);
        let secret = place.write("secret", "secret\n")?;
        inside(&format!(
            "cd /tmp; ln -s {secret} file; ln -s ../../../../..{secret} up; ln -s {} dir; \
             ln -s /proc/1/root{secret} process; ln -s /proc/self/root root; ln -s /proc/self/cwd cwd; \
             mkdir tree; ln -s {secret} tree/link; ln -s / tree/all",
            place.0.display()
        ))?;
        for name in ["file", "up", "dir/secret", "process", "root", "cwd", "root/etc"] {
            refused(&format!("copied:/tmp/{name}"), &place.path("stolen"), &["copied"])?;
        }
        check!(!place.has("stolen"), "something was taken");
        for name in ["dir/planted", "root/tmp/planted", "cwd/planted"] {
            refused(&secret, &format!("copied:/tmp/{name}"), &["copied"])?;
        }
        for name in ["file", "up", "process", "tree/link"] {
            refused(&secret, &format!("copied:/tmp/{name}"), &["copied"])?;
        }
        check_eq!(place.read("secret")?, "secret\n", "the host's file");
        check!(!place.has("planted"), "something was planted");
        succeed(&["cp", "copied:/tmp/tree", &place.path("tree")])?;
        let link = fs::symlink_metadata(place.path("tree/all")).context("the link")?;
        check!(link.file_type().is_symlink(), "a link was followed");
        Ok(())
    });
    suite.case(
        "cp: no device, FIFO or socket is opened, nor what the kernel makes up",
        || {
            let (place, _jail) = (Place::new()?, jail(&["--user", "root"])?);
            inside(
                "cd /tmp; mkdir tree; mkfifo tree/fifo; echo x > tree/file; ln -s /proc/kmsg kmsg",
            )?;
            let said = output(&mut jaula(&["cp", "copied:/tmp/tree", &place.path("out")]))?;
            check!(said.status.success(), "{}", complaint(&said));
            check!(
                complaint(&said).contains("tree/fifo"),
                "{}",
                complaint(&said)
            );
            check_eq!(place.read("out/file")?, "x\n", "what came out");
            check!(!place.has("out/fifo"), "the FIFO came out");
            for name in [
                "tmp/tree/fifo",
                "dev/null",
                "dev/zero",
                "proc/kmsg",
                "tmp/kmsg",
                "proc",
            ] {
                refused(&format!("copied:/{name}"), &place.path("x"), &["copied"])?;
            }
            let file = place.write("file", "x")?;
            for name in ["tmp/tree/fifo", "dev/null", "dev/stdout", "proc/new"] {
                refused(&file, &format!("copied:/{name}"), &["copied"])?;
            }
            Ok(())
        },
    );
    suite.case(
        "cp: a mount of the jail is neither replaced nor taken away",
        || {
            let place = Place::new()?;
            let shown = place.write("shown", "shown\n")?;
            let bind = format!("{shown}:/etc/hostname:ro");
            fs::write(format!("{ROOT}/etc/hostname"), "").context("etc/hostname")?;
            let _jail = jail(&["--bind", &bind])?;
            let other = place.write("other", "other\n")?;
            refused(&other, "copied:/etc/hostname", &["mounted"])?;
            check_eq!(
                inside("cat /etc/hostname")?,
                "shown\n",
                "what is seen inside"
            );
            succeed(&["cp", "copied:/etc/hostname", &place.path("out")])?;
            check_eq!(place.read("out")?, "shown\n", "what came out");
            fs::remove_file(format!("{ROOT}/etc/hostname")).context("removing it")
        },
    );
    suite.case("cp: a directory that is exchanged meanwhile", || {
        let (place, _jail) = (Place::new()?, jail(&["--user", "root"])?);
        place.write("secret", "secret\n")?;
        let above = place.0.display();
        inside(&format!(
            "mkdir -p /tmp/top/dir; for i in 1 2 3 4 5 6 7 8; do echo x > /tmp/top/dir/f$i; done; \
             setsid sh -c 'cd /tmp/top; while :; do mv dir kept; ln -s {above} dir; rm dir; \
             ln -s / dir; rm dir; mv kept dir; done' >/dev/null 2>&1 &"
        ))?;
        let source = place.path("in");
        fs::create_dir_all(format!("{source}/dir")).context("mkdir")?;
        place.write("in/dir/planted", "x")?;
        for round in 0..30 {
            let out = place.path(&format!("out-{round}"));
            // Whether it is there at that moment is another matter.
            output(&mut jaula(&["cp", "--quiet", "copied:/tmp/top", &out]))?;
            output(&mut jaula(&[
                "cp",
                "--quiet",
                &format!("{source}/."),
                "copied:/tmp/top",
            ]))?;
            for name in ["dir", "kept"] {
                for forbidden in ["secret", "etc", "bin", "top"] {
                    let stolen = format!("out-{round}/{name}/{forbidden}");
                    let followed = fs::symlink_metadata(place.path(&format!("out-{round}/{name}")));
                    let is_link = followed.is_ok_and(|found| found.file_type().is_symlink());
                    check!(is_link || !place.has(&stolen), "{stolen} came out");
                }
            }
            check!(!place.has("planted"), "something was planted");
            check!(!fs::exists("/planted")?, "something was planted in /");
        }
        Ok(())
    });
    suite.case("cp: what comes out heeds the umask of the caller", || {
        let (place, _jail) = (Place::new()?, jail(&[])?);
        inside("umask 0; echo x > /tmp/open; chmod 777 /tmp/open; mkdir /tmp/dir; cp /tmp/open /tmp/dir")?;
        for (umask, expected) in [("077", 0o700), ("0", 0o755)] {
            for name in ["open", "dir"] {
                let to = place.path(&format!("{name}-{umask}"));
                let script = format!("umask {umask}; exec jaula cp copied:/tmp/{name} {to}");
                let said = output(Command::new("/bin/sh").args(["-c", &script]))?;
                check!(said.status.success(), "{}", complaint(&said));
                let mode = |path: &str| -> Result<u32, Failure> {
                    Ok(fs::metadata(path).context(path)?.mode() & 0o7777)
                };
                check_eq!(mode(&to)?, expected, "{name} under umask {umask}");
                if name == "dir" {
                    check_eq!(mode(&format!("{to}/open"))?, expected, "what is in it");
                }
            }
        }
        Ok(())
    });
    suite.case("cp: directories deeper than anybody goes", || {
        let (place, root) = (Place::new()?, Root::new()?);
        let _jail = probe(&root, &["nested", "1000"])?;
        let copy = format!(
            "ulimit -n 1000000; exec jaula cp copied:/tmp/nested {}",
            place.path("out")
        );
        let said = output(Command::new("/bin/sh").args(["-c", &copy]))?;
        let complaint = complaint(&said);
        let end = complaint.lines().last().unwrap_or_default();
        check!(
            complaint.contains("directories deep"),
            "{}: {end}",
            said.status
        );
        check_eq!(said.status.code(), Some(FAILED), "the exit status");
        Ok(())
    });
    suite.case("cp: what is moved all the time holds nobody up", || {
        let (place, root) = (Place::new()?, Root::new()?);
        let _jail = probe(&root, &["shuffle"])?;
        for round in 0..10 {
            let start = Instant::now();
            let to = place.path(&format!("out-{round}"));
            let copy = ["60", "jaula", "cp", "copied:/tmp/link", &to];
            let said = output(Command::new("timeout").args(copy))?;
            if !said.status.success() {
                let said = Output {
                    // The way itself is long.
                    stderr: said.stderr[said.stderr.len().saturating_sub(300)..].to_vec(),
                    ..said
                };
                failed(&said, FAILED, &["EAGAIN", "moved"])?;
            }
            check!(start.elapsed() < Duration::from_secs(60), "it is held up");
        }
        succeed(&["cp", "copied:/tmp/file", &place.path("file")])?;
        Ok(())
    });
    suite.case(
        "cp: as its processes see it, also where nothing is left in it",
        || {
            let place = Place::new()?;
            let file = place.write("file", "content\n")?;
            let jail = Detached::start(&["--keep", "--name", "copied"], "exit 0")?;
            jaula_tests::jailfs::wait_for(jail.number, "tasks", 0)?;
            succeed(&["cp", &file, "copied:/tmp/into-empty"])?;
            check_eq!(
                inside("cat /tmp/into-empty")?,
                "content\n",
                "what is seen inside"
            );
            fs::remove_file(format!("{ROOT}/tmp/into-empty")).context("removing it")
        },
    );
    suite.case("cp: what cannot be meant is refused", || {
        let (place, _jail) = (Place::new()?, jail(&[])?);
        let file = place.write("file", "x")?;
        refused(&file, &place.path("x"), &["JAIL:PATH"])?;
        refused("copied:/a", "copied:/b", &["JAIL:PATH"])?;
        refused("copied:/no/such", &place.path("x"), &["/no/such"])?;
        refused(&file, "copied:/no/such", &["/no"])?;
        refused(&file, "nobody:/x", &["no such jail"])?;
        refused("copied:/tmp", &file, &["ENOTDIR"])
    });
}
