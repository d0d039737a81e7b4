// SPDX-License-Identifier: MIT OR Apache-2.0

use super::page::{within, Page};
use jaula_tests::ktap::{CaseResult, Suite};
use jaula_tests::wait;
use std::time::Duration;

const PAGE: &str = include_str!("../../../../docs/services/cron.md");

/// Follows the page as somebody who is logged in on the host does.
fn follow() -> Result<Page, jaula_tests::ktap::Failure> {
    std::fs::write("/proc/self/loginuid", "4321")?;
    Page::follow("cron", PAGE)
}

pub fn add(suite: &mut Suite<'_>) {
    suite.case("cron: a user's job, when it starts", || -> CaseResult {
        // The page waits for what the job writes.
        let page = follow()?;
        let login = within("cron", &["sh", "-c", "cat /proc/self/loginuid"])?;
        jaula_tests::check_eq!(login, "4294967295", "who is logged in, by jaula exec");
        page.end()
    });
    suite.case("cron: a job each minute, as its user", || {
        let page = follow()?;
        wait::within(Duration::from_secs(150), "it has run", || {
            let script = "cat /tmp/minute 2>/dev/null || true";
            Ok(within("cron", &["sh", "-c", script])? == "www-data\n")
        })?;
        page.end()
    });
}
