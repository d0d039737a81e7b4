// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where keys come from, and who must not have them.

use super::machine::{nothing_is_left, Place};
use jaula_tests::admin::{output, succeed, text, wait_until_named};
use jaula_tests::ktap::{CaseResult, Context, Suite};
use jaula_tests::launch::{complaint, failed, jaula, Terminal, FAILED};
use jaula_tests::sys::process;
use jaula_tests::systemd::{self, Descriptions};
use jaula_tests::{check, check_eq, procfs};
use std::fs;
use std::process::Command;

/// Runs a script of the host's, in the place.
fn host(place: &Place, script: &str) -> Result<std::process::Output, jaula_tests::ktap::Failure> {
    output(
        Command::new("sh")
            .args(["-c", script])
            .current_dir(place.path("")),
    )
}

/// What the kernel does with a core dump.
const PATTERN: &str = "/proc/sys/kernel/core_pattern";

/// Waits until a passphrase is asked for: what is typed before it is hidden is thrown away.
fn expect_question(terminal: &mut Terminal, words: &str) -> CaseResult {
    terminal.expect(words)?;
    terminal.expect(": ")?;
    jaula_tests::wait::until("what is typed is hidden", || Ok(!terminal.echoes()?))
}

/// With the terminal of who starts it.
fn interactive(mut command: Command) -> Command {
    command.stdin(std::process::Stdio::inherit());
    command
}

fn refused(place: &Place, name: &str, parts: &[&str]) -> CaseResult {
    failed(&place.end(name, "true")?, FAILED, parts)?;
    nothing_is_left()
}

pub fn add(suite: &mut Suite<'_>) {
    suite.case("keys: another key opens nothing", || {
        let place = Place::with_volume()?;
        place.root_file("x.root", "file:other")?;
        refused(&place, "x.root", &["secret.luks", "ENOENT"])?;
        place.write("other", [7; 64], 0o400)?;
        refused(
            &place,
            "x.root",
            &["secret.luks", "the key does not open it"],
        )?;
        place.write("other", "", 0o400)?;
        refused(&place, "x.root", &["the key file:", "is empty"])?;
        fs::remove_file(place.path("other")).context("other")?;
        fs::create_dir(place.path("other")).context("other")?;
        refused(&place, "x.root", &["the key file:", "not a regular file"])
    });
    suite.case(
        "keys: a key that others can read or replace is not taken",
        || {
            let place = Place::with_volume()?;
            let key = fs::read(place.path("key")).context("key")?;
            place.root_file("x.root", "file:loose/key")?;
            fs::create_dir(place.path("loose")).context("loose")?;
            for mode in [0o440, 0o404, 0o644, 0o420] {
                place.write("loose/key", &key, mode)?;
                refused(&place, "x.root", &["the key file:", "chmod 400"])?;
            }
            place.write("loose/key", &key, 0o400)?;
            check_eq!(
                place.run("x.root", "echo well")?,
                "well\n",
                "with a key of root's"
            );
            std::os::unix::fs::chown(place.path("loose/key"), Some(1000), None).context("chown")?;
            refused(&place, "x.root", &["the key file:", "user 1000"])?;
            std::os::unix::fs::chown(place.path("loose/key"), Some(0), None).context("chown")?;
            host(&place, "chmod 777 loose")?;
            refused(&place, "x.root", &["the key file:", "loose"])
        },
    );
    suite.case("keys: a descriptor, and no other than was given", || {
        let place = Place::with_volume()?;
        let started =
            "jaula run --quiet --user root ./x.root -- sh -c 'echo well; ls /proc/self/fd | wc -l'";
        for number in ["3", "9"] {
            place.root_file("x.root", &format!("fd:{number}"))?;
            let said = host(&place, &format!("{started} {number}< key"))?;
            check_eq!(
                text(&said),
                "well\n4\n",
                "by {number}: {}",
                complaint(&said)
            );
            let said = host(
                &place,
                &format!("cat key | {started} {number}<&0 </dev/null"),
            )?;
            check!(
                said.status.success(),
                "by a pipe as {number}: {}",
                complaint(&said)
            );
            nothing_is_left()?;
            for closed in ["", "3<&- 4<&- 5<&- 9<&-"] {
                let said = host(&place, &format!("{started} {closed}"))?;
                failed(
                    &said,
                    FAILED,
                    &["the key fd:", "not started with this descriptor"],
                )?;
            }
        }
        // The jail has these as well, and could read it once more.
        for (number, by) in [("0", "< key"), ("1", "1<> key"), ("2", "2<> key")] {
            place.root_file("x.root", &format!("fd:{number}"))?;
            let said = host(&place, &format!("{started} {by}"))?;
            check_eq!(said.status.code(), Some(FAILED), "by {number}: {said:?}");
            nothing_is_left()?;
        }
        Ok(())
    });
    suite.case(
        "keys: a passphrase is asked for, and shown to nobody",
        || {
            let place = Place::new()?;
            let target = place.path("secret.root");
            let said = output(&mut place.building("secret.root", "prompt", &[]))?;
            failed(&said, FAILED, &["the key prompt", "no terminal"])?;
            let mut terminal = Terminal::start(&mut interactive(place.building(
                "secret.root",
                "prompt",
                &[],
            )))?;
            for word in ["Enter passphrase", "Verify passphrase"] {
                expect_question(&mut terminal, word)?;
                terminal.send("open sesame\n")?;
            }
            let shown = terminal.expect("built from minimal")?;
            check!(!shown.contains("sesame"), "{shown}");
            let run = [
                "run", "--quiet", "--user", "root", "--ids", "auto", &target, "--", "echo", "in it",
            ];
            for (typed, expected) in [
                ("wrong", "this is not its passphrase"),
                ("open sesame", "in it"),
            ] {
                let mut terminal = Terminal::start(Command::new("jaula").args(run))?;
                expect_question(&mut terminal, "Enter passphrase")?;
                terminal.send(&format!("{typed}\n"))?;
                let shown = terminal.expect(expected)?;
                check!(!shown.contains("sesame"), "{shown}");
            }
            nothing_is_left()?;
            failed(
                &output(&mut jaula(&run))?,
                FAILED,
                &["the key prompt", "no terminal"],
            )?;
            Ok(())
        },
    );
    suite.case("keys: who gives up is shown what is typed again", || {
        let place = Place::with_volume()?;
        place.root_file("x.root", "prompt")?;
        let target = place.path("x.root");
        for signal in [libc::SIGINT, libc::SIGQUIT] {
            let mut command = Command::new("jaula");
            let mut terminal =
                Terminal::start(command.args(["run", "--quiet", &target, "--", "true"]))?;
            expect_question(&mut terminal, "Enter passphrase")?;
            // As a terminal sends it, but to the leader of the session, which a shell would be.
            for pid in procfs::processes()? {
                let name = procfs::name(pid).unwrap_or_default();
                if name == "jaula" || name == "cryptsetup" {
                    let _ = process::kill(pid, signal);
                }
            }
            terminal.wait_for_leader()?;
            check!(terminal.echoes()?, "what is typed is not shown any more");
            nothing_is_left()?;
        }
        Ok(())
    });
    suite.case("keys: none is in a core dump", || {
        let place = Place::with_volume()?;
        place.root_file("x.root", "prompt")?;
        let pattern = fs::read_to_string(PATTERN).context(PATTERN)?;
        let dumps = |pattern: &str| {
            fs::write(PATTERN, pattern).context(PATTERN)?;
            let script = "ulimit -c unlimited; exec jaula run --quiet ./x.root -- true";
            let mut shell = Command::new("sh");
            shell.args(["-c", script]).current_dir(place.path(""));
            let mut terminal = Terminal::start(&mut shell)?;
            terminal.expect("Enter passphrase")?;
            let all = procfs::processes()?.into_iter();
            let is_it = |pid: &libc::pid_t| procfs::name(*pid).is_ok_and(|it| it == "cryptsetup");
            let found = all.filter(is_it).collect::<Vec<_>>();
            check_eq!(found.len(), 1, "who asks for it");
            process::kill(found[0], libc::SIGABRT).context("kill")?;
            terminal.wait_for_leader()?;
            nothing_is_left()
        };
        let core = place.path("core");
        let result = dumps(&core).and_then(|()| {
            let program = place.path("dump");
            place.write("dump", format!("#!/bin/sh\ncat > {core}\n"), 0o755)?;
            dumps(&format!("|{program}"))
        });
        fs::write(PATTERN, pattern).context(PATTERN)?;
        result?;
        check!(fs::metadata(&core).is_err(), "there is one");
        Ok(())
    });
    suite.case("keys: a credential of systemd's", || {
        let place = Place::with_volume()?;
        place.root_file("x.root", "credential:web-key")?;
        refused(
            &place,
            "x.root",
            &["the key credential:web-key", "LoadCredential"],
        )?;
        let root = place.path("x.root");
        let text =
            format!("[jail.web]\nroot = '{root}'\nunit = true\ncommand = ['sleep', '100000']\n");
        let _files = Descriptions::new(&[("web.toml", &text)])?;
        let drop_in = "/run/systemd/system/jaula@web.service.d";
        fs::create_dir_all(drop_in).context(drop_in)?;
        let key = place.path("key");
        let text = format!("[Service]\nLoadCredential=web-key:{key}\n");
        fs::write(format!("{drop_in}/key.conf"), text).context(drop_in)?;
        systemd::succeed(&["daemon-reload"])?;
        let started = systemd::succeed(&["start", "jaula@web.service"]);
        let there = started.and_then(|()| wait_until_named("web").map(drop));
        let ended = systemd::succeed(&["stop", "jaula@web.service"]);
        fs::remove_dir_all(drop_in).context(drop_in)?;
        systemd::succeed(&["daemon-reload"])?;
        there.and(ended)?;
        nothing_is_left()
    });
    suite.case(
        "keys: none is in a command line, an environment or a log",
        || {
            let place = Place::with_volume()?;
            place.write("word", "correct horse battery staple", 0o400)?;
            fs::remove_file(place.path("secret.luks")).context("secret.luks")?;
            fs::remove_file(place.path("secret.root")).context("secret.root")?;
            let key = format!("file:{}", place.path("word"));
            for mut child in [
                place.building("secret.root", &key, &[]),
                jaula(&["run", "--quiet", &place.path("secret.root"), "--", "env"]),
            ] {
                child.stdout(std::process::Stdio::piped());
                let mut child = child.spawn().context("starting jaula")?;
                let mut looked = 0;
                while child.try_wait().context("wait")?.is_none() {
                    for pid in jaula_tests::procfs::processes()? {
                        for part in ["cmdline", "environ"] {
                            // What ends meanwhile has none.
                            let said = fs::read(format!("/proc/{pid}/{part}")).unwrap_or_default();
                            let said = String::from_utf8_lossy(&said).into_owned();
                            check!(!said.contains("battery"), "{part} of {pid}: {said}");
                            looked += 1;
                        }
                    }
                }
                check!(looked > 0, "nothing was looked at");
                let output = child.wait_with_output().context("wait")?;
                check!(
                    output.status.success() && !text(&output).contains("battery"),
                    "{output:?}"
                );
            }
            let log = systemd::entries(&[])?;
            check!(!log.contains("correct horse"), "the journal has it");
            succeed(&["ls"]).map(drop)
        },
    );
}
