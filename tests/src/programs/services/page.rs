// SPDX-License-Identifier: MIT OR Apache-2.0

//! A page of docs/services, and the service that it describes.

use super::tree::TREE;
use jaula_tests::admin::{in_kernel, noted, output, succeed, text};
use jaula_tests::ktap::{fail, CaseResult, Context, Failure};
use jaula_tests::launch::complaint;
use jaula_tests::sys::process;
use jaula_tests::{check, check_eq, session};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const FSTAB: &str = "/etc/fstab";
const ROOTS: &str = "/srv";
/// Where the pages have their descriptions of jails.
const DESCRIPTIONS: &str = "/etc/jaula";
/// The sections with sessions, in the order in which they are followed.
const SET_UP: &str = "## Set up\n";
const START: &str = "## Start and look\n";
const END: &str = "## End\n";

/// A page that is followed; what it has had done is undone with it.
pub struct Page {
    name: &'static str,
    text: &'static str,
    before: Before,
    maker: libc::pid_t,
}

/// What there was before.
struct Before {
    fstab: Vec<u8>,
    roots: BTreeSet<PathBuf>,
    jails: BTreeSet<i64>,
    noted: BTreeSet<i64>,
    objects: Vec<String>,
}

impl Before {
    fn look() -> Result<Self, Failure> {
        let fstab = match fs::read(FSTAB) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            result => result.context(FSTAB)?,
        };
        Ok(Before {
            fstab,
            roots: entries(ROOTS)?,
            jails: in_kernel()?,
            noted: noted()?,
            objects: objects()?,
        })
    }
}

impl Page {
    /// Does all that the page says before its end.
    pub fn follow(name: &'static str, text: &'static str) -> Result<Self, Failure> {
        let page = Page::set_up(name, text)?;
        page.start()?;
        Ok(page)
    }

    /// Does what the page says before the start.
    pub fn set_up(name: &'static str, text: &'static str) -> Result<Self, Failure> {
        let page = Page {
            name,
            text,
            before: Before::look()?,
            maker: process::pid(),
        };
        page.section(SET_UP)?;
        fs::create_dir_all(DESCRIPTIONS).context(DESCRIPTIONS)?;
        let file = page.description();
        fs::write(&file, page.block("toml")?).context(&file)?;
        Ok(page)
    }

    /// Does what the page says about the start, and all that comes before its end.
    pub fn start(&self) -> CaseResult {
        self.section(START)
    }

    /// Does what one section of the page says.
    pub fn section(&self, heading: &str) -> CaseResult {
        let (_, section) = self
            .text
            .split_once(heading)
            .ok_or_else(|| fail(format!("the page has no {heading:?}")))?;
        let section = section.split("\n## ").next().unwrap_or_default();
        for command in sessions(section) {
            bash(&command)?;
        }
        Ok(())
    }

    /// The file with the description of its jails.
    pub fn description(&self) -> String {
        format!("{DESCRIPTIONS}/{}.toml", self.name)
    }

    /// Ends the service as the page has it; nothing that the kernel has of it may be left.
    pub fn end(self) -> CaseResult {
        self.section(END)?;
        check_eq!(in_kernel()?, self.before.jails, "the jails afterwards");
        check_eq!(
            objects()?,
            self.before.objects,
            "the System V objects of all jails afterwards"
        );
        self.remove()?;
        check_eq!(entries(ROOTS)?, self.before.roots, "what is in {ROOTS}");
        Ok(())
    }

    /// The first block in a language.
    fn block(&self, language: &str) -> Result<&'static str, Failure> {
        let (_, rest) = self
            .text
            .split_once(&format!("```{language}\n"))
            .ok_or_else(|| fail(format!("the page has no {language}")))?;
        Ok(rest.split_once("```").map_or(rest, |(block, _)| block))
    }

    /// Removes what is noted about the jails, and the files.
    fn remove(&self) -> CaseResult {
        for number in noted()?.difference(&self.before.noted) {
            succeed(&["rm", &number.to_string()])?;
        }
        if let Err(error) = fs::remove_file(self.description()) {
            check!(error.kind() == io::ErrorKind::NotFound, "{error}");
        }
        for path in entries(ROOTS)?.difference(&self.before.roots) {
            let root = path.join("root");
            if root.is_dir() && is_mounted(&root)? {
                bash(&format!("umount {}", root.display()))?;
            }
            fs::remove_dir_all(path).context(path.display())?;
        }
        fs::write(FSTAB, &self.before.fstab).context(FSTAB)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // A forked copy has not made it.
        if self.maker != process::pid() {
            return;
        }
        // There is nothing left to do after `end`.
        if let Err(failure) = self.remove() {
            eprintln!("cannot undo what {} has had done: {failure}", self.name);
        }
    }
}

/// Runs a command by root's shell; what it prints. It must succeed.
pub fn bash(command: &str) -> Result<String, Failure> {
    let mut shell = Command::new("/bin/bash");
    shell.args(["-c", command]).stdin(Stdio::null());
    let output = output(&mut shell)?;
    check!(
        output.status.success(),
        "{command}: {}: {}{}",
        output.status,
        text(&output),
        complaint(&output)
    );
    Ok(text(&output))
}

/// What a command in a jail prints, which is executed as the user that the jail was started with.
pub fn within(jail: &str, command: &[&str]) -> Result<String, Failure> {
    succeed(&[&["exec", "--quiet", jail, "--"], command].concat())
}

/// What is typed in the sessions of a section.
pub fn sessions(section: &str) -> Vec<String> {
    let steps = session::steps(section);
    steps.into_iter().map(|step| step.typed).collect()
}

fn entries(directory: &str) -> Result<BTreeSet<PathBuf>, Failure> {
    let entries = fs::read_dir(directory).context(directory)?;
    let paths = entries.map(|entry| Ok(entry.context(directory)?.path()));
    paths.collect()
}

fn is_mounted(path: &Path) -> Result<bool, Failure> {
    let mounts = fs::read_to_string("/proc/self/mounts").context("mounts")?;
    let path = path.display().to_string();
    Ok(mounts
        .lines()
        .any(|line| line.split(' ').nth(1) == Some(path.as_str())))
}

/// How many System V objects of each kind there are, whosever they are.
pub fn objects() -> Result<Vec<String>, Failure> {
    let said = bash(&format!("chroot {TREE} ipcs --summary"))?;
    let counts = ["used arrays", "segments allocated", "allocated queues"];
    let lines = said
        .lines()
        .filter(|line| counts.iter().any(|count| line.starts_with(count)));
    Ok(lines.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_command_may_go_on() {
        let section = "x\n```console\n# a <<END\n> b\n>\n> c\nprinted\n# d\n```\n```sh\n# e\n```\n";
        assert_eq!(sessions(section), ["a <<END\nb\n\nc", "d"]);
    }

    #[test]
    fn the_tree_of_the_tests_is_that_of_the_pages() {
        let packages = include_str!("../../../../qemu/debian/services");
        let packages = packages.lines().filter(|line| !line.starts_with('#'));
        let option = format!("--include={}", packages.collect::<Vec<_>>().join(","));
        let table = include_str!("../../../../docs/services/README.md");
        assert!(table.contains(&format!("{option} ")), "{option}");
    }

    #[test]
    fn each_page_is_in_the_table() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/services");
        let table = fs::read_to_string(directory.join("README.md")).expect("the table");
        for entry in fs::read_dir(directory).expect("the pages") {
            let name = entry.expect("a page").file_name();
            let name = name.to_str().expect("a name");
            assert!(
                name == "README.md" || table.contains(&format!("]({name}) | ")),
                "{name}"
            );
        }
    }
}
