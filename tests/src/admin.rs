// SPDX-License-Identifier: MIT OR Apache-2.0

//! Driving the commands of `jaula` that are about jails that exist.

use crate::check;
use crate::ktap::{fail, CaseResult, Context, Failure};
use crate::launch::{complaint, jaula};
use crate::{jailfs, procfs, wait};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::process::{Command, Output};

/// A root directory with a shell, which the machine comes with.
pub const ROOT: &str = "/srv/jail";
/// Where the kernel shows its jails.
pub const JAILS: &str = "/sys/kernel/security/jaula";
/// Where jaula notes something about those it has started.
pub const STATE: &str = "/run/jaula";

/// Puts into the root what its shell needs to start something in the background, and cannot
/// have as a device: a /dev/null to read from.
pub fn prepare_root() -> CaseResult {
    let directory = format!("{ROOT}/dev");
    fs::create_dir_all(&directory).context(&directory)?;
    let file = format!("{directory}/null");
    fs::write(&file, "").context(&file)
}

/// What a command that must succeed prints.
pub fn succeed(arguments: &[&str]) -> Result<String, Failure> {
    let output = output(&mut jaula(arguments))?;
    crate::check!(
        output.status.code() == Some(0),
        "jaula {arguments:?}: {}: {}",
        output.status,
        complaint(&output)
    );
    Ok(text(&output))
}

/// What a command that prints JSON says.
pub fn json(arguments: &[&str]) -> Result<Value, Failure> {
    let text = succeed(arguments)?;
    serde_json::from_str(&text).map_err(|error| fail(format!("{arguments:?}: {error}: {text}")))
}

/// Runs a command to its end.
pub fn output(command: &mut Command) -> Result<Output, Failure> {
    command.output().context(format_args!("{command:?}"))
}

/// What a command printed to standard output.
pub fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The numbers of the directories there.
fn numbers(directory: &str) -> Result<BTreeSet<i64>, Failure> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        result => result.context(directory)?,
    };
    let mut numbers = BTreeSet::new();
    for entry in entries {
        let name = entry.context(directory)?.file_name();
        numbers.extend(name.to_str().and_then(|name| name.parse::<i64>().ok()));
    }
    Ok(numbers)
}

/// The jails that the kernel shows.
pub fn in_kernel() -> Result<BTreeSet<i64>, Failure> {
    numbers(JAILS)
}

/// The jails that something is noted about.
pub fn noted() -> Result<BTreeSet<i64>, Failure> {
    numbers(STATE)
}

/// The jails that `jaula ls` lists.
pub fn listed() -> Result<BTreeSet<i64>, Failure> {
    let jails = json(&["ls", "--json"])?;
    let jails = jails.as_array().ok_or_else(|| fail("not an array"))?;
    Ok(jails
        .iter()
        .filter_map(|jail| jail["number"].as_i64())
        .collect())
}

/// Has root's shell do something.
pub fn host(script: &str) -> Result<String, Failure> {
    let output = output(Command::new("/bin/sh").args(["-c", script]))?;
    check!(
        output.status.success(),
        "{script}: {}: {}",
        output.status,
        complaint(&output)
    );
    Ok(text(&output).trim_end().to_owned())
}

/// A process that is noted about a jail.
pub fn noted_process(jail: &str, which: &str) -> Result<libc::pid_t, Failure> {
    let said = json(&["inspect", jail])?;
    let pid = said["noted"][which]["pid"].as_i64();
    let pid = pid.and_then(|pid| libc::pid_t::try_from(pid).ok());
    pid.ok_or_else(|| fail(format!("no process {which} is noted: {said}")))
}

/// A detached jail, which ends with this value.
pub struct Detached {
    /// Its number.
    pub number: i64,
}

impl Detached {
    /// Starts one with these options and a command for its shell.
    pub fn start(options: &[&str], script: &str) -> Result<Self, Failure> {
        let command = [ROOT, "--", "/bin/sh", "-c", script];
        Self::run(&[&["run", "--detach"], options, &command].concat())
    }

    /// Starts one with all these arguments.
    pub fn run(arguments: &[&str]) -> Result<Self, Failure> {
        let said = succeed(arguments)?;
        let number = said.trim_end().parse();
        let number = number.map_err(|_| fail(format!("printed {said:?}, not a number")))?;
        Ok(Detached { number })
    }

    /// Its number as an argument.
    pub fn text(&self) -> String {
        self.number.to_string()
    }

    /// Whether the kernel has it.
    pub fn exists(&self) -> Result<bool, Failure> {
        Ok(in_kernel()?.contains(&self.number))
    }

    /// What `jaula inspect` says of it.
    pub fn inspect(&self) -> Result<Value, Failure> {
        json(&["inspect", &self.text()])
    }

    /// Waits until it has ended and its supervisor has noted how; that, as `jaula inspect` tells it.
    pub fn ended(&self) -> Result<Value, Failure> {
        wait::until("the jail has ended, and how is noted", || {
            Ok(!self.exists()? && !record(self.number)["ended"].is_null())
        })?;
        let ended = self.inspect()?["noted"]["ended"].clone();
        crate::check!(
            !ended.is_null(),
            "it is not told how jail {} ended",
            self.number
        );
        Ok(ended)
    }

    /// Waits until it has printed this.
    pub fn has_printed(&self, part: &str) -> CaseResult {
        wait::until(&format!("the log has {part:?}"), || {
            Ok(succeed(&["logs", &self.text()])?.contains(part))
        })
    }

    /// A process id that is noted about it.
    pub fn noted_process(&self, which: &str) -> Result<libc::pid_t, Failure> {
        noted_process(&self.text(), which)
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        // Most have ended and been removed by then.
        let _ = jaula(&["rm", &self.text()]).output();
    }
}

/// What is noted about a jail; null where that is nothing, or not whole.
fn record(number: i64) -> Value {
    let text = fs::read(format!("{STATE}/{number}/record.json")).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Waits until the last jail that was started with this name has ended, and how is noted.
pub fn wait_until_ended(name: &str) -> CaseResult {
    wait::until(&format!("{name} has ended, and how is noted"), || {
        let mut records = noted()?.into_iter().map(record);
        let last = records.rfind(|record| record["name"] == name);
        Ok(last.is_some_and(|record| !record["ended"].is_null()))
    })
}

/// Waits until the kernel has a jail of this name; its number.
pub fn wait_until_named(name: &str) -> Result<i64, Failure> {
    wait::until_some(&format!("there is a jail {name}"), || {
        let has_name = |number: &i64| jailfs::read(*number, "name").as_deref() == Ok(name);
        Ok(in_kernel()?.into_iter().find(has_name))
    })
}

/// Waits until so many processes of a jail have this name, which is that of what they execute.
pub fn wait_until_executed(number: i64, name: &str, count: usize) -> CaseResult {
    wait::until(
        &format!("{count} processes of jail {number} are {name}"),
        || {
            let has_name = |pid: &libc::pid_t| procfs::name(*pid).as_deref() == Ok(name);
            Ok(procfs::members(number)?
                .iter()
                .filter(|pid| has_name(pid))
                .count()
                == count)
        },
    )
}

/// Whether a process runs; one that has ended and is not waited for does not.
pub fn runs(pid: libc::pid_t) -> bool {
    procfs::state(pid).is_ok_and(|state| state != 'Z' && state != 'X')
}
