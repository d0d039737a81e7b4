// SPDX-License-Identifier: MIT OR Apache-2.0

//! How the kernel is set up for a network of a jail's own.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::as_string;

/// A value below /proc/sys/net.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sysctl {
    /// As sysctl(8) has it, with dots.
    key: String,
    value: String,
}

impl Sysctl {
    /// The file, below /proc/sys.
    pub fn file(&self) -> String {
        // The name of an interface may have a dot in it, for which a slash stands.
        let swap = |letter| match letter {
            '.' => '/',
            '/' => '.',
            other => other,
        };
        self.key.chars().map(swap).collect()
    }

    /// What is written there.
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl FromStr for Sysctl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?}: expected net.KEY=VALUE, as net.ipv4.ip_forward=1");
        let (key, value) = text.split_once('=').ok_or_else(wrong)?;
        let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./@".contains(&byte);
        let sysctl = Sysctl {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        let is_value = !value.is_empty() && !value.contains(['\0', '\n']);
        let file = sysctl.file();
        let mut names = file.split('/');
        let is_net = names.next() == Some("net") && file.contains('/');
        let are_names = names.all(|name| !name.is_empty() && name != "." && name != "..");
        match is_net && is_value && are_names && key.bytes().all(is_fit) {
            true => Ok(sysctl),
            false => Err(wrong()),
        }
    }
}

impl fmt::Display for Sysctl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

as_string!(Sysctl);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_below_net_is_taken() {
        let sysctl: Sysctl = "net.ipv4.conf.eth0/5.rp_filter=1"
            .parse()
            .expect("a sysctl");
        assert_eq!(sysctl.file(), "net/ipv4/conf/eth0.5/rp_filter");
        assert_eq!(
            (sysctl.value(), sysctl.to_string().as_str()),
            ("1", "net.ipv4.conf.eth0/5.rp_filter=1")
        );
        for text in [
            "",
            "net",
            "net=1",
            "net.=1",
            "net.ipv4.x",
            "net.ipv4.x=",
            "kernel.panic=1",
            "network.x=1",
            "net...x=1",
            "net.//.kernel.panic=1",
            "net.ipv4.x=1\n2",
            "net.a b=1",
        ] {
            assert!(text.parse::<Sysctl>().is_err(), "{text}");
        }
    }
}
