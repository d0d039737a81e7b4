// SPDX-License-Identifier: MIT OR Apache-2.0

//! The tree survives changed series, failing patches and interrupted runs.

use super::*;

const PATCH_A: &str = "--- a/a\n+++ b/a\n@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n three\n";
const PATCH_NEW: &str = "--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+hello\n";
const PATCH_BAD: &str = "--- a/a\n+++ b/a\n@@ -1,3 +1,3 @@\n ein\n-zwei\n+ZWEI\n drei\n";

struct Fixture {
    dir: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        fs::create_dir_all(dir.path().join("tree/src"))?;
        fs::create_dir(dir.path().join("series"))?;
        fs::write(dir.path().join("tree/src/a"), "one\ntwo\nthree\n")?;
        fs::write(dir.path().join("tree/src/b"), "untouched\n")?;
        Ok(Self { dir })
    }

    fn tree(&self) -> Tree {
        Tree {
            dir: self.dir.path().join("tree"),
        }
    }

    fn content(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.tree().src().join(name)).ok()
    }

    fn patch(&self, patches: &[&str]) -> Result<usize> {
        let dir = self.dir.path().join("series");
        let mut list = String::new();
        for (n, text) in patches.iter().enumerate() {
            fs::write(dir.join(format!("{n}.patch")), text)?;
            list += &format!("{n}.patch\n");
        }
        fs::write(dir.join("series"), list)?;
        self.tree().patch(&Series::read(&dir)?)
    }
}

#[test]
fn series_is_applied_once_and_taken_back() -> Result<()> {
    let fixture = Fixture::new()?;
    assert_eq!(fixture.patch(&[PATCH_A, PATCH_NEW])?, 2);
    assert_eq!(fixture.content("a").as_deref(), Some("one\nTWO\nthree\n"));
    assert_eq!(fixture.content("new").as_deref(), Some("hello\n"));
    assert_eq!(
        fixture.patch(&[PATCH_A, PATCH_NEW])?,
        0,
        "nothing changed, nothing written"
    );
    assert_eq!(fixture.patch(&[PATCH_A])?, 1);
    assert_eq!(fixture.content("new"), None);
    assert_eq!(fixture.patch(&[])?, 1);
    assert_eq!(fixture.content("a").as_deref(), Some("one\ntwo\nthree\n"));
    Ok(())
}

#[test]
fn failing_patch_names_itself_and_leaves_the_tree() -> Result<()> {
    let fixture = Fixture::new()?;
    fixture.patch(&[PATCH_A])?;
    let error = fixture
        .patch(&[PATCH_A, PATCH_BAD])
        .expect_err("does not apply")
        .to_string();
    for part in ["1.patch", "patching file a", "Hunk #1 FAILED"] {
        assert!(error.contains(part), "{part} in {error}");
    }
    assert_eq!(fixture.content("a").as_deref(), Some("one\nTWO\nthree\n"));
    Ok(())
}

#[test]
fn interrupted_writing_is_recovered() -> Result<()> {
    let fixture = Fixture::new()?;
    fixture.patch(&[PATCH_A, PATCH_NEW])?;
    // As if the run had been killed after keeping the originals and before writing.
    fs::write(fixture.tree().src().join("a"), "one\ntwo\nthree\n")?;
    fs::remove_file(fixture.tree().src().join("new"))?;
    assert_eq!(fixture.patch(&[PATCH_A, PATCH_NEW])?, 2);
    assert_eq!(fixture.content("a").as_deref(), Some("one\nTWO\nthree\n"));
    Ok(())
}

#[test]
fn originals_are_kept_for_export() -> Result<()> {
    let fixture = Fixture::new()?;
    fixture.patch(&[PATCH_A, PATCH_NEW])?;
    let original = |name: &str| fixture.tree().original(Path::new(name));
    assert_eq!(
        original("a")?.map(|(text, _)| text),
        Some(b"one\ntwo\nthree\n".to_vec())
    );
    assert_eq!(original("new")?, None);
    assert_eq!(
        original("b")?.map(|(text, _)| text),
        Some(b"untouched\n".to_vec())
    );
    Ok(())
}
