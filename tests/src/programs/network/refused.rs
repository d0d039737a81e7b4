// SPDX-License-Identifier: MIT OR Apache-2.0

//! What cannot be had is said before anything is made.

use super::place::{has_nft, links, nothing_is_left, start, Clean, ROOT};
use jaula_tests::admin::{host, in_kernel, output, succeed};
use jaula_tests::check;
use jaula_tests::check_eq;
use jaula_tests::ktap::{CaseResult, Suite};
use jaula_tests::launch::{complaint, jaula};

/// Checks that a command fails with these words in its message.
fn fails(arguments: &[&str], words: &str) -> CaseResult {
    let said = output(&mut jaula(arguments))?;
    let complaint = complaint(&said);
    check!(
        said.status.code().is_some_and(|code| code != 0) && complaint.contains(words),
        "{arguments:?}: {} {complaint}",
        said.status
    );
    Ok(())
}

/// The same, for a jail that is to be run with these options.
fn is_refused(options: &[&str], words: &str) -> CaseResult {
    let before = in_kernel()?;
    let arguments = [&["run", "-q"], options, &[ROOT, "--", "touch", "/tmp/ran"]].concat();
    fails(&arguments, words)?;
    check_eq!(in_kernel()?, before, "jails");
    host(&format!("test ! -e {ROOT}/tmp/ran")).map(drop)
}

pub fn add(suite: &mut Suite<'_>) {
    suite.case("what cannot be had is refused before anything is made", || {
        let _clean = Clean::new()?;
        let undo = super::addresses::Undo("busybox ip link del tdum0; busybox ip link del tbr0");
        host("busybox ip link add tdum0 type dummy && busybox ip addr add 10.91.2.1/24 dev tdum0 && busybox ip link set tdum0 up")?;
        succeed(&["net", "create", "blue", "--internal", "--subnet", "10.90.0.0/24"])?;
        fails(&["net", "create", "blue", "--internal"], "there is one already")?;
        fails(&["net", "create", "red", "--subnet", "10.90.0.128/25"], "network blue")?;
        fails(&["net", "create", "red", "--subnet", "10.91.0.0/16"], "10.91.2.0/24, which the host reaches")?;
        host("busybox ip addr add 10.94.0.7/32 dev tdum0")?;
        fails(&["net", "create", "red", "--subnet", "10.94.0.0/24"], "10.94.0.7/32, which the host reaches")?;
        fails(&["net", "create", "red", "--subnet", "10.92.0.1/24"], "10.92.0.0/24 is meant")?;
        fails(&["net", "create", "much-too-long-a-name"], "letters")?;
        fails(&["net", "create", "host"], "something else")?;
        fails(&["net", "rm", "red"], "there is no network red")?;
        fails(&["net", "inspect", "red"], "there is no network red")?;
        nothing_is_left()?;

        start("a", &["--net", "blue"], "sleep 1000")?;
        let before = links()?;
        fails(&["net", "rm", "blue"], "in use by jail a")?;
        is_refused(&["--net", "red"], "jaula net create red")?;
        is_refused(&["--net", "blue,ip=10.90.0.2"], "10.90.0.2 is in use by jail a")?;
        is_refused(&["--net", "blue,ip=10.90.0.1"], "is the host's")?;
        is_refused(&["--net", "blue,ip=10.93.0.1"], "is not in the network")?;
        is_refused(&["--net", "blue", "--publish", "8080:80"], "nothing leads to it")?;
        is_refused(&["--net", "bridge:none0"], "there is no interface none0")?;
        is_refused(&["--net", "bridge:tdum0"], "tdum0 is no bridge")?;
        is_refused(&["--net", "bridge:jn-blue"], "by the name of the network")?;
        is_refused(&["--net", "macvlan:none0"], "there is no interface none0")?;
        is_refused(&["--net", "ns:/run/none"], "/run/none")?;
        is_refused(&["--net", "ns:/srv/net/box"], "no network namespace")?;
        is_refused(&["--net", "none", "--publish", "80:80"], "--net NAME")?;
        is_refused(&["--net", "none", "--net-rate", "10mbit"], "net-rate")?;
        is_refused(&["--sysctl", "net.ipv4.ip_forward=1"], "of the jail's own")?;
        is_refused(&["--net", "none", "--sysctl", "net.ipv4.nothing=1"], "net.ipv4.nothing")?;
        is_refused(&["--net", "none", "--sysctl", "kernel.panic=1"], "expected net.KEY=VALUE")?;
        is_refused(&["--net", "blue", "--sysctl", "net.ipv4.nothing=1"], "net.ipv4.nothing")?;
        check_eq!(links()?, before, "interfaces");
        if !has_nft() {
            succeed(&["net", "create", "green"])?;
            is_refused(&["--net", "green"], "apt install nftables")?;
            is_refused(&["--net", "blue", "--allow", "net_admin"], "apt install nftables")?;
            let undo = super::addresses::Undo("echo 0 > /proc/sys/net/ipv4/ip_forward");
            host("echo 1 > /proc/sys/net/ipv4/ip_forward")?;
            is_refused(&["--net", "blue"], "apt install nftables")?;
            drop(undo);
        }
        succeed(&["rm", "a"])?;
        // The host has got another way there meanwhile.
        host("busybox ip link add tbr0 type bridge && busybox ip addr add 10.90.0.77/30 dev tbr0 && busybox ip link set tbr0 up")?;
        is_refused(&["--net", "blue"], "10.90.0.76/30, which the host reaches")?;
        nothing_is_left()?;
        drop(undo);
        Ok(())
    });
}
