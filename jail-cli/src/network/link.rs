// SPDX-License-Identifier: MIT OR Apache-2.0

//! Interfaces: those of jails, and those of the host that they lead to.
//!
//! What jaula makes on the host is in a group of interfaces of its own from the moment at which it exists;
//! nothing else is ever changed or removed.

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::link::{
    InfoBridge, InfoData, InfoKind, InfoMacVlan, InfoVeth, LinkAttribute, LinkFlags, LinkInfo,
    LinkMessage, MacVlanMode,
};
use netlink_packet_route::RouteNetlinkMessage;
use nix::errno::Errno;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::netlink::{failed, Socket};
use crate::isolation::{Interface, Mac};
use crate::jail::JailNumber;

/// The group of what jaula makes: "jaul".
const GROUP: u32 = 0x6a61_756c;

/// What the interface of a jail is called inside of it.
pub const INSIDE: &str = "eth0";

/// An interface.
#[derive(Clone, Debug)]
pub struct Link {
    /// By which the kernel knows it.
    pub index: u32,
    /// What it is called.
    pub name: String,
    /// Of which kind it is, where that is no hardware.
    pub kind: Option<InfoKind>,
    is_own: bool,
}

/// The end of a jail's interface that is on the host.
pub fn of_jail(number: JailNumber) -> String {
    format!("j{number}")
}

/// What a jail sends goes through this where it is slowed down.
pub fn slowed(number: JailNumber) -> String {
    format!("js{number}")
}

impl Link {
    /// Whether jaula has made it.
    pub fn is_own(&self) -> bool {
        self.is_own
    }

    /// What is about to be made.
    pub fn none(name: String) -> Self {
        Link {
            index: 0,
            name,
            kind: None,
            is_own: false,
        }
    }

    /// Whether it was there when it was looked for.
    pub fn is_there(&self) -> bool {
        self.index != 0
    }

    fn read(message: LinkMessage) -> Option<Self> {
        let (mut name, mut kind, mut is_own) = (None, None, false);
        for attribute in message.attributes {
            match attribute {
                LinkAttribute::IfName(found) => name = Some(found),
                LinkAttribute::Group(group) => is_own = group == GROUP,
                LinkAttribute::LinkInfo(infos) => {
                    kind = infos.into_iter().find_map(|info| match info {
                        LinkInfo::Kind(kind) => Some(kind),
                        _ => None,
                    });
                }
                _ => {}
            }
        }
        Some(Link {
            index: message.header.index,
            name: name?,
            kind,
            is_own,
        })
    }
}

/// What an interface of a jail is made with.
#[derive(Clone, Copy, Debug)]
pub struct New<'a> {
    /// The network namespace of the jail.
    pub namespace: BorrowedFd<'a>,
    /// Its hardware address.
    pub mac: Mac,
}

impl Socket {
    /// The interface of this name.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn link(&mut self, name: &str) -> Result<Option<Link>, String> {
        let mut message = LinkMessage::default();
        message.attributes.push(LinkAttribute::IfName(name.into()));
        let found = self.get(RouteNetlinkMessage::GetLink(message));
        Ok(
            match found.map_err(failed(format!("looking for {name}")))? {
                Some(RouteNetlinkMessage::NewLink(message)) => Link::read(message),
                _ => None,
            },
        )
    }

    /// The interface of this name.
    ///
    /// # Errors
    ///
    /// That there is none.
    pub fn existing(&mut self, name: &Interface) -> Result<Link, String> {
        let found = self.link(name.as_str())?;
        found.ok_or_else(|| {
            format!("there is no interface {name}; \"ip link\" shows those there are")
        })
    }

    /// Makes a bridge of jaula's, which is down.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn make_bridge(&mut self, name: &str, mac: Mac) -> Result<(), String> {
        // One jail that asks who listens to what would decide what the others get.
        let flooding = InfoData::Bridge(vec![InfoBridge::MulticastSnooping(false)]);
        let mut message = new(name, InfoKind::Bridge, Some(flooding));
        // Else it would change with what is connected to it.
        message
            .attributes
            .push(LinkAttribute::Address(mac.0.to_vec()));
        self.create(message).map_err(|errno| match errno {
            Errno::EOPNOTSUPP => "the kernel has no bridges (CONFIG_BRIDGE)".into(),
            errno => failed(format!("making the bridge {name}"))(errno),
        })
    }

    /// Makes a pair of interfaces: one on the host, which is down, and one in a jail.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn make_pair(&mut self, name: &str, jail: New<'_>) -> Result<(), String> {
        let mut inside = LinkMessage::default();
        inside.attributes = jail.attributes(INSIDE);
        let peer = InfoData::Veth(InfoVeth::Peer(inside));
        let message = new(name, InfoKind::Veth, Some(peer));
        self.create(message).map_err(|errno| match errno {
            Errno::EOPNOTSUPP => "the kernel has no pairs of interfaces (CONFIG_VETH)".into(),
            errno => failed(format!("making the interface {name}"))(errno),
        })
    }

    /// Makes an interface of a jail beside one of the host.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn make_macvlan(&mut self, beside: &Link, jail: New<'_>) -> Result<(), String> {
        let mode = InfoData::MacVlan(vec![InfoMacVlan::Mode(MacVlanMode::Bridge)]);
        let mut message = LinkMessage::default();
        message.attributes = jail.attributes(INSIDE);
        message.attributes.push(LinkAttribute::Link(beside.index));
        message.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::MacVlan),
            LinkInfo::Data(mode),
        ]));
        self.create(message).map_err(|errno| match errno {
            Errno::EOPNOTSUPP => "the kernel has no such interfaces (CONFIG_MACVLAN)".into(),
            Errno::EBUSY => format!(
                "{} is in use by something that shares it with nobody",
                beside.name
            ),
            Errno::EINVAL => format!("{} is of a kind that nothing can lie beside", beside.name),
            errno => failed(format!("making an interface beside {}", beside.name))(errno),
        })
    }

    /// Makes one that what is sent to it comes out of again, slower.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn make_slower(&mut self, name: &str) -> Result<(), String> {
        let made = self.create(new(name, InfoKind::Ifb, None));
        made.map_err(|errno| match errno {
            Errno::EOPNOTSUPP => {
                "the kernel cannot slow down what a jail sends (CONFIG_IFB)".into()
            }
            errno => failed(format!("making the interface {name}"))(errno),
        })
    }

    fn create(&mut self, message: LinkMessage) -> Result<(), Errno> {
        let flags = NLM_F_CREATE | NLM_F_EXCL;
        self.change(RouteNetlinkMessage::NewLink(message), flags)
    }

    /// Changes something about an interface.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn set_link(&mut self, link: &Link, attribute: LinkAttribute) -> Result<(), String> {
        let mut message = LinkMessage::default();
        message.header.index = link.index;
        message.attributes.push(attribute);
        let set = self.change(RouteNetlinkMessage::SetLink(message), 0);
        set.map_err(failed(format!("setting up {}", link.name)))
    }

    /// Says what an interface is for, for whoever looks at it.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn describe(&mut self, link: &Link, text: &str) -> Result<(), String> {
        self.set_link(link, LinkAttribute::IfAlias(text.into()))
    }

    /// Has it belong to a bridge.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn connect(&mut self, link: &Link, bridge: &Link) -> Result<(), String> {
        self.set_link(link, LinkAttribute::Controller(bridge.index))
    }

    /// Switches it on.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn switch_on(&mut self, link: &Link) -> Result<(), String> {
        let mut message = LinkMessage::default();
        message.header.index = link.index;
        message.header.flags = LinkFlags::Up;
        message.header.change_mask = LinkFlags::Up;
        let set = self.change(RouteNetlinkMessage::SetLink(message), 0);
        set.map_err(failed(format!("switching {} on", link.name)))
    }

    /// Removes one of jaula's, with what is connected to it; whether there was one.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn remove_own(&mut self, name: &str) -> Result<bool, String> {
        let Some(link) = self.link(name)?.filter(Link::is_own) else {
            return Ok(false);
        };
        let mut message = LinkMessage::default();
        message.header.index = link.index;
        match self.change(RouteNetlinkMessage::DelLink(message), 0) {
            // It goes with the jail's network as well, at any moment.
            Ok(()) | Err(Errno::ENODEV) => Ok(true),
            Err(errno) => Err(failed(format!("removing {name}"))(errno)),
        }
    }
}

impl New<'_> {
    fn attributes(&self, name: &str) -> Vec<LinkAttribute> {
        vec![
            LinkAttribute::IfName(name.into()),
            LinkAttribute::Address(self.mac.0.to_vec()),
            LinkAttribute::NetNsFd(self.namespace.as_raw_fd()),
        ]
    }
}

/// An interface on the host.
fn new(name: &str, kind: InfoKind, data: Option<InfoData>) -> LinkMessage {
    let mut info = vec![LinkInfo::Kind(kind)];
    info.extend(data.map(LinkInfo::Data));
    let mut message = LinkMessage::default();
    message.attributes = vec![
        LinkAttribute::IfName(name.into()),
        LinkAttribute::Group(GROUP),
        LinkAttribute::LinkInfo(info),
    ];
    message
}
