// SPDX-License-Identifier: MIT OR Apache-2.0

//! Yama: who may attach to whom, in jails and for the launcher.

use super::{ends, jailed};
use jaula_tests::admin::{succeed, Detached};
use jaula_tests::ktap::{CaseResult, Context, Failure, Suite};
use jaula_tests::launch::{jaula, Root};
use std::fs;

const SCOPE: &str = "/proc/sys/kernel/yama/ptrace_scope";

/// The setting, which is as before when this is dropped.
struct Scope(String);

impl Scope {
    fn set(value: u8) -> Result<Scope, Failure> {
        let before = fs::read_to_string(SCOPE).context(SCOPE)?;
        fs::write(SCOPE, value.to_string()).context(SCOPE)?;
        Ok(Scope(before))
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        let _ = fs::write(SCOPE, &self.0);
    }
}

pub fn add<'a>(suite: &mut Suite<'a>, root: &'a Root) {
    for (value, child, sibling) in [
        (0, 0, 0),
        (1, 0, libc::EPERM),
        (2, libc::EPERM, libc::EPERM),
    ] {
        suite.case(
            &format!("yama: with ptrace_scope {value} a jail has what the host has"),
            move || {
                let _scope = Scope::set(value)?;
                for (deed, status) in [("trace-child", child), ("trace-sibling", sibling)] {
                    ends(&mut jaula(&jailed(root, &[], &[deed])), status)?;
                    let allowed = ["--user", "root", "--allow", "sys_ptrace"];
                    ends(&mut jaula(&jailed(root, &allowed, &[deed])), 0)?;
                }
                looked_after()
            },
        );
    }
}

/// What is done with a jail takes nothing that Yama refuses.
fn looked_after() -> CaseResult {
    let jail = Detached::start(&["--tty"], "while :; do sleep 1; done")?;
    let number = jail.text();
    succeed(&["exec", &number, "--", "/bin/true"])?;
    succeed(&["ps", &number])?;
    succeed(&["cp", &format!("{number}:/etc/passwd"), "/dev/null"])
        .or_else(|_| succeed(&["inspect", &number]))?;
    succeed(&["stop", "--timeout", "1", &number]).map(drop)
}
