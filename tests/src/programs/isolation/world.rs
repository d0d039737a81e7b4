// SPDX-License-Identifier: MIT OR Apache-2.0

//! The mounts, /proc and /dev.

use super::place::Place;
use jaula_tests::ktap::{Context, Suite};
use jaula_tests::launch::{failed, jaula, run, FAILED};
use jaula_tests::{check, check_eq};
use std::fs;
use std::os::unix::fs::symlink;

/// Mount points in a jail: where, and what kind.
const MOUNTS: &str = "cut -d ' ' -f 2,3 /proc/mounts | tail -n +2";

pub fn add<'a>(suite: &mut Suite<'a>, place: &'a Place) {
    suite.case("the root, /proc and /dev are all that is mounted", || {
        let expected = "/proc proc\n/dev tmpfs\n/dev/pts devpts\n/dev/shm tmpfs";
        place.expect(&[], MOUNTS, expected)?;
        place.expect(&[], "head -n 1 /proc/mounts | cut -d ' ' -f 2", "/")
    });
    suite.case("nothing of it is seen outside", || {
        let before = fs::read_to_string("/proc/mounts").context("/proc/mounts")?;
        place.says(&["--tmpfs", "/tmp"], "true")?;
        let after = fs::read_to_string("/proc/mounts").context("/proc/mounts")?;
        check_eq!(after, before, "the mounts of the host");
        Ok(())
    });
    suite.case("the mount namespace is the jail's own", || {
        let host = fs::read_link("/proc/self/ns/mnt").context("/proc/self/ns/mnt")?;
        let inside = place.says(&[], "readlink /proc/self/ns/mnt")?;
        check!(inside.starts_with("mnt:["), "it is {inside}");
        check!(host.display().to_string() != inside, "it is the host's");
        place.expect(
            &["--without", "mounts,proc"],
            "ls -A /proc /dev",
            "/dev:\n\n/proc:",
        )
    });
    suite.case("/proc hides, and gives nothing to execute", || {
        let options = "grep ^none./proc /proc/mounts | cut -d ' ' -f 4";
        let said = place.says(&[], options)?;
        for option in ["nosuid", "nodev", "noexec", "hidepid=ptraceable"] {
            check!(
                said.split(',').any(|word| word == option),
                "{option}: {said}"
            );
        }
        Ok(())
    });
    suite.case("/proc shows no process of the host", || {
        let script = "cat /proc/[0-9]*/comm 2>/dev/null | sort -u | tr '\\n' ' '";
        for user in ["root", "user"] {
            let said = place.says(&["--user", user], script)?;
            check!(said.contains("cat "), "{user}: not even its own: {said}");
            // The shell executes itself for the others, which then take their names.
            for name in said.split(' ') {
                check!(
                    ["sh", "exe", "cat", "sort", "tr", ""].contains(&name),
                    "{user}: {said}"
                );
            }
        }
        Ok(())
    });
    suite.case("/dev has what is promised and nothing else", || {
        let names = "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero";
        place.expect(&[], "echo $(ls /dev)", names)
    });
    for (name, script, said) in [
        ("null", "echo x > /dev/null; cat /dev/null", ""),
        (
            "zero",
            "head -c 3 /dev/zero | hexdump -e '3/1 \"%x\"'",
            "000",
        ),
        (
            "full",
            "echo x 2>/dev/null > /dev/full || echo full",
            "full",
        ),
        ("urandom", "head -c 5 /dev/urandom | wc -c", "5"),
        ("random", "head -c 5 /dev/random | wc -c", "5"),
        (
            "terminals",
            "grep -o ' devpts .*max=[0-9]*' /proc/mounts | grep -o 'max=.*'",
            "max=1024",
        ),
        ("ptmx", "exec 3<>/dev/ptmx; echo $(ls /dev/pts)", "0 ptmx"),
        ("shm", "echo x > /dev/shm/a && cat /dev/shm/a", "x"),
        ("stdin", "echo x | cat /dev/stdin", "x"),
        ("fd", "test -e /dev/fd/1 && echo there", "there"),
    ] {
        suite.case(&format!("/dev/{name} works"), move || {
            place.expect(&[], script, said)
        });
    }
    suite.case("root in a jail makes no devices in /dev", || {
        let script = "mknod /dev/disk b 8 0 2>/dev/null || echo refused";
        place.expect(&["--user", "root"], script, "refused")
    });
    suite.case(
        "where the root has no /proc and no /dev there are none",
        || {
            let place = Place::new()?;
            for name in ["proc", "dev"] {
                fs::remove_dir(place.inside(name)).context(name)?;
            }
            let script = "for i in /proc /dev; do test -e $i || echo none; done";
            place.expect(&[], script, "none\nnone")
        },
    );
    for name in ["proc", "dev"] {
        suite.case(
            &format!("a link where /{name} should be is refused"),
            move || {
                let place = Place::new()?;
                fs::remove_dir(place.inside(name)).context(name)?;
                symlink("/etc", place.inside(name)).context(name)?;
                let output = run(&mut jaula(&[&place.root(), "--", "/bin/true"]))?;
                let advice = format!("--without {name}");
                failed(&output, FAILED, &[&format!("/{name} "), &advice])?;
                place.says(&["--without", name], "true").map(drop)
            },
        );
        suite.case(&format!("--without {name}"), move || {
            let script = format!("ls -A /{name}");
            place.expect(&["--without", name], &script, "")
        });
    }
    suite.case("the host's root is out of reach", || {
        let here = fs::canonicalize("/").context("/")?;
        check!(here.is_absolute(), "no root");
        let script = "cd /; cd ../../..; ls -d srv init sys 2>/dev/null; ls -a | wc -l";
        let count = fs::read_dir(place.root()).context("the root")?.count() + 2;
        place.expect(&["--user", "root"], script, &count.to_string())
    });
}
