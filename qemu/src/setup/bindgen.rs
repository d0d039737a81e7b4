// SPDX-License-Identifier: MIT OR Apache-2.0

//! Building bindgen where the distribution's is too old.

use super::Mode;
use crate::process::{cargo, shown, Logged};
use crate::project::Project;
use crate::ui::{self, Progress, Scale};
use anyhow::Result;

/// What Debian 13 has, and 6.12 is known to build with.
const VERSION: &str = "0.71.1";

/// Builds bindgen into the cache, or in a dry run says which command would.
pub fn install(project: &Project, mode: Mode) -> Result<()> {
    let mut install = cargo();
    install
        .args([
            "install",
            "bindgen-cli",
            "--version",
            VERSION,
            "--locked",
            "--root",
        ])
        .arg(project.tools_dir())
        // Not in the checkout, whose configuration links everything statically: bindgen
        // must load libclang when it runs.
        .current_dir(project.cache())
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("RUSTFLAGS");
    if mode == Mode::DryRun {
        println!("{}", shown(&install));
        return Ok(());
    }
    ui::note(&shown(&install));
    let progress = Progress::start("building bindgen", Scale::Unknown);
    Logged::new("building bindgen", project.log("bindgen.log")?).run(&mut install, |line| {
        progress.doing(line.trim());
    })?;
    progress.done();
    Ok(())
}
