// SPDX-License-Identifier: MIT OR Apache-2.0

//! Times after 2038 and sizes above 4 GiB, for which the oldest calls of a machine with 32 bit have no room.

use super::Case;
use jaula_tests::ktap::{CaseResult, Context, Suite};
use jaula_tests::{check, check_eq, wait};
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, UNIX_EPOCH};

/// In 2100, in seconds since 1970.
const LATE: u32 = 4_102_444_800;

/// Whoever writes to a directory can give it any time.
fn make_late(path: &str) -> CaseResult {
    let time = UNIX_EPOCH + Duration::from_secs(LATE.into());
    let file = File::open(path).context(path)?;
    file.set_modified(time).context(path)
}

pub fn add(suite: &mut Suite) {
    suite.case("a time after 2038 keeps nobody from a root", || {
        let case = Case::new(&[("web.root", "lower = ['dir']\nupper = 'web.upper'\n")])?;
        let at = |name: &str| format!("{}/{name}", case.0);
        case.said("cp -a /srv/layers/base CASE/dir; touch CASE/dir/file; jaula -q CASE/web.root -- true")?;
        let late = ["dir/file", "dir/etc", "dir", "web.root", "web.upper", ""];
        for name in late {
            make_late(&at(name))?;
        }
        case.says("jaula -q CASE/dir -- echo runs", "runs")?;
        case.says("jaula -q CASE/web.root -- echo runs", "runs")?;
        case.said("jaula run -q -d -u 0 -n one CASE/web.root -- sleep 1000")?;
        make_late(&at("web.upper/upper"))?;
        case.says("jaula exec one echo runs", "runs")?;
        case.said("jaula cp one:/file CASE/copy; jaula cp CASE/copy one:/etc/copy; jaula inspect one")?;
        case.said("jaula snapshot -q one CASE/s.root; jaula stop one")?;
        case.said("jaula clone -q CASE/web.root CASE/c.root; jaula clone -q CASE/dir CASE/d.root")?;
        case.says("jaula -q CASE/s.root -- cat /etc/copy; jaula -q CASE/c.root -- echo runs", "runs")?;
        case.said("jaula rootfs check CASE/dir > /dev/null || test $? = 1")?;
        case.said("jaula rootfs build -q -t minimal CASE/new; jaula rootfs build -q -t minimal -f CASE/new")?;
        case.said("SOURCE_DATE_EPOCH=4102444800 jaula rootfs build -q -t minimal CASE/later")?;
        case.said("jaula rootfs check CASE/later; jaula rootfs save -q CASE/later CASE/later.tar")?;
        case.said("jaula rootfs build -q --image CASE/later.tar CASE/again; jaula rootfs check CASE/again")?;
        for name in ["later/bin/sh", "later/etc/passwd", "again/etc/passwd"] {
            let found = std::fs::symlink_metadata(at(name)).context(name)?;
            check_eq!(found.mtime(), i64::from(LATE), "the time of {name}");
        }
        Ok(())
    });
    suite.case("a file above 4 GiB, most of it a hole, is taken as it is", || {
        let case = Case::new(&[("web.root", "lower = ['/srv/layers/base']\nupper = 'web.upper'\n")])?;
        case.said(
            "jaula -q -u 0 CASE/web.root -- sh -c 'echo end | dd of=/large bs=1M seek=5120 2>/dev/null'",
        )?;
        for kind in ["clone", "snapshot"] {
            case.said(&format!("jaula {kind} -q CASE/web.root CASE/{kind}.root"))?;
            case.says(
                &format!("jaula -q CASE/{kind}.root -- sh -c 'stat -c %s /large; dd if=/large bs=1M skip=5120 2>/dev/null'"),
                "5368709124\nend",
            )?;
        }
        let found = std::fs::metadata(format!("{}/snapshot.layer/layer/large", case.0)).context("large")?;
        check!(found.blocks() < 2048, "it takes {} blocks", found.blocks());
        case.said("jaula run -q -d -u 0 -n one CASE/web.root -- sleep 1000")?;
        wait::until("it runs", || Ok(super::sh("jaula exec one true")?.status.success()))?;
        case.says("jaula exec one stat -c %s /large", "5368709124")
    });
}
