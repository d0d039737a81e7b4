// SPDX-License-Identifier: MIT OR Apache-2.0

//! Addresses that a server of the network hands out. The server is busybox's, on a bridge of the host's.

use super::addresses::Undo;
use super::place::{attempt, inside, nothing_is_left, ping, start, Clean, ROOT};
use jaula_tests::admin::{host, in_kernel, json, output, succeed};
use jaula_tests::dice::Dice;
use jaula_tests::ktap::{CaseResult, Context, Failure, Suite};
use jaula_tests::launch::{complaint, jaula};
use jaula_tests::rounds::rounds;
use jaula_tests::{check, check_eq, wait};
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The bridge, and where the server's files are.
const UNDO: Undo = Undo(
    "kill -9 $(cat /run/tdhcp/pid); busybox ip link del tbr0; busybox ip link del tve0; rm -rf /run/tdhcp",
);

const BRIDGE: &str =
    "busybox ip link add tbr0 type bridge && busybox ip addr add 10.94.0.1/24 dev tbr0 && \
    busybox ip link set tbr0 up && mkdir -p /run/tdhcp";

const DHCP: [&str; 2] = ["--net", "bridge:tbr0,ip=dhcp"];

/// Which addresses the server has, for how many seconds, and whom it has asked for names.
struct Server {
    interface: &'static str,
    first: &'static str,
    last: &'static str,
    lease: u32,
    servers: &'static str,
}

const SERVER: Server = Server {
    interface: "tbr0",
    first: "10.94.0.50",
    last: "10.94.0.59",
    lease: 3600,
    servers: "10.94.0.53",
};

impl Server {
    /// Starts it in place of the one that there was.
    fn start(&self) -> CaseResult {
        stop()?;
        let Server {
            interface,
            first,
            last,
            lease,
            servers,
        } = self;
        let text = format!(
            "start {first}\\nend {last}\\ninterface {interface}\\nlease_file /run/tdhcp/leases\\n\
             pidfile /run/tdhcp/pid\\nopt subnet 255.255.255.0\\nopt router 10.94.0.1\\nopt dns {servers}\\n\
             opt domain a.example\\nopt lease {lease}\\nmin_lease 1\\n"
        );
        host(&format!(
            "printf '{text}' >/run/tdhcp/conf && rm -f /run/tdhcp/leases && touch /run/tdhcp/leases && \
             (busybox udhcpd -f -a 10 /run/tdhcp/conf >/run/tdhcp/log 2>&1 </dev/null &)"
        ))?;
        wait::until("the server runs", || {
            Ok(host("kill -0 $(cat /run/tdhcp/pid) 2>/dev/null && echo yes || true")? == "yes")
        })
    }
}

fn stop() -> CaseResult {
    host("kill -9 $(cat /run/tdhcp/pid 2>/dev/null) 2>/dev/null; rm -f /run/tdhcp/pid").map(drop)
}

/// The processes that keep addresses.
fn keepers() -> Result<String, Failure> {
    host("grep -lx jaula-dhcp /proc/[0-9]*/comm 2>/dev/null | cut -d/ -f3 || true")
}

fn all_is_gone() -> CaseResult {
    check_eq!(keepers()?, "", "who keeps addresses");
    nothing_is_left()
}

/// The address of a jail, as it is told.
fn told(name: &str) -> Result<String, Failure> {
    let seen = json(&["inspect", name])?;
    let address = seen["network"]["addresses"][0].as_str();
    Ok(address.unwrap_or_default().to_owned())
}

pub fn add(suite: &mut Suite<'_>) {
    suite.case(
        "dhcp: an address before anything runs, given back at the end",
        || {
            let _clean = Clean::new()?;
            let undo = UNDO;
            host(BRIDGE)?;
            // There is one address: who gets it after another has had it, gets it because it was given back.
            let one = Server {
                last: SERVER.first,
                ..SERVER
            };
            one.start()?;
            let script = "busybox ip addr show dev eth0; busybox ip route; \
                          cat /etc/resolv.conf /etc/hosts";
            for _ in 0..3 {
                let run = [
                    "run",
                    "-q",
                    "--new-uts",
                    "--hostname",
                    "box",
                    DHCP[0],
                    DHCP[1],
                    ROOT,
                    "--",
                    "sh",
                    "-c",
                    script,
                ];
                let said = succeed(&run)?;
                for there in [
                    "10.94.0.50/24",
                    "default via 10.94.0.1",
                    "nameserver 10.94.0.53\nsearch a.example\n",
                    "10.94.0.50\tbox",
                ] {
                    check!(said.contains(there), "{there:?} is not in {said}");
                }
                all_is_gone()?;
            }
            start("a", &DHCP, "sleep 1000")?;
            ping("a", "10.94.0.1")?;
            check_eq!(told("a")?, "10.94.0.50", "what is told");
            // It is nobody's child, and nobody.
            let keeper = keepers()?;
            let status = host(&format!("cat /proc/{keeper}/status"))?;
            for there in [
                "Uid:\t65534\t65534\t65534\t65534",
                "CapEff:\t0000000000001000",
                "CapPrm:\t0000000000001000",
                "CapBnd:\t0000000000001000",
                "NoNewPrivs:\t1",
                "Groups:\t \n",
            ] {
                check!(status.contains(there), "{there:?} is not in {status}");
            }
            let own = inside("a", "readlink /proc/self/ns/net")?;
            check_eq!(
                host(&format!("readlink /proc/{keeper}/ns/net"))?,
                own,
                "its network"
            );
            check_eq!(
                host(&format!("cat /proc/{keeper}/attr/jaula/current"))?,
                "0",
                "its jail"
            );
            let open = host(&format!("ls -l /proc/{keeper}/fd"))?;
            check!(!open.contains("pipe:"), "{open}");
            succeed(&["rm", "a"])?;
            all_is_gone()?;
            drop(undo);
            Ok(())
        },
    );
    suite.case(
        "dhcp: renewed, lost without a server, and had again",
        || {
            let _clean = Clean::new()?;
            let undo = UNDO;
            host(BRIDGE)?;
            let short = Server {
                lease: 10,
                ..SERVER
            };
            short.start()?;
            start("a", &DHCP, "sleep 1000")?;
            let had = told("a")?;
            check!(had.starts_with("10.94.0.5"), "{had}");
            // Twice as long as it lasts, looked at all the time.
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_secs(22) {
                check!(
                    inside("a", "ip addr show dev eth0")?.contains(&had),
                    "lost after {:?}",
                    begun.elapsed()
                );
                sleep(Duration::from_millis(500));
            }
            stop()?;
            let begun = Instant::now();
            wait::until("the address goes", || {
                Ok(!inside("a", "ip addr show dev eth0")?.contains("10.94.0."))
            })?;
            check!(
                begun.elapsed() < Duration::from_secs(14),
                "after {:?}",
                begun.elapsed()
            );
            wait::until("it is told", || Ok(told("a")?.is_empty()))?;
            check!(
                !inside("a", "ip route")?.contains("default"),
                "there is a way that leads nowhere"
            );
            check!(
                !inside("a", "cat /etc/resolv.conf")?.contains("10.94.0.53"),
                "who is asked for names"
            );
            let other = Server {
                first: "10.94.0.70",
                last: "10.94.0.79",
                servers: "10.94.0.54 10.94.0.55",
                lease: 10,
                ..SERVER
            };
            other.start()?;
            wait::until("there is one again", || {
                Ok(inside("a", "ip addr show dev eth0")?.contains("10.94.0.7"))
            })?;
            wait::until("it is told", || Ok(told("a")?.starts_with("10.94.0.7")))?;
            check!(
                inside("a", "ip route")?.contains("default via 10.94.0.1"),
                "no way to others"
            );
            check_eq!(
                inside("a", "cat /etc/resolv.conf")?,
                "nameserver 10.94.0.54\nnameserver 10.94.0.55\nsearch a.example",
                "servers"
            );
            succeed(&["rm", "a"])?;
            all_is_gone()?;
            drop(undo);
            Ok(())
        },
    );
    suite.case("dhcp: no server, and one with no address left", || {
        let _clean = Clean::new()?;
        let undo = UNDO;
        host(BRIDGE)?;
        let before = in_kernel()?;
        let run = [
            "run", "-q", DHCP[0], DHCP[1], ROOT, "--", "touch", "/tmp/ran",
        ];
        let begun = Instant::now();
        let mut waiting = jaula(&run)
            .stderr(Stdio::piped())
            .spawn()
            .context("jaula")?;
        sleep(Duration::from_secs(3));
        // Nobody else waits for it.
        let asked = Instant::now();
        succeed(&["ls"])?;
        succeed(&["net", "ls"])?;
        check!(
            asked.elapsed() < Duration::from_secs(5),
            "jaula ls takes {:?}",
            asked.elapsed()
        );
        check!(
            waiting.try_wait().context("wait")?.is_none(),
            "it has given up early"
        );
        let said = waiting.wait_with_output().context("wait")?;
        let took = begun.elapsed();
        check!(
            !said.status.success()
                && complaint(&said).contains("no DHCP server has answered within 20 seconds"),
            "{}",
            complaint(&said)
        );
        check!((19..27).contains(&took.as_secs()), "it took {took:?}");
        check_eq!(in_kernel()?, before, "jails");
        host(&format!("test ! -e {ROOT}/tmp/ran"))?;
        all_is_gone()?;
        // Who is told to end does not wait for it.
        let begun = Instant::now();
        let mut waiting = jaula(&run)
            .stderr(Stdio::piped())
            .spawn()
            .context("jaula")?;
        sleep(Duration::from_secs(2));
        host(&format!("kill {}", waiting.id()))?;
        check!(
            !waiting.wait().context("wait")?.success(),
            "it says that all is well"
        );
        check!(
            begun.elapsed() < Duration::from_secs(8),
            "it took {:?}",
            begun.elapsed()
        );
        all_is_gone()?;
        let one = Server {
            last: SERVER.first,
            ..SERVER
        };
        one.start()?;
        start("a", &DHCP, "sleep 1000")?;
        let said = output(&mut jaula(&run))?;
        check!(
            !said.status.success() && complaint(&said).contains("no DHCP server"),
            "{}",
            complaint(&said)
        );
        check_eq!(told("a")?, "10.94.0.50", "that of the other");
        drop(undo);
        Ok(())
    });
    suite.case("dhcp: killed at any moment, nothing is left", || {
        let _clean = Clean::new()?;
        let undo = UNDO;
        host(BRIDGE)?;
        SERVER.start()?;
        let run = [
            "run",
            "-q",
            "--net",
            "bridge:tbr0,ip=dhcp,mac=02:00:00:00:94:07",
            ROOT,
            "--",
            "true",
        ];
        let begun = Instant::now();
        succeed(&run)?;
        let takes = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        let mut dice = Dice::new(94);
        for round in 0..rounds(40) {
            let mut child = jaula(&run)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .context("jaula")?;
            let delay = Duration::from_micros(dice.below(takes));
            match round {
                0 => wait::until("somebody asks", || Ok(!keepers()?.is_empty()))?,
                _ => sleep(delay),
            }
            child.kill().context("kill")?;
            child.wait().context("wait")?;
            wait::until("its jail ends", || Ok(in_kernel()?.is_empty()))?;
            // By itself.
            wait::until("who keeps the address ends", || Ok(keepers()?.is_empty()))
                .context(format!("after {delay:?} of {takes} us"))?;
            succeed(&["net", "ls"])?;
            all_is_gone().context(format!("after {delay:?} of {takes} us"))?;
        }
        drop(undo);
        Ok(())
    });
    suite.case("dhcp: kept, started once more, and hostile root", || {
        let _clean = Clean::new()?;
        let undo = UNDO;
        host(BRIDGE)?;
        SERVER.start()?;
        let keep = [
            "run", "-q", "--keep", "--name", "k", DHCP[0], DHCP[1], ROOT, "--", "busybox", "ip",
            "addr", "show", "dev", "eth0",
        ];
        let first = succeed(&keep)?;
        let again = succeed(&[
            "exec", "-q", "k", "--", "busybox", "ip", "addr", "show", "dev", "eth0",
        ])?;
        let address = told("k")?;
        check!(
            first.contains(&address) && again.contains(&address) && !address.is_empty(),
            "{first}{again}{address}"
        );
        check_eq!(keepers()?.lines().count(), 1, "who keeps addresses");
        succeed(&["rm", "k"])?;
        all_is_gone()?;
        // It is known by its name, and has the same address.
        start("k", &DHCP, "sleep 1000")?;
        check_eq!(told("k")?, address, "the address of a name");
        succeed(&["rm", "k"])?;
        all_is_gone()?;
        // One that is made anew is another jail, with another who keeps its address.
        let text = format!(
            "[jail.k]\\nroot = \"{ROOT}\"\\ncommand = [\"sleep\", \"1000\"]\\n\
             net = \"bridge:tbr0,ip=dhcp\"\\nrestart = \"always\"\\nrestart-delay = 0\\n"
        );
        host(&format!(
            "cd /run/tdhcp && printf '{text}' >jaula.toml && jaula up"
        ))?;
        check_eq!(
            told("k")?,
            address,
            "the address of a jail that is described"
        );
        let before = keepers()?;
        // By "jaula kill" it would be meant to end for good.
        let pid = json(&["inspect", "k"])?["processes"][0]["pid"].as_i64();
        host(&format!("kill -9 {}", pid.unwrap_or_default()))?;
        wait::until("it is made anew", || {
            let now = keepers()?;
            let is_one = now.lines().count() == 1 && now != before;
            Ok(is_one && told("k").is_ok_and(|told| told == address))
        })?;
        succeed(&["rm", "k"])?;
        all_is_gone()?;
        if super::place::has_nft() {
            start(
                "h",
                &[DHCP[0], DHCP[1], "--allow", "net_admin,net_raw"],
                "sleep 1000",
            )?;
            let said = attempt("h", "ip link del eth0; ip link show")?;
            check!(said.status.success(), "{}", complaint(&said));
            check!(
                attempt("h", "kill -9 $(pgrep jaula-dhcp)")
                    .is_ok_and(|said| !said.status.success()),
                "it is seen"
            );
            succeed(&["rm", "h"])?;
            all_is_gone()?;
        }
        drop(undo);
        Ok(())
    });
    suite.case("dhcp: beside an interface, and in a network of jaula's", || {
        let _clean = Clean::new()?;
        let undo = UNDO;
        // The other end has a name that the kernel chooses.
        host("mkdir -p /run/tdhcp && busybox ip link add tve0 type veth && busybox ip addr add 10.94.0.1/24 dev tve0 && \
              busybox ip link set tve0 up")?;
        let peer = host("ls /sys/class/net | grep '^veth' | head -n 1")?;
        host(&format!("busybox ip link set {peer} up"))?;
        let server = Server { interface: "tve0", ..SERVER };
        server.start()?;
        start("m", &["--net", &format!("macvlan:{peer},ip=dhcp")], "sleep 1000")?;
        ping("m", "10.94.0.1")?;
        check!(told("m")?.starts_with("10.94.0.5"), "{}", told("m")?);
        succeed(&["rm", "m"])?;
        all_is_gone()?;
        succeed(&["net", "create", "blue", "--internal", "--subnet", "10.95.0.0/24"])?;
        start("b", &["--net", "blue,ip=dhcp"], "sleep 1000")?;
        check_eq!(told("b")?, "10.95.0.2", "what jaula hands out");
        check_eq!(keepers()?, "", "who keeps addresses");
        drop(undo);
        Ok(())
    });
}
