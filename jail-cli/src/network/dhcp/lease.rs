// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a server has handed out, checked.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

/// What it is noted in, in the directory of a jail.
pub const FILE: &str = "lease.json";

/// As many servers for names as a resolver asks (resolv.conf(5)).
const MOST: usize = 3;

/// A prefix that is shorter is no network that somebody is in.
const SHORTEST: u8 = 8;

/// A lease is renewed no sooner than this: a server that hands out shorter ones does not keep us busy.
const SOONEST: Duration = Duration::from_secs(2);

/// What says that a lease never ends.
const FOR_EVER: u32 = u32::MAX;

/// What is in an answer of a server's, as it is.
#[derive(Clone, Debug, Default)]
pub struct Offered {
    /// The address.
    pub address: Option<Ipv4Addr>,
    /// Who hands it out.
    pub server: Option<Ipv4Addr>,
    /// Which addresses are neighbours.
    pub mask: Option<Ipv4Addr>,
    /// By whom others are reached.
    pub routers: Vec<Ipv4Addr>,
    /// Who is asked for names.
    pub servers: Vec<Ipv4Addr>,
    /// Where names are looked up that are not whole.
    pub domain: Option<Vec<u8>>,
    /// How long it lasts, in seconds, and when it is to be renewed, from its server and from any.
    pub lasts: Option<u32>,
    pub renew: Option<u32>,
    pub rebind: Option<u32>,
}

/// An address that is handed out, and what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The address, with its prefix.
    pub address: Ipv4Net,
    /// By whom others are reached.
    pub router: Option<Ipv4Addr>,
    /// Who is asked for names.
    pub servers: Vec<Ipv4Addr>,
    /// Where names are looked up that are not whole.
    pub domain: Option<String>,
    /// Who has handed it out.
    pub server: Ipv4Addr,
    /// When it ends, where it does, and when it is to be renewed, from its server and from any: after it was
    /// asked for.
    pub times: Option<Times>,
}

/// Times of a lease, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    pub renew: Duration,
    pub rebind: Duration,
    pub end: Duration,
}

impl Lease {
    /// Takes of an offer what makes sense.
    ///
    /// # Errors
    ///
    /// What makes none.
    pub fn check(offered: &Offered) -> Result<Self, String> {
        let address = offered.address.filter(|address| is_usable(*address));
        let address = address.ok_or("an address that no interface can have")?;
        let server = offered.server.filter(|server| is_usable(*server));
        let server = server.ok_or("does not say who hands the address out")?;
        let mask = offered.mask.ok_or("no subnet mask")?;
        let net = Ipv4Net::with_netmask(address, mask).ok();
        let net = net.filter(|net| net.prefix_len() >= SHORTEST);
        let net = net.ok_or_else(|| format!("the subnet mask {mask}"))?;
        let has_ends = net.prefix_len() < 31;
        if has_ends && (address == net.network() || address == net.broadcast()) {
            return Err(format!("the address {net}, which is no host's"));
        }
        let is_neighbour = |router: &Ipv4Addr| net.contains(router) && *router != address;
        let router = offered.routers.iter().copied().find(is_neighbour);
        let servers = offered.servers.iter().copied();
        let servers = servers.filter(|server| is_usable(*server)).take(MOST);
        let domain = offered.domain.as_deref().and_then(domain);
        Ok(Lease {
            address: net,
            router,
            servers: servers.collect(),
            domain,
            server,
            times: Times::check(offered)?,
        })
    }
}

impl Times {
    /// In the order that they must have, or as RFC 2131 has them where they are not given, or not so.
    fn check(offered: &Offered) -> Result<Option<Self>, String> {
        let end = match offered.lasts {
            None => return Err("does not say how long the address can be had".into()),
            Some(FOR_EVER) => return Ok(None),
            Some(seconds) => Duration::from_secs(seconds.into()),
        };
        if end < 2 * SOONEST {
            return Err(format!("the address for {} s", end.as_secs()));
        }
        let given = |seconds: Option<u32>| Some(Duration::from_secs(seconds?.into()));
        let rebind = given(offered.rebind).filter(|rebind| *rebind >= SOONEST && *rebind <= end);
        let rebind = rebind.unwrap_or(end * 7 / 8);
        let renew = given(offered.renew).filter(|renew| *renew >= SOONEST && *renew <= rebind);
        let renew = renew.unwrap_or(end / 2).min(rebind);
        Ok(Some(Times { renew, rebind, end }))
    }
}

/// Whether it is the address of one host.
fn is_usable(address: Ipv4Addr) -> bool {
    let first = address.octets()[0];
    !address.is_loopback()
        && !address.is_multicast()
        && !address.is_link_local()
        && first != 0
        && first < 240
}

/// A name as a resolver takes it, and nothing that is more than one.
fn domain(bytes: &[u8]) -> Option<String> {
    // Some servers end it as C does.
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    let is_part = |part: &[u8]| {
        let known = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_".contains(byte);
        (1..=63).contains(&part.len()) && part.iter().all(known)
    };
    let whole = bytes.strip_suffix(b".").unwrap_or(bytes);
    let is_name = whole.len() <= 253 && whole.split(|byte| *byte == b'.').all(is_part);
    is_name.then(|| String::from_utf8_lossy(whole).into_owned())
}

/// What is noted about a lease, for whoever looks at it.
#[derive(Debug, Serialize, Deserialize)]
struct Noted {
    address: Option<Ipv4Net>,
}

/// As long as any can be, so that who reads it while it is written finds one of both.
const LENGTH: usize = 64;

/// What is written where there is this lease, or none.
pub fn note(lease: Option<&Lease>) -> Vec<u8> {
    let address = lease.map(|lease| lease.address);
    let text = serde_json::to_string(&Noted { address }).unwrap_or_default();
    format!("{text:LENGTH$}").into_bytes()
}

/// The address that a jail has by now, by its directory.
pub fn noted(directory: &Path) -> Option<Ipv4Net> {
    let text = fs::read(directory.join(FILE)).ok()?;
    serde_json::from_slice::<Noted>(&text).ok()?.address
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered() -> Offered {
        let ip = |text: &str| text.parse::<Ipv4Addr>().expect(text);
        Offered {
            address: Some(ip("192.0.2.7")),
            server: Some(ip("192.0.2.1")),
            mask: Some(ip("255.255.255.0")),
            routers: vec![ip("198.51.100.1"), ip("192.0.2.1")],
            servers: vec![
                ip("127.0.0.1"),
                ip("192.0.2.2"),
                ip("192.0.2.3"),
                ip("192.0.2.4"),
                ip("192.0.2.5"),
            ],
            domain: Some(b"a.example.\0".to_vec()),
            lasts: Some(80),
            ..Offered::default()
        }
    }

    #[test]
    fn what_makes_sense_is_taken() {
        let lease = Lease::check(&offered()).expect("a lease");
        assert_eq!(lease.address.to_string(), "192.0.2.7/24");
        assert_eq!(lease.router, Some(Ipv4Addr::new(192, 0, 2, 1)));
        assert_eq!(lease.servers.len(), 3);
        assert!(!lease.servers.contains(&Ipv4Addr::LOCALHOST));
        assert_eq!(lease.domain.as_deref(), Some("a.example"));
        let seconds = |n| Duration::from_secs(n);
        let expected = Times {
            renew: seconds(40),
            rebind: seconds(70),
            end: seconds(80),
        };
        assert_eq!(lease.times, Some(expected));
    }

    #[test]
    fn times_are_in_order_whatever_a_server_says() {
        for (renew, rebind) in [(0, 0), (1, 1), (90, 60), (u32::MAX, u32::MAX), (70, 100)] {
            let odd = Offered {
                renew: Some(renew),
                rebind: Some(rebind),
                ..offered()
            };
            let times = Times::check(&odd).expect("times").expect("an end");
            assert!(times.renew >= SOONEST, "{times:?}");
            assert!(times.renew <= times.rebind && times.rebind <= times.end);
        }
        let for_ever = Offered {
            lasts: Some(u32::MAX),
            ..offered()
        };
        assert_eq!(Times::check(&for_ever), Ok(None));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let with = |change: fn(&mut Offered)| {
            let mut odd = offered();
            change(&mut odd);
            Lease::check(&odd)
        };
        let ip = Ipv4Addr::new;
        assert!(with(|it| it.address = Some(Ipv4Addr::LOCALHOST)).is_err());
        assert!(with(|it| it.address = Some(Ipv4Addr::UNSPECIFIED)).is_err());
        assert!(with(|it| it.address = Some(Ipv4Addr::BROADCAST)).is_err());
        assert!(with(|it| it.address = Some(Ipv4Addr::new(224, 0, 0, 1))).is_err());
        assert!(with(|it| it.address = Some(Ipv4Addr::new(192, 0, 2, 255))).is_err());
        assert!(with(|it| it.address = Some(Ipv4Addr::new(192, 0, 2, 0))).is_err());
        assert!(with(|it| it.server = None).is_err());
        assert!(with(|it| it.mask = None).is_err());
        assert!(with(|it| it.mask = Some(Ipv4Addr::UNSPECIFIED)).is_err());
        assert!(with(|it| it.mask = Some(Ipv4Addr::new(255, 0, 255, 0))).is_err());
        assert!(with(|it| it.lasts = None).is_err());
        assert!(with(|it| it.lasts = Some(0)).is_err());
        let own = with(|it| it.routers = vec![Ipv4Addr::new(192, 0, 2, 7)]).expect("a lease");
        assert_eq!(own.router, None, "{:?}", ip(192, 0, 2, 7));
    }

    #[test]
    fn no_name_is_more_than_a_name() {
        for odd in [
            &b""[..],
            b".",
            b"a..b",
            b"a b",
            b"a\nnameserver 192.0.2.66",
            b"a\0b",
            "\u{e4}.example".as_bytes(),
            &[b'a'; 64],
            b"$(reboot)",
            b"../../etc",
        ] {
            assert_eq!(domain(odd), None, "{odd:?}");
        }
        assert_eq!(domain(b"a-1.example"), Some("a-1.example".into()));
    }

    #[test]
    fn what_is_noted_is_found_and_has_one_length() {
        let dir = tempfile::tempdir().expect("temporary directory");
        assert_eq!(noted(dir.path()), None);
        let lease = Lease::check(&offered()).expect("a lease");
        let (some, none) = (note(Some(&lease)), note(None));
        assert_eq!((some.len(), none.len()), (LENGTH, LENGTH));
        fs::write(dir.path().join(FILE), some).expect("written");
        assert_eq!(noted(dir.path()), Some(lease.address));
        fs::write(dir.path().join(FILE), none).expect("written");
        assert_eq!(noted(dir.path()), None);
    }
}
