// SPDX-License-Identifier: MIT OR Apache-2.0

//! What jaula notes: who reads it, what becomes of it on a full file system, and after a new start of
//! the machine.

use jaula_tests::admin::{in_kernel, json, noted, output, succeed, text, Detached, ROOT, STATE};
use jaula_tests::ktap::{fail, CaseResult, Context, Failure, Suite};
use jaula_tests::launch::{complaint, failed, jaula, FAILED};
use jaula_tests::sys::{process, tree};
use jaula_tests::{check, check_eq, wait};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// A file system of its own in the place of the state, which is taken away again.
struct Small;

impl Small {
    fn new(options: &str) -> Result<Self, Failure> {
        succeed(&["rm", "--all"])?;
        fs::create_dir_all(STATE).context(STATE)?;
        tree::mount("tmpfs", STATE, options).context("mount")?;
        Ok(Small)
    }

    /// Gives both back.
    fn empty(&self) -> CaseResult {
        for file in fs::read_dir(STATE).context(STATE)? {
            let path = file.context(STATE)?.path();
            if path.to_string_lossy().contains(".full-") {
                fs::remove_file(&path).context(path.display())?;
            }
        }
        Ok(())
    }

    /// Leaves neither room nor names.
    fn fill(&self) -> CaseResult {
        let file = format!("{STATE}/.full");
        let mut number = 0;
        while fs::write(format!("{file}-{number}"), [0; 4096]).is_ok() {
            number += 1;
            check!(number < 10_000, "it does not become full");
        }
        Ok(())
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = jaula(&["rm", "--all"]).output();
        let _ = tree::unmount(STATE);
    }
}

pub fn add(suite: &mut Suite<'_>) {
    for umask in ["0", "022", "0777"] {
        suite.case(
            &format!("what is noted is root's alone, under umask {umask}"),
            move || {
                succeed(&["rm", "--all"])?;
                let _ = fs::remove_dir_all(STATE);
                let script = format!(
                    "umask {umask}; exec jaula run --detach {ROOT} -- \
                     sh -c 'echo in; exec sleep 1000'"
                );
                let output = output(Command::new("/bin/sh").args(["-c", &script]))?;
                check!(output.status.success(), "{}", complaint(&output));
                let number = text(&output).trim_end().parse();
                let jail = Detached {
                    number: number.map_err(|_| fail("printed no number"))?,
                };
                jail.has_printed("in")?;
                let mode = |path: &str| -> Result<u32, Failure> {
                    Ok(fs::metadata(path).context(path)?.permissions().mode() & 0o777)
                };
                check_eq!(mode(STATE)?, 0o700, "the directory");
                let own = format!("{STATE}/{}", jail.number);
                check_eq!(mode(&own)? & 0o077, 0, "that of the jail");
                let mut files = 0;
                for file in fs::read_dir(&own).context(&own)? {
                    let file = file.context(&own)?.path().display().to_string();
                    check_eq!(mode(&file)? & 0o077, 0, "{file}");
                    files += 1;
                }
                check!(files >= 2, "there are {files} files in {own}");
                succeed(&["set", &jail.text(), "name=modes"])?;
                check_eq!(
                    mode(&format!("{own}/record.json"))? & 0o077,
                    0,
                    "after a change"
                );
                Ok(())
            },
        );
    }
    for options in ["nr_inodes=1", "size=4k"] {
        suite.case(
            &format!("a full file system stops no jail in the foreground: {options}"),
            move || {
                let small = Small::new(options)?;
                small.fill()?;
                for name in [&[][..], &["--name", "full"]] {
                    let run = [
                        &["run"],
                        name,
                        &[ROOT, "--", "/bin/sh", "-c", "echo in; exit 5"],
                    ]
                    .concat();
                    let output = output(&mut jaula(&run))?;
                    check_eq!(text(&output), "in\n", "what it prints");
                    check_eq!(output.status.code(), Some(5), "the exit status");
                    let warning = complaint(&output);
                    check!(warning.contains("not noted"), "the warning: {warning}");
                }
                let run = ["run", "--detach", ROOT, "--", "/bin/sleep", "1000"];
                failed(&output(&mut jaula(&run))?, FAILED, &["ENOSPC"])
                    .or_else(|_| failed(&output(&mut jaula(&run))?, FAILED, &["No space left"]))?;
                check_eq!(in_kernel()?.len(), 0, "the jails afterwards");
                check_eq!(noted()?.len(), 0, "what is noted afterwards");
                Ok(())
            },
        );
    }
    suite.case(
        "a file system that has become full: jails are administered and ended",
        || {
            let small = Small::new("size=256k,nr_inodes=40")?;
            let first = Detached::start(&["--name", "early"], "echo in; exec sleep 1000")?;
            let second = Detached::start(&["--keep"], "exit 0")?;
            first.has_printed("in")?;
            second.has_printed("")?;
            small.fill()?;
            check_eq!(
                succeed(&["exec", "early", "--", "/bin/echo", "x"])?,
                "x\n",
                "exec"
            );
            succeed(&["exec", &second.text(), "--", "/bin/true"])?;
            succeed(&["stop", "--timeout", "5", "early"])?;
            check_eq!(succeed(&["logs", "early"])?, "in\n", "the log");
            succeed(&["rm", "early"])?;
            succeed(&["rm", &second.text()])?;
            check_eq!(in_kernel()?.len(), 0, "the jails afterwards");
            check_eq!(noted()?.len(), 0, "what is noted afterwards");
            Ok(())
        },
    );
    suite.case(
        "what an earlier start of the machine has left is no news",
        || {
            let old = Detached::start(&["--name", "reborn"], "echo OLD")?;
            old.ended()?;
            change(
                &old,
                "boot",
                &serde_json::json!("00000000-0000-4000-8000-000000000000"),
            )?;
            for command in ["logs", "inspect", "wait"] {
                let gone = output(&mut jaula(&[command, "reborn"]))?;
                failed(&gone, FAILED, &["no such jail"]).context(command)?;
            }
            let new = Detached::start(&["--name", "reborn"], "echo NEW")?;
            new.ended()?;
            check_eq!(succeed(&["logs", "reborn"])?, "NEW\n", "the log");
            let place = format!("{STATE}/{}", old.number);
            check!(!Path::new(&place).exists(), "{place} is still there");
            Ok(())
        },
    );
    suite.case(
        "the last jail with a name is the one that was noted last",
        || {
            let old = Detached::start(&["--name", "again"], "echo OLD")?;
            old.ended()?;
            change(&old, "created", &serde_json::json!("9999999.000000001"))?;
            let new = Detached::start(&["--name", "again"], "echo NEW")?;
            new.ended()?;
            check_eq!(succeed(&["logs", "again"])?, "NEW\n", "the log");
            check_eq!(succeed(&["wait", "again"])?, "0\n", "its status");
            Ok(())
        },
    );
    suite.case(
        "a jail has a limit of tasks unless it is said to have none",
        || {
            let usual = Detached::start(&[], "exec sleep 1000")?;
            check_eq!(usual.inspect()?["limits"]["tasks"], 2048, "the limit");
            let none = Detached::start(&["--max-tasks", "unlimited"], "exec sleep 1000")?;
            let limit = none.inspect()?["limits"]["tasks"].clone();
            check_eq!(limit, serde_json::Value::Null, "the limit");
            Ok(())
        },
    );
    suite.case("a process whose arguments are a GiB stops nobody", || {
        let root = jaula_tests::launch::Root::new()?;
        let length = (1u64 << 30).to_string();
        let run = [
            "run",
            "--detach",
            "--name",
            "long",
            "--user",
            "root",
            "--allow",
            "sys_resource",
        ];
        let probe = [root.text(), "--", "/bin/probe", "arguments", &length];
        let jail = Detached::run(&[&run[..], &probe].concat())?;
        jail.has_printed("ready")?;
        let of = |said: &serde_json::Value| -> CaseResult {
            let command = said["command"][0].as_str().unwrap_or_default().to_owned();
            check!(
                command.starts_with("xxx"),
                "the command begins {:.20}",
                command
            );
            check!(
                command.len() < 10_000,
                "the command has {} bytes",
                command.len()
            );
            Ok(())
        };
        of(&json(&["ps", "--json", "long"])?[0])?;
        of(&json(&["inspect", "long"])?["processes"][0])?;
        check!(succeed(&["ps"])?.len() < 20_000, "ps prints too much");
        check_eq!(
            json(&["stats", "--json", "long"])?[0]["processes"],
            1,
            "the processes"
        );
        succeed(&["exec", "long", "--", "/bin/probe", "exit", "0"])?;
        succeed(&["rm", "long"])?;
        Ok(())
    });
    suite.case(
        "how a kept jail ended, where there was no room to note it",
        || {
            let small = Small::new("size=256k,nr_inodes=40")?;
            let script = "setsid sleep 1000 & sleep 3; exit 7";
            let jail = Detached::start(&["--keep", "--name", "kept"], script)?;
            small.fill()?;
            let untold = output(&mut jaula(&["wait", "kept"]))?;
            failed(&untold, FAILED, &["kept", "could not be noted"])?;
            small.empty()?;
            wait::until("how it ended is noted", || {
                Ok(!jail.inspect()?["noted"]["ended"].is_null())
            })?;
            check_eq!(succeed(&["wait", "kept"])?, "7\n", "how it ended");
            Ok(())
        },
    );
    suite.case("who may not read what is noted is told so", || {
        let jail = Detached::start(&["--name", "closed"], "exec sleep 1000")?;
        let old = Detached::start(&["--name", "gone"], "exit 0")?;
        old.ended()?;
        let ended = process::in_child(|| {
            let told = jaula_tests::sys::ids::become_user(1000)
                .context("becoming user 1000")
                .and_then(|()| {
                    for name in ["closed", "gone"] {
                        for command in [&["logs"][..], &["wait"], &["rm"], &["kill"]] {
                            let said = output(&mut jaula(&[command, &[name]].concat()))?;
                            let reason = match (name, command[0]) {
                                ("closed", "rm") => "EPERM",
                                ("gone", "kill") => "no such jail",
                                _ => "by root alone",
                            };
                            failed(&said, FAILED, &[name, reason]).context(command[0])?;
                        }
                    }
                    let start = std::time::Instant::now();
                    let stop = ["stop", "--timeout", "30", "closed"];
                    failed(&output(&mut jaula(&stop))?, FAILED, &["EPERM"])?;
                    check!(start.elapsed().as_secs() < 10, "it has waited before");
                    Ok(())
                });
            if let Err(failure) = &told {
                println!("# {failure}");
            }
            i32::from(told.is_err())
        });
        check_eq!(
            ended.context("fork")?,
            process::Ended::Exited(0),
            "the child"
        );
        check!(jail.exists()?, "it was ended");
        Ok(())
    });
    suite.case("what is noted cannot be read by others", || {
        let jail = Detached::start(&["--setenv", "A=secret"], "exec sleep 1000")?;
        let ended = process::in_child(|| {
            let unseen = jaula_tests::sys::ids::become_user(1000)
                .context("becoming user 1000")
                .and_then(|()| {
                    let record = format!("{STATE}/{}/record.json", jail.number);
                    check!(fs::read(&record).is_err(), "{record} can be read");
                    succeed(&["ls"])
                });
            i32::from(unseen.is_err())
        });
        check_eq!(
            ended.context("fork")?,
            process::Ended::Exited(0),
            "the child"
        );
        Ok(())
    });
}

/// Changes a value of what is noted.
fn change(jail: &Detached, key: &str, value: &serde_json::Value) -> CaseResult {
    let path = format!("{STATE}/{}/record.json", jail.number);
    let text = fs::read(&path).context(&path)?;
    let mut record: serde_json::Value =
        serde_json::from_slice(&text).map_err(|error| fail(error.to_string()))?;
    record[key] = value.clone();
    fs::write(&path, record.to_string()).context(&path)
}
