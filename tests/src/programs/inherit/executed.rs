// SPDX-License-Identifier: MIT OR Apache-2.0

//! Programs that are executed, by a process in a jail and by the kernel.

use jaula_tests::ktap::{fail, skip, CaseResult, Context, Failure};
use jaula_tests::sys::jail as call;
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::{check, check_eq, jail, wait};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, ExitCode};

/// The argument with which this program prints the number of its jail.
pub const PRINT: &str = "--print-number";
/// The argument with which the kernel starts this program for a core dump.
pub const RECORD: &str = "--record-number";

/// This program, executed anew, tells its number.
pub fn print_number() -> ExitCode {
    match call::get_jailnumber() {
        Ok(number) => {
            println!("{number}");
            ExitCode::SUCCESS
        }
        Err(_) => ExitCode::FAILURE,
    }
}

fn printed_by(command: &mut Command) -> Result<i64, Failure> {
    let output = command.output().context("executing a program")?;
    check!(output.status.success(), "the program failed: {output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim()
        .parse()
        .map_err(|_| fail(format!("not a number: {text}")))
}

pub fn printed() -> Result<i64, Failure> {
    printed_by(Command::new("/proc/self/exe").arg(PRINT))
}

pub fn script() -> CaseResult {
    let number = jail::enter()?;
    let program = std::env::current_exe().context("/proc/self/exe")?;
    let path = std::env::temp_dir().join(format!("inherit-{}", process::pid()));
    let text = format!("#!{} {PRINT}\n", program.display());
    std::fs::write(&path, text).context(path.display())?;
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&path, executable).context(path.display())?;
    let got = printed_by(&mut Command::new(&path));
    std::fs::remove_file(&path).context(path.display())?;
    check_eq!(got?, number, "the interpreter");
    Ok(())
}

/// Where the program that the kernel starts leaves its number.
fn record_path() -> std::path::PathBuf {
    std::path::PathBuf::from("/tmp/inherit-core-dump")
}

pub fn record_number() -> ExitCode {
    let number = call::get_jailnumber().map_or_else(|errno| errno.to_string(), |n| n.to_string());
    match std::fs::write(record_path(), number) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// The kernel starts the program of core_pattern by itself, outside every jail, when a process
/// in a jail dumps core.
pub fn core_dump_handler() -> CaseResult {
    let setting = "/proc/sys/kernel/core_pattern";
    let before = match std::fs::read_to_string(setting) {
        Ok(text) => text,
        Err(_) => return Err(skip("the kernel dumps no core")),
    };
    let _ = std::fs::remove_file(record_path());
    let program = std::env::current_exe().context("/proc/self/exe")?;
    std::fs::write(setting, format!("|{} {RECORD}", program.display())).context(setting)?;
    let ended = process::in_child(|| {
        if jail::enter().is_err() {
            return 1;
        }
        std::process::abort()
    });
    std::fs::write(setting, before).context(setting)?;
    check_eq!(
        ended,
        Ok(Ended::Signaled(libc::SIGABRT)),
        "the process that dumps core"
    );
    let recorded = wait::until_some("the program that the kernel starts has run", || {
        let text = std::fs::read_to_string(record_path());
        Ok(text.ok().filter(|text| !text.is_empty()))
    });
    let _ = std::fs::remove_file(record_path());
    check_eq!(
        recorded?,
        "0",
        "the number of the program that the kernel started"
    );
    Ok(())
}
