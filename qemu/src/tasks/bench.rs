//! x
use crate::project::Project;
use anyhow::Result;
use std::process::ExitCode;
/// x
pub fn run(_p: &Project, _a: &crate::cli::BenchArgs) -> Result<ExitCode> {
    anyhow::bail!("later")
}
