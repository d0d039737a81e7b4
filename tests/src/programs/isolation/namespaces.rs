// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula exec` into a jail that was started in namespaces of somebody else's making.

use super::place::Place;
use jaula_tests::admin::{output, text, Detached};
use jaula_tests::ktap::{CaseResult, Context, Failure, Suite};
use jaula_tests::launch::{complaint, failed, jaula};
use jaula_tests::sys::ids;
use jaula_tests::{check, check_eq, jailfs};
use std::fs::{self, File};
use std::process::{Child, Command, Stdio};

/// Kinds that a process can join by itself: names, and what makes them.
const KINDS: [(&str, i32); 4] = [
    ("net", libc::CLONE_NEWNET),
    ("ipc", libc::CLONE_NEWIPC),
    ("uts", libc::CLONE_NEWUTS),
    ("cgroup", libc::CLONE_NEWCGROUP),
];

fn link(name: &str) -> Result<String, Failure> {
    let link = format!("/proc/self/ns/{name}");
    Ok(fs::read_link(&link).context(&link)?.display().to_string())
}

/// Starts a jail from within a new namespace, and leaves that again; the jail, and that namespace.
fn start_in(
    place: &Place,
    (name, kind): (&str, i32),
    options: &[&str],
    script: &str,
) -> Result<(Detached, String), Failure> {
    let home = File::open(format!("/proc/self/ns/{name}")).context(name)?;
    ids::unshare(kind).context("unshare")?;
    let there = link(name)?;
    let root = place.root();
    let command = [&root, "--", "/bin/sh", "-c", script];
    let jail = Detached::run(&[&["run", "--detach"], options, &command].concat());
    ids::set_namespace(&home, kind).context("setns")?;
    let here = link(name)?;
    check!(here != there, "{name}: {here} twice");
    Ok((jail?, there))
}

fn exec(jail: &str, options: &[&str], script: &str) -> Result<std::process::Output, Failure> {
    let command = [jail, "--", "/bin/sh", "-c", script];
    output(&mut jaula(
        &[&["exec", "--quiet"], options, &command].concat(),
    ))
}

fn says(jail: &str, options: &[&str], script: &str) -> Result<String, Failure> {
    let said = exec(jail, options, script)?;
    check!(said.status.success(), "{script}: {}", complaint(&said));
    Ok(text(&said).trim_end().to_owned())
}

/// A jail that runs under another program, by a name of its own; both end with this.
struct Under {
    child: Child,
    name: &'static str,
}

impl Under {
    /// Runs `program` with `script` for its shell, which is to end with `echo ready; sleep`.
    fn start(name: &'static str, program: &[&str], script: &str) -> Result<Under, Failure> {
        let mut child = Command::new(program[0])
            .args(&program[1..])
            .args(["/bin/sh", "-c", script])
            .stdout(Stdio::piped())
            .spawn()
            .context(program[0])?;
        let mut line = String::new();
        if let Some(stdout) = &mut child.stdout {
            use std::io::{BufRead, BufReader};
            let mut lines = BufReader::new(stdout);
            // The number of the jail, and that it runs.
            while line != "ready\n" {
                line.clear();
                let read = lines.read_line(&mut line).context("hearing from it")?;
                check!(read > 0, "{program:?} has ended early");
            }
        }
        Ok(Under { child, name })
    }
}

impl Drop for Under {
    fn drop(&mut self) {
        let _ = jaula(&["rm", self.name]).output();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn in_mounts(place: &Place) -> CaseResult {
    let root = place.root();
    let script = format!(
        "mount -t tmpfs none {root}/more && echo there > {root}/more/file && \
         jaula run -d -n mounts --without mounts {root} -- /bin/sleep 1000 && \
         echo ready; exec sleep 1000"
    );
    let _under = Under::start("mounts", &["unshare", "-m"], &script)?;
    check!(!place.inside("more/file").exists(), "it is seen outside");
    check_eq!(says("mounts", &[], "cat /more/file")?, "there", "exec");
    Ok(())
}

fn in_processes(place: &Place) -> CaseResult {
    let root = place.root();
    let script = format!(
        "jaula run -d -n processes {root} -- /bin/sleep 1000 && echo ready; exec sleep 1000"
    );
    let unshare = ["unshare", "-p", "-f", "--mount-proc"];
    let _under = Under::start("processes", &unshare, &script)?;
    let here = link("pid")?;
    let there = says("processes", &[], "readlink /proc/self/ns/pid")?;
    check!(here != there, "it is here, in {there}");
    // Small numbers: a shell of the host has others.
    let said = says(
        "processes",
        &[],
        "ls -d /proc/[0-9]* | wc -l; kill -0 1 || echo refused",
    )?;
    check!(said.ends_with("refused"), "{said}");
    let exit = exec("processes", &[], "exit 7")?;
    check_eq!(exit.status.code(), Some(7), "the exit status");
    Ok(())
}

pub fn add<'a>(suite: &mut Suite<'a>, place: &'a Place) {
    for kind in KINDS {
        let name = format!(
            "exec: in the {} namespace that the jail was started in",
            kind.0
        );
        suite.case(&name, move || {
            let script = format!("readlink /proc/self/ns/{}", kind.0);
            for options in [&[][..], &["--plain"], &["--new-pid"]] {
                let (jail, there) = start_in(place, kind, options, "exec sleep 1000")?;
                // A jail without a /proc of its own says nothing; its process is looked at.
                let seen = match options {
                    ["--plain"] => in_plain(&jail, kind.0)?,
                    _ => says(&jail.text(), &[], &script)?,
                };
                check_eq!(seen, there, "{options:?}");
            }
            Ok(())
        });
    }
    suite.case(
        "exec: among the mounts that the jail was started in",
        || in_mounts(place),
    );
    suite.case(
        "exec: in the namespace of process ids that the jail was started in",
        || in_processes(place),
    );
    suite.case(
        "exec: not elsewhere, where nothing is left in a network that jaula has not made",
        || {
            let (jail, there) = start_in(place, KINDS[0], &["--keep"], "exit 0")?;
            jailfs::wait_for(jail.number, "tasks", 0)?;
            let refused = exec(&jail.text(), &[], "true")?;
            failed(&refused, 125, &[&there, "namespace"])
        },
    );
    suite.case("exec --without mounts: still in the jail's network", || {
        let (jail, there) = start_in(place, KINDS[0], &[], "exec sleep 1000")?;
        let without = ["--without", "mounts"];
        let script = "mkdir -p /tmp/proc; exec sleep 4713";
        let number = jail.text();
        let command = [
            "exec", "-q", without[0], without[1], &number, "--", "/bin/sh", "-c", script,
        ];
        let mut child = jaula(&command).spawn().context("jaula")?;
        let seen = jaula_tests::admin::wait_until_executed(jail.number, "sleep", 2)
            .and_then(|()| networks(jail.number));
        let _ = jaula(&["rm", &number]).output();
        let _ = child.wait();
        let seen = seen?;
        check!(
            seen.iter().all(|seen| *seen == there),
            "{seen:?}, not {there}"
        );
        Ok(())
    });
}

/// The networks that the processes of a jail are in.
fn networks(number: i64) -> Result<Vec<String>, Failure> {
    let members = jaula_tests::procfs::members(number)?;
    members
        .into_iter()
        .map(|pid| {
            let link = format!("/proc/{pid}/ns/net");
            Ok(fs::read_link(&link).context(&link)?.display().to_string())
        })
        .collect()
}

/// In which namespace what is executed in a jail without a /proc is: looked at from outside.
fn in_plain(jail: &Detached, name: &str) -> Result<String, Failure> {
    let number = jail.text();
    let mut child = jaula(&["exec", "-q", &number, "--", "/bin/sleep", "4714"])
        .spawn()
        .context("jaula")?;
    let waited = jaula_tests::admin::wait_until_executed(jail.number, "sleep", 2);
    let seen = waited.and_then(|()| {
        let mut links = Vec::new();
        for pid in jaula_tests::procfs::members(jail.number)? {
            let link = format!("/proc/{pid}/ns/{name}");
            links.push(fs::read_link(&link).context(&link)?.display().to_string());
        }
        check_eq!(links[0], links[1], "the two processes of the jail");
        Ok(links.remove(0))
    });
    let _ = jaula(&["rm", &number]).output();
    let _ = child.wait();
    seen
}
