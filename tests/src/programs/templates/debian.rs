// SPDX-License-Identifier: MIT OR Apache-2.0

//! Debian in a jail, and apt in that.

use super::Place;
use crate::services::page::bash;
use crate::services::tree::TREE;
use jaula_tests::check_eq;
use jaula_tests::ktap::Suite;

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

pub fn add(suite: &mut Suite<'_>) {
    suite.case("apt installs a package from a directory in a jail", || {
        let place = Place::new()?;
        bash(PACKAGE)?;
        // A system that mmdebstrap has made, with what the template adds to one.
        bash(&format!(
            "mkdir -p /srv/box/upper /srv/box/work /srv/box/tree && mount -t overlay overlay \
             -o lowerdir={TREE},upperdir=/srv/box/upper,workdir=/srv/box/work /srv/box/tree"
        ))?;
        let installed = bash(
            "echo 'APT::Sandbox::User \"root\";' > /srv/box/tree/etc/apt/apt.conf.d/90jail
             jaula --quiet --user root --bind /srv/packages:/mnt:ro /srv/box/tree -- \
                apt-get install --yes /mnt/greeter.deb
             jaula --quiet /srv/box/tree -- greet",
        );
        bash("umount /srv/box/tree")?;
        let said = installed?;
        check_eq!(said.lines().last(), Some("greetings"), "{said}");
        place.end()
    });
}
