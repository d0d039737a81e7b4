// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where the roots of these tests are, and what is asked of them.

pub use jaula_tests::admin::host;
use jaula_tests::admin::{output, text};
use jaula_tests::check;
use jaula_tests::ktap::{fail, Context, Failure};
use jaula_tests::launch::{complaint, jaula};
use jaula_tests::sys::process;
use serde_json::Value;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

/// Where jaula notes what it has built.
const NOTES: &str = "/var/lib/jaula/roots";

/// A directory that root alone may enter; removed when dropped, with what is noted about roots in it.
pub struct Place {
    path: PathBuf,
    maker: libc::pid_t,
}

impl Place {
    pub fn new() -> Result<Self, Failure> {
        let maker = process::pid();
        let path = PathBuf::from(format!("/srv/rootfs-{maker}"));
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.context(path.display())?;
        Ok(Place { path, maker })
    }

    /// A path in it.
    pub fn at(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }

    /// Writes a file.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> Result<String, Failure> {
        let path = self.at(name);
        fs::write(&path, content).context(&path)?;
        Ok(path)
    }

    /// Builds a root, and gives what was said.
    pub fn build(&self, arguments: &[&str], root: &str) -> Result<String, Failure> {
        let root = self.at(root);
        let arguments = [&["rootfs", "build"], arguments, &[&root]].concat();
        let output = output(&mut jaula(&arguments))?;
        check!(
            output.status.success(),
            "{arguments:?}: {}: {}",
            output.status,
            complaint(&output)
        );
        Ok(complaint(&output))
    }

    /// Why a root is not built, which must not be there then.
    pub fn refused(&self, arguments: &[&str], root: &str) -> Result<String, Failure> {
        let root = self.at(root);
        let arguments = [&["rootfs", "build"], arguments, &[&root]].concat();
        let output = output(&mut jaula(&arguments))?;
        let message = complaint(&output);
        check!(
            output.status.code() == Some(125),
            "{arguments:?}: {message}"
        );
        check!(!PathBuf::from(&root).exists(), "{root} is there");
        Ok(message)
    }

    /// What a shell in a jail of a root prints.
    pub fn says(&self, options: &[&str], root: &str, script: &str) -> Result<String, Failure> {
        let root = self.at(root);
        let command = [&root, "--", "/bin/sh", "-c", script];
        let arguments = [&["run", "--quiet"], options, &command].concat();
        let output = output(&mut jaula(&arguments))?;
        check!(
            output.status.success(),
            "{script:?}: {}: {}",
            output.status,
            complaint(&output)
        );
        Ok(text(&output).trim_end().to_owned())
    }

    /// The exit status of a look at a root, and what it says as JSON.
    pub fn check(&self, root: &str) -> Result<(i32, Value), Failure> {
        let output = output(&mut jaula(&["rootfs", "check", "--json", &self.at(root)]))?;
        let said = text(&output);
        let value = serde_json::from_str(&said)
            .map_err(|error| fail(format!("{error}: {said} {}", complaint(&output))))?;
        Ok((output.status.code().unwrap_or(-1), value))
    }

    /// What is found in a root, a line each.
    pub fn findings(&self, root: &str) -> Result<Vec<String>, Failure> {
        let (_, report) = self.check(root)?;
        let all = report["findings"].as_array().cloned().unwrap_or_default();
        let text = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
        let line = |one: &Value| {
            let keys = ["level", "topic", "path", "what"].map(|key| text(one, key));
            keys.join(" ")
        };
        Ok(all.iter().map(line).collect())
    }

    /// Checks that something is found in a root.
    pub fn finds(&self, root: &str, expected: &str) -> Result<(), Failure> {
        let found = self.findings(root)?;
        let is_there = found.iter().any(|line| line.starts_with(expected));
        check!(is_there, "{expected}: {found:#?}");
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A child that fails drops it as well.
        if process::pid() == self.maker {
            let _ = fs::remove_dir_all(&self.path);
            let _ = fs::remove_dir_all(NOTES);
        }
    }
}

/// The digest in what was said of a root that was built.
pub fn digest(said: &str) -> Result<&str, Failure> {
    let at = said.find("sha256:").ok_or_else(|| fail(said.to_owned()))?;
    Ok(said[at..].split_whitespace().next().unwrap_or_default())
}
