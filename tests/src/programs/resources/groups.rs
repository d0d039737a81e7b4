// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which jails have control groups, what is in them, and that they go.

use super::{groups, wait_until_no_group, Jail, ROOT};
use jaula_tests::admin::{host, in_kernel, noted_process};
use jaula_tests::ktap::{fail, Suite};
use jaula_tests::{check, check_eq, wait};

pub fn add(suite: &mut Suite) {
    suite.case("nothing is asked for: no control group", || {
        let jail = Jail::start("free", "", "sleep 1000")?;
        check_eq!(jail.group()?, None, "its group");
        check_eq!(groups()?, Vec::<String>::new(), "groups");
        let outside = host("cat /proc/self/cgroup")?;
        check_eq!(jail.exec("cat /proc/self/cgroup")?, outside, "its group");
        Ok(())
    });
    suite.case(
        "all that runs in the jail is in its group, and jaula is not",
        || {
            let script = "sleep 1000 & sh -c \"sleep 1000 & wait\" & wait";
            let jail = Jail::start(
                "in",
                "--cpu-weight 50 --new-pid",
                &format!("sh -c '{script}'"),
            )?;
            wait::until("all of it runs", || {
                Ok(jail.value("cgroup.procs")?.lines().count() >= 4)
            })?;
            // Also what is run in it later.
            let own = jail.exec("cat /proc/self/cgroup")?;
            let group = jail.group()?.ok_or_else(|| fail("no group"))?;
            check!(
                group.ends_with(own.trim_start_matches("0::")),
                "{own} is not {group}"
            );
            let of = |which: &str| noted_process("in", which);
            let supervisor = of("supervisor")?.to_string();
            let members = jail.value("cgroup.procs")?;
            check!(
                !members.lines().any(|pid| pid == supervisor),
                "jaula is in {group}"
            );
            check!(
                members
                    .lines()
                    .any(|pid| of("first_process").is_ok_and(|first| first.to_string() == pid)),
                "the command is not in it"
            );
            check_eq!(jail.value("cpu.weight")?, "50", "cpu.weight");
            drop(jail);
            check_eq!(groups()?, Vec::<String>::new(), "groups");
            Ok(())
        },
    );
    suite.case(
        "a jail in the foreground, one that is kept, one that ends by itself: no group is left",
        || {
            let inside = format!("jaula -q --memory 64m {ROOT} -- cat /proc/self/cgroup");
            let own = host(&inside)?;
            check!(own.contains("jaula"), "{own}");
            check_eq!(groups()?, Vec::<String>::new(), "groups");
            host(&format!(
                "jaula run -q -k -n kept --memory 64m {ROOT} -- true"
            ))?;
            check_eq!(groups()?.len(), 1, "groups of a jail that is kept");
            // What runs in it later is limited as well.
            let later = host("jaula exec kept cat /proc/self/cgroup")?;
            check!(later.contains("jaula"), "{later}");
            host("jaula rm kept")?;
            check_eq!(groups()?, Vec::<String>::new(), "groups");
            let jail = Jail::start("short", "--memory 64m", "sleep 1")?;
            wait_until_no_group()?;
            drop(jail);
            Ok(())
        },
    );
    suite.case("jaula is killed: the next one removes the group", || {
        let _jail = Jail::start("lost", "--memory 64m", "sleep 1000")?;
        check_eq!(groups()?.len(), 1, "groups");
        let supervisor = noted_process("lost", "supervisor")?;
        host(&format!("kill -9 {supervisor}"))?;
        wait::until("the jail has ended", || Ok(in_kernel()?.is_empty()))?;
        wait::until("its group is gone", || {
            host("jaula ls")?;
            Ok(groups()?.is_empty())
        })
    });
    suite.case("root of a jail reaches no control group", || {
        let jail = Jail::start("root", "-u 0 --memory 64m --cpu-weight 50", "sleep 1000")?;
        let tried = jail.exec(
            "mkdir -p /tmp/c; mount -t cgroup2 none /tmp/c && echo mounted; \
             ls /sys/fs/cgroup 2> /dev/null; \
             cd /proc/1/root 2> /dev/null && ls sys/fs/cgroup; true",
        )?;
        check_eq!(tried, "", "what it reaches");
        // Nothing of it was changed.
        check_eq!(
            jail.value("memory.max")?,
            (64 << 20).to_string(),
            "memory.max"
        );
        Ok(())
    });
    suite.case("jails within a jail are in its group", || {
        let jaula = host("command -v jaula")?;
        let jail = Jail::start(
            "outer",
            &format!(
                "-u 0 --allow mount,sys_chroot --max-children 2 --memory 64m --tmpfs /tmp \
                 --bind {jaula}:/tmp/jaula:ro"
            ),
            "sleep 1000",
        )?;
        let group = jail.exec("cat /proc/self/cgroup")?;
        let inner = jail.exec("/tmp/jaula -q --plain / -- cat /proc/self/cgroup")?;
        check_eq!(inner, group, "its group");
        let refused = jail.exec("/tmp/jaula -q --plain --memory 1m / -- true 2>&1; true")?;
        check!(refused.contains("said on the host"), "{refused}");
        Ok(())
    });
}
