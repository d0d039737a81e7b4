// SPDX-License-Identifier: MIT OR Apache-2.0

//! Who reaches whom within the machine.

use super::place::{
    addresses, attempt, has_nft, hears, hears_nothing, inside, ping, server, start, Clean, PING,
    ROOT,
};
use jaula_tests::admin::{host, json, succeed};
use jaula_tests::ktap::Suite;
use jaula_tests::{check, check_eq};

/// 9043, as it is in /proc/net/tcp.
const PORT: &str = ":2353 ";

pub fn add(suite: &mut Suite<'_>) {
    suite.case(
        "two jails: ping, and a port that the host does not see",
        || {
            let _clean = Clean::new()?;
            succeed(&["net", "create", "blue", "--internal"])?;
            start("a", &["--net", "blue"], &server(9043, "well"))?;
            start("b", &["--net", "blue"], "sleep 1000")?;
            ping("b", &addresses("blue", "a")?[0])?;
            check_eq!(hears("b", "a", 9043)?, "well", "what b hears of a");
            let seen = host("cat /proc/net/tcp /proc/net/tcp6 2>/dev/null")?;
            check!(!seen.contains(PORT), "the host sees it: {seen}");
            jaula_tests::wait::until("it is seen where one looks for it", || {
                let seen = json(&["net", "inspect", "blue"])?.to_string();
                Ok(seen.contains(":9043\""))
            })?;
            // As on the host, one that nobody listens on refuses.
            check!(
                !attempt("b", "nc -w 2 a 9044 </dev/null")?.status.success(),
                "9044 answers"
            );
            Ok(())
        },
    );
    suite.case("two jails: IPv6", || {
        let _clean = Clean::new()?;
        succeed(&["net", "create", "blue", "--internal"])?;
        start("a", &["--net", "blue"], &server(9043, "well"))?;
        start("b", &["--net", "blue"], "sleep 1000")?;
        let [v4, v6] = addresses("blue", "a")?;
        check!(v4.contains('.') && v6.contains(':'), "{v4} {v6}");
        ping("b", &v6)?;
        check_eq!(hears("b", &v6, 9043)?, "well", "what b hears of a");
        Ok(())
    });
    suite.case(
        "who is nobody else on the host is nobody else in a network",
        || {
            let _clean = Clean::new()?;
            succeed(&["net", "create", "blue", "--internal"])?;
            start("a", &["--net", "blue"], &format!("/{PING} 53"))?;
            start("b", &["--net", "blue"], "sleep 1000")?;
            let [v4, v6] = addresses("blue", "a")?;
            jaula_tests::wait::until("a answers", || {
                Ok(attempt("b", &format!("/{PING} {v4}:53"))?.status.success())
            })?;
            for (whom, own) in [(v4, "10.201.0.200"), (format!("[{v6}]"), "fd99::7")] {
                attempt("b", &format!("/{PING} {whom}:53 {own}"))?;
                let heard = succeed(&["logs", "a"])?;
                // What keeps this from IPv6, where a socket may be bound to any address, are rules.
                let is_kept = has_nft() || whom.contains('.');
                check!(!heard.contains(own) || !is_kept, "{heard}");
            }
            Ok(())
        },
    );
    suite.case("two networks do not reach each other", || {
        let _clean = Clean::new()?;
        // Where there are rules, the host hands packets on, and these are what keeps them apart.
        let options: &[&str] = if has_nft() { &[] } else { &["--internal"] };
        for name in ["blue", "red"] {
            succeed(&[&["net", "create", name], options].concat())?;
        }
        start("a", &["--net", "blue"], &server(9043, "well"))?;
        start("c", &["--net", "blue"], "sleep 1000")?;
        start("b", &["--net", "red"], "sleep 1000")?;
        let [v4, v6] = addresses("blue", "a")?;
        check_eq!(hears("c", &v4, 9043)?, "well", "a neighbour");
        for address in [v4, v6] {
            hears_nothing("b", &address, 9043)?;
        }
        check!(
            !attempt("b", "nc -w 2 a 9043 </dev/null")?.status.success(),
            "by its name"
        );
        Ok(())
    });
    suite.case(
        "names: of those that come later, and no more of those that are gone",
        || {
            let _clean = Clean::new()?;
            succeed(&["net", "create", "blue", "--internal"])?;
            let options = ["--net", "blue", "--new-uts", "--hostname", "inside"];
            start("a", &options, &server(80, "own"))?;
            let early = attempt("a", "nc -w 2 b 81 </dev/null")?;
            check!(!early.status.success(), "b is there before it was made");
            start("b", &["--net", "blue"], &server(81, "well"))?;
            check_eq!(hears("a", "b", 81)?, "well", "b");
            for own in ["a", "inside"] {
                check_eq!(hears("a", own, 80)?, "own", "itself");
            }
            let [v4, _] = addresses("blue", "b")?;
            let seen = inside("a", "cat /etc/hosts")?;
            check!(
                seen.contains(&format!("{v4}\tb")) && seen.contains("localhost"),
                "{seen}"
            );
            succeed(&["rm", "b"])?;
            let seen = inside("a", "cat /etc/hosts")?;
            check!(!seen.contains(&v4), "{seen}");
            Ok(())
        },
    );
    suite.case(
        "names: one that gets a name while it runs is found by it",
        || {
            let _clean = Clean::new()?;
            succeed(&["net", "create", "blue", "--internal"])?;
            start("a", &["--net", "blue"], "sleep 1000")?;
            let run = [
                "run", "-q", "-d", "--net", "blue", ROOT, "--", "sleep", "1000",
            ];
            let number = succeed(&run)?;
            succeed(&["set", number.trim(), "name=b"])?;
            let before = addresses("blue", "b")?;
            let seen = inside("a", "cat /etc/hosts")?;
            check!(seen.contains(&format!("{}\tb\n", before[0])), "{seen}");
            succeed(&["rm", "b"])?;
            start("c", &["--net", "blue"], "sleep 1000")?;
            start("b", &["--net", "blue"], "sleep 1000")?;
            check_eq!(addresses("blue", "b")?, before, "its addresses, once more");
            Ok(())
        },
    );
    suite.case("names: the files are the host's, and the root's are as they were", || {
        let _clean = Clean::new()?;
        succeed(&["net", "create", "blue", "--internal"])?;
        let before = host(&format!("cat {ROOT}/etc/hosts {ROOT}/etc/resolv.conf"))?;
        start("a", &["--net", "blue"], "sleep 1000")?;
        for file in ["/etc/hosts", "/etc/resolv.conf"] {
            let said = attempt("a", &format!("echo 192.0.2.1 b >> {file}"))?;
            check!(!said.status.success(), "{file} can be written to");
        }
        let after = host(&format!("cat {ROOT}/etc/hosts {ROOT}/etc/resolv.conf"))?;
        check_eq!(after, before, "the files of the root");
        // Where a root has none, nothing is made in it.
        host("rm -rf /srv/net/bare && cp -a /srv/net/box /srv/net/bare && rm /srv/net/bare/etc/hosts \
              /srv/net/bare/etc/resolv.conf && ln -s /nowhere /srv/net/bare/etc/hosts")?;
        succeed(&["run", "-q", "--net", "blue", "/srv/net/bare", "--", "test", "!", "-e", "/etc/hosts"])?;
        host("test ! -e /srv/net/bare/etc/resolv.conf && rm -rf /srv/net/bare").map(drop)
    });
    suite.case(
        "exec: in the jail's network, also where nothing ran in it any more",
        || {
            let _clean = Clean::new()?;
            succeed(&["net", "create", "blue", "--internal"])?;
            start("a", &["--net", "blue"], &server(80, "well"))?;
            start("k", &["--net", "blue", "--keep"], "sleep 1000")?;
            let before = addresses("blue", "k")?;
            let shown = inside("k", "ip -4 -o addr show dev eth0")?;
            check!(shown.contains(&before[0]), "{shown}");
            let own = inside("k", "readlink /proc/self/ns/net")?;
            check!(
                own != host("readlink /proc/self/ns/net")?,
                "{own} is the host's"
            );
            succeed(&["kill", "-s", "KILL", "k"])?;
            jaula_tests::wait::until("nothing is in it", || {
                Ok(succeed(&["ps", "k"])?.trim().is_empty())
            })?;
            check_eq!(hears("k", "a", 80)?, "well", "a neighbour");
            check_eq!(addresses("blue", "k")?, before, "its addresses");
            Ok(())
        },
    );
    suite.case("a jaula.toml says which network", || {
        let _clean = Clean::new()?;
        succeed(&["net", "create", "blue", "--internal"])?;
        let text = format!(
            "[jail.a]\nroot = \"{ROOT}\"\nuser = \"root\"\ncommand = [\"sleep\", \"1000\"]\nnet = \"blue\"\n\
             sysctl = [\"net.ipv4.ip_default_ttl=33\"]\nnet-rate = \"10mbit\"\n\
             [jail.b]\nroot = \"{ROOT}\"\nuser = \"root\"\ncommand = [\"sleep\", \"1000\"]\nnet = \"none\"\n"
        );
        std::fs::write("/srv/net/jaula.toml", text)
            .map_err(|error| jaula_tests::ktap::fail(error.to_string()))?;
        succeed(&["up", "/srv/net/jaula.toml"])?;
        let [v4, _] = addresses("blue", "a")?;
        check!(inside("a", "ip addr")?.contains(&v4), "{v4} is not there");
        check_eq!(inside("a", "cat /proc/sys/net/ipv4/ip_default_ttl")?, "33", "the sysctl");
        check_eq!(inside("b", "ls /sys/class/net 2>/dev/null; ip -o link | wc -l")?, "1", "interfaces");
        succeed(&["down", "/srv/net/jaula.toml"]).map(drop)
    });
}
