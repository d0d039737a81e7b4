// SPDX-License-Identifier: MIT OR Apache-2.0

//! The machine's own root, with a private layer over it.

use super::{said, sh, Case};
use jaula_tests::ktap::{skip, CaseResult, Context, Suite};
use jaula_tests::sys::tree;
use jaula_tests::{check, check_eq};

pub fn add(suite: &mut Suite) {
    suite.case("the machine's own root: programs are there, secrets are not", || {
        let case = Case::new(&[])?;
        case.said("mkdir -p /etc/layers-closed /root /data /home; echo s > /etc/layers-secret; chmod 600 /etc/layers-secret; \
                   chmod 700 /etc/layers-closed; echo s > /etc/layers-closed/key; echo o > /etc/layers-open; \
                   (cd /root && echo s > layers-secret); echo s > /data/layers-secret")?;
        let run = "jaula -q -u 0 --template host -- sh -c";
        case.says(&format!("{run} 'cat /etc/layers-open'"), "o")?;
        for secret in ["/etc/layers-secret", "/etc/layers-closed/key",  "/data"] {
            case.refused(&format!("{run} 'ls {secret}'"), &["No such file"])?;
        }
        case.says(&format!("{run} 'stat -c %a /etc/layers-closed; ls -A /root /srv /home'"), "700\n/home:\n\n/root:\n\n/srv:")?;
        case.says(&format!("{run} 'ls -d /proc/self /dev/null'"), "/dev/null\n/proc/self")?;
        // What is written is not the machine's.
        case.says(&format!("{run} 'echo changed > /etc/layers-open; rm -r /etc/passwd /bin/ls; cat /etc/layers-open'"), "changed")?;
        case.says("cat /etc/layers-open; ls /etc/passwd", "o\n/etc/passwd")?;
        case.says(&format!("{run} 'ls /var/cache/jaula 2>/dev/null; :'"), "")?;
        said("rm -r /etc/layers-* ~root/layers-secret /data")?;
        Ok(())
    });
    suite.case("the machine's own root: what is mounted in it and not of it is empty, and so is what lies below", || {
        tree::own_mounts().context("mounts of its own")?;
        let case = Case::new(&[])?;
        case.said("mkdir -p /opt/layers-left /var/layers-closed/in; echo b > /opt/layers-left/below; \
                   mount -t tmpfs layers /opt/layers-left; echo a > /opt/layers-left/above; \
                   echo secret > /etc/layers-file; echo open > CASE/file; mount --bind CASE/file /etc/layers-file; \
                   echo key > /var/layers-closed/key; chmod 700 /var/layers-closed; mount -t tmpfs layers /var/layers-closed/in")?;
        let run = "jaula -q -u 0 --template host -- sh -c";
        let left = case.said(&format!("{run} 'ls -A /opt/layers-left /var/layers-closed'"));
        let file = case.said(&format!("{run} 'cat /etc/layers-file'"));
        // What is made meanwhile for a new password.
        case.said("jaula run -q -d -u 0 -n one --template host -- sleep 1000; touch /etc/shadow+")?;
        let later = case.said("jaula exec one sh -c 'ls /etc/shadow+ /etc/shadow 2>/dev/null; :'");
        case.said("umount /var/layers-closed/in /etc/layers-file /opt/layers-left; rm -r /opt/layers-left /etc/layers-file /var/layers-closed /etc/shadow+")?;
        check_eq!(left?, "/opt/layers-left:\n\n/var/layers-closed:", "what is there");
        check_eq!(file?, "open", "a file that another is mounted on");
        check_eq!(later?, "", "what passwords are in");
        Ok(())
    });
    suite.case("the machine's own root: file systems that belong to it", || {
        if sh("command -v mkfs.ext4")?.stdout.is_empty() {
            return Err(skip("nothing makes file systems"));
        }
        tree::own_mounts().context("mounts of its own")?;
        let case = Case::new(&[("host.root", "lower = ['/']\nupper = 'host.upper'\n")])?;
        let places = ["/opt/layers disk", "/var/lib/layers-closed", "/opt/layers-shut/in"];
        case.said("mkdir -m 700 /opt/layers-shut")?;
        for place in places {
            case.said(&format!(
                "truncate -s 16M CASE/disk && mkfs.ext4 -q CASE/disk && mkdir '{place}' && mount -o loop CASE/disk '{place}' && rm CASE/disk \
                 && cd '{place}' && echo open > open && (umask 077; mkdir closed; echo key > closed/key; echo key > key)"
            ))?;
        }
        case.said("chmod 700 /var/lib/layers-closed")?;
        let tried = tried(&case);
        for place in places {
            case.said(&format!("umount '{place}'"))?;
        }
        case.said("rm -r '/opt/layers disk' /var/lib/layers-closed /opt/layers-shut")?;
        tried
    });
    suite.case(
        "the machine's own root in a root file, with an upper",
        || {
            let case = Case::new(&[("host.root", "lower = ['/']\nupper = 'host.upper'\n")])?;
            case.said("jaula -q -u 0 CASE/host.root -- sh -c 'echo kept > /etc/layers-kept'")?;
            case.says(
                "jaula -q -u 0 CASE/host.root -- cat /etc/layers-kept",
                "kept",
            )?;
            check!(
                !std::path::Path::new("/etc/layers-kept").exists(),
                "it is the machine's"
            );
            case.refused(
                "jaula -q -u 0 CASE/host.root -- ls /srv/layers",
                &["No such file"],
            )
        },
    );
}

/// What a jail has of a disk that belongs to the machine, and of others that are closed.
fn tried(case: &Case) -> CaseResult {
    for ids in ["", "--ids auto"] {
        let run = format!("jaula -q -u 0 {ids} CASE/host.root -- sh -c");
        case.says(
            &format!("{run} 'cat \"/opt/layers disk/open\"; ls -A \"/opt/layers disk/closed\" /var/lib/layers-closed /opt/layers-shut'"),
            "open\n/opt/layers disk/closed:\n\n/opt/layers-shut:\n\n/var/lib/layers-closed:",
        )?;
        case.refused(
            &format!("{run} 'cat \"/opt/layers disk/key\"'"),
            &["No such file"],
        )?;
        case.says(
            &format!("{run} 'stat -c %u:%g \"/opt/layers disk/open\"; grep -c \"layers.040disk .*nosuid,nodev\" /proc/mounts'"),
            "0:0\n1",
        )?;
    }
    // What is written there is the jail's, and is there the next time.
    let run = "jaula -q -u 0 CASE/host.root -- sh -c";
    case.said(&format!(
        "{run} 'echo changed > \"/opt/layers disk/open\"; echo new > \"/opt/layers disk/new\"'"
    ))?;
    case.says(
        &format!("{run} 'cat /opt/layers*/open /opt/layers*/new'"),
        "changed\nnew",
    )?;
    case.says(
        "cat '/opt/layers disk/open'; ls '/opt/layers disk'",
        "open\nclosed\nkey\nlost+found\nopen",
    )?;
    for command in ["snapshot", "clone"] {
        case.refused(
            &format!("jaula {command} CASE/host.root CASE/n.root"),
            &["several file systems"],
        )?;
    }
    Ok(())
}
