// SPDX-License-Identifier: MIT OR Apache-2.0

//! How fast a jail sends and receives.
//!
//! It is done at the end of its interface that is on the host, where nobody in the jail can undo it. What
//! leaves that end is what the jail receives. What comes in there is led through an interface that does nothing
//! else, and slowed down as it leaves that: so both wait in a queue, and nothing is thrown away that fits in.

use netlink_packet_core::{DefaultNla, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::tc::{
    TcAction, TcActionAttribute, TcActionMirror, TcActionMirrorOption, TcActionOption,
    TcActionType, TcAttribute, TcFilterMatchAll, TcFilterMatchAllOption, TcHandle, TcMessage,
    TcMirror, TcMirrorActionType, TcOption,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::errno::Errno;

use super::link::{self, Link};
use super::netlink::{failed, Socket};
use crate::isolation::NetRate;
use crate::jail::JailNumber;

/// The parts of what tbf is told (linux/pkt_sched.h).
const TBF_PARMS: u16 = 1;
const TBF_RATE64: u16 = 4;
const TBF_BURST: u16 = 6;

/// The largest rate, in bytes for a second, that is told in 32 bits.
const LARGEST: u64 = u32::MAX as u64;

/// The kernel's unit of time there is 64 ns.
const TICKS: u64 = 1_000_000_000 / 64;

/// How long something waits at most, as a part of a second.
const WAIT: u64 = 10;

/// Every protocol (linux/if_ether.h), in the order of bytes of a network.
const ALL: u16 = 0x0003;

/// Slows a jail down.
///
/// # Errors
///
/// What the kernel has not.
pub fn limit(
    host: &mut Socket,
    number: JailNumber,
    end: &Link,
    rate: NetRate,
) -> Result<(), String> {
    slow(host, end, rate.into, rate.burst(rate.into))?;
    let name = link::slowed(number);
    host.remove_own(&name)?;
    host.make_slower(&name)?;
    let way = host.link(&name)?;
    let way = way.ok_or_else(|| format!("{name} has been removed meanwhile"))?;
    host.describe(&way, &format!("jaula {number}: what it sends"))?;
    slow(host, &way, rate.out, rate.burst(rate.out))?;
    host.switch_on(&way)?;
    lead(host, end, &way)
}

/// Takes away what it is slowed down by, but for what goes with its interface.
///
/// # Errors
///
/// What the kernel says.
pub fn unlimit(host: &mut Socket, number: JailNumber) -> Result<(), String> {
    host.remove_own(&link::slowed(number)).map(drop)
}

/// Has what leaves an interface wait.
fn slow(host: &mut Socket, link: &Link, bits: u64, burst: u64) -> Result<(), String> {
    let bytes = bits / 8;
    let limit = burst.saturating_add(bytes / WAIT).min(LARGEST);
    let mut options = vec![TcOption::Other(DefaultNla::new(
        TBF_PARMS,
        parameters(bytes, limit, burst),
    ))];
    if bytes > LARGEST {
        options.push(TcOption::Other(DefaultNla::new(
            TBF_RATE64,
            bytes.to_ne_bytes().to_vec(),
        )));
    }
    let burst = u32::try_from(burst).unwrap_or(u32::MAX);
    options.push(TcOption::Other(DefaultNla::new(
        TBF_BURST,
        burst.to_ne_bytes().to_vec(),
    )));
    let mut message = about(link);
    message.header.parent = TcHandle::ROOT;
    message.header.handle = TcHandle { major: 1, minor: 0 };
    message.attributes = vec![
        TcAttribute::Kind("tbf".into()),
        TcAttribute::Options(options),
    ];
    let flags = NLM_F_CREATE | NLM_F_REPLACE;
    let set = host.change(RouteNetlinkMessage::NewQueueDiscipline(message), flags);
    set.map_err(|errno| explain(errno, "CONFIG_NET_SCH_TBF", link))
}

/// struct tc_tbf_qopt: two rates, the limit, the burst as time, and how little goes through.
fn parameters(bytes: u64, limit: u64, burst: u64) -> Vec<u8> {
    let rate = u32::try_from(bytes).unwrap_or(u32::MAX);
    let time = burst.saturating_mul(TICKS) / bytes.max(1);
    let time = u32::try_from(time).unwrap_or(u32::MAX);
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    // struct tc_ratespec: the link's layer is Ethernet, and no table is used.
    let mut parameters = vec![0, 1, 0, 0, 0, 0, 0, 0];
    parameters.extend(rate.to_ne_bytes());
    // There is no peak.
    parameters.extend([0; 12]);
    parameters.extend(limit.to_ne_bytes());
    parameters.extend(time.to_ne_bytes());
    parameters.extend([0; 4]);
    parameters
}

/// Has what comes in by `from` leave by `way` first.
fn lead(host: &mut Socket, from: &Link, way: &Link) -> Result<(), String> {
    let mut message = about(from);
    message.header.parent = TcHandle::INGRESS;
    message.header.handle = TcHandle {
        major: 0xffff,
        minor: 0,
    };
    message.attributes = vec![TcAttribute::Kind("ingress".into())];
    let flags = NLM_F_CREATE | NLM_F_EXCL;
    let made = host.change(RouteNetlinkMessage::NewQueueDiscipline(message), flags);
    made.map_err(|errno| explain(errno, "CONFIG_NET_SCH_INGRESS", from))?;

    let mut redirect = TcMirror::default();
    redirect.generic.action = TcActionType::Stolen;
    redirect.eaction = TcMirrorActionType::EgressRedir;
    redirect.ifindex = way.index;
    let mut action = TcAction::default();
    action.attributes = vec![
        TcActionAttribute::Kind(TcActionMirror::KIND.into()),
        TcActionAttribute::Options(vec![TcActionOption::Mirror(TcActionMirrorOption::Parms(
            redirect,
        ))]),
    ];
    let mut message = about(from);
    message.header.parent = TcHandle {
        major: 0xffff,
        minor: 0,
    };
    // The first, and of all protocols.
    message.header.info = 1 << 16 | u32::from(ALL.to_be());
    message.attributes = vec![
        TcAttribute::Kind(TcFilterMatchAll::KIND.into()),
        TcAttribute::Options(vec![TcOption::MatchAll(TcFilterMatchAllOption::Action(
            vec![action],
        ))]),
    ];
    let made = host.change(RouteNetlinkMessage::NewTrafficFilter(message), flags);
    made.map_err(|errno| {
        explain(
            errno,
            "CONFIG_NET_CLS_MATCHALL, CONFIG_NET_ACT_MIRRED",
            from,
        )
    })
}

fn about(link: &Link) -> TcMessage {
    let mut message = TcMessage::with_index(i32::try_from(link.index).unwrap_or_default());
    message.header.family = AddressFamily::Unspec;
    message
}

fn explain(errno: Errno, needs: &str, link: &Link) -> String {
    match errno {
        Errno::ENOENT | Errno::EOPNOTSUPP => {
            format!("slowing it down: the kernel cannot do that ({needs})")
        }
        errno => failed(format!("slowing {} down", link.name))(errno),
    }
}
