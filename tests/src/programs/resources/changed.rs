// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula set` on control groups.

use super::{groups, is_refused, sh, Jail};
use jaula_tests::admin::{host, noted_process};
use jaula_tests::ktap::{fail, Suite};
use jaula_tests::{check, check_eq, wait};

pub fn add(suite: &mut Suite) {
    suite.case("set: a jail that had no group gets one, with all that is in it", || {
        // One that forks all the time.
        let script = "sleep 1000 & while :; do true & wait $!; done";
        let jail = Jail::start("late", "--new-pid", &format!("sh -c '{script}'"))?;
        host("jaula set late memory.max=100m cpu.weight=40")?;
        let group = jail.group()?.ok_or_else(|| fail("no group"))?;
        check_eq!(jail.value("memory.max")?, (100 << 20).to_string(), "memory.max");
        check_eq!(jail.value("cpu.weight")?, "40", "cpu.weight");
        let number = jail.exec("cat /proc/self/attr/jaula/current; true")?;
        check!(!number.is_empty(), "no number");
        let outside = host(&format!(
            "for p in /proc/[0-9]*; do [ \"$(cat $p/attr/jaula/current 2>/dev/null)\" = {number} ] || continue; \
             grep -q {} $p/cgroup || cat $p/cgroup 2>/dev/null; done; true",
            group.trim_start_matches("/sys/fs/cgroup")
        ))?;
        check_eq!(outside, "", "what is in another group");
        let own = jail.exec("cat /proc/self/cgroup")?;
        check!(group.ends_with(own.trim_start_matches("0::")), "{own}");
        drop(jail);
        wait::until("no group is left", || Ok(groups()?.is_empty()))
    });
    suite.case("set: all or nothing", || {
        let jail = Jail::start("whole", "--memory 64m", "sleep 1000")?;
        let refused = [
            "memory.max=32m cpuset.cpus=4000",
            "memory.max=32m tasks.max=20 name=other name=another",
            "memory.max=32m io.max=/dev/null\\ rbps=1m",
            "memory.max=32m io.max=/none\\ rbps=1m",
        ];
        for settings in refused {
            let output = sh(&format!("jaula set whole {settings}"))?;
            check!(!output.status.success(), "{settings} is set");
            check_eq!(
                jail.value("memory.max")?,
                (64 << 20).to_string(),
                "{settings}"
            );
        }
        let bare = Jail::start("bare", "", "sleep 1000")?;
        let output = sh("jaula set bare memory.max=32m cpuset.cpus=4000")?;
        check!(!output.status.success(), "it is set");
        check_eq!(bare.group()?, None, "its group");
        check_eq!(groups()?.len(), 1, "groups");
        Ok(())
    });
    suite.case(
        "set: what was given up is where it was, and limited by nothing",
        || {
            let bare = Jail::start("given", "", "sleep 1000")?;
            let before = bare.exec("cat /proc/1/cgroup 2>/dev/null || cat /proc/self/cgroup")?;
            let first = noted_process("given", "first_process")?;
            let of_first = || host(&format!("cat /proc/{first}/cgroup"));
            let outside = of_first()?;
            // The group is made and all is in it by the time at which a name is refused.
            let output = sh("jaula set given memory.max=32m name=one name=two")?;
            check!(!output.status.success(), "it is set");
            check_eq!(of_first()?, outside, "its group");
            check_eq!(
                bare.exec("cat /proc/1/cgroup 2>/dev/null || cat /proc/self/cgroup")?,
                before,
                "within"
            );
            check_eq!(bare.group()?, None, "what is noted");
            check_eq!(groups()?, Vec::<String>::new(), "groups");
            Ok(())
        },
    );
    suite.case("set: what said nothing limits nothing again", || {
        let jail = Jail::start("empty", "--cpuset-mems 0", "sleep 1000")?;
        let output = sh("jaula set empty cpuset.cpus=0 name=one name=two")?;
        check!(!output.status.success(), "it is set");
        let around = host("cat /sys/fs/cgroup/cpuset.cpus.effective")?;
        check_eq!(
            jail.value("cpuset.cpus.effective")?,
            around,
            "where it runs"
        );
        Ok(())
    });
    suite.case("set: what is wrong is named", || {
        let _jail = Jail::start("named", "", "sleep 1000")?;
        for (setting, word) in [
            ("memory.max=lots", "memory.max=lots"),
            ("memory.max=-1", "memory.max=-1"),
            ("cpu.weight=0", "1 to 10000"),
            ("memory.current=1", "memory.max"),
            ("cgroup.freeze=1", "memory.max"),
        ] {
            is_refused(&format!("jaula set named {setting}"), &[word])?;
        }
        Ok(())
    });
}
