// SPDX-License-Identifier: MIT OR Apache-2.0

//! How fast jails send and receive.

use super::place::{inside, start, Clean};
use jaula_tests::admin::{host, succeed};
use jaula_tests::ktap::{fail, Failure, Suite};
use jaula_tests::{check, wait};

/// How long something is sent.
const SECONDS: u64 = 8;

/// What sends as fast as it can to whoever asks.
const SENDER: &str = "while true; do nc -l -p 5000 </dev/zero; done >/dev/null";

/// How many bytes jail `b` gets from jail `a` in a second.
fn measured() -> Result<f64, Failure> {
    wait::until("it waits for who asks", || {
        Ok(inside("a", "cat /proc/net/tcp /proc/net/tcp6")?.contains(":1388 "))
    })?;
    // What fits in the queues at the beginning does not count.
    let script = format!(
        "sleep {} | nc a 5000 | (dd bs=64k count=10 iflag=fullblock of=/dev/null 2>/dev/null; \
         timeout {SECONDS} cat) | wc -c",
        SECONDS + 6
    );
    let took = inside("b", &script)?;
    let bytes: f64 = took
        .trim()
        .parse()
        .map_err(|_| fail(format!("{took:?} is no number")))?;
    Ok(bytes / SECONDS as f64)
}

fn is_near(bytes: f64, bits: f64) -> Result<(), Failure> {
    // Of what goes over the wire, headers are a part.
    let wire = bytes * 8.0 * 1514.0 / 1448.0;
    check!(
        (wire - bits).abs() < bits / 10.0,
        "{wire} bit/s, and not {bits}"
    );
    Ok(())
}

pub fn add(suite: &mut Suite<'_>) {
    suite.case("10 mbit are 10 mbit, in and out", || {
        let _clean = Clean::new()?;
        succeed(&["net", "create", "blue", "--internal"])?;
        start(
            "a",
            &["--net", "blue", "--net-rate", "10mbit:20mbit"],
            SENDER,
        )?;
        start("b", &["--net", "blue"], "sleep 1000")?;
        is_near(measured()?, 10e6)?;
        succeed(&["rm", "--all"])?;
        start("a", &["--net", "blue"], SENDER)?;
        start(
            "b",
            &["--net", "blue", "--net-rate", "20mbit:10mbit"],
            "sleep 1000",
        )?;
        is_near(measured()?, 10e6)?;
        host("ls /sys/class/net | grep -q '^js'")?;
        Ok(())
    });
}
