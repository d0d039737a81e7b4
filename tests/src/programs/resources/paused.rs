// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula pause` and `jaula resume`.

use std::thread::sleep;
use std::time::Duration;

use super::{is_refused, Jail};
use jaula_tests::admin::{host, in_kernel, noted_process};
use jaula_tests::ktap::{Failure, Suite};
use jaula_tests::{check, check_eq, wait};

const COUNTER: &str = "sh -c 'i=0; while :; do i=$((i + 1)); echo $i > /tmp/count; done'";

/// Whether it does something meanwhile.
fn goes_on(jail: &Jail) -> Result<bool, Failure> {
    let before = jail.cpu_seconds()?;
    sleep(Duration::from_millis(500));
    Ok(jail.cpu_seconds()? > before)
}

pub fn add(suite: &mut Suite) {
    suite.case("pause and resume: all of it stops, and goes on", || {
        let jail = Jail::start("still", "--tmpfs /tmp", COUNTER)?;
        host("jaula pause still")?;
        check!(!goes_on(&jail)?, "it goes on");
        // More than once is once.
        host("jaula pause still")?;
        let listed = host("jaula stats --json still")?;
        check!(listed.contains("\"frozen\": true"), "{listed}");
        let listed = host("jaula ls")?;
        check!(listed.contains("\tpaused\t"), "{listed}");
        for command in ["ls --json", "inspect still"] {
            let told = host(&format!("jaula {command}"))?;
            check!(told.contains("\"paused\": true"), "{told}");
        }
        is_refused("jaula exec still true", &["paused", "jaula resume"])?;
        host("jaula resume still")?;
        check!(goes_on(&jail)?, "it does not go on");
        let listed = host("jaula ls")?;
        check!(listed.contains("\talive\t"), "{listed}");
        is_refused("jaula resume still", &["not paused"])?;
        host("jaula exec still true")?;
        Ok(())
    });
    suite.case("a jail that is paused can be ended", || {
        for end in ["rm", "stop -t 2", "stop"] {
            let jail = Jail::start("ice", "--cpu-weight 50", "sleep 1000")?;
            host("jaula pause ice")?;
            host(&format!("jaula {end} ice"))?;
            check_eq!(super::groups()?, Vec::<String>::new(), "groups after {end}");
            drop(jail);
        }
        let jail = Jail::start("ice", "--cpu-weight 50", "sleep 1000")?;
        host("jaula pause ice")?;
        let supervisor = noted_process("ice", "supervisor")?;
        host(&format!("kill {supervisor}"))?;
        wait::until("it has ended", || {
            Ok(in_kernel()?.is_empty() && super::groups()?.is_empty())
        })?;
        drop(jail);
        Ok(())
    });
    suite.case("what is paused and what is not is another's", || {
        let paused = Jail::start("one", "", COUNTER)?;
        let other = Jail::start("two", "--cpu-weight 100", "sh -c 'while :; do :; done'")?;
        host("jaula pause one")?;
        check!(goes_on(&other)? && !goes_on(&paused)?, "the wrong one");
        is_refused("jaula pause none", &["none"])?;
        Ok(())
    });
}
