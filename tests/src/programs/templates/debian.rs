// SPDX-License-Identifier: MIT OR Apache-2.0

//! Debian in a jail, and apt in that.

use super::{follow, Place};
use crate::services::page::bash;
use crate::services::tree::TREE;
use jaula_tests::admin::{output, text};
use jaula_tests::ktap::{Context, Failure, Suite};
use jaula_tests::launch::{complaint, jaula};
use jaula_tests::{check, check_eq};
use std::fs;
use std::path::Path;
use std::time::Instant;

/// A directory with one package.
const PACKAGE: &str = "mkdir -p /srv/greeter/DEBIAN /srv/greeter/usr/bin /srv/packages
cat > /srv/greeter/DEBIAN/control <<END
Package: greeter
Version: 1
Architecture: all
Maintainer: nobody <nobody@localhost>
Description: greets
END
printf '#!/bin/sh\\necho greetings\\n' > /srv/greeter/usr/bin/greet
chmod 755 /srv/greeter/usr/bin/greet
dpkg-deb --root-owner-group --build /srv/greeter /srv/packages/greeter.deb";

/// Makes the packages of the tree into an archive.
const ARCHIVE: &str = include_str!("archive.sh");

pub fn add(suite: &mut Suite<'_>) {
    suite.case(
        "debian: mmdebstrap makes a root once, and apt works in it",
        || {
            let place = Place::new()?;
            let cache = Cache::new()?;
            bash(PACKAGE)?;
            fs::write("/srv/archive.sh", ARCHIVE).context("/srv/archive.sh")?;
            // Where the guide has it.
            bash(&format!("bash /srv/archive.sh {TREE} /srv/archive"))?;
            let began = Instant::now();
            let said = follow("Without a network")?;
            let first = began.elapsed();
            check_eq!(
                said.last().map(|said| said.trim_end().lines().last()),
                Some(Some("greetings")),
                "{said:?}"
            );
            // Nothing is left to make it from.
            bash("rm -rf /srv/archive")?;
            let mirror = "mirror=deb [trusted=yes] copy:/srv/archive ./";
            let mut builds = Vec::new();
            for root in ["/srv/second", "/srv/third"] {
                let began = Instant::now();
                let arguments = [
                    "rootfs",
                    "build",
                    "--template",
                    "debian",
                    "--set",
                    mirror,
                    root,
                ];
                let output = output(&mut jaula(&arguments))?;
                let message = complaint(&output);
                check!(output.status.success(), "{message}");
                builds.push((digest(&message), began.elapsed()));
            }
            check_eq!(builds[0].0, builds[1].0, "the digests");
            println!(
                "# made and used in {first:?}, from the cache in {:?} and {:?}",
                builds[0].1, builds[1].1
            );
            check!(builds[1].1 < first, "{builds:?} {first:?}");
            let odd = bash(
                "find /srv/second -type b -o -type c -o -type p -o -type s -o -type f -perm /6000",
            )?;
            check_eq!(odd, "", "devices, sockets and set-user-ID programs");
            check_eq!(
                bash("stat -c '%a %u %g' /srv/second /srv/second/tmp | xargs")?,
                "755 0 0 1777 0 0\n",
                "the modes"
            );
            let passwd = bash("grep -c ^_apt: /srv/second/etc/passwd")?;
            check_eq!(passwd, "1\n", "the users that packages have made");
            let checked = output(&mut jaula(&["rootfs", "check", "/srv/second"]))?;
            check!(checked.status.success(), "{}", text(&checked));
            // What is left of a build that was killed goes with the next.
            let growing = "/var/cache/jaula/debian/.growing-x";
            bash(&format!(
                "mkdir {growing} && echo x > {growing}/archive.tar && touch -d '-1 hour' {growing}"
            ))?;
            let refused = output(&mut jaula(&[
                "rootfs",
                "build",
                "-t",
                "debian",
                "--set",
                "mirror=copy:/none",
                "/srv/none",
            ]))?;
            check_eq!(refused.status.code(), Some(125), "{}", complaint(&refused));
            check_eq!(
                bash("ls -A /var/cache/jaula/debian | grep -c growing || true")?,
                "0\n",
                "what is left"
            );
            check!(!Path::new("/srv/none").exists(), "it is there");
            drop(cache);
            place.end()
        },
    );
}

/// Has the cache empty, before and after.
struct Cache;

impl Cache {
    fn new() -> Result<Self, Failure> {
        bash(EMPTY)?;
        Ok(Cache)
    }
}

const EMPTY: &str = "rm -rf /var/cache/jaula/debian";

impl Drop for Cache {
    fn drop(&mut self) {
        let _ = bash(EMPTY);
    }
}

fn digest(said: &str) -> Option<String> {
    let (_, digest) = said.split_once("sha256:")?;
    digest.split_whitespace().next().map(str::to_owned)
}
