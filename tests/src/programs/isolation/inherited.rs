// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a process has of its caller: reset, and kept where that is asked for.

use super::place::Place;
use jaula_tests::admin::{output, text};
use jaula_tests::check_eq;
use jaula_tests::ktap::{CaseResult, Context, Suite};
use jaula_tests::sys::{burden, ids, schedule, Result};
use std::process::Command;

/// Something that is inherited: what it is called, what changes it, and what a shell says of it.
struct Burden {
    name: &'static str,
    take: fn() -> Result<()>,
    script: &'static str,
}

const BURDENS: [Burden; 9] = [
    Burden {
        name: "scheduling",
        take: || {
            schedule::set_nice(schedule::Whose::Process, 0, 5)?;
            schedule::set_fifo(0)
        },
        // The nice value and the policy.
        script: "cut -d ' ' -f 19,41 /proc/self/stat",
    },
    Burden {
        name: "io-priority",
        take: || schedule::set_io_priority(0),
        script: "ionice -p $$",
    },
    Burden {
        name: "affinity",
        take: || schedule::set_first_processor(0),
        script: "grep ^Cpus_allowed: /proc/self/status",
    },
    Burden {
        name: "personality",
        take: || burden::set_personality(burden::NO_RANDOMIZE),
        script: "cat /proc/self/personality",
    },
    Burden {
        name: "oom-score-adj",
        take: || {
            let written = std::fs::write("/proc/self/oom_score_adj", "-500");
            written.map_err(|_| jaula_tests::sys::Errno(libc::EIO))
        },
        script: "cat /proc/self/oom_score_adj",
    },
    Burden {
        name: "timer-slack",
        take: || burden::set_timer_slack(7_000_000),
        script: "cat /proc/self/timerslack_ns",
    },
    Burden {
        name: "login-uid",
        take: || {
            let written = std::fs::write("/proc/self/loginuid", "1234");
            written.map_err(|_| jaula_tests::sys::Errno(libc::EIO))
        },
        // The second is the session, in the sense of the audit log.
        script: "cat /proc/self/loginuid /proc/self/sessionid",
    },
    Burden {
        name: "signals",
        take: || {
            burden::ignore(libc::SIGHUP)?;
            burden::ignore(libc::SIGUSR1)?;
            burden::ignore(libc::SIGXFSZ)
        },
        script: "grep ^SigIgn: /proc/self/status",
    },
    Burden {
        name: "rlimits",
        take: || {
            burden::set_limit(libc::RLIMIT_NOFILE as i32, 77, 88)?;
            burden::set_limit(libc::RLIMIT_FSIZE as i32, 512 * 99, 512 * 99)?;
            burden::set_limit(libc::RLIMIT_NICE as i32, 40, 40)?;
            burden::set_limit(libc::RLIMIT_RTPRIO as i32, 99, 99)
        },
        script: "grep -E 'open files|Max file size|priority' /proc/self/limits",
    },
];

/// What a shell of the host says: the one that the jail has, for not all treat signals alike.
fn here(script: &str) -> std::result::Result<String, jaula_tests::ktap::Failure> {
    let output = output(Command::new("busybox").args(["sh", "-c", script]))?;
    Ok(text(&output).trim_end().to_owned())
}

fn reset_and_kept(place: &Place, burden: &Burden) -> CaseResult {
    let clean = match burden.name {
        // The machine's first process has less than a new system gives.
        "rlimits" => None,
        _ => Some(here(burden.script)?),
    };
    (burden.take)().context(burden.name)?;
    let taken = here(burden.script)?;
    for options in [&[][..], &["--new-pid"], &["--user", "root"]] {
        let said = place.says(options, burden.script)?;
        match &clean {
            Some(clean) => check_eq!(said, *clean, "{options:?}"),
            None => jaula_tests::check!(said != taken, "{options:?}: {said}"),
        }
    }
    let without = match burden.name {
        "rlimits" => "rlimits",
        _ => "reset",
    };
    for options in [
        &["--inherit", burden.name][..],
        &["--new-pid", "--inherit", burden.name],
        &["--without", without],
        &["--user", "root", "--inherit", burden.name],
    ] {
        place.expect(options, burden.script, &taken)?;
    }
    Ok(())
}

pub fn add<'a>(suite: &mut Suite<'a>, place: &'a Place) {
    for burden in &BURDENS {
        let name = format!("inherited: {}: reset, and kept by --inherit", burden.name);
        suite.case(&name, move || reset_and_kept(place, burden));
    }
    suite.case("inherited: the limits are those of a new system", || {
        (BURDENS[8].take)().context("limits")?;
        let threads = std::fs::read_to_string("/proc/sys/kernel/threads-max");
        let threads: u64 = threads
            .context("threads-max")?
            .trim()
            .parse()
            .unwrap_or_default();
        let script =
            "grep -E 'open files|file size|priority|stack|core|locked|processes|pending|cpu' \
                      /proc/self/limits | sed 's/  */ /g'";
        let expected = format!(
            "Max cpu time unlimited unlimited seconds \n\
             Max file size unlimited unlimited bytes \n\
             Max stack size 8388608 unlimited bytes \n\
             Max core file size 1 1 bytes \n\
             Max processes {half} {half} processes \n\
             Max open files 1024 524288 files \n\
             Max locked memory 8388608 8388608 bytes \n\
             Max pending signals {half} {half} signals \n\
             Max nice priority 0 0 \n\
             Max realtime priority 0 0",
            half = threads / 2
        );
        place.expect(&[], script, expected.trim_end())
    });
    suite.case(
        "inherited: what takes a capability that is not there stays",
        || {
            schedule::set_nice(schedule::Whose::Process, 0, 5).context("nice")?;
            burden::set_limit(libc::RLIMIT_NOFILE as i32, 77, 88).context("limit")?;
            // CAP_SYS_NICE and CAP_SYS_RESOURCE.
            for capability in [23, 24] {
                ids::drop_from_bounding_set(capability).context("prctl(PR_CAPBSET_DROP)")?;
            }
            place.expect(&[], "ulimit -n; ulimit -H -n", "88\n88")?;
            place.expect(
                &["--rlimit", "nofile=50"],
                "ulimit -n; ulimit -H -n",
                "50\n50",
            )?;
            place.expect(&[], "cut -d ' ' -f 19 /proc/self/stat", "5")?;
            let root = place.root();
            let command = ["--rlimit", "nofile=99", &root, "--", "/bin/true"];
            let refused = output(&mut jaula_tests::launch::jaula(&command))?;
            jaula_tests::launch::failed(&refused, 125, &["nofile=99:99", "CAP_SYS_RESOURCE"])
        },
    );
}
