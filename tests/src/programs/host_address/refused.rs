// SPDX-License-Identifier: MIT OR Apache-2.0

//! What cannot be had: an error that says which and what to do, and nothing half made. And what several
//! jails have beside each other.

use super::{is_refused, sh, Jail, HOST_V4, V4, V6};
use jaula_tests::admin::host;
use jaula_tests::ktap::Suite;
use jaula_tests::launch::{complaint, Root};
use jaula_tests::{check, check_eq};

const OTHER: &str = "192.0.2.8";

pub fn add<'a>(suite: &mut Suite<'a>, root: &'a Root) {
    let text = root.text();
    suite.case("what is wrong is named", move || {
        for (options, words) in [
            ("--ip lots", &["--ip", "lots"][..]),
            ("--ip 127.0.0.1", &["127.0.0.1", "loopback"]),
            ("--ip 192.0.2.7/24,lo", &["/24"]),
            ("--ip 192.0.2.7", &["192.0.2.7,INTERFACE"]),
            ("--ip 192.0.2.7,none0", &["none0"]),
            (
                "--ip 192.0.2.7,lo --ip 192.0.2.8,lo",
                &["192.0.2.8", "one address of IPv4"],
            ),
            ("--ip 192.0.2.7,lo --new-net", &["192.0.2.7", "of its own"]),
            (
                "--ip 192.0.2.7,lo --allow raw_sockets",
                &["192.0.2.7", "net_raw"],
            ),
            (
                "--ip 192.0.2.7,lo --allow net_admin",
                &["192.0.2.7", "net_admin"],
            ),
        ] {
            is_refused(
                &format!("jaula -q {options} {text} -- /bin/sockets --sockets"),
                words,
            )?;
        }
        Ok(())
    });
    suite.case("an address that another jail has", move || {
        let _jail = Jail::start(
            "first",
            &format!("--ip {V4},lo"),
            root,
            "/bin/sockets --sleep",
        )?;
        for options in [format!("--ip {V4}"), format!("--ip {V6},lo --ip {V4},lo")] {
            is_refused(
                &format!("jaula -q {options} {text} -- /bin/sockets --sockets"),
                &[V4, "jail"],
            )?;
        }
        Ok(())
    });
    suite.case("two jails: one port, two addresses", move || {
        let start = |name, address: &str| {
            let options = format!("--ip {address},lo");
            Jail::start(name, &options, root, "/bin/sockets --serve")
        };
        let (one, two) = (start("one", V4)?, start("two", OTHER)?);
        for (jail, address) in [(&one, V4), (&two, OTHER)] {
            let answer = sh(&format!("busybox nc -w 5 {address} 80 </dev/null"))?;
            let said = String::from_utf8_lossy(&answer.stdout).into_owned();
            check_eq!(said, address, "{}: {}", jail.0, complaint(&answer));
        }
        let of_host = sh(&format!("busybox nc -w 2 {HOST_V4} 80 </dev/null"))?;
        check!(!of_host.status.success(), "the host's address answers");
        // Neither reaches the other's loopback address, nor has the other's address.
        let tried = host(&format!(
            "jaula exec one /bin/sockets --sockets 'bind {OTHER}' 'tcp 127.128.0.200:80' 'tcp {OTHER}:80'"
        ))?;
        let expected = format!(
            "bind {OTHER} = EADDRNOTAVAIL\ntcp 127.128.0.200:80 = {} {V4}\n\
             tcp {OTHER}:80 = {V4} {OTHER}",
            "127.0.0.1"
        );
        check_eq!(tried, expected, "in one of them");
        Ok(())
    });
}
