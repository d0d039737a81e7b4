// SPDX-License-Identifier: MIT OR Apache-2.0

//! `cargo xtask patches`

use crate::cli::ExportArgs;
use crate::kernel::files;
use crate::kernel::series::Series;
use crate::patches::mailbox;
use crate::project::Project;
use crate::ui;
use anyhow::Result;
use std::process::ExitCode;

/// Writes the mailbox.
pub fn run(project: &Project, args: &ExportArgs) -> Result<ExitCode> {
    let series = Series::read(&project.series_dir())?;
    let text = mailbox::compose(project, &series)?;
    let out = std::path::absolute(&args.out)?;
    files::write_whole(&out, text.as_bytes(), 0o644)?;
    ui::note(&format!(
        "{}: {} patches; in a clean 6.12 tree: git am {}",
        args.out.display(),
        series.patches().count() + 1,
        out.display()
    ));
    Ok(ExitCode::SUCCESS)
}
