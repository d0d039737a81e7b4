// SPDX-License-Identifier: MIT OR Apache-2.0

//! Two jails that run while packages change: one that was started by hand, and one of `/etc/jaula`.

use super::dpkg::{property, run, write};
use jaula_tests::admin::{in_kernel, json, succeed, wait_until_named, Detached, ROOT};
use jaula_tests::ktap::{fail, CaseResult, Context, Failure};
use jaula_tests::{check, check_eq, wait};
use std::fs;

/// The unit that brings up what is in `/etc/jaula`.
pub const UNIT: &str = "jaula.service";

const DESCRIPTION: &str = "/etc/jaula/of-unit.toml";

/// The names of the jails.
pub const NAMES: [&str; 2] = ["by-hand", "of-unit"];

/// Both of them.
pub struct Jails {
    /// The one that nobody else starts or stops.
    pub by_hand: Detached,
    /// The number of the other.
    pub of_unit: i64,
    /// What is to stay as it is.
    before: [Seen; 2],
    invocation: String,
}

/// What tells that a jail is still the same, with the same in it.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    number: i64,
    supervisor: i64,
    first_process: i64,
}

fn seen(name: &str) -> Result<Seen, Failure> {
    let said = json(&["inspect", name])?;
    let number = |value: &serde_json::Value| {
        let number = value.as_i64();
        number.ok_or_else(|| fail(format!("inspect {name}: {said}")))
    };
    Ok(Seen {
        number: number(&said["number"])?,
        supervisor: number(&said["noted"]["supervisor"]["pid"])?,
        first_process: number(&said["noted"]["first_process"]["pid"])?,
    })
}

fn ticks(name: &str) -> Result<usize, Failure> {
    Ok(succeed(&["logs", name])?.matches("tick").count())
}

impl Jails {
    /// Starts them.
    pub fn start() -> Result<Self, Failure> {
        let ticking = "while :; do echo tick; sleep 1; done";
        let by_hand = Detached::start(&["--name", NAMES[0]], ticking)?;
        write(
            DESCRIPTION,
            &format!(
                "[jail.{}]\nroot = '{ROOT}'\ncommand = ['/bin/sh', '-c', '{ticking}']\n",
                NAMES[1]
            ),
        )?;
        run("systemctl", &["restart", UNIT])?;
        let of_unit = wait_until_named(NAMES[1])?;
        Ok(Jails {
            by_hand,
            of_unit,
            before: [seen(NAMES[0])?, seen(NAMES[1])?],
            invocation: property(UNIT, "InvocationID")?,
        })
    }

    /// Whether they and the unit are what they were, and can be used.
    pub fn go_on(&self) -> CaseResult {
        check_eq!(property(UNIT, "ActiveState")?, "active", "the unit");
        let invocation = property(UNIT, "InvocationID")?;
        check_eq!(invocation, self.invocation, "the start of the unit");
        for (name, before) in NAMES.iter().zip(&self.before) {
            check_eq!(&seen(name)?, before, "jail {name}");
            check_eq!(
                succeed(&["exec", name, "--", "/bin/sh", "-c", "echo in it"])?,
                "in it\n",
                "exec in jail {name}"
            );
            let now = ticks(name)?;
            wait::until(&format!("{name} goes on printing"), || {
                Ok(ticks(name)? > now)
            })?;
        }
        Ok(())
    }

    /// Whether the supervisors still run the program whose file has gone.
    pub fn have_the_old_program(&self) -> CaseResult {
        for seen in &self.before {
            let exe = format!("/proc/{}/exe", seen.supervisor);
            let program = fs::read_link(&exe).context(&exe)?;
            check!(
                program.to_string_lossy().ends_with(" (deleted)"),
                "supervisor {} runs {}",
                seen.supervisor,
                program.display()
            );
        }
        Ok(())
    }

    /// Ends them as their administrator would; whether it is noted how.
    pub fn end(self) -> CaseResult {
        succeed(&["stop", NAMES[0]])?;
        check_eq!(self.by_hand.ended()?["killed"], 15, "how by-hand ended");
        run("systemctl", &["stop", UNIT])?;
        check!(
            !in_kernel()?.contains(&self.of_unit),
            "jail {} outlives its unit",
            self.of_unit
        );
        Ok(())
    }
}

impl Drop for Jails {
    fn drop(&mut self) {
        let _ = run("systemctl", &["stop", UNIT]);
        let _ = fs::remove_file(DESCRIPTION);
    }
}
