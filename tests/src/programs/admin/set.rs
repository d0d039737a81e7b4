// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula set`: limits of a jail that exists.

use jaula_tests::admin::{output, succeed, Detached};
use jaula_tests::ktap::{Context, Suite};
use jaula_tests::launch::{complaint, failed, jaula, FAILED};
use jaula_tests::{check, check_eq, jailfs};

pub fn add(suite: &mut Suite<'_>) {
    suite.case("set: several at once", || {
        let jail = Detached::start(&[], "exec sleep 1000")?;
        let number = jail.text();
        let settings = [
            "tasks.max=5",
            "shm_bytes.max=1M",
            "sem.max=0",
            "children.max=2",
        ];
        succeed(&[&["set", &number][..], &settings].concat())?;
        let expected = serde_json::json!({
            "tasks": 5, "sem": 0, "shm": null, "msg": null, "shm_bytes": 1 << 20, "children": 2
        });
        check_eq!(jail.inspect()?["limits"], expected, "the limits");
        succeed(&["set", &number, "tasks.max=max"])?;
        check_eq!(
            jail.inspect()?["limits"]["tasks"],
            serde_json::Value::Null,
            "no limit"
        );
        Ok(())
    });
    suite.case("set: a limit holds from then on", || {
        let script = "echo ready; read -r line </tmp/never; :";
        let jail = Detached::start(&[], &format!("{script}; sleep 1000"))?;
        jail.has_printed("ready")?;
        succeed(&["set", &jail.text(), "tasks.max=1"])?;
        let refused = output(&mut jaula(&["exec", &jail.text(), "--", "/bin/true"]))?;
        failed(&refused, FAILED, &["EAGAIN", "tasks.max"])
    });
    suite.case("set: a name, once", || {
        let jail = Detached::start(&[], "exec sleep 1000")?;
        succeed(&["set", &jail.text(), "name=late"])?;
        check_eq!(jail.inspect()?["name"], "late", "the name");
        let again = output(&mut jaula(&["set", "late", "name=later"]))?;
        failed(&again, FAILED, &["EBUSY"])
    });
    suite.case("set: a name that comes late is known afterwards", || {
        let jail = Detached::start(&[], "echo late; exec sleep 1000")?;
        jail.has_printed("late")?;
        succeed(&["set", &jail.text(), "name=late-known"])?;
        succeed(&["stop", "late-known"])?;
        check_eq!(succeed(&["logs", "late-known"])?, "late\n", "the log");
        Ok(())
    });
    suite.case("set: a hostname, where the jail has one of its own", || {
        let hostname = || std::fs::read_to_string("/proc/sys/kernel/hostname").context("hostname");
        let before = hostname()?;
        let options = ["--keep", "--new-uts", "--hostname", "before"];
        let jail = Detached::start(&options, "read -r line; exec sleep 1000 </tmp/none")?;
        let number = jail.text();
        let inside = || succeed(&["exec", &number, "--", "hostname"]);
        succeed(&["set", &number, "hostname=after"])?;
        check_eq!(inside()?, "after\n", "its hostname");
        // Also where nobody is left in it, and what comes has to make it once more.
        succeed(&["kill", "--all", &number]).or_else(|_| succeed(&["ls"]))?;
        jailfs::wait_for(jail.number, "tasks", 0)?;
        succeed(&["set", &number, "hostname=later", "tasks.max=7"])?;
        check_eq!(inside()?, "later\n", "its hostname");
        check_eq!(hostname()?, before, "the host's");
        let longest = format!("hostname={}", "x".repeat(65));
        for bad in ["hostname=", longest.as_str()] {
            let refused = output(&mut jaula(&["set", &number, bad]))?;
            check_eq!(refused.status.code(), Some(FAILED), "the exit status");
        }
        let other = Detached::start(&[], "exec sleep 1000")?;
        let settings = ["set", &other.text(), "hostname=stolen", "tasks.max=3"];
        failed(&output(&mut jaula(&settings))?, FAILED, &["--new-uts"])?;
        check_eq!(other.inspect()?["limits"]["tasks"], 2048, "the limit");
        check_eq!(hostname()?, before, "the host's");
        Ok(())
    });
    suite.case("set: all or nothing", || {
        let first = Detached::start(&["--name", "taken"], "exec sleep 1000")?;
        let second = Detached::start(&["--max-tasks", "9"], "exec sleep 1000")?;
        let settings = [
            "set",
            &second.text(),
            "name=taken",
            "tasks.max=3",
            "msg.max=1",
        ];
        failed(
            &output(&mut jaula(&settings))?,
            FAILED,
            &["taken", "EEXIST"],
        )?;
        let limits = second.inspect()?["limits"].clone();
        check_eq!(limits["tasks"], 9, "the limit on tasks");
        check_eq!(
            limits["msg"],
            serde_json::Value::Null,
            "the limit on queues"
        );
        drop(first);
        Ok(())
    });
    suite.case("set: persist keeps a jail with nothing in it", || {
        let kept = Detached::start(&["--keep"], "exit 0")?;
        jailfs::wait_for(kept.number, "tasks", 0)?;
        check_eq!(kept.inspect()?["state"], "alive", "its state");
        // The last thing that kept it.
        succeed(&["set", &kept.text(), "persist=0"])?;
        jailfs::wait_until_gone(kept.number)
    });
    for bad in [
        "tasks.max=-1",
        "tasks.max=",
        "tasks=5",
        "colour=red",
        "children.max=max",
    ] {
        suite.case(&format!("set: {bad} is refused"), move || {
            let jail = Detached::start(&[], "exec sleep 1000")?;
            let before = jail.inspect()?["limits"].clone();
            let output = output(&mut jaula(&["set", &jail.text(), bad]))?;
            let message = complaint(&output);
            check_eq!(
                output.status.code(),
                Some(FAILED),
                "the exit status: {message}"
            );
            let named = bad.split('=').next().unwrap_or(bad);
            check!(message.contains(named), "the message: {message}");
            check_eq!(jail.inspect()?["limits"], before, "the limits");
            Ok(())
        });
    }
}
