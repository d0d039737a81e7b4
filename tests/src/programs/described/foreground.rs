// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula up --foreground`: a jail for a service manager, which is told when it is ready.

use jaula_tests::admin::{in_kernel, json, output, succeed, wait_until_named};
use jaula_tests::group::Group;
use jaula_tests::ktap::{CaseResult, Context, Failure, Suite};
use jaula_tests::launch::{complaint, failed, FAILED};
use jaula_tests::sys::process;
use jaula_tests::{check, check_eq, wait};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

/// Stands in for a service manager.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Manager {
    fn new(group: &Group) -> Result<Self, Failure> {
        let path = group.0.join("notify");
        let socket = UnixDatagram::bind(&path).context("notify")?;
        socket
            .set_read_timeout(Some(Duration::from_millis(100)))
            .context("timeout")?;
        Ok(Manager { socket, path })
    }

    fn start(&self, group: &Group, arguments: &[&str]) -> Result<Child, Failure> {
        let arguments = [&["up", "--foreground", "--only", "web"], arguments].concat();
        group
            .jaula(&arguments)
            .env("NOTIFY_SOCKET", &self.path)
            .env("INVOCATION_ID", "told-by-the-manager")
            .stderr(Stdio::piped())
            .spawn()
            .context("starting jaula")
    }

    /// What has been told, if anything.
    fn told(&self) -> Option<String> {
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }

    fn wait_until_told(&self, part: &str) -> CaseResult {
        wait::until(&format!("{part} is told"), || {
            Ok(self.told().is_some_and(|told| told.contains(part)))
        })
    }
}

fn ended(child: Child) -> Result<(Option<i32>, String), Failure> {
    let mut child = child;
    let ended = wait::until("jaula has ended", || {
        Ok(child.try_wait().context("wait")?.is_some())
    });
    let _ = child.kill();
    let said = child.wait_with_output().context("wait")?;
    ended?;
    Ok((said.status.code(), complaint(&said)))
}

/// A jail that ends when there is a file `end`, with the status in it.
const LASTING: &str =
    "[jail.web]\nroot = 'ROOT'\nunit = true\nuser = 'root'\ncommand = ['sh', '-c', \
    'trap \"exit 7\" USR1; trap \"echo asked; exit 0\" HUP; env; while :; do sleep 0.1; done']\n\
    stop-signal = 'HUP'\nenv-file = ['env']\n";

pub fn add(suite: &mut Suite<'_>) {
    suite.case(
        "foreground: ready when its command runs, and not before",
        || {
            let hooks =
                "hooks = { before-start = 'echo $$ > told; while [ ! -e go ]; do sleep 0.1; done; \
                     env > environment', after-start = 'while [ ! -e on ]; do sleep 0.1; done', \
                     after-stop = 'echo after >> told' }\n";
            let group = Group::new(&format!("{LASTING}{hooks}"))?;
            group.write("env", "NOTIFY_SOCKET\nINVOCATION_ID\nPATH\n")?;
            let manager = Manager::new(&group)?;
            let child = manager.start(&group, &[])?;
            wait::until("what comes before runs", || {
                Ok(group.told().ends_with('\n'))
            })?;
            check_eq!(manager.told(), None, "what is told before anything runs");
            group.write("go", "")?;
            let number = wait_until_named("web")?;
            wait::until("it has printed", || {
                // The jail is there before its log is.
                Ok(succeed(&["logs", "web"]).is_ok_and(|log| log.contains("HOME=")))
            })?;
            check_eq!(manager.told(), None, "what is told before all is done");
            group.write("on", "")?;
            let mut told = String::new();
            wait::until("READY=1 is told", || {
                told.extend(manager.told());
                Ok(told.contains("READY=1\n"))
            })?;
            check!(
                told.contains(&format!("STATUS=jail {number} runs\n")),
                "{told}"
            );
            let log = succeed(&["logs", "web"])?;
            let hook =
                std::fs::read_to_string(group.0.join("environment")).context("environment")?;
            for (whose, seen) in [("the jail", &log), ("the hook", &hook)] {
                for name in ["NOTIFY_SOCKET", "INVOCATION_ID"] {
                    check!(!seen.contains(name), "{whose} sees {name}: {seen}");
                }
            }
            let pid = json(&["inspect", "web"])?["noted"]["supervisor"]["pid"].as_i64();
            check_eq!(pid, Some(child.id().into()), "who looks after it");
            succeed(&["kill", "-s", "USR1", "web"])?;
            manager.wait_until_told("STOPPING=1")?;
            let (status, complaint) = ended(child)?;
            check_eq!(status, Some(7), "the status ({complaint})");
            check!(group.told().ends_with("after\n"), "{}", group.told());
            check_eq!(in_kernel()?.len(), 0, "the jails");
            Ok(())
        },
    );
    suite.case("foreground: hooks block no signal", || {
        let group = Group::new(&format!(
            "{LASTING}hooks = {{ after-start = 'grep SigBlk /proc/self/status >> told' }}\n"
        ))?;
        group.write("env", "")?;
        let manager = Manager::new(&group)?;
        let child = manager.start(&group, &[])?;
        manager.wait_until_told("READY=1")?;
        check_eq!(
            group.told(),
            "SigBlk:\t0000000000000000\n",
            "what is blocked"
        );
        group.succeed(&["down", "--only", "web"])?;
        ended(child).map(drop)
    });
    suite.case("foreground: what cannot be executed is never ready", || {
        let group = Group::new(
            "[jail.web]\nroot = 'ROOT'\ncommand = ['/bin/no-such']\n\
             hooks = { after-stop = 'echo after > told' }\n",
        )?;
        let manager = Manager::new(&group)?;
        let (status, complaint) = ended(manager.start(&group, &[])?)?;
        check_eq!(status, Some(FAILED), "the status ({complaint})");
        check!(complaint.contains("/bin/no-such"), "{complaint}");
        check_eq!(manager.told(), None, "what is told");
        check_eq!(group.told(), "after\n", "what comes after");
        check_eq!(in_kernel()?.len(), 0, "the jails");
        Ok(())
    });
    suite.case(
        "foreground: stopped by its own signal, and that is no failure",
        || {
            for command in [
                &["down", "--only", "web"][..],
                &["stop", "web"],
                &["rm", "web"],
            ] {
                let group = Group::new(&format!(
                    "{LASTING}hooks = {{ after-stop = 'echo after >> told' }}\n"
                ))?;
                group.write("env", "")?;
                let manager = Manager::new(&group)?;
                let child = manager.start(&group, &[])?;
                manager.wait_until_told("READY=1")?;
                wait::until("it has printed", || {
                    Ok(succeed(&["logs", "web"])?.contains("HOME="))
                })?;
                group.succeed(command)?;
                let (status, complaint) = ended(child)?;
                check_eq!(
                    status,
                    Some(0),
                    "the status after {command:?} ({complaint})"
                );
                if command[0] != "rm" {
                    let log = succeed(&["logs", "web"])?;
                    check!(log.ends_with("asked\n"), "{log}");
                }
                let after = match command[0] {
                    "down" => "after\n",
                    // It is to be done by the next up or down.
                    _ => "",
                };
                check_eq!(group.told(), after, "what comes after {command:?}");
            }
            Ok(())
        },
    );
    suite.case("foreground: killed, and the jail with it", || {
        let group = Group::new(LASTING)?;
        group.write("env", "")?;
        let manager = Manager::new(&group)?;
        let mut child = manager.start(&group, &[])?;
        manager.wait_until_told("READY=1")?;
        child.kill().context("kill")?;
        child.wait().context("wait")?;
        wait::until("the jail has ended", || Ok(in_kernel()?.is_empty()))?;
        let child = manager.start(&group, &[])?;
        manager.wait_until_told("READY=1")?;
        wait::until("it has printed", || {
            Ok(succeed(&["logs", "web"])?.contains("HOME="))
        })?;
        // Whoever does not know jaula passes a signal on.
        process::kill(child.id() as libc::pid_t, libc::SIGUSR1).context("kill")?;
        let (status, complaint) = ended(child)?;
        check_eq!(status, Some(7), "the status ({complaint})");
        Ok(())
    });
    suite.case(
        "foreground: one that runs already is not started twice",
        || {
            let group = Group::new(LASTING)?;
            group.write("env", "")?;
            group.succeed(&["up", "--only", "web"])?;
            let refused = output(&mut group.jaula(&["up", "--foreground", "--only", "web"]))?;
            failed(&refused, FAILED, &["it runs already"])?;
            check_eq!(in_kernel()?.len(), 1, "the jails");
            group.succeed(&["down", "--only", "web"])?;
            let manager = Manager::new(&group)?;
            let child = manager.start(&group, &[])?;
            manager.wait_until_told("READY=1")?;
            let before = in_kernel()?;
            // Nor is it theirs to take down.
            group.succeed(&["up"])?;
            group.succeed(&["down"])?;
            check_eq!(in_kernel()?, before, "the jails");
            group.succeed(&["down", "--only", "web"])?;
            let (status, complaint) = ended(child)?;
            check_eq!(status, Some(0), "the status ({complaint})");
            Ok(())
        },
    );
    suite.case(
        "foreground: no service manager, and one that is not there",
        || {
            let group =
                Group::new("[jail.web]\nroot = 'ROOT'\ncommand = ['sh', '-c', 'exit 3']\n")?;
            let arguments = ["up", "--foreground", "--only", "web"];
            let said = output(&mut group.jaula(&arguments))?;
            check_eq!(
                said.status.code(),
                Some(3),
                "the status ({})",
                complaint(&said)
            );
            let mut command = group.jaula(&arguments);
            let said = output(command.env("NOTIFY_SOCKET", "/no/such"))?;
            let complaint = complaint(&said);
            check_eq!(said.status.code(), Some(3), "the status ({complaint})");
            check!(
                complaint.contains("telling the service manager"),
                "{complaint}"
            );
            let refused = output(&mut group.jaula(&["up", "--foreground"]))?;
            check_eq!(refused.status.code(), Some(FAILED), "without --only");
            group.describe("[jail.web]\nroot = 'ROOT'\nkeep = true\n")?;
            let refused = output(&mut group.jaula(&arguments))?;
            failed(&refused, FAILED, &["web: is to outlive"])?;
            check_eq!(in_kernel()?.len(), 0, "the jails");
            Ok(())
        },
    );
}
