// SPDX-License-Identifier: MIT OR Apache-2.0

//! What getsockname(2), getpeername(2), accept(2) and recvfrom(2) tell: the jail's own loopback address
//! is 127.0.0.1 in it.

use super::bind::unless_v6_is_mapped;
use super::parts::{end, number, LOCALHOST, USER_IP4, USER_IP6};
use super::Addresses;
use crate::host_address::assembler::Register::{R1, R6};
use crate::host_address::assembler::{Assembler, Label, Width};

pub fn write_v4(it: &mut Assembler, of: &Addresses) {
    let other = it.label();
    it.copy(R6, R1);
    tell(it, of, USER_IP4, other);
}

pub fn write_v6(it: &mut Assembler, of: &Addresses) {
    let other = it.label();
    it.copy(R6, R1);
    unless_v6_is_mapped(it, other);
    tell(it, of, USER_IP6 + 12, other);
}

fn tell(it: &mut Assembler, of: &Addresses, place: i16, other: Label) {
    it.load(Width::Word, R1, (R6, place));
    it.jump_unless_equal(R1, number(of.loopback), other);
    it.set(R1, number(LOCALHOST));
    it.store(Width::Word, (R6, place), R1);
    it.place(other);
    // The kernel takes nothing else.
    end(it, 1);
}
