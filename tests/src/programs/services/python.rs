// SPDX-License-Identifier: MIT OR Apache-2.0

use super::page::Page;
use jaula_tests::admin::succeed;
use jaula_tests::check_eq;
use jaula_tests::ktap::Suite;

const PAGE: &str = include_str!("../../../../docs/services/python.md");

pub fn add(suite: &mut Suite<'_>) {
    suite.case("python: processes with POSIX and System V memory", || {
        let page = Page::follow("python", PAGE)?;
        for jail in ["fork", "spawn"] {
            let said = succeed(&["logs", jail])?;
            check_eq!(said, "posix: True\nsysv: True\nlocks: True\n", "{jail}");
        }
        page.end()
    });
}
