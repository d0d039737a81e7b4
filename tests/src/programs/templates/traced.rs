// SPDX-License-Identifier: MIT OR Apache-2.0

//! Templates of what a program opens.

use super::{follow, Place};
use crate::services::page::bash;
use jaula_tests::admin::output;
use jaula_tests::ktap::{Context, Suite};
use jaula_tests::launch::{complaint, jaula};
use jaula_tests::{check, check_eq};
use std::fs;
use std::path::Path;

pub fn add(suite: &mut Suite<'_>) {
    suite.case(
        "trace: what nginx opens is a template, by which it serves",
        || {
            let place = Place::new()?;
            let said = follow("What a program opens")?;
            let template = &said[1];
            for part in [
                "extends = \"program\"",
                "\"www-data\"",
                "/etc/nginx/mime.types",
                "path = \"/etc/nginx/sites-enabled/default\"",
                "path = \"/var/log/nginx\"",
                "#   /var/log/nginx/access.log",
            ] {
                check!(template.contains(part), "{part}: {template}");
            }
            let page = fs::read_to_string("/srv/seen").context("the page")?;
            check!(page.contains("<html"), "{page}");
            check!(!Path::new("/srv/site/usr/bin/sh").exists(), "a shell");
            // What it wrote to there was a copy.
            let log = fs::metadata("/srv/debian/var/log/nginx/access.log").context("the log")?;
            check_eq!(log.len(), 0, "the log");
            place.end()
        },
    );
    suite.case("trace: keys are left out, and where something is written is not", || {
        let place = Place::new()?;
        bash("echo k > /srv/key && chmod 600 /srv/key && mkdir -p /var/lib/written && rm -rf /var/lib/written/*")?;
        let script = "cat /etc/shadow /srv/key /etc/os-release; id -un; echo x > /var/lib/written/x; mkdir /run/made/y";
        let arguments = ["rootfs", "trace", "-d", "/run/made", "-o", "/srv/kept.toml", "--", "sh", "-c", script];
        let output = output(&mut jaula(&arguments))?;
        let message = complaint(&output);
        check!(output.status.success(), "{message}");
        for part in [
            "/etc/shadow: left out, for not everybody may read it",
            "/srv/key: left out, for not everybody may read it",
            "1 files were written",
        ] {
            check!(message.contains(part), "{part}: {message}");
        }
        let kept = fs::read_to_string("/srv/kept.toml").context("the template")?;
        for part in ["/usr/lib/os-release\"", "path = \"/etc/os-release\"", "/usr/bin/cat\"", "path = \"/var/lib/written\"", "path = \"/run/made\""] {
            check!(kept.contains(part), "{part}: {kept}");
        }
        for part in ["path = \"/etc/shadow\"", "path = \"/run/made/y\"", "path = \"/var/lib/written/x\""] {
            check!(!kept.contains(part), "{part}: {kept}");
        }
        check!(!Path::new("/var/lib/written/x").exists(), "it was written");
        check!(!Path::new("/run/made").exists(), "it was made");
        // A template that is there may have been changed by hand.
        let again = jaula_tests::admin::output(&mut jaula(&arguments))?;
        check_eq!(again.status.code(), Some(125), "the status");
        check_eq!(fs::read_to_string("/srv/kept.toml").context("kept")?, kept, "the template");
        let left = bash("ls -d /run/jaula-trace-* 2>/dev/null || true")?;
        check_eq!(left, "", "what is left");
        place.end()
    });
    suite.case("trace: told to end at any time, it ends", || {
        let place = Place::new()?;
        for round in 0..8 {
            let said = bash(&format!(
                "jaula rootfs trace --idle 600 -- sleep 1000 > /dev/null 2>&1 & sleep 0.{round}; kill $!
                 timeout 60 tail --pid=$! -f /dev/null && echo ended"
            ))?;
            check_eq!(said, "ended\n", "after 0.{round} s");
        }
        place.end()
    });
    suite.case("trace: what is not started makes no template", || {
        let place = Place::new()?;
        for command in ["/nothing", "/etc/passwd"] {
            let output = output(&mut jaula(&[
                "rootfs",
                "trace",
                "-o",
                "/srv/none.toml",
                "--",
                command,
            ]))?;
            check_eq!(output.status.code(), Some(125), "{command}");
            check!(!Path::new("/srv/none.toml").exists(), "{command}");
        }
        place.end()
    });
}
