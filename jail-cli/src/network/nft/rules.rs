// SPDX-License-Identifier: MIT OR Apache-2.0

//! What stands in the tables.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use nftables::expr::Expression;
use nftables::schema::{Chain, Element, NfListObject, Rule, Table};
use nftables::stmt::{Operator, Statement};
use nftables::types::{NfChainPolicy, NfChainType, NfFamily, NfHook};

use super::super::bridge::can_be_had;
use super::super::definition::Definition;
use super::super::link;
use super::super::member::Member;
use crate::isolation::{Mac, NetworkName, Protocol, Publish};
use crate::jail::JailNumber;

mod transaction;
mod words;

pub use transaction::Transaction;

use words::{
    accept, connection, dnat, drop, field, interface, is, is_local, jump, jump_by_interface,
    masquerade, net, prefix, set, text, way, Meta,
};

/// Every bridge of jaula's.
const BRIDGES: &str = "jn-*";

/// By which interface what leads to which chain.
const WAYS: &str = "ways";

/// When the chains come; the names are those of nft(8).
const RAW: i32 = -300;
const DSTNAT: i32 = -100;
const FILTER: i32 = 0;
const SRCNAT: i32 = 100;

/// The tables of a network.
pub struct Tables {
    bridge: String,
    name: String,
}

/// A chain, and what comes before anything that is said about it.
struct Place<'a> {
    family: NfFamily,
    table: &'a str,
    chain: &'a str,
}

impl Tables {
    /// Those of a network.
    pub fn of(name: &NetworkName) -> Self {
        Tables {
            bridge: name.bridge(),
            name: format!("jaula_{name}"),
        }
    }

    /// That of a jail which is in no network of jaula's. No network is called by a number.
    pub fn of_jail(number: JailNumber) -> Self {
        Tables {
            bridge: link::of_jail(number),
            name: format!("jaula_{number}"),
        }
    }

    /// That for frames, about one jail, in place of what is there.
    pub fn frames(&self, member: &Member) -> Transaction {
        let mut batch = Transaction::default();
        self.begin(&mut batch, NfFamily::Bridge);
        self.add_frames(&mut batch);
        self.add_member(&mut batch, member);
        batch
    }

    /// None for frames.
    pub fn no_frames(&self) -> Transaction {
        let mut batch = Transaction::default();
        self.clear(&mut batch, NfFamily::Bridge);
        batch
    }

    /// Both, in place of those that are there.
    pub fn all(&self, definition: &Definition, members: &[Member]) -> Transaction {
        let mut batch = Transaction::default();
        self.add_packets(&mut batch, definition, members);
        self.begin(&mut batch, NfFamily::Bridge);
        self.add_frames(&mut batch);
        for member in members {
            self.add_member(&mut batch, member);
        }
        batch
    }

    /// Both, where that for frames is there, and all of these but the last are in it.
    pub fn with_last(&self, definition: &Definition, members: &[Member]) -> Transaction {
        let mut batch = Transaction::default();
        self.add_packets(&mut batch, definition, members);
        self.add_frames(&mut batch);
        if let Some(last) = members.last() {
            self.add_member(&mut batch, last);
        }
        batch
    }

    /// Both, where that for frames is there, and these are in it beside those that are gone.
    pub fn without(
        &self,
        definition: &Definition,
        members: &[Member],
        gone: &[JailNumber],
    ) -> Transaction {
        let mut batch = Transaction::default();
        self.add_packets(&mut batch, definition, members);
        for number in gone {
            self.remove_member(&mut batch, *number);
        }
        batch
    }

    /// That for packets alone.
    pub fn packets(&self, definition: &Definition, members: &[Member]) -> Transaction {
        let mut batch = Transaction::default();
        self.add_packets(&mut batch, definition, members);
        batch
    }

    /// None of them; that for frames may not be there.
    pub fn none(&self, with_frames: bool) -> Transaction {
        let mut batch = Transaction::default();
        self.clear(&mut batch, NfFamily::INet);
        if with_frames {
            self.clear(&mut batch, NfFamily::Bridge);
        }
        batch
    }

    fn clear(&self, batch: &mut Transaction, family: NfFamily) {
        let table = Table {
            family,
            name: self.name.clone().into(),
            handle: None,
        };
        // What is not there cannot be deleted.
        batch.add(NfListObject::Table(table.clone()));
        batch.delete(NfListObject::Table(table));
    }

    fn begin(&self, batch: &mut Transaction, family: NfFamily) {
        self.clear(batch, family);
        batch.add(NfListObject::Table(Table {
            family,
            name: self.name.clone().into(),
            handle: None,
        }));
    }

    fn place<'a>(&'a self, family: NfFamily, chain: &'a str) -> Place<'a> {
        Place {
            family,
            table: &self.name,
            chain,
        }
    }

    fn add_packets(&self, batch: &mut Transaction, definition: &Definition, members: &[Member]) {
        self.begin(batch, NfFamily::INet);
        let place = |chain| self.place(NfFamily::INet, chain);
        let own = || text(&self.bridge);
        let from = |of| is(interface(Meta::In), Operator::EQ, of);
        let to = |of| is(interface(Meta::Out), Operator::EQ, of);

        // What is addressed to a bridge itself (01:80:c2:00:00:0e) is handed to the host past all that is said about
        // frames, and seems to come by the end of the jail's interface.
        let early = place("early");
        early.hook(batch, NfChainType::Filter, NfHook::Prerouting, RAW);
        let ends = members.iter();
        let ends: Vec<_> = ends.map(|it| text(&link::of_jail(it.number))).collect();
        if !ends.is_empty() {
            early.rule(batch, vec![from(set(ends)), drop()]);
        }

        let forward = place("forward");
        forward.hook(batch, NfChainType::Filter, NfHook::Forward, FILTER);
        forward.rule(batch, vec![from(own()), to(own()), accept()]);
        if definition.internal {
            forward.rule(batch, vec![from(own()), drop()]);
            forward.rule(batch, vec![to(own()), drop()]);
            return;
        }
        let answers = set(["established", "related"].map(text));
        let published = || is(connection("status"), Operator::IN, text("dnat"));
        // Also of what was begun while another had that address, and published a port.
        let asked = is(connection("direction"), Operator::EQ, text("original"));
        let (open, let_in) = (place("open"), jump("open"));
        open.plain(batch);
        forward.rule(batch, vec![to(own()), published(), asked, let_in]);
        forward.rule(
            batch,
            vec![is(connection("state"), Operator::IN, answers), accept()],
        );
        forward.rule(batch, vec![from(own()), published(), accept()]);
        forward.rule(batch, vec![from(own()), to(text(BRIDGES)), drop()]);
        forward.rule(batch, vec![to(own()), drop()]);

        // Answers of a published port come from there; nothing else is to reach the host's loopback.
        let loopback = || prefix("127.0.0.0", 8);
        let to_loopback = is(field("ip", "daddr"), Operator::EQ, loopback());
        early.rule(batch, vec![from(own()), to_loopback, drop()]);

        let arriving = place("arriving");
        arriving.hook(batch, NfChainType::NAT, NfHook::Prerouting, DSTNAT);
        let of_host = place("of_host");
        of_host.hook(batch, NfChainType::NAT, NfHook::Output, DSTNAT);
        for member in members {
            for port in &member.publish {
                for address in &member.addresses {
                    let Some(rule) = led_to(port, *address) else {
                        continue;
                    };
                    open.rule(batch, arrived(port, *address));
                    of_host.rule(batch, rule.clone());
                    // From outside, nothing that is addressed to it can be meant for anybody.
                    if !port.address.is_some_and(|address| address.is_loopback()) {
                        arriving.rule(batch, rule);
                    }
                }
            }
        }

        open.rule(batch, vec![drop()]);

        let leaving = place("leaving");
        leaving.hook(batch, NfChainType::NAT, NfHook::Postrouting, SRCNAT);
        for subnet in definition.subnets.iter().filter(|net| can_be_had(net)) {
            let of_jails = || is(field(family(subnet), "saddr"), Operator::EQ, net(subnet));
            let elsewhere = is(interface(Meta::Out), Operator::NEQ, own());
            leaving.rule(batch, vec![of_jails(), elsewhere, masquerade()]);
            // Who reaches a neighbour by the host's port is answered by the same way.
            leaving.rule(
                batch,
                vec![of_jails(), to(own()), published(), masquerade()],
            );
        }
        let by_host = is(field("ip", "saddr"), Operator::EQ, loopback());
        leaving.rule(batch, vec![by_host, to(own()), published(), masquerade()]);
    }

    /// No jail sends as somebody else, nor says that it is another, or the way to anywhere.
    fn add_frames(&self, batch: &mut Transaction) {
        let frames = self.place(NfFamily::Bridge, "frames");
        frames.hook(batch, NfChainType::Filter, NfHook::Prerouting, RAW);
        frames.flush(batch);
        batch.add_ways(NfFamily::Bridge, &self.name, WAYS);
        frames.rule(batch, vec![jump_by_interface(WAYS)]);
    }

    fn add_member(&self, batch: &mut Transaction, member: &Member) {
        let chain = of_jail(member.number);
        let of = self.place(NfFamily::Bridge, &chain);
        of.plain(batch);
        of.flush(batch);
        for rule in only_as(member) {
            of.rule(batch, rule);
        }
        batch.add(self.way(member.number));
    }

    fn remove_member(&self, batch: &mut Transaction, number: JailNumber) {
        let chain = of_jail(number);
        let of = self.place(NfFamily::Bridge, &chain);
        batch.delete(self.way(number));
        of.flush(batch);
        batch.delete(NfListObject::Chain(of.object()));
    }

    fn way(&self, number: JailNumber) -> NfListObject<'static> {
        NfListObject::Element(Element {
            family: NfFamily::Bridge,
            table: self.name.clone().into(),
            name: WAYS.into(),
            elem: vec![way(&link::of_jail(number), &of_jail(number))].into(),
        })
    }
}

/// The chain for what a jail sends.
fn of_jail(number: JailNumber) -> String {
    format!("of_{number}")
}

impl Place<'_> {
    fn hook(&self, batch: &mut Transaction, kind: NfChainType, hook: NfHook, priority: i32) {
        batch.add(NfListObject::Chain(Chain {
            family: self.family,
            table: self.table.to_owned().into(),
            name: self.chain.to_owned().into(),
            _type: Some(kind),
            hook: Some(hook),
            prio: Some(priority),
            policy: Some(NfChainPolicy::Accept),
            ..Chain::default()
        }));
    }

    fn plain(&self, batch: &mut Transaction) {
        batch.add(NfListObject::Chain(self.object()));
    }

    fn flush(&self, batch: &mut Transaction) {
        batch.flush(self.object());
    }

    fn object(&self) -> Chain<'static> {
        Chain {
            family: self.family,
            table: self.table.to_owned().into(),
            name: self.chain.to_owned().into(),
            ..Chain::default()
        }
    }

    fn rule(&self, batch: &mut Transaction, statements: Vec<Statement<'static>>) {
        batch.add(NfListObject::Rule(Rule {
            family: self.family,
            table: self.table.to_owned().into(),
            chain: self.chain.to_owned().into(),
            expr: statements.into(),
            ..Rule::default()
        }));
    }
}

/// What comes to a port of the host goes to an address of a jail; `None` where these are of two kinds.
fn led_to(port: &Publish, address: IpAddr) -> Option<Vec<Statement<'static>>> {
    let of_host = port.address.filter(|it| !it.is_unspecified());
    if port
        .address
        .is_some_and(|it| it.is_ipv4() != address.is_ipv4())
    {
        return None;
    }
    let family = match address {
        IpAddr::V4(_) => "ip",
        IpAddr::V6(_) => "ip6",
    };
    let mut rule = vec![is(
        words::family(),
        Operator::EQ,
        text(match address {
            IpAddr::V4(_) => "ipv4",
            IpAddr::V6(_) => "ipv6",
        }),
    )];
    match of_host {
        Some(of_host) => rule.push(is(
            field(family, "daddr"),
            Operator::EQ,
            text(&of_host.to_string()),
        )),
        None => rule.push(is_local()),
    }
    rule.push(to_port(port.protocol, port.port));
    rule.push(dnat(address, port.inside));
    Some(rule)
}

/// What has been led to a jail is let in.
fn arrived(port: &Publish, address: IpAddr) -> Vec<Statement<'static>> {
    let family = match address {
        IpAddr::V4(_) => "ip",
        IpAddr::V6(_) => "ip6",
    };
    vec![
        is(
            field(family, "daddr"),
            Operator::EQ,
            text(&address.to_string()),
        ),
        to_port(port.protocol, port.inside),
        accept(),
    ]
}

fn to_port(protocol: Protocol, port: u16) -> Statement<'static> {
    let protocol = match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    };
    let number = Expression::Number(port.into());
    is(field(protocol, "dport"), Operator::EQ, number)
}

/// What a jail may not send.
fn only_as(member: &Member) -> Vec<Vec<Statement<'static>>> {
    let mac = || text(&member.mac.to_string());
    let not = |left, right| vec![is(left, Operator::NEQ, right), drop()];
    let kind = |name| is(field("ether", "type"), Operator::EQ, text(name));
    let v4 = member.addresses.iter().find(|address| address.is_ipv4());
    let v6 = member.addresses.iter().filter(|address| address.is_ipv6());
    let own_v6: Vec<IpAddr> = v6.copied().chain([link_local(member.mac).into()]).collect();
    let numbers = own_v6.iter().filter_map(|address| match address {
        IpAddr::V6(v6) => Some(text(&u128::from(*v6).to_string())),
        IpAddr::V4(_) => None,
    });
    let numbers: Vec<Expression<'static>> = numbers.collect();
    let own_v6 = || own_v6.iter().map(|address| text(&address.to_string()));
    // It asks whether somebody else has its address before it has any.
    let none = text(&Ipv6Addr::UNSPECIFIED.to_string());
    let message = |name| is(field("icmpv6", "type"), Operator::EQ, text(name));
    let known = set(["arp", "ip", "ip6"].map(text));

    let mut rules = vec![
        not(field("ether", "saddr"), mac()),
        not(field("ether", "type"), known),
    ];
    match v4 {
        Some(v4) => {
            let v4 = || text(&v4.to_string());
            rules.push(not(field("arp", "saddr ether"), mac()));
            rules.push(not(field("arp", "saddr ip"), v4()));
            rules.push(not(field("ip", "saddr"), v4()));
        }
        None => {
            rules.push(vec![kind("arp"), drop()]);
            rules.push(vec![kind("ip"), drop()]);
        }
    }
    rules.push(not(field("ip6", "saddr"), set(own_v6().chain([none]))));
    rules.push(vec![message("nd-router-advert"), drop()]);
    rules.push(vec![message("nd-redirect"), drop()]);
    rules.push(vec![
        message("nd-neighbor-advert"),
        is(words::advertised(), Operator::NEQ, set(numbers)),
        drop(),
    ]);
    rules
}

/// The address that an interface has by its hardware address (RFC 4291, appendix A).
fn link_local(Mac([a, b, c, d, e, f]): Mac) -> Ipv6Addr {
    let words = [[a ^ 2, b], [c, 0xff], [0xfe, d], [e, f]].map(u16::from_be_bytes);
    let [w, x, y, z] = words;
    Ipv6Addr::new(0xfe80, 0, 0, 0, w, x, y, z)
}

fn family(net: &IpNet) -> &'static str {
    match net {
        IpNet::V4(_) => "ip",
        IpNet::V6(_) => "ip6",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hardware_address_gives_an_address() {
        let mac = "02:6a:0a:01:02:03".parse().expect("an address");
        assert_eq!(link_local(mac).to_string(), "fe80::6a:aff:fe01:203");
    }

    #[test]
    fn a_port_leads_to_addresses_of_its_kind() {
        let port = |text: &str| text.parse::<Publish>().expect(text);
        let (v4, v6) = (
            IpAddr::from([10, 1, 2, 3]),
            "fd00::2".parse().expect("an address"),
        );
        assert!(led_to(&port("80:80"), v4).is_some() && led_to(&port("80:80"), v6).is_some());
        assert!(led_to(&port("0.0.0.0:80:80"), v6).is_none());
        assert!(led_to(&port("[::1]:80:80"), v4).is_none());
    }
}
