// SPDX-License-Identifier: MIT OR Apache-2.0

use super::http::{self, Request};
use super::page::{bash, within, Page};
use jaula_tests::admin::{succeed, wait_until_named};
use jaula_tests::ktap::{Context, Suite};
use jaula_tests::{check, check_eq, procfs, wait};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};

const PAGE: &str = include_str!("../../../../docs/services/nginx.md");
/// More than sockets take in without anybody reading.
const LARGE: usize = 24 << 20;

pub fn add(suite: &mut Suite<'_>) {
    suite.case("nginx: files for a client outside of the jail", || {
        let page = Page::follow("nginx", PAGE)?;
        let large = http::noise(LARGE / 8);
        fs::write("/srv/web/pages/large", &large).context("large")?;
        check!(http::get(80, "/large")? == large, "the file is another");
        let missing = http::get(80, "/missing");
        check!(missing.is_err(), "a page that is not there");

        let workers = procfs::members(wait_until_named("web")?)?;
        let users = workers.iter().map(|pid| {
            let file = format!("/proc/{pid}");
            Ok(fs::metadata(&file).context(&file)?.uid())
        });
        let users: Vec<u32> = users.collect::<Result<_, jaula_tests::ktap::Failure>>()?;
        check!(users.contains(&33) && users.contains(&0), "{users:?}");
        let writes = "touch /tmp/x && ! touch /usr/sbin/x && ! touch /var/www/html/x";
        within("web", &["sh", "-c", writes])?;
        check!(
            !std::path::Path::new("/srv/web/pages/x").exists(),
            "the jail has written"
        );
        page.end()
    });
    suite.case("nginx: a stop lets a download end", || {
        let page = Page::follow("nginx", PAGE)?;
        let large = http::noise(LARGE);
        fs::write("/srv/web/pages/large", &large).context("large")?;
        let mut request = Request::send(80, "/large")?;
        let begin = request.begin(1000)?;
        let mut stop = Command::new("jaula")
            .args(["stop", "--timeout", "100", "web"])
            .stdin(Stdio::null())
            .spawn()
            .context("jaula stop")?;
        // Nobody new is let in from then on.
        let refuses = wait::until("the port is closed", || Ok(http::connect(80).is_err()));
        let ended = stop.try_wait().context("wait")?;
        let got = request.finish(begin);
        let status = stop.wait().context("wait")?;
        refuses?;
        check!(ended.is_none(), "the stop has not waited for the download");
        check!(got? == large, "the file is another");
        check!(status.success(), "jaula stop: {status}");
        page.end()
    });
    suite.case("nginx: it reads its configuration again", || {
        let page = Page::follow("nginx", PAGE)?;
        // Written into the file that the jail sees, and not put in its place.
        bash("sed 's/listen 80;/listen 80; listen 8088;/' /srv/web/site > /srv/web/new")?;
        bash("cat /srv/web/new > /srv/web/site")?;
        succeed(&["exec", "--quiet", "web", "--", "nginx", "-s", "reload"])?;
        wait::until(
            "there is a second port",
            || Ok(http::get(8088, "/").is_ok()),
        )?;
        check_eq!(http::get(80, "/")?, b"served from a jail\n", "the page");
        page.end()
    });
}
