// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which distribution this machine runs.

use std::collections::HashMap;

/// As far as package names differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Distro {
    /// Debian 12 "bookworm".
    Debian12,
    /// Debian 13 "trixie".
    Debian13,
    /// Anything else, by the name it gives itself.
    Other(String),
}

impl Distro {
    /// Reads /etc/os-release.
    pub fn detect() -> Self {
        Self::parse(&std::fs::read_to_string("/etc/os-release").unwrap_or_default())
    }

    /// From the content of os-release(5).
    pub fn parse(text: &str) -> Self {
        let fields: HashMap<_, _> = text
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name, value.trim_matches('"')))
            .collect();
        let field = |name| fields.get(name).copied().unwrap_or_default();
        match (field("ID"), field("VERSION_ID")) {
            ("debian", "12") => Distro::Debian12,
            ("debian", "13") => Distro::Debian13,
            _ if field("PRETTY_NAME").is_empty() => {
                Distro::Other("an unknown distribution".to_owned())
            }
            _ => Distro::Other(field("PRETTY_NAME").to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Distro;

    #[test]
    fn debian_releases_are_known() {
        let twelve =
            "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nID=debian\nVERSION_ID=\"12\"\n";
        assert_eq!(Distro::parse(twelve), Distro::Debian12);
        let thirteen =
            "PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nID=debian\nVERSION_ID=\"13\"\n";
        assert_eq!(Distro::parse(thirteen), Distro::Debian13);
    }

    #[test]
    fn others_keep_their_name() {
        let fedora = "PRETTY_NAME=\"Fedora Linux 42\"\nID=fedora\nVERSION_ID=42\n";
        assert_eq!(
            Distro::parse(fedora),
            Distro::Other("Fedora Linux 42".into())
        );
        assert_eq!(
            Distro::parse(""),
            Distro::Other("an unknown distribution".into())
        );
    }
}
