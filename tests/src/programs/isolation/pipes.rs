// SPDX-License-Identifier: MIT OR Apache-2.0

//! That standard input, output and error can be opened by name, and whose they are.

use super::place::{host, Place};
use jaula_tests::admin::succeed;
use jaula_tests::ktap::{Context, Suite};
use jaula_tests::launch::{complaint, failed, jaula, run, FAILED};
use jaula_tests::sys::ids;
use jaula_tests::{check, check_eq};
use std::fs;
use std::process::Stdio;

pub fn add<'a>(suite: &mut Suite<'a>, place: &'a Place) {
    let open = "echo one > /dev/stdout; echo two > /dev/stderr; cat /dev/stdin";
    for user in ["user", "root", "4711:4711"] {
        suite.case(
            &format!("/dev/std… can be opened in a pipeline: {user}"),
            move || {
                let root = place.root();
                let script = format!(
                    "echo three | jaula -q --user {user} {root} -- sh -c '{open}' 2>&1 | cat"
                );
                check_eq!(host(&script)?, "one\ntwo\nthree", "what it prints");
                Ok(())
            },
        );
    }
    suite.case("/dev/std… can be opened in a detached jail, and by exec", move || {
        let root = place.root();
        let number = succeed(&["run", "-q", "-d", "--keep", &root, "--", "sh", "-c", "echo one > /dev/stdout; echo two > /dev/stderr"])?;
        let number = number.trim();
        let said = host(&format!("sleep 1; jaula logs {number}; echo three | jaula exec {number} -- sh -c 'cat /dev/stdin > /dev/stdout' | cat"));
        succeed(&["rm", number])?;
        check_eq!(said?, "one\ntwo\nthree", "what it prints");
        Ok(())
    });
    suite.case("what cannot be given away is named", move || {
        // As in a unit whose CapabilityBoundingSet= lacks it.
        const CAP_CHOWN: u32 = 0;
        ids::drop_from_bounding_set(CAP_CHOWN).context("CAP_CHOWN")?;
        let root = place.root();
        let launch = |options: &[&str]| {
            let arguments = [&["run", "-q"], options, &[&root, "--", "true"]].concat();
            run(jaula(&arguments).stdin(Stdio::piped()))
        };
        failed(&launch(&[])?, FAILED, &["CAP_CHOWN", "--without dev"])?;
        let output = launch(&["--without", "dev"])?;
        check!(output.status.success(), "{}", complaint(&output));
        Ok(())
    });
    suite.case("what has a name stays its owner's", move || {
        let root = place.root();
        let (fifo, file) = (place.host("fifo"), place.host("output"));
        let script = format!(
            "mkfifo -m 600 {fifo}; cat {fifo} > /dev/null & \
             jaula -q {root} -- sh -c 'echo x > /dev/stdout || echo refused' > {fifo}; wait; \
             jaula -q {root} -- sh -c 'echo x > /dev/stdout' 2> /dev/null > {file}; \
             jaula -q {root} -- sh -c 'cat /dev/stdin' 2> /dev/null < /dev/null; \
             stat -c %u {fifo} {file} /dev/null"
        );
        let said = host(&script);
        for path in [&fifo, &file] {
            fs::remove_file(path).context(path)?;
        }
        check_eq!(said?, "0\n0\n0", "the owners");
        Ok(())
    });
    suite.case(
        "without a /dev of its own they stay its owner's",
        move || {
            let root = place.root();
            let script = format!(
                "jaula -q --without dev {root} -- sh -c 'stat -L -c %u /proc/self/fd/1' | cat"
            );
            check_eq!(host(&script)?, "0", "the owner");
            Ok(())
        },
    );
}
