// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula exec` into the world of a jail, and what a jail is allowed afterwards.

use super::place::Place;
use jaula_tests::admin::{output, succeed, text, Detached};
use jaula_tests::ktap::{CaseResult, Context, Failure, Suite};
use jaula_tests::launch::{complaint, jaula};
use jaula_tests::{check, check_eq, jailfs};
use std::io::{BufRead, BufReader};
use std::process::Stdio;

fn start(place: &Place, options: &[&str], script: &str) -> Result<Detached, Failure> {
    let root = place.root();
    let command = [&root, "--", "/bin/sh", "-c", script];
    Detached::run(&[&["run", "--detach"], options, &command].concat())
}

fn says(jail: &Detached, options: &[&str], script: &str) -> Result<String, Failure> {
    let number = jail.text();
    let command = [&number, "--", "/bin/sh", "-c", script];
    let output = output(&mut jaula(
        &[&["exec", "--quiet"], options, &command].concat(),
    ))?;
    check!(
        output.status.success(),
        "{script}: {}: {}",
        output.status,
        complaint(&output)
    );
    Ok(text(&output).trim_end().to_owned())
}

fn expect(jail: &Detached, script: &str, said: &str) -> CaseResult {
    check_eq!(says(jail, &[], script)?, said, "{script}");
    Ok(())
}

const NAMESPACES: &str = "for i in mnt ipc net uts pid; do readlink /proc/self/ns/$i; done";
const ALL_NEW: [&str; 6] = [
    "--new-ipc",
    "--new-net",
    "--new-uts",
    "--hostname",
    "inside",
    "--new-pid",
];

pub fn add<'a>(suite: &mut Suite<'a>, place: &'a Place) {
    suite.case("exec: in the mounts of the jail", || {
        let script = "echo mine > /tmp/file; echo done; exec sleep 1000";
        let jail = start(place, &["--tmpfs", "/tmp"], script)?;
        jail.has_printed("done")?;
        expect(&jail, "cat /tmp/file", "mine")?;
        let mounts = "cut -d ' ' -f 2 /proc/mounts | tail -n +2 | tr '\\n' ' '";
        expect(&jail, mounts, "/proc /dev /dev/pts /dev/shm /tmp")
    });
    suite.case("exec: in all of its namespaces", || {
        let script = format!("{NAMESPACES}; exec sleep 1000");
        let jail = start(place, &ALL_NEW, &script)?;
        jail.has_printed("pid:")?;
        let first = succeed(&["logs", &jail.text()])?;
        expect(&jail, NAMESPACES, first.trim_end())?;
        expect(&jail, "hostname", "inside")?;
        let pids = "for i in /proc/[0-9]*; do cat $i/comm; done 2>/dev/null | grep -c sleep";
        expect(&jail, pids, "1")
    });
    suite.case(
        "exec: exit status and signals in a namespace of process ids",
        || {
            let jail = start(place, &["--new-pid"], "exec sleep 1000")?;
            for (script, status) in [("exit 3", 3), ("kill -15 $$", 143)] {
                let number = jail.text();
                let output = output(&mut jaula(&[
                    "exec", &number, "--", "/bin/sh", "-c", script,
                ]))?;
                check_eq!(output.status.code(), Some(status), "{script}");
            }
            Ok(())
        },
    );
    suite.case(
        "exec: the same filter, limits, umask and capabilities",
        || {
            let options = ["--user", "root", "--umask", "027", "--rlimit", "nofile=77"];
            let jail = start(place, &options, "exec sleep 1000")?;
            expect(&jail, "umask; ulimit -n; ulimit -c", "0027\n77\n0")?;
            let status = "grep -E '^(Seccomp|NoNewPrivs|CapBnd):' /proc/self/status | cut -f 2";
            expect(&jail, status, "00000000a00885fb\n1\n2")
        },
    );
    suite.case("exec: what the jail was started without", || {
        let options = ["--without", "seccomp,dev,no-new-privs"];
        let jail = start(place, &options, "exec sleep 1000")?;
        let status = "grep -E '^(Seccomp|NoNewPrivs):' /proc/self/status | cut -f 2; ls -A /dev";
        expect(&jail, status, "0\n0")
    });
    suite.case("exec: --plain stays plain", || {
        let jail = start(place, &["--plain"], "exec sleep 1000")?;
        expect(&jail, "ls -A /proc /dev", "/dev:\n\n/proc:")
    });
    suite.case(
        "exec: the working directory of the jail, or another",
        || {
            let jail = start(place, &["--workdir", "/data"], "exec sleep 1000")?;
            expect(&jail, "pwd", "/data")?;
            check_eq!(says(&jail, &["--workdir", "/more"], "pwd")?, "/more", "pwd");
            Ok(())
        },
    );
    suite.case(
        "exec: a kept jail with nothing in it gets all of it again",
        || {
            let options = [
                "--keep",
                "--tmpfs",
                "/tmp",
                "--new-uts",
                "--hostname",
                "inside",
            ];
            let jail = start(place, &options, "echo one > /tmp/one; exit 0")?;
            jailfs::wait_for(jail.number, "tasks", 0)?;
            expect(&jail, "ls -A /tmp; hostname", "inside")?;
            let number = jail.text();
            let mut second = jaula(&["exec", &number, "--", "/bin/sh", "-c"])
                .arg("echo two > /tmp/two; echo ready; exec sleep 1000")
                .stdout(Stdio::piped())
                .spawn()
                .context("starting jaula")?;
            let mut line = String::new();
            if let Some(stdout) = &mut second.stdout {
                BufReader::new(stdout)
                    .read_line(&mut line)
                    .context("hearing from the jail")?;
            }
            check_eq!(line, "ready\n", "what it says");
            expect(&jail, "ls -A /tmp", "two")?;
            drop(jail);
            second.wait().context("waiting for jaula").map(drop)
        },
    );
    suite.case("--allow: shown, given, and taken away again", || {
        let options = ["--user", "root", "--allow", "chroot"];
        let jail = start(place, &options, "exec sleep 1000")?;
        let allowed = |name: &str| -> Result<bool, Failure> {
            let said = jail.inspect()?;
            let names = said["allow"].as_array().cloned().unwrap_or_default();
            Ok(names.iter().any(|found| found.as_str() == Some(name)))
        };
        check!(allowed("sys_chroot")?, "it is not shown");
        expect(&jail, "chroot / echo inside", "inside")?;
        succeed(&["set", &jail.text(), "allow=-chroot,+sys_time"])?;
        check!(
            !allowed("sys_chroot")? && allowed("sys_time")?,
            "it is shown"
        );
        let refused = "chroot / true 2>&1 | grep -o 'not permitted'";
        expect(&jail, refused, "not permitted")?;
        succeed(&["set", &jail.text(), "allow=none"])?;
        check!(!allowed("chown")?, "chown is left");
        succeed(&["set", &jail.text(), "allow=chown,kill"])?;
        check!(
            allowed("chown")? && !allowed("setuid")?,
            "it is not replaced"
        );
        Ok(())
    });
    suite.case("root in a jail cannot chroot unless it may", || {
        let script = "chroot / true 2>/dev/null || echo refused";
        place.expect(&["--user", "root"], script, "refused")?;
        place.expect(
            &["--user", "root", "--allow", "chroot"],
            "chroot / echo in",
            "in",
        )
    });
}
