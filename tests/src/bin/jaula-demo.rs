// SPDX-License-Identifier: MIT OR Apache-2.0

//! Shows that System V IPC does not cross the wall of a jail.
//!
//! `jaula-demo [ROOT]`, as root: starts itself in a jail in ROOT (by default /srv/jail, made from
//! the template `minimal` if it is missing), tries every way to reach an object of the other
//! side from both, and prints what the kernel answered. The exit status is 0 only if every
//! crossing was refused and every use within the jail worked.

use jaula_tests::crew::{self, Crew, Place};
use jaula_tests::demo::{show, Findings, Jailed};
use jaula_tests::ktap::Failure;
use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "usage: jaula-demo [ROOT]";
const DEFAULT_ROOT: &str = "/srv/jail";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["probe"] => {
            let status = crew::serve(std::io::stdin().lock(), std::io::stdout().lock());
            ExitCode::from(u8::from(status != 0))
        }
        ["--help" | "-h"] => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        [] => demonstrate(Path::new(DEFAULT_ROOT)),
        [root] if !root.starts_with('-') => demonstrate(Path::new(root)),
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn demonstrate(root: &Path) -> ExitCode {
    let passed = match run(root) {
        Ok(passed) => passed,
        Err(failure) => {
            eprintln!("jaula-demo: {failure}");
            false
        }
    };
    println!("jaula-demo: {}", if passed { "pass" } else { "fail" });
    ExitCode::from(u8::from(!passed))
}

fn run(root: &Path) -> Result<bool, Failure> {
    let host = Crew::start(Place::Here, 1)?;
    let jailed = Jailed::start(root)?;
    let findings = Findings::gather(host.member(0), &jailed.member)?;
    println!(
        "Every path to a System V object of mode 0666, as root, the host and jail {}:",
        findings.jail
    );
    println!();
    let passed = show(&findings);
    jailed.finish()?;
    Ok(passed)
}
