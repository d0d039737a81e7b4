// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a guest is to do, and the files by which it is told.

/// Where these files are in the guest.
pub const DIR: &str = "usr/lib/jaula-harness";

const SCRIPT: &str = include_str!("../../guest/orders");

/// What the guest is to do, and with which devices.
#[derive(Clone, Debug, Default)]
pub struct Orders {
    /// A shell script to run as root before anything else.
    pub command: Option<String>,
    /// Whether an interactive shell follows.
    pub shell: bool,
    /// Shell variables: names and values.
    pub variables: Vec<(&'static str, String)>,
}

/// A file of the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderFile {
    /// Its path, from the root directory on.
    pub path: String,
    /// What it holds.
    pub content: String,
    /// Its mode.
    pub mode: u32,
}

impl Orders {
    /// The files.
    pub fn files(&self) -> Vec<OrderFile> {
        let variables: String = self
            .variables
            .iter()
            .map(|(name, value)| format!("{name}='{}'\n", value.replace('\'', r"'\''")))
            .collect();
        let file = |name: &str, content: &str, mode| OrderFile {
            path: format!("{DIR}/{name}"),
            content: content.to_owned(),
            mode,
        };
        let mut files = vec![
            file("orders", SCRIPT, 0o755),
            file("boot", &variables, 0o644),
        ];
        if let Some(command) = &self.command {
            files.push(file("command", &format!("{command}\n"), 0o755));
        }
        if self.shell {
            files.push(file("shell", "", 0o644));
        }
        files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_become_files() {
        let orders = Orders {
            command: Some("echo 'a b'".into()),
            shell: true,
            variables: vec![("TERM", "it's".into())],
        };
        let files = orders.files();
        let content = |name: &str| {
            let path = format!("{DIR}/{name}");
            let file = files.iter().find(|file| file.path == path);
            file.map(|file| file.content.as_str())
        };
        assert_eq!(content("command"), Some("echo 'a b'\n"));
        assert_eq!(content("boot"), Some("TERM='it'\\''s'\n"));
        assert_eq!(content("shell"), Some(""));
        assert_eq!(content("orders"), Some(SCRIPT));
        assert_eq!(Orders::default().files().len(), 2);
    }
}
