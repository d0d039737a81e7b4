// SPDX-License-Identifier: MIT OR Apache-2.0

//! Limits are those of the command and never those of jaula, whoever has set them; and what else of
//! the caller's must not reach what jaula writes.

use super::place::Place;
use jaula_tests::admin::{output, text, Detached, STATE};
use jaula_tests::jailfs;
use jaula_tests::ktap::{CaseResult, Context, Failure, Suite};
use jaula_tests::launch::{complaint, failed, jaula};
use jaula_tests::sys::{burden, raw};
use jaula_tests::{check, check_eq};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

fn detached(place: &Place, options: &[&str]) -> Result<Detached, Failure> {
    let root = place.root();
    let command = [&root, "--", "/bin/sh", "-c", "echo ready; exec sleep 1000"];
    let jail = Detached::run(&[&["run", "--detach"], options, &command].concat())?;
    jail.has_printed("ready")?;
    Ok(jail)
}

/// That the command runs, and that standard error, a large file, got all that jaula says.
fn runs_with(place: &Place, limit: &str) -> CaseResult {
    let file = place.host("messages");
    fs::write(&file, vec![b'x'; 8192]).context(&file)?;
    let messages = OpenOptions::new().append(true).open(&file).context(&file)?;
    let root = place.root();
    let arguments = [
        "--workdir",
        "/data",
        "--rlimit",
        limit,
        &root,
        "--",
        "/bin/sh",
        "-c",
    ];
    let output = output(jaula(&arguments).arg("echo hi").stderr(messages))?;
    let said = fs::read(&file).context(&file)?;
    fs::remove_file(&file).context(&file)?;
    check_eq!(output.status.code(), Some(0), "{limit}: the exit status");
    check_eq!(text(&output), "hi\n", "{limit}");
    check!(
        said.ends_with(root.as_bytes()) || said.len() > 8192 + root.len(),
        "{limit}: no message"
    );
    Ok(())
}

pub fn add<'a>(suite: &mut Suite<'a>, place: &'a Place) {
    for limit in [
        "fsize=4096",
        "fsize=0",
        "nofile=3",
        "nofile=1",
        "cpu=1",
        "as=16M",
        "data=1M",
        "memlock=0",
        "sigpending=0",
        "stack=128K",
    ] {
        suite.case(&format!("--rlimit {limit}: the command runs"), move || {
            runs_with(place, limit)
        });
    }
    suite.case(
        "--detach: what ended before it was executed is an error",
        || {
            let root = place.root();
            let before = jailfs::numbers()?;
            for options in [
                &["--rlimit", "as=64K"][..],
                &["--rlimit", "as=64K", "--keep"],
                &["--rlimit", "as=64K", "--new-pid"],
                &[
                    "--rlimit", "data=0", "--rlimit", "as=128K", "--user", "root",
                ],
            ] {
                let command = [&root, "--", "/bin/sleep", "1000"];
                let arguments = [&["run", "--detach"], options, &command].concat();
                let refused = output(&mut jaula(&arguments))?;
                failed(&refused, 125, &[&root, "SIGSEGV", "limit"])?;
                check_eq!(text(&refused), "", "{options:?}: what it prints");
                check_eq!(jailfs::numbers()?, before, "{options:?}: the jails");
            }
            // Whatever becomes of what was executed.
            for script in ["exit 3", "kill -KILL $$", "kill -TERM $$"] {
                let command = [&root, "--", "/bin/sh", "-c", script];
                Detached::run(&[&["run", "--detach"][..], &command].concat())?;
            }
            Ok(())
        },
    );
    suite.case("--rlimit nproc=1: the command runs beside others", || {
        let _other = detached(place, &[])?;
        place.expect(&["--rlimit", "nproc=1"], "echo hi", "hi")
    });
    suite.case("--rlimit: the last of a name counts", || {
        let options = ["--rlimit", "nofile=30", "--rlimit", "nofile=40:50"];
        place.expect(&options, "ulimit -n; ulimit -H -n", "40\n50")
    });
    suite.case("--rlimit: above what the caller has", || {
        burden::set_limit(libc::RLIMIT_NOFILE as i32, 64, 64).context("limit")?;
        let options = ["--rlimit", "nofile=100:200"];
        place.expect(&options, "ulimit -n; ulimit -H -n", "100\n200")
    });
    suite.case("the caller's limits do not reach jaula's files", || {
        burden::set_limit(libc::RLIMIT_FSIZE as i32, 0, 0).context("limit")?;
        burden::set_limit(libc::RLIMIT_CPU as i32, 1, 1).context("limit")?;
        let jail = detached(place, &[])?;
        let said = jail.inspect()?;
        check!(
            said["noted"]["user"].is_string(),
            "nothing is noted: {said}"
        );
        let number = jail.text();
        let inside = [
            "exec",
            "-q",
            &number,
            "--",
            "/bin/sh",
            "-c",
            "ulimit -f; ulimit -t",
        ];
        let said = output(&mut jaula(&inside))?;
        check_eq!(
            text(&said),
            "unlimited\nunlimited\n",
            "{}",
            complaint(&said)
        );
        let kept = detached(place, &["--inherit", "rlimits"])?;
        let log = output(&mut jaula(&["logs", &kept.text()]))?;
        check_eq!(text(&log), "ready\n", "its log: {}", complaint(&log));
        Ok(())
    });
    suite.case("few descriptors of the caller's are enough", || {
        let root = place.root();
        let jaula =
            format!("ulimit -n 8; exec jaula run -d {root} -- /bin/sh -c 'ulimit -n; sleep 1000'");
        let said = output(Command::new("/bin/sh").args(["-c", &jaula]))?;
        let number = text(&said).trim_end().parse().unwrap_or_default();
        check!(number > 0, "{}", complaint(&said));
        Detached { number }.has_printed("1024\n")
    });
    suite.case("the caller's umask does not reach jaula's files", || {
        let modes = |number: i64| -> Result<BTreeMap<OsString, u32>, Failure> {
            let directory = format!("{STATE}/{number}");
            let own = fs::metadata(&directory).context(&directory)?;
            let mut modes = BTreeMap::from([(OsString::from("."), own.permissions().mode())]);
            for entry in fs::read_dir(&directory).context(&directory)? {
                let entry = entry.context(&directory)?;
                let mode = entry.metadata().context(&directory)?.permissions().mode();
                modes.insert(entry.file_name(), mode);
            }
            Ok(modes)
        };
        let usual = modes(detached(place, &[])?.number)?;
        check!(usual.len() > 2, "no record and no log: {usual:?}");
        for mask in [0, 0o777] {
            raw::set_umask(mask);
            let jail = detached(place, &[])?;
            check_eq!(modes(jail.number)?, usual, "under a umask of {mask:o}");
        }
        Ok(())
    });
    suite.case("closed standard descriptors are /dev/null", || {
        let root = place.root();
        let bind = format!("{}:/data", place.host(""));
        let script = "all=$(for i in 0 1 2; do readlink /proc/$$/fd/$i; done); \
                      echo \"$all\" > /data/descriptors";
        let jaula = format!(
            "exec jaula -q --user root --bind {bind} {root} -- /bin/sh -c '{script}' <&- >&- 2>&-"
        );
        let ended = output(Command::new("/bin/sh").args(["-c", &jaula]))?;
        check_eq!(ended.status.code(), Some(0), "the exit status");
        let file = place.host("descriptors");
        let said = fs::read_to_string(&file).context(&file)?;
        fs::remove_file(&file).context(&file)?;
        check_eq!(said.lines().count(), 3, "{said}");
        check!(said.lines().all(|line| line.ends_with("null")), "{said}");
        Ok(())
    });
}
