// SPDX-License-Identifier: MIT OR Apache-2.0

//! Images that jaula has made, in the hands of others.

use super::made::{at, root_of};
use super::tree::same;
use crate::packages::dpkg::run;
use jaula_tests::admin::succeed;
use jaula_tests::ktap::{CaseResult, Suite};
use jaula_tests::{check, check_eq};
use std::fs;

pub fn add(suite: &mut Suite<'_>) {
    for how in ["none", "gzip", "zstd"] {
        suite.case(
            &format!("podman loads and runs what is saved, {how}"),
            move || {
                let root = root_of(&at("oci.tar"), &format!("to-save-{how}"))?;
                let file = at(&format!("saved-{how}.tar"));
                let tag = format!("localhost/saved-{how}:1");
                let target = format!("oci-archive:{file}:{tag}");
                succeed(&[
                    "rootfs",
                    "save",
                    "-q",
                    "--force",
                    "--compress",
                    how,
                    &root,
                    &target,
                ])?;
                run("podman", &["load", "-q", "-i", &file])?;
                let said = podman_run(&tag)?;
                // What the image that the root was made of says is in this one as well.
                check_eq!(said.as_str(), "one\n", "what it prints");
                says_the_same(&tag)?;
                let unpacked = at(&format!("unpacked-{how}"));
                let layout = at(&format!("copied-{how}"));
                for path in [&unpacked, &layout] {
                    let _ = fs::remove_dir_all(path);
                }
                let from = format!("oci-archive:{file}:{tag}");
                // umoci reads no zstd.
                let to = format!("oci:{layout}:x");
                run(
                    "skopeo",
                    &["copy", "-q", "--dest-compress-format", "gzip", &from, &to],
                )?;
                run(
                    "umoci",
                    &["unpack", "--image", &format!("{layout}:x"), &unpacked],
                )?;
                same(&root, &format!("{unpacked}/rootfs"))
            },
        );
    }
    suite.case(
        "a directory is an image too, and the options come first",
        || {
            let root = root_of(&at("oci.tar"), "to-save-dir")?;
            let layout = at("saved");
            let _ = fs::remove_dir_all(&layout);
            let target = format!("oci:{layout}:x");
            succeed(&[
                "rootfs",
                "save",
                "-q",
                "--user",
                "root",
                "--workdir",
                "/",
                "--entrypoint",
                "/bin/busybox",
                "--cmd",
                "id",
                "--cmd=-u",
                &root,
                &target,
            ])?;
            run(
                "skopeo",
                &[
                    "copy",
                    "-q",
                    &target,
                    "containers-storage:localhost/saved-dir",
                ],
            )?;
            let said = podman_run("localhost/saved-dir")?;
            check_eq!(said.as_str(), "0\n", "what it prints");
            Ok(())
        },
    );
    suite.case(
        "a root of the cache is saved with what its image says",
        || -> CaseResult {
            // The root lies in the cache; what is written in the jail is a layer over it.
            let image = at("oci.tar");
            // Its entrypoint waits for what nobody writes.
            succeed(&[
                "run",
                "-d",
                "--name",
                "cached",
                "--image",
                &image,
                "--",
                "/opt/pipe",
            ])?;
            // Nobody else can write there.
            let place = "/srv/images-cached";
            run("mkdir", &["-p", "-m", "700", place])?;
            let root = format!("{place}/cached.root");
            let done = succeed(&["snapshot", "cached", &root]);
            succeed(&["rm", "cached"])?;
            done?;
            let file = at("cached.tar");
            let tag = "localhost/cached:1";
            let target = format!("oci-archive:{file}:{tag}");
            succeed(&["rootfs", "save", "-q", "--force", &root, &target])?;
            run("podman", &["load", "-q", "-i", &file])?;
            says_the_same(tag)?;
            run("rm", &["-r", place]).map(drop)
        },
    );
    suite.case("the same root makes the same bytes", || -> CaseResult {
        let root = root_of(&at("oci.tar"), "to-repeat")?;
        let again = root_of(&at("oci.tar"), "to-repeat-again")?;
        let (one, two) = (at("one.tar"), at("two.tar"));
        succeed(&["rootfs", "save", "-q", "--force", &root, &one])?;
        succeed(&["rootfs", "save", "-q", "--force", &again, &two])?;
        run("cmp", &[&one, &two]).map(drop)
    });
}

/// What an image of podman's prints when it is run.
fn podman_run(tag: &str) -> Result<String, jaula_tests::ktap::Failure> {
    let alone = ["run", "--rm", "--network", "none", "--log-driver", "none"];
    podman(&[&alone[..], &[tag]].concat())
}

/// Sees that an image says what that says which `make.sh` has made.
fn says_the_same(tag: &str) -> CaseResult {
    let said = podman(&["image", "inspect", "-f", "{{json .Config}}", tag])?;
    for part in ["GREETING=hello", "/srv/www", "SIGQUIT", "/data", "33:33"] {
        check!(said.contains(part), "no {part} in {said}");
    }
    Ok(())
}

/// What podman prints, without what it complains of.
fn podman(arguments: &[&str]) -> Result<String, jaula_tests::ktap::Failure> {
    let mut command = std::process::Command::new("podman");
    let output = jaula_tests::admin::output(command.args(arguments))?;
    check!(
        output.status.success(),
        "podman {arguments:?}: {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(jaula_tests::admin::text(&output))
}
