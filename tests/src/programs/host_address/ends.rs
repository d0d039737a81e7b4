// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which addresses interfaces have while jails are there, and afterwards.

use super::{has, on_lo, servers, sh, Jail, HOST_V4, NOTES, V4, V6};
use jaula_tests::admin::{host, in_kernel, noted_process};
use jaula_tests::ktap::{CaseResult, Failure, Suite};
use jaula_tests::launch::{complaint, Root};
use jaula_tests::{check, check_eq, wait};
use std::path::Path;

/// A jail with an address that was added, and whose jaula was killed.
fn lost(root: &Root) -> Result<Jail, Failure> {
    let options = format!("--ip {V4},lo");
    let jail = Jail::start("lost", &options, root, "/bin/sockets --sleep")?;
    let supervisor = noted_process("lost", "supervisor")?;
    host(&format!("kill -9 {supervisor}"))?;
    wait::until("the jail has ended", || Ok(in_kernel()?.is_empty()))?;
    Ok(jail)
}

pub fn add<'a>(suite: &mut Suite<'a>, root: &'a Root) {
    suite.case("added for the jail's life, and told", || {
        let before = on_lo()?;
        let options = format!("--ip {V4},lo --ip {V6},lo");
        let jail = Jail::start("added", &options, root, "/bin/sockets --sleep")?;
        let during = on_lo()?;
        for address in [format!("{V4}/32"), format!("{V6}/128")] {
            check!(during.contains(&address), "{address} in {during:?}");
        }
        let told = jail.inspect()?;
        check_eq!(
            told["noted"]["isolation"]["ip"][0],
            format!("{V4},lo"),
            "its address"
        );
        check_eq!(
            told["noted"]["isolation"]["ip"][1],
            format!("{V6},lo"),
            "its address"
        );
        let loopback = told["loopback"].as_str().unwrap_or_default();
        check!(loopback.starts_with("127.128."), "{loopback}");
        // The host does not begin there of itself: the address is deprecated.
        let shown = host("busybox ip -6 addr show dev lo")?;
        check!(shown.contains("deprecated"), "{shown}");
        drop(jail);
        check_eq!(on_lo()?, before, "addresses");
        check!(!Path::new(NOTES).exists(), "{NOTES} is left");
        Ok(())
    });
    suite.case("what was there before stays", || {
        host(&format!("busybox ip addr add {V4}/32 dev lo"))?;
        let stays = stays(root);
        host(&format!("busybox ip addr del {V4}/32 dev lo"))?;
        stays
    });
    suite.case("jaula is killed: the next one takes it away", || {
        let _jail = lost(root)?;
        check!(has(V4)?, "nobody was there to take it away");
        host("jaula ls")?;
        check!(!has(V4)?, "it is left");
        Ok(())
    });
    suite.case("jaula is killed: another jail gets the address", || {
        let lost = lost(root)?;
        let next = Jail::start(
            "next",
            &format!("--ip {V4},lo"),
            root,
            "/bin/sockets --sleep",
        )?;
        check!(has(V4)?, "it has none");
        drop((lost, next));
        check!(!has(V4)?, "it is left");
        Ok(())
    });
    suite.case("who has taken it over keeps it", || {
        let jail = Jail::start(
            "taken",
            &format!("--ip {V4},lo"),
            root,
            "/bin/sockets --sleep",
        )?;
        host(&format!(
            "busybox ip addr del {V4}/32 dev lo && busybox ip addr add {V4}/32 dev lo"
        ))?;
        drop(jail);
        let stays = has(V4)?;
        sh(&format!("busybox ip addr del {V4}/32 dev lo"))?;
        check!(stays, "it is gone");
        Ok(())
    });
    suite.case("a jail that is kept: exec has its address alone", || {
        servers::start()?;
        let root = root.text();
        host(&format!(
            "jaula run -q -k -u 0 -n kept --ip {V4},lo {root} -- /bin/sockets --sockets"
        ))?;
        let jail = Jail("kept");
        let tried = host(&format!(
            "jaula exec kept /bin/sockets --sockets 'bind {HOST_V4}' 'tcp {HOST_V4}:7000'"
        ))?;
        let expected = format!("bind {HOST_V4} = EADDRNOTAVAIL\ntcp {HOST_V4}:7000 = {V4} {V4}");
        check_eq!(tried, expected, "in it");
        let group = jail.inspect()?["noted"]["group"].clone();
        check!(group.is_string(), "its control group: {group}");
        drop(jail);
        check!(!has(V4)?, "the address is left");
        Ok(())
    });
    suite.case("one that fails to start leaves nothing", || {
        let before = on_lo()?;
        let root = root.text();
        let output = sh(&format!("jaula -q --ip {V4},lo {root} -- /no/such/program"))?;
        check_eq!(output.status.code(), Some(127), "{}", complaint(&output));
        check_eq!(on_lo()?, before, "addresses");
        check!(!Path::new(NOTES).exists(), "{NOTES} is left");
        Ok(())
    });
    suite.case("a description: ip", || {
        let text = root.text();
        let file = format!(
            "[jail.one]\nroot = \"{text}\"\nuser = \"0\"\nip = [\"{V4},lo\"]\n\
             command = [\"/bin/sockets\", \"--sleep\"]\n"
        );
        host(&format!("cat > /tmp/ip.toml <<'END'\n{file}END"))?;
        host("jaula up /tmp/ip.toml")?;
        let there = has(V4);
        host("jaula down /tmp/ip.toml")?;
        check!(there?, "it has no address");
        check!(!has(V4)?, "the address is left");
        Ok(())
    });
}

fn stays(root: &Root) -> CaseResult {
    for options in [V4.to_owned(), format!("{V4},lo")] {
        drop(Jail::start(
            "before",
            &format!("--ip {options}"),
            root,
            "/bin/sockets --sleep",
        )?);
        check!(has(V4)?, "{options}: it is gone");
    }
    Ok(())
}
