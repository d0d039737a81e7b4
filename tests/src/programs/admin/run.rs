// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula run`: names, limits, detached and kept jails.

use jaula_tests::admin::{in_kernel, json, listed, noted, output, succeed, text, Detached, ROOT};
use jaula_tests::ktap::{fail, Context, Suite};
use jaula_tests::launch::{complaint, failed, jaula, Root, Seen, FAILED};
use jaula_tests::{check, check_eq};
use std::process::Command;

pub fn add<'a>(suite: &mut Suite<'a>, root: &'a Root) {
    suite.case("run is the same as a bare ROOT", || {
        for word in [&["run"][..], &[]] {
            let command = [ROOT, "--", "/bin/sh", "-c", "echo $USER; exit 3"];
            let output = output(&mut jaula(&[word, &command].concat()))?;
            check_eq!(output.status.code(), Some(3), "the exit status");
            check_eq!(text(&output), "user\n", "what it prints");
        }
        Ok(())
    });
    suite.case(
        "a jail ends with its first process, whatever is left in it",
        || {
            let before = (in_kernel()?, noted()?);
            let script = "sleep 1000 & sleep 1000 & exit 4";
            let output = output(&mut jaula(&[
                "run", "-q", ROOT, "--", "/bin/sh", "-c", script,
            ]))?;
            check_eq!(
                output.status.code(),
                Some(4),
                "the exit status ({})",
                complaint(&output)
            );
            check_eq!(in_kernel()?, before.0, "the jails afterwards");
            // Those that had ended before may be forgotten now.
            check!(
                noted()?.is_subset(&before.1),
                "more is noted: {:?}, before that {:?}",
                noted()?,
                before.1
            );
            Ok(())
        },
    );
    suite.case("name and limits are set before anything runs", || {
        let options = [
            "--name",
            "limited",
            "--max-tasks",
            "7",
            "--max-sem",
            "1",
            "--max-shm",
            "2",
            "--max-msg",
            "max",
            "--max-shm-bytes",
            "64K",
            "--max-children",
            "3",
        ];
        let jail = Detached::start(&options, "sleep 1000")?;
        let said = jail.inspect()?;
        check_eq!(said["name"], "limited", "the name");
        check_eq!(said["persist"], false, "persist");
        let expected = serde_json::json!({
            "tasks": 7, "sem": 1, "shm": 2, "msg": null, "shm_bytes": 65536, "children": 3
        });
        check_eq!(said["limits"], expected, "the limits");
        Ok(())
    });
    suite.case("--max-tasks holds", || {
        let script = "for i in 1 2 3 4 5; do sleep 1000 & done; echo all";
        let options = [
            "run",
            "-q",
            "--max-tasks",
            "3",
            ROOT,
            "--",
            "/bin/sh",
            "-c",
            script,
        ];
        let output = output(&mut jaula(&options))?;
        check!(
            !text(&output).contains("all"),
            "more were made than the limit allows"
        );
        check!(
            complaint(&output).contains("fork"),
            "no complaint: {}",
            complaint(&output)
        );
        Ok(())
    });
    suite.case(
        "a name is given once; the second jail does not come to be",
        || {
            let first = Detached::start(&["--name", "once"], "sleep 1000")?;
            let before = in_kernel()?;
            let second = output(&mut jaula(&[
                "run",
                "--name",
                "once",
                ROOT,
                "--",
                "/bin/true",
            ]))?;
            failed(&second, FAILED, &["once", "EEXIST"])?;
            check_eq!(in_kernel()?, before, "the jails afterwards");
            check!(first.exists()?, "the first is gone");
            Ok(())
        },
    );
    for name in ["", "7", "a b", "a/b", "../x"] {
        suite.case(&format!("--name '{name}' is refused"), move || {
            let option = format!("--name={name}");
            let before = in_kernel()?;
            let output = output(&mut jaula(&["run", &option, ROOT, "--", "/bin/echo", "x"]))?;
            let message = complaint(&output);
            check_eq!(
                output.status.code(),
                Some(FAILED),
                "the exit status: {message}"
            );
            check!(message.contains("--name"), "the message: {message}");
            check_eq!(text(&output), "", "what it prints");
            check_eq!(in_kernel()?, before, "the jails afterwards");
            Ok(())
        });
    }
    suite.case(
        "--detach prints the number once something is executed",
        || {
            let jail = Detached::start(&[], "exec sleep 1000")?;
            check!(jail.exists()?, "there is no jail {}", jail.number);
            let first = jail.noted_process("first_process")?;
            let own = std::fs::read_to_string(format!("/proc/{first}/comm")).context("comm")?;
            check!(
                own == "sh\n" || own == "sleep\n",
                "the first process is {own}"
            );
            check!(listed()?.contains(&jail.number), "it is not listed");
            Ok(())
        },
    );
    for (what, path, status) in [
        ("there is no such command", "/bin/no-such", 127),
        ("the command cannot be executed", "/etc/passwd", 126),
    ] {
        suite.case(&format!("--detach: {status} where {what}"), move || {
            let before = (in_kernel()?, noted()?);
            let output = output(&mut jaula(&["run", "--detach", ROOT, "--", path]))?;
            failed(&output, status, &[path])?;
            check_eq!((in_kernel()?, noted()?), before, "the jails afterwards");
            Ok(())
        });
    }
    suite.case("--detach: 125 where ROOT is missing", || {
        let output = output(&mut jaula(&[
            "run",
            "--detach",
            "/no/such",
            "--",
            "/bin/true",
        ]))?;
        failed(&output, FAILED, &["/no/such"])
    });
    suite.case(
        "a detached jail has no descriptor and no terminal of its caller's",
        || {
            let outside = std::fs::File::open("/").context("/")?;
            for number in [60, 100] {
                jaula_tests::sys::tty::duplicate_to(std::os::fd::AsFd::as_fd(&outside), number)
                    .context("dup2")?;
            }
            let jail = Detached::run(&["run", "--detach", root.text(), "--", "/bin/probe"])?;
            jail.ended()?;
            let mut seen = jaula(&["logs", &jail.text()]);
            let seen = Seen::from(&output(&mut seen)?)?;
            seen.expect("number", jail.number)?;
            seen.expect("descriptors", "0,1,2")?;
            seen.expect("environment", "HOME,LOGNAME,PATH,SHELL,USER,USERNAME")
        },
    );
    suite.case("--detach: under a caller that ignores SIGCHLD", || {
        let script = format!("trap '' CHLD; exec jaula run --detach {ROOT} -- /bin/false");
        let output = output(Command::new("/bin/sh").args(["-c", &script]))?;
        check!(output.status.success(), "{}", complaint(&output));
        let number = text(&output).trim_end().parse();
        let jail = Detached {
            number: number.map_err(|_| fail("printed no number"))?,
        };
        check_eq!(jail.ended()?["exited"], 1, "how it ended");
        Ok(())
    });
    suite.case("the supervisor keeps nothing of its caller open", || {
        let jail = Detached::start(&[], "sleep 1000")?;
        let supervisor = jail.noted_process("supervisor")?;
        let directory = format!("/proc/{supervisor}/fd");
        for entry in std::fs::read_dir(&directory).context(&directory)? {
            let path = entry?.path();
            let target = std::fs::read_link(&path).context(path.display())?;
            let target = target.display().to_string();
            let own = format!("/run/jaula/{}", jail.number);
            check!(
                target == "/dev/null"
                    || target == "anon_inode:[jail]"
                    || target.starts_with("pipe:")
                    || target.starts_with(&own),
                "{} is open: {target}",
                path.display()
            );
        }
        let cwd = std::fs::read_link(format!("/proc/{supervisor}/cwd")).context("cwd")?;
        check_eq!(cwd, std::path::Path::new("/"), "its working directory");
        Ok(())
    });
    suite.case(
        "--keep: the jail outlives its first process, until it is removed",
        || {
            let options = [
                "run", "-q", "--keep", "--name", "kept", ROOT, "--", "/bin/sh", "-c",
            ];
            let output = output(&mut jaula(&[&options[..], &["exit 5"]].concat()))?;
            check_eq!(output.status.code(), Some(5), "the exit status");
            let said = json(&["inspect", "kept"])?;
            check_eq!(said["tasks"], 0, "its tasks");
            check_eq!(said["persist"], true, "persist");
            succeed(&["exec", "kept", "--", "/bin/true"])?;
            succeed(&["rm", "kept"])?;
            let number = said["number"].as_i64().unwrap_or_default();
            check!(!in_kernel()?.contains(&number), "it is still there");
            check!(!noted()?.contains(&number), "it is still noted");
            Ok(())
        },
    );
}
