// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which machines an image is for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Operating system, architecture and its variant, in the words of Go, as images have them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// `linux`, for whatever runs in a jail.
    #[serde(default)]
    pub os: String,
    /// `amd64`, `arm`, `arm64` and so on.
    #[serde(default)]
    pub architecture: String,
    /// `v7` and the like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl Platform {
    /// That of this machine.
    pub fn of_this_machine() -> Self {
        let (architecture, variant) = match std::env::consts::ARCH {
            "x86_64" => ("amd64", None),
            "x86" => ("386", None),
            "aarch64" => ("arm64", None),
            "arm" => ("arm", Some("v7")),
            "powerpc64" => ("ppc64le", None),
            "loongarch64" => ("loong64", None),
            other => (other, None),
        };
        Platform {
            os: "linux".to_owned(),
            architecture: architecture.to_owned(),
            variant: variant.map(str::to_owned),
        }
    }

    /// How well an image for `other` does here; `None` where it does not run.
    pub(crate) fn suits(&self, other: &Platform) -> Option<u32> {
        // An image that does not say what it is for is taken at the word of who gave it.
        if other.architecture.is_empty() {
            return Some(0);
        }
        let system = other.os.is_empty() || other.os == self.os;
        if !system || other.architecture != self.architecture {
            return None;
        }
        let number = |platform: &Platform| {
            let variant = platform.variant.as_deref()?;
            variant
                .strip_prefix('v')
                .and_then(|rest| rest.parse::<u32>().ok())
        };
        match (number(self), number(other)) {
            // A processor runs what is made for earlier ones.
            (Some(own), Some(theirs)) if theirs > own => None,
            (_, Some(theirs)) => Some(theirs.saturating_add(1)),
            (_, None) => Some(1),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

/// Why a text is not a platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a platform; linux/amd64 is one, and linux/arm/v7")]
pub struct NotAPlatform(String);

impl FromStr for Platform {
    type Err = NotAPlatform;

    fn from_str(text: &str) -> Result<Self, NotAPlatform> {
        let words: Vec<&str> = text.split('/').collect();
        let plain =
            |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let (os, architecture, variant) = match words[..] {
            [os, architecture] => (os, architecture, None),
            [os, architecture, variant] => (os, architecture, Some(variant)),
            _ => return Err(NotAPlatform(text.to_owned())),
        };
        if !words.iter().all(plain) {
            return Err(NotAPlatform(text.to_owned()));
        }
        Ok(Platform {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant: variant.map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_variant_that_runs_is_the_best() {
        let platform = |text: &str| text.parse::<Platform>().expect("a platform");
        let own = platform("linux/arm/v7");
        assert!(own.suits(&platform("linux/arm/v7")) > own.suits(&platform("linux/arm/v6")));
        assert_eq!(own.suits(&platform("linux/arm/v8")), None);
        assert_eq!(own.suits(&platform("linux/arm64")), None);
        assert_eq!(own.suits(&platform("windows/arm")), None);
        assert!(own.suits(&Platform::default()).is_some());
        assert!(platform("linux/arm64")
            .suits(&platform("linux/arm64/v8"))
            .is_some());
        for wrong in ["", "linux", "linux/", "linux/a/b/c", "linux/../x"] {
            assert!(wrong.parse::<Platform>().is_err(), "{wrong}");
        }
    }
}
