// SPDX-License-Identifier: MIT OR Apache-2.0

//! What cannot be had: an error that says which and what to do, and nothing half made.

use super::{is_refused, ROOT};
use jaula_tests::admin::host;
use jaula_tests::ktap::Suite;

pub fn add(suite: &mut Suite) {
    suite.case("options: what is wrong is named with the option", || {
        for (options, words) in [
            ("--memory lots", &["--memory", "lots"][..]),
            ("--memory 0", &["memory of 0", "max"]),
            ("--memory 64m --memory-swap 32m", &["memory-swap"]),
            ("--memory-swap 32m", &["--memory"]),
            ("--cpus 0", &["--cpus"]),
            ("--cpu-weight 20000", &["--cpu-weight", "10000"]),
            ("--cpuset-cpus 3-1", &["--cpuset-cpus"]),
            ("--device-read-bps vda:1m", &["--device-read-bps"]),
            ("--device-read-bps /dev/null:1m", &["/dev/null", "no disk"]),
            (
                "--device-write-bps /dev/none:1m",
                &["/dev/none", "No such file"],
            ),
            ("--cpuset-mems 77", &["cpuset.mems=77", "--cpuset-mems"]),
            ("--pids-limit -2", &["--max-tasks", "-2"]),
        ] {
            is_refused(&format!("jaula -q {options} {ROOT} -- true"), words)?;
        }
        Ok(())
    });
    suite.case("a description: what is wrong is named with the key", || {
        for (limits, word) in [
            ("memory = 'lots'", "lots"),
            ("memory-swap = '1m'", "memory-swap"),
            ("cpus = 0", "processors"),
            ("cpuset-cpus = 'all'", "all"),
            ("device-read-bps = ['/dev/vda']", "/dev/vda"),
            ("memori = 1", "memory"),
        ] {
            let file = format!("[jail.a]\nroot = \"{ROOT}\"\nlimits = {{ {limits} }}\n");
            host(&format!("cat > /tmp/wrong.toml <<'END'\n{file}END"))?;
            is_refused("jaula up /tmp/wrong.toml", &[word])?;
        }
        host("rm /tmp/wrong.toml")?;
        Ok(())
    });
    suite.case(
        "no control groups: it says what to do, before anything is done",
        || {
            let script = format!("umount /sys/fs/cgroup && jaula -q --memory 64m {ROOT} -- true");
            is_refused(
                &format!("unshare -m sh -c '{script}'"),
                &["--memory", "not mounted", "mount -t cgroup2"],
            )
        },
    );
}
