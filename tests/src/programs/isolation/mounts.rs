// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is mounted by option: in which order, where that is made, how large it is, and what is
//! forbidden there.

use super::place::{host, Place};
use jaula_tests::ktap::{CaseResult, Context, Suite};
use jaula_tests::launch::{failed, jaula, run, FAILED};
use jaula_tests::sys::{mount, tree};
use jaula_tests::{check, check_eq};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

/// The options of what is mounted at a path.
fn options(path: &str) -> String {
    format!("awk '$5 == \"{path}\" {{ print $6 }}' /proc/self/mountinfo | tail -n 1")
}

fn has(options: &str, option: &str) -> bool {
    options.split(',').any(|word| word == option)
}

pub fn add<'a>(suite: &mut Suite<'a>, place: &'a Place) {
    order(suite, place);
    made(suite, place);
    sizes(suite, place);
    for (given, set, clear) in [
        (&[][..], &["rw", "nosuid", "nodev"][..], &["ro"][..]),
        (&["--without", "no-new-privs"], &["nodev"], &["nosuid"]),
        (&["--allow", "mknod"], &["nosuid"], &["nodev"]),
        (&["--read-only"], &["ro", "nosuid", "nodev"], &[]),
    ] {
        let name = format!("how the root is mounted: {}", given.join(" "));
        suite.case(&name, move || {
            let said = place.says(given, &options("/"))?;
            for option in set {
                check!(has(&said, option), "no {option}: {said}");
            }
            for option in clear {
                check!(!has(&said, option), "{option}: {said}");
            }
            Ok(())
        });
    }
    suite.case("what is mounted below the root is so as well", move || {
        let below = place.inside("more");
        tree::mount("tmpfs", &below, "").context("tmpfs")?;
        let said = place
            .says(&[], &options("/more"))
            .and_then(|usual| Ok((usual, place.says(&["--read-only"], &options("/more"))?)));
        mount::unmount(&below).context("umount")?;
        let (usual, read_only) = said?;
        check!(has(&usual, "nosuid") && has(&usual, "nodev"), "{usual}");
        check!(has(&read_only, "ro"), "{read_only}");
        Ok(())
    });
    suite.case("what is mounted below a bind is so as well", move || {
        let below = place.host("below");
        tree::mount("tmpfs", &below, "").context("tmpfs")?;
        host(&format!("mknod -m 666 {below}/null c 1 3"))?;
        let bind = format!("{}:/data", place.host("").trim_end_matches('/'));
        let script = format!(
            "{}; cat /data/below/null 2>&1 | grep -o Permission",
            options("/data/below")
        );
        let said = place.says(&["--bind", &bind], &script).and_then(|usual| {
            let bind = format!("{bind}:ro");
            Ok((usual, place.says(&["--bind", &bind], &script)?))
        });
        mount::unmount(Path::new(&below)).context("umount")?;
        let (usual, read_only) = said?;
        check!(usual.starts_with("rw,nosuid,nodev"), "{usual}");
        check!(read_only.starts_with("ro,nosuid,nodev"), "{read_only}");
        check!(usual.ends_with("Permission"), "a device works: {usual}");
        Ok(())
    });
    suite.case(
        "--read-only: nobody changes the root, and what lies in it works",
        move || {
            let bind = format!("{}:/data", place.inside("home/user").display());
            let options = [
                "--user",
                "root",
                "--read-only",
                "--tmpfs",
                "/tmp",
                "--bind",
                &bind,
            ];
            let script = "for i in /x /etc/passwd /home/user/x; do \
                          echo x 2>&1 >> $i | grep -o Read-only; done; \
                      for i in /tmp/x /dev/shm/x /data/x; do echo x > $i && echo written; done; \
                      echo x > /dev/null && rm /data/x && echo done";
            let expected = "Read-only\nRead-only\nRead-only\nwritten\nwritten\nwritten\ndone";
            place.expect(&options, script, expected)
        },
    );
    suite.case(
        "new terminals have the group of the jail's tty",
        move || {
            let opened = "exec 3<>/dev/ptmx; stat -c '%g %a' /dev/pts/0";
            place.expect(&[], opened, "5 620")?;
            let group = place.inside("etc/group");
            let before = fs::read_to_string(&group).context("group")?;
            fs::write(&group, format!("{before}tty:x:77:\n")).context("group")?;
            let said = place.expect(&[], opened, "77 620");
            // Whatever a hostile root has there, it is no reason not to run.
            fs::write(&group, "tty:what:ever\n").context("group")?;
            let nonsense = place.expect(&["--user", "1000"], opened, "5 620");
            fs::write(&group, before).context("group")?;
            said.and(nonsense)
        },
    );
    suite.case("names of mounts are bytes", move || {
        let source = Path::new(&place.host("")).join(OsStr::from_bytes(b"caf\xe9 x"));
        fs::create_dir(&source).context("mkdir")?;
        fs::write(source.join("file"), "found\n").context("a file")?;
        let mut bind = source.clone().into_os_string();
        bind.push(OsStr::from_bytes(b":/tmp/\xff"));
        let mut command = jaula(&["run", "--quiet", "--tmpfs", "/tmp", "--bind"]);
        command.arg(&bind).arg(place.root());
        let output = run(command.args(["--", "/bin/sh", "-c", "cat /tmp/*/file"]))?;
        fs::remove_dir_all(&source).context("rm")?;
        check_eq!(
            String::from_utf8_lossy(&output.stdout),
            "found\n",
            "{output:?}"
        );
        Ok(())
    });
    suite.case("names of roots are bytes, also where they are noted", move || {
        // A byte that is no UTF-8, and a line feed.
        let script = format!(
            "cd {}; r=$(printf 'r\\351\\nx'); s=$(printf 's\\377'); \
             cp -a root \"$r\" && mkdir \"$s\" && echo found > \"$s/file\"; \
             n=$(jaula run -q -d --bind \"$PWD/$s:/data:ro\" \"$r\" -- sleep 1000) && \
             jaula exec $n -- cat /data/file && jaula ls | grep -c sleep && jaula inspect $n > /dev/null && \
             jaula rm $n; rm -r \"$r\" \"$s\"",
            place.path()
        );
        check_eq!(host(&script)?, "found\n1", "what is seen");
        Ok(())
    });
}

/// Things that lie in one another.
fn order<'a>(suite: &mut Suite<'a>, place: &'a Place) {
    let shown = format!("{}:/data:ro", place.host("").trim_end_matches('/'));
    let bind = shown.clone();
    suite.case("a tmpfs in what is shown", move || {
        let options = ["--user", "root", "--bind", &bind, "--tmpfs", "/data/below"];
        place.expect(
            &options,
            "echo x > /data/below/f && cat /data/below/f /data/file",
            "x\nof the host",
        )
    });
    let bind = shown.clone();
    suite.case("and the other way round, it hides it", move || {
        let options = ["--tmpfs", "/data/below", "--bind", &bind];
        // The root has no such directory until the bind is there.
        let command = [
            &["run", "--quiet"],
            &options[..],
            &[&place.root(), "--", "/bin/true"],
        ];
        let output = run(&mut jaula(&command.concat()))?;
        failed(&output, FAILED, &["/data/below does not exist"])?;
        let options = [
            "--bind",
            &bind,
            "--tmpfs",
            "/data",
            "--tmpfs",
            "/data/below",
        ];
        place.expect(&options, "ls -A /data", "below")
    });
    let file = place.host("file");
    suite.case("five in one another", move || {
        let first = format!("{file}:/tmp/a/b/file:ro");
        let second = format!("{}:/tmp/a/b/dir", place.host("below"));
        let options = [
            "--tmpfs",
            "/tmp",
            "--tmpfs=/tmp/a",
            "--bind",
            &second,
            "--tmpfs",
            "/tmp/a/b/dir/x",
            "--bind",
            &first,
        ];
        let inner = place.host("below/x");
        fs::create_dir(&inner).context(&inner)?;
        let script = "cat /tmp/a/b/file; ls -A /tmp/a/b/dir; touch /tmp/a/b/dir/x/y && echo new";
        let said = place.expect(&options, script, "of the host\nx\nnew");
        fs::remove_dir(&inner).context(&inner)?;
        said
    });
    suite.case("the order holds for what is run later, too", move || {
        let options = [
            "--keep",
            "--detach",
            "--new-pid",
            "--tmpfs",
            "/tmp",
            "--bind",
            &shown,
        ];
        let inner = ["--tmpfs", "/data/below", "--tmpfs", "/tmp/x"];
        let root = place.root();
        let command = [
            &["run", "-q"],
            &options[..],
            &inner,
            &[&root, "--", "/bin/true"],
        ];
        let number = jaula_tests::admin::succeed(&command.concat())?;
        let number = number.trim();
        // All have ended, and so it is made once more.
        let said = jaula_tests::wait::until("the first process has ended", || {
            Ok(
                fs::read_to_string(format!("/run/jaula/{number}/record.json"))
                    .is_ok_and(|record| !record.contains("\"ended\":null")),
            )
        })
        .and_then(|()| {
            let script = "cut -d ' ' -f 5 /proc/self/mountinfo | grep -e data -e tmp | sort";
            jaula_tests::admin::succeed(&["exec", number, "--", "/bin/sh", "-c", script])
        });
        jaula_tests::admin::succeed(&["rm", number])?;
        check_eq!(
            said?,
            "/data\n/data/below\n/tmp\n/tmp/x\n",
            "the mount points"
        );
        Ok(())
    });
}

/// Mount points that are missing.
fn made<'a>(suite: &mut Suite<'a>, place: &'a Place) {
    let file = place.host("file");
    let directory = place.host("below");
    for (source, target, script, said) in [
        (file.clone(), "/dev/log", "cat /dev/log", "of the host"),
        (file.clone(), "/dev/a/b/c", "cat /dev/a/b/c", "of the host"),
        (
            directory.clone(),
            "/dev/a/b",
            "test -d /dev/a/b && echo there",
            "there",
        ),
        (
            directory,
            "/dev/shm/a",
            "test -d /dev/shm && test -d /dev/shm/a && echo there",
            "there",
        ),
    ] {
        suite.case(&format!("a mount point is made: {target}"), move || {
            let bind = format!("{source}:{target}:ro");
            place.expect(&["--bind", &bind], script, said)?;
            check!(!place.inside("dev/log").exists(), "it was made in the root");
            Ok(())
        });
    }
    suite.case(
        "none is made in the root, through no link either",
        move || {
            let victim = place.host("victim");
            for (path, target) in [("more/link", "/dev/none/x"), ("more/out", &victim)] {
                symlink(target, place.inside(path)).context(path)?;
            }
            let refused = |target: &str, says: &[&str]| -> CaseResult {
                let bind = format!("{}:{target}", place.host("below"));
                let root = place.root();
                let command = [
                    "run",
                    "-q",
                    "--tmpfs",
                    "/tmp",
                    "--bind",
                    &bind,
                    &root,
                    "--",
                    "/bin/true",
                ];
                failed(&run(&mut jaula(&command))?, FAILED, says)
            };
            let refused = refused(
                "/more/new",
                &["/more/new does not exist", "mkdir -p ROOT/more/new"],
            )
            .and_then(|()| refused("/more/link", &["/more/link does not exist"]))
            .and_then(|()| refused("/more/out/x", &["/more/out/x does not exist"]))
            .and_then(|()| refused("/tmp/a/../b", &["/tmp/a/../b does not exist"]))
            .and_then(|()| refused("/more/..", &["is the root itself"]));
            for path in ["more/link", "more/out"] {
                fs::remove_file(place.inside(path)).context(path)?;
            }
            check!(!Path::new(&victim).exists(), "something was made outside");
            refused
        },
    );
}

/// How much fits.
fn sizes<'a>(suite: &mut Suite<'a>, place: &'a Place) {
    const SIZE: &str = "df -k /dev/shm | tail -n 1 | tr -s ' ' | cut -d ' ' -f 2";
    suite.case("/dev/shm holds 64M, or what is said", move || {
        place.expect(&[], SIZE, "65536")?;
        place.expect(&["--shm-size", "1M"], SIZE, "1024")?;
        let script = "head -c 2000000 /dev/zero 2>/dev/null > /dev/shm/a || echo full";
        place.expect(&["--shm-size", "1M"], script, "full")
    });
    suite.case("a tmpfs holds 64M unless said, also of files", move || {
        let size = SIZE.replace("/dev/shm", "/tmp");
        place.expect(&["--tmpfs", "/tmp"], &size, "65536")?;
        let script =
            "i=0; while [ $i -lt 3000 ] && touch /tmp/$i 2>/dev/null; do i=$((i+1)); done; \
                      test $i -lt 1100 && echo full";
        place.expect(&["--tmpfs", "/tmp:size=64K"], script, "full")
    });
    suite.case(
        "a tmpfs is for everybody, or has the mode that is said",
        move || {
            let script = "stat -c '%a %u' /tmp; touch /tmp/x 2>/dev/null || echo refused";
            place.expect(&["--tmpfs", "/tmp"], script, "1777 0")?;
            place.expect(&["--tmpfs", "/tmp:mode=755"], script, "755 0\nrefused")?;
            let options = ["--tmpfs", "/tmp:size=64K,mode=2750", "--group-add", "0"];
            place.expect(&options, script, "2750 0\nrefused")
        },
    );
    suite.case("/dev itself holds little, also of files", move || {
        let script =
            "i=0; while [ $i -lt 3000 ] && touch /dev/$i 2>/dev/null; do i=$((i+1)); done; \
                      test $i -lt 1100 && echo full";
        place.expect(&["--user", "root"], script, "full")
    });
    suite.case("--shm-size takes a /dev of its own", move || {
        let root = place.root();
        for without in ["dev", "mounts"] {
            let command = [
                "run",
                "--shm-size",
                "1M",
                "--without",
                without,
                &root,
                "--",
                "/bin/true",
            ];
            failed(
                &run(&mut jaula(&command))?,
                FAILED,
                &["/dev/shm", "turned off"],
            )?;
        }
        let command = ["run", "--plain", "--read-only", &root, "--", "/bin/true"];
        failed(&run(&mut jaula(&command))?, FAILED, &["turned off"])
    });
}
