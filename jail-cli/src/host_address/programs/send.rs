// SPDX-License-Identifier: MIT OR Apache-2.0

//! sendto(2) and sendmsg(2) of datagrams, where the destination is said or the source is.
//!
//! What is sent on a connected socket, with nothing of that, is not seen here: connect(2) has seen to it.

use super::connect::refuse_loopback;
use super::parts::{
    destination, fail, if_own_v4, number, numbers, socket, store_v6, succeed, unless_v6, LOCALHOST,
    MSG_SRC_IP4, MSG_SRC_IP6, SOCK_SRC_IP4, USER_FAMILY, USER_IP4, USER_PORT,
};
use super::Addresses;
use crate::host_address::assembler::Register::{R1, R6, R7, R8, R9};
use crate::host_address::assembler::{Assembler, Width};

pub fn write_v4(it: &mut Assembler, of: &Addresses) {
    let (allowed, refused, unreachable) = (it.label(), it.label(), it.label());
    let (source, is_said, localhost, unsaid) = (it.label(), it.label(), it.label(), it.label());
    it.copy(R6, R1);
    // Without a destination there are neither a family nor a port: the socket is connected.
    it.load(Width::Word, R1, (R6, USER_FAMILY));
    it.jump_unless_equal(R1, 0, is_said);
    it.load(Width::Word, R1, (R6, USER_PORT));
    it.jump_unless_equal(R1, 0, is_said);
    socket(it);
    it.load(Width::Word, R8, (R1, SOCK_SRC_IP4));
    it.jump(source);
    it.place(is_said);
    it.load(Width::Word, R7, (R6, USER_IP4));
    destination(it, of, unreachable);
    it.store(Width::Word, (R6, USER_IP4), R7);
    it.place(source);
    it.load(Width::Word, R9, (R6, MSG_SRC_IP4));
    it.jump_if_equal(R9, 0, unsaid);
    if_own_v4(it, of, R9, allowed);
    it.jump_if_equal(R9, number(LOCALHOST), localhost);
    it.jump(refused);
    fail(it, refused, libc::EADDRNOTAVAIL);
    fail(it, unreachable, libc::ENETUNREACH);
    it.place(localhost);
    it.set(R8, number(of.loopback));
    it.place(unsaid);
    it.store(Width::Word, (R6, MSG_SRC_IP4), R8);
    succeed(it, allowed);
}

pub fn write_v6(it: &mut Assembler, of: &Addresses) {
    let (allowed, refused, unreachable) = (it.label(), it.label(), it.label());
    let (source, not_any, not_loopback) = (it.label(), it.label(), it.label());
    it.copy(R6, R1);
    it.load(Width::Word, R1, (R6, USER_PORT));
    it.jump_if_equal(R1, 0, source);
    refuse_loopback(it, (not_any, not_loopback), refused);
    it.place(source);
    match of.v6 {
        None => it.jump(unreachable),
        Some(address) => {
            let is_said = it.label();
            unless_v6(it, (R6, MSG_SRC_IP6), [0; 4], is_said);
            store_v6(it, (R6, MSG_SRC_IP6), numbers(address));
            it.jump(allowed);
            it.place(is_said);
            unless_v6(it, (R6, MSG_SRC_IP6), numbers(address), refused);
            it.jump(allowed);
        }
    }
    fail(it, unreachable, libc::ENETUNREACH);
    fail(it, refused, libc::EADDRNOTAVAIL);
    succeed(it, allowed);
}
