// SPDX-License-Identifier: MIT OR Apache-2.0

//! The machine's own root, with a private layer over it.

use super::{said, Case};
use jaula_tests::check;
use jaula_tests::ktap::Suite;

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
