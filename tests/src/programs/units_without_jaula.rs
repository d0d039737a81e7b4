// SPDX-License-Identifier: MIT OR Apache-2.0

//! The units on a kernel that has no jails: they fail once, and say why.

use jaula_tests::admin::ROOT;
use jaula_tests::ktap::{CaseResult, Chosen, Suite};
use jaula_tests::systemd::{journal, property, systemctl, Descriptions};
use jaula_tests::{check, check_eq};
use std::process::ExitCode;

fn fails_once(unit: &str) -> CaseResult {
    let said = systemctl(&["restart", unit])?;
    check!(!said.status.success(), "{unit} has started");
    check_eq!(property(unit, "ActiveState")?, "failed", "{unit}");
    check_eq!(property(unit, "ExecMainStatus")?, "125", "{unit}");
    check_eq!(property(unit, "NRestarts")?, "0", "{unit}");
    let said = journal(unit)?;
    let lines: Vec<&str> = said
        .lines()
        .filter(|line| line.starts_with("jaula: "))
        .collect();
    check_eq!(lines.len(), 1, "messages of {unit}: {said}");
    check!(
        lines[0].contains("lsm=") && lines[0].contains("jaula doctor"),
        "{unit}: {said}"
    );
    Ok(())
}

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    suite.case("the units fail, each with one message", || {
        let text =
            format!("[jail.web]\nroot = '{ROOT}'\nunit = true\n[jail.db]\nroot = '{ROOT}'\n");
        let _files = Descriptions::new(&[("web.toml", &text)])?;
        fails_once("jaula.service")?;
        fails_once("jaula@web.service")?;
        // It says no more than that it depends on one that has failed.
        check_eq!(
            property("jaula-check.service", "ActiveState")?,
            "inactive",
            "the check"
        );
        Ok(())
    });
    suite.case("where nothing is described nothing fails", || {
        let _files = Descriptions::new(&[])?;
        let said = systemctl(&["restart", "jaula.service"])?;
        check!(said.status.success(), "it has failed");
        check_eq!(
            property("jaula.service", "ActiveState")?,
            "active",
            "the unit"
        );
        Ok(())
    });
    suite.run(chosen)
}
