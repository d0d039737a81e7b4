// SPDX-License-Identifier: MIT OR Apache-2.0

//! What somebody calls an image by.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where an image is, and which one of those that are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// A directory as the OCI image layout describes it: `oci:DIR[:TAG]`.
    Layout(PathBuf, Option<String>),
    /// The same in a tar file: `oci-archive:FILE[:TAG]`.
    OciArchive(PathBuf, Option<String>),
    /// What `docker save` writes: `docker-archive:FILE[:TAG]`.
    DockerArchive(PathBuf, Option<String>),
    /// A path; what is there says what it is.
    Path(PathBuf),
    /// What skopeo fetches: `docker://…`, `containers-storage:…`, `docker-daemon:…`.
    Fetched(String),
}

/// Why a text names no image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} names no image: {reason}")]
pub struct NotAReference {
    text: String,
    reason: &'static str,
}

/// What begins a reference that skopeo is asked for.
const FETCHED: [&str; 3] = ["docker://", "containers-storage:", "docker-daemon:"];

impl FromStr for Reference {
    type Err = NotAReference;

    fn from_str(text: &str) -> Result<Self, NotAReference> {
        let refused = |reason| NotAReference {
            text: text.chars().take(200).collect(),
            reason,
        };
        if text.is_empty() {
            return Err(refused("it is empty"));
        }
        // It becomes a line of a file, and an argument of another program.
        if text.chars().any(char::is_control) {
            return Err(refused("it has a control character in it"));
        }
        for (transport, make) in LOCAL {
            let Some(rest) = text.strip_prefix(transport) else {
                continue;
            };
            let (path, tag) = match rest.split_once(':') {
                Some((path, tag)) => (path, Some(tag)),
                None => (rest, None),
            };
            if path.is_empty() {
                return Err(refused("no path follows"));
            }
            if tag == Some("") {
                return Err(refused("no tag follows the last colon"));
            }
            return Ok(make(path.into(), tag.map(str::to_owned)));
        }
        if let Some(transport) = FETCHED.iter().find(|one| text.starts_with(**one)) {
            return match text.len() > transport.len() {
                true => Ok(Reference::Fetched(text.to_owned())),
                false => Err(refused("no name follows")),
            };
        }
        Ok(Reference::Path(text.into()))
    }
}

type Make = fn(PathBuf, Option<String>) -> Reference;

/// What begins a reference to files of this machine.
const LOCAL: [(&str, Make); 3] = [
    ("oci:", Reference::Layout),
    ("oci-archive:", Reference::OciArchive),
    ("docker-archive:", Reference::DockerArchive),
];

impl Reference {
    /// Its path, where it has one of this machine.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Reference::Layout(path, _)
            | Reference::OciArchive(path, _)
            | Reference::DockerArchive(path, _)
            | Reference::Path(path) => Some(path),
            Reference::Fetched(_) => None,
        }
    }

    /// The same with its path below `directory`, where it has one that is not absolute.
    pub fn below(self, directory: &Path) -> Self {
        match self {
            Reference::Layout(path, tag) => Reference::Layout(directory.join(path), tag),
            Reference::OciArchive(path, tag) => Reference::OciArchive(directory.join(path), tag),
            Reference::DockerArchive(path, tag) => {
                Reference::DockerArchive(directory.join(path), tag)
            }
            Reference::Path(path) => Reference::Path(directory.join(path)),
            fetched => fetched,
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (transport, path, tag) = match self {
            Reference::Layout(path, tag) => ("oci:", path, tag.as_ref()),
            Reference::OciArchive(path, tag) => ("oci-archive:", path, tag.as_ref()),
            Reference::DockerArchive(path, tag) => ("docker-archive:", path, tag.as_ref()),
            Reference::Path(path) => ("", path, None),
            Reference::Fetched(text) => return f.write_str(text),
        };
        write!(f, "{transport}{}", path.display())?;
        match tag {
            Some(tag) => write!(f, ":{tag}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_told_by_how_it_begins() {
        let tag = |tag: &str| Some(tag.to_owned());
        for (text, expected) in [
            ("oci:/srv/web", Reference::Layout("/srv/web".into(), None)),
            ("oci:web:1.2", Reference::Layout("web".into(), tag("1.2"))),
            (
                "oci-archive:web.tar:localhost/web:1.2",
                Reference::OciArchive("web.tar".into(), tag("localhost/web:1.2")),
            ),
            (
                "docker-archive:web.tar:web:latest",
                Reference::DockerArchive("web.tar".into(), tag("web:latest")),
            ),
            ("./web.tar", Reference::Path("./web.tar".into())),
            ("docker://web", Reference::Fetched("docker://web".into())),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
            let again = text.parse::<Reference>().map(|one| one.to_string());
            assert_eq!(again, Ok(text.to_owned()));
        }
        for wrong in ["", "oci:", "oci::tag", "oci:web:", "docker://", "a\nb"] {
            assert!(wrong.parse::<Reference>().is_err(), "{wrong}");
        }
    }
}
