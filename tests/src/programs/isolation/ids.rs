// SPDX-License-Identifier: MIT OR Apache-2.0

//! Users and groups of a jail's own: what it looks like from within and from outside, and what two
//! jails with the same user have in common then.

mod terminal;

use super::place::Place;
use jaula_tests::admin::{output, succeed, text, Detached};
use jaula_tests::ktap::{fail, CaseResult, Context, Failure, Suite};
use jaula_tests::launch::{complaint, failed, jaula, run, FAILED};
use jaula_tests::session::{follow, part, steps, Compare};
use jaula_tests::sys::{ids, mount, msg, process, sem, shm, tree};
use jaula_tests::{check, check_eq, jailfs, procfs, wait};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The first of the ids that are given out where nothing else is said.
const FIRST: u32 = 1_879_048_192;
/// How many there are in a block.
const COUNT: u32 = 65536;

/// A file system that maps ids, with a root on it; that of the machine itself does not.
pub struct Disk {
    place: Place,
    at: PathBuf,
    maker: libc::pid_t,
}

impl Disk {
    pub fn new() -> Result<Disk, Failure> {
        let maker = process::pid();
        let at = std::env::temp_dir().join(format!("ids-{maker}"));
        fs::create_dir(&at).context(at.display())?;
        mount::tmpfs(&at).context(at.display())?;
        // Others of the host's users are to come by it.
        fs::set_permissions(&at, fs::Permissions::from_mode(0o755)).context(at.display())?;
        let place = Place::at(at.join("place"))?;
        Ok(Disk { place, at, maker })
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.maker == process::pid() {
            let _ = mount::unmount(&self.at);
            let _ = fs::remove_dir(&self.at);
        }
    }
}

/// Acts in a jail as these tests want it.
pub fn act() -> Option<ExitCode> {
    match std::env::args().nth(1)?.as_str() {
        "users" => println!("{:?} {:?}", ids::users(), ids::groups()),
        "ipc" => println!("{:?}", use_ipc()),
        _ => return None,
    }
    Some(ExitCode::SUCCESS)
}

/// Makes one of each of System V's objects, has a child use them, and removes them.
fn use_ipc() -> Result<process::Ended, jaula_tests::sys::Errno> {
    let private = libc::IPC_PRIVATE;
    let flags = libc::IPC_CREAT | 0o600;
    let (set, segment) = (sem::get(private, 1, flags)?, shm::get(private, 10, flags)?);
    let queue = msg::get(private, flags)?;
    let ended = process::in_child(|| {
        let used = sem::op(set, 0, 1, 0)
            .and_then(|()| shm::attach(segment, 0, 10))
            .map(|mut attached| attached.write(b"x"))
            .and_then(|()| msg::send(queue, 1, b"x", 0));
        used.map_or(1, |()| 0)
    })?;
    msg::receive(queue, 0, 1, libc::IPC_NOWAIT)?;
    sem::remove(set)?;
    shm::remove(segment)?;
    msg::remove(queue)?;
    Ok(ended)
}

fn start(place: &Place, options: &[&str], script: &str) -> Result<Detached, Failure> {
    let root = place.root();
    let command = [&root, "--", "/bin/sh", "-c", script];
    Detached::run(&[&["run", "--detach"], options, &command].concat())
}

/// What a shell prints that is run in a jail later.
fn exec(jail: &Detached, options: &[&str], script: &str) -> Result<String, Failure> {
    let number = jail.text();
    let command = [&number, "--", "/bin/sh", "-c", script];
    let arguments = [&["exec", "--quiet"], options, &command].concat();
    let output = output(&mut jaula(&arguments))?;
    check!(output.status.success(), "{script}: {}", complaint(&output));
    Ok(text(&output).trim_end().to_owned())
}

/// The first process of a jail.
fn first(jail: &Detached) -> Result<libc::pid_t, Failure> {
    let members = procfs::members(jail.number)?;
    members
        .first()
        .copied()
        .ok_or_else(|| fail("nobody is in the jail"))
}

/// The user of a process, as the host counts.
fn user_of(pid: libc::pid_t) -> Result<u32, Failure> {
    let line = procfs::status(&pid.to_string(), "Uid")?;
    let effective = line.split_whitespace().nth(1);
    let effective = effective.and_then(|user| user.parse().ok());
    effective.ok_or_else(|| fail(format!("process {pid}: {line}")))
}

/// The first id of a jail's block, as it is noted.
fn base(jail: &Detached) -> Result<u32, Failure> {
    let said = jail.inspect()?;
    let ids = said["noted"]["isolation"]["ids"]
        .as_str()
        .unwrap_or_default();
    let base = ids.split(':').next().and_then(|base| base.parse().ok());
    base.ok_or_else(|| fail(format!("no ids are noted: {said}")))
}

/// The owner and the group of a file.
fn owner(path: &Path) -> Result<(u32, u32), Failure> {
    let found = fs::symlink_metadata(path).context(path.display())?;
    Ok((found.uid(), found.gid()))
}

const AUTO: [&str; 2] = ["--ids", "auto"];
const ROOT: [&str; 4] = ["--ids", "auto", "--user", "root"];
const SLEEP: &str = "echo ready; exec sleep 1000";

pub fn add<'a>(suite: &mut Suite<'a>, disk: &'a Disk) {
    let place = &disk.place;
    looks(suite, place);
    terminal::add(suite, place);
    roots(suite, place);
    blocks(suite, place);
    apart(suite, place);
    joined(suite, place);
    refused(suite, place);
    shown(suite);
}

fn looks<'a>(suite: &mut Suite<'a>, place: &'a Place) {
    suite.case("ids: from within nothing is different", move || {
        place.expect(&AUTO, "id", "uid=1000(user) gid=1000(user)")?;
        place.expect(&ROOT, "id", "uid=0(root) gid=0(root)")?;
        place.expect(&["--ids", "auto", "--user", "7:8"], "id -u; id -g", "7\n8")?;
        let look = "ls -ld / /bin /bin/sh /dev /dev/* /dev/pts/* /dev/shm /tmp /home/user \
                    | tr -s ' ' | cut -d ' ' -f 1,3,4,9";
        place.expect(&AUTO, look, &place.says(&[], look)?)?;
        let status = "grep -E '^(Cap|NoNew|Seccomp|Groups)' /proc/self/status; ulimit -a; umask";
        place.expect(&AUTO, status, &place.says(&[], status)?)?;
        let options = ["--user", "root"];
        place.expect(&ROOT, status, &place.says(&options, status)?)
    });
    suite.case(
        "ids: what is written has its owner on the disk",
        move || {
            let host = format!("{}:/data", place.host("below"));
            let script = "for i in /tmp /data /run-tmp; do touch $i/root $i/user && \
                      chown 1000:7 $i/user && ls -ln $i | tail -n +2 | tr -s ' ' | \
                      cut -d ' ' -f 3,4; done";
            let options = [&ROOT[..], &["--bind", &host, "--tmpfs", "/more"]].concat();
            let said = place.says(&options, &script.replace("/run-tmp", "/more"))?;
            check_eq!(said, ["0 0\n1000 7"; 3].join("\n"), "owners inside");
            let below = PathBuf::from(place.host("below"));
            for directory in [place.inside("tmp"), below] {
                for (name, expected) in [("root", (0, 0)), ("user", (1000, 7))] {
                    let path = directory.join(name);
                    check_eq!(owner(&path)?, expected, "{}", path.display());
                    fs::remove_file(&path).context(path.display())?;
                }
            }
            Ok(())
        },
    );
    suite.case("ids: what is made for mounts is its root's", move || {
        let bind = format!("{}:/dev/a/file:ro", place.host("file"));
        let below = format!("{}:/tmp/a/b", place.host("below"));
        let options = [
            "--bind",
            &bind,
            "--tmpfs",
            "/tmp",
            "--bind",
            &below,
            "--device",
            "/dev/full:/dev/b/full",
        ];
        let script = "stat -c %u:%g:%a /dev/a /tmp/a /dev/b /dev/b/full; cat /dev/a/file; \
                      echo x 2>&1 >/dev/b/full | grep -o 'No space'; : >/dev/stdout && echo opened";
        let said = "0:0:755\n0:0:755\n0:0:755\n0:0:666\nof the host\nNo space\nopened";
        for ids in [&AUTO[..], &ROOT[..], &["--ids", "300000:3", "--user", "1"]] {
            place.expect(&[ids, &options[..]].concat(), script, said)?;
        }
        Ok(())
    });
    suite.case("ids: on the host they are the block's", move || {
        let options = ["--ids", "300000:2000", "--tmpfs", "/tmp"];
        let jail = start(place, &options, "touch /tmp/a; echo ready; exec sleep 1000")?;
        jail.has_printed("ready")?;
        let pid = first(&jail)?;
        check_eq!(user_of(pid)?, 301_000, "the user");
        let inside = procfs::root(pid).join("tmp/a");
        check_eq!(owner(&inside)?, (301_000, 301_000), "a file in memory");
        check_eq!(base(&jail)?, 300_000, "what is noted");
        for map in ["uid_map", "gid_map"] {
            let map = format!("/proc/{pid}/{map}");
            let said = fs::read_to_string(&map).context(&map)?;
            let said: Vec<&str> = said.split_whitespace().collect();
            check_eq!(said, ["0", "300000", "2000"], "{map}");
        }
        Ok(())
    });
    suite.case("ids: signals and System V IPC within the jail", move || {
        for options in [&AUTO[..], &ROOT[..]] {
            let signal = "sleep 1000 & kill $! && wait $!; echo $?";
            place.expect(options, signal, "143")?;
            place.expect(options, "/bin/caller ipc", "Ok(Exited(0))")?;
            let options = [options, &["--new-ipc"]].concat();
            place.expect(&options, "/bin/caller ipc", "Ok(Exited(0))")?;
        }
        Ok(())
    });
}

fn roots<'a>(suite: &mut Suite<'a>, place: &'a Place) {
    suite.case("ids: its root is root of nothing else", move || {
        let bad = "2>/dev/null && echo done || echo refused";
        let deeds = [
            format!("(echo 0 0 1 > /proc/self/uid_map) {bad}"),
            format!("(echo 0 0 1 > /proc/self/gid_map) {bad}"),
            format!("(echo allow > /proc/self/setgroups) {bad}"),
            format!("mknod /tmp/node c 1 3 {bad}"),
            format!("mount -t tmpfs none /tmp {bad}"),
            format!("mount -o remount,bind / {bad}"),
            format!("chown 65536 /tmp/file {bad}"),
            format!("unshare -U true {bad}"),
            format!("nsenter -t 1 -U true {bad}"),
        ];
        let expected = vec!["refused"; deeds.len()].join("\n");
        let script = format!("touch /tmp/file; {}; rm /tmp/file", deeds.join("; "));
        place.expect(&ROOT, &script, &expected)?;
        // Neither do they where the module would let it: the host's user namespace owns what is mounted.
        let allowed = [&ROOT[..], &["--allow", "mount,mknod,dac_read_search"]].concat();
        let script = format!(
            "{}; {}; {}; mount -o remount,bind,dev,suid /dev/shm {bad}",
            deeds[3], deeds[4], deeds[5]
        );
        place.expect(&allowed, &script, &["refused"; 4].join("\n"))
    });
    suite.case(
        "ids: its user namespaces stay within the block",
        move || {
            // What Linux wants for it; without, the module refuses all of them.
            let options = ["--allow", "userns,mount,sys_ptrace"];
            let options = [&ROOT[..], &options].concat();
            // All it has, and one more.
            let script = "unshare -U sleep 1000 & sleep 1; for i in 65537 65536; do \
                      (echo 0 0 $i > /proc/$!/uid_map) 2>/dev/null && echo done || echo refused; \
                      done; kill $!";
            place.expect(&options, script, "refused\ndone")
        },
    );
    suite.case(
        "ids: what has no owner in the block is everybody else's",
        move || {
            let path = place.inside("more/far");
            fs::write(&path, "x").context(path.display())?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).context("chmod")?;
            std::os::unix::fs::chown(&path, Some(70_000), Some(70_000)).context("chown")?;
            let script = "stat -c %u /more/far; cat /more/far 2>/dev/null || echo unread; \
                          chown 0 /more/far 2>/dev/null || echo unchanged";
            let said = place.expect(&ROOT, script, "65534\nunread\nunchanged");
            fs::remove_file(&path).context(path.display())?;
            said
        },
    );
    suite.case(
        "ids: a set-user-ID program gives what the jail has",
        move || {
            let path = place.inside("bin/caller");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o4755)).context("chmod")?;
            let options = [&AUTO[..], &["--without", "no-new-privs"]].concat();
            let gives = "/bin/caller users";
            let said = place
                .expect(&options, gives, "Ok([1000, 0, 0]) Ok([1000, 1000, 1000])")
                .and_then(|()| {
                    place.expect(
                        &AUTO,
                        gives,
                        "Ok([1000, 1000, 1000]) Ok([1000, 1000, 1000])",
                    )
                });
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).context("chmod")?;
            said
        },
    );
    suite.case("ids: low ports are for a network of its own", move || {
        let script = "nc -l -p 81 -w 1 2>&1 </dev/null | grep -o 'Permission denied'; true";
        place.expect(&ROOT, script, "Permission denied")?;
        let options = [&ROOT[..], &["--new-net"]].concat();
        place.expect(&options, script, "")?;
        // Allowed, it is over that network alone.
        let script = "for i in up down; do ip link set lo $i 2>/dev/null || echo refused; done";
        let allowed = ["--allow", "net_admin"];
        // What is as it is to be is no change; one of the two is.
        place.expect(&[&ROOT[..], &allowed].concat(), script, "refused")?;
        place.expect(&[&options[..], &allowed].concat(), script, "")
    });
}

fn blocks<'a>(suite: &mut Suite<'a>, place: &'a Place) {
    suite.case(
        "ids auto: a block for each jail, given back with it",
        move || {
            let jails: Vec<Detached> = (0..3)
                .map(|_| start(place, &AUTO, SLEEP))
                .collect::<Result<_, _>>()?;
            let bases: Vec<u32> = jails.iter().map(base).collect::<Result<_, _>>()?;
            check_eq!(bases, [FIRST, FIRST + COUNT, FIRST + 2 * COUNT], "blocks");
            succeed(&["rm", &jails[1].text()])?;
            let again = start(place, &AUTO, SLEEP)?;
            check_eq!(base(&again)?, FIRST + COUNT, "the one that is free again");
            Ok(())
        },
    );
    suite.case("ids auto: many that start at once", move || {
        let script = "cat /proc/self/uid_map; sleep 5";
        let root = place.root();
        let command = [
            "--quiet", "--ids", "auto", &root, "--", "/bin/sh", "-c", script,
        ];
        let mut children = Vec::new();
        for _ in 0..4 {
            let mut command = jaula(&command);
            let command = command.stdout(std::process::Stdio::piped());
            children.push(command.spawn().context("starting jaula")?);
        }
        let mut maps = Vec::new();
        for child in children {
            let output = child.wait_with_output().context("waiting for jaula")?;
            check!(output.status.success(), "{}", complaint(&output));
            maps.push(text(&output));
        }
        maps.sort();
        maps.dedup();
        check_eq!(maps.len(), 4, "different blocks: {maps:?}");
        Ok(())
    });
    suite.case("ids: no block is given to two", move || {
        let jail = start(place, &["--ids", "400000"], SLEEP)?;
        jail.has_printed("ready")?;
        let taken = |block: &str| -> CaseResult {
            let root = place.root();
            let output = run(&mut jaula(&["--ids", block, &root, "--", "/bin/true"]))?;
            failed(&output, FAILED, &[block, "not free", "400000 to 465535"])
        };
        for block in ["400000:65536", "465535:1", "399999:2", "100000:1000000"] {
            taken(block)?;
        }
        place.says(&["--ids", "465536:1001"], "true")?;
        // What is noted gets lost; what runs in it is there all the same.
        let noted = format!("/run/jaula/{}", jail.number);
        fs::remove_dir_all(&noted).context(&noted)?;
        let own = fs::read_to_string("/run/jaula/ids.json").unwrap_or_default();
        fs::write("/run/jaula/ids.json", "[]").context("ids.json")?;
        let said = taken("400000:65536");
        fs::write("/run/jaula/ids.json", own).context("ids.json")?;
        said
    });
    suite.case(
        "ids: nor one that others have in part, as users or as groups",
        move || {
            for (users, groups, block) in [
                ("300000 1000", "900000 1000", "900500:1001"),
                ("300000 1000", "900000 1000", "300999:1001"),
                ("1 900000", "1 900000", "70000:1001"),
            ] {
                let mut holder = Command::new("/bin/sh")
                    .args(["-c", "exec unshare -U sleep 1000"])
                    .spawn()
                    .context("unshare")?;
                let own = fs::read_link("/proc/self/ns/user").context("ns/user")?;
                let file = |name: &str| format!("/proc/{}/{name}", holder.id());
                wait::until("it has its own", || {
                    Ok(fs::read_link(file("ns/user")).is_ok_and(|other| other != own))
                })?;
                let written = fs::write(file("uid_map"), format!("0 {users}"))
                    .and_then(|()| fs::write(file("gid_map"), format!("0 {groups}")));
                let root = place.root();
                let said = run(&mut jaula(&["--ids", block, &root, "--", "/bin/true"]));
                let _ = holder.kill().and_then(|()| holder.wait());
                written.context("its maps")?;
                failed(&said?, FAILED, &[block, "not free"])?;
            }
            Ok(())
        },
    );
    suite.case(
        "ids auto: never what is for the accounts of a host",
        move || {
            let files = ["/etc/subuid", "/etc/subgid"];
            let written = files
                .iter()
                .try_for_each(|file| fs::write(file, "jaula:1000:131072\n").context(file));
            let said = written.and_then(|()| {
                let jail = start(place, &AUTO, SLEEP)?;
                check_eq!(base(&jail)?, 65_536, "the block");
                Ok(())
            });
            for file in files {
                fs::remove_file(file).context(file)?;
            }
            said?;
            place.says(&AUTO, "true").map(drop)
        },
    );
    suite.case("ids: a kept jail with nobody in it keeps them", move || {
        let jail = start(place, &["--keep", "--ids", "500000"], "exit 0")?;
        jailfs::wait_for(jail.number, "tasks", 0)?;
        let root = place.root();
        let output = run(&mut jaula(&["--ids", "500000", &root, "--", "/bin/true"]))?;
        failed(&output, FAILED, &["500000:65536 is not free"])?;
        check_eq!(exec(&jail, &[], "id -u")?, "1000", "who runs there later");
        succeed(&["rm", &jail.text()])?;
        place.says(&["--ids", "500000"], "true").map(drop)
    });
    suite.case(
        "ids auto: from what /etc/subuid and /etc/subgid give",
        move || {
            let files = ["/etc/subuid", "/etc/subgid"];
            let before: Vec<_> = files.iter().map(fs::read).collect();
            let lines = "eve:100000:65536\njaula:700000:65536\n";
            let written = files
                .iter()
                .try_for_each(|file| fs::write(file, lines).context(file));
            let said = written.and_then(|()| {
                let jail = start(place, &AUTO, SLEEP)?;
                check_eq!(base(&jail)?, 700_000, "the block");
                let root = place.root();
                let output = run(&mut jaula(&["--ids", "auto", &root, "--", "/bin/true"]))?;
                failed(&output, FAILED, &["no block", "/etc/subuid", "/etc/subgid"])
            });
            for (file, before) in files.iter().zip(before) {
                match before {
                    Ok(text) => fs::write(file, text).context(file)?,
                    Err(_) => fs::remove_file(file).context(file)?,
                }
            }
            said
        },
    );
}

fn apart<'a>(suite: &mut Suite<'a>, place: &'a Place) {
    suite.case("ids: RLIMIT_NPROC is each jail's own", move || {
        let limit = ["--rlimit", "nproc=4"];
        let script = "for i in 1 2; do sleep 1000 & done; echo ready; wait";
        let more = "sleep 0 & sleep 0 & sleep 0 & wait; echo done";
        let root = place.root();
        let fork = |ids: &[&str]| -> Result<bool, Failure> {
            let start = ["run", "--quiet"];
            let command = [&root, "--", "/bin/sh", "-c", more];
            let arguments = [&start[..], &limit, ids, &command].concat();
            Ok(output(&mut jaula(&arguments))?.status.success())
        };
        let shared = start(place, &limit, script)?;
        shared.has_printed("ready")?;
        check!(
            !fork(&[])?,
            "the limit is not shared by users with one number"
        );
        check!(
            fork(&AUTO)?,
            "the limit is shared with one that has its own"
        );
        let own = start(place, &[&limit[..], &AUTO].concat(), script)?;
        own.has_printed("ready")?;
        check!(
            fork(&AUTO)?,
            "the limit is shared by two that have their own"
        );
        Ok(())
    });
    suite.case(
        "ids: a user of the host with the number is a stranger",
        move || {
            // As Linux itself has it, without what the module adds.
            let tamper = ["--allow", "unprivileged_parent_tampering"];
            let shared = start(place, &tamper, SLEEP)?;
            let own = start(place, &[&tamper[..], &AUTO].concat(), SLEEP)?;
            shared.has_printed("ready")?;
            own.has_printed("ready")?;
            let (shared, own) = (first(&shared)?, first(&own)?);
            ids::become_user(1000).context("becoming user 1000")?;
            let reads = |pid| fs::read(format!("/proc/{pid}/environ")).is_ok();
            check!(
                reads(shared),
                "it cannot be read with the number of its user"
            );
            check!(!reads(own), "it can be read, with ids of its own");
            let refused = process::kill(own, libc::SIGTERM);
            check_eq!(refused, Err(jaula_tests::sys::Errno::EPERM), "kill");
            check_eq!(process::kill(shared, 0), Ok(()), "kill");
            Ok(())
        },
    );
    suite.case("ids: two jails, and their files and signals", move || {
        let options = [&AUTO[..], &["--tmpfs", "/tmp"]].concat();
        let one = start(
            place,
            &options,
            "umask 077; echo x > /tmp/a; echo ready; exec sleep 1000",
        )?;
        let other = start(place, &ROOT, SLEEP)?;
        one.has_printed("ready")?;
        other.has_printed("ready")?;
        let (pid, to) = (first(&one)?, base(&other)?);
        check_eq!(user_of(pid)?, base(&one)? + 1000, "its user");
        let script = format!(
            "for i in 0 15; do kill -$i {pid} 2>/dev/null || echo refused; done; \
             ls /proc/{pid} 2>/dev/null || echo unseen"
        );
        check_eq!(
            exec(&other, &[], &script)?,
            "refused\nrefused\nunseen",
            "what its root does to the other"
        );
        // The other's user, on the host itself, where a path leads to the file.
        let path = procfs::root(pid).join("tmp/a");
        let file = fs::File::open(&path).context(path.display())?;
        check_eq!(
            fs::metadata(&path).context(path.display())?.uid(),
            base(&one)? + 1000,
            "{}",
            path.display()
        );
        ids::become_user(to + 1000).context("becoming the other's user")?;
        let again = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
        let opened = fs::File::open(&again)
            .err()
            .and_then(|error| error.raw_os_error());
        check_eq!(opened, Some(libc::EACCES), "opening the file");
        Ok(())
    });
    suite.case(
        "ids: what is counted for the jail is not the host's root's",
        move || {
            let jail = start(place, &AUTO, SLEEP)?;
            jail.has_printed("ready")?;
            // NS_GET_OWNER_UID of its user namespace.
            let path = format!("/proc/{}/ns/user", first(&jail)?);
            let file = fs::File::open(&path).context(&path)?;
            let owner = jaula_tests::sys::ids::owner_of_namespace(&file).context(&path)?;
            check_eq!(owner, base(&jail)?, "who owns it");
            Ok(())
        },
    );
}

fn joined<'a>(suite: &mut Suite<'a>, place: &'a Place) {
    suite.case("ids: exec joins them", move || {
        let new = ["--new-ipc", "--new-net", "--new-uts", "--new-pid"];
        for options in [&AUTO[..], &[&AUTO[..], &new].concat()] {
            let script = "readlink /proc/self/ns/user; exec sleep 1000";
            let jail = start(place, options, script)?;
            jail.has_printed("user:")?;
            let own = succeed(&["logs", &jail.text()])?;
            check_eq!(
                exec(&jail, &[], "readlink /proc/self/ns/user")?,
                own.trim_end(),
                "its user namespace"
            );
            check_eq!(exec(&jail, &[], "id -u")?, "1000", "its user");
            // Root sees the user's process, which it can end.
            let root = ["--user", "root"];
            let script = "id -u; kill -0 $(pidof sleep) && echo seen";
            check_eq!(exec(&jail, &root, script)?, "0\nseen", "its root");
            // It may not live to see how that went: it ends with the jail.
            let number = jail.text();
            let end = [&number, "--", "/bin/sh", "-c", "kill $(pidof sleep)"];
            output(&mut jaula(
                &[&["exec", "--quiet"], &root[..], &end].concat(),
            ))?;
            wait::until("the jail has ended", || Ok(!jail.exists()?))?;
        }
        Ok(())
    });
    suite.case(
        "ids: exec into a kept jail makes them again, once",
        move || {
            let jail = start(place, &["--keep", "--ids", "600000"], "exit 0")?;
            jailfs::wait_for(jail.number, "tasks", 0)?;
            let number = jail.text();
            let mut second = jaula(&["exec", &number, "--", "/bin/sleep", "1000"])
                .spawn()
                .context("starting jaula")?;
            jailfs::wait_for(jail.number, "tasks", 1)?;
            wait::until("it has executed", || {
                Ok(procfs::name(first(&jail)?).as_deref() == Ok("sleep"))
            })?;
            let pid = first(&jail)?;
            let namespace = fs::read_link(format!("/proc/{pid}/ns/user")).context("ns/user")?;
            check_eq!(user_of(pid)?, 601_000, "its user");
            for options in [&[][..], &["--user", "root"]] {
                check_eq!(
                    exec(&jail, options, "readlink /proc/self/ns/user")?,
                    namespace.display().to_string(),
                    "its user namespace"
                );
            }
            drop(jail);
            second.wait().context("waiting for jaula").map(drop)
        },
    );
    suite.case("ids: jaula.toml has them", move || {
        let text = format!(
            "[jail.with-ids]\nroot = \"{}\"\nids = \"800000:2000\"\n\
             command = [\"/bin/sleep\", \"1000\"]\n",
            place.root()
        );
        let file = PathBuf::from(place.host("jaula.toml"));
        fs::write(&file, text).context(file.display())?;
        let path = file.display().to_string();
        succeed(&["up", &path])?;
        let jail = Detached {
            number: jaula_tests::admin::wait_until_named("with-ids")?,
        };
        check_eq!(user_of(first(&jail)?)?, 801_000, "its user");
        succeed(&["down", &path])?;
        fs::remove_file(&file).context(file.display())
    });
}

/// What the guide shows.
fn shown(suite: &mut Suite<'_>) {
    const GUIDE: &str = include_str!("../../../../docs/guide.md");
    suite.case("ids: the guide's commands do what is shown", || {
        let users = part(GUIDE, "### Users of a jail's own", None)?;
        let block = part(users, "```console\n", Some("```"))?;
        let at = std::env::temp_dir().join(format!("guide-ids-{}", process::pid()));
        let session =
            format!("```console\n{block}```").replace("/srv/disk", &at.display().to_string());
        let steps = steps(&session);
        check_eq!(steps.len(), 4, "commands");
        follow(&steps, Path::new("/"), Compare::Output)?;
        mount::unmount(&at).context(at.display())?;
        fs::remove_dir(&at).context(at.display())
    });
}

fn refused<'a>(suite: &mut Suite<'a>, place: &'a Place) {
    for (options, parts) in [
        (
            vec!["--plain", "--ids", "auto"],
            vec!["a block of ids", "turned off"],
        ),
        (
            vec!["--without", "mounts", "--ids", "auto"],
            vec!["a block of ids", "turned off"],
        ),
        (
            vec!["--ids", "100000:1000"],
            vec!["no user 1000", "1000 ids"],
        ),
        (
            vec!["--ids", "auto", "--user", "0:65536"],
            vec!["no group 65536", "65536 ids"],
        ),
    ] {
        suite.case(
            &format!("ids: {} is refused", options.join(" ")),
            move || {
                let root = place.root();
                let arguments = [&options[..], &[&root, "--", "/bin/true"]].concat();
                failed(&run(&mut jaula(&arguments))?, FAILED, &parts)
            },
        );
    }
    suite.case(
        "ids: a file system that does not map them is named",
        move || {
            tree::own_mounts().context("mounts of its own")?;
            tree::mount("ramfs", "/srv", "").context("mounting a ramfs")?;
            let first = Place::at("/srv/ids".into())?;
            let (root, host) = (first.root(), first.host(""));
            let output = run(&mut jaula(&["--ids", "auto", &root, "--", "/bin/true"]))?;
            failed(&output, FAILED, &["the root", "does not map ids"])?;
            let bind = format!("{host}:/data");
            let on_disk = place.root();
            let arguments = [
                "--ids",
                "auto",
                "--bind",
                &bind,
                &on_disk,
                "--",
                "/bin/true",
            ];
            let output = run(&mut jaula(&arguments))?;
            failed(&output, FAILED, &["--bind", &host, "does not map ids"])?;
            let proc = place.inside("proc");
            mount::proc(&proc).context(proc.display())?;
            let output = run(&mut jaula(&["--ids", "auto", &on_disk, "--", "/bin/true"]));
            mount::unmount(&proc).context(proc.display())?;
            failed(&output?, FAILED, &["the root", "mounted below it"])
        },
    );
}
