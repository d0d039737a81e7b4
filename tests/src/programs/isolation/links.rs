// SPDX-License-Identifier: MIT OR Apache-2.0

//! Links on the way to what is mounted: root's own are followed, others' are not.

use super::place::{host, Firm, Place};
use jaula_tests::admin::succeed;
use jaula_tests::ktap::{CaseResult, Context, Failure, Suite};
use jaula_tests::launch::{complaint, failed, jaula, run, FAILED};
use jaula_tests::{check, check_eq};
use std::fs;
use std::os::unix::fs::symlink;

/// What a launch with these options says, which must not come to anything.
fn refused(options: &[&str], root: &str, parts: &[&str]) -> CaseResult {
    let command = [&["run", "--quiet"], options, &[root, "--", "/bin/true"]].concat();
    failed(&run(&mut jaula(&command))?, FAILED, parts)
}

/// Has root in a jail do something.
fn inside(options: &[&str], root: &str, script: &str) -> Result<String, Failure> {
    let command = ["run", "--quiet", "--user", "root"];
    let rest = [root, "--", "/bin/sh", "-c", script];
    succeed(&[&command, options, &rest].concat())
}

pub fn add<'a>(suite: &mut Suite<'a>, place: &'a Place) {
    suite.case(
        "a link where a user could have made it is not followed",
        move || {
            let firm = Firm::new("links")?;
            for (name, mode) in [("any", 0o1777), ("group", 0o775)] {
                let directory = firm.at(name);
                host(&format!(
                    "mkdir -p {directory}/below && chmod {mode:o} {directory}"
                ))?;
                for link in [
                    firm.at(&format!("{name}/link")),
                    firm.at(&format!("{name}/below/link")),
                ] {
                    symlink("/etc", &link).context(&link)?;
                    for (source, target) in [
                        (link.clone(), "/data"),
                        (format!("{link}/passwd"), "/etc/profile"),
                    ] {
                        let bind = format!("{source}:{target}");
                        refused(
                            &["--bind", &bind],
                            &place.root(),
                            &[&link, "symbolic link", "--bind"],
                        )?;
                    }
                    let device = format!("{link}/x:/dev/x");
                    refused(
                        &["--device", &device],
                        &place.root(),
                        &[&link, "symbolic link"],
                    )?;
                    refused(&[], &link, &[&link, "symbolic link"])?;
                    let below = format!("{link}/x/y");
                    refused(&[], &below, &[&link, "symbolic link"])?;
                }
                let up = format!("{directory}/below/../below:/data");
                refused(&["--bind", &up], &place.root(), &["leads up again"])?;
                // What is no link is shown.
                let bind = format!("{directory}/below:/data");
                place.expect(&["--bind", &bind], "readlink /data/link", "/etc")?;
            }
            Ok(())
        },
    );
    suite.case("one of root's is followed", move || {
        let firm = Firm::new("links")?;
        let (link, through) = (firm.at("link"), firm.at("through"));
        symlink(place.host("below/.."), &link).context("link")?;
        symlink(place.host(""), &through).context("through")?;
        refused(
            &["--bind", &format!("{link}:/data")],
            &place.root(),
            &["leads up again"],
        )?;
        let bind = format!("{through}:/data:ro");
        place.expect(&["--bind", &bind], "cat /data/file", "of the host")?;
        let bind = format!("{through}/file:/etc/profile:ro");
        place.expect(&["--bind", &bind], "cat /etc/profile", "of the host")
    });
    suite.case(
        "one that another jail has made in its root is not",
        move || {
            let firm = Firm::new("links")?;
            let other = firm.root("other", &["srv"])?;
            inside(&[], &other, "ln -s /etc /srv/data; ln -s / /srv/root")?;
            let link = format!("{other}/srv/data");
            refused(
                &["--bind", &format!("{link}:/data")],
                &place.root(),
                &[&link, "symbolic link"],
            )?;
            let link = format!("{other}/srv/root");
            refused(&[], &link, &[&link, "symbolic link"])
        },
    );
    suite.case(
        "a link in what two jails share does not choose what is mounted on",
        move || {
            let firm = Firm::new("links")?;
            let given = firm.at("given");
            fs::create_dir(&given).context("given")?;
            let (root, bind) = (place.root(), format!("{given}:/data"));
            let links = "mkdir /data/a; ln -s /etc /data/tmp; ln -s ../../etc /data/a/up; \
                         ln -s a /data/within";
            inside(&["--bind", &bind], &root, links)?;
            let file = place.host("file");
            for (mount, link) in [
                (["--tmpfs", "/data/tmp"], "/data/tmp"),
                (["--tmpfs", "/data/a/up"], "/data/a/up"),
                (["--tmpfs", "/data/within"], "/data/within"),
                (
                    ["--bind", &format!("{file}:/data/tmp/profile")],
                    "/data/tmp",
                ),
                (["--device", "/dev/null:/data/a/up/passwd"], "/data/a/up"),
            ] {
                let options = [&["--bind", &bind], &mount[..]].concat();
                refused(&options, &root, &[link, "symbolic link", "--bind shows"])?;
            }
            // What is no link is mounted on, and what lies upon it is jaula's own.
            let within = format!("{file}:/data/a/b/file");
            let options = ["--bind", &bind, "--tmpfs", "/data/a", "--bind", &within];
            place.expect(&options, "cat /data/a/b/file", "of the host")
        },
    );
    suite.case("a root is not built where a jail's link leads", move || {
        let firm = Firm::new("links")?;
        let (other, elsewhere) = (firm.root("other", &["srv"])?, firm.at("elsewhere"));
        fs::create_dir(&elsewhere).context("elsewhere")?;
        inside(&[], &other, "ln -s ../../elsewhere /srv/sub; mkdir /srv/dir")?;
        let build = |root: &str| {
            run(&mut jaula(&["rootfs", "build", "-q", "-t", "minimal", root]))
        };
        let link = format!("{other}/srv/sub");
        failed(&build(&format!("{link}/new"))?, FAILED, &[&link, "symbolic link"])?;
        let file = firm.at("jaula.toml");
        let text = format!(
            "[jail.links]\nroot = \"{link}/new\"\ntemplate = \"minimal\"\ncommand = [\"/bin/true\"]\n"
        );
        fs::write(&file, text).context("jaula.toml")?;
        failed(&run(&mut jaula(&["up", &file]))?, FAILED, &[&link, "symbolic link"])?;
        check_eq!(fs::read_dir(&elsewhere).context("elsewhere")?.count(), 0, "files");
        // What is no link it may lie in.
        let output = build(&format!("{other}/srv/dir/new"))?;
        check!(output.status.success(), "{}", complaint(&output));
        Ok(())
    });
    suite.case("nor where the root was all that the jail had", move || {
        for without in [&["--plain"][..], &["--without", "mounts"]] {
            let firm = Firm::new("links")?;
            let other = firm.root("other", &["srv"])?;
            inside(without, &other, "ln -s /etc /srv/data")?;
            let link = format!("{other}/srv/data");
            refused(
                &["--bind", &format!("{link}:/data")],
                &place.root(),
                &[&link, "symbolic link"],
            )?;
        }
        Ok(())
    });
    suite.case(
        "a jail that was given / leaves the host's links",
        move || {
            let firm = Firm::new("links")?;
            let through = firm.at("through");
            symlink(place.host(""), &through).context("through")?;
            let bind = format!("{through}:/data:ro");
            let shown = || place.expect(&["--bind", &bind], "cat /data/file", "of the host");
            shown()?;
            place.says(&["--bind", "/:/more"], "true")?;
            shown()?;
            succeed(&["run", "--quiet", "/", "--", "/bin/true"])?;
            shown()
        },
    );
    suite.case("nor one in what a jail was given to write", move || {
        let firm = Firm::new("links")?;
        let given = firm.at("given");
        fs::create_dir(&given).context("given")?;
        let root = place.root();
        let bind = format!("{given}:/data");
        inside(
            &["--bind", &bind],
            &root,
            "mkdir /data/a; ln -s /etc /data/a/b; ln -s ../.. /data/up",
        )?;
        for link in [format!("{given}/a/b"), format!("{given}/up")] {
            refused(
                &["--bind", &format!("{link}:/data")],
                &root,
                &[&link, "symbolic link"],
            )?;
        }
        // What it was given to read alone it cannot have changed.
        let shown = firm.at("shown");
        fs::create_dir(&shown).context("shown")?;
        inside(&["--bind", &format!("{shown}:/data:ro")], &root, "true")?;
        symlink(place.host(""), format!("{shown}/link")).context("link")?;
        let bind = format!("{shown}/link:/data:ro");
        place.expect(&["--bind", &bind], "cat /data/file", "of the host")
    });
}
