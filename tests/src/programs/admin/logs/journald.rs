// SPDX-License-Identifier: MIT OR Apache-2.0

//! The log of a jail in the host's journal.

use jaula_tests::admin::{output, Detached, ROOT};
use jaula_tests::ktap::{Context, Suite};
use jaula_tests::launch::{failed, jaula, FAILED};
use jaula_tests::sys::tree;
use jaula_tests::{check_eq, wait};
use std::os::unix::net::UnixDatagram;

pub fn add(suite: &mut Suite<'_>) {
    suite.case(
        "run --log journald: each line is an entry, and logs says so",
        || {
            // The journal of the machine, if it has one, is neither asked nor harmed.
            let (own, directory) = ("/run/systemd", "/run/systemd/journal");
            std::fs::create_dir_all(own).context(own)?;
            tree::own_mounts().context("mounts of its own")?;
            tree::mount("tmpfs", own, "mode=0755").context(own)?;
            let options = ["run", "--detach", "--log", "journald", ROOT, "--", "true"];
            failed(
                &output(&mut jaula(&options))?,
                FAILED,
                &["journald", directory],
            )?;
            std::fs::create_dir_all(directory).context(directory)?;
            let socket = format!("{directory}/socket");
            let journal = UnixDatagram::bind(&socket).context(&socket)?;
            journal
                .set_read_timeout(Some(wait::PATIENCE))
                .context(&socket)?;
            let script = "echo one; printf 'a\\033b\\nhalf'";
            let jail = Detached::start(&["--log", "journald", "--name", "noted"], script)?;
            let fields = format!(
                "PRIORITY=6\nJAULA_JAIL={}\nJAULA_NAME=noted\nSYSLOG_IDENTIFIER=noted\n",
                jail.number
            );
            for message in [
                "MESSAGE=one\n",
                "MESSAGE\n\u{3}\0\0\0\0\0\0\0a\u{1b}b\n",
                "MESSAGE=half\n",
            ] {
                let mut entry = vec![0; 4096];
                let length = journal.recv(&mut entry).context("an entry")?;
                check_eq!(
                    String::from_utf8_lossy(&entry[..length]),
                    format!("{fields}{message}"),
                    "the entry"
                );
            }
            jail.ended()?;
            let refused = output(&mut jaula(&["logs", "noted"]))?;
            failed(
                &refused,
                FAILED,
                &["journalctl", &format!("JAULA_JAIL={}", jail.number)],
            )?;
            // Nobody takes anything out of it: the jail goes on all the same.
            let jail = Detached::start(
                &["--log", "journald"],
                "i=0; while [ $i -lt 2000 ]; do echo $i; i=$((i+1)); done",
            )?;
            jail.ended()?;
            Ok(())
        },
    );
}
