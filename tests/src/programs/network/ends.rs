// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is left when jails end.

use super::place::{hears, links, nothing_is_left, server, start, Clean, ROOT};
use jaula_tests::admin::{host, in_kernel, succeed};
use jaula_tests::ktap::{fail, CaseResult, Suite};
use jaula_tests::rounds::rounds;
use jaula_tests::{check, check_eq, wait};

pub fn add(suite: &mut Suite<'_>) {
    suite.case("the last jail takes the bridge along, and no other", || {
        let _clean = Clean::new()?;
        succeed(&["net", "create", "blue", "--internal"])?;
        let a = start("a", &["--net", "blue", "--net-rate", "1gbit"], "sleep 1000")?;
        let b = start("b", &["--net", "blue"], "sleep 1000")?;
        check_eq!(
            links()?,
            format!("j{a}\nj{b}\njn-blue\njs{a}"),
            "interfaces"
        );
        succeed(&["stop", "--timeout", "0", "a"])?;
        check_eq!(links()?, format!("j{b}\njn-blue"), "interfaces without a");
        succeed(&["rm", "b"])?;
        nothing_is_left()?;
        succeed(&["run", "-q", "--net", "blue", ROOT, "--", "true"])?;
        nothing_is_left()
    });
    suite.case("a launcher that is killed leaves what the next command removes", || {
        let _clean = Clean::new()?;
        succeed(&["net", "create", "blue", "--internal"])?;
        let a = start("a", &["--net", "blue", "--net-rate", "1gbit"], "sleep 1000")?;
        host("kill -9 $(jaula inspect a | sed -n '/\"supervisor\"/,/}/s/.*\"pid\": \\([0-9]*\\).*/\\1/p')")?;
        let number: i64 = a.parse().unwrap_or_default();
        wait::until("the jail ends with it", || Ok(!in_kernel()?.contains(&number)))?;
        check!(links()?.contains("jn-blue"), "nobody was there to remove it");
        succeed(&["ls"])?;
        nothing_is_left()
    });
    suite.case("what another program has made stays", || {
        let _clean = Clean::new()?;
        let undo =
            super::addresses::Undo("busybox ip link del jn-blue; busybox ip link del j2147483646");
        host("busybox ip link add jn-blue type bridge")?;
        host("busybox ip link add j2147483646 type dummy")?;
        let said = succeed(&["net", "create", "blue", "--internal"]);
        check!(said.is_err(), "there is an interface of that name");
        succeed(&["net", "create", "red", "--internal"])?;
        succeed(&["run", "-q", "--net", "red", ROOT, "--", "true"])?;
        succeed(&["ls"])?;
        check_eq!(links()?, "j2147483646\njn-blue", "interfaces");
        drop(undo);
        Ok(())
    });
    suite.case(
        "a bridge that was removed is there again with the next jail",
        || {
            let _clean = Clean::new()?;
            succeed(&["net", "create", "blue", "--internal"])?;
            start("a", &["--net", "blue"], &server(9043, "well"))?;
            host("busybox ip link del jn-blue")?;
            start("b", &["--net", "blue"], "sleep 1000")?;
            check_eq!(hears("b", "a", 9043)?, "well", "what b hears of a");
            Ok(())
        },
    );
    suite.case("those that end take nothing from those that begin", || {
        let _clean = Clean::new()?;
        for name in ["blue", "red"] {
            succeed(&["net", "create", name, "--internal"])?;
        }
        // A number is free again, and taken, before the network of its last jail is.
        let script = "for i in 1 2 3 4 5 6; do ip -4 addr show dev eth0 | grep -q inet || exit 1; sleep 0.05; done";
        let all = rounds(40);
        let one = |name: &'static str| move || -> CaseResult {
            for _ in 0..all {
                succeed(&["run", "-q", "--net", name, ROOT, "--", "sh", "-c", script])?;
            }
            Ok(())
        };
        let workers = ["blue", "red", "blue", "red"].map(|name| std::thread::spawn(one(name)));
        for worker in workers {
            worker.join().map_err(|_| fail("a thread has panicked"))??;
        }
        nothing_is_left()
    });
    suite.case("many jails, each in a network of its own", || {
        let _clean = Clean::new()?;
        let all = rounds(100);
        for number in 0..all {
            succeed(&["net", "create", &format!("n{number}"), "--internal"])?;
        }
        for number in 0..all {
            let name = format!("n{number}");
            start(&name, &["--net", &name], "sleep 1000")?;
        }
        check_eq!(links()?.lines().count(), 2 * all, "interfaces");
        succeed(&["rm", "--all"])?;
        nothing_is_left()
    });
}
