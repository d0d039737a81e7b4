// SPDX-License-Identifier: MIT OR Apache-2.0

//! Roots that are special: the host's own, and one of a chroot that jaula is in.

use super::place::{host, Firm};
use jaula_tests::admin::{output, text};
use jaula_tests::ktap::{CaseResult, Context, Failure, Suite};
use jaula_tests::launch::{complaint, jaula, run};
use jaula_tests::sys::{mount, tree};
use jaula_tests::{check, check_eq};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

pub fn add(suite: &mut Suite<'_>) {
    suite.case("ROOT is /", || {
        let script = "ls -d /etc /srv; head -n 1 /proc/self/mountinfo | cut -d ' ' -f 5,6 | \
                      cut -d , -f 1-3; ls /dev | wc -l; cat /proc/1/comm 2>/dev/null; cd /..; ls -d srv";
        let command = ["--user", "root", "/", "--", "/bin/sh", "-c", script];
        let output = run(&mut jaula(&command))?;
        let said = text(&output);
        let expected = "/etc\n/srv\n/ rw,nosuid,nodev\n13\nsrv\n";
        check_eq!(said, expected, "{}", complaint(&output));
        let message = complaint(&output);
        check!(
            message.contains("the root of the jail is that of the host"),
            "{message}"
        );
        let quiet = run(&mut jaula(&[&["--quiet"], &command[..]].concat()))?;
        check_eq!(complaint(&quiet), "", "what is said where nothing is to be");
        check!(quiet.status.success(), "{}", quiet.status);
        Ok(())
    });
    suite.case("ROOT is /, and is entered again", || {
        let start = [
            "run",
            "-q",
            "-d",
            "--user",
            "root",
            "--read-only",
            "/",
            "--",
            "sleep",
            "1000",
        ];
        let number = jaula_tests::admin::succeed(&start)?;
        let number = number.trim();
        let said = jaula_tests::admin::succeed(&[
            "exec",
            number,
            "--",
            "sh",
            "-c",
            "touch /x; ls -d /srv",
        ]);
        jaula_tests::admin::succeed(&["rm", number])?;
        check_eq!(said?, "/srv\n", "what it sees");
        check!(!Path::new("/x").exists(), "it could write to the root");
        Ok(())
    });
    for (name, is_mount) in [("a directory", false), ("a mount", true)] {
        suite.case(&format!("jaula in a chroot to {name}"), move || {
            let firm = Firm::new("chroot")?;
            let outer = firm.at("outer");
            fs::create_dir(&outer).context(&outer)?;
            let mut mounted = Vec::new();
            if is_mount {
                tree::mount("tmpfs", &outer, "").context(&outer)?;
                mounted.push(outer.clone());
            }
            let said = prepare(&firm, &outer, &mut mounted).and_then(|()| in_chroot(&outer));
            for path in mounted.iter().rev() {
                mount::unmount(Path::new(path)).context(path)?;
            }
            said
        });
    }
}

/// A root with all that jaula needs.
fn prepare(firm: &Firm, outer: &str, mounted: &mut Vec<String>) -> CaseResult {
    let root = firm.root(
        "made",
        &["dev", "run", "srv", "sys/kernel/security", "shown"],
    )?;
    host(&format!(
        "cp -a {root}/. {outer}/ && cp $(which jaula) {outer}/bin/ && \
         for library in $(ldd $(which jaula) 2>/dev/null | grep -o '/[^ ]*'); do \
         mkdir -p {outer}$(dirname $library) && cp -L $library {outer}$library; done"
    ))?;
    fs::write(format!("{outer}/shown/file"), "of the chroot\n").context("a file")?;
    for (kind, path) in [
        ("proc", "proc"),
        ("securityfs", "sys/kernel/security"),
        ("devtmpfs", "dev"),
    ] {
        let path = format!("{outer}/{path}");
        tree::mount(kind, &path, "").context(&path)?;
        mounted.push(path);
    }
    let path = format!("{outer}/run");
    // Alone: what is mounted in it is shared with the machine, and would go when this is unmounted.
    mount::bind(Path::new("/run"), Path::new(&path)).context(&path)?;
    mounted.push(path);
    Ok(())
}

fn chrooted(outer: &str, script: &str) -> Result<String, Failure> {
    let mut command = Command::new("chroot");
    command
        .args([outer, "/bin/sh", "-c", script])
        .stdin(Stdio::null());
    let output = output(&mut command)?;
    check!(
        output.status.success(),
        "{script}: {}: {}",
        output.status,
        complaint(&output)
    );
    Ok(text(&output))
}

fn in_chroot(outer: &str) -> CaseResult {
    const POINTS: &str = "cut -d ' ' -f 5 /proc/self/mountinfo | sort | tr '\\n' ' '";
    chrooted(
        outer,
        "jaula rootfs build -q -t minimal /srv/in && mkdir /srv/in/data",
    )?;
    let inner = format!(
        "jaula -q --user root --bind /shown:/data:ro /srv/in -- sh -c \"{POINTS}; cat /data/file; cd /..; ls -d data\""
    );
    let said = chrooted(outer, &inner)?;
    check_eq!(
        said,
        "/ /data /dev /dev/pts /dev/shm /proc of the chroot\ndata\n",
        "in a root below it"
    );
    let said = chrooted(outer, "jaula -q --user root / -- sh -c 'cat /shown/file; ls -d /srv/in; ls -A /init 2>&1 | grep -o No'")?;
    check_eq!(said, "of the chroot\n/srv/in\nNo\n", "in the chroot itself");
    // What is run later joins the namespace, whose root must be the jail's.
    let again = "n=$(jaula run -q -d /srv/in -- sleep 1000); jaula exec $n -- ls -d /data /srv /shown 2>/dev/null; \
                 jaula rm $n";
    check_eq!(chrooted(outer, again)?, "/data\n", "what is seen by exec");
    Ok(())
}
