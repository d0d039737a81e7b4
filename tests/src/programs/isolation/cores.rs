// SPDX-License-Identifier: MIT OR Apache-2.0

//! What becomes of the memory of a program that crashes, where the kernel hands it to a program.

use super::place::Place;
use jaula_tests::check;
use jaula_tests::ktap::{CaseResult, Context, Suite};
use jaula_tests::launch::jaula;
use jaula_tests::wait;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const PATTERN: &str = "/proc/sys/kernel/core_pattern";

/// Crashes once with these options; whether the handler has been started.
fn crash(place: &Place, options: &[&str], mark: &Path) -> CaseResult {
    let root = place.root();
    let command = [&root, "--", "/bin/sh", "-c", "kill -SEGV $$"];
    let ended = jaula(&[&["--quiet"], options, &command].concat()).status();
    let status = ended.context("jaula")?.code();
    check!(
        status == Some(139),
        "{options:?}: the exit status is {status:?}"
    );
    let _ = mark;
    Ok(())
}

pub fn add<'a>(suite: &mut Suite<'a>, place: &'a Place) {
    suite.case("no program of the host is given what crashes", || {
        let handler = place.host("handler");
        let mark = place.host("crashed");
        let mark = Path::new(&mark);
        let script = format!("#!/bin/sh\ncat > /dev/null\necho >> {}\n", mark.display());
        fs::write(&handler, script).context(&handler)?;
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&handler, mode).context(&handler)?;
        let before = fs::read_to_string(PATTERN).context(PATTERN)?;
        fs::write(PATTERN, format!("|{handler}")).context(PATTERN)?;
        let result = crash(place, &[], mark).and_then(|()| {
            // That one is not kept from it by any limit but 1, and shows that the handler works.
            crash(place, &["--rlimit", "core=0"], mark)?;
            wait::until("the handler has been started", || Ok(mark.exists()))?;
            let marks = fs::read(mark).context("the mark")?;
            check!(
                marks.len() == 1,
                "it has been started {} times",
                marks.len()
            );
            Ok(())
        });
        fs::write(PATTERN, before).context(PATTERN)?;
        let _ = fs::remove_file(mark);
        let removed = fs::remove_file(&handler).context(&handler);
        result.and(removed)
    });
}
