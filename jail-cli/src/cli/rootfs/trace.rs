// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula rootfs trace`: a template from what a program opens.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use jaula::text::shown;
use jaula::trace::{Trace as Run, Traced};
use jaula::user::UserSpec;
use jaula_rootfs::template::JailPath;

use crate::cli::output::print;
use crate::cli::table::bytes;
use crate::cli::Failure;

pub const EXAMPLES: &str = "\
Examples:
  jaula rootfs trace -o nginx.toml -- nginx -g 'daemon off;'
  jaula rootfs build --template ./nginx.toml /srv/web
  jaula rootfs trace --user user -- python3 -c 'import ssl' > ssl.toml";

/// What is tried, and how.
#[derive(Debug, Args)]
pub struct Trace {
    /// Where the template goes [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Run in the tree DIR in place of this machine's own
    #[arg(long, value_name = "DIR")]
    sysroot: Option<PathBuf>,

    /// Run as this user, and group
    #[arg(short, long, value_name = "USER[:GROUP]", default_value = "root")]
    user: UserSpec,

    /// Make DIR, which belongs to the user, before it starts; repeatable
    ///
    /// For what a package's unit or script makes when the service is started, such as /run/NAME. It is in
    /// the template as well.
    #[arg(short, long, value_name = "DIR", value_parser = JailPath::new)]
    directory: Vec<JailPath>,

    /// Set a variable in the environment; repeatable
    #[arg(short = 'e', long, value_name = "NAME=VALUE")]
    setenv: Vec<OsString>,

    /// Show SRC of the host as DST; repeatable. What is opened there is not in the template
    #[arg(long, value_name = "SRC:DST[:ro]")]
    bind: Vec<OsString>,

    /// End it when it has opened nothing new for so many seconds
    #[arg(short, long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    idle: u16,

    /// Take what not everybody may read as well, such as keys
    #[arg(short, long)]
    private: bool,

    /// Say nothing but what is wrong
    #[arg(short, long)]
    quiet: bool,

    /// The program and its arguments
    #[arg(value_name = "COMMAND", required = true, last = true)]
    command: Vec<OsString>,
}

impl Trace {
    /// Runs it, and returns the exit status.
    pub fn run(self) -> Result<u8, Failure> {
        let Trace { output, quiet, .. } = self;
        let with = |name: &str, values: Vec<OsString>| {
            let name = OsString::from(name);
            let pairs = values.into_iter().map(move |value| [name.clone(), value]);
            pairs.flatten().collect::<Vec<_>>()
        };
        let mut options = with("--setenv", self.setenv);
        options.extend(with("--bind", self.bind));
        let run = Run {
            sysroot: self.sysroot,
            user: self.user,
            directories: self.directory,
            options,
            command: self.command,
            idle: Duration::from_secs(self.idle.into()),
            private: self.private,
        };
        let traced = run.run().map_err(Failure::failed)?;
        let text = traced.kept.text().map_err(Failure::failed)?;
        match &output {
            Some(path) => write(path, &text).map_err(Failure::failed)?,
            None => print(&text)?,
        }
        tell(&traced, output.as_deref(), quiet);
        Ok(0)
    }
}

/// Writes it where nothing is; a template that somebody has changed by hand is not replaced.
fn write(path: &Path, text: &str) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", shown(path));
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o644)
        .open(path);
    file.map_err(failed)?
        .write_all(text.as_bytes())
        .map_err(failed)
}

fn tell(traced: &Traced, output: Option<&Path>, quiet: bool) {
    let kept = &traced.kept;
    if let Some(status @ 1..) = traced.status {
        jaula::complain!(
            "jaula: warning: it ended with status {status}; what it would have opened after that is not in \
             the template"
        );
    }
    for path in &kept.private {
        match kept.has_private {
            true => jaula::complain!(
                "jaula: warning: {}: not everybody may read it, and it is in the template as asked for",
                shown(path.as_str())
            ),
            false => jaula::complain!(
                "jaula: warning: {}: left out, for not everybody may read it; --private takes it",
                shown(path.as_str())
            ),
        }
    }
    for path in &kept.odd {
        jaula::complain!(
            "jaula: warning: {}: left out, for its name cannot stand in a template",
            shown(path)
        );
    }
    if !quiet {
        let (files, size) = kept.files;
        jaula::complain!(
            "jaula: {}: {files} files ({}) beside the program and its libraries; {} files were written, and \
             are left out",
            output.map_or("template".to_owned(), |path| shown(path).to_string()),
            bytes(size),
            kept.written.len(),
        );
    }
}
