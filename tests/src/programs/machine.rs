// SPDX-License-Identifier: MIT OR Apache-2.0

//! The machine itself: that it has come up as it should, and has nothing to complain about.

mod kernel_log;

use jaula_tests::admin::{json, output, text};
use jaula_tests::ktap::{fail, CaseResult, Chosen, Context, Failure, Suite};
use jaula_tests::sys::lsm;
use jaula_tests::{check, check_eq};
use std::fs;
use std::process::{Command, ExitCode};

/// The security modules of the kernel, in the order in which they are asked; `capability` and
/// `lockdown` have places of their own.
const MODULES: [&str; 6] = [
    "lockdown",
    "capability",
    "landlock",
    "yama",
    "apparmor",
    "jaula",
];

/// What a kernel with jails is called.
const OURS: &str = "-jaula";

/// What container engines look for and refuse to work without, or with less than all they can do.
const WANTED: [&str; 46] = [
    "NAMESPACES",
    "NET_NS",
    "PID_NS",
    "IPC_NS",
    "UTS_NS",
    "USER_NS",
    "CGROUPS",
    "CGROUP_BPF",
    "CGROUP_SCHED",
    "CGROUP_PIDS",
    "CGROUP_HUGETLB",
    "CGROUP_PERF",
    "CGROUP_NET_PRIO",
    "NET_CLS_CGROUP",
    "MEMCG",
    "BLK_CGROUP",
    "BLK_DEV_THROTTLING",
    "CFS_BANDWIDTH",
    "FAIR_GROUP_SCHED",
    "KEYS",
    "POSIX_MQUEUE",
    "SECCOMP_FILTER",
    "SECURITY_APPARMOR",
    "SECURITY_SELINUX",
    "VETH",
    "BRIDGE",
    "BRIDGE_NETFILTER",
    "BRIDGE_VLAN_FILTERING",
    "VXLAN",
    "IPVLAN",
    "MACVLAN",
    "DUMMY",
    "TUN",
    "NF_NAT",
    "NF_TABLES_INET",
    "NFT_MASQ",
    "NFT_COMPAT",
    "IP_NF_FILTER",
    "IP_NF_NAT",
    "IP6_NF_NAT",
    "IP_VS_NFCT",
    "NETFILTER_XT_MATCH_ADDRTYPE",
    "NETFILTER_XT_MATCH_CONNTRACK",
    "OVERLAY_FS",
    "FUSE_FS",
    "EXT4_FS_SECURITY",
];

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    suite.case("systemd says that all of it runs", || {
        let said = run("systemctl", &["is-system-running", "--wait"]);
        let failed = run("systemctl", &["--failed", "--no-legend", "--plain"])?;
        check_eq!(
            said.map(|said| said.trim().to_owned()),
            Ok("running".to_owned()),
            "with {failed:?}"
        );
        Ok(())
    });
    suite.case("jaula doctor has nothing to say", || {
        let found = json(&["doctor", "--json"])?;
        let found = found.as_array().ok_or_else(|| fail("not an array"))?;
        check!(found.len() > 10, "{found:?}");
        for finding in found {
            check!(finding["state"] == "ok", "{finding}");
        }
        Ok(())
    });
    suite.case("the kernel warns of nothing", kernel_log::is_silent);
    suite.case("the kernel with jails runs, and the menu has others", menu);
    suite.case("the security modules are in use, jaula the last", || {
        let names = lsm::names().context(lsm::NAMES)?;
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        check_eq!(names, MODULES, "{}", lsm::NAMES);
        let profiles = fs::read_to_string("/sys/kernel/security/apparmor/profiles");
        let profiles = profiles.context("AppArmor's profiles")?;
        check!(profiles.lines().count() > 0, "AppArmor has no profiles");
        Ok(())
    });
    suite.case("container engines find what they look for", || {
        let options = run("zcat", &["/proc/config.gz"])?;
        let is_there = |name: &&str| {
            let starts = ["y", "m"].map(|value| format!("CONFIG_{name}={value}"));
            options
                .lines()
                .any(|line| starts.iter().any(|start| line == start))
        };
        let missing: Vec<_> = WANTED.iter().filter(|name| !is_there(name)).collect();
        check!(missing.is_empty(), "missing: {missing:?}");
        let controllers = fs::read_to_string("/sys/fs/cgroup/cgroup.controllers");
        let controllers = controllers.context("the controllers")?;
        for name in ["cpu", "cpuset", "io", "memory", "pids"] {
            let has = controllers.split_whitespace().any(|one| one == name);
            check!(has, "no controller {name} in {controllers}");
        }
        Ok(())
    });
    suite.run(chosen)
}

/// What a command that must succeed prints.
fn run(program: &str, arguments: &[&str]) -> Result<String, Failure> {
    let output = output(Command::new(program).args(arguments))?;
    check!(
        output.status.success(),
        "{program} {arguments:?}: {}: {}",
        output.status,
        text(&output)
    );
    Ok(text(&output))
}

/// The kernels that GRUB's menu has, from the one that it starts by itself on.
fn menu() -> CaseResult {
    let release = run("uname", &["-r"])?;
    check!(release.trim().ends_with(OURS), "{release} runs");
    let menu = fs::read_to_string("/boot/grub/grub.cfg").context("GRUB's menu")?;
    let kernels: Vec<_> = menu
        .lines()
        .filter_map(|line| line.trim().strip_prefix("linux"))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let Some(first) = kernels.first() else {
        return Err(fail("no kernel in GRUB's menu"));
    };
    check!(first.ends_with(OURS), "{first} comes first");
    check!(
        kernels.iter().any(|kernel| !kernel.ends_with(OURS)),
        "there is no other kernel: {kernels:?}"
    );
    Ok(())
}
