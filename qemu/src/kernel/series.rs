// SPDX-License-Identifier: MIT OR Apache-2.0

//! The `series` file: which patches there are, in which order, and where the module goes.

use anyhow::{bail, Context, Result};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The line of a `series` file that stands for `kernel-module/` itself.
pub const MODULE_LINE: &str = "kernel-module";

/// One line of the series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A patch file.
    Patch {
        /// Its name, relative to the series' directory.
        name: String,
        /// Its content.
        text: String,
    },
    /// The module comes here: the patches before know nothing of it.
    Module,
}

/// The patches of one kernel version, in order.
#[derive(Clone, Debug, Default)]
pub struct Series {
    /// Directory of the patch files.
    pub dir: PathBuf,
    /// What the `series` file lists.
    pub entries: Vec<Entry>,
}

impl Series {
    /// Reads `DIR/series` and every patch it names. No file, or one without entries,
    /// is a series of nothing.
    pub fn read(dir: &Path) -> Result<Self> {
        let file = dir.join("series");
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(|| file.display().to_string()),
        };
        let mut entries = Vec::new();
        for name in names(&text).with_context(|| file.display().to_string())? {
            entries.push(if name == MODULE_LINE {
                Entry::Module
            } else {
                let path = dir.join(&name);
                let text = fs::read_to_string(&path).with_context(|| {
                    format!(
                        "{}: named in {} but cannot be read",
                        path.display(),
                        file.display()
                    )
                })?;
                Entry::Patch { name, text }
            });
        }
        Ok(Self {
            dir: dir.to_path_buf(),
            entries,
        })
    }

    /// The patches alone: name and content.
    pub fn patches(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Patch { name, text } => Some((name.as_str(), text.as_str())),
            Entry::Module => None,
        })
    }

    /// Every file of the kernel tree that a patch changes, adds or removes.
    pub fn touched(&self) -> BTreeSet<PathBuf> {
        self.patches()
            .flat_map(|(_, text)| touched_by(text))
            .collect()
    }
}

/// The entries of a `series` file: one a line, `#` starts a comment.
fn names(text: &str) -> Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for line in text.lines() {
        let name = line.split('#').next().unwrap_or_default().trim();
        if name.is_empty() {
            continue;
        }
        if name.contains('/') || name.starts_with('.') {
            bail!("`{name}` is not a file name in the same directory");
        }
        if names.iter().any(|known| known == name) {
            bail!("`{name}` is listed twice");
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

/// The paths in the `---`/`+++` pairs and git headers of a unified diff, without `a/` and `b/`.
fn touched_by(patch: &str) -> BTreeSet<PathBuf> {
    let mut paths = BTreeSet::new();
    let mut lines = patch.lines().peekable();
    while let Some(line) = lines.next() {
        // Within a hunk a removed line that starts with "-- " looks like a header, so only
        // a pair counts.
        let next = lines.peek().copied().unwrap_or_default();
        if line.starts_with("--- ") && next.starts_with("+++ ") {
            paths.extend(
                [header_path(&line[4..]), header_path(&next[4..])]
                    .into_iter()
                    .flatten(),
            );
        } else if let Some(path) = line
            .strip_prefix("rename from ")
            .or(line.strip_prefix("rename to "))
        {
            paths.insert(PathBuf::from(path));
        }
    }
    paths
}

fn header_path(header: &str) -> Option<PathBuf> {
    let name = header.split('\t').next().unwrap_or_default().trim_end();
    let path = name.strip_prefix("a/").or(name.strip_prefix("b/"))?;
    Some(PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_blank_lines_are_skipped() -> Result<()> {
        let text = "# first\n0001-a.patch\n\nkernel-module\n0002-b.patch # hooks\n";
        assert_eq!(
            names(text)?,
            ["0001-a.patch", "kernel-module", "0002-b.patch"]
        );
        Ok(())
    }

    #[test]
    fn paths_elsewhere_and_duplicates_are_refused() {
        assert!(names("../x.patch").is_err());
        assert!(names("a.patch\na.patch").is_err());
    }

    #[test]
    fn touched_files_are_those_of_the_headers() {
        let patch = "\
diff --git a/security/Kconfig b/security/Kconfig
--- a/security/Kconfig
+++ b/security/Kconfig
@@ -1,2 +1,2 @@
--- a/not/a/header
+x
diff --git a/new.h b/new.h
new file mode 100644
--- /dev/null
+++ b/new.h
@@ -0,0 +1 @@
+y
";
        let touched: Vec<_> = touched_by(patch).into_iter().collect();
        assert_eq!(touched, [Path::new("new.h"), Path::new("security/Kconfig")]);
    }

    #[test]
    fn absent_file_is_an_empty_series() -> Result<()> {
        let dir = tempfile::tempdir()?;
        assert!(Series::read(dir.path())?.entries.is_empty());
        Ok(())
    }

    #[test]
    fn missing_patch_is_named() -> Result<()> {
        let dir = tempfile::tempdir()?;
        fs::write(dir.path().join("series"), "0001-gone.patch\n")?;
        let error = Series::read(dir.path()).expect_err("no such patch");
        assert!(format!("{error:#}").contains("0001-gone.patch"));
        Ok(())
    }
}
