// SPDX-License-Identifier: MIT OR Apache-2.0

//! Landlock: what a program does to itself, in a jail and before it starts one.

use super::inside::restrict_itself;
use super::{ends, jailed};
use jaula_tests::check_eq;
use jaula_tests::jailfs;
use jaula_tests::ktap::{fail, Suite};
use jaula_tests::launch::{failed, jaula, run, Root, FAILED};

pub fn add<'a>(suite: &mut Suite<'a>, root: &'a Root) {
    suite.case("landlock: a program in a jail restricts itself", || {
        for options in [&[][..], &["--user", "root"], &["--new-pid"]] {
            let deed = ["restrict", "/etc/passwd"];
            ends(&mut jaula(&jailed(root, options, &deed)), libc::EACCES)?;
        }
        Ok(())
    });
    suite.case(
        "landlock: who is restricted starts no jail with mounts, and is told",
        || {
            let before = jailfs::numbers()?;
            restrict_itself(&["/"]).map_err(fail)?;
            let output = run(&mut jaula(&jailed(root, &[], &["read", "/etc/passwd"])))?;
            failed(&output, FAILED, &["mount"])?;
            let left = jailfs::numbers_beyond(&before)?;
            check_eq!(left, Vec::<i64>::new(), "the jails afterwards");
            Ok(())
        },
    );
}
