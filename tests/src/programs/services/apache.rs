// SPDX-License-Identifier: MIT OR Apache-2.0

use super::http;
use super::page::{bash, objects, within, Page};
use jaula_tests::ktap::{fail, Failure, Suite};
use jaula_tests::{check, check_eq, wait};
use std::thread;

const PAGE: &str = include_str!("../../../../docs/services/apache.md");
const PORTS: [u16; 2] = [8080, 8081];
const CLIENTS: usize = 6;
const EACH: usize = 20;

fn get_many(port: u16) -> Result<(), Failure> {
    for _ in 0..EACH {
        check_eq!(http::get(port, "/")?, b"served from a jail\n", "the page");
    }
    Ok(())
}

/// How many semaphore sets the jail sees.
fn semaphores() -> Result<usize, Failure> {
    let said = within("apache", &["ipcs", "--semaphores"])?;
    Ok(said.lines().filter(|line| line.starts_with("0x")).count())
}

pub fn add(suite: &mut Suite<'_>) {
    suite.case("apache: two ports, in turns by a System V mutex", || {
        let page = Page::follow("apache", PAGE)?;
        check!(semaphores()? > 0, "there is no semaphore");
        let outside = bash("chroot /srv/debian ipcs --semaphores")?;
        check!(!outside.contains("0x"), "the host sees one: {outside}");
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| thread::spawn(move || get_many(PORTS[client % PORTS.len()])))
            .collect();
        for thread in clients {
            thread.join().map_err(|_| fail("a client has panicked"))??;
        }
        // A page is served before its line is in the log.
        wait::until("the log has a line for each", || {
            let log = bash("jaula logs apache")?;
            Ok(log.matches("GET / HTTP/1.0\" 200").count() == CLIENTS * EACH)
        })?;
        page.end()
    });
    suite.case("apache: it is killed, and no semaphore is left", || {
        let page = Page::set_up("apache", PAGE)?;
        let nothing = objects()?;
        // The machine would have none left in the end.
        for _ in 0..3 {
            bash(&format!("jaula up --quiet {}", page.description()))?;
            get_many(PORTS[0])?;
            check!(objects()? != nothing, "no semaphore is counted");
            bash("jaula kill apache")?;
            wait::until("it is gone", || Ok(objects()? == nothing))?;
        }
        page.end()
    });
}
