// SPDX-License-Identifier: MIT OR Apache-2.0

//! Memory: what goes beyond the limit is killed in the jail, and nothing else.

use super::{groups, sh, Jail, ROOT};
use jaula_tests::admin::host;
use jaula_tests::ktap::{skip, Suite};
use jaula_tests::{check, check_eq, wait};

/// It reads a line that never ends.
const HOG: &str = "tail /dev/zero";

const MIB: u64 = 1 << 20;

pub fn add(suite: &mut Suite) {
    suite.case(
        "memory: what goes beyond it is killed, and that is told",
        || {
            let hog = sh(&format!(
                "jaula -q --memory 32m --memory-swap 32m {ROOT} -- \
             sh -c '{HOG}; echo status $?'"
            ))?;
            let printed = String::from_utf8_lossy(&hog.stdout).into_owned();
            let errors = String::from_utf8_lossy(&hog.stderr).into_owned();
            check!(printed.contains("status 137"), "{printed}; {errors}");
            check!(errors.contains("for want of memory"), "{errors}");
            check_eq!(groups()?, Vec::<String>::new(), "groups");
            Ok(())
        },
    );
    suite.case(
        "memory: one process is killed, the jail and the host go on",
        || {
            let jail = Jail::start("small", "--memory 32m --memory-swap 32m", "sleep 1000")?;
            check_eq!(
                jail.value("memory.max")?,
                (32 * MIB).to_string(),
                "memory.max"
            );
            check_eq!(
                jail.value("memory.swap.max").unwrap_or("0".into()),
                "0",
                "memory.swap.max"
            );
            let status = jail.exec(&format!("{HOG}; echo $?"))?;
            check_eq!(status, "137", "how the hog ended");
            check_eq!(jail.exec("echo here")?, "here", "the jail");
            let killed = host("jaula stats --json small")?;
            let killed: serde_json::Value = serde_json::from_str(&killed)
                .map_err(|error| jaula_tests::ktap::fail(error.to_string()))?;
            check_eq!(killed[0]["group"]["oom_kills"], 1, "{killed}");
            Ok(())
        },
    );
    suite.case("memory: halved while it runs, and restored", || {
        let jail = Jail::start("halved", "--memory 64m", "sleep 1000")?;
        let mib = |count: u64| (count * MIB).to_string();
        host("jaula set halved memory.max=32m")?;
        check_eq!(jail.value("memory.max")?, mib(32), "memory.max");
        // What is in its memory cannot be taken back.
        jail.exec("dd if=/dev/zero of=/dev/shm/much bs=1048576 count=20 2>/dev/null")?;
        let refused = sh("jaula set halved memory.max=8m memory.swap.max=0")?;
        let errors = String::from_utf8_lossy(&refused.stderr).into_owned();
        check!(!refused.status.success(), "it is set below what is used");
        for word in ["memory.max", "bytes are in use", "memory.high"] {
            check!(errors.contains(word), "{errors}");
        }
        check_eq!(jail.value("memory.max")?, mib(32), "what it was");
        check_eq!(jail.value("memory.high")?, "max", "what it was");
        check_eq!(
            jail.exec("wc -c < /dev/shm/much")?,
            mib(20),
            "what it holds"
        );
        jail.exec("rm /dev/shm/much")?;
        host("jaula set halved memory.max=8m")?;
        check_eq!(jail.value("memory.max")?, mib(8), "memory.max");
        host("jaula set halved memory.max=64m")?;
        jail.exec("dd if=/dev/zero of=/dev/shm/much bs=1048576 count=40 2>/dev/null")?;
        Ok(())
    });
    suite.case(
        "memory: files that the kernel keeps are taken back, and nothing is killed",
        || {
            let jail = Jail::start("cache", "--memory 64m", "sleep 1000")?;
            host("dd if=/dev/zero of=/srv/much bs=1048576 count=8 2>/dev/null; rm /srv/much")?;
            host("jaula set cache memory.max=16m")?;
            wait::until("it is so", || {
                Ok(jail.value("memory.max")? == (16 * MIB).to_string())
            })?;
            check_eq!(jail.exec("echo here")?, "here", "the jail");
            Ok(())
        },
    );
    suite.case("memory: what the jail sees is its own, live", || {
        if host("test -e /var/lib/lxcfs/proc/meminfo && echo yes; true")? != "yes" {
            return Err(skip("there is no lxcfs"));
        }
        let jail = Jail::start("seen", "--memory 64m --cpuset-cpus 0", "sleep 1000")?;
        let total = || jail.exec("grep MemTotal /proc/meminfo | tr -dc 0-9");
        check_eq!(total()?, "65536", "KiB at first");
        host("jaula set seen memory.max=32m")?;
        check_eq!(total()?, "32768", "KiB when it was halved");
        host("jaula set seen memory.max=64m")?;
        check_eq!(total()?, "65536", "KiB again");
        check_eq!(
            jail.exec("grep -c ^processor /proc/cpuinfo")?,
            "1",
            "processors"
        );
        // One that nothing limits has all, and a /proc that is the kernel's alone.
        let all = host("grep MemTotal /proc/meminfo | tr -dc 0-9")?;
        let free = Jail::start("unlimited", "", "sleep 1000")?;
        check_eq!(
            free.exec("grep MemTotal /proc/meminfo | tr -dc 0-9")?,
            all,
            "KiB without limits"
        );
        check_eq!(
            free.exec("grep -c lxcfs /proc/self/mounts; true")?,
            "0",
            "mounts of lxcfs"
        );
        Ok(())
    });
}
