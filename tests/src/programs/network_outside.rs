// SPDX-License-Identifier: MIT OR Apache-2.0

//! Who reaches whom beyond the machine, where that has rules of nftables. A namespace of the host's stands for
//! what is outside.

use crate::network::addresses::Undo;
use crate::network::place::{
    addresses, attempt, hears, hears_nothing, inside, nothing_is_left, ping, prepare, server,
    start, Clean, PING, ROOT,
};
use jaula_tests::admin::{host, output, succeed};
use jaula_tests::ktap::{CaseResult, Chosen, Context, Failure, Suite};
use jaula_tests::launch::{complaint, jaula};
use jaula_tests::{check, check_eq};
use std::io::Write;
use std::net::{IpAddr, TcpListener, UdpSocket};
use std::process::ExitCode;
use std::time::Duration;

/// A bridge of the host's, 192.0.2.1, with another machine on it: a jail that is no neighbour of any other.
const MAKE: &str =
    "busybox ip link add tbr0 type bridge && busybox ip addr add 192.0.2.1/24 dev tbr0 && \
    busybox ip addr add 2001:db8::1/64 dev tbr0 && busybox ip link set tbr0 up && \
    echo 0 > /proc/sys/net/ipv4/ip_forward && echo 1 > /proc/sys/net/ipv6/conf/all/forwarding";

fn outside() -> Result<Undo, Failure> {
    let undo = Undo(
        "jaula rm out; busybox ip link del tbr0; echo 0 > /proc/sys/net/ipv6/conf/all/forwarding",
    );
    host(MAKE)?;
    let net = "bridge:tbr0,ip=192.0.2.2/24,gateway=192.0.2.1,ip=2001:db8::2/64,gateway=2001:db8::1";
    let script = format!("{} & {}", server(7000, "outside"), server(7002, "more"));
    start("out", &["--net", net], &script)?;
    Ok(undo)
}

fn hears_nothing_outside(whom: &str, port: u16) -> CaseResult {
    let said = attempt("out", &format!("nc -w 2 {whom} {port} </dev/null"))?;
    check!(
        !said.status.success(),
        "{port} of {whom} is reached from outside"
    );
    Ok(())
}

pub fn main(chosen: &Chosen) -> ExitCode {
    if let Err(failure) = prepare() {
        println!("Bail out! No root for the jails: {failure}");
        return ExitCode::FAILURE;
    }
    let mut suite = Suite::new();
    add(&mut suite);
    suite.run(chosen)
}

fn add(suite: &mut Suite<'_>) {
    suite.case(
        "a jail reaches what is outside, as the host; nothing outside reaches it",
        || {
            let _clean = Clean::new()?;
            let _outside = outside()?;
            succeed(&["net", "create", "blue"])?;
            start("a", &["--net", "blue"], &server(9043, "well"))?;
            start("b", &["--net", "blue"], "sleep 1000")?;
            ping("b", "192.0.2.2")?;
            check_eq!(hears("b", "192.0.2.2", 7000)?, "outside", "what is outside");
            // It comes as the host: nothing outside knows the way to the network.
            jaula_tests::wait::until("it is seen as the host outside", || {
                let script = "(sleep 1 | nc -w 3 192.0.2.2 7002 >/dev/null 2>&1 &) ; sleep 0.3";
                inside("b", script)?;
                Ok(inside("out", "cat /proc/net/tcp /proc/net/tcp6")?.contains("010200C0:"))
            })?;
            check_eq!(hears("b", "a", 9043)?, "well", "a neighbour");
            let [v4, v6] = addresses("blue", "a")?;
            hears_nothing_outside(&v4, 9043)?;
            hears_nothing_outside(&v6, 9043)
        },
    );
    suite.case("a published port answers from outside, from the host and from jails", || {
        let _clean = Clean::new()?;
        let _outside = outside()?;
        succeed(&["net", "create", "blue"])?;
        succeed(&["net", "create", "red"])?;
        start("a", &["--net", "blue", "--publish", "8080:80"], &server(80, "well"))?;
        start("b", &["--net", "red"], "sleep 1000")?;
        let options = [
            "--net",
            "blue",
            "--allow",
            "net_admin",
            "--sysctl",
            "net.ipv4.conf.all.route_localnet=1",
        ];
        start("c", &options, "sleep 1000")?;
        check_eq!(hears("out", "192.0.2.1", 8080)?, "well", "from outside");
        check_eq!(hears("out", "2001:db8::1", 8080)?, "well", "from outside, by IPv6");
        for whom in ["127.0.0.1", "192.0.2.1"] {
            let script = format!("for i in 1 2 3 4 5; do busybox nc -w 2 {whom} 8080 </dev/null && exit; sleep 0.3; done; exit 1");
            check_eq!(host(&script)?, "well", "from the host, by {whom}");
        }
        for who in ["b", "c"] {
            check_eq!(hears(who, "192.0.2.1", 8080)?, "well", "from jail {who}");
        }
        let [v4, _] = addresses("blue", "a")?;
        hears_nothing("b", &v4, 80)?;
        // What is on the host's loopback stays there.
        let listener = TcpListener::bind("127.0.0.1:7001").context("port 7001")?;
        std::thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                // Who does not listen any more has gone.
                let _ = client.write_all(b"secret");
            }
        });
        check_eq!(host("busybox nc -w 2 127.0.0.1 7001 </dev/null")?, "secret", "on the host");
        let script = "ip addr del 127.0.0.1/8 dev lo; ip route add 127.0.0.1 via 10.201.0.1; \
                      nc -w 2 127.0.0.1 7001 </dev/null";
        let said = attempt("c", script)?;
        check!(!String::from_utf8_lossy(&said.stdout).contains("secret"), "the host's loopback is reached");
        // But for the rule it would be.
        host("nft flush chain inet jaula_blue early")?;
        check_eq!(hears("c", "127.0.0.1", 7001)?, "secret", "without the rule");
        let said = output(&mut jaula(&["run", "-q", "--net", "blue", "--publish", "8080:80", ROOT, "--", "true"]))?;
        check!(complaint(&said).contains("jail a has that port"), "{}", complaint(&said));
        succeed(&["rm", "a"])?;
        hears_nothing_outside("192.0.2.1", 8080)?;
        succeed(&["rm", "--all"])?;
        nothing_is_left()
    });
    suite.case(
        "published: UDP, on one address, and a port that is in use",
        || {
            let _clean = Clean::new()?;
            let _outside = outside()?;
            succeed(&["net", "create", "blue"])?;
            let script = format!("/{PING} 53");
            let options = [
                "--net",
                "blue",
                "--publish",
                "192.0.2.1:5353:53/udp",
                "--publish",
                "127.0.0.1:8081:80",
            ];
            start("a", &options, &script)?;
            jaula_tests::wait::until("a datagram arrives", || {
                let asked = attempt("out", &format!("/{PING} 192.0.2.1:5353"))?;
                Ok(asked.status.success())
            })?;
            hears_nothing_outside("192.0.2.1", 8081)?;
            host("(timeout 20 busybox nc -l -p 8082 </dev/null >/dev/null 2>&1 &) ; sleep 0.5")?;
            let said = output(&mut jaula(&[
                "run",
                "-q",
                "--net",
                "blue",
                "--publish",
                "8082:80",
                ROOT,
                "--",
                "true",
            ]))?;
            check!(
                complaint(&said).contains("port 8082 (tcp) in use"),
                "{}",
                complaint(&said)
            );
            let said = output(&mut jaula(&[
                "run",
                "-q",
                "--net",
                "blue",
                "--publish",
                "198.51.100.1:8083:80",
                ROOT,
                "--",
                "true",
            ]))?;
            check!(
                complaint(&said).contains("no address of the host"),
                "{}",
                complaint(&said)
            );
            succeed(&["net", "create", "four", "--subnet", "10.84.0.0/24"])?;
            for (net, port, words) in [
                ("blue", "[::1]:8083:80", "from ::1"),
                ("four", "[2001:db8::1]:8083:80", "address of that kind"),
            ] {
                let run = [
                    "run",
                    "-q",
                    "--net",
                    net,
                    "--publish",
                    port,
                    ROOT,
                    "--",
                    "true",
                ];
                let said = output(&mut jaula(&run))?;
                check!(complaint(&said).contains(words), "{}", complaint(&said));
            }
            Ok(())
        },
    );
    suite.case(
        "who talks to a published port talks to no later jail with that address",
        || {
            // A port that no case before has asked from the same: the kernel still knows where that went.
            let _clean = Clean::new()?;
            let _outside = outside()?;
            succeed(&["net", "create", "blue", "--subnet", "10.83.0.0/24"])?;
            let script = format!("/{PING} 53");
            let there = ["--net", "blue,ip=10.83.0.7"];
            let options = [&there[..], &["--publish", "5354:53/udp"]].concat();
            let answers = || {
                let asked = attempt("out", &format!("/{PING} 192.0.2.1:5354"))?;
                Ok(asked.status.success())
            };
            start("a", &options, &script)?;
            jaula_tests::wait::until("a answers", answers)?;
            succeed(&["rm", "a"])?;
            start("b", &there, &script)?;
            start("c", &["--net", "blue"], "sleep 1000")?;
            jaula_tests::wait::until("b answers its neighbours", || {
                Ok(attempt("c", &format!("/{PING} 10.83.0.7:53"))?
                    .status
                    .success())
            })?;
            check!(!answers()?, "b answers, and publishes nothing");
            succeed(&["rm", "b"])?;
            start("d", &options, &script)?;
            jaula_tests::wait::until("d answers", answers)
        },
    );
    suite.case("a jail that may set up its network is nobody else in it", || {
        let _clean = Clean::new()?;
        succeed(&["net", "create", "blue", "--internal", "--subnet", "10.81.0.0/24", "--subnet", "fd81::/64"])?;
        start("a", &["--net", "blue"], "sleep 1000")?;
        start("b", &["--net", "blue", "--allow", "net_admin,net_raw"], "sleep 1000")?;
        inside("b", "ping -c 1 -W 5 a")?;
        // By another address, and by another hardware address.
        inside("b", "ip addr add 10.81.0.9/24 dev eth0")?;
        let said = attempt("b", "ping -c 1 -W 2 -I 10.81.0.9 10.81.0.2")?;
        check!(!said.status.success(), "with an address that is not its own");
        inside("b", "ping -c 1 -W 5 10.81.0.2; ip addr add fd81::9/64 dev eth0; sleep 2")?;
        let said = attempt("b", "ping -6 -c 1 -W 2 -I fd81::9 fd81::2")?;
        check!(!said.status.success(), "with an IPv6 address that is not its own");
        // It says that it is a: whom a neighbour asks is a all the same.
        start("c", &["--net", "blue"], "sleep 1000")?;
        inside("b", "ip addr add 10.81.0.2/32 dev eth0; arping -c 2 -A -I eth0 10.81.0.2; true")?;
        ping("c", "10.81.0.2")?;
        let seen = inside("c", "ip neigh show 10.81.0.2")?;
        check!(seen.contains("02:6a:0a:51:00:02"), "{seen}");
        inside("b", "ip addr del 10.81.0.2/32 dev eth0 && ip link set eth0 down && ip link set eth0 address 02:00:00:00:00:99 && ip link set eth0 up")?;
        let said = attempt("b", "ping -c 1 -W 2 10.81.0.2")?;
        check!(!said.status.success(), "with a hardware address that is not its own");
        Ok(())
    });
    suite.case(
        "on a bridge of the host's, a jail with an address is nobody else",
        || {
            let _clean = Clean::new()?;
            let _outside = outside()?;
            let options = [
                "--net",
                "bridge:tbr0,ip=192.0.2.3/24",
                "--allow",
                "net_admin,net_raw",
            ];
            let number = start("b", &options, "sleep 1000")?;
            ping("b", "192.0.2.2")?;
            inside("b", "ip addr add 192.0.2.9/24 dev eth0")?;
            let said = attempt("b", "ping -c 1 -W 2 -I 192.0.2.9 192.0.2.2")?;
            check!(
                !said.status.success(),
                "with an address that is not its own"
            );
            inside("b", "ping -c 1 -W 5 -I 192.0.2.3 192.0.2.2")?;
            succeed(&["rm", "b"])?;
            // One without an address asks for one itself, and is any machine there.
            let options = ["--net", "bridge:tbr0", "--allow", "net_admin,net_raw"];
            start("b", &options, "sleep 1000")?;
            inside(
                "b",
                "ip addr add 192.0.2.9/24 dev eth0; ip link set eth0 up; ping -c 1 -W 5 192.0.2.2",
            )?;
            let tables = host("nft list tables")?;
            check!(!tables.contains(&format!("jaula_{number}")), "{tables}");
            succeed(&["rm", "--all"])?;
            nothing_is_left()
        },
    );
    suite.case("what is addressed to the bridge itself does not pass what is filtered", || {
        let _clean = Clean::new()?;
        succeed(&["net", "create", "blue", "--internal", "--subnet", "10.81.0.0/24"])?;
        let heard = UdpSocket::bind("0.0.0.0:7100").context("port 7100")?;
        heard.set_read_timeout(Some(Duration::from_secs(1))).context("a limit")?;
        let number = start("b", &["--net", "blue", "--allow", "net_admin,net_raw"], "sleep 1000")?;
        let from = |script: &str| -> Result<Option<IpAddr>, Failure> {
            attempt("b", &format!("{script}; /{PING} 10.81.0.1:7100"))?;
            Ok(heard.recv_from(&mut [0; 64]).ok().map(|(_, from)| from.ip()))
        };
        check_eq!(from("true")?, Some(IpAddr::from([10, 81, 0, 2])), "as itself");
        let other = IpAddr::from([203, 0, 113, 7]);
        let change = "ip addr add 203.0.113.7/32 dev eth0; ip route add 10.81.0.1 dev eth0 src 203.0.113.7";
        check_eq!(from(change)?, None, "as another");
        // Bridges hand these on to nobody but the host, and the second past every rule for frames.
        let to = |last: &str| from(&format!("arp -i eth0 -s 10.81.0.1 01:80:c2:00:00:{last}"));
        let filter = |value: u8| {
            host(&format!("for of in all j{number}; do echo {value} > /proc/sys/net/ipv4/conf/$of/rp_filter; done"))
        };
        let before = host("cat /proc/sys/net/ipv4/conf/all/rp_filter")?;
        let _undo = Filter(before);
        for last in ["03", "0e"] {
            filter(0)?;
            check_eq!(to(last)?, None, "by the rules, {last}");
        }
        host("nft delete table inet jaula_blue")?;
        for last in ["03", "0e"] {
            filter(1)?;
            check_eq!(to(last)?, None, "by its source, {last}");
            filter(0)?;
            check_eq!(to(last)?, Some(other), "where nothing is done about it, {last}");
        }
        Ok(())
    });
    suite.case(
        "rules of others stay, and ours are made anew where they were flushed",
        || {
            let _clean = Clean::new()?;
            let undo = Undo("nft delete table inet other");
            host("nft add table inet other; nft add chain inet other x")?;
            succeed(&["net", "create", "blue"])?;
            start("a", &["--net", "blue"], "sleep 1000")?;
            let tables = host("nft list tables")?;
            check!(
                tables.contains("inet jaula_blue") && tables.contains("bridge jaula_blue"),
                "{tables}"
            );
            host("nft delete table inet jaula_blue")?;
            start("b", &["--net", "blue"], "sleep 1000")?;
            check!(
                host("nft list table inet jaula_blue")?.contains("masquerade"),
                "they are not there"
            );
            succeed(&["rm", "--all"])?;
            nothing_is_left()?;
            check!(
                host("nft list tables")?.contains("inet other"),
                "those of others are gone"
            );
            drop(undo);
            Ok(())
        },
    );
}

/// What the host checks of where packets come from, as it was.
struct Filter(String);

impl Drop for Filter {
    fn drop(&mut self) {
        // It is said by the next case that needs it.
        let _ = host(&format!(
            "echo {} > /proc/sys/net/ipv4/conf/all/rp_filter",
            self.0
        ));
    }
}
