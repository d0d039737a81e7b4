// SPDX-License-Identifier: MIT OR Apache-2.0

//! Networks of jails.
//!
//! A network is a bridge of the host's with a prefix, to which jails are connected by a pair of interfaces each:
//! one is all that the jail sees, the other lies on the host, has the jail's number in its name, and goes with
//! the first. Everything is made from outside, before anything runs in the jail, and lives no longer than what
//! uses it; nothing but the definition and the addresses that are kept for names is written to a disk.
//!
//! What is about to be made is noted first ([`member`]) and forgotten last. So whoever is killed leaves nothing
//! that the next one does not find: [`tidy`] removes all that no live jail uses.

mod bridge;
mod connect;
mod definition;
mod dhcp;
mod link;
mod manage;
mod member;
mod names;
mod namespace;
pub(crate) mod needs;
mod netlink;
mod nft;
mod pool;
mod publish;
mod rate;
mod rename;
mod route;
pub mod seen;
mod sysctl;
mod tidy;

use std::os::fd::{BorrowedFd, OwnedFd};

use crate::isolation::{self, Bind, Isolation, Permissions, To};
use crate::jail::JailNumber;
use crate::jails::{Created, JailName, Jails};
use crate::sys;
use crate::text::reason;

pub use definition::{Definition, Definitions};
pub use manage::{create, remove};
pub use member::Member;
pub use rename::rename;
pub use tidy::{tear_down, tidy};

pub(crate) use netlink::Socket;
pub(crate) use route::family;

use member::Connected;

/// What a jail is to have of networks.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// What was asked for.
    network: &'a isolation::Network,
    /// What it is called, by others.
    name: Option<&'a JailName>,
    /// What it calls itself.
    hostname: Option<&'a str>,
    /// Whether it can send what it likes.
    must_be_filtered: bool,
    /// Its number, where it exists already.
    existing: Option<JailNumber>,
}

/// The jail that is to have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct For {
    /// Its number.
    pub number: JailNumber,
    /// When it was made.
    pub created: Created,
}

/// What a jail has of networks, for whoever enters it first.
#[derive(Debug)]
pub struct Attached {
    /// Its network namespace.
    pub namespace: OwnedFd,
    /// What is mounted over files of its root, where that has them.
    pub mounts: Vec<Bind>,
}

impl<'a> Wanted<'a> {
    /// What a jail is to have; `None` where the host's network, or one that it makes itself, is all.
    pub fn of(
        isolation: &'a Isolation,
        permissions: &Permissions,
        name: Option<&'a JailName>,
        existing: Option<JailNumber>,
    ) -> Option<Self> {
        let network = &isolation.network;
        let is_set_up = network.attachment().is_some()
            || network.path().is_some()
            || !network.sysctl.is_empty();
        let capabilities = permissions.capabilities();
        let sends_anything = [
            caps::Capability::CAP_NET_ADMIN,
            caps::Capability::CAP_NET_RAW,
        ]
        .iter()
        .any(|capability| capabilities.contains(capability));
        is_set_up.then_some(Wanted {
            network,
            name,
            hostname: isolation.new.hostname.as_deref(),
            // Root of its own user namespace may do all in its network.
            must_be_filtered: sends_anything || isolation.ids.is_some(),
            existing,
        })
    }

    /// Whether it has to be given back when the jail has ended.
    pub fn is_connected(&self) -> bool {
        self.network.attachment().is_some()
    }

    /// Checks that it can be had, before anything is made.
    ///
    /// # Errors
    ///
    /// What is in the way, and what to do.
    pub fn check(&self) -> Result<(), String> {
        if let Some(path) = self.network.path() {
            namespace::at(path)?;
        }
        match self.network.attachment() {
            Some(attachment) => connect::check(self, attachment)
                .map_err(|why| format!("net {}: {why}", attachment.to)),
            None => Ok(()),
        }
    }

    /// Makes it for a jail in which nothing runs; its network namespace is `owned`, where that is there
    /// already. Nothing is left of it where that fails.
    ///
    /// # Errors
    ///
    /// What is in the way.
    pub fn set_up(&self, jail: For, owned: Option<BorrowedFd<'_>>) -> Result<Attached, String> {
        if let Some(path) = self.network.path() {
            return Ok(Attached {
                namespace: namespace::at(path)?,
                mounts: Vec::new(),
            });
        }
        let namespace = match owned {
            Some(owned) => owned
                .try_clone_to_owned()
                .map_err(|error| format!("its network: {error}"))?,
            None => namespace::make()?,
        };
        namespace::within(&namespace, prepare)?;
        let Some(attachment) = self.network.attachment() else {
            namespace::within(&namespace, || sysctl::apply(&self.network.sysctl))?;
            return Ok(Attached {
                namespace,
                mounts: Vec::new(),
            });
        };
        let to = &attachment.to;
        let about = |why| format!("net {to}: {why}");
        let jails = Jails::open().map_err(|error| error.to_string())?;
        let connected = Connected::lock().map_err(about)?;
        // What cannot be removed of others does not keep this one from being connected.
        if let Err(why) = tidy::all(&connected, &jails, None) {
            crate::complain!("jaula: warning: {why}");
        }
        let (connected, done) = match connect::connect(self, jail, &namespace, &connected, &jails) {
            Ok(Some(keeper)) => {
                // Nobody else is kept waiting.
                drop(connected);
                let had = keeper.wait();
                let connected = Connected::lock().map_err(about)?;
                let told = had.and_then(|()| connect::tell(to, &connected, &jails));
                (connected, told)
            }
            done => (connected, done.map(drop)),
        };
        match done {
            Ok(()) => Ok(Attached {
                mounts: names::mounts(&connected.of(to, jail.number)),
                namespace,
            }),
            Err(why) => match tidy::all(&connected, &jails, Some(jail)) {
                Ok(()) => Err(about(why)),
                Err(then) => Err(about(format!("{why}; then {then}"))),
            },
        }
    }

    /// That of a jail whose network is still there: a process of it is in the namespace of this inode.
    ///
    /// # Errors
    ///
    /// What cannot be read.
    pub fn find(&self, number: JailNumber, inode: u64) -> Result<Option<Attached>, String> {
        let Some(attachment) = self.network.attachment() else {
            return Ok(None);
        };
        let Some(namespace) = namespace::of_jail(number, inode)? else {
            return Ok(None);
        };
        let connected = Connected::lock()?;
        Ok(Some(Attached {
            namespace,
            mounts: names::mounts(&connected.of(&attachment.to, number)),
        }))
    }
}

/// What each network of a jail's own begins with, but for one at a path.
fn prepare() -> Result<(), String> {
    sys::loopback_up()
        .map_err(|errno| format!("switching the loopback interface on: {}", reason(errno)))?;
    // Everybody in it may ask who answers, as on most systems: it takes no capability then.
    sysctl::write("net/ipv4/ping_group_range", "0 2147483647")?;
    // What comes has an address of its network and no other, at once.
    for (value, text) in [
        ("accept_ra", "0"),
        ("autoconf", "0"),
        ("accept_dad", "0"),
        ("addr_gen_mode", "0"),
    ] {
        sysctl::write_where_known(&format!("net/ipv6/conf/default/{value}"), text)?;
    }
    Ok(())
}

/// What there is on the host for a jail.
fn describe(number: JailNumber, name: Option<&JailName>, to: &To) -> String {
    match name {
        Some(name) => format!("jaula {number} {name} in {to}"),
        None => format!("jaula {number} in {to}"),
    }
}
