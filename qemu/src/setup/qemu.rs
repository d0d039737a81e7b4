// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which QEMU is new enough.
//!
//! A kernel changes its own code while it runs: with a static key it replaces an instruction by
//! a breakpoint first, and by the new instruction then. QEMU before 8.1 may still execute that
//! breakpoint on a processor after another one has taken it out again, and the kernel, which
//! knows of no breakpoint there any more, reports "Oops: int3". Packet filters, cgroups with BPF,
//! tracepoints and perf events all change static keys.

use super::needs::find_program;
use crate::kernel::toolchain::Version;
use crate::process::{capture, command};
use anyhow::{bail, Context, Result};

/// The oldest that is taken.
const MIN: Version = Version(8, 1, 0);

/// What is said of one that is older.
const WHY: &str = "a guest of an older one may crash when its kernel changes its own code";

/// Succeeds if the program that would be started is new enough.
pub fn check(program: &str) -> Result<()> {
    let Some(path) = find_program(program) else {
        bail!("not found: {program}");
    };
    let said = capture(command(&path).arg("--version"))?;
    new_enough(&said).with_context(|| path.display().to_string())
}

fn new_enough(said: &str) -> Result<()> {
    match version(said) {
        Some(version) if version >= MIN => Ok(()),
        Some(version) => {
            bail!("QEMU {version} is too old: it takes 8.1 or newer, because {WHY}")
        }
        None => bail!("says no version: {}", said.trim()),
    }
}

/// Whether a Debian package of QEMU with this upstream version is too old.
pub fn is_old(upstream: &str) -> bool {
    version(upstream).is_some_and(|version| version < MIN)
}

/// The first word that starts with numbers; Debian's `10.0.2+ds` and `7.2+dfsg` are such too.
fn version(said: &str) -> Option<Version> {
    let word = said
        .split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let end = word
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(word.len());
    let mut numbers = word[..end].split('.').map(str::parse);
    let major = numbers.next()?.ok()?;
    let mut next = || numbers.next().and_then(Result::ok).unwrap_or(0);
    Some(Version(major, next(), next()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        for (said, expected) in [
            (
                "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)\nCopyright (c) 2003-2022",
                Version(7, 2, 22),
            ),
            ("QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)", Version(10, 0, 2)),
            ("QEMU emulator version 9.2.50 (v9.2.0-1000-gabc)", Version(9, 2, 50)),
            ("QEMU emulator version 8.1.0-rc2", Version(8, 1, 0)),
            ("7.2+dfsg", Version(7, 2, 0)),
            ("10.0.2+ds", Version(10, 0, 2)),
        ] {
            assert_eq!(version(said), Some(expected), "{said}");
        }
        assert_eq!(version("no numbers"), None);
    }

    #[test]
    fn debian_12s_own_is_too_old_and_says_so() {
        let error = new_enough("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)")
            .expect_err("too old")
            .to_string();
        for part in ["QEMU 7.2.22 is too old", "8.1 or newer", "because"] {
            assert!(error.contains(part), "{part} in {error}");
        }
        assert!(is_old("7.2+dfsg"));
    }

    #[test]
    fn newer_ones_are_taken_wherever_they_are_from() {
        for said in [
            "QEMU emulator version 8.1.0",
            "QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2+deb13u1~bpo12+1)",
            "QEMU emulator version 11.0.50 (v11.0.0-77-g0123456789-dirty)",
        ] {
            assert!(new_enough(said).is_ok(), "{said}");
        }
        assert!(!is_old("10.0.2+ds"));
        assert!(!is_old("8.1"));
    }
}
