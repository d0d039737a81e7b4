// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula kill` and `jaula wait`.

use jaula_tests::admin::{output, succeed, wait_until_executed, wait_until_named, Detached, ROOT};
use jaula_tests::ktap::{fail, Context, Suite};
use jaula_tests::launch::{complaint, failed, jaula, Root, FAILED};
use jaula_tests::{check, check_eq, jailfs, procfs, wait};
use std::process::Stdio;

pub fn add<'a>(suite: &mut Suite<'a>, root: &'a Root) {
    suite.case("kill: the first process alone, by name or number", || {
        for (signal, number) in [("HUP", 1), ("sigint", 2), ("15", 15)] {
            let run = [
                "run",
                "--detach",
                root.text(),
                "--",
                "/bin/probe",
                "signals",
            ];
            let jail = Detached::run(&run)?;
            jail.has_printed("ready")?;
            succeed(&["kill", "-s", signal, &jail.text()])?;
            check_eq!(
                jail.ended()?["exited"],
                40 + number,
                "how it ended by {signal}"
            );
        }
        let jail = Detached::start(&[], "exec sleep 1000")?;
        succeed(&["kill", &jail.text()])?;
        check_eq!(jail.ended()?["killed"], libc::SIGKILL, "how it ended");
        Ok(())
    });
    suite.case(
        "kill --all: everybody, by a signal for real time as well",
        || {
            let script = "for i in 1 2 3; do setsid sleep 1000 & done; exit 0";
            let jail = Detached::start(&["--keep"], script)?;
            wait_until_executed(jail.number, "sleep", 3)?;
            let gone = output(&mut jaula(&["kill", &jail.text()]))?;
            failed(&gone, FAILED, &["has ended", "--all"])?;
            succeed(&["kill", "--all", "--signal", "SIGRTMIN+3", &jail.text()])?;
            jailfs::wait_for(jail.number, "tasks", 0)?;
            let none = output(&mut jaula(&["kill", "--all", &jail.text()]))?;
            failed(&none, FAILED, &["nothing runs"])
        },
    );
    suite.case("kill --all: nobody outruns it", || {
        let run = ["run", "--detach", "--max-tasks", "50"];
        let bomb = [root.text(), "--", "/bin/probe", "bomb"];
        let jail = Detached::run(&[&run[..], &bomb].concat())?;
        wait::until("the bomb goes off", || {
            Ok(jailfs::value(jail.number, "tasks")? > 30)
        })?;
        succeed(&["kill", "--all", "-s", "STOP", &jail.text()])?;
        for pid in procfs::members(jail.number)? {
            wait::until("it is stopped", || {
                Ok("TZX".contains(procfs::state(pid).unwrap_or('X')))
            })?;
        }
        succeed(&["rm", &jail.text()])?;
        Ok(())
    });
    suite.case("kill --all: who flees is met, or that is said", || {
        for command in ["bomb", "flee", "flee"] {
            let run = ["run", "--detach", "--keep", "--max-tasks", "40"];
            let probe = [root.text(), "--", "/bin/probe", command];
            let jail = Detached::run(&[&run[..], &probe].concat())?;
            wait::until("it has begun", || {
                Ok(jailfs::value(jail.number, "tasks")? > 0)
            })?;
            std::thread::sleep(std::time::Duration::from_millis(300));
            let said = output(&mut jaula(&["kill", "--all", &jail.text()]))?;
            std::thread::sleep(std::time::Duration::from_secs(1));
            // Who flees ends by itself where those that he has been are waited for too late: they count,
            // and he is refused a child. Those are gone when init has waited for them.
            let nobody = complaint(&said).contains("nothing runs in it");
            match said.status.success() || nobody {
                true => jailfs::wait_for(jail.number, "tasks", 0)?,
                false => failed(&said, FAILED, &["jaula rm"])?,
            }
            succeed(&["rm", &jail.text()])?;
        }
        Ok(())
    });
    suite.case("kill: what is no signal is refused", || {
        let jail = Detached::start(&[], "exec sleep 1000")?;
        for bad in ["0", "65", "NOTHING", "RTMIN+99"] {
            let output = output(&mut jaula(&["kill", "-s", bad, &jail.text()]))?;
            check_eq!(
                output.status.code(),
                Some(FAILED),
                "the exit status for {bad}"
            );
            check!(complaint(&output).contains(bad), "{}", complaint(&output));
        }
        check!(jail.exists()?, "it is gone");
        Ok(())
    });
    suite.case("wait: the exit statuses are printed", || {
        let first = Detached::start(&["--name", "waited"], "read -r line < /tmp/none; exit 7")?;
        let second = Detached::start(&[], "exec sleep 1000")?;
        let kept = Detached::start(&["--keep"], "exit 9")?;
        let number = second.text();
        let child = jaula(&["wait", "waited", &number, &kept.text()])
            .stdout(Stdio::piped())
            .spawn()
            .context("starting jaula")?;
        first.ended()?;
        succeed(&["kill", "-s", "TERM", &number])?;
        let output = child.wait_with_output().context("waiting for jaula")?;
        check!(output.status.success(), "{}", complaint(&output));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        check_eq!(said, "7\n143\n9\n", "what is printed");
        // And once more, of those that have ended.
        check_eq!(
            succeed(&["wait", "waited", &number])?,
            "7\n143\n",
            "what is printed"
        );
        Ok(())
    });
    suite.case("wait: where it is not known, that is said", || {
        let run = [
            "run",
            "-q",
            "--name",
            "untold",
            ROOT,
            "--",
            "/bin/sleep",
            "1000",
        ];
        let mut child = jaula(&run).spawn().context("starting jaula")?;
        wait_until_executed(wait_until_named("untold")?, "sleep", 1)?;
        let waiting = jaula(&["wait", "untold"])
            .stderr(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting jaula")?;
        let pid = libc::pid_t::try_from(waiting.id()).map_err(|_| fail("no process id"))?;
        wait::until("it waits", || Ok(procfs::state(pid)? == 'S'))?;
        succeed(&["kill", "untold"])?;
        child.wait().context("waiting for jaula")?;
        let output = waiting
            .wait_with_output()
            .context("waiting for jaula wait")?;
        failed(&output, FAILED, &["untold", "not noted"])
    });
}
