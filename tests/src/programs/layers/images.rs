// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula run --image`, and `jaula rootfs save` of what it and others have written.

use super::derived::{AWAY, CHANGES, EXPECTED, SEEN, WEB};
use super::{said, sh, Case};
use jaula_tests::admin::json;
use jaula_tests::ktap::{CaseResult, Failure, Suite};
use jaula_tests::{check, check_eq, wait};

/// Saves an image that says everything about running it.
fn with_image() -> Result<Case, Failure> {
    let case = Case::new(&[])?;
    case.said(
        "mkdir CASE/dir; cp -a /srv/layers/base/. CASE/dir; mkdir -p CASE/dir/srv/www; echo page > CASE/dir/srv/www/index",
    )?;
    case.said(
        "jaula rootfs save -q --user 33:34 --env GREETING=hello --workdir /srv/www --stop-signal QUIT --volume /data \
         --entrypoint sh --entrypoint=-c --cmd 'id -u; id -g; pwd; echo $GREETING; cat index' CASE/dir CASE/i.tar",
    )?;
    Ok(case)
}

pub fn add(suite: &mut Suite) {
    suite.case("an image: it runs as it says, and what is written is thrown away", || {
        let case = with_image()?;
        let everything = "33\n34\n/srv/www\nhello\npage";
        case.says("jaula -q --image CASE/i.tar", everything)?;
        // What follows takes the place of its command, and not of its entrypoint.
        case.says("jaula -q --image CASE/i.tar 'echo $GREETING $0' || :", "hello sh")?;
        case.says(
            "jaula -q -u 0:0 -w / -e GREETING=other --image CASE/i.tar 'id -u; pwd; echo $GREETING'",
            "0\n/\nother",
        )?;
        case.says("echo 'echo by the shell; id -u' | jaula -q -s /bin/sh --image CASE/i.tar", "by the shell\n33")?;
        case.says("jaula --image CASE/i.tar 2>&1 >/dev/null | grep -c 'volume at /data'", "1")?;
        case.says("jaula -q -u 0 --image CASE/i.tar 'echo x > /new; cat /new'", "x")?;
        case.refused("jaula -q -u 0 --image CASE/i.tar 'cat /new'", &["No such file"])?;
        case.refused("jaula -q -u 0 --upper-size 64K --image CASE/i.tar 'dd if=/dev/zero of=/big bs=1k count=200'", &["No space"])?;
        case.refused("jaula -q --image CASE/none.tar", &["none.tar"])
    });
    suite.case("an image: in the background, and saved as another", || {
        let case = with_image()?;
        case.said("jaula run -q -d -u 0 -n one --image CASE/i.tar 'echo more > /srv/www/index; touch /done; exec sleep 1000'")?;
        wait::until("it has written", || Ok(sh("jaula exec one ls /done")?.status.success()))?;
        check_eq!(json(&["inspect", "one"])?["noted"]["stop_signal"], 3, "its signal");
        case.said("jaula rootfs save -q one CASE/more.tar; jaula stop one")?;
        // It says all that the other did.
        case.says("jaula -q --image CASE/more.tar", "33\n34\n/srv/www\nhello\nmore")?;
        case.says("jaula -q --image CASE/i.tar 'cat index'", "page")
    });
    suite.case(
        "save: of a jail, what was written is a layer on top",
        || {
            for (root, ids) in [("web", ""), ("away", ""), ("web", "--ids auto")] {
                let case = Case::new(&[WEB, AWAY])?;
                started(&case, ids, &format!("CASE/{root}.root"))?;
                case.said("jaula rootfs save -q one CASE/j.tar")?;
                case.says(
                    &format!("jaula -q -u 0 --image CASE/j.tar -- sh -c \"{SEEN}\""),
                    EXPECTED,
                )?;
                // Two layers, the configuration, and the manifest.
                case.says("tar -tf CASE/j.tar | grep -c 'blobs/sha256/.'", "4")?;
                case.says(
                    "ls -A /var/cache/jaula | grep -c -e saving -e making; :",
                    "0",
                )?;
            }
            Ok(())
        },
    );
    suite.case(
        "save: of a jail in a directory, and of what cannot be saved",
        || {
            let case = Case::new(&[AWAY, ("host.root", "lower = ['/']\n")])?;
            case.said("mkdir CASE/dir; cp -a /srv/layers/base/. CASE/dir")?;
            started(&case, "", "CASE/dir")?;
            case.said("jaula rootfs save -q one CASE/j.tar")?;
            case.says(
                &format!("jaula -q -u 0 --image CASE/j.tar -- sh -c \"{SEEN}\""),
                EXPECTED,
            )?;
            // A file of the same name has to be told from it.
            case.refused(
                "cd CASE; touch one; jaula rootfs save -q one x.tar",
                &["./one"],
            )?;
            case.refused(
                "jaula rootfs save -q no-such-jail CASE/x.tar",
                &["no-such-jail"],
            )?;
            case.said("jaula rm one; jaula run -q -k -u 0 -n one CASE/away.root -- touch /own")?;
            for command in [
                "rootfs save -q one CASE/x.tar",
                "snapshot one CASE/x.root",
                "clone one CASE/x.root",
            ] {
                case.refused(&format!("jaula {command}"), &["gone with the last"])?;
            }
            case.said("jaula run -q -d -u 0 -n host CASE/host.root -- sleep 1000")?;
            for source in ["host", "CASE/host.root"] {
                case.refused(
                    &format!("jaula rootfs save -q {source} CASE/x.tar"),
                    &["the machine's own root"],
                )?;
            }
            check!(
                !case.has("x.tar") && !case.has("x.root"),
                "something was made"
            );
            Ok(())
        },
    );
}

/// Starts a jail that has made changes of every kind.
fn started(case: &Case, options: &str, root: &str) -> CaseResult {
    case.said(&format!(
        "jaula run -q -d -u 0 {options} -n one {root} -- sh -c '{CHANGES}; touch /done; exec sleep 1000'"
    ))?;
    wait::until("it has written", || {
        Ok(sh("jaula exec one ls /done")?.status.success())
    })?;
    said("jaula exec one rm /done").map(drop)
}
