// SPDX-License-Identifier: MIT OR Apache-2.0

use super::http::{self, Request};
use super::page::{bash, within, Page};
use super::tree::TREE;
use jaula_tests::admin::{succeed, wait_until_named};
use jaula_tests::ktap::{CaseResult, Context, Suite};
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
    suite.case(
        "nginx: two on port 80, an address of the host each",
        two_addresses,
    );
}

/// As the guide has it, on an interface that leads nowhere.
fn two_addresses() -> CaseResult {
    bash("modprobe dummy; busybox ip link add eth77 type dummy && busybox ip link set eth77 up")?;
    let done = two_addresses_on("eth77");
    let _ = bash("jaula down /etc/jaula/two.toml");
    bash("busybox ip link del eth77; rm -r /srv/two /etc/jaula/two.toml")?;
    done
}

fn two_addresses_on(interface: &str) -> CaseResult {
    let mut file = String::new();
    for (name, address) in [("one", "192.0.2.7"), ("two", "192.0.2.8")] {
        file += &format!(
            "[jail.{name}]\nroot = \"{TREE}\"\nread-only = true\nuser = \"root\"\n\
             ip = [\"{address},{interface}\"]\n\
             command = [\"nginx\", \"-g\", \"daemon off; error_log stderr;\"]\n\
             tmpfs = [\"/run:mode=755\", \"/tmp\", \"/var/lib/nginx:mode=755\", \
             \"/var/log/nginx:mode=755\"]\n\
             bind = [\"/srv/two/{name}:/var/www/html:ro\", \
             \"/srv/two/site:/etc/nginx/sites-enabled/default:ro\"]\n"
        );
        bash(&format!(
            "mkdir -p /srv/two/{name} && echo {name} > /srv/two/{name}/index.html"
        ))?;
    }
    let site = "server { listen 80; root /var/www/html; access_log /dev/stdout; }\n";
    fs::write("/srv/two/site", site).context("the site")?;
    fs::create_dir_all("/etc/jaula").context("/etc/jaula")?;
    fs::write("/etc/jaula/two.toml", file).context("two.toml")?;
    bash("jaula up /etc/jaula/two.toml")?;
    for (name, address) in [("one", "192.0.2.7"), ("two", "192.0.2.8")] {
        let page = format!("curl -sf --max-time 5 http://{address}/ | grep -qx {name}");
        wait::until("it answers", || Ok(bash(&page).is_ok()))?;
        // By 127.0.0.1 it is reached from within, and its log tells of the jail's own.
        let fetch =
            "exec 3<>/dev/tcp/127.0.0.1/80; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3";
        bash(&format!(
            "jaula exec {name} -- bash -c \"{fetch}\" | grep -qx {name}"
        ))?;
        let from = "127.0.0.1 - - ";
        wait::until("its log tells of it", || {
            Ok(bash(&format!("jaula logs {name} | grep -q '^{from}'")).is_ok())
        })?;
    }
    // The host's own address is nobody's.
    bash("! curl -s --max-time 5 -o /dev/null http://127.0.0.1/")?;
    bash("jaula down /etc/jaula/two.toml && ! busybox ip addr show | grep -q 192.0.2").map(drop)
}
