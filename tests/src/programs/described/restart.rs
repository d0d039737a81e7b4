// SPDX-License-Identifier: MIT OR Apache-2.0

//! `restart`: a jail is made anew by its supervisor, unless somebody has asked it to end.

use super::inspected;
use jaula_tests::admin::{
    in_kernel, json, noted, output, runs, succeed, text, wait_until_ended, wait_until_named, ROOT,
    STATE,
};
use jaula_tests::group::Group;
use jaula_tests::ktap::{fail, CaseResult, Context, Failure, Suite};
use jaula_tests::launch::{complaint, failed, jaula, Root, FAILED};
use jaula_tests::sys::process;
use jaula_tests::{check, check_eq, wait};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// A jail that runs for a long time, with these keys.
fn lasting(keys: &str) -> String {
    format!("[jail.web]\nroot = 'ROOT'\ncommand = ['sleep', '1000']\n{keys}")
}

/// One that ends at once, with this status.
fn short(status: u8, keys: &str) -> String {
    format!("[jail.web]\nroot = 'ROOT'\ncommand = ['sh', '-c', 'echo said; exit {status}']\n{keys}")
}

const HOOKS: &str = "hooks = { before-start = 'echo before $JAULA_NUMBER >> told', \
                     after-start = 'sleep 0.2; echo started $JAULA_NUMBER >> told', \
                     after-stop = 'echo ended $JAULA_NUMBER >> told' }\n";

/// How `web` is made anew, as it is noted.
fn restart() -> Result<Value, Failure> {
    let said = inspected("web")?.unwrap_or_default();
    Ok(said["noted"]["restart"].clone())
}

fn count() -> Result<u64, Failure> {
    Ok(restart()?["count"].as_u64().unwrap_or_default())
}

/// A process that is noted about `web`.
fn noted_process(which: &str) -> Result<libc::pid_t, Failure> {
    let said = json(&["inspect", "web"])?;
    let pid = said["noted"][which]["pid"].as_i64();
    let pid = pid.and_then(|pid| libc::pid_t::try_from(pid).ok());
    pid.ok_or_else(|| fail(format!("no process {which} is noted: {said}")))
}

/// Kills the first process of `web`, as something else than jaula would.
fn kill_first(signal: libc::c_int) -> CaseResult {
    process::kill(noted_process("first_process")?, signal).context("kill")
}

fn is_waiting() -> Result<bool, Failure> {
    let state = inspected("web")?.unwrap_or_default()["state"].clone();
    Ok(state == "restarting" && restart()?["step"] == "waiting")
}

/// Waits until `web` has ended and is waited for to be made anew.
fn wait_until_waiting() -> CaseResult {
    wait::until("it has ended, and is to be made anew", is_waiting)
}

/// Checks that `web` has ended for good.
fn has_ended_for_good(supervisor: libc::pid_t) -> CaseResult {
    wait::until("its supervisor has ended", || Ok(!runs(supervisor)))?;
    check!(in_kernel()?.is_empty(), "there is a jail");
    let said = inspected("web")?.unwrap_or_default();
    check!(
        said.is_null() || said["state"] == "ended",
        "its state is {}",
        said["state"]
    );
    let listed = json(&["ls", "--json"])?;
    check_eq!(listed, Value::Array(Vec::new()), "what is listed");
    Ok(())
}

/// What ends `web` for good in the time between two of them.
fn ends_while_waiting(command: &[&str]) -> CaseResult {
    let group = Group::new(&short(1, "restart = 'always'\nrestart-delay = 600\n"))?;
    group.succeed(&["up"])?;
    wait_until_waiting()?;
    let supervisor = noted_process("supervisor")?;
    group.succeed(command)?;
    has_ended_for_good(supervisor)
}

/// What ends `web` for good while it runs.
fn ends_while_running(command: &[&str]) -> CaseResult {
    let group = Group::new(&lasting("restart = 'always'\nrestart-delay = 0\n"))?;
    group.succeed(&["up"])?;
    let supervisor = noted_process("supervisor")?;
    group.succeed(command)?;
    has_ended_for_good(supervisor)
}

pub fn add(suite: &mut Suite<'_>) {
    suite.case("always: made anew, with its hooks, log and record", || {
        let text = short(
            0,
            &format!("restart = 'always'\nrestart-delay = 0\n{HOOKS}"),
        );
        let group = Group::new(&text)?;
        group.succeed(&["up"])?;
        let first = text_of_number(&group)?;
        // It goes on all the same.
        let status = succeed(&["wait", &first])?;
        check_eq!(status, "0\n", "how the first one ended");
        wait::until("it was made anew twice", || Ok(count()? >= 2))?;
        succeed(&["stop", "web"])?;
        let numbers: Vec<String> = group
            .told()
            .lines()
            .filter_map(|line| line.strip_prefix("started ").map(str::to_owned))
            .collect();
        check!(numbers.len() >= 3, "it was started {numbers:?}");
        check!(numbers[0] != numbers[1], "the numbers: {numbers:?}");
        let expected = format!(
            "before\nstarted {0}\nended {0}\nbefore\nstarted {1}\nended {1}\n",
            numbers[0], numbers[1]
        );
        let told = group.told().replace("before \n", "before\n");
        check!(told.starts_with(&expected), "the hooks: {told}");
        let said = succeed(&["logs", "web"])?;
        check!(said.lines().count() >= 3, "the log: {said:?}");
        check!(said.lines().all(|line| line == "said"), "the log: {said:?}");
        check_eq!(noted()?.len(), 1, "what is noted");
        check!(
            output(&mut jaula(&["logs", &first]))?.status.code() != Some(0),
            "the first number still has a log"
        );
        Ok(())
    });
    suite.case("on-failure: only after a failure", || {
        let script = "if [ -e /tmp/failed ]; then exit 0; fi; touch /tmp/failed; exit 7";
        let _ = fs::remove_file(Path::new(ROOT).join("tmp/failed"));
        fs::create_dir_all(Path::new(ROOT).join("tmp")).context("tmp")?;
        let group = Group::new(&format!(
            "[jail.web]\nroot = 'ROOT'\nuser = 'root'\ncommand = ['sh', '-c', '{script}']\n\
             restart = 'on-failure'\nrestart-delay = 0\n"
        ))?;
        group.succeed(&["up"])?;
        wait::until("it has ended with status 0", || {
            let said = inspected("web")?.unwrap_or_default();
            Ok(said["noted"]["ended"]["exited"] == 0)
        })?;
        has_ended_for_good(noted_process("supervisor")?)?;
        check_eq!(count()?, 1, "how often it was made anew");
        check_eq!(restart()?["before"]["ended"]["exited"], 7, "how it ended");
        let _ = fs::remove_file(Path::new(ROOT).join("tmp/failed"));
        Ok(())
    });
    suite.case("what fails at once waits twice as long each time", || {
        let group = Group::new(&short(1, "restart = 'on-failure'\nrestart-delay = 0\n"))?;
        group.succeed(&["up"])?;
        let mut seen = Vec::new();
        wait::until("it has failed five times", || {
            let restart = restart()?;
            let failures = restart["failures"].as_u64().unwrap_or_default();
            if failures > 0 {
                seen.push((failures, restart["pause"].as_u64().unwrap_or_default()));
            }
            Ok(failures >= 5)
        })?;
        succeed(&["rm", "web"])?;
        for (failures, pause) in seen {
            check_eq!(pause, 100 << (failures - 1), "after {failures} failures");
        }
        Ok(())
    });
    suite.case(
        "ls and inspect: it is being made anew, and how often",
        || {
            let group = Group::new(&short(1, "restart = 'always'\nrestart-delay = 600\n"))?;
            group.succeed(&["up"])?;
            wait_until_waiting()?;
            let lines = succeed(&["ls"])?;
            check!(lines.contains("\tweb\t\trestarting (0)\t"), "{lines:?}");
            let listed = json(&["ls", "--json"])?;
            check_eq!(listed[0]["state"], "restarting", "its state");
            check_eq!(listed[0]["name"], "web", "its name");
            check_eq!(succeed(&["logs", "web"])?, "said\n", "its log");
            check_eq!(succeed(&["wait", "web"])?, "1\n", "how it ended");
            let refused = output(&mut jaula(&["exec", "web", "--", "true"]))?;
            failed(&refused, FAILED, &["web"])
        },
    );
    for (name, command) in [
        (
            "stop: a jail that waits to be made anew",
            &["stop", "web"][..],
        ),
        ("rm: a jail that waits to be made anew", &["rm", "web"]),
        (
            "rm --all: a jail that waits to be made anew",
            &["rm", "--all"],
        ),
        ("down: a jail that waits to be made anew", &["down"]),
    ] {
        suite.case(name, move || ends_while_waiting(command));
    }
    for (name, command) in [
        ("stop: it is not made anew", &["stop", "web"][..]),
        ("rm: it is not made anew", &["rm", "web"]),
        ("rm --all: it is not made anew", &["rm", "--all"]),
        ("down: it is not made anew", &["down"]),
        ("kill: it is not made anew", &["kill", "web"]),
        ("kill --all: it is not made anew", &["kill", "--all", "web"]),
        (
            "kill by the stop signal: it is not made anew",
            &["kill", "-s", "TERM", "web"],
        ),
    ] {
        suite.case(name, move || ends_while_running(command));
    }
    suite.case(
        "stop: one within another jail does not stand in for it",
        || {
            let root = Root::new()?;
            let options = [
                "run",
                "-d",
                "--user",
                "root",
                "--max-children",
                "1",
                "--allow",
                "mount",
            ];
            let nest = [root.text(), "--", "/bin/probe", "nest"];
            let outer = succeed(&[&options[..], &nest].concat())?;
            let outer: i64 = outer.trim().parse().unwrap_or_default();
            wait::until("there is a jail within it", || Ok(in_kernel()?.len() == 2))?;
            let inner = in_kernel()?.into_iter().find(|number| *number != outer);
            let inner = inner.unwrap_or_default().to_string();
            succeed(&["set", &inner, "name=web"])?;
            let group = Group::new(&short(1, "restart = 'always'\nrestart-delay = 600\n"))?;
            for command in ["stop", "rm", "kill"] {
                group.succeed(&["up"])?;
                wait_until_waiting()?;
                let supervisor = noted_process("supervisor")?;
                let said = output(&mut jaula(&[command, "web"]))?;
                if command == "kill" {
                    failed(&said, FAILED, &["web"])?;
                    succeed(&["stop", "web"])?;
                } else {
                    check!(said.status.success(), "{command}: {}", complaint(&said));
                }
                wait::until("its supervisor has ended", || Ok(!runs(supervisor)))?;
                check_eq!(in_kernel()?.len(), 2, "the jails after {command}");
            }
            Ok(())
        },
    );
    suite.case(
        "env-file: what a jail puts in its place is not read",
        || {
            let (file, secret) = (Path::new(ROOT).join("tmp/env"), "/run/secret");
            fs::create_dir_all(Path::new(ROOT).join("tmp")).context("tmp")?;
            fs::write(secret, "SECRET=secret\n").context(secret)?;
            fs::write(&file, "MINE=mine\n").context("env")?;
            std::os::unix::fs::chown(file.parent().unwrap_or(&file), Some(1000), None)
                .context("chown")?;
            let group = Group::new(&format!(
                "[jail.web]\nroot = 'ROOT'\ncommand = ['sh', '-c', 'env; exec sleep 1000']\n\
             env-file = ['{}']\nrestart = 'always'\nrestart-delay = 0\n",
                file.display()
            ))?;
            for (script, why) in [
                (
                    "rm /tmp/env; ln -s /run/secret /tmp/env",
                    "is a symbolic link",
                ),
                ("rm /tmp/env; mkfifo /tmp/env", "is not a file"),
            ] {
                group.succeed(&["up"])?;
                succeed(&["exec", "web", "--", "sh", "-c", script])?;
                kill_first(libc::SIGKILL)?;
                wait::until("it could not be made", || {
                    Ok(restart()?["why"]
                        .as_str()
                        .is_some_and(|said| said.contains(why)))
                })?;
                succeed(&["stop", "web"])?;
                let refused = output(&mut group.jaula(&["up"]))?;
                failed(&refused, FAILED, &["/tmp/env: ", why])?;
                let log = succeed(&["logs", "web"])?;
                check!(
                    log.contains("MINE=mine") && !log.contains("SECRET"),
                    "{log}"
                );
                fs::remove_file(&file).context("remove")?;
                fs::write(&file, "MINE=mine\n").context("env")?;
            }
            fs::remove_file(&file).context("remove")
        },
    );
    suite.case("hooks: no signal is blocked", || {
        let text = lasting(
            "restart = 'always'\nrestart-delay = 0\n\
             hooks = { after-start = 'grep SigBlk /proc/self/status >> told' }\n",
        );
        let group = Group::new(&text)?;
        group.succeed(&["up"])?;
        kill_first(libc::SIGKILL)?;
        wait::until("it was made anew", || {
            Ok(count()? == 1 && restart()?["step"] == "running")
        })?;
        group.succeed(&["down"])?;
        let none = "SigBlk:\t0000000000000000\n";
        check_eq!(group.told(), none.repeat(2), "what is blocked");
        Ok(())
    });
    suite.case("any other end: it is made anew", || {
        let group = Group::new(&lasting("restart = 'on-failure'\nrestart-delay = 0\n"))?;
        group.succeed(&["up"])?;
        for (turn, signal) in [(1, libc::SIGKILL), (2, libc::SIGTERM)] {
            kill_first(signal)?;
            wait::until("it was made anew", || {
                Ok(count()? == turn && restart()?["step"] == "running")
            })?;
        }
        succeed(&["kill", "-s", "USR1", "web"])?;
        wait::until("it was made anew", || {
            Ok(count()? == 3 && restart()?["step"] == "running")
        })?;
        group.succeed(&["down"])
    });
    suite.case("the supervisor is killed: nothing is made anew", || {
        let group = Group::new(&short(1, "restart = 'always'\nrestart-delay = 600\n"))?;
        group.succeed(&["up"])?;
        wait_until_waiting()?;
        let supervisor = noted_process("supervisor")?;
        process::kill(supervisor, libc::SIGKILL).context("kill")?;
        has_ended_for_good(supervisor)?;
        group.describe(&lasting("restart = 'always'\n"))?;
        group.succeed(&["up"])?;
        let supervisor = noted_process("supervisor")?;
        process::kill(supervisor, libc::SIGKILL).context("kill")?;
        wait::until("the jail has ended", || Ok(in_kernel()?.is_empty()))?;
        has_ended_for_good(supervisor)
    });
    for command in ["stop", "rm"] {
        let name = format!("{command}: one that is not noted so far is not made anew either");
        suite.case(&name, move || {
            let group = Group::new(&short(1, "restart = 'always'\nrestart-delay = 600\n"))?;
            group.succeed(&["up"])?;
            wait_until_waiting()?;
            let supervisor = noted_process("supervisor")?;
            // As the next one is for a moment.
            let number = succeed(&["run", "-d", "--name", "web", ROOT, "--", "sleep", "1000"])?;
            let noted = format!("{STATE}/{}", number.trim());
            fs::remove_dir_all(&noted).context(&noted)?;
            succeed(&[command, "web"])?;
            has_ended_for_good(supervisor)
        });
    }
    suite.case("SIGHUP to its supervisor: it is made anew", || {
        let text = "[jail.web]\nroot = 'ROOT'\nrestart = 'always'\nrestart-delay = 0\n\
                    command = ['sh', '-c', 'trap \"echo again\" HUP; while :; do sleep 0.1; done']\n";
        let group = Group::new(text)?;
        group.succeed(&["up"])?;
        let supervisor = noted_process("supervisor")?;
        wait::until("it has got the signal", || {
            process::kill(supervisor, libc::SIGHUP).context("kill")?;
            Ok(succeed(&["logs", "web"])?.contains("again"))
        })?;
        kill_first(libc::SIGKILL)?;
        wait::until("it was made anew", || {
            Ok(count()? >= 1 && restart()?["step"] == "running")
        })?;
        group.succeed(&["down"])
    });
    suite.case("a signal to its supervisor: it is not made anew", || {
        let group = Group::new(&lasting("restart = 'always'\nrestart-delay = 0\n"))?;
        group.succeed(&["up"])?;
        let supervisor = noted_process("supervisor")?;
        process::kill(supervisor, libc::SIGTERM).context("kill")?;
        has_ended_for_good(supervisor)
    });
    suite.case("up: one that waits is started now", || {
        let group = Group::new(&short(1, "restart = 'always'\nrestart-delay = 600\n"))?;
        group.succeed(&["up"])?;
        wait_until_waiting()?;
        let supervisor = noted_process("supervisor")?;
        group.describe(&lasting(""))?;
        group.succeed(&["up"])?;
        check!(!runs(supervisor), "the other supervisor is still there");
        check_eq!(in_kernel()?.len(), 1, "the jails");
        group.succeed(&["down"])
    });
    suite.case("stop: while it is being made anew", || {
        let text = lasting(
            "restart = 'always'\nrestart-delay = 0\n\
             hooks = { before-start = 'echo $$ >> told; [ $(wc -l < told) = 1 ] || sleep 1000', \
             after-stop = 'echo ended >> told' }\n",
        );
        let group = Group::new(&text)?;
        group.succeed(&["up"])?;
        let supervisor = noted_process("supervisor")?;
        kill_first(libc::SIGKILL)?;
        wait::until("what comes before is under way", || {
            Ok(group.told().lines().count() == 3)
        })?;
        let said = json(&["inspect", "web"])?;
        check_eq!(said["noted"]["restart"]["step"], "starting", "the step");
        succeed(&["stop", "web"])?;
        has_ended_for_good(supervisor)?;
        let hook = group
            .told()
            .lines()
            .last()
            .and_then(|line| line.parse().ok());
        let hook: libc::pid_t = hook.ok_or_else(|| fail(group.told()))?;
        check!(!runs(hook), "what comes before still runs");
        Ok(())
    });
    suite.case(
        "what cannot be made is tried again, and its log stays",
        || {
            let program = Path::new(ROOT).join("bin/passing");
            let script = "#!/bin/sh\necho said\nexec sleep 1000\n";
            let group = Group::new(
                "[jail.web]\nroot = 'ROOT'\ncommand = ['/bin/passing']\nrestart = 'always'\n\
             restart-delay = 0\n",
            )?;
            fs::write(&program, script).context("script")?;
            make_executable(&program)?;
            group.succeed(&["up"])?;
            wait::until("it has printed", || {
                Ok(succeed(&["logs", "web"])? == "said\n")
            })?;
            fs::remove_file(&program).context("remove")?;
            kill_first(libc::SIGKILL)?;
            wait::until("it could not be made", || {
                Ok(restart()?["why"]
                    .as_str()
                    .is_some_and(|why| why.contains("/bin/passing")))
            })?;
            fs::write(&program, script).context("script")?;
            make_executable(&program)?;
            wait::until("it was made anew", || {
                Ok(restart()?["step"] == "running" && restart()?["why"].is_null())
            })?;
            wait::until("it has printed once more", || {
                Ok(succeed(&["logs", "web"])? == "said\nsaid\n")
            })?;
            fs::remove_file(&program).context("remove")?;
            group.succeed(&["down"])
        },
    );
    suite.case(
        "a hook after the start that fails: it is tried again",
        || {
            let text = lasting(
                "restart = 'always'\nrestart-delay = 0\n\
             hooks = { after-start = 'echo x >> told; [ $(wc -l < told) != 2 ]', \
             after-stop = 'echo ended $JAULA_NUMBER >> ended' }\n",
            );
            let group = Group::new(&text)?;
            group.succeed(&["up"])?;
            let first = wait_until_named("web")?;
            kill_first(libc::SIGKILL)?;
            wait::until("it was made anew", || {
                Ok(group.told().lines().count() == 3 && restart()?["step"] == "running")
            })?;
            let now = wait_until_named("web")?;
            check_eq!(in_kernel()?.len(), 1, "the jails");
            let ended = fs::read_to_string(group.0.join("ended")).context("ended")?;
            let ended: Vec<&str> = ended.lines().collect();
            check_eq!(ended.len(), 2, "what was done after an end: {ended:?}");
            check_eq!(ended[0], format!("ended {first}"), "the first");
            check!(ended[1] != format!("ended {now}"), "it runs: {ended:?}");
            group.succeed(&["down"])
        },
    );
    suite.case("its name is another's by now: it is not made anew", || {
        let group = Group::new(&short(1, "restart = 'always'\nrestart-delay = 3\n"))?;
        group.succeed(&["up"])?;
        wait_until_waiting()?;
        let supervisor = noted_process("supervisor")?;
        succeed(&["run", "-d", "--name", "web", ROOT, "--", "sleep", "1000"])?;
        wait::until("its supervisor has ended", || Ok(!runs(supervisor)))?;
        check_eq!(in_kernel()?.len(), 1, "the jails");
        succeed(&["rm", "web"]).map(drop)
    });
    suite.case(
        "what was noted before a restart of the machine means nothing",
        || {
            let group = Group::new(&short(1, "restart = 'always'\nrestart-delay = 600\n"))?;
            group.succeed(&["up"])?;
            wait_until_waiting()?;
            let supervisor = noted_process("supervisor")?;
            process::kill(supervisor, libc::SIGKILL).context("kill")?;
            wait::until("its supervisor has ended", || Ok(!runs(supervisor)))?;
            let number = noted()?.into_iter().next().unwrap_or_default();
            let path = format!("{STATE}/{number}/record.json");
            let record = fs::read_to_string(&path).context(&path)?;
            let mut record: Value =
                serde_json::from_str(&record).map_err(|error| fail(error.to_string()))?;
            record["boot"] = "00000000-0000-4000-8000-000000000000".into();
            // There is a process of that number, which began when this one did.
            record["supervisor"] = json(&["inspect", &own_jail()?])
                .map(|said| said["noted"]["supervisor"].clone())
                .unwrap_or_default();
            fs::write(&path, record.to_string()).context(&path)?;
            check_eq!(
                json(&["ls", "--json"])?.as_array().map(Vec::len),
                Some(1),
                "what is listed"
            );
            let refused = output(&mut jaula(&["stop", "web"]))?;
            failed(&refused, FAILED, &["web"])?;
            group.describe(&lasting(""))?;
            group.succeed(&["up"])?;
            group.succeed(&["down"])
        },
    );
    suite.case("up: what it depends on is left to its supervisor", || {
        let text = lasting("restart = 'always'\nrestart-delay = 0\n");
        let group = Group::new(&text)?;
        group.succeed(&["up"])?;
        let other = "[jail.other]\nroot = 'ROOT'\ncommand = ['sleep', '1000']\ndepends = ['web']\n";
        group.describe(&(text + other))?;
        // Its first process ends, and it does not.
        let mut another = jaula(&["exec", "web", "--", "sleep", "1000"])
            .spawn()
            .context("starting jaula")?;
        wait::until("something else runs in it", || {
            let said = inspected("web")?.unwrap_or_default();
            Ok(said["processes"].as_array().map(Vec::len) == Some(2))
        })?;
        let supervisor = noted_process("supervisor")?;
        process::kill(supervisor, libc::SIGSTOP).context("stop")?;
        kill_first(libc::SIGKILL)?;
        let refused = output(&mut group.jaula(&["up", "--only", "other"]));
        process::kill(supervisor, libc::SIGCONT).context("continue")?;
        failed(&refused?, FAILED, &["it depends on web"])?;
        let made = wait::until("it was made anew", || {
            Ok(count()? == 1 && restart()?["step"] == "running")
        });
        let _ = another.kill();
        another.wait().context("wait")?;
        made?;
        group.succeed(&["down"])
    });
    suite.case("with a terminal", || {
        let group = Group::new(
            "[jail.web]\nroot = 'ROOT'\ntty = true\nrestart = 'always'\nrestart-delay = 0\n\
             command = ['sh', '-c', 'tty > /dev/null && echo said; exit 1']\n",
        )?;
        group.succeed(&["up"])?;
        wait::until("it was made anew twice", || Ok(count()? >= 2))?;
        succeed(&["stop", "web"])?;
        let said = succeed(&["logs", "web"])?;
        check!(said.matches("said").count() >= 2, "the log: {said:?}");
        Ok(())
    });
    suite.case("logs --follow goes on with the next one", || {
        let group = Group::new(&short(0, "restart = 'always'\nrestart-delay = 1\n"))?;
        group.succeed(&["up"])?;
        let mut follow = jaula(&["logs", "--follow", "web"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .context("starting jaula")?;
        wait::until("it was made anew", || Ok(count()? >= 1))?;
        succeed(&["stop", "web"])?;
        let ended = wait::until("logs has ended", || {
            Ok(follow.try_wait().context("wait")?.is_some())
        });
        let _ = follow.kill();
        let said = follow.wait_with_output().context("wait")?;
        ended?;
        check!(text(&said).lines().count() >= 2, "{}", text(&said));
        Ok(())
    });
    suite.case("keep and restart exclude each other", || {
        let group = Group::new(&lasting("restart = 'always'\nkeep = true\n"))?;
        let refused = output(&mut group.jaula(&["up"]))?;
        failed(&refused, FAILED, &["line 1, column 7", "keep and restart"])
    });
    suite.case("what is not to be made anew is as ever", || {
        let group = Group::new(&short(3, "restart = 'no'\n"))?;
        group.succeed(&["up"])?;
        wait_until_ended("web")?;
        let said = output(&mut group.jaula(&["up", "--quiet"]))?;
        check!(said.status.success(), "{}", complaint(&said));
        wait_until_ended("web")
    });
}

/// A jail whose supervisor runs.
fn own_jail() -> Result<String, Failure> {
    let number = succeed(&["run", "-d", ROOT, "--", "sleep", "1000"])?;
    Ok(number.trim().to_owned())
}

/// The number of the first jail that was started, as its hook has told it.
fn text_of_number(group: &Group) -> Result<String, Failure> {
    let told = group.told();
    let number = told.lines().find_map(|line| line.strip_prefix("started "));
    number
        .map(str::to_owned)
        .ok_or_else(|| fail(format!("nothing was started: {told}")))
}

fn make_executable(path: &Path) -> CaseResult {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).context(path.display())
}
