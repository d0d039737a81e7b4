// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula` and its supervisor killed at any moment: the next one tells the truth and tidies up.

use jaula_tests::admin::{
    in_kernel, listed, noted, prepare_root, runs, succeed, wait_until_executed, wait_until_named,
    Detached, ROOT, STATE,
};
use jaula_tests::ktap::{fail, CaseResult, Chosen, Context, Failure, Suite};
use jaula_tests::launch::jaula;
use jaula_tests::rounds::rounds;
use jaula_tests::stepping::{kill_at, Course};
use jaula_tests::sys::process;
use jaula_tests::{check, check_eq, wait};
use std::collections::BTreeSet;
use std::process::{Command, ExitCode, Stdio};

/// At how many moments.
const ROUNDS: usize = 100;
/// What the kernel forgets the death of a parent for, and what hides from it besides: another user, another
/// session, no parent of its own, and no ear for signals.
const DAEMON: &str = "trap '' TERM HUP INT
su user -c 'exec sleep 1001' &
setsid sh -c 'trap \"\" TERM HUP; sleep 1002 & sleep 1003' &
(sleep 1004 &)
echo ready; exec su user -c 'exec sleep 1000'";

/// The processes of a jail.
fn in_jail(number: i64) -> Result<Vec<libc::pid_t>, Failure> {
    jaula_tests::procfs::members(number)
}

/// In how many cases, each of which has its time.
const PARTS: usize = 4;

pub fn main(chosen: &Chosen) -> ExitCode {
    if let Err(failure) = prepare_root() {
        println!("Bail out! No root directory for the jails: {failure}");
        return ExitCode::FAILURE;
    }
    let mut suite = Suite::new();
    suite.case(
        "the supervisor is killed: nothing of its jail is left",
        || {
            let jail = Detached::start(&["--name", "orphan", "--user", "root"], DAEMON)?;
            jail.has_printed("ready")?;
            let supervisor = jail.noted_process("supervisor")?;
            let before = in_jail(jail.number)?;
            process::kill(supervisor, libc::SIGKILL).context("kill")?;
            wait::until("the jail has ended", || Ok(!jail.exists()?))?;
            check!(!before.into_iter().any(runs), "something of it still runs");
            check!(!listed()?.contains(&jail.number), "it is still listed");
            Ok(())
        },
    );
    suite.case("the jaula of a jail in the foreground is killed", || {
        let mut child = jaula(&["run", "-q", "--name", "lost", "--user", "root", ROOT])
            .args(["--", "/bin/sh", "-c", DAEMON])
            .spawn()
            .context("starting jaula")?;
        let number = wait_until_named("lost")?;
        wait_until_executed(number, "sleep", 5)?;
        let before = in_jail(number)?;
        child.kill().context("kill")?;
        child.wait().context("wait")?;
        wait::until("the jail has ended", || Ok(!in_kernel()?.contains(&number)))?;
        check!(!before.into_iter().any(runs), "something of it still runs");
        check!(!succeed(&["ls"])?.contains("\tlost\t"), "it is listed");
        Ok(())
    });
    suite.case("--keep: the jail outlives its supervisor", || {
        let jail = Detached::start(&["--name", "kept", "--keep"], "exec sleep 1000")?;
        let supervisor = jail.noted_process("supervisor")?;
        process::kill(supervisor, libc::SIGKILL).context("kill")?;
        wait::until("the first process has ended", || {
            Ok(in_jail(jail.number)?.is_empty())
        })?;
        check!(jail.exists()?, "it has ended");
        succeed(&["exec", "kept", "--", "/bin/true"])?;
        succeed(&["rm", "kept"])?;
        check!(!jail.exists()?, "it is still there");
        Ok(())
    });
    for (what, options) in [
        ("jaula run", &["run", "-q"][..]),
        ("jaula run --detach", &["run", "--detach"]),
        (
            "jaula run --keep",
            &["run", "-q", "--keep", "--name", "kept-again"],
        ),
    ] {
        for part in 0..PARTS {
            let name = format!(
                "{what}: killed at different moments, part {} of {PARTS}",
                part + 1
            );
            // One after the other, the parts go through all that a launch does.
            let every = ROUNDS / rounds(ROUNDS);
            let moments = (part * every..ROUNDS).step_by(PARTS * every);
            suite.case(&name, move || launches(options, moments));
        }
    }
    for (command, half) in [("rm", 0), ("stop", 1)] {
        suite.case(
            &format!("jaula {command}: killed at different moments"),
            move || ends(command, (rounds(ROUNDS / 4) + 1 - half) / 2),
        );
    }
    suite.run(chosen)
}

/// Launches a jail again and again, and kills the launcher, its supervisor, or what is to become the
/// first process of the jail, at each of these moments.
fn launches(options: &[&str], moments: impl Iterator<Item = usize>) -> CaseResult {
    let command = [ROOT, "--", "/bin/sh", "-c", "sleep 1000 & exit 0"];
    let arguments = [options, &command].concat();
    let course = Course::of(&mut quiet(&arguments))?;
    succeed(&["rm", "--all"])?;
    let mut killed = Killed::default();
    for part in moments {
        killed.add(&course, part, ROUNDS, &mut quiet(&arguments))?;
        tells_the_truth()?;
        // Whoever was not killed may yet start the jail, which then ends by itself.
        wait::until("every jaula has ended", || Ok(!any_jaula()?))?;
        check_eq!(listed()?, in_kernel()?, "the jails that are listed");
        removes_all()?;
    }
    killed.check()?;
    no_scratch_is_left()
}

/// Ends a jail again and again, and kills whoever does it at so many moments.
fn ends(command: &str, rounds: usize) -> CaseResult {
    let start = || Detached::start(&[], "sleep 1000 & exec sleep 1000");
    let course = Course::of(&mut quiet(&[command, &start()?.text()]))?;
    let mut killed = Killed::default();
    for part in 0..rounds {
        let jail = start()?;
        let mut ending = quiet(&[command, &jail.text()]);
        killed.add(&course, part, rounds, &mut ending)?;
        tells_the_truth()?;
        removes_all()?;
    }
    killed.check()?;
    no_scratch_is_left()
}

fn quiet(arguments: &[&str]) -> Command {
    let mut command = jaula(arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// How often somebody was to be killed, and was.
#[derive(Default)]
struct Killed {
    tried: usize,
    killed: usize,
}

impl Killed {
    fn add(
        &mut self,
        course: &Course,
        part: usize,
        parts: usize,
        command: &mut Command,
    ) -> CaseResult {
        let moment = course.moment(part, parts);
        let moment = moment.ok_or_else(|| fail(format!("there is no such moment: {course:?}")))?;
        self.tried += 1;
        let killed = kill_at(command, moment).context(format_args!("{moment:?}"))?;
        self.killed += usize::from(killed);
        Ok(())
    }

    /// A process may take some steps less than the one that was counted, and so not come to one of
    /// its last; that has to be rare.
    fn check(&self) -> CaseResult {
        check!(
            self.killed * 2 > self.tried,
            "just {} of {} came to the moment at which they were to be killed",
            self.killed,
            self.tried
        );
        Ok(())
    }
}

/// What is listed is what the kernel has, but for what comes or goes meanwhile.
fn tells_the_truth() -> CaseResult {
    let before = in_kernel()?;
    let listed = listed()?;
    let after = in_kernel()?;
    let stayed: BTreeSet<_> = before.intersection(&after).copied().collect();
    check!(
        stayed.is_subset(&listed),
        "{listed:?} are listed, of {before:?} before and {after:?} after that"
    );
    Ok(())
}

/// What is left is removed by one command, and nothing of it remains.
fn removes_all() -> CaseResult {
    succeed(&["rm", "--all"])?;
    check!(in_kernel()?.is_empty(), "left: {:?}", in_kernel()?);
    check!(noted()?.is_empty(), "still noted: {:?}", noted()?);
    // A supervisor that no longer finds its jail noted is not waited for.
    wait::until("every jaula has ended", || Ok(!any_jaula()?))
}

/// The next launch removes what was half made or half removed.
fn no_scratch_is_left() -> CaseResult {
    succeed(&["run", "-q", ROOT, "--", "/bin/true"])?;
    // What others lock, and the ids that are set aside, are files that the next one uses again.
    let is_kept = |name: &str| name.ends_with(".lock") || name == "ids.json";
    let entries = std::fs::read_dir(STATE).context(STATE)?.flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let left: Vec<_> = names.filter(|name| !is_kept(name)).collect();
    check!(left.is_empty(), "what is left in {STATE}: {left:?}");
    Ok(())
}

/// Whether a jaula runs, as a supervisor for example.
fn any_jaula() -> Result<bool, Failure> {
    for entry in std::fs::read_dir("/proc").context("/proc")? {
        let command = std::fs::read(entry?.path().join("cmdline")).unwrap_or_default();
        if command.starts_with(b"jaula\0") {
            return Ok(true);
        }
    }
    Ok(false)
}
