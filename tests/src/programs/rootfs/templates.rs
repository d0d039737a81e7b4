// SPDX-License-Identifier: MIT OR Apache-2.0

//! Templates of one's own: where they are, and who has to have written them.

use super::place::{host, Place};
use jaula_tests::admin::{json, output, succeed};
use jaula_tests::ktap::{CaseResult, Context, Failure, Suite};
use jaula_tests::launch::{complaint, jaula};
use jaula_tests::{check, check_eq};
use serde_json::Value;
use std::fs;

const OF_MACHINE: &str = "/etc/jaula/templates";
/// Below the home directory that /etc/passwd says.
const OF_ROOT: &str = concat!("/root", "/.config/jaula/templates");

/// Templates of the machine and of root; gone when dropped.
struct Templates;

impl Templates {
    fn new() -> Result<Self, Failure> {
        for directory in [OF_MACHINE, OF_ROOT] {
            fs::create_dir_all(directory).context(directory)?;
        }
        Ok(Templates)
    }

    fn put(&self, directory: &str, name: &str, text: &str) -> CaseResult {
        let path = format!("{directory}/{name}.toml");
        fs::write(&path, text).context(path)
    }
}

impl Drop for Templates {
    fn drop(&mut self) {
        for directory in [OF_MACHINE, OF_ROOT] {
            let _ = fs::remove_dir_all(directory);
        }
    }
}

/// Where a template is that `jaula rootfs list` tells.
fn origin(name: &str) -> Result<String, Failure> {
    let all = json(&["rootfs", "list", "--json"])?;
    let all = all.as_array().cloned().unwrap_or_default();
    let found = all.iter().find(|one| one["name"] == name);
    let text = |key: &str| found.and_then(|one| one[key].as_str()).unwrap_or_default();
    Ok(format!("{} {}", text("from"), text("description")))
}

pub fn add(suite: &mut Suite<'_>) {
    suite.case("templates of the machine and of root, with variables", || {
        let (place, templates) = (Place::new()?, Templates::new()?);
        templates.put(
            OF_MACHINE,
            "web",
            "description = \"web of the machine\"\nextends = \"minimal\"\n[variable.port]\n\
             description = \"where it listens\"\n[[file]]\npath = \"/etc/port\"\ncontent = \"${port}\\n\"\n",
        )?;
        let message = place.refused(&["-t", "web"], "jail")?;
        check!(message.contains("port (where it listens)"), "{message}");
        place.build(&["-t", "web", "--set", "port=8080"], "jail")?;
        check_eq!(place.says(&[], "jail", "cat /etc/port; id -un")?, "8080\nuser", "what is printed");
        let (_, report) = place.check("jail")?;
        check_eq!(report["built"]["settings"]["port"], Value::from("8080"), "{report}");
        check!(origin("web")?.starts_with(OF_MACHINE), "{}", origin("web")?);
        // Root's own comes first, and extends what it stands before.
        templates.put(
            OF_ROOT,
            "web",
            "description = \"web of root\"\nextends = \"web\"\n[variable.port]\ndefault = \"80\"\n",
        )?;
        check!(origin("web")?.starts_with(OF_ROOT), "{}", origin("web")?);
        place.build(&["-t", "web"], "other")?;
        check_eq!(place.says(&[], "other", "cat /etc/port")?, "80", "what is printed");
        let shown = succeed(&["rootfs", "show", "--resolved", "--set", "port=7", "web"])?;
        check!(shown.contains("\n7\n") && !shown.contains("extends"), "{shown}");
        check!(origin("minimal")?.starts_with("built in"), "{}", origin("minimal")?);
        Ok(())
    });
    suite.case("templates that others can change are refused", || {
        let (place, templates) = (Place::new()?, Templates::new()?);
        let text = "description = \"t\"\n[[directory]]\npath = \"/a\"\n";
        templates.put(OF_MACHINE, "mine", text)?;
        place.build(&["-t", "mine"], "jail")?;
        let file = format!("{OF_MACHINE}/mine.toml");
        for (make, undo, expected) in [
            (
                format!("chmod 666 {file}"),
                format!("chmod 644 {file}"),
                "others than its owner can write",
            ),
            (
                format!("chown 1000 {file}"),
                format!("chown 0 {file}"),
                "belongs to user 1000",
            ),
            (
                format!("chmod 777 {OF_MACHINE}"),
                format!("chmod 755 {OF_MACHINE}"),
                "can change what lies in /etc/jaula/templates",
            ),
            (
                format!("rm {file}; mkfifo {file}"),
                format!("rm {file}"),
                "is not a regular file",
            ),
        ] {
            host(&make)?;
            let message = place.refused(&["-t", "mine"], "none")?;
            check!(message.contains(expected), "{make}: {message}");
            let listed = origin("mine")?;
            check!(listed.starts_with("cannot be used"), "{make}: {listed}");
            // Others are found nevertheless.
            check!(origin("minimal")?.starts_with("built in"), "{make}");
            host(&undo)?;
        }
        Ok(())
    });
    suite.case(
        "templates that extend each other in a circle are refused",
        || {
            let (place, templates) = (Place::new()?, Templates::new()?);
            templates.put(OF_MACHINE, "a", "description = \"a\"\nextends = \"b\"\n")?;
            templates.put(OF_MACHINE, "b", "description = \"b\"\nextends = \"a\"\n")?;
            let message = place.refused(&["-t", "a"], "jail")?;
            check!(message.contains("in a circle: a ("), "{message}");
            let shown = output(&mut jaula(&["rootfs", "show", "nosuch"]))?;
            let message = complaint(&shown);
            check!(
                message.contains("there are: a, b, bash, debian, minimal"),
                "{message}"
            );
            Ok(())
        },
    );
}
