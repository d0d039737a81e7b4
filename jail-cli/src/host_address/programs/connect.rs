// SPDX-License-Identifier: MIT OR Apache-2.0

//! connect(2): it begins at an address of the jail's.
//!
//! A socket that is not bound is bound to it. One that is, is bound to an address of the jail's: so
//! much bind(2) has seen to. One that has got a port without that, by sending before, cannot be bound
//! any more, and is refused.

use super::bind::unless_v6_is_mapped;
use super::parts::{
    bind_v4, bind_v6, destination, fail, if_own_v4, numbers, socket, succeed, unless_v6,
    SOCK_SRC_IP4, SOCK_SRC_IP6, USER_IP4, USER_IP6,
};
use super::Addresses;
use crate::host_address::assembler::Register::{R1, R6, R7, R8};
use crate::host_address::assembler::{Assembler, Label, Width};

pub fn write_v4(it: &mut Assembler, of: &Addresses) {
    let (allowed, refused, unreachable) = (it.label(), it.label(), it.label());
    it.copy(R6, R1);
    it.load(Width::Word, R7, (R6, USER_IP4));
    destination(it, of, unreachable);
    it.store(Width::Word, (R6, USER_IP4), R7);
    from_v4(it, of, allowed, refused);
    finish(it, (allowed, refused, unreachable));
}

pub fn write_v6(it: &mut Assembler, of: &Addresses) {
    let (allowed, refused, unreachable) = (it.label(), it.label(), it.label());
    let (not_mapped, not_any, not_loopback) = (it.label(), it.label(), it.label());
    it.copy(R6, R1);
    unless_v6_is_mapped(it, not_mapped);
    it.load(Width::Word, R7, (R6, USER_IP6 + 12));
    destination(it, of, unreachable);
    it.store(Width::Word, (R6, USER_IP6 + 12), R7);
    from_v4(it, of, allowed, refused);
    it.place(not_mapped);
    refuse_loopback(it, (not_any, not_loopback), refused);
    match of.v6 {
        None => it.jump(unreachable),
        Some(address) => {
            let bound = it.label();
            socket(it);
            // Register 1 is needed for the comparison.
            it.copy(R8, R1);
            unless_v6(it, (R8, SOCK_SRC_IP6), [0; 4], bound);
            bind_v6(it, address, allowed, refused);
            it.place(bound);
            unless_v6(it, (R8, SOCK_SRC_IP6), numbers(address), refused);
            it.jump(allowed);
        }
    }
    finish(it, (allowed, refused, unreachable));
}

/// There is none of IPv6 that is the jail's own. The labels are for places within.
pub fn refuse_loopback(
    it: &mut Assembler,
    (not_any, not_loopback): (Label, Label),
    refused: Label,
) {
    const LOOPBACK: [i32; 4] = [0, 0, 0, i32::from_ne_bytes([0, 0, 0, 1])];
    // So the kernel takes it (IN6ADDR_ANY as a destination).
    unless_v6(it, (R6, USER_IP6), [0; 4], not_any);
    it.jump(refused);
    it.place(not_any);
    unless_v6(it, (R6, USER_IP6), LOOPBACK, not_loopback);
    it.jump(refused);
    it.place(not_loopback);
}

fn from_v4(it: &mut Assembler, of: &Addresses, allowed: Label, refused: Label) {
    let bound = it.label();
    socket(it);
    it.load(Width::Word, R7, (R1, SOCK_SRC_IP4));
    it.jump_unless_equal(R7, 0, bound);
    bind_v4(it, allowed, refused);
    it.place(bound);
    if_own_v4(it, of, R7, allowed);
    it.jump(refused);
}

fn finish(it: &mut Assembler, (allowed, refused, unreachable): (Label, Label, Label)) {
    fail(it, unreachable, libc::ENETUNREACH);
    fail(it, refused, libc::EADDRNOTAVAIL);
    succeed(it, allowed);
}
