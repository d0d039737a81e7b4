// SPDX-License-Identifier: MIT OR Apache-2.0

//! The templates of programs, as the guide has them.

use super::{follow, Place};
use crate::services::page::bash;
use jaula_tests::ktap::Suite;
use jaula_tests::{check, check_eq};

pub fn add(suite: &mut Suite<'_>) {
    suite.case("python and sqlite run as an ordinary user", || {
        let place = Place::new()?;
        let said = follow("Python and sqlite")?;
        check!(said[1].starts_with("\"OpenSSL "), "{said:?}");
        check_eq!(said[4], "42\n", "what is in the database");
        let shells =
            bash("ls /srv/python/usr/bin /srv/sqlite/usr/bin | grep -v -e : -e ^$ | sort")?;
        check!(!shells.contains("sh\n"), "{shells}");
        place.end()
    });
    suite.case("nginx answers as a user without rights", || {
        let place = Place::new()?;
        let said = follow("nginx")?;
        check!(said[2].contains("nginx in a jail"), "{said:?}");
        // Nothing in the root is the user's but where it writes.
        let own = bash("cd /srv/nginx && find . ! -user root | sort")?;
        check_eq!(own, "./run/nginx\n./var/log/nginx\n", "what is the user's");
        place.end()
    });
    suite.case("PostgreSQL makes a cluster, and serves it", || {
        let place = Place::new()?;
        let said = follow("PostgreSQL")?;
        check!(said[4].contains("(0 rows)"), "{said:?}");
        place.end()
    });
}
