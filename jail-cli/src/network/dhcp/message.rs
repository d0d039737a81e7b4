// SPDX-License-Identifier: MIT OR Apache-2.0

//! Frames that are sent to servers, and read from whoever has sent them.

use std::net::Ipv4Addr;

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    DhcpMessageType, DhcpOpCode, DhcpOption, DhcpPacket, DhcpRepr, EthernetAddress, EthernetFrame,
    EthernetProtocol, EthernetRepr, IpProtocol, Ipv4Packet, Ipv4Repr, UdpPacket, UdpRepr,
    DHCP_CLIENT_PORT, DHCP_SERVER_PORT,
};

use super::lease::{Lease, Offered};
use crate::isolation::Mac;

/// Numbers of options (RFC 2132).
const MASK: u8 = 1;
const ROUTERS: u8 = 3;
const SERVERS: u8 = 6;
const HOST_NAME: u8 = 12;
const DOMAIN: u8 = 15;
const LASTS: u8 = 51;
const KIND: u8 = 53;
const SERVER: u8 = 54;
const RENEW: u8 = 58;
const REBIND: u8 = 59;

/// What a server is asked for beside an address.
const WANTED: [u8; 7] = [MASK, ROUTERS, SERVERS, DOMAIN, LASTS, RENEW, REBIND];

/// Says that what follows are options.
const MAGIC: u32 = 0x6382_5363;

/// Some take nothing that is shorter: it was so before there were options.
const SHORTEST: usize = 300;

/// The longest that is read, which is as much as servers are told.
pub const LONGEST: usize = 1514;
const LONGEST_PACKET: u16 = 1500;

/// As many addresses as are read of a list.
const MOST: usize = 16;

/// What is asked of servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Who hands out addresses; this one, where that can be.
    Discover(Option<Ipv4Addr>),
    /// This one has been offered, by that server.
    Select(Ipv4Addr, Ipv4Addr),
    /// To have it longer, of its own server.
    Renew(Known),
    /// To have it longer, of any server.
    Rebind(Ipv4Addr),
    /// Nothing: it is given back.
    Release(Known),
}

/// An address that is had, and where its server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The address.
    pub address: Ipv4Addr,
    /// Who has handed it out.
    pub server: Ipv4Addr,
    /// The way there.
    pub by: EthernetAddress,
}

/// Who asks.
#[derive(Clone, Debug)]
pub struct Asker {
    /// The hardware address of the jail's interface.
    pub mac: Mac,
    /// What the jail calls itself.
    pub name: Option<String>,
}

impl Ask {
    /// The frame. `number` tells answers to it from others; it is asked for `seconds`.
    pub fn frame(&self, asker: &Asker, number: u32, seconds: u16) -> Vec<u8> {
        let own = EthernetAddress(asker.mac.0);
        let none = Ipv4Addr::UNSPECIFIED;
        let everybody = (Ipv4Addr::BROADCAST, EthernetAddress::BROADCAST);
        let (kind, from, (to, by), requested, server) = match *self {
            Ask::Discover(wanted) => (DhcpMessageType::Discover, none, everybody, wanted, None),
            Ask::Select(address, server) => {
                let kind = DhcpMessageType::Request;
                (kind, none, everybody, Some(address), Some(server))
            }
            Ask::Renew(known) => {
                let there = (known.server, known.by);
                (DhcpMessageType::Request, known.address, there, None, None)
            }
            Ask::Rebind(address) => (DhcpMessageType::Request, address, everybody, None, None),
            Ask::Release(known) => {
                let (there, server) = ((known.server, known.by), Some(known.server));
                (DhcpMessageType::Release, known.address, there, None, server)
            }
        };
        let is_release = matches!(self, Ask::Release(_));
        let name = asker.name.as_deref().filter(|_| !is_release);
        let name = name.map(|name| DhcpOption {
            kind: HOST_NAME,
            data: name.as_bytes(),
        });
        let dhcp = DhcpRepr {
            message_type: kind,
            transaction_id: number,
            secs: seconds,
            client_hardware_address: own,
            client_ip: from,
            your_ip: none,
            server_ip: none,
            router: None,
            subnet_mask: None,
            relay_agent_ip: none,
            broadcast: false,
            requested_ip: requested,
            client_identifier: Some(own),
            server_identifier: server,
            parameter_request_list: (!is_release).then_some(&WANTED),
            dns_servers: None,
            max_size: (!is_release).then_some(LONGEST_PACKET),
            lease_duration: None,
            renew_duration: None,
            rebind_duration: None,
            additional_options: name.as_slice(),
        };
        wrap(&dhcp, (own, from), (by, to))
    }
}

/// Puts a message in a frame.
fn wrap(
    dhcp: &DhcpRepr<'_>,
    from: (EthernetAddress, Ipv4Addr),
    to: (EthernetAddress, Ipv4Addr),
) -> Vec<u8> {
    let sums = ChecksumCapabilities::default();
    let length = dhcp.buffer_len().max(SHORTEST);
    let udp = UdpRepr {
        src_port: DHCP_CLIENT_PORT,
        dst_port: DHCP_SERVER_PORT,
    };
    let ip = Ipv4Repr {
        src_addr: from.1,
        dst_addr: to.1,
        next_header: IpProtocol::Udp,
        payload_len: udp.header_len() + length,
        hop_limit: 64,
    };
    let ethernet = EthernetRepr {
        src_addr: from.0,
        dst_addr: to.0,
        ethertype: EthernetProtocol::Ipv4,
    };
    let mut bytes = vec![0; ethernet.buffer_len() + ip.buffer_len() + ip.payload_len];
    let mut frame = EthernetFrame::new_unchecked(&mut bytes[..]);
    ethernet.emit(&mut frame);
    let mut packet = Ipv4Packet::new_unchecked(frame.payload_mut());
    ip.emit(&mut packet, &sums);
    let mut datagram = UdpPacket::new_unchecked(packet.payload_mut());
    udp.emit(
        &mut datagram,
        &from.1.into(),
        &to.1.into(),
        length,
        |payload| {
            // There is room for all of it.
            let _ = dhcp.emit(&mut DhcpPacket::new_unchecked(payload));
        },
        &sums,
    );
    bytes
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// An address can be had.
    Offer(Result<Lease, String>),
    /// It is had.
    Ack(Result<Lease, String>),
    /// It cannot be had, or not any more.
    Nak(Option<Ipv4Addr>),
}

/// Reads an answer to what `asker` has asked by this number, and from whom the frame came. `None` where it is
/// anything else.
pub fn read(bytes: &[u8], asker: &Asker, number: u32) -> Option<(Answer, EthernetAddress)> {
    let frame = EthernetFrame::new_checked(bytes).ok()?;
    let packet = Ipv4Packet::new_checked(frame.payload()).ok()?;
    let is_whole = packet.version() == 4 && !packet.more_frags() && packet.frag_offset() == 0;
    if !is_whole || packet.next_header() != IpProtocol::Udp || !packet.verify_checksum() {
        return None;
    }
    // Its sum is only made by hardware, which is not there where both are on one machine.
    let datagram = UdpPacket::new_checked(packet.payload()).ok()?;
    if (datagram.src_port(), datagram.dst_port()) != (DHCP_SERVER_PORT, DHCP_CLIENT_PORT) {
        return None;
    }
    let dhcp = DhcpPacket::new_checked(datagram.payload()).ok()?;
    let is_ours = dhcp.opcode() == DhcpOpCode::Reply
        && dhcp.magic_number() == MAGIC
        && dhcp.transaction_id() == number
        && dhcp.client_hardware_address().0 == asker.mac.0;
    let by = frame.src_addr();
    if !is_ours || !by.is_unicast() {
        return None;
    }
    let mut offered = Offered {
        address: Some(dhcp.your_ip()),
        ..Offered::default()
    };
    let mut kind = None;
    for option in dhcp.options() {
        let data = option.data;
        match option.kind {
            KIND => kind = data.first().copied(),
            MASK => offered.mask = addresses(data).first().copied(),
            ROUTERS => offered.routers = addresses(data),
            SERVERS => offered.servers = addresses(data),
            DOMAIN => offered.domain = Some(data.to_vec()),
            SERVER => offered.server = addresses(data).first().copied(),
            LASTS => offered.lasts = seconds(data),
            RENEW => offered.renew = seconds(data),
            REBIND => offered.rebind = seconds(data),
            _ => {}
        }
    }
    let answer = match DhcpMessageType::from(kind?) {
        DhcpMessageType::Offer => Answer::Offer(Lease::check(&offered)),
        DhcpMessageType::Ack => Answer::Ack(Lease::check(&offered)),
        DhcpMessageType::Nak => Answer::Nak(offered.server),
        _ => return None,
    };
    Some((answer, by))
}

fn addresses(data: &[u8]) -> Vec<Ipv4Addr> {
    let each = data.chunks_exact(4).take(MOST);
    each.filter_map(|bytes| Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?)))
        .collect()
}

fn seconds(data: &[u8]) -> Option<u32> {
    data.try_into().ok().map(u32::from_be_bytes)
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use smoltcp::wire::DhcpOptionWriter;

    pub const NUMBER: u32 = 0x1234_5678;

    pub fn asker() -> Asker {
        Asker {
            mac: "02:00:00:00:00:07".parse().expect("an address"),
            name: Some("web".into()),
        }
    }

    /// What a server sends, with these options.
    pub fn reply(number: u32, address: [u8; 4], options: &[(u8, &[u8])]) -> Vec<u8> {
        let server = EthernetAddress([2, 0, 0, 0, 0, 1]);
        let mut frame = Ask::Discover(None).frame(&asker(), number, 0);
        let mut ethernet = EthernetFrame::new_unchecked(&mut frame[..]);
        ethernet.set_src_addr(server);
        let mut ip = Ipv4Packet::new_unchecked(ethernet.payload_mut());
        let mut udp = UdpPacket::new_unchecked(ip.payload_mut());
        udp.set_src_port(DHCP_SERVER_PORT);
        udp.set_dst_port(DHCP_CLIENT_PORT);
        let mut dhcp = DhcpPacket::new_unchecked(udp.payload_mut());
        dhcp.set_opcode(DhcpOpCode::Reply);
        dhcp.set_your_ip(address.into());
        let start = dhcp.into_inner();
        start[240..].fill(0);
        let mut writer = DhcpOptionWriter::new(&mut start[240..]);
        for (kind, data) in options {
            let option = DhcpOption { kind: *kind, data };
            writer.emit(option).expect("room");
        }
        writer.end().expect("room");
        frame
    }

    /// A lease as usual.
    pub fn usual(kind: u8) -> Vec<u8> {
        let options: [(u8, &[u8]); 7] = [
            (KIND, &[kind]),
            (SERVER, &[192, 0, 2, 1]),
            (MASK, &[255, 255, 255, 0]),
            (ROUTERS, &[192, 0, 2, 1, 192, 0, 2, 9]),
            (SERVERS, &[192, 0, 2, 53]),
            (DOMAIN, b"a.example"),
            (LASTS, &[0, 0, 0, 80]),
        ];
        reply(NUMBER, [192, 0, 2, 7], &options)
    }

    #[test]
    fn an_answer_is_read() {
        let (answer, by) = read(&usual(5), &asker(), NUMBER).expect("an answer");
        assert_eq!(by, EthernetAddress([2, 0, 0, 0, 0, 1]));
        let Answer::Ack(Ok(lease)) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(lease.address.to_string(), "192.0.2.7/24");
        assert_eq!(lease.router, Some(Ipv4Addr::new(192, 0, 2, 1)));
        assert_eq!(lease.domain.as_deref(), Some("a.example"));
        let (answer, _) = read(&usual(2), &asker(), NUMBER).expect("an answer");
        assert!(matches!(answer, Answer::Offer(Ok(_))), "{answer:?}");
    }

    #[test]
    fn what_is_not_meant_is_not_read() {
        assert_eq!(read(&usual(5), &asker(), NUMBER + 1), None);
        let other = Asker {
            mac: "02:00:00:00:00:08".parse().expect("an address"),
            name: None,
        };
        assert_eq!(read(&usual(5), &other, NUMBER), None);
        assert_eq!(read(&usual(1), &asker(), NUMBER), None, "no answer");
        let own = Ask::Discover(None).frame(&asker(), NUMBER, 0);
        assert_eq!(read(&own, &asker(), NUMBER), None, "what is asked");
    }

    #[test]
    fn nothing_that_is_cut_off_or_changed_does_harm() {
        let whole = usual(5);
        for length in 0..whole.len() {
            let _ = read(&whole[..length], &asker(), NUMBER);
        }
        let mut dice = 1_u32;
        for _ in 0..20_000 {
            let mut odd = whole.clone();
            for _ in 0..4 {
                dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = (dice >> 8) as usize % odd.len();
                odd[at] = dice as u8;
            }
            // What is read of it has been checked.
            if let Some((Answer::Ack(Ok(lease)), _)) = read(&odd, &asker(), NUMBER) {
                assert!(lease.servers.len() <= 3 && lease.address.prefix_len() >= 8);
            }
        }
    }

    #[test]
    fn what_is_asked_is_as_the_standard_has_it() {
        let known = Known {
            address: Ipv4Addr::new(192, 0, 2, 7),
            server: Ipv4Addr::new(192, 0, 2, 1),
            by: EthernetAddress([2, 0, 0, 0, 0, 1]),
        };
        for (ask, client, to, has_server, has_wanted) in [
            (Ask::Discover(None), false, false, false, false),
            (
                Ask::Select(known.address, known.server),
                false,
                false,
                true,
                true,
            ),
            (Ask::Renew(known), true, true, false, false),
            (Ask::Rebind(known.address), true, false, false, false),
            (Ask::Release(known), true, true, true, false),
        ] {
            let bytes = ask.frame(&asker(), NUMBER, 3);
            let frame = EthernetFrame::new_checked(&bytes[..]).expect("a frame");
            let packet = Ipv4Packet::new_checked(frame.payload()).expect("a packet");
            assert!(packet.verify_checksum());
            let udp = UdpPacket::new_checked(packet.payload()).expect("a datagram");
            let (from, there) = (packet.src_addr().into(), packet.dst_addr().into());
            assert!(udp.verify_checksum(&from, &there));
            let dhcp = DhcpPacket::new_checked(udp.payload()).expect("a message");
            assert_eq!(dhcp.client_ip() == known.address, client, "{ask:?}");
            assert_eq!(packet.dst_addr() == known.server, to, "{ask:?}");
            assert_eq!(frame.dst_addr() == known.by, to, "{ask:?}");
            let has = |kind| dhcp.options().any(|option| option.kind == kind);
            assert_eq!(has(SERVER), has_server, "{ask:?}");
            assert_eq!(has(50), has_wanted, "{ask:?}");
            assert!(has(61) && udp.payload().len() >= SHORTEST);
        }
    }
}
