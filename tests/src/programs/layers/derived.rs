// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula clone` and `jaula snapshot`.

use super::{refused, sh, Case};
use jaula_tests::ktap::{Context, Suite};
use jaula_tests::sys::tree;
use jaula_tests::{check, check_eq, wait};

pub const WEB: (&str, &str) = (
    "web.root",
    "lower = ['/srv/layers/base']\nupper = 'web.upper'\n",
);
pub const AWAY: (&str, &str) = ("away.root", "lower = ['/srv/layers/base']\n");

/// Changes of every kind.
pub const CHANGES: &str = "echo new > /new; ln /new /again; rm /bin/vi; rm -r /etc; mkdir /etc; echo only > /etc/only; \
                       echo root::0:0::/: > /etc/passwd; ln -s /new /link; mkdir -p /a/b; chown 7:8 /a; chmod 4711 /new; \
                       mkfifo /fifo";

/// What is seen of them.
pub const SEEN: &str = "cat /new /etc/only; ls /bin/vi /etc/group 2>/dev/null; readlink /link; \
                    stat -c '%u %g' /a; stat -c '%a %h' /new; ls -d /a/b; test -p /fifo && echo fifo";
pub const EXPECTED: &str = "new\nonly\n/new\n7 8\n4711 2\n/a/b\nfifo";

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
    suite.case("snapshot and clone: no user of the host gets at what a jail has left there", || {
        let case = Case::new(&[WEB])?;
        case.said("jaula -q -u 0 CASE/web.root -- sh -c 'echo x > /evil; chmod 4755 /evil; chown 1000 /; chmod 777 /'")?;
        case.said("jaula snapshot CASE/web.root CASE/s.root; jaula clone CASE/web.root CASE/c.root")?;
        case.says("stat -c '%a %u' CASE/s.layer CASE/c.upper", "700 0\n700 0")?;
        // In a jail its top is as it was.
        case.says("jaula -q -u 0 CASE/s.root -- stat -c '%a %u' / /evil", "777 1000\n4755 0")
    });
    suite.case(
        "snapshot: lists of who may do what have the ids of the disk",
        || {
            let case = Case::new(&[WEB])?;
            case.said("jaula -q -u 0 CASE/web.root -- sh -c 'echo x > /listed'")?;
            let path = |at: &str| format!("{}/{at}/listed", case.0);
            // Its owner, user 5, its group, the mask, and others.
            let entries = [
                (0x01_u16, 6_u16, u32::MAX),
                (0x02, 6, 5),
                (0x04, 4, u32::MAX),
                (0x10, 6, u32::MAX),
                (0x20, 4, u32::MAX),
            ];
            let mut list = 2_u32.to_le_bytes().to_vec();
            for (tag, mode, id) in entries {
                list.extend(
                    tag.to_le_bytes()
                        .into_iter()
                        .chain(mode.to_le_bytes())
                        .chain(id.to_le_bytes()),
                );
            }
            const NAME: &str = "system.posix_acl_access";
            tree::set_attribute(path("web.upper/upper"), NAME, &list).context("the list")?;
            case.said("jaula run -q -d -u 0 --ids auto -n one CASE/web.root -- sleep 1000")?;
            case.said("jaula snapshot one CASE/s.root")?;
            check_eq!(
                tree::attribute(path("s.layer/layer"), NAME).context("its copy")?,
                list,
                "the list in the copy"
            );
            Ok(())
        },
    );
    suite.case(
        "clone: a root file that a jail is using gives way to the jail",
        || {
            let case = Case::new(&[WEB])?;
            case.said("jaula run -q -d -n one CASE/web.root -- sleep 1000")?;
            for command in ["clone", "snapshot"] {
                let command = format!("jaula {command} CASE/web.root CASE/n.root");
                case.refused(&command, &["jail", "(one)", "name the jail"])?;
            }
            Ok(())
        },
    );
    suite.case("what is there already is left alone", || {
        let case = Case::new(&[WEB])?;
        case.said("touch CASE/a.root; mkdir CASE/b.layer")?;
        case.refused(
            "jaula clone CASE/web.root CASE/a.root",
            &["CASE/a.root: is there already".trim_start_matches("CASE")],
        )?;
        case.refused(
            "jaula snapshot CASE/web.root CASE/b.root",
            &["b.layer", "is there already"],
        )?;
        case.refused(
            "jaula clone CASE/none CASE/c.root",
            &["/none: does not exist; "],
        )?;
        case.refused(
            "jaula snapshot none CASE/c.root",
            &["none: is neither a jail nor a file"],
        )?;
        case.refused(
            "jaula clone CASE/web.root CASE/none/at/c.root",
            &["/none does not exist"],
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
