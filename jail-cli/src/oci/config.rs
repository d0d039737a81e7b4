// SPDX-License-Identifier: MIT OR Apache-2.0

//! The part of config.json that is understood.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::environment::Variable;
use crate::text::shown;

/// The name of the file in a bundle.
const FILE: &str = "config.json";

/// The largest that is read, in bytes.
const LIMIT: u64 = 16 << 20;

/// What an engine wants.
#[derive(Debug, Deserialize)]
pub struct Config {
    /// What is executed.
    pub process: Process,
    /// Where.
    pub root: RootOfBundle,
    /// What the engine notes for itself.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// What is executed.
#[derive(Debug, Deserialize)]
pub struct Process {
    /// The command and its arguments.
    pub args: Vec<String>,
    /// Its environment.
    #[serde(default)]
    env: Vec<String>,
    /// Where it starts, as seen in the container.
    pub cwd: PathBuf,
    /// Whom it runs as.
    pub user: Ids,
    /// Whether it has a terminal.
    #[serde(default)]
    pub terminal: bool,
}

/// The numbers of a user.
#[derive(Debug, Deserialize)]
pub struct Ids {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

/// The directory that becomes the root.
#[derive(Debug, Deserialize)]
pub struct RootOfBundle {
    /// Where it is; where that is not absolute, in the bundle.
    pub path: PathBuf,
}

impl Config {
    /// Reads that of a bundle.
    ///
    /// # Errors
    ///
    /// A text that names the file.
    pub fn read(bundle: &Path) -> Result<Self, String> {
        let path = bundle.join(FILE);
        let about = |why: String| format!("{}: {why}", shown(&path));
        let file = File::open(&path).map_err(|error| about(error.to_string()))?;
        let mut text = Vec::new();
        let read = file.take(LIMIT + 1).read_to_end(&mut text);
        read.map_err(|error| about(error.to_string()))?;
        if text.len() as u64 > LIMIT {
            return Err(about(format!("is longer than {LIMIT} bytes")));
        }
        let config: Config =
            serde_json::from_slice(&text).map_err(|error| about(error.to_string()))?;
        config.check().map_err(about)?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        if self.process.args.is_empty() {
            return Err("process.args is empty".into());
        }
        if !self.process.cwd.is_absolute() {
            return Err(format!(
                "process.cwd is {}, which is not absolute",
                shown(&self.process.cwd)
            ));
        }
        Ok(())
    }
}

impl Process {
    /// Its environment.
    ///
    /// # Errors
    ///
    /// Where something is no `NAME=VALUE`.
    pub fn variables(&self) -> Result<Vec<Variable>, String> {
        let parse = |text: &String| {
            text.parse()
                .map_err(|why| format!("process.env: {}: {why}", shown(text)))
        };
        self.env.iter().map(parse).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        let bundle = tempfile::tempdir().expect("a directory");
        std::fs::write(bundle.path().join(FILE), text).expect("write");
        Config::read(bundle.path())
    }

    #[test]
    fn it_is_understood() {
        let config = read(
            r#"{"ociVersion": "1.2.0", "root": {"path": "rootfs", "readonly": true},
                "process": {"args": ["sh", "-c", "id"], "env": ["A=1", "B="], "cwd": "/",
                            "user": {"uid": 1, "gid": 2}},
                "linux": {}}"#,
        );
        let config = config.expect("a configuration");
        assert_eq!(config.process.args, ["sh", "-c", "id"]);
        assert_eq!((config.process.user.uid, config.process.user.gid), (1, 2));
        assert!(!config.process.terminal);
        let variables = config.process.variables().expect("variables");
        assert_eq!(variables.len(), 2);
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for (text, why) in [
            ("{", "config.json"),
            (r#"{"root": {"path": "/"}}"#, "process"),
            (
                r#"{"root": {"path": "/"}, "process": {"args": [], "cwd": "/", "user": {"uid": 0, "gid": 0}}}"#,
                "args",
            ),
            (
                r#"{"root": {"path": "/"}, "process": {"args": ["a"], "cwd": "b", "user": {"uid": 0, "gid": 0}}}"#,
                "cwd",
            ),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(why), "{error}");
        }
    }
}
