// SPDX-License-Identifier: MIT OR Apache-2.0

//! The manual pages that are written by hand say what holds.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use jaula::manifest::Manifest;
use jaula::sys;

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs/man")
        .join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What stands between a heading of a page and the next.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("{heading}\n")).expect(heading);
    let end = rest.find("\n.S").map_or(rest.len(), |end| end + 1);
    &rest[..end]
}

/// The words that are defined in it.
fn defined(section: &str) -> Vec<String> {
    let parts = section.split(".TP\n.B ").skip(1);
    parts
        .filter_map(|part| part.lines().next())
        .map(|word| word.replace('\\', ""))
        .collect()
}

#[test]
fn every_call_has_its_number_and_its_errors() {
    let both = ["ENOSYS", "EOPNOTSUPP"];
    for (name, number, errors) in [
        (
            "create_newjail",
            sys::SYS_CREATE_NEWJAIL,
            &["EPERM", "EINVAL", "EAGAIN", "ENOSPC", "ENOMEM"][..],
        ),
        ("get_jailnumber", sys::SYS_GET_JAILNUMBER, &[]),
        (
            "attach_jail",
            sys::SYS_ATTACH_JAIL,
            &["EPERM", "EINVAL", "ESRCH", "EAGAIN", "EBUSY"],
        ),
        (
            "destroy_jail",
            sys::SYS_DESTROY_JAIL,
            &["EPERM", "EINVAL", "ESRCH", "EINTR"],
        ),
        (
            "open_jail",
            sys::SYS_OPEN_JAIL,
            &["EPERM", "EINVAL", "EBADF", "ESRCH", "EMFILE", "ENOMEM"],
        ),
        (
            "create_owned_jail",
            sys::SYS_CREATE_OWNED_JAIL,
            &[
                "EPERM", "EINVAL", "EBADF", "EAGAIN", "ENOSPC", "ENOMEM", "EMFILE",
            ],
        ),
        (
            "attach_jailfd",
            sys::SYS_ATTACH_JAILFD,
            &["EPERM", "EINVAL", "EBADF", "ESRCH", "EAGAIN", "EBUSY"],
        ),
        (
            "destroy_jailfd",
            sys::SYS_DESTROY_JAILFD,
            &["EPERM", "EINVAL", "EBADF", "EINTR"],
        ),
        ("disown_jail", sys::SYS_DISOWN_JAIL, &["EINVAL", "EBADF"]),
    ] {
        let page = page(&format!("{name}.2"));
        assert!(page.contains(&format!("\n{name} \\- ")), "{name}: NAME");
        assert!(
            page.contains(&format!("syscall({number} /* {name} */")),
            "{name}: SYNOPSIS"
        );
        assert!(
            page.contains(&format!("has the number {number} on every")),
            "{name}: number"
        );
        let errors: Vec<&str> = both.iter().chain(errors).copied().collect();
        assert_eq!(
            defined(section(&page, ".SH ERRORS")),
            errors,
            "{name}: ERRORS"
        );
    }
}

#[test]
fn every_call_is_in_the_description_of_the_interface() {
    let abi = page("../abi.md");
    for name in [
        "create_newjail",
        "get_jailnumber",
        "attach_jail",
        "destroy_jail",
        "open_jail",
        "create_owned_jail",
        "attach_jailfd",
        "destroy_jailfd",
        "disown_jail",
    ] {
        assert!(abi.contains(name), "{name}");
    }
}

/// The keys that are accepted where this stands, as a wrong one is told.
fn accepted(text: &str) -> BTreeSet<String> {
    let error = Manifest::parse(text, Path::new("/"))
        .expect_err(text)
        .to_string();
    let (_, list) = error
        .split_once("expected one of ")
        .unwrap_or_else(|| panic!("{error}"));
    let line = list.lines().next().unwrap_or_default();
    line.split(", ")
        .map(|word| word.trim_matches('`').to_owned())
        .collect()
}

#[test]
fn every_key_of_a_description_is_described() {
    let page = page("jaula.toml.5");
    for (heading, text) in [
        (".SS Keys of a jail", "[jail.a]\nroot = '/'\nwrong = 1\n"),
        (
            ".SS Keys of limits",
            "[jail.a]\nroot = '/'\nlimits = { wrong = 1 }\n",
        ),
        (
            ".SS Keys of hooks",
            "[jail.a]\nroot = '/'\nhooks = { wrong = 1 }\n",
        ),
    ] {
        let described: BTreeSet<String> = defined(section(&page, heading)).into_iter().collect();
        assert_eq!(described, accepted(text), "{heading}");
    }
}

#[test]
fn the_example_of_a_description_is_one() {
    let page = page("jaula.toml.5");
    let example = section(&page, ".SH EXAMPLES")
        .replace(".nf\n", "")
        .replace(".fi\n", "");
    let manifest = Manifest::parse(&example.replace('\\', ""), Path::new("/etc")).expect("valid");
    let names: Vec<&str> = manifest.order().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["db", "web"]);
}

#[test]
fn the_description_in_the_guide_is_one() {
    let guide = page("../guide.md");
    let mut blocks = guide.split("```toml\n").skip(1);
    let text = blocks.find_map(|rest| {
        let (text, _) = rest.split_once("```")?;
        text.contains("[jail.").then_some(text)
    });
    let text = text.expect("a description");
    let manifest = Manifest::parse(text, Path::new("/etc")).expect("valid");
    assert_eq!(manifest.order().count(), 2);
}

#[test]
fn every_page_is_free_of_faults_where_that_can_be_told() {
    for name in [
        "jaula.1",
        "jaula.toml.5",
        "create_newjail.2",
        "get_jailnumber.2",
        "attach_jail.2",
        "destroy_jail.2",
        "open_jail.2",
        "create_owned_jail.2",
        "attach_jailfd.2",
        "destroy_jailfd.2",
        "disown_jail.2",
    ] {
        let page = page(name);
        assert!(
            page.starts_with(".\\\" SPDX-License-Identifier: "),
            "{name}"
        );
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../docs/man")
            .join(name);
        let groff = Command::new("groff")
            .args(["-man", "-Tutf8", "-ww", "-z"])
            .arg(&path)
            .output();
        // Not every machine has it.
        let Ok(output) = groff else { continue };
        let complaints = String::from_utf8_lossy(&output.stderr);
        // Debian's groff without its fonts says so about every page.
        let about_page = complaints.lines().filter(|line| line.contains(name));
        assert_eq!(about_page.collect::<Vec<_>>().join("\n"), "", "{name}");
    }
}
