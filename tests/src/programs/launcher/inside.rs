// SPDX-License-Identifier: MIT OR Apache-2.0

//! Each step of the launcher, from within the jail.

use jaula_tests::inmate::Inmate;
use jaula_tests::ktap::{Context, Failure, Suite};
use jaula_tests::launch::{jaula, run, Root, Seen};
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::sys::{ids, tty};
use jaula_tests::{check_eq, jailfs};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;

/// What the probe sees when `jaula` is started with these options.
fn seen(root: &Root, options: &[&str]) -> Result<Seen, Failure> {
    let arguments = [options, &[root.text(), "--", "/bin/probe"]].concat();
    Seen::from(&run(jaula(&arguments).env("TERM", "vt100"))?)
}

/// The outer jail is allowed what jaula needs; its root is the machine's.
fn nested(root: &Root) -> Result<(), Failure> {
    let outer = Inmate::start(|| Ok(()))?;
    jailfs::set(outer.number, "children.max", "1")?;
    jailfs::set(outer.number, "allow", "+mount,+chroot,+mknod,+sys_ptrace")?;
    let (mut ours, theirs) = UnixStream::pair().context("socketpair")?;
    let launcher = Inmate::start_in(outer.number, || {
        let arguments = ["-q", "--user", "root", root.text(), "--", "/bin/probe"];
        let output = theirs.try_clone().context("dup")?;
        // A child of the one that has entered is of the jail.
        let ended = process::in_child(|| {
            let mut command = jaula(&arguments);
            let status = command.stdout(OwnedFd::from(output)).status();
            status.ok().and_then(|status| status.code()).unwrap_or(254)
        });
        check_eq!(ended, Ok(Ended::Exited(0)), "jaula in a jail");
        Ok(())
    })?;
    drop((theirs, launcher));
    let mut said = String::new();
    ours.read_to_string(&mut said)
        .context("what the probe says")?;
    let seen = Seen::parse(&said);
    let number: i64 = parse(seen.get("number")?)?;
    jaula_tests::check!(number > outer.number, "jail {number} in {}", outer.number);
    Ok(())
}

pub fn add<'a>(suite: &mut Suite<'a>, root: &'a Root) {
    suite.case("jaula number: 0 on the host", || {
        let output = run(&mut jaula(&["number"]))?;
        check_eq!(output.stdout, b"0\n", "what it prints");
        check_eq!(output.status.code(), Some(0), "the exit status");
        Ok(())
    });
    suite.case("a new jail for each run", || {
        let first: i64 = parse(seen(root, &[])?.get("number")?)?;
        let second: i64 = parse(seen(root, &[])?.get("number")?)?;
        jaula_tests::check!(first > 0 && second > 0, "jails {first} and {second}");
        jaula_tests::check!(first != second, "jail {first} twice");
        Ok(())
    });
    suite.case(
        "a jail within a jail, by a jaula that is in the outer one",
        || nested(root),
    );
    suite.case("the root is the one that was asked for", || {
        let place = std::fs::metadata(root.path()).context(root.text())?;
        let place = format!("{}:{}", place.dev(), place.ino());
        let seen = seen(root, &[])?;
        seen.expect("root", &place)?;
        seen.expect("above", &place)?;
        seen.expect("proc-root", &place)
    });
    suite.case(
        "the working directory is the root, wherever the caller's was",
        || {
            let place = std::fs::metadata(root.path()).context(root.text())?;
            let mut command = jaula(&[root.text(), "--", "/bin/probe"]);
            let seen = Seen::from(&run(command.current_dir("/etc"))?)?;
            seen.expect("cwd", "/")?;
            seen.expect("here", format!("{}:{}", place.dev(), place.ino()))
        },
    );
    suite.case("a relative ROOT is the caller's", || {
        let (above, name) = root.text().rsplit_once('/').unwrap_or_default();
        let mut command = jaula(&[name, "--", "/bin/probe"]);
        let seen = Seen::from(&run(command.current_dir(above))?)?;
        seen.expect("cwd", "/")
    });
    suite.case("no descriptor but 0, 1 and 2", || {
        // A directory outside is the classic way out.
        let outside = File::open("/").context("/")?;
        tty::keep_over_exec(outside.as_fd()).context("fcntl")?;
        for number in [60, 100, 1000] {
            tty::duplicate_to(outside.as_fd(), number).context("dup2")?;
        }
        seen(root, &[])?.expect("descriptors", "0,1,2")
    });
    suite.case("no supplementary groups", || {
        ids::set_supplementary_groups(&[7, 8, 9]).context("setgroups")?;
        seen(root, &[])?.expect("groups", "")
    });
    suite.case("user and group 1000: real, effective and saved", || {
        let seen = seen(root, &[])?;
        seen.expect("uids", "1000,1000,1000")?;
        seen.expect("gids", "1000,1000,1000")
    });
    suite.case("root cannot be regained", || {
        let seen = seen(root, &[])?;
        for call in ["setuid", "setgid", "setgroups"] {
            seen.expect(call, "EPERM")?;
        }
        Ok(())
    });
    suite.case("no capability is left to a user", || {
        let seen = seen(root, &[])?;
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            seen.expect(set, "0000000000000000")?;
        }
        Ok(())
    });
    suite.case("no new privileges", || {
        seen(root, &[])?.expect("NoNewPrivs", 1)
    });
    suite.case("no new privileges for root either", || {
        seen(root, &["--user", "root"])?.expect("NoNewPrivs", 1)
    });
    suite.case("the environment is rebuilt, and nothing else in it", || {
        let mut command = jaula(&[root.text(), "--", "/bin/probe"]);
        command
            .env("LD_PRELOAD", "/tmp/evil.so")
            .env("SECRET", "1")
            .env("HOME", "/somewhere")
            .env("TERM", "vt100");
        let seen = Seen::from(&run(&mut command)?)?;
        seen.expect("environment", "HOME,LOGNAME,PATH,SHELL,TERM,USER,USERNAME")?;
        seen.expect("env HOME", "/home/user")?;
        seen.expect("env SHELL", "/bin/probe")?;
        seen.expect("env TERM", "vt100")?;
        for name in ["LOGNAME", "USER", "USERNAME"] {
            seen.expect(&format!("env {name}"), "user")?;
        }
        let path = seen.get("env PATH")?;
        jaula_tests::check!(
            path.split(':').any(|place| place == "/bin"),
            "PATH is {path}"
        );
        Ok(())
    });
    suite.case("no TERM where the caller has none", || {
        let mut command = jaula(&[root.text(), "--", "/bin/probe"]);
        let seen = Seen::from(&run(command.env_remove("TERM"))?)?;
        seen.expect("environment", "HOME,LOGNAME,PATH,SHELL,USER,USERNAME")
    });
    suite.case("--setenv adds and replaces", || {
        let options = [
            "--setenv",
            "A=b=c",
            "--setenv",
            "HOME=/tmp",
            "--setenv",
            "EMPTY=",
        ];
        let seen = seen(root, &options)?;
        seen.expect("env A", "b=c")?;
        seen.expect("env HOME", "/tmp")?;
        seen.expect("env EMPTY", "")
    });
    suite.case("without COMMAND, the shell of the user", || {
        let output = run(&mut jaula(&["--user", "prober", root.text()]))?;
        Seen::from(&output)?.expect("uids", "1001,1001,1001")
    });
    suite.case("--shell", || {
        let options = ["--user", "shelly", "--shell", "/bin/probe", root.text()];
        let seen = Seen::from(&run(&mut jaula(&options))?)?;
        seen.expect("env SHELL", "/bin/probe")
    });
    suite.case("COMMAND is found along the PATH of the jail", || {
        Seen::from(&run(&mut jaula(&[root.text(), "--", "probe"]))?)?.expect("argv0", "probe")
    });
    suite.case(
        "what COMMAND prints is all that is on standard output",
        || {
            let output = run(&mut jaula(&[root.text(), "--", "/bin/probe", "exit", "0"]))?;
            check_eq!(output.stdout, b"", "standard output");
            Ok(())
        },
    );
    suite.case("--quiet says nothing at all", || {
        let output = run(&mut jaula(&[
            "--quiet",
            root.text(),
            "--",
            "/bin/probe",
            "exit",
            "0",
        ]))?;
        check_eq!(
            (&output.stdout[..], &output.stderr[..]),
            (&[][..], &[][..]),
            "what is printed"
        );
        Ok(())
    });
}

fn parse(text: &str) -> Result<i64, Failure> {
    text.parse()
        .map_err(|_| jaula_tests::ktap::fail(format!("not a number: {text}")))
}
