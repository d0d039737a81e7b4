// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which addresses jails get.

use super::place::{addresses, hears, inside, ping, server, start, Clean, ROOT};
use jaula_tests::admin::{host, json, output, succeed};
use jaula_tests::ktap::Suite;
use jaula_tests::launch::{complaint, jaula};
use jaula_tests::{check, check_eq};

pub fn add(suite: &mut Suite<'_>) {
    suite.case("a name keeps its addresses, and others get others", || {
        let _clean = Clean::new()?;
        succeed(&[
            "net",
            "create",
            "blue",
            "--internal",
            "--subnet",
            "10.77.0.0/29",
            "--subnet",
            "fd77::/64",
        ])?;
        start("a", &["--net", "blue"], "sleep 1000")?;
        start("b", &["--net", "blue"], "sleep 1000")?;
        check_eq!(
            addresses("blue", "a")?,
            ["10.77.0.2", "fd77::2"],
            "the first"
        );
        check_eq!(
            addresses("blue", "b")?,
            ["10.77.0.3", "fd77::3"],
            "the second"
        );
        succeed(&["rm", "a"])?;
        start("c", &["--net", "blue"], "sleep 1000")?;
        check_eq!(addresses("blue", "c")?[0], "10.77.0.4", "the third");
        start("a", &["--net", "blue"], "sleep 1000")?;
        check_eq!(
            addresses("blue", "a")?[0],
            "10.77.0.2",
            "the first, once more"
        );
        succeed(&["rm", "a"])?;
        start(
            "d",
            &["--net", "blue,ip=10.77.0.6,mac=02:00:00:00:77:06"],
            "sleep 1000",
        )?;
        let shown = inside("d", "ip addr show dev eth0; ip route")?;
        check!(
            shown.contains("10.77.0.6/29")
                && shown.contains("02:00:00:00:77:06")
                && !shown.contains("default"),
            "{shown}"
        );
        // Nobody uses the first, and no other is free.
        start("e", &["--net", "blue"], "sleep 1000")?;
        check_eq!(addresses("blue", "e")?[0], "10.77.0.5", "the fourth");
        start("f", &["--net", "blue"], "sleep 1000")?;
        check_eq!(addresses("blue", "f")?[0], "10.77.0.2", "that of a");
        Ok(())
    });
    suite.case(
        "networks: made with free prefixes, listed, and removed",
        || {
            let _clean = Clean::new()?;
            succeed(&["net", "create", "blue", "--internal"])?;
            succeed(&["net", "create", "red", "--internal"])?;
            let said = succeed(&["net", "ls"])?;
            check!(
                said.contains("blue\t10.201.0.0/24 fd") && said.contains("red\t10.201.1.0/24 fd"),
                "{said}"
            );
            let said = json(&["net", "ls", "--json"])?;
            check_eq!(said[0]["internal"].as_bool(), Some(true), "in JSON");
            succeed(&["net", "rm", "blue", "red"])?;
            check_eq!(succeed(&["net", "ls"])?, "", "what is listed");
            host("test -z \"$(ls /var/lib/jaula/networks)\"").map(drop)
        },
    );
    suite.case("IPv6 that the host has turned off is left out", || {
        let _clean = Clean::new()?;
        succeed(&["net", "create", "blue", "--internal"])?;
        succeed(&[
            "net",
            "create",
            "six",
            "--internal",
            "--subnet",
            "fd66::/64",
        ])?;
        let undo = Undo("echo 0 > /proc/sys/net/ipv6/conf/all/disable_ipv6");
        host("echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6")?;
        start("a", &["--net", "blue"], &server(80, "well"))?;
        start("b", &["--net", "blue"], "sleep 1000")?;
        check_eq!(hears("b", "a", 80)?, "well", "by IPv4");
        check!(
            addresses("blue", "a")?[1].is_empty(),
            "it has an IPv6 address"
        );
        for net in ["six", "six,ip=fd66::7"] {
            let said = output(&mut jaula(&["run", "-q", "--net", net, ROOT, "--", "true"]))?;
            check!(
                complaint(&said).contains("disable_ipv6"),
                "{}",
                complaint(&said)
            );
        }
        drop(undo);
        start("c", &["--net", "six"], "sleep 1000")?;
        check_eq!(addresses("six", "c")?[0], "fd66::2", "where it is on");
        Ok(())
    });
    suite.case("a bridge of the host's, an interface beside one, and a namespace", || {
        let _clean = Clean::new()?;
        let undo = Undo("busybox ip link del tbr0; busybox ip link del tdum0; umount /run/tns; rm -f /run/tns");
        host("busybox ip link add tbr0 type bridge && busybox ip addr add 10.78.0.1/24 dev tbr0 && \
              busybox ip link set tbr0 up")?;
        start("a", &["--net", "bridge:tbr0,ip=10.78.0.2/24,gateway=10.78.0.1"], &server(80, "well"))?;
        start("b", &["--net", "bridge:tbr0,ip=10.78.0.3/24"], "sleep 1000")?;
        ping("b", "10.78.0.1")?;
        check_eq!(hears("b", "a", 80)?, "well", "a neighbour");
        let routes = inside("a", "ip route")?;
        check!(routes.contains("default via 10.78.0.1"), "{routes}");
        host("busybox ip link add tdum0 type dummy && busybox ip link set tdum0 up")?;
        start("m", &["--net", "macvlan:tdum0,ip=10.79.0.2/24"], "sleep 1000")?;
        start("o", &["--net", "macvlan:tdum0,ip=10.79.0.3/24"], "sleep 1000")?;
        ping("m", "10.79.0.3")?;
        host("touch /run/tns && unshare -n mount --bind /proc/self/ns/net /run/tns")?;
        start("n", &["--net", "ns:/run/tns"], "sleep 1000")?;
        let own = inside("n", "readlink /proc/self/ns/net")?;
        let there = host("stat -c %i /run/tns")?;
        check!(own.contains(&there), "{own}, and not {there}");
        succeed(&["rm", "--all"])?;
        super::place::nothing_is_left()?;
        host("test -d /sys/class/net/tbr0 && test -d /sys/class/net/tdum0")?;
        drop(undo);
        Ok(())
    });
}

/// What a case has made on the host goes with it.
pub struct Undo(pub &'static str);

impl Drop for Undo {
    fn drop(&mut self) {
        // What is not there need not go.
        let _ = host(&format!(
            "({}) 2>/dev/null; true",
            self.0.replace(';', " 2>/dev/null;")
        ));
    }
}
