// SPDX-License-Identifier: MIT OR Apache-2.0

//! What can be asked for besides: mounts, a working directory, namespaces.

use super::place::Place;
use jaula_tests::admin::in_kernel;
use jaula_tests::ktap::{fail, CaseResult, Context, Suite};
use jaula_tests::launch::{jaula, Terminal};
use jaula_tests::sys::process;
use jaula_tests::{check, check_eq, procfs};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{symlink, PermissionsExt};
use std::process::{Command, Stdio};

pub fn add<'a>(suite: &mut Suite<'a>, place: &'a Place) {
    let host = place.host("");
    let host = host.trim_end_matches('/').to_owned();
    let read_only = format!("{host}:/data:ro");
    suite.case(
        "--bind SRC:DST:ro: read, and never written, by root either",
        move || {
            let script = "cat /data/file; for i in /data/file /data/below/new; do \
                      echo x 2>&1 >> $i | grep -o Read-only; done; \
                      chmod 777 /data/file 2>&1 | grep -o Read-only";
            let expected = "of the host\nRead-only\nRead-only\nRead-only";
            place.expect(&["--user", "root", "--bind", &read_only], script, expected)?;
            check!(!place.inside("data/file").exists(), "it stays on the host");
            let file = place.host("file");
            let mode = fs::metadata(&file).context(&file)?.permissions().mode();
            check!(mode & 0o777 != 0o777, "its mode is {mode:o}");
            check_eq!(
                fs::read(&file).context(&file)?,
                b"of the host\n",
                "what is in it"
            );
            Ok(())
        },
    );
    let written = format!("{host}:/data");
    suite.case("--bind SRC:DST: written, and no device works", move || {
        let file = place.host("written");
        place.says(
            &["--user", "root", "--bind", &written],
            "echo x > /data/written",
        )?;
        check_eq!(fs::read(&file).context(&file)?, b"x\n", "what was written");
        fs::remove_file(&file).context(&file)?;
        let device = place.host("null");
        let made = Command::new("mknod")
            .args(["-m", "666", &device, "c", "1", "3"])
            .status();
        check!(made.is_ok_and(|status| status.success()), "mknod");
        let script = "cat /data/null 2>&1 | grep -o Permission";
        place.expect(&["--bind", &written], script, "Permission")?;
        fs::remove_file(&device).context(&device)
    });
    suite.case("--bind: a file upon a file", move || {
        let bind = format!("{}:/etc/profile:ro", place.host("file"));
        place.expect(&["--bind", &bind], "cat /etc/profile", "of the host")
    });
    suite.case(
        "--bind: links on the way to DST stay in the root",
        move || {
            let link = place.inside("more/link");
            symlink("/data/..//../../../../data", &link).context("link")?;
            let bind = format!("{}:/more/link", place.host(""));
            let said = place.expect(&["--bind", &bind], "cat /data/file", "of the host");
            fs::remove_file(&link).context("link")?;
            said
        },
    );
    suite.case("--tmpfs: empty, writable, and bounded", move || {
        let options = ["--tmpfs", "/more:size=64K"];
        let script = "ls -A /more; echo x > /more/a && cat /more/a; \
                      head -c 100000 /dev/zero 2>/dev/null > /more/b || echo full";
        place.expect(&options, script, "x\nfull")?;
        let left = fs::read_dir(place.inside("more")).context("more")?.count();
        check_eq!(left, 0, "what is left in the root");
        Ok(())
    });
    suite.case("--workdir", move || {
        place.expect(&["--workdir", "/data"], "pwd", "/data")
    });
    suite.case("--new-uts --hostname", move || {
        let before = fs::read_to_string("/proc/sys/kernel/hostname").context("hostname")?;
        place.expect(&["--new-uts", "--hostname", "inside"], "hostname", "inside")?;
        let after = fs::read_to_string("/proc/sys/kernel/hostname").context("hostname")?;
        check_eq!(after, before, "the name of the host");
        place.expect(&[], "hostname", before.trim_end())
    });
    for (option, name) in [
        ("--new-ipc", "ipc"),
        ("--new-net", "net"),
        ("--new-uts", "uts"),
        ("--new-pid", "pid"),
    ] {
        suite.case(&format!("{option}: a namespace of its own"), move || {
            let link = format!("/proc/self/ns/{name}");
            let host = fs::read_link(&link).context(&link)?.display().to_string();
            let script = format!("readlink {link}");
            place.expect(&[], &script, &host)?;
            let own = place.says(&[option], &script)?;
            check!(
                own != host && own.starts_with(name),
                "{own}, on the host {host}"
            );
            Ok(())
        });
    }
    suite.case("--new-net: loopback alone, and up", move || {
        let script = "tail -n +3 /proc/net/dev | cut -d : -f 1 | tr -d ' '";
        place.expect(&["--new-net"], script, "lo")?;
        let up = "ip link show lo | grep -o LOOPBACK,UP";
        place.expect(&["--new-net"], up, "LOOPBACK,UP")
    });
    suite.case("--new-pid: the command is the second process", move || {
        place.expect(&["--new-pid"], "echo $$", "2")?;
        let script = "for i in /proc/[0-9]*; do echo ${i#/proc/}; done";
        place.expect(&["--new-pid"], script, "2")
    });
    suite.case("--init none: the command is the first process", move || {
        let options = ["--new-pid", "--init", "none"];
        place.expect(&options, "echo $$", "1")?;
        let script = "for i in /proc/[0-9]*; do echo ${i#/proc/}; done";
        place.expect(&options, script, "1")?;
        // Orphans are its own to wait for, and end with it.
        let script = "(sleep 4711 >&2 &); sleep 0.2; cut -d' ' -f4 /proc/$(pidof sleep)/stat";
        place.expect(&options, script, "1")?;
        for pid in procfs::processes()? {
            let command = procfs::command(pid);
            check!(command != ["sleep", "4711"], "process {pid} is left");
        }
        Ok(())
    });
    for status in [0, 3, 255] {
        suite.case(
            &format!("--new-pid: exit status {status} is passed on"),
            move || {
                let exit = format!("exit {status}");
                ends(place, &exit, None, status)
            },
        );
    }
    suite.case(
        "--new-pid: killed by a signal, 128 and its number",
        move || ends(place, "kill -9 $$", None, 137),
    );
    for (name, script) in [
        ("dies of it", "echo ready; exec sleep 1000"),
        (
            "handles it",
            "trap 'exit 143' TERM; echo ready; sleep 1000 & wait",
        ),
    ] {
        suite.case(
            &format!("--new-pid: SIGTERM is passed on, the command {name}"),
            move || ends(place, script, Some(libc::SIGTERM), 143),
        );
    }
    suite.case(
        "--new-pid: orphans are waited for, and end with the command",
        move || {
            // One that nobody waits for stays in /proc; the shell looks for a minute whether it does.
            let script = "short=$(sleep 0 >/dev/null & echo $!); long=$(sleep 4712 >&2 & echo $!); \
                      i=0; while [ -e /proc/$short ] && [ $i -lt 600 ]; do sleep 0.1; i=$((i+1)); done; \
                      for i in $short $long; do test -e /proc/$i && echo there || echo gone; done";
            let before = in_kernel()?;
            place.expect(&["--new-pid"], script, "gone\nthere")?;
            check_eq!(in_kernel()?, before, "the jails afterwards");
            for pid in procfs::processes()? {
                let command = procfs::command(pid);
                check!(command != ["sleep", "4712"], "process {pid} is left");
            }
            Ok(())
        },
    );
    suite.case("--new-pid: job control on a terminal", move || {
        job_control(place)
    });
    suite.case(
        "--new-pid: what is in the jail ends with its launcher",
        move || {
            let root = place.root();
            let command = ["--quiet", "--new-pid", &root, "--", "/bin/sh", "-c"];
            let script = "echo ready; exec sleep 4711";
            let mut child = jaula(&[&command[..], &[script]].concat())
                .stdout(Stdio::piped())
                .spawn()
                .context("starting jaula")?;
            let mut line = String::new();
            let stdout = child.stdout.take();
            let stdout = stdout.ok_or_else(|| fail("no standard output"))?;
            let mut stdout = BufReader::new(stdout);
            stdout
                .read_line(&mut line)
                .context("hearing from the jail")?;
            check_eq!(line, "ready\n", "what it says");
            child.kill().context("kill")?;
            child.wait().context("wait")?;
            // The other end of the pipe is closed when all have ended.
            let rest = stdout.read_line(&mut line).context("reading on")?;
            check_eq!(rest, 0, "what else is read");
            Ok(())
        },
    );
}

/// A shell in such a jail, on a terminal: what it runs can be interrupted and stopped.
fn job_control(place: &Place) -> CaseResult {
    let root = place.root();
    let mut terminal =
        Terminal::start(Command::new("jaula").args(["--quiet", "--new-pid", &root]))?;
    terminal.ready()?;
    for (key, answer) in [("\u{3}", "^C"), ("\u{1a}", "Stopped")] {
        terminal.send("sleep 1000\r")?;
        terminal.wait_for_foreground("sleep")?;
        terminal.send(key)?;
        terminal.expect(answer)?;
        terminal.ready()?;
    }
    // A shell does not end before it has seen that what it had stopped has ended, and `wait` returns
    // at once for what is stopped.
    terminal.send("kill -9 %1; fg %1\r")?;
    terminal.ready()?;
    terminal.send("exit 7\r")?;
    check_eq!(terminal.finish()?, 7, "the exit status");
    Ok(())
}

/// Runs a command in a jail with process ids of its own, sends its launcher a signal once it is
/// ready, and checks how that ends.
fn ends(place: &Place, script: &str, signal: Option<i32>, status: i32) -> CaseResult {
    let root = place.root();
    let command = ["--quiet", "--new-pid", &root, "--", "/bin/sh", "-c", script];
    let mut child = jaula(&command)
        .stdout(Stdio::piped())
        .spawn()
        .context("starting jaula")?;
    if let (Some(signal), Some(stdout)) = (signal, &mut child.stdout) {
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .context("hearing from the jail")?;
        check_eq!(line, "ready\n", "what it says");
        process::kill(child.id() as libc::pid_t, signal).context("kill")?;
    }
    let ended = child.wait().context("waiting for jaula")?;
    check_eq!(ended.code(), Some(status), "the exit status");
    Ok(())
}
