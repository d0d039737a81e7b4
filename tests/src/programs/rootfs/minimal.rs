// SPDX-License-Identifier: MIT OR Apache-2.0

//! Roots of busybox: whole or not there, and the same each time.

use super::place::{digest, host, Place};
use jaula_tests::ktap::{Context, Suite};
use jaula_tests::launch::jaula;
use jaula_tests::{check, check_eq};
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

pub fn add(suite: &mut Suite<'_>) {
    suite.case(
        "minimal: a jail in it has a shell, ls, cd, echo and ps",
        || {
            let place = Place::new()?;
            place.build(&["-t", "minimal"], "jail")?;
            let said = place.says(
                &[],
                "jail",
                "cd /usr && pwd && ls -d bin && id -un && ps | wc -l",
            )?;
            let lines: Vec<&str> = said.lines().collect();
            check!(lines[..3] == ["/usr", "bin", "user"], "{lines:?}");
            let processes: u32 = lines[3].trim().parse().unwrap_or(0);
            check!(processes > 1 && processes < 9, "{lines:?}");
            let (status, report) = place.check("jail")?;
            check_eq!(status, 0, "{report}");
            check_eq!(report["as_built"].as_bool(), Some(true), "{report}");
            Ok(())
        },
    );
    suite.case("a second build is the same, byte for byte", || {
        let place = Place::new()?;
        let first = place.build(&["-t", "minimal"], "one")?;
        sleep(Duration::from_millis(1100));
        let second = place.build(&["-t", "minimal"], "two")?;
        check_eq!(digest(&first)?, digest(&second)?, "the digest");
        // As others see it, too.
        let seen = |root: &str| {
            let tree = place.at(root);
            // Busybox's tar takes no list of names.
            host(&format!(
                "cd {tree} && find . | sort | xargs stat -c '%n %f %u %g %Y' && find . -type f | sort | \
                 xargs sha256sum && find . -type l | sort | xargs -n 1 readlink"
            ))
        };
        let one = seen("one")?;
        check!(one.contains("./bin/sh "), "{one}");
        check_eq!(one, seen("two")?, "what others see");
        let said = host(&format!(
            "SOURCE_DATE_EPOCH=1000000000 jaula rootfs build -t minimal {} 2>&1; stat -c %Y {}/bin/sh",
            place.at("three"),
            place.at("three")
        ))?;
        check!(said.ends_with("\n1000000000"), "{said}");
        check!(digest(&said)? != digest(&first)?, "{said}");
        Ok(())
    });
    suite.case(
        "--sysroot: all of it is of the tree, and nothing in that is executed",
        || {
            let place = Place::new()?;
            let (tree, ran) = (place.at("tree"), place.at("ran"));
            host(&format!(
                "mkdir -p {tree}/usr/bin && cp $(ls /usr/bin/busybox /bin/busybox 2>/dev/null | head -n 1) {tree}/usr/bin/real && \
             printf '#!/bin/sh\\ntouch {ran}\\necho bin/sh\\n' >{tree}/usr/bin/busybox && \
             chmod 4755 {tree}/usr/bin/busybox {tree}/usr/bin/real"
            ))?;
            let message = place.refused(&["-t", "minimal", "--sysroot", &tree], "jail")?;
            check!(message.contains("/usr/bin/busybox"), "{message}");
            host(&format!("ln -sf /usr/bin/real {tree}/usr/bin/busybox"))?;
            place.build(&["-t", "minimal", "--sysroot", &tree], "jail")?;
            check!(!Path::new(&ran).exists(), "it was executed");
            check_eq!(
                place.says(&[], "jail", "echo runs")?,
                "runs",
                "what is printed"
            );
            // Nobody is given anything, whatever the tree says.
            let given = host(&format!("find {} -perm -4000", place.at("jail")))?;
            check_eq!(given, "", "set-user-ID");
            Ok(())
        },
    );
    suite.case("a build that is killed has made nothing or all of it", || {
        let place = Place::new()?;
        let large = place.write("large", vec![7; 8 << 20])?;
        let template = place.write(
            "t.toml",
            format!("description=\"t\"\nextends=\"minimal\"\n[[file]]\npath=\"/large\"\nsource={large:?}\n"),
        )?;
        let mut whole = 0;
        for round in 0..20 {
            let root = place.at("jail");
            let mut build = jaula(&["rootfs", "build", "-t", &template, &root]);
            let mut build = build.stderr(Stdio::null()).spawn().context("jaula")?;
            sleep(Duration::from_millis(round * 5));
            build.kill().context("kill")?;
            build.wait().context("wait")?;
            if Path::new(&root).exists() {
                whole += 1;
                let size = std::fs::metadata(place.at("jail/large")).context("large")?.len();
                check_eq!(size, 8 << 20, "the size");
                check_eq!(place.says(&[], "jail", "echo runs")?, "runs", "what is printed");
                host(&format!("rm -rf {root}"))?;
            }
        }
        check!(whole < 20, "none was killed in time");
        Ok(())
    });
}
