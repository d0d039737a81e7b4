// SPDX-License-Identifier: MIT OR Apache-2.0

//! A volume is closed with the last jail on it, however that ends.

use super::machine::{devices, in_jail, nothing_is_left, Place};
use jaula_tests::admin::{
    host, json, noted_process, output, succeed, wait_until_executed, wait_until_named,
};
use jaula_tests::ktap::{Context, Suite};
use jaula_tests::launch::complaint;
use jaula_tests::sys::process;
use jaula_tests::{check, check_eq};
use std::fs;
use std::process::Command;

pub fn add(suite: &mut Suite<'_>) {
    suite.case(
        "ends: its first process, its supervisor, or all of it is killed",
        || {
            let place = Place::with_volume()?;
            for which in ["first_process", "supervisor"] {
                place.start("secret.root", "secret", &[])?;
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
                place.start("secret.root", "secret", &[])?;
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
            place.start("secret.root", "secret", &["--keep", "--user", "root"])?;
            in_jail("secret", "echo told > /told")?;
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
        wait_until_executed(first, "sleep", 1)?;
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
    suite.case(
        "ends: a jail whose key is there once is not to be made anew",
        || {
            let place = Place::with_volume()?;
            let root = place.path("x.root");
            let description = place.path("jaula.toml");
            for key in ["prompt", "fd:3"] {
                place.root_file("x.root", key)?;
                for policy in ["always", "on-failure"] {
                    let text = format!(
                        "[jail.secret]\nroot = '{root}'\nrestart = '{policy}'\n\
                         command = ['sleep', '1000']\n"
                    );
                    place.write("jaula.toml", text, 0o644)?;
                    let script = format!("exec jaula up {description} 3< {}", place.path("key"));
                    let said = output(Command::new("sh").args(["-c", &script]))?;
                    let why = complaint(&said);
                    check!(!said.status.success(), "{key}: it is up");
                    for part in ["x.root", key, "made anew", "restart", "credential"] {
                        check!(why.contains(part), "{key}: no {part}: {why}");
                    }
                    nothing_is_left()?;
                    check_eq!(
                        jaula_tests::admin::listed()?.len(),
                        0,
                        "the jails with {key}"
                    );
                }
            }
            // Where nobody makes it anew it may be there once.
            let text = format!("[jail.secret]\nroot = '{root}'\ncommand = ['sleep', '1000']\n");
            place.write("jaula.toml", text, 0o644)?;
            host(&format!("jaula up {description} 3< {}", place.path("key")))?;
            succeed(&["down", &description])?;
            nothing_is_left()
        },
    );
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
