// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula exec`: one more process in a jail, as if `jaula run` had started it there.

use jaula_tests::admin::{output, succeed, Detached, ROOT};
use jaula_tests::check_eq;
use jaula_tests::ktap::{Context, Suite};
use jaula_tests::launch::{failed, jaula, Root, Seen, FAILED};
use jaula_tests::sys::process;
use std::process::Stdio;

pub fn add<'a>(suite: &mut Suite<'a>, root: &'a Root) {
    let start = |options: &[&str]| {
        let command = ["run", "--detach"];
        let wait = [root.text(), "--", "/bin/probe", "wait"];
        Detached::run(&[&command, options, &wait].concat())
    };
    suite.case(
        "exec: in the jail and its root, with nothing of the caller",
        move || {
            let jail = start(&[])?;
            let mut command = jaula(&["exec", &jail.text(), "--", "/bin/probe"]);
            command
                .env("SECRET", "1")
                .env("TERM", "vt100")
                .current_dir("/etc");
            let seen = Seen::from(&output(&mut command)?)?;
            seen.expect("number", jail.number)?;
            seen.expect("cwd", "/")?;
            seen.expect("descriptors", "0,1,2")?;
            seen.expect("uids", "1000,1000,1000")?;
            seen.expect("groups", "")?;
            seen.expect("NoNewPrivs", 1)?;
            seen.expect("CapEff", "0000000000000000")?;
            seen.expect("setuid", "EPERM")?;
            seen.expect("environment", "HOME,LOGNAME,PATH,SHELL,TERM,USER,USERNAME")
        },
    );
    suite.case(
        "exec: the user that the jail was started with, or another",
        move || {
            let jail = start(&["--user", "prober"])?;
            let number = jail.text();
            let seen = Seen::from(&output(&mut jaula(&["exec", &number, "--", "/bin/probe"]))?)?;
            seen.expect("uids", "1001,1001,1001")?;
            seen.expect("gids", "1002,1002,1002")?;
            let options = ["exec", "--user", "1000:7", &number, "--", "/bin/probe"];
            let seen = Seen::from(&output(&mut jaula(&options))?)?;
            seen.expect("uids", "1000,1000,1000")?;
            seen.expect("gids", "7,7,7")
        },
    );
    suite.case(
        "exec: by name, with a shell where no command is given",
        move || {
            let jail = start(&["--name", "entered"])?;
            let options = ["exec", "--setenv", "A=b", "entered"];
            let seen = Seen::from(&output(&mut jaula(&options))?)?;
            seen.expect("number", jail.number)?;
            seen.expect("env A", "b")
        },
    );
    for status in [0, 3, 125, 255] {
        suite.case(
            &format!("exec: exit status {status} is passed on"),
            move || {
                let jail = start(&[])?;
                let status_text = status.to_string();
                let command = [
                    "exec",
                    &jail.text(),
                    "--",
                    "/bin/probe",
                    "exit",
                    &status_text,
                ];
                let output = output(&mut jaula(&command))?;
                check_eq!(output.status.code(), Some(status), "the exit status");
                Ok(())
            },
        );
    }
    suite.case("exec: 127 where there is no such command", move || {
        let jail = start(&[])?;
        let output = output(&mut jaula(&["exec", &jail.text(), "--", "/bin/no-such"]))?;
        failed(&output, 127, &["/bin/no-such"])
    });
    suite.case(
        "exec: another directory where the root was is not entered",
        || {
            let place = std::env::temp_dir().join(format!("moved-{}", process::pid()));
            let (place, old) = (
                place.display().to_string(),
                format!("{}.old", place.display()),
            );
            succeed(&[
                "rootfs",
                "build",
                "--quiet",
                "--template",
                "minimal",
                &place,
            ])?;
            let jail = Detached::run(&["run", "--detach", &place, "--", "/bin/sleep", "1000"])?;
            succeed(&["exec", &jail.text(), "--", "/bin/true"])?;
            std::fs::rename(&place, &old).context("rename")?;
            std::fs::create_dir(&place).context("mkdir")?;
            let refused = output(&mut jaula(&["exec", &jail.text(), "--", "/bin/true"]))?;
            failed(&refused, FAILED, &[&place, "--root"])?;
            succeed(&["exec", "--root", &old, &jail.text(), "--", "/bin/true"])?;
            drop(jail);
            std::fs::remove_dir_all(&old).context("removing the root")?;
            std::fs::remove_dir(&place).context("removing the other")
        },
    );
    suite.case("exec: what it runs is asked to end with the jail", || {
        let jail = Detached::start(&[], "exec sleep 1000")?;
        let mut child = jaula(&[
            "exec",
            &jail.text(),
            "--",
            "/bin/sh",
            "-c",
            "echo in; sleep 1000",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .context("starting jaula")?;
        let mut line = String::new();
        if let Some(stdout) = &mut child.stdout {
            std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line)
                .context("hearing from the jail")?;
        }
        check_eq!(line, "in\n", "what it says");
        succeed(&["stop", &jail.text()])?;
        let ended = child.wait().context("waiting for jaula exec")?;
        check_eq!(ended.code(), Some(128 + libc::SIGTERM), "its exit status");
        Ok(())
    });
    suite.case("root of a jail sees and signals what its users run", || {
        let jail = Detached::start(&["--keep"], "exec sleep 1000")?;
        let script = "pidof sleep > /dev/null && echo seen; killall sleep && echo sent";
        let root = ["exec", "--user", "root", &jail.text(), "--"];
        let said = succeed(&[&root[..], &["/bin/sh", "-c", script]].concat())?;
        check_eq!(said, "seen\nsent\n", "what root says");
        let status = (128 + libc::SIGTERM).to_string();
        let waited = succeed(&["wait", &jail.text()])?;
        check_eq!(waited.trim_end(), status, "how it ended");
        let run = ["-q", "--user", "root", ROOT, "--", "/bin/sh", "-c"];
        let script = "su user -c 'exec sleep 1000' & \
                      until pidof sleep > /dev/null; do sleep 0.1; done; killall sleep && wait $!; \
                      echo $?";
        let said = succeed(&[&run[..], &[script]].concat())?;
        check_eq!(said.lines().last(), Some(&*status), "how it ended");
        Ok(())
    });
    suite.case("exec: a caller without privilege is refused", || {
        let jail = Detached::start(&[], "exec sleep 1000")?;
        let number = jail.text();
        let ended = process::in_child(|| {
            let refused = jaula_tests::sys::ids::become_user(1000)
                .context("becoming user 1000")
                .and_then(|()| output(&mut jaula(&["exec", &number, "--", "/bin/true"])))
                .and_then(|output| failed(&output, FAILED, &["CAP_SYS_ADMIN"]));
            i32::from(refused.is_err())
        });
        check_eq!(
            ended.context("fork")?,
            process::Ended::Exited(0),
            "the child"
        );
        Ok(())
    });
}
