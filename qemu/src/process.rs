// SPDX-License-Identifier: MIT OR Apache-2.0

//! Running other programs: with their output in a log, and failures that explain themselves.

use anyhow::{anyhow, bail, Context, Result};
use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{env, io};

/// How many lines of a log a failure shows.
const TAIL: usize = 20;

/// A command for `program` without what cargo and an outer make put into the environment.
///
/// rustup's proxies set `LD_LIBRARY_PATH` to the libraries of their own toolchain, which
/// breaks another `rustc`; `ARCH`, `LLVM`, `KBUILD_*` and `MAKEFLAGS` would change the build.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(disturbs_builds) {
            command.env_remove(name);
        }
    }
    // Messages are searched for words, and logs are read by others.
    command.env("LC_ALL", "C.UTF-8");
    command
}

fn disturbs_builds(name: &str) -> bool {
    const PREFIXES: [&str; 5] = [
        "CARGO_",
        "RUSTUP_TOOLCHAIN",
        "RUSTC",
        "RUSTFLAGS",
        "KBUILD_",
    ];
    const NAMES: [&str; 11] = [
        "CARGO",
        "LD_LIBRARY_PATH",
        "MAKEFLAGS",
        "MFLAGS",
        "MAKELEVEL",
        "ARCH",
        "CROSS_COMPILE",
        "LLVM",
        "CC",
        "CFLAGS",
        "LDFLAGS",
    ];
    let keeps = ["CARGO_HOME", "CARGO_TARGET_DIR"].contains(&name)
        || name.starts_with("CARGO_HTTP")
        || name.starts_with("CARGO_NET")
        || name.starts_with("CARGO_REGISTR");
    !keeps && (NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
}

/// The cargo that runs us, with the toolchain that was chosen for it.
pub fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        let ours = |name: &str| {
            name.starts_with("CARGO_PKG_")
                || name.starts_with("CARGO_MANIFEST_")
                || name.starts_with("CARGO_BIN_")
        };
        if name.to_str().is_some_and(ours) {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// The command the way it would be typed in a shell.
pub fn shown(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| quoted(&word.to_string_lossy()))
        .collect::<Vec<_>>()
        .join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+@%^".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Runs a command to its end and gives its standard output; a failure carries its own words.
pub fn capture(command: &mut Command) -> Result<String> {
    let output = output(command)?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!(
            "{}: {}\n{}",
            shown(command),
            output.status,
            String::from_utf8_lossy(&said).trim_end()
        );
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("{}: output is not UTF-8", shown(command)))
}

/// Runs a command to its end, whatever its exit status; fails only if it cannot be started.
pub fn output(command: &mut Command) -> Result<Output> {
    command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| cannot_start(command, &error))
}

/// What to say when a program could not be started.
pub fn cannot_start(command: &Command, error: &io::Error) -> anyhow::Error {
    let program = command.get_program().to_string_lossy();
    match error.kind() {
        ErrorKind::NotFound => {
            anyhow!("{program}: not found; `cargo xtask setup` installs what is missing")
        }
        _ => anyhow!("{program}: cannot be started: {error}"),
    }
}

/// A long command whose output goes to a log file.
pub struct Logged<'a> {
    what: &'a str,
    log: PathBuf,
}

impl<'a> Logged<'a> {
    /// `what` is the step as a failure names it; `log` is truncated.
    pub fn new(what: &'a str, log: impl Into<PathBuf>) -> Self {
        Self {
            what,
            log: log.into(),
        }
    }

    /// Runs `command`, showing every line of its output to `on_line` as it comes.
    ///
    /// A failure names the step, the exit status and the log, and shows the log's last lines.
    pub fn run(&self, command: &mut Command, mut on_line: impl FnMut(&str)) -> Result<()> {
        let (reader, writer) = os_pipe::pipe().context("cannot make a pipe")?;
        let mut log = File::create(&self.log)
            .with_context(|| format!("{}: cannot write", self.log.display()))?;
        writeln!(log, "+ {}", shown(command))
            .with_context(|| format!("{}: cannot write", self.log.display()))?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .spawn()
            .map_err(|error| cannot_start(command, &error))?;
        // Our copies of the pipe's writing end must go, or reading would never end.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut tail = VecDeque::new();
        for line in BufReader::new(reader).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).into_owned();
            writeln!(log, "{line}")
                .with_context(|| format!("{}: cannot write", self.log.display()))?;
            on_line(&line);
            if tail.len() == TAIL {
                tail.pop_front();
            }
            tail.push_back(line);
        }
        let status = child.wait()?;
        if status.success() {
            return Ok(());
        }
        let tail: Vec<String> = tail.into();
        bail!(
            "{} failed ({status}){}\nThe last lines of {}:\n{}",
            self.what,
            hint(&tail, &self.log),
            self.log.display(),
            tail.iter()
                .map(|line| format!("  | {line}"))
                .collect::<Vec<_>>()
                .join("\n"),
        )
    }
}

/// Advice for failures that have a common cause.
fn hint(tail: &[String], near: &Path) -> String {
    let says = |words: &str| tail.iter().any(|line| line.contains(words));
    if says("No space left on device") {
        let free = fs4::available_space(near).unwrap_or(0) >> 20;
        format!(": the disk is full ({free} MiB free where {} is); make room, then run the same command again", near.display())
    } else if says("Killed") || says("out of memory") {
        ": out of memory; close other programs, or build with fewer jobs (--jobs)".to_owned()
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_shown_as_typed() {
        let mut command = Command::new("apt-get");
        command.args(["install", "qemu-utils-", "a b", "it's"]);
        assert_eq!(
            shown(&command),
            r"apt-get install qemu-utils- 'a b' 'it'\''s'"
        );
    }

    #[test]
    fn environment_that_disturbs_builds_is_dropped() {
        for name in [
            "LD_LIBRARY_PATH",
            "RUSTUP_TOOLCHAIN",
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "ARCH",
            "KBUILD_OUTPUT",
        ] {
            assert!(disturbs_builds(name), "{name}");
        }
        for name in [
            "PATH",
            "HOME",
            "CARGO_HOME",
            "CARGO_TARGET_DIR",
            "RUSTUP_HOME",
            "ARCHIVE",
        ] {
            assert!(!disturbs_builds(name), "{name}");
        }
    }

    #[test]
    fn failure_names_step_log_and_last_lines() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let log = dir.path().join("x.log");
        let mut seen = Vec::new();
        let mut sh = command("sh");
        sh.args([
            "-c",
            "echo one; echo 'cc: No space left on device' >&2; exit 3",
        ]);
        let error = Logged::new("building x", &log)
            .run(&mut sh, |line| seen.push(line.to_owned()))
            .expect_err("exit 3");
        let error = error.to_string();
        assert_eq!(seen, ["one", "cc: No space left on device"]);
        for part in [
            "building x failed",
            "exit status: 3",
            "x.log",
            "| one",
            "disk is full",
        ] {
            assert!(error.contains(part), "{part} in {error}");
        }
        Ok(())
    }

    #[test]
    fn missing_program_is_named() {
        let error =
            capture(&mut Command::new("no-such-program-anywhere")).expect_err("cannot exist");
        assert!(
            error
                .to_string()
                .contains("no-such-program-anywhere: not found"),
            "{error}"
        );
    }
}
