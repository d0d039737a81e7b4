// SPDX-License-Identifier: MIT OR Apache-2.0

//! Finding the backports in answers of apt-get, shortened.

use super::*;

const SUITE: &str = "bookworm-backports";
const OTHERS: &str = "\
Codename: bookworm
Component: main
Label: HashiCorp
Origin: HashiCorp
Release: bookworm
Repo-URI: https://tools.example/
Sourcesentry: /etc/apt/sources.list.d/tools.list:1

Codename: bookworm-security
Component: main
Label: Debian-Security
Origin: Debian
Release: bookworm-security
Repo-URI: http://mirror.example/debian-security/
Sourcesentry: /etc/apt/sources.list.d/debian.sources:2
";
const MAIN: &str = "\
MetaKey: main/binary-amd64/Packages
Codename: bookworm
Component: main
Label: Debian
Origin: Debian
Suite: oldstable
Release: oldstable
Repo-URI: http://mirror.example/debian/
Sourcesentry: /etc/apt/sources.list.d/debian.sources:1
";
const BACKPORTS: &str = "\
Codename: bookworm-backports
Component: main
Label: Debian Backports
Origin: Debian Backports
Suite: oldstable-backports
Release: oldstable-backports
Repo-URI: http://elsewhere.example/debian/
Sourcesentry: /etc/apt/sources.list.d/mine.list:3
";
const SOURCES: &str = "\
# Comments are no entries.

Types: deb
# http://snapshot.example/
URIs: http://mirror.example/debian
Suites: oldstable bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
";

fn find_in(targets: &[&str], sources: &'static str) -> Result<Suite> {
    find(SUITE, &targets.join("\n"), |path| {
        assert!(path.starts_with("/etc/apt"), "{}", path.display());
        Ok(sources.to_owned())
    })
}

#[test]
fn backports_come_from_where_the_main_suite_does() -> Result<()> {
    let expected = "\
Types: deb
URIs: http://mirror.example/debian/
Suites: bookworm-backports
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
";
    match find_in(&[OTHERS, MAIN], SOURCES)? {
        Suite::Unknown(entry) => {
            let (comment, fields) = entry.split_once('\n').context("one line only")?;
            assert!(comment.starts_with("# "), "{entry}");
            assert_eq!(fields, expected);
        }
        Suite::Known => bail!("they are not there"),
    }
    Ok(())
}

#[test]
fn backports_in_whatever_file_are_known() -> Result<()> {
    assert_eq!(find_in(&[MAIN, BACKPORTS], SOURCES)?, Suite::Known);
    Ok(())
}

#[test]
fn machine_without_debians_main_suite_is_told() {
    let error = find_in(&[OTHERS], SOURCES)
        .expect_err("no main")
        .to_string();
    assert!(error.contains("bookworm main"), "{error}");
    assert!(find_in(&[], SOURCES).is_err());
}

#[test]
fn keys_are_found_in_either_kind_of_file() -> Result<()> {
    let list = "# main\n\
        deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian bookworm main\n\
        deb http://mirror.example/debian bookworm-updates main\n";
    assert_eq!(
        signed_by("/etc/apt/sources.list", list, 2)?,
        Some("/k.gpg".to_owned())
    );
    assert_eq!(signed_by("/etc/apt/sources.list", list, 3)?, None);
    assert_eq!(signed_by("a.sources", SOURCES, 2)?, None);
    assert!(signed_by("a.sources", SOURCES, 3).is_err());
    assert!(signed_by("a.list", list, 0).is_err());
    Ok(())
}

#[test]
fn key_within_the_entry_is_copied() -> Result<()> {
    let sources = "URIs: x\nSigned-By:\n -----BEGIN PGP-----\n .\n mDME\n -----END PGP-----\n";
    let key = signed_by("a.sources", sources, 1)?;
    let entry = entry(SUITE, "http://mirror.example/debian/", key.clone());
    assert!(
        entry.ends_with("\nSigned-By:\n -----BEGIN PGP-----\n .\n mDME\n -----END PGP-----\n"),
        "{entry}"
    );
    assert_eq!(signed_by("b.sources", &entry, 1)?, key);
    Ok(())
}
