// SPDX-License-Identifier: MIT OR Apache-2.0

//! Versions that grow with each change.
//!
//! Behind the workspace's version stands a time, in UTC: that of the last commit about what the
//! package is made of, so that every machine gives a clean checkout the same version; the present
//! where something is not committed. Where that is no later than what the last package was given, one
//! second is added to that. What has not changed keeps its version.

use crate::kernel::files;
use crate::process::{capture, command};
use crate::project::Project;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// What a package was made of last, and the time in its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    digest: String,
    time: u64,
}

impl Stamp {
    /// The stamp for content with this digest. `file` has the last one, and `paths` are what a commit
    /// is about that changes the content.
    pub fn find(project: &Project, file: &Path, digest: &str, paths: &[&str]) -> Result<Self> {
        let last = Self::read(file)?;
        Ok(Self::after(last, digest, || {
            committed(project, paths).unwrap_or_else(now)
        }))
    }

    fn after(last: Option<Self>, digest: &str, time: impl FnOnce() -> u64) -> Self {
        match last {
            Some(last) if last.digest == digest => last,
            last => Self {
                digest: digest.to_owned(),
                time: time().max(last.map_or(0, |last| last.time + 1)),
            },
        }
    }

    fn read(file: &Path) -> Result<Option<Self>> {
        let Some((text, _)) = files::read(file)? else {
            return Ok(None);
        };
        // One that somebody has damaged says nothing.
        Ok(serde_json::from_slice(&text).ok())
    }

    /// Notes it as the last one. That comes before a package is made: a version that was given away is
    /// never given to anything else.
    pub fn write(&self, file: &Path) -> Result<()> {
        files::write_whole(file, serde_json::to_string(self)?.as_bytes(), 0o644)
    }

    /// The workspace's version, and the time.
    pub fn version(&self) -> Result<String> {
        let time = self.date("+%Y%m%d%H%M%S")?;
        Ok(format!("{}+{time}", env!("CARGO_PKG_VERSION")))
    }

    /// The time as a changelog of Debian's has it.
    pub fn changelog_date(&self) -> Result<String> {
        self.date("-R")
    }

    fn date(&self, format: &str) -> Result<String> {
        let said = capture(command("date").args(["-u", "-d", &format!("@{}", self.time), format]))?;
        Ok(said.trim().to_owned())
    }
}

/// When the last commit about these paths was made; nothing where there is more than was committed, or
/// no repository at all.
fn committed(project: &Project, paths: &[&str]) -> Option<u64> {
    let git = |args: &[&str]| {
        let mut git = command("git");
        git.current_dir(project.root()).args(args).arg("--");
        capture(git.args(paths)).ok()
    };
    let status = git(&["status", "--porcelain"])?;
    if !status.is_empty() {
        return None;
    }
    git(&["log", "-1", "--format=%ct"])?.trim().parse().ok()
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// A digest of texts and files, the same in every run.
#[derive(Default)]
pub struct Digest(DefaultHasher);

impl Digest {
    /// Adds a text.
    pub fn text(&mut self, text: &str) {
        text.hash(&mut self.0);
    }

    /// Adds the files below a directory: names, modes and content.
    pub fn directory(&mut self, dir: &Path) -> Result<()> {
        for name in files::list(dir)? {
            let path = dir.join(&name);
            let (content, mode) = files::read(&path)?
                .with_context(|| format!("{}: has gone meanwhile", path.display()))?;
            (name, content, mode & 0o111 != 0).hash(&mut self.0);
        }
        Ok(())
    }

    /// All of it in one word.
    pub fn finish(self) -> String {
        format!("{:016x}", self.0.finish())
    }
}

/// Where the stamp of a package is kept, below its directory.
pub fn stamp_file(dir: &Path) -> PathBuf {
    dir.join("stamp.json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn stamp(digest: &str, time: u64) -> Stamp {
        Stamp {
            digest: digest.into(),
            time,
        }
    }

    #[test]
    fn only_a_change_gives_another_version_and_that_is_a_later_one() {
        let never = || panic!("nothing has changed");
        let last = stamp("a", 1000);
        assert_eq!(Stamp::after(Some(last.clone()), "a", never), last);
        assert_eq!(Stamp::after(None, "a", || 7), stamp("a", 7));
        let after = |time| Stamp::after(Some(last.clone()), "b", || time);
        assert_eq!(after(2000), stamp("b", 2000));
        // An older commit, or a clock that is slow.
        assert_eq!(after(1000), stamp("b", 1001));
        assert_eq!(after(5), stamp("b", 1001));
    }

    #[test]
    fn a_version_has_the_time_in_utc() -> Result<()> {
        let version = stamp("a", 1_795_848_185).version()?;
        let expected = format!("{}+20261128064305", env!("CARGO_PKG_VERSION"));
        assert_eq!(version, expected);
        let date = stamp("a", 1_795_848_185).changelog_date()?;
        assert_eq!(date, "Sat, 28 Nov 2026 06:43:05 +0000");
        Ok(())
    }

    #[test]
    fn a_stamp_is_kept_and_a_damaged_one_is_none() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let file = stamp_file(dir.path());
        assert_eq!(Stamp::read(&file)?, None);
        stamp("a", 3).write(&file)?;
        assert_eq!(Stamp::read(&file)?, Some(stamp("a", 3)));
        fs::write(&file, "{")?;
        assert_eq!(Stamp::read(&file)?, None);
        Ok(())
    }

    #[test]
    fn a_clean_checkout_has_the_time_of_its_last_commit() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let project = Project::at(dir.path(), dir.path());
        assert_eq!(committed(&project, &["a"]), None);
        let git = |args: &[&str]| {
            let mut git = command("git");
            let names = ["-c", "user.name=x", "-c", "user.email=x@x"];
            git.current_dir(dir.path()).args(names).args(args);
            git.env("GIT_CONFIG_GLOBAL", "/dev/null");
            git.env("GIT_COMMITTER_DATE", "@1000 +0000");
            capture(&mut git)
        };
        git(&["init", "-q"])?;
        fs::write(dir.path().join("a"), "1")?;
        git(&["add", "a"])?;
        git(&["commit", "-qm", "a"])?;
        assert_eq!(committed(&project, &["a"]), Some(1000));
        fs::write(dir.path().join("b"), "1")?;
        assert_eq!(committed(&project, &["a"]), Some(1000));
        fs::write(dir.path().join("a"), "2")?;
        assert_eq!(committed(&project, &["a"]), None);
        Ok(())
    }

    #[test]
    fn a_digest_tells_names_modes_and_content_apart() -> Result<()> {
        let digest = |name: &str, content: &str, mode| -> Result<String> {
            let dir = tempfile::tempdir()?;
            files::write_whole(&dir.path().join(name), content.as_bytes(), mode)?;
            let mut digest = Digest::default();
            digest.directory(dir.path())?;
            Ok(digest.finish())
        };
        let one = digest("a", "1", 0o644)?;
        assert_eq!(one, digest("a", "1", 0o600)?);
        for (name, content, mode) in [("b", "1", 0o644), ("a", "2", 0o644), ("a", "1", 0o755)] {
            assert_ne!(one, digest(name, content, mode)?);
        }
        Ok(())
    }
}
