// SPDX-License-Identifier: MIT OR Apache-2.0

//! Who opens or makes a volume is killed at any moment.

use super::machine::{nothing_is_left, Place};
use jaula_tests::dice::Dice;
use jaula_tests::ktap::{fail, CaseResult, Context, Suite};
use jaula_tests::rounds::rounds;
use jaula_tests::sys::process;
use jaula_tests::{check, check_eq, procfs};
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Who is killed.
#[derive(Clone, Copy, Debug)]
enum Whom {
    Launcher,
    /// All at once, as systemd does it.
    Everybody,
}

/// Runs it once, which must succeed, and then kills it at `all` moments of that time.
fn kill_at_any_moment(
    all: usize,
    mut command: impl FnMut() -> Command,
    mut after: impl FnMut() -> CaseResult,
) -> CaseResult {
    let mut dice = Dice::new(14);
    let begun = Instant::now();
    let said = command().output().context("jaula")?;
    check!(said.status.success(), "{said:?}");
    let takes = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    after()?;
    for round in 0..rounds(all) {
        let whom = match round % 2 {
            0 => Whom::Launcher,
            _ => Whom::Everybody,
        };
        let delay = Duration::from_micros(dice.below(takes));
        let mut command = command();
        command
            .process_group(0)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = command.spawn().context("jaula")?;
        sleep(delay);
        let pid = libc::pid_t::try_from(child.id()).map_err(|error| fail(error.to_string()))?;
        match whom {
            Whom::Launcher => drop(process::kill(pid, libc::SIGKILL)),
            Whom::Everybody => drop(process::kill(-pid, libc::SIGKILL)),
        }
        child.wait().context("wait")?;
        nothing_is_left().context(format!("{whom:?} after {delay:?} of {takes} us"))?;
        after().context(format!("{whom:?} after {delay:?} of {takes} us"))?;
    }
    Ok(())
}

fn programs() -> CaseResult {
    jaula_tests::wait::until("cryptsetup has gone as well", || {
        let mut found = procfs::processes()?.into_iter();
        Ok(!found.any(|pid| procfs::name(pid).is_ok_and(|name| name == "cryptsetup")))
    })
}

pub fn add(suite: &mut Suite<'_>) {
    suite.case("killed: while it is opened, nothing is left open", || {
        let place = Place::with_volume()?;
        kill_at_any_moment(60, || place.command("secret.root", &[], "exit 0"), programs)?;
        check_eq!(
            place.run("secret.root", "echo well")?,
            "well\n",
            "after all that"
        );
        nothing_is_left()
    });
    suite.case("killed: while it is made, nothing of it is left", || {
        let place = Place::new()?;
        place.write("key", [7; 64], 0o400)?;
        let (key, target) = (format!("file:{}", place.path("key")), place.path("x.root"));
        kill_at_any_moment(
            25,
            || place.building("x.root", &key, &["-q"]),
            || {
                programs()?;
                let whole = fs::metadata(&target).is_ok();
                if whole {
                    check_eq!(
                        place.run("x.root", "echo well")?,
                        "well\n",
                        "in what was made"
                    );
                }
                for entry in fs::read_dir(place.path("")).context("the place")?.flatten() {
                    let name = entry.file_name();
                    let name = name.to_string_lossy();
                    check!(
                        ["key", "x.root", "x.luks"].contains(&&*name),
                        "{name} is left"
                    );
                    if name != "key" {
                        fs::remove_file(entry.path()).context(&name)?;
                    }
                }
                Ok(())
            },
        )
    });
    suite.case(
        "killed: what is left of who was killed in between is taken away",
        || {
            let place = Place::with_volume()?;
            use std::os::unix::fs::MetadataExt;
            let found = fs::metadata(place.path("secret.luks")).context("secret.luks")?;
            let device = found.dev();
            let name = format!(
                "jaula-{}-{}-{}",
                libc::major(device),
                libc::minor(device),
                found.ino()
            );
            for table in ["", "0 8 error"] {
                let mut create = Command::new("dmsetup");
                create.args(["create", &name]);
                match table {
                    "" => create.arg("--notable"),
                    table => create.args(["--table", table]),
                };
                let said = create.output().context("dmsetup")?;
                check!(said.status.success(), "dmsetup: {said:?}");
                check_eq!(
                    place.run("secret.root", "echo well")?,
                    "well\n",
                    "with what was left"
                );
                nothing_is_left()?;
            }
            Ok(())
        },
    );
}
