// SPDX-License-Identifier: MIT OR Apache-2.0

//! Ports of the host that lead to a jail.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::as_string;

/// What is spoken on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        })
    }
}

/// A port of the host that leads to a jail.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Publish {
    /// On which address of the host; on all, where nothing is said.
    pub address: Option<IpAddr>,
    /// The port of the host.
    pub port: u16,
    /// The port in the jail.
    pub inside: u16,
    /// What is spoken there.
    pub protocol: Protocol,
}

impl Publish {
    /// Whether both are the same port of the host.
    pub fn collides(&self, other: &Publish) -> bool {
        let is_same = |a: IpAddr, b: IpAddr| a == b || a.is_unspecified() || b.is_unspecified();
        let addresses = match (self.address, other.address) {
            (Some(a), Some(b)) => is_same(a, b),
            _ => true,
        };
        addresses && (self.port, self.protocol) == (other.port, other.protocol)
    }
}

impl FromStr for Publish {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?}: expected [IP:]PORT:PORT, the host's first, with /udp after it for UDP; an IPv6 \
                 address goes in brackets"
            )
        };
        let (ports, protocol) = match text.split_once('/') {
            None => (text, Protocol::Tcp),
            Some((ports, "tcp")) => (ports, Protocol::Tcp),
            Some((ports, "udp")) => (ports, Protocol::Udp),
            Some(_) => return Err(wrong()),
        };
        let (rest, inside) = ports.rsplit_once(':').ok_or_else(wrong)?;
        let (address, port) = match rest.rsplit_once(':') {
            None => (None, rest),
            Some((address, port)) => {
                let bracketed = address
                    .strip_prefix('[')
                    .and_then(|it| it.strip_suffix(']'));
                let address: IpAddr = bracketed.unwrap_or(address).parse().map_err(|_| wrong())?;
                if address.is_ipv6() != bracketed.is_some() || address.is_multicast() {
                    return Err(wrong());
                }
                (Some(address), port)
            }
        };
        let number = |text: &str| {
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            let number: Option<u16> = text.parse().ok().filter(|&port| port != 0 && is_number);
            number.ok_or_else(wrong)
        };
        Ok(Publish {
            address,
            port: number(port)?,
            inside: number(inside)?,
            protocol,
        })
    }
}

impl fmt::Display for Publish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(IpAddr::V6(address)) => write!(f, "[{address}]:")?,
            Some(IpAddr::V4(address)) => write!(f, "{address}:")?,
            None => {}
        }
        write!(f, "{}:{}", self.port, self.inside)?;
        match self.protocol {
            Protocol::Tcp => Ok(()),
            Protocol::Udp => f.write_str("/udp"),
        }
    }
}

as_string!(Publish);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_and_written() {
        for text in ["8080:80", "192.0.2.1:8080:80", "[::1]:53:53/udp"] {
            let port: Publish = text.parse().expect(text);
            assert_eq!(port.to_string(), text);
        }
        let text = "80:80/tcp";
        assert_eq!(text.parse::<Publish>().expect(text).to_string(), "80:80");
        for text in [
            "",
            "80",
            ":80",
            "80:",
            "0:80",
            "80:65536",
            "+1:80",
            "80:80/sctp",
            "::1:80:80",
            "[192.0.2.1]:80:80",
            "a:80:80",
            "80-81:80",
            "224.0.0.1:1:1",
        ] {
            assert!(text.parse::<Publish>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_same_port_is_seen() {
        let port = |text: &str| text.parse::<Publish>().expect(text);
        assert!(port("80:1").collides(&port("80:2")));
        assert!(port("192.0.2.1:80:1").collides(&port("80:2")));
        assert!(!port("192.0.2.1:80:1").collides(&port("192.0.2.2:80:2")));
        assert!(!port("80:1").collides(&port("80:1/udp")));
        assert!(!port("80:1").collides(&port("81:1")));
    }
}
