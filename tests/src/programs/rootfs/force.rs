// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where something is already.

use super::place::{host, Place};
use jaula_tests::admin::{output, succeed};
use jaula_tests::ktap::{Context, Suite};
use jaula_tests::launch::{complaint, jaula};
use jaula_tests::sys::tree;
use jaula_tests::{check, check_eq};

/// Builds with `--force`; the exit status, and what was said.
fn forced(target: &str) -> Result<(Option<i32>, String), jaula_tests::ktap::Failure> {
    let arguments = ["rootfs", "build", "--force", "-t", "minimal", target];
    let output = output(&mut jaula(&arguments))?;
    Ok((output.status.code(), complaint(&output)))
}

pub fn add(suite: &mut Suite<'_>) {
    suite.case(
        "--force: a jail that runs keeps the root that it has",
        || {
            let place = Place::new()?;
            place.build(&["-t", "minimal"], "jail")?;
            let root = place.at("jail");
            let script = "echo mine > /kept; while :; do sleep 1; done";
            let run = [
                "run", "--detach", "--quiet", "--name", "forced", "--user", "root",
            ];
            succeed(&[&run[..], &[&root, "--", "sh", "-c", script]].concat())?;
            host(&format!("until [ -s {root}/kept ]; do sleep 0.1; done"))?;
            let (status, said) = forced(&root)?;
            check_eq!(status, Some(0), "{said}");
            // It lies elsewhere now, and what is there now is not the jail's.
            let old = format!("{root}.old");
            let has = succeed(&["exec", "--root", &old, "forced", "--", "cat", "/kept"])?;
            check_eq!(has.trim_end(), "mine", "what it has");
            check_eq!(
                host(&format!(
                    "cat {root}.old/kept; ls {root}/kept 2>/dev/null || true"
                ))?,
                "mine",
                "what was there"
            );
            check_eq!(place.check("jail")?.0, 0, "the new one");
            // What was kept once is not replaced.
            let (status, said) = forced(&root)?;
            check_eq!(status, Some(125), "{said}");
            check!(said.contains("jail.old: is there already"), "{said}");
            check_eq!(
                host(&format!("cat {root}.old/kept"))?,
                "mine",
                "what was there"
            );
            succeed(&["stop", "forced"])?;
            Ok(())
        },
    );
    suite.case("what no root can take the place of stays as it is", || {
        tree::own_mounts().context("mounts of its own")?;
        let place = Place::new()?;
        let (mount, link, file) = (place.at("mount"), place.at("link"), place.at("file"));
        host(&format!(
            "mkdir {mount} && mount -t tmpfs tmpfs {mount} && echo here > {mount}/there && \
             ln -s {mount} {link} && echo here > {file}"
        ))?;
        for (target, expected) in [
            ("/", "is not the name of a directory"),
            (&format!("{mount}/.."), "is not the name of a directory"),
            (&mount, "is a mount point"),
            (&link, "is a symbolic link"),
            (&format!("{link}/"), "is a symbolic link"),
            (&file, "is not a directory"),
        ] {
            let (status, said) = forced(target)?;
            check_eq!(status, Some(125), "{target}: {said}");
            check!(said.contains(expected), "{target}: {said}");
        }
        check_eq!(
            host(&format!("cat {mount}/there {link}/there {file}"))?,
            "here\nhere\nhere",
            "what is there"
        );
        check_eq!(
            host(&format!("ls -A {}", place.at("")))?,
            "file\nlink\nmount",
            "what is beside it"
        );
        host(&format!("umount {mount}"))?;
        Ok(())
    });
    suite.case("names of a tree reach no terminal as they are", || {
        let place = Place::new()?;
        let template = place.write("t.toml", "description='t'\n[[copy]]\nsource='/data'\n")?;
        let tree = place.at("tree");
        host(&format!(
            "mkdir -p {tree}/data; touch \"{tree}/data/$(printf 'a\\033[2Jb')\""
        ))?;
        let message = place.refused(&["-t", &template, "--sysroot", &tree], "none")?;
        check!(
            message.contains("a\\u{1b}[2Jb") && !message.contains('\x1b'),
            "{message:?}"
        );
        Ok(())
    });
}
