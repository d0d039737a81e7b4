// SPDX-License-Identifier: MIT OR Apache-2.0

//! Connecting a jail.

use std::fs;
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};

use ipnet::IpNet;
use netlink_packet_route::link::InfoKind;

use super::definition::{Definition, Definitions};
use super::link::{of_jail, Link, New, INSIDE};
use super::member::{Connected, Member};
use super::netlink::Socket;
use super::pool::{self, InUse};
use super::route::nth;
use super::{bridge, describe, dhcp, names, namespace, nft, publish, rate, sysctl, For, Wanted};
use crate::isolation::{Attachment, Interface, Mac, NetworkName, To};
use crate::jail::JailNumber;
use crate::jails::{JailName, Jails};

/// Whether the host hands on what is not for itself.
const FORWARD: &str = "net/ipv4/ip_forward";
const FORWARD_V6: &str = "net/ipv6/conf/all/forwarding";

/// What the interface of a jail gets.
struct Plan<'a> {
    /// What it leads to on the host.
    to: Link,
    /// Its addresses, with their prefixes.
    addresses: Vec<IpNet>,
    /// By what it reaches others.
    gateways: Vec<IpAddr>,
    /// The network, where it is one of jaula's.
    network: Option<(&'a NetworkName, Definition)>,
}

/// Checks that a jail can be connected.
///
/// # Errors
///
/// What is in the way.
pub fn check(wanted: &Wanted<'_>, attachment: &Attachment) -> Result<(), String> {
    let mut host = Socket::open()?;
    if wanted.must_be_filtered && is_filtered(attachment) && !nft::is_there() {
        return Err(nft::missing(
            "what a jail sends that may send anything (--allow net_admin, net_raw, --ids) is filtered, so that \
             it is no other jail",
        ));
    }
    let name = match &attachment.to {
        To::Bridge(interface) => return check_bridge(&mut host, interface).map(drop),
        To::Macvlan(interface) => return host.existing(interface).map(drop),
        To::Network(name) => name,
    };
    let definition = Definitions::default().get(name)?;
    check_filter(&definition)?;
    let jails = Jails::open().map_err(|error| error.to_string())?;
    let connected = Connected::lock()?;
    // What is noted about a jail that is entered once more is its own.
    let others = all_alive(&connected, &jails, wanted.existing)?;
    let mut here = connected.alive(&attachment.to, &jails)?;
    here.retain(|member| Some(member.number) != wanted.existing);
    pool::check(&definition, &attachment.addresses, &in_use(&here))?;
    let nets = bridge::usable(&definition, &attachment.addresses)?;
    publish::check_network(&wanted.network.publish, &definition, &nets)?;
    publish::check(&wanted.network.publish, &others)?;
    if bridge::find(&mut host, name)?.is_none() {
        bridge::check_routes(&mut host, &definition.subnets, None)?;
    }
    Ok(())
}

fn check_bridge(host: &mut Socket, interface: &Interface) -> Result<Link, String> {
    let link = host.existing(interface)?;
    match link.kind {
        Some(InfoKind::Bridge) if link.is_own() => Err(format!(
            "{interface} is that of a network of jaula's; connect it by the name of the network"
        )),
        Some(InfoKind::Bridge) => Ok(link),
        _ => Err(format!(
            "{interface} is no bridge; \"ip link add NAME type bridge\" makes one, and --net \
             macvlan:{interface} needs none"
        )),
    }
}

/// Whether it is known what a jail may send.
fn is_filtered(attachment: &Attachment) -> bool {
    match attachment.to {
        To::Network(_) => true,
        // What a server hands out is not known yet, and what asks for it has none.
        To::Bridge(_) => !attachment.addresses.is_empty() && !attachment.dhcp,
        To::Macvlan(_) => false,
    }
}

/// What is not let through takes rules, unless nothing is let through at all.
fn check_filter(definition: &Definition) -> Result<(), String> {
    if nft::is_there() {
        return Ok(());
    }
    if !definition.internal {
        let what = "this network leads to others, by rules of nftables";
        let or = "or make it with \"jaula net create --internal\", which needs none";
        return Err(format!("{}, {or}", nft::missing(what)));
    }
    let forwards = |file| sysctl::read(file).is_ok_and(|value| value != "0");
    match forwards(FORWARD) || forwards(FORWARD_V6) {
        false => Ok(()),
        true => {
            let what = "the host hands packets on (net.ipv4.ip_forward, net.ipv6.conf.all.forwarding), and \
                        rules of nftables keep it from handing on those of this network";
            Err(nft::missing(what))
        }
    }
}

/// Connects a jail in which nothing runs; who asks for its address, where a server is to hand one out.
///
/// # Errors
///
/// What is in the way; what was made until then is for [`super::tidy`].
pub fn connect(
    wanted: &Wanted<'_>,
    jail: For,
    namespace: &OwnedFd,
    connected: &Connected,
    jails: &Jails,
) -> Result<Option<dhcp::Keeper>, String> {
    let attachment = wanted.network.attachment().ok_or("leads nowhere")?;
    let (to, number) = (&attachment.to, jail.number);
    let directory = connected.of(to, number);
    let noted = connected.read(to, number);
    let noted = noted.filter(|noted| noted.created == jail.created);
    if let Some(keeper) = noted.as_ref().and_then(|noted| noted.keeper) {
        // Of a network of the same jail that is just going.
        dhcp::end(keeper)?;
    }
    let before = dhcp::noted(&directory);
    let mut host = Socket::open()?;
    let mut others = connected.alive(to, jails)?;
    others.retain(|member| member.number != number);
    let plan = match to {
        To::Network(name) => in_network(
            &mut host,
            wanted,
            (name, attachment),
            jail,
            connected,
            jails,
            &others,
        )?,
        To::Bridge(interface) => outside(check_bridge(&mut host, interface)?, attachment),
        To::Macvlan(interface) => outside(host.existing(interface)?, attachment),
    };
    let mut member = member(wanted, attachment, jail, &plan, noted.as_ref())?;
    connected.note(to, &member)?;
    let is_internal = plan
        .network
        .as_ref()
        .is_some_and(|(_, definition)| definition.internal);
    let has_v6 = plan.gateways.iter().any(IpAddr::is_ipv6);
    names::write_servers(&directory, is_internal, has_v6)?;
    let plan = match plan.network {
        // Noted before, so that whoever is killed now leaves no bridge behind.
        Some((name, definition)) => {
            let to = bridge::ensure(&mut host, name, &definition)?;
            if !plan.to.is_there() {
                bridge::reconnect(&mut host, &to, &others)?;
            }
            Plan {
                to,
                network: Some((name, definition)),
                ..plan
            }
        }
        None => plan,
    };
    let new = New {
        namespace: namespace.as_fd(),
        mac: member.mac,
    };
    let end = match to {
        To::Macvlan(_) => {
            host.make_macvlan(&plan.to, new)?;
            None
        }
        _ => Some(make_end(
            &mut host,
            number,
            new,
            &describe(number, wanted.name, to),
        )?),
    };
    set_up_inside(wanted, namespace, &plan)?;
    if matches!(to, To::Bridge(_)) && is_filtered(attachment) {
        connected.note_filter(to, number)?;
        nft::filter(&member)?;
    }
    let mut members = others;
    members.push(member.clone());
    if let Some((name, definition)) = &plan.network {
        // Before the first packet.
        nft::apply(name, definition, &members, nft::Change::Last)?;
        lead_on(name, definition, &members)?;
    }
    if let Some(end) = end {
        host.connect(&end, &plan.to)?;
        if let Some(limit) = wanted.network.net_rate {
            rate::limit(&mut host, number, &end, limit)?;
        }
    }
    names::write_hosts(connected, to, &members)?;
    if !attachment.dhcp || matches!(to, To::Network(_)) {
        return Ok(None);
    }
    let keeper = dhcp::Keeper::start(dhcp::Start {
        namespace,
        number,
        created: jail.created,
        directory: &directory,
        mac: member.mac,
        name: wanted
            .hostname
            .or(member.name.as_ref().map(JailName::as_str)),
        before: before.map(|net| net.addr()),
        otherwise: &names::of_host(has_v6),
    })?;
    member.keeper = Some(keeper.id);
    connected.note(to, &member)?;
    Ok(Some(keeper))
}

/// Has others know what address a jail has got.
///
/// # Errors
///
/// What cannot be read or written.
pub fn tell(to: &To, connected: &Connected, jails: &Jails) -> Result<(), String> {
    names::write_hosts(connected, to, &connected.alive(to, jails)?)
}

/// The end of its interface that is on the host.
fn make_end(
    host: &mut Socket,
    number: JailNumber,
    new: New<'_>,
    about: &str,
) -> Result<Link, String> {
    let name = of_jail(number);
    // Of a network of the same jail that is just going.
    host.remove_own(&name)?;
    rate::unlimit(host, number)?;
    host.make_pair(&name, new)?;
    let end = host.link(&name)?;
    let end = end.ok_or_else(|| format!("{name} has been removed meanwhile"))?;
    host.describe(&end, about)?;
    // It hands on what the jail sends, and is nobody's: what is addressed to the bridge itself (01:80:c2:00:00:0e)
    // comes to the host by it, past what is filtered. It has no address, and so nothing is a source there.
    sysctl::write_where_known(&format!("net/ipv6/conf/{name}/disable_ipv6"), "1")?;
    sysctl::write(&format!("net/ipv4/conf/{name}/rp_filter"), "1")?;
    host.switch_on(&end)?;
    Ok(end)
}

fn in_network<'a>(
    host: &mut Socket,
    wanted: &Wanted<'_>,
    (name, attachment): (&'a NetworkName, &Attachment),
    jail: For,
    connected: &Connected,
    jails: &Jails,
    others: &[Member],
) -> Result<Plan<'a>, String> {
    let definitions = Definitions::default();
    let definition = definitions.get(name)?;
    check_filter(&definition)?;
    let everywhere = all_alive(connected, jails, Some(jail.number))?;
    publish::check(&wanted.network.publish, &everywhere)?;
    let used = in_use(others);
    pool::check(&definition, &attachment.addresses, &used)?;
    let nets = bridge::usable(&definition, &attachment.addresses)?;
    let mut kept = pool::kept(&definitions, name)?;
    let before = kept.clone();
    let asked = pool::Wanted {
        nets: &nets,
        addresses: &attachment.addresses,
        name: wanted.name,
    };
    let noted = connected.read(&attachment.to, jail.number);
    let noted = noted.filter(|noted| noted.created == jail.created && wanted.name.is_none());
    let chosen = match noted {
        // It has had them since it was made.
        Some(noted) => noted.addresses,
        None => pool::choose(asked, &mut kept, &used)?,
    };
    if kept != before {
        pool::note(&definitions, name, &kept)?;
    }
    let with_prefix = |address: &IpAddr| {
        let net = nets.iter().find(|net| net.contains(address))?;
        IpNet::new(*address, net.prefix_len()).ok()
    };
    let leads_on =
        |net: &&IpNet| !definition.internal && (matches!(net, IpNet::V4(_)) || forwards_v6());
    let gateways = nets
        .iter()
        .filter(leads_on)
        .filter_map(|net| nth(net, 1))
        .collect();
    // It is made when this is noted.
    let to = bridge::find(host, name)?;
    Ok(Plan {
        to: to.unwrap_or_else(|| Link::none(name.bridge())),
        addresses: chosen.iter().filter_map(with_prefix).collect(),
        gateways,
        network: Some((name, definition)),
    })
}

fn outside<'a>(to: Link, attachment: &Attachment) -> Plan<'a> {
    Plan {
        to,
        addresses: attachment.addresses.iter().copied().collect(),
        gateways: attachment.gateways.clone(),
        network: None,
    }
}

fn member(
    wanted: &Wanted<'_>,
    attachment: &Attachment,
    jail: For,
    plan: &Plan<'_>,
    noted: Option<&Member>,
) -> Result<Member, String> {
    let first = plan.addresses.first().filter(|_| plan.network.is_some());
    let mac = match (attachment.mac, first, noted, wanted.name) {
        (Some(mac), ..) => mac,
        (None, Some(net), ..) => pool::mac(net.addr()),
        (None, None, Some(noted), _) => noted.mac,
        // Whom a server has known it hands the same address out to once more.
        (None, None, None, Some(name)) if attachment.dhcp => mac_of(name, &attachment.to),
        (None, None, None, _) => any_mac()?,
    };
    Ok(Member {
        number: jail.number,
        created: jail.created,
        name: wanted.name.cloned(),
        hostname: wanted.hostname.map(str::to_owned),
        addresses: plan.addresses.iter().map(IpNet::addr).collect(),
        mac,
        publish: wanted.network.publish.clone(),
        rate: wanted.network.net_rate,
        must_be_filtered: wanted.must_be_filtered,
        keeper: None,
    })
}

/// What tells one machine from others (machine-id(5)).
const MACHINE: &str = "/etc/machine-id";

/// The same one each time for a name on a machine.
fn mac_of(name: &JailName, to: &To) -> Mac {
    let machine = fs::read_to_string(MACHINE).unwrap_or_default();
    let text = format!("{}\n{to}\n{name}", machine.trim());
    // FNV-1a.
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let [a, b, c, d, e, f, ..] = hash.to_be_bytes();
    Mac([own(a), b, c, d, e, f])
}

/// Administered locally, of one interface.
fn own(first: u8) -> u8 {
    first & 0xfc | 0x02
}

/// A hardware address that nobody else is likely to have.
fn any_mac() -> Result<Mac, String> {
    let mut bytes = [0; 6];
    let flags = rustix::rand::GetRandomFlags::empty();
    rustix::rand::getrandom(&mut bytes, flags).map_err(|error| format!("random bytes: {error}"))?;
    bytes[0] = own(bytes[0]);
    Ok(Mac(bytes))
}

/// What the jail sees.
fn set_up_inside(wanted: &Wanted<'_>, namespace: &OwnedFd, plan: &Plan<'_>) -> Result<(), String> {
    namespace::within(namespace, || {
        let mut inside = Socket::open()?;
        let link = inside.link(INSIDE)?;
        let link = link.ok_or_else(|| format!("{INSIDE} is not in the jail's network"))?;
        for address in &plan.addresses {
            inside.add_address(&link, *address)?;
        }
        inside.switch_on(&link)?;
        for gateway in &plan.gateways {
            inside.add_default_route(&link, *gateway)?;
        }
        sysctl::apply(&wanted.network.sysctl)
    })
}

/// Has the host hand on what the rules let through.
fn lead_on(name: &NetworkName, definition: &Definition, members: &[Member]) -> Result<(), String> {
    if definition.internal {
        return Ok(());
    }
    if members.iter().any(|member| !member.publish.is_empty()) {
        // So that a published port answers on 127.0.0.1 as well.
        sysctl::write(
            &format!("net/ipv4/conf/{}/route_localnet", name.bridge()),
            "1",
        )?;
    }
    if sysctl::read(FORWARD)? == "0" {
        sysctl::write(FORWARD, "1")?;
        crate::complain!(
            "jaula: warning: the host now hands packets on between its interfaces (net.ipv4.ip_forward=1), for \
             network {name}"
        );
    }
    Ok(())
}

fn forwards_v6() -> bool {
    sysctl::read(FORWARD_V6).is_ok_and(|value| value != "0")
}

fn in_use(others: &[Member]) -> InUse {
    let each = others.iter().flat_map(|member| {
        let who = member.label();
        member
            .addresses
            .iter()
            .map(move |address| (*address, who.clone()))
    });
    InUse { by: each.collect() }
}

fn all_alive(
    connected: &Connected,
    jails: &Jails,
    but: Option<JailNumber>,
) -> Result<Vec<Member>, String> {
    let mut all = Vec::new();
    for to in connected.places()? {
        all.extend(connected.alive(&to, jails)?);
    }
    all.retain(|member| Some(member.number) != but);
    Ok(all)
}
