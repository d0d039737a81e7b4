// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula clone` and `jaula snapshot`.

use super::{refused, sh, Case};
use jaula_tests::ktap::Suite;
use jaula_tests::{check, wait};

const WEB: (&str, &str) = (
    "web.root",
    "lower = ['/srv/layers/base']\nupper = 'web.upper'\n",
);
const AWAY: (&str, &str) = ("away.root", "lower = ['/srv/layers/base']\n");

/// Changes of every kind.
const CHANGES: &str = "echo new > /new; ln /new /again; rm /bin/vi; rm -r /etc; mkdir /etc; echo only > /etc/only; \
                       echo root::0:0::/: > /etc/passwd; ln -s /new /link; mkdir -p /a/b; chown 7:8 /a; chmod 4711 /new; \
                       mkfifo /fifo";

/// What is seen of them.
const SEEN: &str = "cat /new /etc/only; ls /bin/vi /etc/group 2>/dev/null; readlink /link; \
                    stat -c '%u %g' /a; stat -c '%a %h' /new; ls -d /a/b; test -p /fifo && echo fifo";
const EXPECTED: &str = "new\nonly\n/new\n7 8\n4711 2\n/a/b\nfifo";

pub fn add(suite: &mut Suite) {
    suite.case("clone: of a directory, nothing is copied", || {
        let case = Case::new(&[])?;
        case.said("jaula clone /srv/layers/base CASE/new.root")?;
        case.says(
            "cat CASE/new.root",
            "lower = [\"/srv/layers/base\"]\nupper = \"new.upper\"",
        )?;
        check!(!case.has("new.upper"), "something was copied");
        case.said("jaula -q -u 0 CASE/new.root -- touch /x")?;
        check!(case.has("new.upper/upper/x"), "it is not in the upper");
        Ok(())
    });
    suite.case("clone: of a root file, what was written is the clone's own from then on", || {
        let case = Case::new(&[WEB])?;
        case.said(&format!("jaula -q -u 0 CASE/web.root -- sh -c '{CHANGES}'"))?;
        case.said("jaula clone CASE/web.root CASE/new.root; jaula -q -u 0 CASE/web.root -- sh -c 'echo other > /new'")?;
        case.says(&format!("jaula -q -u 0 CASE/new.root -- sh -c \"{SEEN}\""), EXPECTED)?;
        case.said("jaula -q -u 0 CASE/new.root -- sh -c 'echo third > /new'")?;
        case.says("jaula -q -u 0 CASE/web.root -- cat /new", "other")
    });
    suite.case("clone and snapshot: of a jail that runs, also where it is thrown away", || {
        for ids in ["", "--ids auto"] {
            for (root, name) in [("web", "one"), ("away", "two")] {
                let case = Case::new(&[WEB, AWAY])?;
                case.said(&format!(
                    "jaula run -q -d -u 0 {ids} -n {name} CASE/{root}.root -- sh -c '{CHANGES}; touch /done; exec sleep 1000'"
                ))?;
                let done = format!("jaula exec {name} ls /done");
                wait::until("it has written", || Ok(sh(&done)?.status.success()))?;
                case.said(&format!("jaula clone {name} CASE/c.root; jaula snapshot {name} CASE/s.root"))?;
                for derived in ["c", "s"] {
                    case.says(
                        &format!("jaula -q -u 0 CASE/{derived}.root -- sh -c \"{SEEN}\""),
                        EXPECTED,
                    )?;
                }
                check!(!case.has("s.upper"), "a snapshot has an upper");
            }
        }
        Ok(())
    });
    suite.case("snapshot: nothing changes it, and clones of it begin with it", || {
        let case = Case::new(&[WEB])?;
        case.said(&format!("jaula -q -u 0 CASE/web.root -- sh -c '{CHANGES}'"))?;
        case.said("jaula snapshot CASE/web.root CASE/s.root; jaula -q -u 0 CASE/s.root -- sh -c 'echo x > /new; rm -r /a'")?;
        case.says(&format!("jaula -q -u 0 CASE/s.root -- sh -c \"{SEEN}\""), EXPECTED)?;
        case.said("jaula clone CASE/s.root CASE/c.root; jaula -q -u 0 CASE/c.root -- sh -c 'echo x > /x; rm /link'")?;
        // And so on.
        case.said("jaula snapshot CASE/c.root CASE/t.root")?;
        case.says("jaula -q -u 0 CASE/t.root -- sh -c 'cat /x; ls /link' 2>/dev/null; :", "x")?;
        case.says("jaula -q -u 0 CASE/s.root -- readlink /link", "/new")
    });
    suite.case("snapshot: of a directory, everything is copied", || {
        let case = Case::new(&[])?;
        case.said("mkdir CASE/dir; cp -a /srv/layers/base/. CASE/dir")?;
        case.said("jaula run -q -d -u 0 -n one CASE/dir -- sh -c 'echo then > /then; exec sleep 1000'")?;
        wait::until("it has written", || Ok(sh("jaula exec one ls /then")?.status.success()))?;
        // What it writes to must not change below others.
        case.refused("jaula clone CASE/dir CASE/c.root", &["writes to it", "jaula snapshot"])?;
        case.refused("jaula clone one CASE/c.root", &["writes to it"])?;
        case.said("jaula snapshot one CASE/s.root; jaula exec one sh -c 'echo now > /then'; rm -r CASE/dir/bin; jaula rm one")?;
        case.says("jaula -q -u 0 CASE/s.root -- cat /then", "then")?;
        check!(!case.has("c.root"), "there is a clone");
        Ok(())
    });
    suite.case("what is there already is left alone", || {
        let case = Case::new(&[WEB])?;
        case.said("touch CASE/a.root; mkdir CASE/b.layer")?;
        case.refused(
            "jaula clone CASE/web.root CASE/a.root",
            &["is there already"],
        )?;
        case.refused(
            "jaula snapshot CASE/web.root CASE/b.root",
            &["b.layer", "is there already"],
        )?;
        case.refused(
            "jaula clone CASE/none CASE/c.root",
            &["CASE/none".trim_start_matches("CASE")],
        )?;
        case.said("chmod 777 CASE")?;
        case.refused(
            "jaula clone /srv/layers/base CASE/c.root",
            &["others than root"],
        )?;
        case.said("chmod 755 CASE")?;
        case.says("ls -A CASE", "a.root\nb.layer\nweb.root")?;
        refused(
            "jaula clone nothing-of-that-name /srv/layers/x.root",
            &["nothing-of-that-name"],
        )
    });
}
