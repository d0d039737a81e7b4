// SPDX-License-Identifier: MIT OR Apache-2.0

//! Roots that do not work, or that somebody in them has changed.

use super::place::{host, Place};
use jaula_tests::admin::{output, text};
use jaula_tests::ktap::Suite;
use jaula_tests::launch::{complaint, jaula};
use jaula_tests::{check, check_eq};

pub fn add(suite: &mut Suite<'_>) {
    suite.case(
        "check: what is broken is named, and the exit status is 1",
        || {
            let place = Place::new()?;
            place.build(&["-t", "minimal"], "jail")?;
            let root = place.at("jail");
            host(&format!(
            "cd {root} && printf '#!/usr/bin/nosuch -x\\n' >bin/script && chmod 755 bin/script && \
             printf '\\177ELF' >bin/broken && chmod 755 bin/broken && cp bin/busybox bin/su2 && \
             chmod 4755 bin/su2 && mknod dev/sda b 8 0 && chmod 777 etc && \
             ln -s ../../../../etc/shadow lib/out && \
             echo 'www:*:33:33::/:/bin/nosuch' >>etc/passwd && \
             echo 'eve:*:1001:1001::/:/bin/gone' >>etc/passwd && rm usr/bin/wc"
        ))?;
            for expected in [
                "problem interpreter /usr/bin/nosuch is missing, and starts /bin/script",
                "problem interpreter /bin/broken is broken",
                "problem set-id /bin/su2 is set-user-ID",
                "problem device /dev/sda is a device node",
                "problem writable /etc everybody may write there",
                "problem link /lib/out leads out of the root, to ../../../../etc/shadow",
                "problem shell /bin/gone the shell of user eve is not there",
                "problem drift /usr/bin/wc was built and is not there any more",
                "problem drift /etc/passwd was changed: content",
                "problem drift /bin/script is there and was not built",
            ] {
                place.finds("jail", expected)?;
            }
            let (status, report) = place.check("jail")?;
            check_eq!(status, 1, "{report}");
            check_eq!(report["as_built"].as_bool(), Some(false), "{report}");
            let shown = output(&mut jaula(&["rootfs", "check", &root]))?;
            let shown = text(&shown);
            check!(
                shown.ends_with("has changed since\n") && !shown.contains('\x1b'),
                "{shown}"
            );
            let none = output(&mut jaula(&["rootfs", "check", &place.at("none")]))?;
            check_eq!(none.status.code(), Some(125), "{}", complaint(&none));
            Ok(())
        },
    );
    suite.case("check: what the jail's root does is seen, and does no harm", || {
        let place = Place::new()?;
        place.build(&["-t", "minimal"], "jail")?;
        place.says(
            &["--user", "root"],
            "jail",
            "cd /bin; mkfifo fifo; chmod 755 fifo; rm sh; ln -s /proc/self/cwd/etc/shadow sh; \
             printf '\\177ELF\\002\\001\\001' >elf; chmod 755 elf; truncate -s 900G huge; chmod 755 huge; \
             ln -s loop loop; mkdir \"$(printf 'a\\033[2J\\nb')\"; \
             printf 'x:*:1000:1000::/:/bin/\\033[2Jsh\\n' >/etc/passwd; \
             d=/deep; i=0; while [ $i -lt 250 ]; do d=$d/d; i=$((i+1)); done; mkdir -p $d",
        )?;
        let (status, report) = place.check("jail")?;
        check_eq!(status, 1, "{report}");
        place.finds("jail", "problem bounds /deep/")?;
        place.finds("jail", "problem drift /bin/huge")?;
        place.finds("jail", "problem shell /bin/")?;
        let shown = output(&mut jaula(&["rootfs", "check", &place.at("jail")]))?;
        let shown = text(&shown);
        check!(!shown.contains('\x1b') && shown.contains("\\u{1b}[2J"), "{shown}");
        Ok(())
    });
    suite.case("check: what was noted when it was built is out of the jail's reach", || {
        let place = Place::new()?;
        place.build(&["-t", "minimal"], "jail")?;
        let notes = host("stat -c '%a %u' /var/lib/jaula/roots /var/lib/jaula/roots/*")?;
        check_eq!(notes, "700 0\n600 0", "the notes");
        // Half of it would look as if the rest had been added.
        host("f=$(ls /var/lib/jaula/roots/*); head -c 3000 $f >/tmp/half; cat /tmp/half >$f; rm /tmp/half")?;
        let checked = output(&mut jaula(&["rootfs", "check", &place.at("jail")]))?;
        check_eq!(checked.status.code(), Some(125), "{}", complaint(&checked));
        place.build(&["-t", "minimal", "--force"], "jail")?;
        check_eq!(place.check("jail")?.0, 0, "the exit status");
        Ok(())
    });
}
