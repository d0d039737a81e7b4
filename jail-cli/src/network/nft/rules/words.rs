// SPDX-License-Identifier: MIT OR Apache-2.0

//! The words of a rule.

use std::collections::HashSet;
use std::net::IpAddr;

use ipnet::IpNet;
use nftables::expr::{
    Expression, Fib, FibFlag, FibResult, Meta as MetaExpression, MetaKey, NamedExpression, Payload,
    PayloadBase, PayloadField, PayloadRaw, Prefix, SetItem, Verdict, CT,
};
use nftables::stmt::{JumpTarget, Match, NATFamily, Operator, Statement, VerdictMap, NAT};

/// Which interface of a packet.
#[derive(Clone, Copy)]
pub enum Meta {
    /// By which it came.
    In,
    /// By which it goes.
    Out,
}

/// A word, or an address.
pub fn text(text: &str) -> Expression<'static> {
    Expression::String(text.to_owned().into())
}

/// One of these.
pub fn set(items: impl IntoIterator<Item = Expression<'static>>) -> Expression<'static> {
    let items = items.into_iter().map(SetItem::Element);
    Expression::Named(NamedExpression::Set(items.collect()))
}

/// Any address of a prefix.
pub fn prefix(address: &str, length: u8) -> Expression<'static> {
    Expression::Named(NamedExpression::Prefix(Prefix {
        addr: Box::new(text(address)),
        len: length.into(),
    }))
}

/// Any address of a prefix.
pub fn net(net: &IpNet) -> Expression<'static> {
    prefix(&net.network().to_string(), net.prefix_len())
}

/// A part of a packet.
pub fn field(protocol: &str, field: &str) -> Expression<'static> {
    Expression::Named(NamedExpression::Payload(Payload::PayloadField(
        PayloadField {
            protocol: protocol.to_owned().into(),
            field: field.to_owned().into(),
        },
    )))
}

/// The name of an interface.
pub fn interface(which: Meta) -> Expression<'static> {
    meta(match which {
        Meta::In => MetaKey::Iifname,
        Meta::Out => MetaKey::Oifname,
    })
}

/// Of which kind its addresses are.
pub fn family() -> Expression<'static> {
    meta(MetaKey::Nfproto)
}

fn meta(key: MetaKey) -> Expression<'static> {
    Expression::Named(NamedExpression::Meta(MetaExpression { key }))
}

/// What is known of its connection.
pub fn connection(key: &str) -> Expression<'static> {
    Expression::Named(NamedExpression::CT(CT {
        key: key.to_owned().into(),
        family: None,
        dir: None,
    }))
}

/// A condition.
pub fn is(
    left: Expression<'static>,
    op: Operator,
    right: Expression<'static>,
) -> Statement<'static> {
    Statement::Match(Match { left, right, op })
}

/// It goes to an address of the host's.
pub fn is_local() -> Statement<'static> {
    let kind = Expression::Named(NamedExpression::Fib(Fib {
        result: FibResult::Type,
        flags: HashSet::from([FibFlag::Daddr]),
    }));
    is(kind, Operator::EQ, text("local"))
}

/// It goes on.
pub fn accept() -> Statement<'static> {
    Statement::Accept(None)
}

/// It does not.
pub fn drop() -> Statement<'static> {
    Statement::Drop(None)
}

/// It goes on as the host's own.
pub fn masquerade() -> Statement<'static> {
    Statement::Masquerade(None)
}

/// It goes to somebody else.
pub fn dnat(address: IpAddr, port: u16) -> Statement<'static> {
    Statement::DNAT(Some(NAT {
        addr: Some(text(&address.to_string())),
        family: Some(match address {
            IpAddr::V4(_) => NATFamily::IP,
            IpAddr::V6(_) => NATFamily::IP6,
        }),
        port: Some(Expression::Number(port.into())),
        flags: None,
    }))
}

/// Whose address a neighbour is told about. That of Debian 12 has no word for it, and numbers in place of
/// addresses.
pub fn advertised() -> Expression<'static> {
    Expression::Named(NamedExpression::Payload(Payload::PayloadRaw(PayloadRaw {
        base: PayloadBase::TH,
        offset: 64,
        len: 128,
    })))
}

/// What is done with it stands in another chain.
pub fn jump(chain: &str) -> Statement<'static> {
    Statement::Jump(JumpTarget {
        target: chain.to_owned().into(),
    })
}

/// What is done with it stands in the chain that this map has for the interface by which it came.
pub fn jump_by_interface(map: &str) -> Statement<'static> {
    Statement::VerdictMap(VerdictMap {
        key: interface(Meta::In),
        data: text(&format!("@{map}")),
    })
}

/// What such a map has for an interface.
pub fn way(interface: &str, chain: &str) -> Expression<'static> {
    let target = JumpTarget {
        target: chain.to_owned().into(),
    };
    Expression::List(vec![
        text(interface),
        Expression::Verdict(Verdict::Jump(target)),
    ])
}
