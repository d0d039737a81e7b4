// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula` is killed at any moment, and leaves nothing.

use super::{mounts, sh, Case};
use jaula_tests::admin::in_kernel;
use jaula_tests::dice::Dice;
use jaula_tests::ktap::{Context, Suite};
use jaula_tests::rounds::rounds;
use jaula_tests::{check_eq, wait};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

const WEB: (&str, &str) = (
    "web.root",
    "lower = ['/srv/layers/base']\nupper = 'web.upper'\n",
);
const AWAY: (&str, &str) = ("away.root", "lower = ['/srv/layers/base']\n");

/// How long it is let run at most, in microseconds.
const LONGEST: u64 = 60_000;

/// Kills a command at any moment, again and again.
fn kill(
    command: &[&str],
    dice: &mut Dice,
    mut after: impl FnMut() -> jaula_tests::ktap::CaseResult,
) -> jaula_tests::ktap::CaseResult {
    for _ in 0..rounds(60) {
        let mut child = Command::new("jaula")
            .args(command)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("starting jaula")?;
        sleep(Duration::from_micros(dice.below(LONGEST)));
        child.kill().context("kill")?;
        child.wait().context("wait")?;
        after()?;
    }
    Ok(())
}

pub fn add(suite: &mut Suite) {
    suite.case("run: no mount, no jail, and the upper is free", || {
        let case = Case::new(&[WEB, AWAY])?;
        let (before, mut dice) = (mounts()?, Dice::new(1));
        for root in ["web", "away"] {
            let path = format!("{}/{root}.root", case.0);
            kill(
                &[
                    "-q",
                    "-u",
                    "0",
                    &path,
                    "--",
                    "sh",
                    "-c",
                    "echo x > /x; sleep 1000",
                ],
                &mut dice,
                || wait::until("its jail has ended", || Ok(in_kernel()?.is_empty())),
            )?;
            case.said(&format!(
                "jaula -q -u 0 CASE/{root}.root -- sh -c 'echo whole > /x'"
            ))?;
        }
        check_eq!(mounts()?, before, "what is mounted");
        case.says(
            "ls -A CASE CASE/web.upper",
            &format!(
                "{0}:\naway.root\nweb.root\nweb.upper\n\n{0}/web.upper:\nupper\nwork",
                case.0
            ),
        )
    });
    suite.case("clone and snapshot: all of it or nothing", || {
        let case = Case::new(&[WEB])?;
        case.said("jaula -q -u 0 CASE/web.root -- sh -c 'cp -a /bin /more; cp -a /bin /again'")?;
        let mut dice = Dice::new(2);
        for kind in ["clone", "snapshot"] {
            let (from, to) = (
                format!("{}/web.root", case.0),
                format!("{}/new.root", case.0),
            );
            kill(&[kind, "-q", &from, &to], &mut dice, || {
                // The next one sees to what is left.
                sh(&format!(
                    "jaula clone -q /srv/layers/base {0}/next.root; rm {0}/next.root",
                    case.0
                ))?;
                let left = case.said("ls -A CASE")?;
                let whole = ["new.layer\nnew.root\n", "new.root\nnew.upper\n"];
                let left = whole
                    .iter()
                    .fold(left.clone(), |left, part| left.replacen(part, "", 1));
                check_eq!(left, "web.root\nweb.upper", "what is left");
                if case.has("new.root") {
                    case.said(
                        "jaula -q -u 0 CASE/new.root -- ls /more/ls /again/ls; rm -r CASE/new.*",
                    )?;
                }
                Ok(())
            })?;
        }
        Ok(())
    });
}
