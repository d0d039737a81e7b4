// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the launcher refuses, and how it says so. Nothing is executed then.

use jaula_tests::ktap::{CaseResult, Context, Suite};
use jaula_tests::launch::{failed, jaula, run, Root, FAILED};
use jaula_tests::sys::{ids, process};
use jaula_tests::{check, check_eq, jail};
use std::fs::Permissions;
use std::os::unix::fs::{symlink, PermissionsExt};

/// `CAP_DAC_OVERRIDE` and `CAP_DAC_READ_SEARCH`.
const SEARCHING: [u32; 2] = [1, 2];

pub fn add<'a>(suite: &mut Suite<'a>, root: &'a Root) {
    suite.case("ROOT is missing", || {
        let path = format!("{}/no/such", root.text());
        let output = run(&mut jaula(&[&path, "--", "/bin/probe"]))?;
        let text = format!("jaula: {path}: {}/no does not exist", root.text());
        failed(&output, FAILED, &[&text])
    });
    suite.case("ROOT is empty", || {
        let output = run(&mut jaula(&["", "--", "/bin/probe"]))?;
        check_eq!(output.status.code(), Some(FAILED), "the exit status");
        check!(output.stdout.is_empty(), "something was executed");
        Ok(())
    });
    suite.case("ROOT is a file", || {
        let path = format!("{}/etc/passwd", root.text());
        let output = run(&mut jaula(&[&path, "--", "/bin/probe"]))?;
        // It could be a root file, and is where others could have laid it.
        let text = format!("jaula: {path}: others than root");
        failed(&output, FAILED, &[&text])
    });
    suite.case("ROOT is below a file", || {
        bad_root(&format!("{}/etc/passwd/x", root.text()))
    });
    suite.case("ROOT is a dangling link", || {
        link(root, "dangling", "/no/such")
    });
    suite.case("ROOT is a link to itself", || link(root, "loop", "loop"));
    suite.case("ROOT is too long", || {
        bad_root(&format!("/{}", "x".repeat(300)))
    });
    suite.case("a component of ROOT may not be searched", || {
        let place = root.path().join("closed");
        std::fs::create_dir_all(place.join("jail")).context(place.display())?;
        let closed = Permissions::from_mode(0o000);
        std::fs::set_permissions(&place, closed).context(place.display())?;
        for capability in SEARCHING {
            ids::drop_from_bounding_set(capability).context("prctl(PR_CAPBSET_DROP)")?;
        }
        bad_root(&format!("{}/jail", place.display()))
    });
    suite.case("a link to a directory is no fault", || {
        // Where root alone can make one.
        let link = format!("/srv/link-{}", process::pid());
        symlink(root.path(), &link).context(&link)?;
        let output = run(&mut jaula(&[&link, "--", "/bin/probe", "exit", "3"]));
        std::fs::remove_file(&link).context(&link)?;
        check_eq!(output?.status.code(), Some(3), "the exit status");
        Ok(())
    });
    suite.case("the caller is not root", || {
        ids::become_user(1000).context("becoming user 1000")?;
        let output = run(&mut jaula(&[root.text(), "--", "/bin/probe"]))?;
        failed(&output, FAILED, &["CAP_SYS_ADMIN"])
    });
    suite.case("root without CAP_SYS_ADMIN", || {
        ids::drop_from_bounding_set(ids::CAP_SYS_ADMIN).context("prctl(PR_CAPBSET_DROP)")?;
        let output = run(&mut jaula(&[root.text(), "--", "/bin/probe"]))?;
        failed(&output, FAILED, &["CAP_SYS_ADMIN"])
    });
    suite.case("root without CAP_SYS_CHROOT", || {
        ids::drop_from_bounding_set(18).context("prctl(PR_CAPBSET_DROP)")?;
        let output = run(&mut jaula(&[root.text(), "--", "/bin/probe"]))?;
        failed(&output, FAILED, &["CAP_SYS_CHROOT"])
    });
    suite.case("the caller is in a jail", || {
        jail::enter()?;
        let output = run(&mut jaula(&[root.text(), "--", "/bin/probe"]))?;
        failed(&output, FAILED, &["jail"])
    });
    for arguments in [
        &["--no-such-option", "/"][..],
        &[],
        &["--setenv", "X", "/"],
        &["--setenv", "=x", "/"],
    ] {
        suite.case(
            &format!("jaula {}: wrong usage", arguments.join(" ")),
            move || {
                let output = run(&mut jaula(arguments))?;
                check_eq!(output.status.code(), Some(FAILED), "the exit status");
                check!(!output.stderr.is_empty(), "no message");
                Ok(())
            },
        );
    }
}

/// `jaula: ROOT: reason`, exit 125.
fn bad_root(path: &str) -> CaseResult {
    let output = run(&mut jaula(&[path, "--", "/bin/probe"]))?;
    failed(&output, FAILED, &[&format!("jaula: {path}: ")])
}

fn link(root: &Root, name: &str, target: &str) -> CaseResult {
    let path = root.path().join(name);
    symlink(target, &path).context(path.display())?;
    bad_root(&path.display().to_string())
}
