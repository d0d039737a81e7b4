// SPDX-License-Identifier: MIT OR Apache-2.0

//! What root files say, and who may have written them.

use super::{mounts, refused, Case, PLACE};
use jaula_tests::ktap::Suite;
use jaula_tests::{check, check_eq};

const WEB: (&str, &str) = (
    "web.root",
    "lower = ['/srv/layers/base']\nupper = 'web.upper'\n",
);
const AWAY: (&str, &str) = ("away.root", "lower = ['../base']\n");

pub fn add(suite: &mut Suite) {
    suite.case("an upper: what is written is there the next time", || {
        let case = Case::new(&[WEB])?;
        case.said("jaula -q -u 0 CASE/web.root -- sh -c 'echo kept > /new; rm /bin/vi; mkdir /d'")?;
        case.says(
            "jaula -q -u 0 CASE/web.root -- sh -c 'cat /new; ls -d /d /bin/vi' 2>&1 | grep -v No",
            "kept\n/d",
        )?;
        check!(case.has("web.upper/upper/new"), "it is not in the upper");
        check!(
            !std::path::Path::new(PLACE).join("base/new").exists(),
            "it is in the lower layer"
        );
        case.says("ls -d /srv/layers/base/bin/vi", "/srv/layers/base/bin/vi")?;
        case.says(
            "stat -c '%a %u' CASE/web.upper CASE/web.upper/work",
            "700 0\n700 0",
        )
    });
    suite.case("no upper: what is written is thrown away", || {
        let case = Case::new(&[AWAY])?;
        case.said("jaula -q -u 0 CASE/away.root -- sh -c 'echo x > /new && rm -r /bin/vi'")?;
        case.refused(
            "jaula -q -u 0 CASE/away.root -- cat /new",
            &["No such file"],
        )?;
        case.says("ls CASE", "away.root")?;
        let sized = "printf \"lower = ['/srv/layers/base']\\nsize = '64K'\\n\" > CASE/small.root";
        case.said(sized)?;
        case.refused(
            "jaula -q -u 0 CASE/small.root -- dd if=/dev/zero of=/big bs=1k count=200",
            &["No space"],
        )
    });
    suite.case("several layers: the topmost counts, and hides what it has removed", || {
        let case = Case::new(&[("two.root", "lower = ['top', '/srv/layers/base']\n")])?;
        case.said("mkdir -p CASE/top/etc CASE/top/bin; echo top > CASE/top/etc/said; mknod CASE/top/bin/vi c 0 0")?;
        case.says(
            "jaula -q -u 0 CASE/two.root -- sh -c 'cat /etc/said; ls /etc/passwd; ls /bin/vi' 2>/dev/null; :",
            "top\n/etc/passwd",
        )
    });
    suite.case("nothing of it is mounted on the host", || {
        let case = Case::new(&[WEB, AWAY])?;
        let before = mounts()?;
        case.said("jaula run -q -d -n one CASE/web.root -- sleep 1000; jaula run -q -d -n two CASE/away.root -- sleep 1000")?;
        check_eq!(mounts()?, before, "what is mounted");
        // Where the layers lie on the host is not told.
        case.says(
            "jaula exec -u 0 one sh -c 'grep \" / \" /proc/mounts' | cut -d , -f 1-7",
            "jaula / overlay rw,nosuid,nodev,relatime,lowerdir+=.,upperdir=upper,workdir=work",
        )?;        case.said("jaula stop one; jaula stop two")?;
        check_eq!(mounts()?, before, "what is mounted");
        Ok(())
    });
    suite.case("a file that others than root can change is refused", || {
        let case = Case::new(&[AWAY])?;
        for (change, back, part) in [
            ("chmod 664 CASE/away.root", "chmod 644 CASE/away.root", "chmod go-w"),
            ("chown 1000 CASE/away.root", "chown 0 CASE/away.root", "user 1000"),
            ("chmod 777 CASE", "chmod 755 CASE", "others than root"),
            ("chown 1000 CASE", "chown 0 CASE", "others than root"),
        ] {
            case.said(change)?;
            case.refused("jaula -q CASE/away.root -- true", &[part])?;
            case.said(back)?;
        }
        case.said("jaula -q CASE/away.root -- true")?;
        // A jail was given it, and can have laid whatever is there.
        case.said("mkdir CASE/jail && cp -a /srv/layers/base/. CASE/jail && jaula -q -u 0 CASE/jail -- true")?;
        case.said("printf \"lower = ['/etc']\\n\" > CASE/jail/x.root")?;
        case.refused("jaula -q CASE/jail/x.root -- true", &["others than root"])?;
        // By a link, too.
        case.said("ln -s jail/x.root CASE/link.root; ln -s away.root CASE/good.root")?;
        case.refused("jaula -q CASE/link.root -- true", &["others than root"])?;
        case.said("jaula -q CASE/good.root -- true")?;
        Ok(())
    });
    suite.case("what is not understood is refused", || {
        for (text, part) in [
            ("lower = []", "at least one layer"),
            ("upper = 'x'", "lower"),
            ("lower = ['base']\nuper = 'x'", "uper"),
            ("lower = ['/srv/layers/none']", "/srv/layers/none"),
            ("lower = ['/etc/passwd']", "is not a directory"),
            ("lower = ['../base', '../base']", "one twice"),
            ("lower = ['../base', '../base/etc']", "lies in another"),
            ("lower = ['../base']\nupper = 'none/x'", "none"),
            (
                "lower = ['../base']\nupper = 'x'\nsize = '1M'",
                "a size is for",
            ),
        ] {
            let case = Case::new(&[("bad.root", text)])?;
            case.refused("jaula -q CASE/bad.root -- true", &["bad.root", part])?;
        }
        refused("jaula -q /etc/passwd -- true", &["no root file"])
    });
    suite.case("an upper is root's alone, and whole", || {
        let case = Case::new(&[WEB])?;
        case.said("mkdir -m 755 CASE/web.upper")?;
        case.refused("jaula -q CASE/web.root -- true", &["chmod 700"])?;
        case.said("chmod 700 CASE/web.upper; chown 1000 CASE/web.upper")?;
        case.refused("jaula -q CASE/web.root -- true", &["root's alone"])?;
        case.said("chown 0 CASE/web.upper; mkdir CASE/web.upper/work; mount -t tmpfs t CASE/web.upper/work")?;
        case.refused("jaula -q CASE/web.root -- true", &["another file system"])?;
        case.said("umount CASE/web.upper/work; rmdir CASE/web.upper/work; rm -r CASE/web.upper/upper; ln -s /etc CASE/web.upper/upper")?;
        case.refused("jaula -q CASE/web.root -- true", &["upper"])?;
        case.said("rm CASE/web.upper/upper; jaula -q CASE/web.root -- true")?;
        Ok(())
    });
    suite.case(
        "a file system without the attributes is refused as an upper",
        || {
            let case = Case::new(&[(
                "odd.root",
                "lower = ['/srv/layers/base']\nupper = '/proc/x'\n",
            )])?;
            case.refused("jaula -q CASE/odd.root -- true", &["/proc/x"])
        },
    );
}
