// SPDX-License-Identifier: MIT OR Apache-2.0

//! Jails whose root is made of layers, and what is done with them.

use super::{said, sh, Case};
use jaula_tests::admin::json;
use jaula_tests::ktap::{Context, Suite};
use jaula_tests::launch::Terminal;
use jaula_tests::{check, check_eq, wait};
use std::process::Command;

const WEB: (&str, &str) = (
    "web.root",
    "lower = ['/srv/layers/base']\nupper = 'web.upper'\n",
);
const AWAY: (&str, &str) = ("away.root", "lower = ['/srv/layers/base']\n");

pub fn add(suite: &mut Suite) {
    suite.case("an upper is for one jail at a time", || {
        let case = Case::new(&[
            WEB,
            (
                "same.root",
                "lower = ['/srv/layers/base']\nupper = 'CASE/web.upper'\n",
            ),
        ])?;
        case.said("jaula run -q -d -n one CASE/web.root -- sleep 1000")?;
        let parts = ["web.upper", "in use by jail", "(one)", "jaula clone"];
        case.refused("jaula -q CASE/web.root -- true", &parts)?;
        case.refused("jaula -q CASE/same.root -- true", &parts)?;
        case.said("jaula stop one; jaula -q CASE/web.root -- true")?;
        // One that is kept has it without any jaula that runs, and without any process.
        case.said("jaula run -q -k -n kept CASE/web.root -- true")?;
        case.refused("jaula -q CASE/same.root -- true", &["(kept)"])?;
        case.said("jaula rm kept; jaula -q CASE/same.root -- true")?;
        Ok(())
    });
    suite.case("exec, cp and inspect have the jail's own root", || {
        let case = Case::new(&[WEB, AWAY])?;
        for root in ["web", "away"] {
            case.said(&format!(
                "jaula run -q -d -u 0 -n one CASE/{root}.root -- sh -c 'echo own > /own; exec sleep 1000'"
            ))?;
            wait::until("it has written", || Ok(sh("jaula exec one cat /own")?.status.success()))?;
            case.says("jaula exec one cat /own", "own")?;
            case.said("jaula cp one:/own CASE/copy && echo in > CASE/in && jaula cp CASE/in one:/in")?;
            case.says("cat CASE/copy; jaula exec one cat /in", "own\nin")?;
            case.says("jaula exec one sh -c 'ls -d /proc/self /dev/null'", "/dev/null\n/proc/self")?;
            let noted = json(&["inspect", "one"])?["noted"]["root"].clone();
            check_eq!(noted["path"], format!("{}/{root}.root", case.0), "its path");
            let layers = &noted["made_of"]["layers"];
            check_eq!(layers["lower"][0], "/srv/layers/base", "its lower layer");
            let upper = match root {
                "web" => serde_json::Value::from(format!("{}/web.upper", case.0)),
                _ => serde_json::Value::Null,
            };
            check_eq!(layers["upper"], upper, "its upper");
            case.said("jaula stop one")?;
        }
        Ok(())
    });
    suite.case("kept, with no process left: the upper is there, what is thrown away is gone", || {
        let case = Case::new(&[WEB, AWAY])?;
        case.said("jaula run -q -k -u 0 -n one CASE/web.root -- sh -c 'echo own > /own'")?;
        case.said("echo in > CASE/in; jaula cp CASE/in one:/in")?;
        case.says("jaula exec one sh -c 'cat /own /in; echo more > /more'", "own\nin")?;
        case.says("jaula exec one cat /more", "more")?;
        // Of two at once the second joins the first.
        case.said("jaula exec one sleep 1000 & sleep 1; jaula exec one sh -c 'echo both > /both'; jaula exec one cat /both; kill $!")?;
        case.said("jaula rm one; jaula run -q -k -u 0 -n one CASE/away.root -- sh -c 'echo own > /own'")?;
        case.refused("jaula cp one:/own CASE/copy", &["gone with the last"])?;
        case.refused("jaula exec one cat /own", &["gone with the last", "No such file"])
    });
    suite.case(
        "restart: an upper stays, what is thrown away begins anew",
        || {
            let case = Case::new(&[
                WEB,
                AWAY,
                (
                    "jaula.toml",
                    "[defaults]\nuser = 'root'\nrestart = 'always'\nrestart-delay = 0\n\
                 command = ['sh', '-c', 'echo x >> /ran; sleep 1000']\n\
                 [jail.web]\nroot = 'web.root'\n[jail.away]\nroot = 'away.root'\n",
                ),
            ])?;
            case.said("cd CASE && jaula up -q")?;
            for (jail, lines) in [("web", "x\nx"), ("away", "x")] {
                let ran = format!("jaula exec {jail} cat /ran");
                wait::until("it runs", || Ok(sh(&ran)?.status.success()))?;
                let first = json(&["inspect", jail])?["noted"]["first_process"]["pid"].clone();
                said(&format!("kill -9 {first}"))?;
                wait::until("it was made anew", || {
                    let text = sh(&ran)?.stdout;
                    let count =
                        json(&["inspect", jail]).map(|it| it["noted"]["restart"]["count"].clone());
                    Ok(count.is_ok_and(|count| count == 1) && !text.is_empty())
                })?;
                case.says(&ran, lines)?;
            }
            case.said("cd CASE && jaula down -q")?;
            Ok(())
        },
    );
    suite.case("jaula.toml: lower and upper in place of root", || {
        let case = Case::new(&[(
            "jaula.toml",
            "[defaults]\nuser = 'root'\ncommand = ['sh', '-c', 'echo up > /up; sleep 1000']\n\
             [jail.web]\nlower = ['../base']\nupper = 'own.upper'\n\
             [jail.away]\nlower = ['../base']\nupper-size = '1M'\n",
        )])?;
        case.said("cd CASE && jaula up -q")?;
        wait::until("it has written", || {
            Ok(sh("jaula exec web cat /up")?.status.success())
        })?;
        check!(case.has("own.upper/upper/up"), "the upper has nothing");
        case.said("jaula exec away cat /up; cd CASE && jaula down -q")?;
        for (text, part) in [
            ("[jail.a]\n", "neither root nor lower"),
            (
                "[jail.a]\nroot = '/x'\nlower = ['/y']\n",
                "exclude each other",
            ),
            (
                "[jail.a]\nroot = '/x'\nupper = '/y'\n",
                "for a root that lower says",
            ),
            (
                "[jail.a]\nlower = ['/x']\nupper = 'y'\nupper-size = '1M'\n",
                "a size is for",
            ),
        ] {
            let path = format!("{}/jaula.toml", case.0);
            std::fs::write(&path, text).context(&path)?;
            case.refused("cd CASE && jaula up -q", &[part])?;
        }
        Ok(())
    });
    suite.case("ids of its own: on the disk they begin with 0", || {
        let case = Case::new(&[WEB, AWAY])?;
        let script =
            "id -u; stat -c %u /bin /etc/passwd; echo x > /x; chown 5:6 /x; rm /etc/passwd; \
                      echo root::0:0::/: > /etc/passwd; stat -c '%u %g' /x /etc/passwd";
        let expected = "0\n0\n0\n5 6\n0 0";
        for root in ["web", "away"] {
            case.says(
                &format!("jaula -q -u 0 --ids auto CASE/{root}.root -- sh -c \"{script}\""),
                expected,
            )?;
        }
        case.says(
            "stat -c '%u %g' CASE/web.upper/upper/x CASE/web.upper/upper/etc/passwd",
            "5 6\n0 0",
        )?;
        // Another block, or none, finds the same.
        case.says(
            "jaula -q -u 0 --ids auto CASE/web.root -- stat -c '%u %g' /x",
            "5 6",
        )?;
        case.says("jaula -q -u 0 CASE/web.root -- stat -c '%u %g' /x", "5 6")?;
        case.said("jaula run -q -k -u 0 --ids auto -n one CASE/web.root -- true")?;
        case.says("jaula exec one stat -c '%u %g' /x", "5 6")?;
        case.said("jaula cp one:/x CASE/x; echo in > CASE/in; jaula cp CASE/in one:/in")?;
        case.says("stat -c %u CASE/web.upper/upper/in", "0")
    });
    suite.case("the umask counts, also in the place of what a layer has", || {
        let case = Case::new(&[WEB, AWAY])?;
        for root in ["web", "away"] {
            for (mask, expected) in [("022", "644\n644\n755"), ("077", "600\n600\n700")] {
                let script = "umask MASK; rm -rf /f /d /etc/passwd; >/f; >/etc/passwd; mkdir /d; stat -c %a /f /etc/passwd /d";
                let script = script.replace("MASK", mask);
                case.says(&format!("jaula -q -u 0 CASE/{root}.root -- sh -c '{script}'"), expected)?;
            }
            case.says(&format!("jaula -q -u 0 CASE/{root}.root -- sh -c '>/g; stat -c %a /g'"), "644")?;
        }
        Ok(())
    });
    suite.case("a terminal in the background, and attaching to it", || {
        let case = Case::new(&[WEB, AWAY])?;
        for (root, ids) in [("web", ""), ("away", ""), ("away", "--ids auto")] {
            case.said(&format!(
                "jaula run -q -d -t -u 0 {ids} -n one CASE/{root}.root"
            ))?;
            let mut terminal = Terminal::start(Command::new("jaula").args(["console", "one"]))?;
            for (typed, expected) in [("echo own > /own; cat /o?n", "own"), ("tty", "/dev/pts/0")] {
                terminal.send(&format!("{typed}\r"))?;
                terminal.expect(&format!("{expected}\r\n"))?;
            }
            // Ctrl-], which lets go.
            terminal.send("\u{1d}")?;
            terminal.expect("let go; the jail runs on")?;
            check_eq!(terminal.finish()?, 0, "the exit status");
            case.says(
                "jaula exec one cat /own; jaula logs one | grep -c /dev/pts/0",
                "own\n1",
            )?;
            case.said("jaula rm one")?;
        }
        Ok(())
    });
    suite.case("read-only, and without mounts", || {
        let case = Case::new(&[WEB])?;
        case.refused(
            "jaula -q -u 0 --read-only CASE/web.root -- touch /x",
            &["Read-only"],
        )?;
        case.refused(
            "jaula -q -u 0 --without mounts CASE/web.root -- true",
            &["takes mounts of the jail's own"],
        )
    });
    suite.case(
        "who writes to a layer that others are built on is warned",
        || {
            let case = Case::new(&[("web.root", "lower = ['dir']\nupper = 'web.upper'\n")])?;
            case.said("chmod 700 CASE; mkdir CASE/dir; cp -a /srv/layers/base/. CASE/dir")?;
            case.said("jaula run -q -d -n writer CASE/dir -- sleep 1000")?;
            case.says(
                "jaula CASE/web.root -- true 2>&1 | grep -c 'writes to it'",
                "1",
            )?;
            case.said("jaula rm writer; jaula run -q -d -n web CASE/web.root -- sleep 1000")?;
            case.says(
                "jaula CASE/dir -- true 2>&1 | grep -c 'is built on it'",
                "1",
            )?;
            case.says(
                "jaula --read-only CASE/dir -- true 2>&1 | grep -c 'built on it'; :",
                "0",
            )
        },
    );
    suite.case("set-user-ID and devices do nothing", || {
        let case = Case::new(&[("top.root", "lower = ['top', '/srv/layers/base']\n")])?;
        case.said("mkdir -p CASE/top && mknod -m 666 CASE/top/null c 1 3")?;
        case.refused(
            "jaula -q -u 0 CASE/top.root -- sh -c 'echo x > /null'",
            &["ermission denied"],
        )
    });
    suite.case("ten jails from one root take less than two", || {
        let case = Case::new(&[])?;
        let base = super::usage(&["/srv/layers/base"])?;
        for number in 0..10 {
            case.said(&format!(
                "jaula clone -q /srv/layers/base CASE/{number}.root && \
                 jaula run -q -d -u 0 -n ten{number} CASE/{number}.root -- \
                 sh -c 'echo {number} > /number; exec sleep 1000'"
            ))?;
        }
        for number in 0..10 {
            let cat = format!("jaula exec ten{number} cat /number");
            wait::until("it has written", || Ok(sh(&cat)?.status.success()))?;
            case.says(&cat, &number.to_string())?;
        }
        let all = super::usage(&["/srv/layers/base", &case.0])?;
        check!(
            all < 2 * base,
            "they take {all} KiB, and one root {base} KiB"
        );
        Ok(())
    });
}
