// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a hostile root of a jail can do to layers.

use super::Case;
use jaula_tests::check;
use jaula_tests::ktap::{Context, Suite};
use jaula_tests::sys::tree;

const WEB: (&str, &str) = (
    "web.root",
    "lower = ['/srv/layers/base']\nupper = 'web.upper'\n",
);

pub fn add(suite: &mut Suite) {
    suite.case(
        "it makes no whiteout, and sets nothing that overlayfs heeds",
        || {
            let case = Case::new(&[WEB])?;
            let mut tried = String::from("mknod /white c 0 0; mkdir /d; ");
            for name in ["trusted.overlay.opaque", "trusted.overlay.redirect"] {
                tried += &format!("setfattr -n {name} -v y /d; ");
            }
            case.said(&format!(
                "jaula -q -u 0 --allow mknod CASE/web.root -- sh -c '{tried} :'"
            ))?;
            check!(!case.has("web.upper/upper/white"), "there is a whiteout");
            case.says("ls -A CASE/web.upper", "upper\nwork")
        },
    );
    suite.case("a layer that tells overlayfs to look elsewhere is not listened to", || {
        let case = Case::new(&[("evil.root", "lower = ['evil', '/srv/layers/base']\n")])?;
        case.said("mkdir -p CASE/evil/d CASE/evil/m; touch CASE/evil/m/file")?;
        let set = |path: &str, name: &str, value: &[u8]| {
            let path = format!("{}/evil/{path}", case.0);
            tree::set_attribute(&path, name, value).context(name)
        };
        set("d", "trusted.overlay.redirect", b"/etc")?;
        set("m/file", "trusted.overlay.metacopy", b"")?;
        set("m/file", "trusted.overlay.redirect", b"/etc/passwd")?;
        case.says("jaula -q -u 0 CASE/evil.root -- sh -c 'ls /d 2>/dev/null; cat /m/file 2>/dev/null; :'", "")
    });
    suite.case("a lower layer in the root of a jail: no link there is followed", || {
        let case = Case::new(&[("in.root", "lower = ['jail/layer', '/srv/layers/base']\n")])?;
        case.said("mkdir CASE/jail; cp -a /srv/layers/base/. CASE/jail; jaula -q -u 0 CASE/jail -- ln -s /etc /layer")?;
        case.refused("jaula -q CASE/in.root -- true", &["symbolic link", "not followed"])?;
        case.said("jaula -q -u 0 CASE/jail -- sh -c 'rm /layer; mkdir /layer; mknod /layer/bin c 0 0'")?;
        case.refused("jaula -q -u 0 CASE/in.root -- ls /", &["ls"])
    });
    suite.case("an upper that leads elsewhere is refused", || {
        let case = Case::new(&[("in.root", "lower = ['/srv/layers/base']\nupper = 'jail/upper'\n")])?;
        case.said("mkdir CASE/jail; cp -a /srv/layers/base/. CASE/jail; jaula -q -u 0 CASE/jail -- mkdir -m 700 /upper")?;
        case.refused("jaula -q CASE/in.root -- true", &["others than root"])
    });
    suite.case("directories in one another without end do not hold a snapshot up", || {
        let case = Case::new(&[WEB])?;
        case.said("jaula -q -u 0 CASE/web.root -- sh -c 'i=0; while [ $i -lt 300 ]; do mkdir d; cd d; i=$((i+1)); done'")?;
        case.refused("jaula snapshot CASE/web.root CASE/s.root", &["directories deep"])?;
        case.says("ls -A CASE", "web.root\nweb.upper")
    });
    suite.case("a hole of a terabyte stays a hole in a clone", || {
        let case = Case::new(&[WEB])?;
        case.said("jaula -q -u 0 CASE/web.root -- dd if=/dev/zero of=/hole bs=1 count=1 seek=1099511627776 2>/dev/null")?;
        case.said("jaula clone -q CASE/web.root CASE/c.root")?;
        case.says("jaula -q -u 0 CASE/c.root -- stat -c %s /hole", "1099511627777")
    });
}
