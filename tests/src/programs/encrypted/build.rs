// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula rootfs build --encrypt`.

use super::machine::{nothing_is_left, Place};
use jaula_tests::admin::{host, json, output, succeed};
use jaula_tests::ktap::{Context, Suite};
use jaula_tests::launch::{complaint, failed, jaula, FAILED};
use jaula_tests::{check, check_eq};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

const SENTENCE: &str = "Nobody outside has ever read this sentence.";

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

pub fn add(suite: &mut Suite<'_>) {
    suite.case("build: what a jail writes is on no disk as it is", || {
        let place = Place::with_volume()?;
        place.run(
            "secret.root",
            &format!(
                "i=0; while [ $i -lt 500 ]; do echo '{SENTENCE}'; i=$((i+1)); done > /told; sync"
            ),
        )?;
        nothing_is_left()?;
        let disk = fs::read(place.path("secret.luks")).context("the volume")?;
        check!(
            !contains(&disk, SENTENCE.as_bytes()),
            "the sentence is there"
        );
        check!(
            !contains(&disk, b"/bin/busybox"),
            "what is in the root is there"
        );
        check!(disk.starts_with(b"LUKS\xba\xbe\0\x02"), "it is no LUKS2");
        let told = place.run("secret.root", "sort -u /told; wc -l < /told")?;
        check_eq!(told, format!("{SENTENCE}\n500\n"), "what was written");
        nothing_is_left()
    });
    suite.case(
        "build: the same root as in a directory, and nothing else",
        || {
            let place = Place::with_volume()?;
            let plain = place.path("plain");
            succeed(&["rootfs", "build", "-t", "minimal", &plain])?;
            let list = "cd /; find . -path ./proc -prune -o -path ./dev -prune -o -exec stat -c \
                    '%n %F %a %u %g %Y' {} + | sort";
            let encrypted = place.run("secret.root", list)?;
            let directory = {
                let said = output(&mut jaula(&[
                    "run", "--quiet", "--user", "root", &plain, "--", "sh", "-c", list,
                ]))?;
                jaula_tests::admin::text(&said)
            };
            check!(encrypted.lines().count() > 50, "{encrypted}");
            check_eq!(encrypted, directory, "what is in it");
            Ok(())
        },
    );
    suite.case(
        "build: files that root alone reads, and a key that is made once",
        || {
            let place = Place::with_volume()?;
            for (name, mode) in [
                ("secret.luks", 0o600),
                ("secret.root", 0o644),
                ("key", 0o400),
            ] {
                let found = fs::metadata(place.path(name)).context(name)?;
                check_eq!(
                    found.permissions().mode() & 0o7777,
                    mode,
                    "the mode of {name}"
                );
                check_eq!(found.uid(), 0, "the owner of {name}");
            }
            let volume = fs::metadata(place.path("secret.luks")).context("the volume")?;
            check!(
                volume.blocks() * 512 >= volume.len(),
                "room is not taken: {}",
                volume.blocks()
            );
            let key = fs::read(place.path("key")).context("key")?;
            check_eq!(key.len(), 64, "the length of the key");
            place.build(&["--force", "--sparse"])?;
            check_eq!(fs::read(place.path("key")).context("key")?, key, "the key");
            let volume = fs::metadata(place.path("secret.luks")).context("the volume")?;
            check!(
                volume.blocks() * 512 < volume.len(),
                "all of its room is taken"
            );
            for name in ["secret.luks.old", "secret.root.old"] {
                check!(fs::metadata(place.path(name)).is_ok(), "{name} is not kept");
            }
            let old = "volume = 'secret.luks.old'\nkey = 'file:key'\n";
            place.write("old.root", old, 0o644)?;
            check_eq!(
                place.run("old.root", "echo well")?,
                "well\n",
                "in the old one"
            );
            Ok(())
        },
    );
    suite.case(
        "build: what cannot be is refused, and leaves nothing",
        || {
            let place = Place::new()?;
            let (key, target) = (format!("file:{}", place.path("key")), place.path("x.root"));
            let build = |arguments: &[&str]| {
                let start = ["rootfs", "build", "-t", "minimal", "--encrypt"];
                output(&mut jaula(&[&start[..], arguments].concat()))
            };
            failed(
                &build(&[&key, "--size", "31M", &target])?,
                FAILED,
                &["x.luks", "32 MiB"],
            )?;
            failed(
                &build(&[&key, "--size", "900G", &target])?,
                FAILED,
                &["x.luks", "--sparse"],
            )?;
            let said = build(&["secret", &target])?;
            check_eq!(said.status.code(), Some(FAILED), "{said:?}");
            check!(complaint(&said).contains("never a key itself"), "{said:?}");
            failed(
                &build(&[&key, &place.path("x.luks")])?,
                FAILED,
                &["NAME.root"],
            )?;
            failed(
                &build(&[&key, &place.path("no/x.root")])?,
                FAILED,
                &["x.root", "ENOENT"],
            )?;
            // What goes in is larger than the volume.
            place.write(
                "large.toml",
                "description = 'large'\nextends = 'minimal'\n[[file]]\npath = '/large'\nsource = '/srv/encrypted/large'\n",
                0o644,
            )?;
            place.write("large", vec![7; 40 << 20], 0o644)?;
            let large = [
                "--template",
                &place.path("large.toml"),
                "--size",
                "40M",
                &target,
            ];
            let start = ["rootfs", "build", "--encrypt", &key];
            let said = output(&mut jaula(&[&start[..], &large].concat()))?;
            failed(&said, FAILED, &["x.luks", "takes", "are free"])?;
            let mut left: Vec<_> = fs::read_dir(place.path(""))
                .context("the place")?
                .flatten()
                .map(|entry| entry.file_name())
                .collect();
            left.sort();
            check_eq!(left, ["large", "large.toml"], "what is left");
            nothing_is_left()
        },
    );
    suite.case("build: of an image, and nothing of it elsewhere", || {
        let place = Place::new()?;
        let plain = place.path("plain");
        succeed(&["rootfs", "build", "-q", "-t", "minimal", &plain])?;
        host(&format!(
            "cd {plain} && echo '{SENTENCE}' > told && chown 33:44 told && chmod 4711 told && \
             ln told other && ln -s told link && mkdir -m 1777 open && mkfifo pipe && touch -d @7 link"
        ))?;
        let image = format!("oci-archive:{}", place.path("image.tar"));
        let save = ["rootfs", "save", "--compress", "none", "--cmd", "echo"];
        succeed(&[&save[..], &["--user", "33", &plain, &place.path("image.tar")]].concat())?;
        host(&format!("rm -r {plain}"))?;
        let key = format!("file:{}", place.path("key"));
        let build = ["rootfs", "build", "--image", &image];
        let encrypt = ["--encrypt", &key, "--size", "60M"];
        let target = place.path("x.root");
        succeed(&[&build[..], &encrypt, &[&target]].concat())?;
        nothing_is_left()?;
        let disk = fs::read(place.path("x.luks")).context("the volume")?;
        check!(!contains(&disk, SENTENCE.as_bytes()), "the sentence is there");
        host("rm -rf /srv/encrypted/image.tar; ! grep -rlF 'Nobody outside has ever' /var/cache/jaula \
              /var/lib/jaula /var/tmp /tmp /srv /run/jaula")?;
        check_eq!(
            place.run("x.root", "cat /told; stat -c '%a %u %g %h %F' /told /open /pipe; readlink /link")?,
            format!(
                "{SENTENCE}\n4711 33 44 2 regular file\n1777 0 0 2 directory\n644 0 0 1 fifo\ntold\n"
            ),
            "what is in it"
        );
        nothing_is_left()
    });
    suite.case(
        "build: an image that does not fit, or is hostile, leaves nothing",
        || {
            let place = Place::new()?;
            let key = format!("file:{}", place.path("key"));
            let target = place.path("x.root");
            let build = |image: &str| {
                let build = ["rootfs", "build", "--image", image, "--encrypt", &key];
                output(&mut jaula(
                    &[&build[..], &["--size", "40M", &target]].concat(),
                ))
            };
            let tree = place.path("tree");
            host(&format!(
                "mkdir {tree}; head -c 60M /dev/urandom > {tree}/large"
            ))?;
            succeed(&["rootfs", "save", "-q", &tree, &place.path("large.tar")])?;
            for image in ["large.tar", "none.tar", "tree"] {
                let said = build(&place.path(image))?;
                failed(&said, FAILED, &["x.luks"])?;
                nothing_is_left()?;
                for name in ["x.luks", "x.root", "key"] {
                    check!(
                        fs::metadata(place.path(name)).is_err(),
                        "{image}: {name} is left"
                    );
                }
            }
            Ok(())
        },
    );
    suite.case("build: what is there stays without --force", || {
        let place = Place::with_volume()?;
        let before = fs::metadata(place.path("secret.luks"))
            .context("the volume")?
            .ino();
        let again = place.build(&[]);
        check!(again.is_err(), "it was built again");
        let after = fs::metadata(place.path("secret.luks"))
            .context("the volume")?
            .ino();
        check_eq!(after, before, "the volume");
        Ok(())
    });
    suite.case("inspect: it is told how a root is opened", || {
        let place = Place::with_volume()?;
        let root = place.path("secret.root");
        place.start("secret.root", "secret", &[])?;
        let noted = &json(&["inspect", "secret"])?["noted"]["root"];
        check_eq!(noted["path"], root, "where it is");
        let volume = &noted["made_of"]["volume"];
        check_eq!(volume["volume"], place.path("secret.luks"), "its volume");
        check_eq!(
            volume["key"],
            format!("file:{}", place.path("key")),
            "its key"
        );
        Ok(())
    });
    suite.case("doctor: what it takes is there, or named", || {
        let found = json(&["doctor", "--json"])?;
        let state = |found: &serde_json::Value| {
            let all = found.as_array().into_iter().flatten();
            let mut ours = all.filter(|finding| finding["check"] == "encrypted roots");
            ours.next().cloned().unwrap_or_default()
        };
        check_eq!(state(&found)["state"], "ok", "{}", state(&found));
        const PROGRAM: &str = "/usr/sbin/cryptsetup";
        let place = Place::with_volume()?;
        let hidden = format!("{PROGRAM}.hidden");
        fs::rename(PROGRAM, &hidden).context(PROGRAM)?;
        let (doctor, run) = (
            json(&["doctor", "--json"]),
            place.end("secret.root", "true"),
        );
        fs::rename(&hidden, PROGRAM).context(PROGRAM)?;
        let found = state(&doctor?);
        check_eq!(found["state"], "warning", "{found}");
        check!(
            found["found"]
                .as_str()
                .is_some_and(|it| it.contains("cryptsetup")),
            "{found}"
        );
        failed(&run?, FAILED, &["secret.luks", "cryptsetup", "apt install"])?;
        nothing_is_left()
    });
}
