// SPDX-License-Identifier: MIT OR Apache-2.0

//! What sockets in a jail get: which addresses they are bound to, where connections and datagrams begin.

use super::inside::ARGUMENT;
use super::{servers, V4, V6};
use jaula_tests::admin::{output, text};
use jaula_tests::ktap::{fail, CaseResult, Suite};
use jaula_tests::launch::{complaint, jaula, Root};
use jaula_tests::{check, check_eq};

/// What jails have: an address of each kind, of IPv4 alone, of IPv6 alone.
const SETS: [(&str, &[&str]); 3] = [
    ("an address of each kind", &[V4, V6]),
    ("an address of IPv4", &[V4]),
    ("an address of IPv6", &[V6]),
];

/// What is done, and what comes of it in each of them.
type Row = (&'static str, [&'static str; 3]);

const NO: &str = "EADDRNOTAVAIL";
const NOWHERE: &str = "ENETUNREACH";
const REFUSED: &str = "ECONNREFUSED";

const BIND: &[Row] = &[
    ("bind 0.0.0.0", ["192.0.2.7", "192.0.2.7", "127.0.0.1"]),
    ("bind 192.0.2.7", ["192.0.2.7", "192.0.2.7", NO]),
    ("bind 127.0.0.1", ["127.0.0.1"; 3]),
    ("bind 192.0.2.1", [NO; 3]),
    ("bind 192.0.2.99", [NO; 3]),
    ("bind 192.0.2.255", [NO; 3]),
    ("bind 127.0.0.2", [NO; 3]),
    ("bind 224.0.0.1", [NO; 3]),
    ("bind 255.255.255.255", [NO; 3]),
    (
        "bind ::",
        ["2001:db8::7", "::ffff:192.0.2.7", "2001:db8::7"],
    ),
    ("bind-only-v6 ::", ["2001:db8::7", "EINVAL", "2001:db8::7"]),
    ("bind 2001:db8::7", ["2001:db8::7", NO, "2001:db8::7"]),
    ("bind 2001:db8::1", [NO; 3]),
    ("bind ::1", [NO; 3]),
    ("bind fe80::1", [NO; 3]),
    ("bind ff02::1", [NO; 3]),
    (
        "bind ::ffff:0.0.0.0",
        ["::ffff:192.0.2.7", "::ffff:192.0.2.7", "::ffff:127.0.0.1"],
    ),
    (
        "bind ::ffff:192.0.2.7",
        ["::ffff:192.0.2.7", "::ffff:192.0.2.7", NO],
    ),
    ("bind ::ffff:127.0.0.1", ["::ffff:127.0.0.1"; 3]),
    ("bind ::ffff:192.0.2.1", [NO; 3]),
    ("bind ::ffff:127.0.0.2", [NO; 3]),
];

/// Where a connection begins, and where the server sees it begin.
const BEGUN_V4: [&str; 3] = ["192.0.2.7 192.0.2.7", "192.0.2.7 192.0.2.7", NOWHERE];
const BEGUN_V6: [&str; 3] = [
    "2001:db8::7 2001:db8::7",
    NOWHERE,
    "2001:db8::7 2001:db8::7",
];
const BEGUN_MAPPED: [&str; 3] = [
    "::ffff:192.0.2.7 192.0.2.7",
    "::ffff:192.0.2.7 192.0.2.7",
    NOWHERE,
];

const CONNECT: &[Row] = &[
    ("tcp 192.0.2.1:7000", BEGUN_V4),
    ("tcp-bound 192.0.2.1:7000", BEGUN_V4_BOUND),
    ("tcp-free 192.0.2.1:7000", BEGUN_V4),
    ("tcp-again 192.0.2.1:7000", BEGUN_V4),
    ("tcp-fast 192.0.2.1:7000", BEGUN_V4),
    ("tcp-fast-connect 192.0.2.1:7000", BEGUN_V4),
    ("tcp-ring 192.0.2.1:7000", BEGUN_V4),
    ("tcp [2001:db8::1]:7000", BEGUN_V6),
    ("tcp-again [2001:db8::1]:7000", BEGUN_V6),
    ("tcp [::ffff:192.0.2.1]:7000", BEGUN_MAPPED),
    ("tcp-again [::ffff:192.0.2.1]:7000", BEGUN_MAPPED),
    // The host's own, on its loopback interface.
    ("tcp 127.0.0.1:7200", [REFUSED; 3]),
    ("tcp 127.0.0.2:7200", [REFUSED; 3]),
    ("tcp 0.0.0.0:7200", [REFUSED; 3]),
    ("tcp [::ffff:127.0.0.1]:7200", [REFUSED; 3]),
    ("tcp [::1]:7200", [NO; 3]),
    ("tcp [::]:7200", [NO; 3]),
    // A server of the host's that is at all addresses is at the jail's as well.
    (
        "tcp 127.0.0.1:7100",
        [
            "127.0.0.1 127.128.",
            "127.0.0.1 127.128.",
            "127.0.0.1 127.128.",
        ],
    ),
];

/// What is bound to 127.0.0.1 goes nowhere else, as ever.
const BEGUN_V4_BOUND: [&str; 3] = ["192.0.2.7 192.0.2.7", "192.0.2.7 192.0.2.7", NOWHERE];

const SENT_V4: [&str; 3] = [V4, V4, NOWHERE];
const SENT_V6: [&str; 3] = [V6, NOWHERE, V6];
const NOT_V4: [&str; 3] = [NO, NO, NOWHERE];
const NOT_V6: [&str; 3] = [NO, NOWHERE, NO];

const SEND: &[Row] = &[
    ("udp 192.0.2.1:7001", SENT_V4),
    ("udp-bound 192.0.2.1:7001", SENT_V4),
    ("udp-connected 192.0.2.1:7001", SENT_V4),
    ("udp-again 192.0.2.1:7001", SENT_V4),
    // A port of all addresses, by then.
    ("udp-late 192.0.2.1:7001", NOT_V4),
    ("udp-mixed 192.0.2.1:7001", SENT_V4),
    ("udp-mixed-connected 192.0.2.1:7001", SENT_V4),
    ("udp [::ffff:192.0.2.1]:7001", SENT_V4),
    ("udp-connected [::ffff:192.0.2.1]:7001", SENT_V4),
    ("udp [2001:db8::1]:7001", SENT_V6),
    ("udp-bound [2001:db8::1]:7001", SENT_V6),
    ("udp-connected [2001:db8::1]:7001", SENT_V6),
    ("udp-again [2001:db8::1]:7001", SENT_V6),
    ("udp [::1]:7200", [NO; 3]),
    ("udp-connected [::1]:7200", [NO; 3]),
    ("udp-connected 127.0.0.1:7200", [REFUSED; 3]),
    ("from 192.0.2.7 192.0.2.1:7001", SENT_V4),
    ("from 0.0.0.0 192.0.2.1:7001", SENT_V4),
    ("from 192.0.2.1 192.0.2.1:7001", NOT_V4),
    ("from 127.0.0.2 192.0.2.1:7001", NOT_V4),
    ("from-free 192.0.2.99 192.0.2.1:7001", NOT_V4),
    ("from-connected 192.0.2.7 192.0.2.1:7001", SENT_V4),
    ("from-connected 0.0.0.0 192.0.2.1:7001", SENT_V4),
    ("from-connected 192.0.2.1 192.0.2.1:7001", NOT_V4),
    ("from-connected-free 192.0.2.99 192.0.2.1:7001", NOT_V4),
    ("from ::ffff:192.0.2.7 [::ffff:192.0.2.1]:7001", SENT_V4),
    ("from ::ffff:192.0.2.1 [::ffff:192.0.2.1]:7001", NOT_V4),
    // The kernel itself knows the host's addresses alone.
    (
        "from 2001:db8::7 [2001:db8::1]:7001",
        [V6, "ENETUNREACH|EINVAL", V6],
    ),
    ("from :: [2001:db8::1]:7001", SENT_V6),
    ("from 2001:db8::1 [2001:db8::1]:7001", NOT_V6),
    ("from-free 2001:db8::99 [2001:db8::1]:7001", NOT_V6),
    ("from-connected 2001:db8::1 [2001:db8::1]:7001", NOT_V6),
];

/// Who the server has at the other end, and who the client.
const OWN_LOOPBACK: [&str; 3] = ["127.0.0.1 127.0.0.1"; 3];
const OWN_MAPPED: [&str; 3] = ["127.0.0.1 ::ffff:127.0.0.1"; 3];
const BY_ADDRESS: [&str; 3] = [
    "127.0.0.1 192.0.2.7",
    "127.0.0.1 192.0.2.7",
    OWN_LOOPBACK[0],
];

const LOOPBACK: &[Row] = &[
    ("loopback-tcp 127.0.0.1 127.0.0.1", OWN_LOOPBACK),
    ("loopback-tcp 127.0.0.1 127.0.0.5", OWN_LOOPBACK),
    ("loopback-tcp 127.0.0.1 0.0.0.0", OWN_LOOPBACK),
    ("loopback-tcp 127.0.0.1 ::ffff:127.0.0.1", OWN_MAPPED),
    // What is at all addresses of the jail is at this one.
    ("loopback-tcp 0.0.0.0 127.0.0.1", BY_ADDRESS),
    ("loopback-udp 127.0.0.1 127.0.0.1", OWN_LOOPBACK),
    ("loopback-udp-connected 127.0.0.1 127.0.0.1", OWN_LOOPBACK),
    ("loopback-udp 0.0.0.0 127.0.0.1", BY_ADDRESS),
    ("loopback-udp-connected 0.0.0.0 127.0.0.1", BY_ADDRESS),
    ("loopback-udp 127.0.0.1 ::ffff:127.0.0.1", OWN_MAPPED),
    (
        "loopback-udp-connected 127.0.0.1 ::ffff:127.0.0.1",
        OWN_MAPPED,
    ),
];

/// Not every kernel has each of them.
const NONE: [&str; 3] = ["EPROTONOSUPPORT|ESOCKTNOSUPPORT"; 3];
const NOT_ALLOWED: [&str; 3] = ["EPERM"; 3];

const KINDS: &[Row] = &[
    ("kind 2 1 6", ["made"; 3]),
    ("kind 10 2 17", ["made"; 3]),
    ("kind 1 1 0", ["made"; 3]),
    ("kind 16 3 0", ["made"; 3]),
    // Ping, UDP-Lite, MPTCP, SCTP, DCCP, L2TP, SMC.
    ("kind 2 2 1", NONE),
    ("kind 10 2 58", NONE),
    ("kind 2 2 136", NONE),
    ("kind 10 2 136", NONE),
    ("kind 2 1 262", NONE),
    ("kind 10 1 262", NONE),
    ("kind 2 1 132", NONE),
    ("kind 2 5 132", NONE),
    ("kind 2 6 33", NONE),
    ("kind 2 2 115", NONE),
    ("kind 2 1 256", NONE),
    // Raw sockets and packet sockets.
    ("kind 2 3 1", NOT_ALLOWED),
    ("kind 10 3 58", NOT_ALLOWED),
    ("kind 17 3 768", ["EPERM|EAFNOSUPPORT"; 3]),
];

pub fn add<'a>(suite: &mut Suite<'a>, root: &'a Root) {
    for (topic, rows) in [
        ("bind", BIND),
        ("connect", CONNECT),
        ("datagrams", SEND),
        ("loopback", LOOPBACK),
        ("other kinds of sockets", KINDS),
    ] {
        for (at, (having, addresses)) in SETS.into_iter().enumerate() {
            suite.case(&format!("{topic}: {having}"), move || {
                servers::start()?;
                table(root, addresses, rows, at)
            });
        }
    }
    suite.case("a group: joined, sent to, and nothing comes of it", || {
        let found = run(root, &[V4], &["join 239.1.1.1"])?;
        check_eq!(found, ["nothing"], "what comes");
        Ok(())
    });
    suite.case("a socket that is passed in keeps what the host has", || {
        let host = std::process::Stdio::from(
            jaula_tests::sys::inet::socket([0; 4].into(), libc::SOCK_STREAM)
                .map_err(|errno| fail(errno.to_string()))?,
        );
        let arguments = arguments(root, &[V4], &["inherited 192.0.2.1"]);
        let output = output(jaula(&arguments).stdin(host))?;
        let said = text(&output);
        check_eq!(
            said.trim_end(),
            "inherited 192.0.2.1 = 192.0.2.1",
            "{}",
            complaint(&output)
        );
        Ok(())
    });
}

/// All that is to be given to `jaula` for these deeds to be done in a jail with these addresses.
pub fn arguments<'a>(root: &'a Root, addresses: &[&str], deeds: &[&'a str]) -> Vec<String> {
    let mut arguments = vec!["run".to_owned(), "-q".into(), "-u".into(), "0".into()];
    for address in addresses {
        arguments.extend(["--ip".to_owned(), format!("{address},lo")]);
    }
    let command = [root.text(), "--", "/bin/sockets", ARGUMENT];
    arguments.extend(command.into_iter().map(str::to_owned));
    arguments.extend(deeds.iter().map(|deed| (*deed).to_owned()));
    arguments
}

/// What comes of each deed in a jail.
fn run(
    root: &Root,
    addresses: &[&str],
    deeds: &[&str],
) -> Result<Vec<String>, jaula_tests::ktap::Failure> {
    let output =
        output(jaula(&arguments(root, addresses, deeds)).stdin(std::process::Stdio::null()))?;
    let said = text(&output);
    check!(
        output.status.success(),
        "{}: {said}{}",
        output.status,
        complaint(&output)
    );
    let result = |line: &str| line.split_once(" = ").map(|(_, result)| result.to_owned());
    let found: Option<Vec<String>> = said.lines().map(result).collect();
    found.ok_or_else(|| fail(said))
}

fn table(root: &Root, addresses: &[&str], rows: &[Row], at: usize) -> CaseResult {
    let deeds: Vec<&str> = rows.iter().map(|(deed, _)| *deed).collect();
    let found = run(root, addresses, &deeds)?;
    check_eq!(found.len(), rows.len(), "what was done: {found:?}");
    let mut wrong = Vec::new();
    for (found, (deed, expected)) in found.iter().zip(rows) {
        // The end of one that ends with a dot is the jail's own.
        let fits = |expected: &str| match expected.ends_with('.') {
            true => found.starts_with(expected),
            false => found == expected,
        };
        if !expected[at].split('|').any(fits) {
            wrong.push(format!("{deed}: {found}, and not {}", expected[at]));
        }
    }
    check!(wrong.is_empty(), "{}", wrong.join("; "));
    Ok(())
}
