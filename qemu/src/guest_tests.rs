// SPDX-License-Identifier: MIT OR Apache-2.0

//! Running the guest's test programs: one boot for all of them, each in its turn.

use crate::arch::Flavour;
use crate::boot::session::{Ended, Io, Outcome};
use crate::cli::{GuestArgs, KernelChoice};
use crate::guest::userland::{self, TESTS_DIR};
use crate::ktap::{self, Case, Verdict};
use crate::machine::Machine;
use crate::project::Project;
use crate::tasks::guest_run::{Guest, Plan};
use crate::tasks::shared_buffer::SharedBuffer;
use crate::ui::{Progress, Scale};
use anyhow::{anyhow, Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

/// Starts the lines with which the guest tells where a program's output begins and ends.
const MARK: &str = "@@jaula-test@@";

/// Set where storms are to go through all of their rounds on the debug kernel too.
pub const LONG_VARIABLE: &str = "JAULA_LONG";

/// What runs on the debug kernel only when all is asked for: it starts programs by the hundred, and looks
/// at what user space does with calls that `launcher` and `admin` have the kernel checked in.
const LONG_ON_DEBUG: [&str; 1] = ["isolation"];

/// Handed on to the guest: where the dice of its random tests begin.
pub const SEED_VARIABLE: &str = "JAULA_SEED";

/// How long one program may take, in seconds, on an emulated machine under load.
fn program_limit(flavour: Flavour) -> u64 {
    match flavour {
        Flavour::Normal => 900,
        Flavour::Debug => 2400,
    }
}

/// A machine and the kernel it boots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The machine's name.
    pub machine: String,
    /// The kernel.
    pub flavour: Flavour,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.machine, self.flavour)
    }
}

impl FromStr for Setting {
    type Err = anyhow::Error;

    /// `MACHINE-KERNEL`, as in `pc-debug`.
    fn from_str(text: &str) -> Result<Self> {
        let (machine, flavour) = text
            .rsplit_once('-')
            .with_context(|| format!("{text}: is not of the form MACHINE-KERNEL"))?;
        Ok(Self {
            machine: Machine::named(machine)?.name,
            flavour: flavour.parse()?,
        })
    }
}

/// Runs the tests in each setting, as many at one time as there are processors to share, and gives
/// the cases in the order of the settings.
///
/// Names are `MACHINE-KERNEL::PROGRAM::CASE`, and `MACHINE-KERNEL_without_lsm::...` for the boot
/// without the module. A case `kernel_log::no_splat` stands for what each kernel said meanwhile.
pub fn run_all(
    project: &Project,
    kernel: &KernelChoice,
    settings: &[Setting],
) -> Vec<Result<Vec<Case>>> {
    let arguments: Vec<_> = settings
        .iter()
        .map(|setting| {
            let mut args = GuestArgs::plain(kernel.clone());
            args.machine = Some(setting.machine.clone());
            args.debug_kernel = setting.flavour == Flavour::Debug;
            args
        })
        .collect();
    // Builds use all processors by themselves: one after the other.
    let guests: Vec<_> = arguments
        .iter()
        .map(|args| Guest::prepare(project, args))
        .collect();
    let mut order: Vec<_> = (0..settings.len()).collect();
    // What takes longest begins first.
    order.sort_by_key(|&n| settings[n].flavour != Flavour::Debug);
    let next = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(1, |n| n.get().min(settings.len()));
    let (sender, results) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(&n) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let cases = match &guests[n] {
                        Ok(guest) => run(guest, &settings[n]),
                        Err(error) => Err(anyhow!("{error:#}")),
                    };
                    // Fails only if nobody wants to know any more.
                    let _ = sender.send((n, cases));
                }
            });
        }
    });
    drop(sender);
    let mut cases: BTreeMap<_, _> = results.into_iter().collect();
    (0..settings.len())
        .map(|n| {
            cases
                .remove(&n)
                .unwrap_or_else(|| Err(anyhow!("it was not run")))
        })
        .collect()
}

/// Boots the machine with the module and without.
fn run(guest: &Guest, setting: &Setting) -> Result<Vec<Case>> {
    let flavour = setting.flavour;
    let mut boots = Vec::new();
    for (module_on, suffix, name, append) in [
        (true, "", "test", "lsm=jaula"),
        (false, "_without_lsm", "test-without", "lsm=capability"),
    ] {
        let mut programs = userland::tests(&guest.programs, module_on);
        if flavour == Flavour::Debug && std::env::var_os(LONG_VARIABLE).is_none() {
            programs.retain(|program| !LONG_ON_DEBUG.contains(&program.as_str()));
        }
        if programs.is_empty() {
            continue;
        }
        let prefix = format!("{setting}{suffix}");
        let progress = Progress::start(&format!("testing in the guest: {prefix}"), Scale::Unknown);
        let output = SharedBuffer::default();
        let limit = Duration::from_secs(120 + program_limit(flavour) * 3 / 2);
        let outcome = guest.boot(Plan {
            name,
            command: Some(script(&programs, flavour)),
            shell: false,
            append,
            icount: false,
            io: Io::Collect(Box::new(output.clone())),
            limit: Some(limit),
        })?;
        progress.done();
        let cases = judge(&programs, flavour, &output.text(), &outcome);
        boots.push((prefix, cases));
    }
    if let [(_, on), (_, off)] = &mut boots[..] {
        let same = userland::IN_BOTH.map(|program| compare(program, on, off));
        off.extend(same);
    }
    let with_prefix = |(prefix, cases): (String, Vec<Case>)| {
        cases.into_iter().map(move |case| Case {
            name: format!("{prefix}::{}", case.name),
            ..case
        })
    };
    Ok(boots.into_iter().flat_map(with_prefix).collect())
}

/// Whether a program has the same cases in both boots.
fn compare(program: &str, on: &[Case], off: &[Case]) -> Case {
    let names = |cases: &[Case]| -> BTreeSet<String> {
        let prefix = format!("{program}::");
        let names = cases.iter().map(|case| case.name.clone());
        names.filter(|name| name.starts_with(&prefix)).collect()
    };
    let (on, off) = (names(on), names(off));
    let different: Vec<_> = on.symmetric_difference(&off).cloned().collect();
    Case {
        name: format!("{program}::has_the_same_cases_with_the_module"),
        verdict: match different.is_empty() && !on.is_empty() {
            true => Verdict::Passed,
            false => Verdict::Failed(format!("only in one boot: {different:?}")),
        },
    }
}

/// What the guest does.
fn script(programs: &[String], flavour: Flavour) -> String {
    let limit = program_limit(flavour);
    let mut script = format!(
        "try() {{\n    echo '{MARK} begin' \"$1\"\n    timeout -s KILL {limit} {TESTS_DIR}/$1 2>&1\n    \
         status=$?\n    echo\n    echo '{MARK} end' \"$1\" $status\n}}\n"
    );
    if std::env::var_os(LONG_VARIABLE).is_none() {
        script = format!("export JAULA_ROUNDS=few\n{script}");
    }
    if let Some(seed) = std::env::var(SEED_VARIABLE)
        .ok()
        .filter(|seed| seed == "new" || seed.parse::<u64>().is_ok())
    {
        script = format!("export {SEED_VARIABLE}={seed}\n{script}");
    }
    for program in programs {
        script += &format!("try {program}\n");
    }
    if flavour == Flavour::Debug {
        // An object counts as leaked once two scans have found it unchanged, and not before
        // it is five seconds old (MSECS_MIN_AGE in mm/kmemleak.c).
        script += &format!(
            "leaks=/sys/kernel/debug/kmemleak\necho '{MARK} begin kmemleak'\n\
             echo scan >$leaks && sleep 6 && echo scan >$leaks && echo scan >$leaks && cat $leaks\n\
             status=$?\necho '{MARK} end kmemleak' $status\n"
        );
    }
    script + "exit 0"
}

/// The part of the output between a program's marks, and the exit status.
fn part<'a>(output: &'a str, program: &str) -> Option<(&'a str, Option<i32>)> {
    let begin = format!("{MARK} begin {program}\n");
    let rest = &output[output.find(&begin)? + begin.len()..];
    match rest.find(&format!("{MARK} end {program} ")) {
        Some(at) => {
            let status = rest[at..]
                .lines()
                .next()
                .and_then(|line| line.rsplit(' ').next()?.parse().ok());
            Some((&rest[..at], status))
        }
        None => Some((rest, None)),
    }
}

/// Turns a run into cases: nothing that did not happen may look like success.
fn judge(programs: &[String], flavour: Flavour, output: &str, outcome: &Outcome) -> Vec<Case> {
    let mut cases = Vec::new();
    for program in programs {
        cases.extend(judge_program(program, output, flavour));
    }
    if flavour == Flavour::Debug {
        let verdict = match part(output, "kmemleak") {
            Some((leaks, Some(0))) if leaks.trim().is_empty() => Verdict::Passed,
            Some((said, _)) => Verdict::Failed(said.trim().to_owned()),
            None => Verdict::Failed("the run did not come to it".to_owned()),
        };
        cases.push(Case {
            name: "kernel_log::no_leak".into(),
            verdict,
        });
    }
    let verdict = match outcome.splats.as_slice() {
        [] => Verdict::Passed,
        splats => Verdict::Failed(splats.join("\n\n")),
    };
    cases.push(Case {
        name: "kernel_log::no_splat".into(),
        verdict,
    });
    let verdict = match (outcome.ended, outcome.status) {
        (Ended::Normally, Some(0)) => Verdict::Passed,
        (ended, status) => Verdict::Failed(format!(
            "{ended:?}, status {status:?}. {}",
            outcome.tail_text()
        )),
    };
    cases.push(Case {
        name: "machine::ends_by_itself".into(),
        verdict,
    });
    cases
}

fn judge_program(program: &str, output: &str, flavour: Flavour) -> Vec<Case> {
    let failed = |name: &str, why: String| Case {
        name: format!("{program}::{name}"),
        verdict: Verdict::Failed(why),
    };
    let Some((printed, status)) = part(output, program) else {
        return vec![failed(
            "started",
            "the machine ended before its turn".to_owned(),
        )];
    };
    let mut cases: Vec<_> = ktap::parse(printed)
        .into_iter()
        .map(|case| Case {
            name: format!(
                "{program}::{}",
                case.name.replace('.', "::").replace(' ', "_")
            ),
            ..case
        })
        .collect();
    let any_failed = cases
        .iter()
        .any(|case| matches!(case.verdict, Verdict::Failed(_)));
    match status {
        Some(0) => {}
        Some(137) => cases.push(failed(
            "ended",
            format!("was killed after {} s", program_limit(flavour)),
        )),
        Some(_) if any_failed => {}
        Some(status) => cases.push(failed(
            "ended",
            format!("exit status {status}, though no case failed"),
        )),
        None => cases.push(failed(
            "ended",
            "the machine ended in the middle of it".to_owned(),
        )),
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(ended: Ended, splats: &[&str]) -> Outcome {
        Outcome {
            ended,
            status: (ended == Ended::Normally).then_some(0),
            splats: splats.iter().map(|&text| text.to_owned()).collect(),
            tail: Vec::new(),
            log: "console.log".into(),
        }
    }

    fn failed(cases: &[Case]) -> Vec<&str> {
        let is_failed = |case: &&Case| matches!(case.verdict, Verdict::Failed(_));
        cases
            .iter()
            .filter(is_failed)
            .map(|case| case.name.as_str())
            .collect()
    }

    fn programs() -> Vec<String> {
        vec!["one".into(), "two".into()]
    }

    const GOOD: &str = "@@jaula-test@@ begin one\nKTAP version 1\n1..1\nok 1 a\n\n@@jaula-test@@ end one 0\n\
                        @@jaula-test@@ begin two\nKTAP version 1\n1..1\nok 1 b\n\n@@jaula-test@@ end two 0\n";

    #[test]
    fn settings_are_named_by_machine_and_kernel() -> Result<()> {
        let setting: Setting = "pc-debug".parse()?;
        assert_eq!(setting.to_string(), "pc-debug");
        assert_eq!(setting.flavour, Flavour::Debug);
        for wrong in ["pc", "toaster-debug", "pc-slow"] {
            assert!(wrong.parse::<Setting>().is_err(), "{wrong}");
        }
        Ok(())
    }

    #[test]
    fn good_run_passes() {
        let cases = judge(
            &programs(),
            Flavour::Normal,
            GOOD,
            &outcome(Ended::Normally, &[]),
        );
        assert!(failed(&cases).is_empty(), "{cases:?}");
        assert_eq!(cases[0].name, "one::a");
        assert_eq!(cases.len(), 4);
    }

    #[test]
    fn splat_fails_the_run() {
        let cases = judge(
            &programs(),
            Flavour::Normal,
            GOOD,
            &outcome(Ended::Normally, &["BUG: x"]),
        );
        assert_eq!(failed(&cases), ["kernel_log::no_splat"]);
    }

    #[test]
    fn panic_fails_what_did_not_run() {
        let output = GOOD
            .split("@@jaula-test@@ end one")
            .next()
            .unwrap_or_default();
        let cases = judge(
            &programs(),
            Flavour::Normal,
            output,
            &outcome(Ended::Panicked, &[]),
        );
        assert_eq!(
            failed(&cases),
            ["one::ended", "two::started", "machine::ends_by_itself"]
        );
    }

    #[test]
    fn cases_of_both_boots_are_compared() {
        let case = |name: &str| Case {
            name: name.into(),
            verdict: Verdict::Passed,
        };
        let on = [case("escape::a"), case("escape::b"), case("other::c")];
        let verdict = |off: &[Case]| compare("escape", &on, off).verdict;
        assert_eq!(
            verdict(&[case("escape::b"), case("escape::a")]),
            Verdict::Passed
        );
        assert!(matches!(verdict(&[case("escape::a")]), Verdict::Failed(_)));
        assert!(matches!(
            compare("escape", &[], &[]).verdict,
            Verdict::Failed(_)
        ));
    }

    #[test]
    fn exit_status_counts() {
        let output = GOOD
            .replace("end one 0", "end one 1")
            .replace("end two 0", "end two 137");
        let cases = judge(
            &programs(),
            Flavour::Normal,
            &output,
            &outcome(Ended::Normally, &[]),
        );
        assert_eq!(failed(&cases), ["one::ended", "two::ended"]);
    }

    #[test]
    fn leaks_fail_the_debug_run() {
        let with = |leaks: &str| {
            format!("{GOOD}@@jaula-test@@ begin kmemleak\n{leaks}@@jaula-test@@ end kmemleak 0\n")
        };
        let run = |output: &str| {
            judge(
                &programs(),
                Flavour::Debug,
                output,
                &outcome(Ended::Normally, &[]),
            )
        };
        assert!(failed(&run(&with(""))).is_empty());
        assert_eq!(
            failed(&run(&with("unreferenced object 0xffff\n"))),
            ["kernel_log::no_leak"]
        );
        assert_eq!(failed(&run(GOOD)), ["kernel_log::no_leak"]);
    }
}
