// SPDX-License-Identifier: MIT OR Apache-2.0

//! Device nodes: those that lie in a root, and those that a jail is given.

use super::place::{host, Place};
use jaula_tests::check_eq;
use jaula_tests::ktap::{Context, Suite};
use jaula_tests::launch::{failed, jaula, run, FAILED};
use std::fs;

pub fn add<'a>(suite: &mut Suite<'a>, place: &'a Place) {
    suite.case(
        "a node in the root does not work, unless mknod is allowed",
        move || {
            let node = place.inside("tmp/n");
            host(&format!("mknod -m 666 {} c 1 3", node.display()))?;
            let script = "{ cat /tmp/n && echo works; } 2>&1";
            let refused =
                place.expect(&[], &format!("{script} | grep -o Permission"), "Permission");
            let root = ["--user", "root"];
            let roots = place.expect(
                &root,
                &format!("{script} | grep -o Permission"),
                "Permission",
            );
            let works = place.expect(&["--allow", "mknod"], script, "works");
            let bare = place.expect(&["--without", "mounts"], script, "works");
            fs::remove_file(&node).context(node.display())?;
            refused.and(roots).and(works).and(bare)
        },
    );
    for (given, path) in [
        ("/dev/full", "/dev/full2"),
        ("/dev/full:/dev/a/full2", "/dev/a/full2"),
        ("/dev/full:/etc/node", "/etc/node"),
    ] {
        let given = given.replace("/dev/full:", "/srv/nodes/full:");
        let given = match given.contains(':') {
            true => given,
            false => "/srv/nodes/full:/dev/full2".into(),
        };
        suite.case(&format!("--device {given}"), move || {
            host("mkdir -p /srv/nodes && rm -f /srv/nodes/full && mknod -m 640 /srv/nodes/full c 1 7 \
                  && chown 0:1000 /srv/nodes/full")?;
            let file = place.inside("etc/node");
            fs::write(&file, "").context("etc/node")?;
            let options = ["--device", &given];
            // As its group may, and nobody else.
            let reads = format!("stat -c '%a %u:%g %t:%T' {path}; head -c 1 {path} | wc -c; \
                                 test -w {path} || echo no");
            let said = place.expect(&options, &reads, "640 0:1000 1:7\n1\nno");
            let root = [&["--user", "root"], &options[..]].concat();
            let writes = format!("echo x 2>&1 >{path} | grep -o 'No space'; \
                                  chmod 666 {path} 2>/dev/null; echo done");
            let written = place.expect(&root, &writes, "No space\ndone");
            let mode = host("stat -c %a /srv/nodes/full");
            fs::remove_file(&file).context("etc/node")?;
            host("rm -r /srv/nodes")?;
            check_eq!(mode?, "640", "the mode of the host's node");
            said.and(written)
        });
    }
    suite.case("--device: what is none is refused", move || {
        let root = place.root();
        let file = format!("{}:/dev/x", place.host("file"));
        for (given, says) in [
            (file.as_str(), "it is no device"),
            ("/srv", "it is no device"),
            ("/dev/none", "ENOENT"),
            ("/dev/null:/more/none", "touch ROOT/more/none"),
            ("/dev/null:/data", "/data is a directory"),
        ] {
            let command = ["run", "-q", "--device", given, &root, "--", "/bin/true"];
            failed(&run(&mut jaula(&command))?, FAILED, &[given, says])?;
        }
        Ok(())
    });
    suite.case(
        "--device: in the place of one that is there already",
        move || {
            place.expect(
                &["--device", "/dev/full:/dev/null", "--user", "root"],
                "echo x 2>&1 > /dev/null | grep -o 'No space'",
                "No space",
            )
        },
    );
}
