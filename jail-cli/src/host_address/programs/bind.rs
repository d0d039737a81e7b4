// SPDX-License-Identifier: MIT OR Apache-2.0

//! bind(2): all addresses are the jail's, 127.0.0.1 is its own, and others it has not.

use super::parts::{
    fail, if_own_v4, number, numbers, store_v6, succeed, unless_v6, LOCALHOST, MAPPED, USER_IP4,
    USER_IP6,
};
use super::Addresses;
use crate::host_address::assembler::Register::{R1, R6, R7};
use crate::host_address::assembler::{Assembler, Label, Width};

pub fn write_v4(it: &mut Assembler, of: &Addresses) {
    let (allowed, refused) = (it.label(), it.label());
    it.copy(R6, R1);
    it.load(Width::Word, R7, (R6, USER_IP4));
    judge(it, of, (USER_IP4, allowed, refused));
    fail(it, refused, libc::EADDRNOTAVAIL);
    succeed(it, allowed);
}

pub fn write_v6(it: &mut Assembler, of: &Addresses) {
    let (allowed, refused, not_mapped) = (it.label(), it.label(), it.label());
    it.copy(R6, R1);
    unless_v6_is_mapped(it, not_mapped);
    it.load(Width::Word, R7, (R6, USER_IP6 + 12));
    judge(it, of, (USER_IP6 + 12, allowed, refused));
    it.place(not_mapped);
    let not_any = it.label();
    unless_v6(it, (R6, USER_IP6), [0; 4], not_any);
    // With both kinds asked for it is the one that has the name of the family.
    let any = match of.v6 {
        Some(address) => numbers(address),
        None => [0, 0, MAPPED, number(of.wildcard())],
    };
    store_v6(it, (R6, USER_IP6), any);
    it.jump(allowed);
    it.place(not_any);
    if let Some(address) = of.v6 {
        unless_v6(it, (R6, USER_IP6), numbers(address), refused);
        it.jump(allowed);
    } else {
        it.jump(refused);
    }
    fail(it, refused, libc::EADDRNOTAVAIL);
    succeed(it, allowed);
}

/// Goes on at `label` unless it is an address of IPv4 in one of IPv6.
pub fn unless_v6_is_mapped(it: &mut Assembler, label: Label) {
    for (part, at) in [0, 0, MAPPED].into_iter().zip([0, 4, 8]) {
        it.load(Width::Word, R1, (R6, USER_IP6 + at));
        it.jump_unless_equal(R1, part, label);
    }
}

/// What becomes of the address of IPv4 in register 7, which is at `place`.
fn judge(it: &mut Assembler, of: &Addresses, (place, allowed, refused): (i16, Label, Label)) {
    let (any, localhost) = (it.label(), it.label());
    if_own_v4(it, of, R7, allowed);
    it.jump_if_equal(R7, 0, any);
    it.jump_if_equal(R7, number(LOCALHOST), localhost);
    it.jump(refused);
    it.place(any);
    it.set(R7, number(of.wildcard()));
    it.store(Width::Word, (R6, place), R7);
    it.jump(allowed);
    it.place(localhost);
    it.set(R7, number(of.loopback));
    it.store(Width::Word, (R6, place), R7);
    it.jump(allowed);
}
