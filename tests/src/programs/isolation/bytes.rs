// SPDX-License-Identifier: MIT OR Apache-2.0

//! Names and values are bytes, whatever encoding they are in.

use super::place::Place;
use jaula_tests::admin::{output, text};
use jaula_tests::check_eq;
use jaula_tests::ktap::{CaseResult, Context, Suite};
use jaula_tests::launch::{complaint, jaula};
use jaula_tests::sys::mount;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::symlink;
use std::path::Path;

const CAFE: &[u8] = b"caf\xe9";

/// Runs a shell in a jail and checks what it prints.
fn expect(options: &[&OsStr], root: &OsStr, script: &[u8], said: &[u8]) -> CaseResult {
    let mut command = jaula(&["run", "--quiet"]);
    command.args(options).arg(root);
    let output = output(
        command
            .args(["--", "/bin/sh", "-c"])
            .arg(OsStr::from_bytes(script)),
    )?;
    check_eq!(output.stdout, said, "{options:?}: {}", complaint(&output));
    Ok(())
}

pub fn add<'a>(suite: &mut Suite<'a>, place: &'a Place) {
    let cafe = |before: &str, after: &str| {
        OsString::from_vec([before.as_bytes(), CAFE, after.as_bytes()].concat())
    };
    suite.case(
        "bytes: variables, in the line, in a file, of the caller",
        move || {
            let root = OsString::from(place.root());
            let (option, file_option) = (OsStr::new("--setenv"), OsStr::new("--env-file"));
            let script = b"printf '%s ' \"$N\" \"$M\"";
            let own = cafe("N=", "=");
            let file = place.host("variables");
            fs::write(&file, b"# \xff\nN=hidden\nM=\xe9 \"\nHOME\n").context(&file)?;
            let options = [option, &own, file_option, OsStr::new(&file)];
            expect(&options, &root, script, b"caf\xe9= \xe9 \" ")?;
            fs::remove_file(&file).context(&file)?;
            let mut command = jaula(&["run", "--quiet"]);
            command
                .arg(&root)
                .args(["--", "/bin/sh", "-c", "printf %s $TERM; env"]);
            let said = output(
                command
                    .env("TERM", OsStr::from_bytes(CAFE))
                    .env("BAD", "\u{fffd}"),
            )?;
            check_eq!(&said.stdout[..4], CAFE, "{}", complaint(&said));
            Ok(())
        },
    );
    suite.case(
        "--env-file: a file that is wrong is named, with the line",
        move || {
            let file = place.host("variables");
            let root = place.root();
            let command = ["--env-file", &file, &root, "--", "/bin/true"];
            let failed = |parts: &[&str]| {
                let output = output(&mut jaula(&command))?;
                jaula_tests::launch::failed(&output, 125, parts)
            };
            failed(&[&file, "No such file"])?;
            fs::write(&file, "A=1\n=2\n").context(&file)?;
            failed(&[&file, "line 2", "NAME=VALUE"])?;
            fs::remove_file(&file).context(&file)
        },
    );
    suite.case(
        "bytes: roots, working directories, shells and arguments",
        move || {
            // A link would do where no jail could have made it, and others may have had all here.
            let root = Path::new("/tmp").join(cafe("bytes-", ""));
            fs::create_dir(&root).context(root.display())?;
            mount::bind(Path::new(&place.root()), &root).context("bind")?;
            let directory = place.inside("more").join(OsStr::from_bytes(CAFE));
            fs::create_dir(&directory).context(directory.display())?;
            let workdir = cafe("/more/", "");
            let options = [OsStr::new("--workdir"), &workdir];
            expect(
                &options,
                root.as_os_str(),
                b"pwd; printf caf\xe9",
                b"/more/caf\xe9\ncaf\xe9",
            )?;
            let shell = place.inside("bin").join(OsStr::from_bytes(CAFE));
            symlink("/bin/busybox", &shell).context(shell.display())?;
            let path = cafe("/bin/", "");
            let options = [OsStr::new("--shell"), &path];
            expect(
                &options,
                root.as_os_str(),
                b"printf %s $SHELL",
                path.as_bytes(),
            )?;
            // It is noted, and found again.
            let mut command = jaula(&["run", "--detach"]);
            command.arg("--workdir").arg(&workdir).arg(&root);
            let number = output(command.args(["--", "/bin/sleep", "1000"]))?;
            let number = text(&number).trim_end().to_owned();
            let said = output(&mut jaula(&["exec", "-q", &number, "--", "/bin/pwd"]))?;
            let removed = output(&mut jaula(&["rm", &number]))?;
            check_eq!(said.stdout, b"/more/caf\xe9\n", "{}", complaint(&said));
            check_eq!(removed.status.code(), Some(0), "rm");
            fs::remove_file(&shell).context("shell")?;
            fs::remove_dir(&directory).context("workdir")?;
            mount::unmount(&root).context("unmount")?;
            fs::remove_dir(&root).context("root")
        },
    );
}
