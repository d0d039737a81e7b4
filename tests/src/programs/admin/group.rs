// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula up` and `jaula down`.

use jaula_tests::admin::{
    in_kernel, json, listed, output, runs, succeed, text, wait_until_ended, wait_until_named,
    Detached,
};
use jaula_tests::group::Group;
use jaula_tests::ktap::{fail, Context, Suite};
use jaula_tests::launch::{complaint, failed, FAILED};
use jaula_tests::sys::process;
use jaula_tests::{check, check_eq, wait};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const HOOKS: &str = "hooks = { before-start = 'echo $JAULA_HOOK $JAULA_NAME >> told', \
    after-start = 'echo $JAULA_HOOK $JAULA_NAME >> told', \
    before-stop = 'echo $JAULA_HOOK $JAULA_NAME >> told', \
    after-stop = 'echo $JAULA_HOOK $JAULA_NAME >> told' }\n";

fn three() -> String {
    let jail = |name: &str, depends: &str| {
        format!(
            "[jail.{name}]\nroot = 'ROOT'\ncommand = ['sleep', '1000']\ndepends = [{depends}]\n\
             limits = {{ tasks = 5 }}\n{HOOKS}"
        )
    };
    jail("app", "'store', 'queue'") + &jail("queue", "'store'") + &jail("store", "")
}

pub fn add(suite: &mut Suite<'_>) {
    suite.case("up and down: in order, hooks around each", || {
        let group = Group::new(&three())?;
        group.succeed(&["up"])?;
        let lines = |before: &str, after: &str, names: [&str; 3]| {
            let line = |name| format!("{before} {name}\n{after} {name}\n");
            names.map(line).concat()
        };
        let started = lines("before-start", "after-start", ["store", "queue", "app"]);
        check_eq!(group.told(), started, "the hooks");
        for name in ["store", "queue", "app"] {
            let said = json(&["inspect", name])?;
            check_eq!(said["limits"]["tasks"], 5, "the limit of {name}");
        }
        group.succeed(&["down"])?;
        let stopped = lines("before-stop", "after-stop", ["app", "queue", "store"]);
        check_eq!(group.told(), started + &stopped, "the hooks");
        check_eq!(in_kernel()?.len(), 0, "the jails afterwards");
        Ok(())
    });
    suite.case("up: what runs already is left alone", || {
        let group = Group::new(&three())?;
        group.succeed(&["up"])?;
        let before = listed()?;
        group.succeed(&["up"])?;
        check_eq!(listed()?, before, "the jails");
        succeed(&["stop", "queue"])?;
        group.succeed(&["up"])?;
        check_eq!(listed()?.len(), 3, "the jails");
        group.succeed(&["down"])?;
        group.succeed(&["down"])
    });
    suite.case(
        "up: one that cannot be started; the others are taken down again",
        || {
            let group = Group::new(
                &(three()
                    + "[jail.bad]\nroot = 'ROOT'\ndepends = ['app']\n\
                                            command = ['/bin/no-such']\n"),
            )?;
            let output = output(&mut group.jaula(&["up"]))?;
            failed(&output, FAILED, &["bad", "/bin/no-such"])?;
            check_eq!(in_kernel()?.len(), 0, "the jails afterwards");
            check!(
                group.told().ends_with("after-stop store\n"),
                "{}",
                group.told()
            );
            Ok(())
        },
    );
    suite.case("up: a hook has what the caller has, and not jaula", || {
        let group = Group::new(
            "[jail.a]\nroot = 'ROOT'\ncommand = ['sleep', '1000']\nhooks = { before-start = \
             'umask; ulimit -n; echo number $JAULA_NUMBER; grep SigIgn /proc/self/status' }\n",
        )?;
        let script = "umask 077; ulimit -n 99; exec jaula up";
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).current_dir(&group.0);
        let said = output(command.env("JAULA_NUMBER", "77"))?;
        check!(said.status.success(), "{}", complaint(&said));
        let said = text(&said);
        let (seen, ignored) = said
            .split_once("SigIgn:")
            .ok_or_else(|| fail(said.clone()))?;
        check_eq!(seen, "0077\n99\nnumber\n", "what the hook sees");
        // Its shell has its own view of some others.
        let ignored = u64::from_str_radix(ignored.trim(), 16);
        let ignored = ignored.map_err(|error| fail(error.to_string()))?;
        let bit = 1 << (libc::SIGXFSZ - 1);
        check_eq!(ignored & bit, 0, "SIGXFSZ among what it ignores");
        Ok(())
    });
    suite.case("up: who does not read what a hook prints", || {
        let text = "[jail.a]\nroot = 'ROOT'\ncommand = ['sleep', '1000']\nhook-timeout = 2\n\
                    hooks = { before-start = 'yes' }\n";
        let group = Group::new(text)?;
        let mut child = group
            .jaula(&["up"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("starting jaula")?;
        let ended = wait::until("it has ended", || {
            Ok(child.try_wait().context("wait")?.is_some())
        });
        let _ = child.kill();
        ended?;
        let said = child.wait_with_output().context("waiting for jaula")?;
        check_eq!(said.status.code(), Some(FAILED), "the exit status");
        let complaint = complaint(&said);
        check!(complaint.contains("hook-timeout"), "{complaint}");
        Ok(())
    });
    suite.case("up: a hook that fails is a failure", || {
        let text = "[jail.a]\nroot = 'ROOT'\ncommand = ['sleep', '1000']\n\
                    hooks = { after-start = 'exit 3' }\n";
        let group = Group::new(text)?;
        let output = output(&mut group.jaula(&["up"]))?;
        failed(&output, FAILED, &["after-start", "exit 3"])?;
        check_eq!(in_kernel()?.len(), 0, "the jails afterwards");
        Ok(())
    });
    suite.case(
        "up: one that has ended by itself is no ground to build on",
        || {
            let text = "[jail.short]\nroot = 'ROOT'\ncommand = ['false']\n\
                    hooks = { after-start = 'i=0; while [ $i -lt 600 ] && \
                    grep -q ended...null /run/jaula/$JAULA_NUMBER/record.json; \
                    do sleep 0.1; i=$((i+1)); done' }\n\
                    [jail.user]\nroot = 'ROOT'\ndepends = ['short']\ncommand = ['sleep', '9']\n";
            let group = Group::new(text)?;
            let output = output(&mut group.jaula(&["up"]))?;
            failed(&output, FAILED, &["short", "exit status 1"])
        },
    );
    suite.case("up: a circle is found before anything is started", || {
        let text = "[jail.a]\nroot = 'ROOT'\n[jail.b]\nroot = 'ROOT'\ndepends = ['c']\n\
                    [jail.c]\nroot = 'ROOT'\ndepends = ['b']\n";
        let group = Group::new(text)?;
        let output = output(&mut group.jaula(&["up"]))?;
        failed(&output, FAILED, &["b -> c -> b"])?;
        check_eq!(in_kernel()?.len(), 0, "the jails afterwards");
        Ok(())
    });
    suite.case("up: a root is built from its template", || {
        let text = "[jail.built]\nroot = 'made'\ntemplate = 'minimal'\n\
                    command = ['sleep', '1000']\n";
        let group = Group::new(text)?;
        group.succeed(&["up"])?;
        check!(
            group.0.join("made/bin/busybox").exists(),
            "no root was built"
        );
        succeed(&["exec", "built", "--", "/bin/true"])?;
        group.succeed(&["down"])
    });
    suite.case(
        "up: one whose supervisor has been killed is started anew",
        || {
            let text = "[jail.lost]\nroot = 'ROOT'\ncommand = ['sh', '-c', \
                        'setsid sleep 1000 & echo ready; exec sleep 1000']\n";
            let group = Group::new(text)?;
            group.succeed(&["up"])?;
            let of = |said: &serde_json::Value, key: &str| {
                let pid = said["noted"][key]["pid"].as_i64().unwrap_or_default();
                pid as libc::pid_t
            };
            let jail = Detached {
                number: wait_until_named("lost")?,
            };
            jail.has_printed("ready")?;
            let before = json(&["inspect", "lost"])?;
            process::kill(of(&before, "supervisor"), libc::SIGKILL).context("kill")?;
            wait::until("the jail has ended", || Ok(in_kernel()?.is_empty()))?;
            check!(
                !runs(of(&before, "first_process")),
                "the first process is still there"
            );
            group.succeed(&["up"])?;
            let after = json(&["inspect", "lost"])?;
            check!(after["created"] != before["created"], "it is the same jail");
            check_eq!(in_kernel()?.len(), 1, "the jails afterwards");
            group.succeed(&["down"])
        },
    );
    suite.case(
        "up and down: after-stop once for each that has ended by itself",
        || {
            let text = format!("[jail.short]\nroot = 'ROOT'\ncommand = ['true']\n{HOOKS}");
            let group = Group::new(&text)?;
            let has_ended = || {
                wait::until("there is no jail", || Ok(in_kernel()?.is_empty()))?;
                wait_until_ended("short")
            };
            let started = "before-start short\nafter-start short\n";
            let stopped = "after-stop short\n";
            group.succeed(&["up"])?;
            has_ended()?;
            group.succeed(&["up"])?;
            has_ended()?;
            let expected = format!("{started}{stopped}{started}");
            check_eq!(group.told(), expected, "the hooks of up");
            group.succeed(&["down"])?;
            group.succeed(&["down"])?;
            check_eq!(group.told(), expected + stopped, "the hooks of down");
            Ok(())
        },
    );
    suite.case(
        "up: what a hook leaves in the background holds nobody up",
        || {
            let text = "[jail.quick]\nroot = 'ROOT'\ncommand = ['sleep', '1000']\n\
                    hooks = { after-start = 'echo said; sleep 100 &' }\n";
            let group = Group::new(text)?;
            let start = Instant::now();
            // The pipeline ends when nobody has its other end any more.
            let said = output(&mut group.jaula(&["up"]))?;
            check!(said.status.success(), "{}", complaint(&said));
            check_eq!(
                jaula_tests::admin::text(&said),
                "said\n",
                "what the hook says"
            );
            let taken = start.elapsed();
            check!(taken < Duration::from_secs(50), "it took {taken:?}");
            group.succeed(&["down"])
        },
    );
    suite.case("up: a hook that hangs is ended with its group", || {
        let text = "[jail.stuck]\nroot = 'ROOT'\ncommand = ['sleep', '1000']\nhook-timeout = 1\n\
                    [jail.stuck.hooks]\n\
                    before-start = 'sleep 1000 & echo $! > told; trap \"\" TERM; wait; sleep 1000'\n";
        let group = Group::new(text)?;
        let refused = output(&mut group.jaula(&["up"]))?;
        failed(&refused, FAILED, &["before-start", "hook-timeout"])?;
        let pid = group.told().trim().parse().map_err(|_| fail(group.told()))?;
        check!(!runs(pid), "process {pid} still runs");
        check_eq!(in_kernel()?.len(), 0, "the jails afterwards");
        // Nor does it hold its lock.
        group.describe("[jail.stuck]\nroot = 'ROOT'\ncommand = ['sleep', '1000']\n")?;
        group.succeed(&["up"])?;
        group.succeed(&["down"])
    });
    suite.case("up: a signal ends its hook with it", || {
        let text = "[jail.hasty]\nroot = 'ROOT'\nhooks = { before-start = 'echo $$ > told; sleep 1000' }\n";
        let group = Group::new(text)?;
        let mut child = group.jaula(&["up"]).spawn().context("starting jaula")?;
        wait::until("the hook runs", || Ok(group.told().ends_with('\n')))?;
        let pid = group.told().trim().parse().map_err(|_| fail(group.told()))?;
        process::kill(child.id() as libc::pid_t, libc::SIGTERM).context("kill")?;
        let status = child.wait().context("waiting for jaula")?;
        check_eq!(status.signal(), Some(libc::SIGTERM), "what ended it");
        check!(!runs(pid), "process {pid} still runs");
        Ok(())
    });
    suite.case("up: two at once bring each jail up once", || {
        let group = Group::new(&three())?;
        let mut children = Vec::new();
        for _ in 0..4 {
            children.push(
                group
                    .jaula(&["up", "--quiet"])
                    .spawn()
                    .context("starting jaula")?,
            );
        }
        for mut child in children {
            let status = child.wait().context("waiting for jaula")?;
            check_eq!(status.code(), Some(0), "the exit status");
        }
        check_eq!(listed()?.len(), 3, "the jails");
        check_eq!(group.told().lines().count(), 6, "the hooks");
        group.succeed(&["down"])
    });
}
