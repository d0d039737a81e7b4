// SPDX-License-Identifier: MIT OR Apache-2.0

//! Processors: shares, how much at most, and which.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{is_refused, Jail, ROOT};
use jaula_tests::admin::host;
use jaula_tests::ktap::{skip, Failure, Suite};
use jaula_tests::{check, check_eq};

const BUSY: &str = "sh -c 'while :; do :; done'";

/// The processor time that each of two uses meanwhile, in per cent of both together.
fn shares(jails: [&Jail; 2], time: Duration) -> Result<[f64; 2], Failure> {
    let [first, second] = jails;
    let before = [first.cpu_seconds()?, second.cpu_seconds()?];
    sleep(time);
    let used = [
        first.cpu_seconds()? - before[0],
        second.cpu_seconds()? - before[1],
    ];
    let all = used[0] + used[1];
    Ok(used.map(|used| 100.0 * used / all))
}

pub fn add(suite: &mut Suite) {
    suite.case(
        "cpu-weight: 70 and 30 of a processor for two that want it all",
        || {
            let heavy = Jail::start("heavy", "--cpu-weight 70 --cpuset-cpus 0", BUSY)?;
            let light = Jail::start("light", "--cpu-weight 30 --cpuset-cpus 0", BUSY)?;
            let time = Duration::from_secs(10);
            let [most, rest] = shares([&heavy, &light], time)?;
            check!(
                (most - 70.0).abs() <= 3.0,
                "{most:.1} and {rest:.1} per cent"
            );
            // One more in the second shares its 30.
            host("jaula exec light sh -c 'while :; do :; done' > /dev/null 2>&1 & sleep 1")?;
            let [most, rest] = shares([&heavy, &light], time)?;
            check!(
                (rest - 30.0).abs() <= 3.0,
                "{most:.1} and {rest:.1} per cent"
            );
            // What one does not use is the other's.
            host("jaula pause heavy")?;
            let start = Instant::now();
            let before = light.cpu_seconds()?;
            sleep(Duration::from_secs(3));
            let used = (light.cpu_seconds()? - before) / start.elapsed().as_secs_f64();
            check!(used > 0.85, "{used:.2} of a processor, alone on it");
            Ok(())
        },
    );
    suite.case("cpus: half of a processor, and no more", || {
        let jail = Jail::start("half", "--cpus 0.5", BUSY)?;
        check_eq!(jail.value("cpu.max")?, "50000 100000", "cpu.max");
        let start = Instant::now();
        let before = jail.cpu_seconds()?;
        sleep(Duration::from_secs(5));
        let used = (jail.cpu_seconds()? - before) / start.elapsed().as_secs_f64();
        check!((used - 0.5).abs() < 0.05, "{used:.3} of a processor");
        Ok(())
    });
    suite.case("cpuset-cpus: it runs there and nowhere else", || {
        let jail = Jail::start("there", "--cpuset-cpus 0", "sleep 1000")?;
        let allowed = jail.exec("grep Cpus_allowed_list /proc/self/status")?;
        check!(allowed.ends_with("\t0"), "{allowed}");
        is_refused(
            &format!("jaula -q --cpuset-cpus 4000 {ROOT} -- true"),
            &["cpuset.cpus=4000", "--cpuset-cpus"],
        )
    });
    suite.case("cpuset-cpus exclusive: nobody else runs there", || {
        if host("grep -c ^processor /proc/cpuinfo")? == "1" {
            return Err(skip("there is one processor"));
        }
        let jail = Jail::start("alone", "--cpuset-cpus 1:exclusive", "sleep 1000")?;
        let allowed = |text: &str| text.rsplit('\t').next().map(str::to_owned);
        let inside = jail.exec("grep Cpus_allowed_list /proc/self/status")?;
        let inside = allowed(&inside);
        check_eq!(inside.as_deref(), Some("1"), "where it runs");
        let elsewhere = Jail::start("other", "--cpu-weight 100", "sleep 1000")?;
        let outside = elsewhere.value("cpuset.cpus.effective")?;
        check!(
            !outside.split(',').any(|one| one == "1"),
            "others run on {outside}"
        );
        is_refused(
            &format!("jaula -q --cpuset-cpus 1:exclusive {ROOT} -- true"),
            &["cpuset.cpus=1", "processor 1", "alone"],
        )?;
        is_refused(
            &format!("jaula -q --cpuset-cpus 0-1 {ROOT} -- true"),
            &["cpuset.cpus=0-1", "processor 1", "alone"],
        )?;
        check_eq!(
            jail.value("cpuset.cpus.partition")?,
            "root",
            "the first one's"
        );
        drop(jail);
        // They are everybody's again.
        let again = Jail::start("again", "--cpuset-cpus 1:exclusive", "sleep 1000")?;
        check_eq!(
            again.value("cpuset.cpus.partition")?,
            "root",
            "cpuset.cpus.partition"
        );
        Ok(())
    });
}
