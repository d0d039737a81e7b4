// SPDX-License-Identifier: MIT OR Apache-2.0

//! Images that are fetched, and what is kept of them.

use super::made::{at, root_of};
use super::tree::same;
use crate::packages::dpkg::run;
use jaula_tests::admin::{output, succeed};
use jaula_tests::check;
use jaula_tests::ktap::{Context, Suite};
use jaula_tests::launch::{complaint, jaula};
use std::fs;

const NAME: &str = "containers-storage:localhost/web:latest";

pub fn add(suite: &mut Suite<'_>) {
    suite.case(
        "what was fetched once is there the next time, until it is taken away",
        || {
            let first = root_of(NAME, "fetched")?;
            same(&at("bundle/rootfs"), &first)?;
            let listed = succeed(&["rootfs", "cache"])?;
            check!(listed.contains(NAME), "{listed}");
            // Whatever becomes of where it came from.
            run("podman", &["tag", "localhost/web", "localhost/kept"])?;
            run(
                "podman",
                &["untag", "localhost/web", "localhost/web:latest"],
            )?;
            let again = root_of(NAME, "fetched-again");
            succeed(&["rootfs", "cache", "--remove", NAME, "-q"])?;
            let gone = output(&mut jaula(&[
                "rootfs",
                "build",
                "--image",
                NAME,
                &at("gone"),
            ]))?;
            run("podman", &["tag", "localhost/kept", "localhost/web:latest"])?;
            same(&first, &again?)?;
            let said = complaint(&gone);
            check!(!gone.status.success(), "it was found: {said}");
            check!(said.contains("skopeo has not fetched it"), "{said}");
            check!(
                fs::symlink_metadata(at("gone")).is_err(),
                "something is there"
            );
            Ok(())
        },
    );
    suite.case("without skopeo it is said what to do", || {
        let skopeo = "/usr/bin/skopeo";
        let aside = "/usr/bin/skopeo.aside";
        fs::rename(skopeo, aside).context(skopeo)?;
        let said = output(&mut jaula(&[
            "rootfs",
            "build",
            "--image",
            "docker://localhost/never",
            &at("never"),
        ]));
        let back = fs::rename(aside, skopeo);
        let said = complaint(&said?);
        back.context(skopeo)?;
        check!(said.contains("apt-get install skopeo"), "{said}");
        Ok(())
    });
    suite.case("the cache is emptied", || {
        root_of(NAME, "to-empty")?;
        succeed(&["rootfs", "cache", "--empty"])?;
        let listed = succeed(&["rootfs", "cache"])?;
        check!(
            listed.contains("(0 parts)") && !listed.contains(NAME),
            "{listed}"
        );
        Ok(())
    });
}
