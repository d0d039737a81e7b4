// SPDX-License-Identifier: MIT OR Apache-2.0

//! A volume is closed with the last jail on it, however that ends.

use super::machine::{devices, nothing_is_left, Place};
use jaula_tests::admin::{json, noted_process, succeed, wait_until_named};
use jaula_tests::ktap::{CaseResult, Context, Suite};
use jaula_tests::launch::complaint;
use jaula_tests::sys::process;
use jaula_tests::{check, check_eq};
use std::fs;

fn start(place: &Place, name: &str, options: &[&str]) -> CaseResult {
    let root = place.path("secret.root");
    let all = ["run", "--detach", "--name", name];
    succeed(&[&all[..], options, &[&root, "--", "sleep", "1000"]].concat()).map(drop)
}

pub fn add(suite: &mut Suite<'_>) {
    suite.case(
        "ends: its first process, its supervisor, or all of it is killed",
        || {
            let place = Place::with_volume()?;
            for which in ["first_process", "supervisor"] {
                start(&place, "secret", &[])?;
                check_eq!(devices()?.len(), 1, "the devices");
                process::kill(noted_process("secret", which)?, libc::SIGKILL).context("kill")?;
                nothing_is_left()?;
                succeed(&["rm", "--all"])?;
            }
            for command in [
                &["stop", "secret"][..],
                &["rm", "secret"],
                &["kill", "--signal", "KILL", "secret"],
            ] {
                start(&place, "secret", &[])?;
                succeed(command)?;
                nothing_is_left()?;
                succeed(&["rm", "--all"])?;
            }
            Ok(())
        },
    );
    suite.case(
        "ends: a jail that is kept is closed with its last process",
        || {
            let place = Place::with_volume()?;
            start(&place, "secret", &["--keep", "--user", "root"])?;
            succeed(&[
                "exec",
                "--user",
                "root",
                "secret",
                "--",
                "sh",
                "-c",
                "echo told > /told",
            ])?;
            process::kill(noted_process("secret", "first_process")?, libc::SIGKILL)
                .context("kill")?;
            nothing_is_left()?;
            // What is run later opens it again.
            check_eq!(
                succeed(&["exec", "secret", "--", "cat", "/told"])?,
                "told\n",
                "what was written"
            );
            nothing_is_left()?;
            let copy = place.path("copy");
            succeed(&["cp", "secret:/told", &copy])?;
            check_eq!(
                fs::read_to_string(&copy).context(&copy)?,
                "told\n",
                "what was copied"
            );
            nothing_is_left()?;
            succeed(&["rm", "secret"]).map(drop)
        },
    );
    suite.case("ends: a jail that is made anew opens it again", || {
        let place = Place::with_volume()?;
        let root = place.path("secret.root");
        let text = format!(
            "[jail.secret]\nroot = '{root}'\nuser = 'root'\nrestart = 'always'\nrestart-delay = 0\n\
             command = ['sh', '-c', 'echo begun >> /told; exec sleep 1000']\n"
        );
        place.write("jaula.toml", text, 0o644)?;
        let description = place.path("jaula.toml");
        succeed(&["up", &description])?;
        let first = wait_until_named("secret")?;
        process::kill(noted_process("secret", "first_process")?, libc::SIGKILL).context("kill")?;
        jaula_tests::wait::until("it is made anew", || {
            let jails = json(&["ls", "--json"])?;
            let number = jails[0]["number"].as_i64();
            Ok(number.is_some_and(|number| number != first))
        })?;
        jaula_tests::wait::until("it has begun twice", || {
            let told = succeed(&["exec", "secret", "--", "cat", "/told"]);
            Ok(told.is_ok_and(|told| told == "begun\nbegun\n"))
        })?;
        succeed(&["down", &description])?;
        nothing_is_left()
    });
    suite.case("ends: many begin and end at the same time", || {
        let place = Place::with_volume()?;
        for round in 0..jaula_tests::rounds::rounds(10) {
            let begun = [(); 6].map(|()| {
                let mut command = place.command("secret.root", &[], "echo $$ > /x$$; cat /x$$");
                command.stdout(std::process::Stdio::piped());
                command.stderr(std::process::Stdio::piped()).spawn()
            });
            for child in begun {
                let ended = child.and_then(std::process::Child::wait_with_output);
                let ended = ended.context("jaula")?;
                check!(
                    ended.status.success(),
                    "round {round}: {}",
                    complaint(&ended)
                );
            }
            nothing_is_left()?;
        }
        Ok(())
    });
}
