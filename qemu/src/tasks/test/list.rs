// SPDX-License-Identifier: MIT OR Apache-2.0

//! `cargo xtask test --list`

use super::selection::Selection;
use crate::boot::deadline::Deadline;
use crate::boot::session::Io;
use crate::cli::{GuestArgs, TestArgs};
use crate::guest::userland::GUEST_TESTS;
use crate::guest_tests::program::{self, Extent};
use crate::guest_tests::script::quoted;
use crate::guest_tests::setting::Setting;
use crate::project::Project;
use crate::tasks::guest_run::{exit_code, Guest, Plan, Processors};
use anyhow::{bail, Context, Result};
use std::io::stdout;
use std::process::ExitCode;
use std::time::Duration;
use tabled::builder::Builder;
use tabled::settings::Style;

const LIMIT: Duration = Duration::from_secs(300);

/// Lists the programs, or the cases of those that are named.
pub fn run(
    project: &Project,
    args: &TestArgs,
    selection: &Selection,
    settings: &[Setting],
) -> Result<ExitCode> {
    if selection.is_everything() {
        println!("{}", programs(args.long)?);
        return Ok(ExitCode::SUCCESS);
    }
    let setting = settings.first().context("no setting fits")?;
    let planned = selection.programs(setting, args.long)?;
    if planned.is_empty() {
        bail!("--list: --only names no guest program; checks have no cases");
    }
    let mut script = String::new();
    for planned in planned {
        script += &format!("{GUEST_TESTS} --cases {}", planned.program.name);
        if let Extent::Cases(cases) = planned.extent {
            for case in cases {
                script += &format!(" {}", quoted(&case));
            }
        }
        script += " && ";
    }
    let mut guest_args = GuestArgs::plain(args.kernel.clone());
    guest_args.machine = Some(setting.machine.name.clone());
    guest_args.debug_kernel = setting.is_debug();
    let guest = Guest::prepare(project, &guest_args)?;
    let outcome = guest.boot(Plan {
        name: "list",
        command: Some(script + "true"),
        shell: false,
        append: "",
        processors: Processors::InTurn,
        io: Io::Collect(Box::new(stdout())),
        deadline: Deadline::after(Some(LIMIT)),
    })?;
    Ok(exit_code(&outcome, Some(LIMIT)))
}

/// A table: how much of each program runs where with `--all`.
fn programs(long: bool) -> Result<String> {
    let settings = Setting::all()?;
    let mut builder = Builder::default();
    let head = ["program".to_owned(), "what it shows".to_owned()];
    builder.push_record(
        head.into_iter()
            .chain(settings.iter().map(Setting::to_string)),
    );
    for program in program::all()? {
        let extents = settings
            .iter()
            .map(|setting| match program.extent(setting, long) {
                Some(Extent::Whole) => "all".to_owned(),
                Some(Extent::Cases(cases)) => format!("smoke, {}", cases.len()),
                None => "-".to_owned(),
            });
        let row = [program.name.clone(), program.about.clone()];
        builder.push_record(row.into_iter().chain(extents));
    }
    Ok(builder.build().with(Style::psql()).to_string())
}
