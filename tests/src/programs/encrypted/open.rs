// SPDX-License-Identifier: MIT OR Apache-2.0

//! While a volume is open.

use super::machine::{devices, in_jail, keys, nothing_is_left, users, Place};
use jaula_tests::admin::{
    host, json, noted_process, output, succeed, text, wait_until_executed, wait_until_named,
};
use jaula_tests::ktap::{fail, CaseResult, Context, Failure, Suite};
use jaula_tests::{check, check_eq, procfs, wait};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::process::Command;

fn jailed() -> Result<BTreeSet<libc::pid_t>, Failure> {
    let jails = json(&["ps", "--json"])?;
    let all = jails.as_array().into_iter().flatten();
    Ok(all
        .filter_map(|process| process["pid"].as_i64())
        .filter_map(|pid| libc::pid_t::try_from(pid).ok())
        .collect())
}

/// Whether what there is of nodes can be opened by root alone, and not by the group of disks either.
fn nodes_are_of_root_alone() -> CaseResult {
    output(Command::new("udevadm").arg("settle"))?;
    let mut nodes = 0;
    for directory in ["/dev", "/dev/mapper"] {
        for entry in fs::read_dir(directory).context(directory)?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !name.starts_with("dm-") && !name.starts_with("jaula-") {
                continue;
            }
            let found = fs::metadata(entry.path()).context(&name)?;
            if !found.file_type().is_block_device() {
                continue;
            }
            nodes += 1;
            check_eq!(
                (found.uid(), found.gid(), found.mode() & 0o777),
                (0, 0, 0o600),
                "{name}"
            );
        }
    }
    check!(nodes > 0, "there are no nodes");
    Ok(())
}

/// Rules of udev that are not there, until this goes.
struct Hidden(&'static [&'static str]);

impl Hidden {
    const RULES: &'static str = "/run/udev/rules.d";

    fn new(names: &'static [&'static str]) -> Result<Self, Failure> {
        let hidden = Hidden(names);
        fs::create_dir_all(Self::RULES).context(Self::RULES)?;
        for name in names {
            let path = format!("{}/{name}", Self::RULES);
            std::os::unix::fs::symlink("/dev/null", &path).context(&path)?;
        }
        host("udevadm control --reload").map(|_| hidden)
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        for name in self.0 {
            let _ = fs::remove_file(format!("{}/{name}", Self::RULES));
        }
        let _ = host("udevadm control --reload");
    }
}

pub fn add(suite: &mut Suite<'_>) {
    suite.case(
        "open: no path of the host leads there, and nobody outside has it",
        || {
            let place = Place::with_volume()?;
            let root = place.path("secret.root");
            let marker = "marker-of-the-encrypted-root";
            let script = format!("echo inside > /{marker}; echo ready; exec sleep 1000");
            let start = ["run", "--detach", "--name", "secret", "--user", "root"];
            succeed(&[&start[..], &[&root, "--", "sh", "-c", &script]].concat())?;
            wait::until("it is there", || {
                Ok(succeed(&["logs", "secret"])?.contains("ready"))
            })?;
            let open = devices()?;
            check_eq!(open.len(), 1, "the devices: {open:?}");
            let device = open[0].display().to_string();
            let (users, jailed) = (users(&device)?, jailed()?);
            check!(!users.is_empty(), "nobody has it");
            for user in &users {
                let name = procfs::name(*user).unwrap_or_default();
                check!(
                    jailed.contains(user),
                    "{user} ({name}), which is in no jail, has it"
                );
            }
            // All that root gets to by a path, on every file system that is mounted.
            let found = output(Command::new("find").args([
                "/", "-path", "/proc", "-prune", "-o", "-name", marker, "-print",
            ]))?;
            check_eq!(text(&found), "", "where the marker is");
            for line in fs::read_to_string("/proc/mounts")
                .context("/proc/mounts")?
                .lines()
            {
                check!(
                    !line.contains("jaula") && !line.contains("/dm-"),
                    "it is mounted: {line}"
                );
            }
            // What looks for file systems has not looked into it.
            let said = output(Command::new("lsblk").args([
                "--noheadings",
                "--output=FSTYPE,UUID,MOUNTPOINTS",
                &format!(
                    "/dev/{}",
                    open[0].file_name().unwrap_or_default().to_string_lossy()
                ),
            ]))?;
            let said = text(&said);
            check_eq!(said.trim(), "", "what lsblk says of it");
            check_eq!(
                keys()?,
                Vec::<String>::new(),
                "keys of it that are to be found"
            );
            // Its own mounts name no path either.
            let seen = in_jail("secret", "cat /proc/mounts")?;
            let top = seen
                .lines()
                .find(|line| line.split(' ').nth(1) == Some("/"));
            let top = top.ok_or_else(|| fail(format!("no root: {seen}")))?;
            check!(
                top.contains(" ext4 ") && top.contains("nosuid") && top.contains("nodev"),
                "{top}"
            );
            check!(!top.contains("/srv") && !top.contains("/dev/"), "{top}");
            succeed(&["rm", "secret"])?;
            nothing_is_left()
        },
    );
    suite.case("open: the node of its device is root's alone", || {
        let place = Place::with_volume()?;
        place.start("secret.root", "secret", &[])?;
        nodes_are_of_root_alone()?;
        let script = "ls -l /dev; mknod /dev/b b 252 0; mknod /b b 252 0; cat /b";
        let said = output(&mut jaula_tests::launch::jaula(&[
            "exec", "--user", "root", "secret", "--", "sh", "-c", script,
        ]))?;
        check!(!said.status.success(), "a jail reads the device");
        check!(
            !text(&said).contains("dm-"),
            "it has a node: {}",
            text(&said)
        );
        Ok(())
    });
    suite.case(
        "open: without the rules of the device mapper as well",
        || {
            let place = Place::with_volume()?;
            let _hidden = Hidden::new(&["55-dm.rules", "60-persistent-storage-dm.rules"])?;
            place.start("secret.root", "secret", &[])?;
            nodes_are_of_root_alone()?;
            succeed(&["rm", "secret"])?;
            nothing_is_left()
        },
    );
    suite.case("open: a user of the host whose id is in the jail gets nowhere", || {
        let place = Place::with_volume()?;
        place.start("secret.root", "secret", &["--user", "1000:1000"])?;
        in_jail("secret", "echo told > /told; chmod 666 /told")?;
        let jailed = jailed()?;
        check!(!jailed.is_empty(), "nobody is in it");
        for pid in jailed {
            for path in ["root/told", "cwd/told", "fd", "map_files",  "environ"] {
                let script = format!(
                    "cat /proc/{pid}/{path} /proc/{pid}/{path}/* 2>/dev/null | grep -E 'told|dm|ext4'"
                );
                let mut user = Command::new("setpriv");
                user.args(["--reuid=1000", "--regid=1000", "--clear-groups"]);
                let said = output(user.args(["sh", "-c", &script]))?;
                check_eq!(text(&said), "", "what it sees by /proc/{pid}/{path}");
            }
        }
        succeed(&["rm", "secret"])?;
        nothing_is_left()
    });
    suite.case("open: who waits for a jail has nothing of it", || {
        let place = Place::with_volume()?;
        for options in [
            &[][..],
            &["--keep"],
            &["--ids", "auto"],
            &["--detach", "--tty"],
        ] {
            let mut command = place.command(
                "secret.root",
                &[&["--name", "secret"], options].concat(),
                "exec sleep 1000",
            );
            let mut waiting = command.spawn().context("jaula")?;
            let number = wait_until_named("secret")?;
            wait_until_executed(number, "sleep", 1)?;
            let waits = noted_process("secret", "supervisor")?;
            let open = devices()?;
            check_eq!(open.len(), 1, "the devices: {open:?}");
            let device = open[0].display().to_string();
            // What was there to start it may be about to end.
            wait::until("nobody but the jail has it, and its monitor", || {
                let (users, jailed) = (users(&device)?, jailed()?);
                check!(!users.is_empty(), "nobody has it");
                // That is in the mounts of the jail that it leads the terminal of; who waits is not.
                let monitor = jailed.iter().find_map(|pid| procfs::stat(*pid, 4).ok());
                let monitor = monitor.filter(|pid| u64::try_from(waits).ok() != Some(*pid));
                let is_meant = |user: &libc::pid_t| {
                    jailed.contains(user) || monitor == u64::try_from(*user).ok()
                };
                Ok(users.iter().all(is_meant))
            })?;
            succeed(&["rm", "secret"])?;
            waiting.wait().context("wait")?;
            nothing_is_left()?;
        }
        Ok(())
    });
    suite.case("open: the host's disk is full", || {
        let place = Place::new()?;
        let small = place.path("small");
        host(&format!(
            "mkdir {small}; mount -t tmpfs -o size=30M,mode=700 small {small}"
        ))?;
        let target = format!("{small}/x.root");
        let key = format!("file:{}", place.path("key"));
        let build = [
            "rootfs",
            "build",
            "-t",
            "minimal",
            "--encrypt",
            &key,
            "--sparse",
        ];
        succeed(&[&build[..], &["--size", "100M", &target]].concat())?;
        let run = |script: &str| {
            let root = [&*target, "--", "sh", "-c", script];
            output(&mut jaula_tests::launch::jaula(
                &[&["run", "--quiet", "--user", "root"], &root[..]].concat(),
            ))
        };
        let said =
            run("echo kept > /kept; sync; dd if=/dev/zero of=/large bs=64k; sync; echo > /more")?;
        check!(!said.status.success(), "there is room: {said:?}");
        nothing_is_left()?;
        // It is as it was before, with what was written out; and with room there is more.
        host(&format!("mount -o remount,size=200M {small}"))?;
        let said = run("rm -f /large; echo more > /more; cat /kept /more")?;
        check_eq!(
            text(&said),
            "kept\nmore\n",
            "with room: {}",
            jaula_tests::launch::complaint(&said)
        );
        nothing_is_left()
    });
    suite.case("open: jails share a volume, and need its key once", || {
        let place = Place::with_volume()?;
        for name in ["first", "second"] {
            place.start("secret.root", name, &[])?;
            // It is open.
            let _ = fs::rename(place.path("key"), place.path("away"));
        }
        check_eq!(devices()?.len(), 1, "the devices");
        in_jail("first", "echo told > /told")?;
        let told = succeed(&["exec", "second", "--", "cat", "/told"])?;
        check_eq!(told, "told\n", "what the other reads");
        succeed(&["rm", "first"])?;
        check_eq!(devices()?.len(), 1, "the devices with one left");
        check_eq!(
            succeed(&["exec", "second", "--", "cat", "/told"])?,
            "told\n",
            "after that"
        );
        succeed(&["rm", "second"])?;
        nothing_is_left()?;
        let refused = place.end("secret.root", "true")?;
        jaula_tests::launch::failed(&refused, 125, &["secret.luks", "the key file:"])?;
        nothing_is_left()
    });
    suite.case("open: a copy of a volume is another", || {
        let place = Place::with_volume()?;
        fs::copy(place.path("secret.luks"), place.path("other.luks")).context("copying")?;
        place.write(
            "other.root",
            "volume = 'other.luks'\nkey = 'file:key'\n",
            0o644,
        )?;
        for name in ["secret", "other"] {
            place.start(&format!("{name}.root"), name, &[])?;
        }
        check_eq!(devices()?.len(), 2, "the devices");
        in_jail("secret", "echo told > /told")?;
        let said = output(&mut jaula_tests::launch::jaula(&[
            "exec", "other", "--", "cat", "/told",
        ]))?;
        check!(!said.status.success(), "it is in both");
        Ok(())
    });
    suite.case("open: with ids of the jail's own", || {
        let place = Place::with_volume()?;
        let script = "stat -c %u:%g /bin/busybox; echo x > /new; stat -c %u:%g /new; id -u";
        let said = output(&mut place.command("secret.root", &["--ids", "auto"], script))?;
        check_eq!(
            text(&said),
            "0:0\n0:0\n0\n",
            "{}",
            jaula_tests::launch::complaint(&said)
        );
        check_eq!(
            place.run("secret.root", "stat -c %u:%g /new")?,
            "0:0\n",
            "on its disk"
        );
        nothing_is_left()
    });
    suite.case("open: read-only, and full", || {
        let place = Place::with_volume()?;
        let said = output(&mut place.command("secret.root", &["--read-only"], "echo > /x"))?;
        check!(!said.status.success(), "it was written to");
        let full = place.end("secret.root", "dd if=/dev/zero of=/large bs=64k")?;
        let why = jaula_tests::launch::complaint(&full);
        check!(why.contains("No space left"), "{why}");
        check_eq!(
            place.run("secret.root", "rm /large; echo x > /y; cat /y")?,
            "x\n",
            "after that"
        );
        nothing_is_left()
    });
    suite.case("open: a volume that was made larger has more room", || {
        let place = Place::with_volume()?;
        let room = "df -k / | tail -n 1 | awk '{ print $2 }'";
        let number = |said: String| {
            let number = said.trim().parse::<u64>();
            number.map_err(|error| fail(format!("{said}: {error}")))
        };
        let before = number(place.run("secret.root", room)?)?;
        let volume = fs::OpenOptions::new()
            .write(true)
            .open(place.path("secret.luks"));
        volume
            .and_then(|volume| volume.set_len(200 << 20))
            .context("growing")?;
        let after = number(place.run("secret.root", room)?)?;
        check!(
            after > before + (120 << 10),
            "{before} KiB before, {after} KiB after"
        );
        nothing_is_left()
    });
}
