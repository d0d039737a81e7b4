// SPDX-License-Identifier: MIT OR Apache-2.0

//! What users of the host can reach of a jail, and that this is said.

use super::place::{host, Firm};
use jaula_tests::admin::{output, text};
use jaula_tests::check;
use jaula_tests::ktap::{CaseResult, Context, Failure, Suite};
use jaula_tests::launch::{complaint, jaula, run};
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Stdio;

fn set_mode(path: &str, mode: u32) -> CaseResult {
    fs::set_permissions(path, Permissions::from_mode(mode)).context(path)
}

/// The modes of what builds have in a directory that are not done.
fn stages(directory: &str) -> Result<Vec<u32>, Failure> {
    let mut modes = Vec::new();
    for entry in fs::read_dir(directory).context(directory)? {
        let entry = entry.context(directory)?;
        let is_stage = entry
            .file_name()
            .to_string_lossy()
            .starts_with(".jaula-rootfs-");
        // It may be gone already.
        if let (true, Ok(found)) = (is_stage, entry.metadata()) {
            modes.push(found.mode() & 0o7777);
        }
    }
    Ok(modes)
}

/// Whether a launch says that users of the host can get to `path`.
fn says(options: &[&str], root: &str, path: &str, expected: bool) -> CaseResult {
    let command = [&["run"], options, &[root, "--", "/bin/true"]].concat();
    let output = run(&mut jaula(&command))?;
    let message = complaint(&output);
    check!(output.status.success(), "{options:?}: {message}");
    let said = message.contains(&format!("warning: {path}: users of the host can get there"));
    check!(said == expected, "{options:?} {root}: {message}");
    Ok(())
}

pub fn add(suite: &mut Suite<'_>) {
    suite.case("a root that users of the host can get to is named", || {
        let firm = Firm::new("exposed")?;
        let (above, data) = (firm.at(""), firm.at("data"));
        let root = firm.root("jail", &["data"])?;
        fs::create_dir(&data).context("data")?;
        let (bind, read_only) = (format!("{data}:/data"), format!("{data}:/data:ro"));
        says(&[], &root, &root, true)?;
        says(&["--quiet"], &root, &root, false)?;
        says(&["--read-only"], &root, &root, false)?;
        says(&["--bind", &bind], &root, &data, true)?;
        says(&["--bind", &read_only], &root, &data, false)?;
        set_mode(&above, 0o700)?;
        says(&["--bind", &bind], &root, &root, false)?;
        says(&["--bind", &bind], &root, &data, false)?;
        // Its owner, who is not root, or a group.
        host(&format!("chown 1000 {above}"))?;
        says(&[], &root, &root, true)?;
        host(&format!("chown 0:1000 {above}; chmod 710 {above}"))?;
        says(&[], &root, &root, true)?;
        host(&format!(
            "chown 0:0 {above}; chmod 755 {above}; chmod 700 {root}"
        ))?;
        says(&["--user", "root"], &root, &root, false)
    });
    suite.case("--without mounts says what is then not so", || {
        let output = run(&mut jaula(&[
            "--without",
            "mounts",
            jaula_tests::admin::ROOT,
            "--",
            "/bin/true",
        ]))?;
        let message = complaint(&output);
        check!(output.status.success(), "{message}");
        check!(
            message.contains("device nodes that lie in the root work"),
            "{message}"
        );
        Ok(())
    });
    suite.case("doctor names what users of the host can get to", || {
        let firm = Firm::new("exposed")?;
        let root = firm.root("jail", &[])?;
        let name = format!("exposed-{}", jaula_tests::sys::process::pid());
        let start = [
            "run",
            "-q",
            "-d",
            "--keep",
            "--name",
            &name,
            &root,
            "--",
            "/bin/true",
        ];
        jaula_tests::admin::succeed(&start)?;
        let exposed = text(&output(&mut jaula(&["doctor"]))?);
        let closed = set_mode(&firm.at(""), 0o700)
            .and_then(|()| output(&mut jaula(&["doctor"])).map(|output| text(&output)));
        jaula_tests::admin::succeed(&["rm", &name])?;
        check!(exposed.contains(&format!("can get to {root}")), "{exposed}");
        let closed = closed?;
        check!(!closed.contains(&format!("can get to {root}")), "{closed}");
        check!(closed.contains("  roots  "), "{closed}");
        Ok(())
    });
    suite.case("doctor tells a user that root alone can be told", || {
        let root = jaula_tests::admin::ROOT;
        jaula_tests::admin::succeed(&["run", "-q", root, "--", "/bin/true"])?;
        jaula_tests::sys::ids::become_user(1000).context("becoming a user")?;
        let said = text(&output(&mut jaula(&["doctor"]))?);
        check!(
            said.contains("which jails are noted cannot be read"),
            "{said}"
        );
        Ok(())
    });
    suite.case("doctor names what is not there as it was", || {
        let firm = Firm::new("exposed")?;
        let other = firm.root("other", &["srv/data"])?;
        set_mode(&firm.at(""), 0o700)?;
        let data = format!("{other}/srv/data");
        let (name, bind) = (
            format!("exposed-{}", jaula_tests::sys::process::pid()),
            format!("{data}:/tmp"),
        );
        let root = firm.root("jail", &[])?;
        let start = ["run", "-q", "-d", "--keep", "--name", &name];
        let rest = ["--bind", &bind, &root, "--", "/bin/true"];
        jaula_tests::admin::succeed(&[&start[..], &rest].concat())?;
        let said = host(&format!(
            "jaula -q --user root {other} -- sh -c 'rmdir /srv/data; ln -s / /srv/data'; jaula doctor"
        ));
        jaula_tests::admin::succeed(&["rm", &name])?;
        let said = said?;
        check!(
            said.contains(&format!("{data}: {data} is a symbolic link")),
            "{said}"
        );
        Ok(())
    });
    suite.case(
        "a root that is built is said to be within reach, and its stage is not",
        || {
            let firm = Firm::new("exposed")?;
            let root = firm.at("jail");
            // Of a file that takes a while, so that the stage can be seen.
            let (template, large) = (firm.at("t.toml"), firm.at("large"));
            fs::write(&large, vec![1; 32 << 20]).context("large")?;
            let text = format!(
                "description = \"t\"\n[[directory]]\npath = \"/a\"\n[[file]]\nsource = {large:?}\n\
                 path = \"/b\"\n"
            );
            fs::write(&template, text).context("template")?;
            let mut build = jaula(&["rootfs", "build", "-t", &template, &root]);
            let build = build.stderr(Stdio::piped()).spawn().context("jaula")?;
            let mut seen = stages(&firm.at(""))?;
            while seen.is_empty() && !Path::new(&root).exists() {
                seen = stages(&firm.at(""))?;
            }
            let build = build.wait_with_output().context("jaula")?;
            fs::remove_file(&large).context("large")?;
            let message = complaint(&build);
            check!(build.status.success(), "{message}");
            check!(
                message.contains("warning: ") && message.contains("chmod 700"),
                "{message}"
            );
            check!(seen == [0o700], "the stage: {seen:?}");
            let mode = fs::metadata(&root).context("root")?.mode() & 0o7777;
            check!(
                mode == 0o755,
                "the root has mode {mode:o}: its users could not enter it"
            );
            set_mode(&firm.at(""), 0o700)?;
            let closed = run(&mut jaula(&[
                "rootfs",
                "build",
                "-t",
                "minimal",
                &firm.at("two"),
            ]))?;
            check!(
                !complaint(&closed).contains("warning"),
                "{}",
                complaint(&closed)
            );
            Ok(())
        },
    );
}
