// SPDX-License-Identifier: MIT OR Apache-2.0

//! Fetching with stand-ins for apt-get and dpkg-deb.

use super::*;
use tempfile::TempDir;

/// A package with one file, downloaded without trouble.
const DOWNLOAD: &str = "case \"$*\" in *download*) echo content >p_1_armhf.deb;; esac";
const UNPACK: &str = "mkdir \"$3\" && cp \"$2\" \"$3/file\"";

struct Bench {
    dir: TempDir,
    project: Project,
}

impl Bench {
    fn new() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let project = Project::at(dir.path(), dir.path());
        Ok(Self { dir, project })
    }

    /// Written by another process: a file that is open for writing cannot be executed, and a
    /// child that another test forks meanwhile would hold it open.
    fn script(&self, name: &str, body: &str) -> Result<PathBuf> {
        let path = self.dir.path().join(name);
        let mut sh = Command::new("sh");
        sh.args([
            "-c",
            "printf '#!/bin/sh\n%s\n' \"$2\" >\"$1\" && chmod +x \"$1\"",
            "sh",
        ]);
        crate::process::capture(sh.arg(&path).arg(body))?;
        Ok(path)
    }

    fn fetch(&self, apt_get: &str, dpkg_deb: &str) -> Result<PathBuf> {
        fetch_with(&self.project, "p", "armhf", || {
            Ok(Tools {
                apt_get: self.script("apt-get", apt_get)?,
                dpkg_deb: self.script("dpkg-deb", dpkg_deb)?,
                pause: Duration::ZERO,
            })
        })
    }

    fn calls(&self) -> usize {
        fs::read_to_string(self.dir.path().join("calls")).map_or(0, |text| text.lines().count())
    }

    /// An apt-get that notes each call, and then does as `body` says.
    fn counting(&self, body: &str) -> String {
        format!(
            "echo \"$*\" >>'{}'\n{body}",
            self.dir.path().join("calls").display()
        )
    }
}

#[test]
fn package_is_unpacked_once() -> Result<()> {
    let bench = Bench::new()?;
    let apt = bench.counting(DOWNLOAD);
    let place = bench.fetch(&apt, UNPACK)?;
    assert_eq!(fs::read_to_string(place.join("file"))?, "content\n");
    assert_eq!(bench.calls(), 2, "an update and a download");
    assert_eq!(bench.fetch(&apt, UNPACK)?, place);
    assert_eq!(bench.calls(), 2, "the second time it is there");
    assert!(!bench.dir.path().join("foreign/armhf/unfinished").exists());
    Ok(())
}

#[test]
fn apt_is_kept_away_from_the_machine() -> Result<()> {
    let bench = Bench::new()?;
    bench.fetch(&bench.counting(DOWNLOAD), UNPACK)?;
    let calls = fs::read_to_string(bench.dir.path().join("calls"))?;
    for line in calls.lines() {
        for option in ["Dir::State=", "Dir::State::status=", "Dir::Cache="] {
            let ours = format!("{option}{}", bench.dir.path().display());
            assert!(line.contains(&ours), "{ours} in {line}");
        }
        assert!(line.contains("APT::Architecture=armhf"), "{line}");
    }
    Ok(())
}

#[test]
fn mirror_in_the_middle_of_an_update_is_tried_again() -> Result<()> {
    let bench = Bench::new()?;
    let mark = bench.dir.path().join("second");
    let apt = bench.counting(&format!(
        "if [ -e '{0}' ]; then {DOWNLOAD}; else case \"$*\" in *download*) touch '{0}'\n\
         echo 'E: File has unexpected size (1 != 2). Mirror sync in progress?'; exit 100;; esac; fi",
        mark.display()
    ));
    assert!(bench.fetch(&apt, UNPACK)?.join("file").is_file());
    assert_eq!(bench.calls(), 4, "two updates and two downloads");
    Ok(())
}

#[test]
fn unknown_package_is_not_tried_again() -> Result<()> {
    let bench = Bench::new()?;
    let apt = bench.counting(
        "case \"$*\" in *download*) echo 'E: Unable to locate package p:armhf'; exit 100;; esac",
    );
    let error = format!("{:#}", bench.fetch(&apt, UNPACK).expect_err("unknown"));
    for part in ["package p for armhf", "Unable to locate", "foreign/armhf/p"] {
        assert!(error.contains(part), "{part} in {error}");
    }
    assert_eq!(bench.calls(), 2);
    Ok(())
}

#[test]
fn failure_leaves_nothing_in_place() -> Result<()> {
    let bench = Bench::new()?;
    let half = "mkdir \"$3\"; echo half >\"$3/file\"; echo 'tar: broken'; exit 2";
    assert!(bench.fetch(DOWNLOAD, half).is_err());
    assert!(!bench.dir.path().join("foreign/armhf/p").exists());
    let place = bench.fetch(DOWNLOAD, UNPACK)?;
    assert_eq!(fs::read_to_string(place.join("file"))?, "content\n");
    Ok(())
}

#[test]
fn machine_without_apt_is_told_what_to_do() -> Result<()> {
    let bench = Bench::new()?;
    let error = fetch_with(&bench.project, "p", "armhf", || bail!("apt-get: not found"))
        .expect_err("no apt");
    let error = format!("{error:#}");
    for part in ["package p for armhf", "apt-get: not found", "by hand"] {
        assert!(error.contains(part), "{part} in {error}");
    }
    Ok(())
}
