// SPDX-License-Identifier: MIT OR Apache-2.0

//! Root files: what a root is made of, in TOML.
//!
//! ```toml
//! lower = ["/srv/base"]     # never written to; the topmost first
//! upper = "web.upper"       # where what is written goes; without it, it is thrown away
//! size = "64M"              # how much may be written that is thrown away
//! ```
//!
//! Or, in the place of these, an encrypted volume:
//!
//! ```toml
//! volume = "web.luks"
//! key = "file:/etc/jaula/keys/web"   # or "credential:NAME", "fd:NUMBER", "prompt"
//! ```
//!
//! Paths that are not absolute begin where the file lies. Whatever stands in it is done by root; so it
//! must be root's, and nobody else can have laid it where it is.

use std::fs;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::sys::stat::SFlag;
use serde::Deserialize;

use super::volume::{Key, Volume};
use super::{Contents, Layers};
use crate::isolation::Size;
use crate::stat::{fstat, Stat};
use crate::text::{reason, shown, toml_string};
use crate::trusted_path::{self, Refusal};

/// The largest, in bytes.
const LARGEST: u64 = 64 << 10;

/// What a root is made of, as it is written.
#[derive(Debug)]
pub struct RootFile {
    /// Where paths begin that are not absolute.
    directory: PathBuf,
    text: Text,
}

const KEYS: [&str; 5] = ["lower", "upper", "size", "volume", "key"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    #[serde(default)]
    lower: Vec<PathBuf>,
    upper: Option<PathBuf>,
    size: Option<Size>,
    volume: Option<PathBuf>,
    key: Option<Key>,
}

impl RootFile {
    /// The one at `path`; `None` where something else than a regular file, or nothing, is there.
    ///
    /// # Errors
    ///
    /// Where others than root can change it, or it cannot be read or understood.
    pub fn find(path: &Path) -> Result<Option<Self>, String> {
        // What else there may be to say about the path is said by who opens a directory.
        let Ok(found) = trusted_path::open(path) else {
            return Ok(None);
        };
        if !is_file(&fstat(&found).map_err(reason)?) {
            return Ok(None);
        }
        let found = trusted_path::open_firm(path).map_err(|refusal| match refusal {
            Refusal::Kernel(errno) => reason(errno),
            refusal => refusal.describe(),
        })?;
        let stat = fstat(&found).map_err(reason)?;
        if !is_file(&stat) {
            return Err("is a file no more".into());
        }
        if stat.st_uid != 0 || stat.st_mode & 0o022 != 0 {
            return Err(format!(
                "says what a root is made of, and can be changed by others than root: it belongs to \
                 user {} and has mode {:o}; \"chown root\" and \"chmod go-w\" make it safe",
                stat.st_uid,
                stat.st_mode & 0o7777
            ));
        }
        let text = read(&found)?;
        let directory = fs::canonicalize(path).map_err(|error| error.to_string())?;
        let directory = directory.parent().unwrap_or(Path::new("/"));
        Self::parse(&text, directory).map(Some)
    }

    /// Reads one that lies in `directory`.
    ///
    /// # Errors
    ///
    /// Where and why it is not understood.
    pub fn parse(text: &str, directory: &Path) -> Result<Self, String> {
        let text: Text = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let before = text.get(..at).unwrap_or_default();
            let line = before.matches('\n').count();
            // The line itself is not told: who mistakes it may have put a key there.
            let key = text
                .lines()
                .nth(line)
                .and_then(|text| text.split('=').next());
            let key = KEYS
                .into_iter()
                .find(|known| key.map(str::trim) == Some(known));
            format!(
                "is a file, and no root file: line {}: {}{}",
                line + 1,
                key.map_or(String::new(), |key| format!("{key}: ")),
                error.message()
            )
        })?;
        let file = RootFile {
            directory: directory.to_owned(),
            text,
        };
        file.check()?;
        Ok(file)
    }

    /// The text of one.
    ///
    /// # Errors
    ///
    /// Where a path has bytes that are no text.
    pub fn text(lower: &[PathBuf], upper: Option<&Path>) -> Result<String, String> {
        let quoted = |path: &Path| {
            let text = path.to_str().map(toml_string);
            text.ok_or_else(|| format!("{}: is no text, which TOML is", shown(path)))
        };
        let lower = lower.iter().map(|path| quoted(path));
        let lower = lower.collect::<Result<Vec<_>, _>>()?;
        let mut text = format!("lower = [{}]\n", lower.join(", "));
        if let Some(upper) = upper {
            text += &format!("upper = {}\n", quoted(upper)?);
        }
        Ok(text)
    }

    /// The text of one with a volume.
    ///
    /// # Errors
    ///
    /// Where a path has bytes that are no text.
    pub fn text_of_volume(volume: &Path, key: &Key) -> Result<String, String> {
        let volume = volume.to_str();
        let volume = volume.ok_or("its name is no text, which TOML is")?;
        let key = toml_string(&key.to_string());
        Ok(format!("volume = {}\nkey = {key}\n", toml_string(volume)))
    }

    fn check(&self) -> Result<(), String> {
        let Text {
            lower,
            upper,
            volume,
            ..
        } = &self.text;
        if lower
            .iter()
            .chain(upper)
            .chain(volume)
            .any(|path| path.as_os_str().is_empty())
        {
            return Err("a path in it is empty".into());
        }
        let has_layers = !lower.is_empty() || upper.is_some() || self.text.size.is_some();
        match (volume, &self.text.key) {
            (Some(_), _) if has_layers => {
                Err("a volume is all of a root: lower, upper and size are not for it".into())
            }
            (Some(_), None) => {
                Err("it does not say where the key of its volume comes from (key)".into())
            }
            (Some(_), Some(_)) => Ok(()),
            (None, Some(_)) => Err("a key is for a volume, and there is none".into()),
            (None, None) => self.layers().check(),
        }
    }

    fn layers(&self) -> Layers {
        let absolute = |path: &PathBuf| self.directory.join(path);
        let lower = self.text.lower.iter().map(absolute).collect();
        let upper = self.text.upper.as_ref().map(absolute);
        Layers::new(lower, upper, self.text.size)
    }

    /// What it says, with absolute paths.
    pub fn contents(&self) -> Contents {
        match (&self.text.volume, &self.text.key) {
            (Some(volume), Some(key)) => Contents::Volume(Volume {
                volume: self.directory.join(volume),
                key: key.clone().within(&self.directory),
            }),
            _ => Contents::Layers(self.layers()),
        }
    }
}

fn is_file(stat: &Stat) -> bool {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFREG
}

fn read(found: &OwnedFd) -> Result<String, String> {
    let failed = |error: std::io::Error| error.to_string();
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(format!("/proc/self/fd/{}", found.as_raw_fd()))
        .map_err(failed)?;
    let mut text = String::new();
    file.take(LARGEST + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    match text.len() as u64 > LARGEST {
        true => Err(format!("is larger than {LARGEST} bytes")),
        false => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Contents, String> {
        RootFile::parse(text, Path::new("/srv/jails")).map(|file| file.contents())
    }

    #[test]
    fn paths_begin_where_the_file_lies() {
        let text = "lower = ['/srv/base', 'more']\nupper = 'web.upper'\n";
        let expected = Layers::new(
            vec!["/srv/base".into(), "/srv/jails/more".into()],
            Some("/srv/jails/web.upper".into()),
            None,
        );
        assert_eq!(parse(text), Ok(Contents::Layers(expected)));
    }

    #[test]
    fn what_is_written_is_thrown_away_where_nothing_is_said() {
        let contents = parse("lower = ['/srv/base']\nsize = '1M'\n").expect("a root file");
        assert!(contents.is_thrown_away());
        let expected = Layers::new(vec!["/srv/base".into()], None, "1M".parse().ok());
        assert_eq!(contents, Contents::Layers(expected));
    }

    #[test]
    fn what_is_written_is_read() {
        let lower = ["/srv/a \"b\"\\n", "/\u{7f}\n\u{e4}"].map(PathBuf::from);
        let text = RootFile::text(&lower, Some(Path::new("x.upper"))).expect("text");
        let expected = Layers::new(lower.into(), Some("/srv/jails/x.upper".into()), None);
        assert_eq!(parse(&text), Ok(Contents::Layers(expected)));
    }

    #[test]
    fn a_volume_has_a_key() {
        let key = Key::File("/srv/jails/web.key".into());
        let text = RootFile::text_of_volume(Path::new("web.luks"), &key).expect("text");
        let expected = Contents::Volume(Volume {
            volume: "/srv/jails/web.luks".into(),
            key,
        });
        assert_eq!(parse(&text), Ok(expected.clone()));
        let text = "volume = 'web.luks'\nkey = 'file:web.key'\n";
        assert_eq!(parse(text), Ok(expected));
    }

    #[test]
    fn what_may_be_a_key_is_not_told() {
        for key in ["'correct horse'", "correct horse", "['correct horse']"] {
            let error = parse(&format!("volume = 'x'\nkey = {key}\n")).expect_err(key);
            assert!(!error.contains("horse"), "{error}");
            assert!(error.contains("line 2"), "{error}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (text, part) in [
            ("", "lower"),
            ("lower = []", "lower is empty"),
            ("lower = '/srv/base'", "lower"),
            ("lower = ['']", "empty"),
            ("lower = ['/a']\nuper = 'x'", "uper"),
            ("lower = ['/a']\nupper = 'x'\nsize = '1M'", "a size is for"),
            ("lower = ['/a']\nsize = 'much'", "size"),
            ("lower = ['/a']\nupper = '..'", "no name"),
            ("#!/bin/sh\necho", "no root file"),
            ("volume = 'x'", "key"),
            ("key = 'prompt'\nlower = ['/a']", "a key is for a volume"),
            ("volume = ''\nkey = 'prompt'", "empty"),
            ("volume = 'x'\nkey = 'secret'", "never a key itself"),
            (
                "volume = 'x'\nkey = 'prompt'\nlower = ['/a']",
                "all of a root",
            ),
            ("volume = 'x'\nkey = 'prompt'\nupper = 'a'", "all of a root"),
            ("volume = 'x'\nkey = 'prompt'\nsize = '1M'", "all of a root"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
