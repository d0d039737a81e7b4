// SPDX-License-Identifier: MIT OR Apache-2.0

//! The licences of what is linked into the launcher.

use crate::arch::Arch;
use crate::process::{capture, cargo};
use crate::project::Project;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The text that goes with the package: each crate with its licence, and what its authors want to be
/// passed on.
pub fn text(project: &Project, arch: Arch) -> Result<String> {
    let mut metadata = cargo();
    metadata.current_dir(project.root()).args([
        "metadata",
        "--format-version=1",
        "--filter-platform",
        arch.rust_target(),
    ]);
    let said = capture(&mut metadata)?;
    let metadata: Metadata = serde_json::from_str(&said).context("cargo metadata")?;
    let crates = metadata.linked("jaula")?;
    let mut notices = Vec::new();
    for one in &crates {
        for notice in one.notices()? {
            notices.push((one.title(), notice));
        }
    }
    Ok(compose(&crates, notices))
}

fn compose(crates: &[&Crate], notices: Vec<(String, String)>) -> String {
    let mut text = "What is linked into jaula, and under which licences:\n\n".to_owned();
    for one in crates {
        let licence = one.license.as_deref().unwrap_or("see below");
        text += &format!("{}: {licence}\n", one.title());
    }
    text += "the standard library of Rust: MIT OR Apache-2.0\n";
    text += "the GNU C library: LGPL-2.1-or-later\n";
    // Many have the same text, word by word.
    let mut titles: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (title, notice) in notices {
        titles.entry(notice).or_default().insert(title);
    }
    let mut texts: Vec<_> = titles.into_iter().collect();
    texts.sort_by(|(_, a), (_, b)| a.cmp(b));
    for (notice, titles) in texts {
        let titles: Vec<_> = titles.into_iter().collect();
        text += &format!("\n{}\n{}:\n\n{notice}\n", "-".repeat(72), titles.join(", "));
    }
    text
}

/// What cargo says of the workspace, as far as it matters here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Crate>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Crate {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    /// Where it was fetched from; nothing for what is in the checkout.
    source: Option<String>,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    /// `build` or `dev`; nothing for what is linked.
    kind: Option<String>,
}

impl Metadata {
    /// What a program of the workspace is linked with, and was not written here, by name.
    fn linked(&self, program: &str) -> Result<Vec<&Crate>> {
        let crates: BTreeMap<_, _> = self.packages.iter().map(|one| (&one.id, one)).collect();
        let nodes: BTreeMap<_, _> = self
            .resolve
            .nodes
            .iter()
            .map(|node| (&node.id, node))
            .collect();
        let first = self
            .packages
            .iter()
            .find(|one| one.name == program && one.source.is_none())
            .with_context(|| format!("cargo metadata: has no package {program}"))?;
        let mut found = BTreeMap::new();
        let mut todo = vec![&first.id];
        while let Some(id) = todo.pop() {
            let (Some(one), Some(node)) = (crates.get(id), nodes.get(id)) else {
                continue;
            };
            // The compiler runs it, with all that it is linked with.
            if one.is_macro() || found.insert(id, *one).is_some() {
                continue;
            }
            let is_linked =
                |dependency: &&Dependency| dependency.dep_kinds.iter().any(|of| of.kind.is_none());
            let linked = node.deps.iter().filter(is_linked);
            todo.extend(linked.map(|dependency| &dependency.pkg));
        }
        let mut found: Vec<_> = found
            .into_values()
            .filter(|one| one.source.is_some())
            .collect();
        found.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
        Ok(found)
    }
}

impl Crate {
    fn title(&self) -> String {
        format!("{} {}", self.name, self.version)
    }

    fn is_macro(&self) -> bool {
        let kinds = || self.targets.iter().flat_map(|target| &target.kind);
        kinds().any(|kind| kind == "proc-macro")
    }

    /// The texts beside its Cargo.toml.
    fn notices(&self) -> Result<Vec<String>> {
        let dir = self.manifest_path.parent().unwrap_or(Path::new("/"));
        let mut notices = BTreeMap::new();
        let entries = fs::read_dir(dir).with_context(|| dir.display().to_string())?;
        for entry in entries {
            let entry = entry.with_context(|| dir.display().to_string())?;
            let path = entry.path();
            if is_notice(&entry.file_name().to_string_lossy()) && path.is_file() {
                let text = fs::read(&path).with_context(|| path.display().to_string())?;
                let text = String::from_utf8_lossy(&text);
                let lines: Vec<_> = text.lines().map(str::trim_end).collect();
                notices.insert(path, lines.join("\n").trim_matches('\n').to_owned());
            }
        }
        Ok(notices.into_values().collect())
    }
}

fn is_notice(name: &str) -> bool {
    const BEGINNINGS: [&str; 6] = [
        "license",
        "licence",
        "copying",
        "copyright",
        "notice",
        "unlicense",
    ];
    let name = name.to_lowercase();
    BEGINNINGS.iter().any(|word| name.starts_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = r#"{
        "packages": [
            {"id": "p", "name": "prog", "version": "1.0.0", "license": "MIT", "source": null,
             "manifest_path": "/w/Cargo.toml", "targets": [{"kind": ["bin"]}]},
            {"id": "a", "name": "a", "version": "1.0.0", "license": "MIT", "source": "registry",
             "manifest_path": "/a/Cargo.toml", "targets": [{"kind": ["lib"]}]},
            {"id": "b", "name": "b", "version": "2.0.0", "license": null, "source": "registry",
             "manifest_path": "/b/Cargo.toml", "targets": [{"kind": ["lib"]}]},
            {"id": "m", "name": "m", "version": "1.0.0", "license": "MIT", "source": "registry",
             "manifest_path": "/m/Cargo.toml", "targets": [{"kind": ["proc-macro"]}]},
            {"id": "t", "name": "t", "version": "1.0.0", "license": "MIT", "source": "registry",
             "manifest_path": "/t/Cargo.toml", "targets": [{"kind": ["lib"]}]}
        ],
        "resolve": {"nodes": [
            {"id": "p", "deps": [
                {"pkg": "a", "dep_kinds": [{"kind": null}]},
                {"pkg": "m", "dep_kinds": [{"kind": null}]},
                {"pkg": "t", "dep_kinds": [{"kind": "dev"}, {"kind": "build"}]}]},
            {"id": "a", "deps": [{"pkg": "b", "dep_kinds": [{"kind": "build"}, {"kind": null}]}]},
            {"id": "b", "deps": []},
            {"id": "m", "deps": [{"pkg": "t", "dep_kinds": [{"kind": null}]}]},
            {"id": "t", "deps": []}
        ]}
    }"#;

    #[test]
    fn only_what_is_linked_is_told_of() -> Result<()> {
        let metadata: Metadata = serde_json::from_str(METADATA)?;
        let linked = metadata.linked("prog")?;
        let titles: Vec<_> = linked.iter().map(|one| one.title()).collect();
        assert_eq!(titles, ["a 1.0.0", "b 2.0.0"]);
        assert!(metadata.linked("other").is_err());
        Ok(())
    }

    #[test]
    fn a_text_that_several_share_stands_there_once() -> Result<()> {
        let metadata: Metadata = serde_json::from_str(METADATA)?;
        let linked = metadata.linked("prog")?;
        let notice = |title: &str, text: &str| (title.to_owned(), text.to_owned());
        let text = compose(
            &linked,
            vec![
                notice("b 2.0.0", "Same."),
                notice("a 1.0.0", "Same."),
                notice("a 1.0.0", "Other."),
            ],
        );
        assert_eq!(text.matches("Same.").count(), 1, "{text}");
        assert!(text.contains("a 1.0.0, b 2.0.0:\n\nSame."), "{text}");
        assert!(text.contains("a 1.0.0: MIT\nb 2.0.0: see below\n"));
        Ok(())
    }

    #[test]
    fn notices_are_known_by_their_names() {
        for name in ["LICENSE-MIT", "license.txt", "COPYING", "UNLICENSE"] {
            assert!(is_notice(name), "{name}");
        }
        for name in ["README.md", "Cargo.toml", "src"] {
            assert!(!is_notice(name), "{name}");
        }
    }
}
