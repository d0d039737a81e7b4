// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula doctor`.

use jaula_tests::admin::{json, output, text};
use jaula_tests::ktap::{fail, Context, Suite};
use jaula_tests::launch::{failed, jaula, FAILED};
use jaula_tests::sys::{ids, mount, tree};
use jaula_tests::{check, check_eq};
use std::fs;
use std::path::Path;

pub fn add(suite: &mut Suite<'_>) {
    suite.case("doctor: nothing is missing in this machine", || {
        let output = output(&mut jaula(&["doctor"]))?;
        let said = text(&output);
        check_eq!(output.status.code(), Some(0), "the exit status: {said}");
        for check in [
            "kernel",
            "lsm=",
            "securityfs",
            "hidepid",
            "seccomp",
            "cgroup",
            "networks: interfaces",
            "networks: nftables",
            "user namespaces",
            "users of jails",
        ] {
            let is_there = said
                .lines()
                .any(|line| line.contains(&format!("  {check}  ")));
            check!(is_there, "{check} is not looked at: {said}");
        }
        let found = json(&["doctor", "--json"])?;
        let found = found.as_array().ok_or_else(|| fail("not an array"))?;
        check!(found.len() >= 18, "{} findings", found.len());
        check!(
            found.iter().all(|finding| finding["state"] != "missing"),
            "{found:?}"
        );
        let interfaces = found
            .iter()
            .find(|it| it["check"] == "networks: interfaces");
        check!(
            interfaces.is_some_and(|it| it["state"] == "ok"),
            "{interfaces:?}"
        );
        Ok(())
    });
    suite.case(
        "doctor: what encrypted roots take is named where it is missing",
        || {
            let found = json(&["doctor", "--json"])?;
            let mut found = found.as_array().into_iter().flatten();
            let found = found.find(|finding| finding["check"] == "encrypted roots");
            let found = found.ok_or_else(|| fail("it is not looked at"))?;
            check_eq!(found["state"], "warning", "{found}");
            let why = found["found"].as_str().unwrap_or_default();
            check!(why.contains("cryptsetup is missing"), "{why}");
            const PLACE: &str = "/srv/volume";
            fs::create_dir(PLACE).context(PLACE)?;
            let (volume, root) = (format!("{PLACE}/x.luks"), format!("{PLACE}/x.root"));
            fs::write(&volume, "x").context(&volume)?;
            fs::write(&root, "volume = 'x.luks'\nkey = 'prompt'\n").context(&root)?;
            let run = output(&mut jaula(&["run", &root, "--", "true"]));
            let target = format!("{PLACE}/new.root");
            let key = format!("file:{PLACE}/key");
            let build = [
                "rootfs",
                "build",
                "-t",
                "minimal",
                "--encrypt",
                &key,
                &target,
            ];
            let build = output(&mut jaula(&build));
            let left = fs::read_dir(PLACE).context(PLACE)?.count();
            fs::remove_dir_all(PLACE).context(PLACE)?;
            failed(
                &run?,
                FAILED,
                &["x.luks", "device mapper", "CONFIG_BLK_DEV_DM"],
            )?;
            failed(&build?, FAILED, &["new.luks", "cryptsetup is missing"])?;
            check_eq!(left, 2, "what is left");
            Ok(())
        },
    );
    suite.case("doctor: the host has the user that jails run as", || {
        const FILE: &str = "/etc/passwd";
        let before = fs::read(FILE).context(FILE)?;
        for line in ["", "alice:x:1000:1000::/:/bin/sh\n"] {
            let others = String::from_utf8_lossy(&before);
            let others = others.lines().filter(|line| !line.contains(":1000:"));
            let kept: String = others.map(|line| format!("{line}\n")).collect();
            fs::write(FILE, kept + line).context(FILE)?;
            let said = output(&mut jaula(&["doctor"]));
            fs::write(FILE, &before).context(FILE)?;
            let said = text(&said?);
            let found = said
                .lines()
                .find(|line| line.contains("  users of jails  "));
            let found = found.ok_or_else(|| fail(format!("not a word about it: {said}")))?;
            check!(found.starts_with("ok"), "{found}");
            check_eq!(found.contains("alice"), !line.is_empty(), "{found}");
            check!(
                said.contains("RLIMIT_NPROC") && said.contains("--ids"),
                "{said}"
            );
        }
        Ok(())
    });
    suite.case("doctor: securityfs is not mounted", || {
        tree::own_mounts().context("mounts of its own")?;
        mount::unmount(Path::new("/sys/kernel/security")).context("umount")?;
        let output = output(&mut jaula(&["doctor"]))?;
        let said = text(&output);
        check_eq!(output.status.code(), Some(1), "the exit status: {said}");
        let line = said.lines().find(|line| line.contains("  securityfs  "));
        let line = line.ok_or_else(|| fail(format!("not a word about it: {said}")))?;
        check!(line.starts_with("missing"), "{line}");
        check!(said.contains("mount -t securityfs"), "no advice: {said}");
        Ok(())
    });
    suite.case("doctor: who is not root is told so", || {
        ids::become_user(1000).context("becoming user 1000")?;
        let said = text(&output(&mut jaula(&["doctor"]))?);
        let line = said.lines().find(|line| line.contains("  privilege  "));
        let line = line.ok_or_else(|| fail(format!("not a word about it: {said}")))?;
        check!(line.starts_with("warning"), "{line}");
        Ok(())
    });
}
