// SPDX-License-Identifier: MIT OR Apache-2.0

//! What cannot be done, and how that is said. Nothing is executed then, and no jail is left.

use super::place::Place;
use jaula_tests::admin::in_kernel;
use jaula_tests::check_eq;
use jaula_tests::ktap::Suite;
use jaula_tests::launch::{failed, jaula, run, FAILED};

pub fn add<'a>(suite: &mut Suite<'a>, place: &'a Place) {
    let file_on_directory = format!("{}:/data", place.host("file"));
    let no_source = format!("{}:/data", place.host("missing"));
    let no_target = format!("{}:/missing", place.host("below"));
    for (options, parts) in [
        (
            vec!["--bind", &file_on_directory],
            vec!["--bind", "directory"],
        ),
        (vec!["--bind", &no_source], vec!["missing", "ENOENT"]),
        (vec!["--bind", &no_target], vec!["/missing", "in the root"]),
        (
            vec!["--tmpfs", "/missing"],
            vec!["--tmpfs /missing", "in the root"],
        ),
        (
            vec!["--tmpfs", "/etc/passwd"],
            vec!["--tmpfs /etc/passwd", "no directory"],
        ),
        (
            vec!["--workdir", "/missing"],
            vec!["working directory", "/missing", "ENOENT"],
        ),
        (
            vec!["--workdir", "/root"],
            vec!["working directory", "/root", "EACCES"],
        ),
        (
            vec!["--user", "root", "--workdir", "/proc/self/root"],
            vec!["working directory", "/proc/self/root", "ELOOP"],
        ),
        (
            vec!["--plain", "--tmpfs", "/tmp"],
            vec!["a tmpfs", "turned off"],
        ),
        (
            vec!["--without", "mounts", "--new-pid"],
            vec!["process ids", "turned off"],
        ),
        (
            vec!["--rlimit", "nofile=9223372036854775807"],
            vec!["nofile", "not permitted"],
        ),
    ] {
        let (options, parts): (Vec<String>, Vec<String>) = (
            options.into_iter().map(str::to_owned).collect(),
            parts.into_iter().map(str::to_owned).collect(),
        );
        suite.case(&format!("refused: {}", options.join(" ")), move || {
            let before = in_kernel()?;
            let options: Vec<&str> = options.iter().map(String::as_str).collect();
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            let root = place.root();
            let command = [&["run"], &options[..], &[&root, "--", "/bin/true"]].concat();
            failed(&run(&mut jaula(&command))?, FAILED, &parts)?;
            check_eq!(in_kernel()?, before, "the jails");
            Ok(())
        });
    }
    for options in [
        &["--without", "colour"][..],
        &["--allow", "everything"],
        &["--bind", "relative:/data"],
        &["--umask", "8"],
        &["--rlimit", "files=1"],
        &["--hostname", "inside"],
        &["--init", "none"],
        &["--new-pid", "--init", "systemd"],
        &["--tty"],
    ] {
        suite.case(&format!("wrong usage: {}", options.join(" ")), move || {
            let root = place.root();
            let command = [&["run"], options, &[&root, "--", "/bin/echo", "done"]].concat();
            let output = run(&mut jaula(&command))?;
            check_eq!(output.status.code(), Some(FAILED), "the exit status");
            check_eq!(output.stdout, b"", "standard output");
            Ok(())
        });
    }
}
