// SPDX-License-Identifier: MIT OR Apache-2.0

//! What comes in for a socket: nothing that is not for an address of the jail's.
//!
//! listen(2) and sendto(2) give a socket that is not bound a port of all addresses, and ask nobody. So
//! nothing but what is the jail's reaches one.

use super::parts::{end, if_own_v4, numbers, succeed, unless_v6, SKB_LOAD_BYTES};
use super::Addresses;
use crate::host_address::assembler::Register::{R0, R1, R10, R2, R3, R4, R6};
use crate::host_address::assembler::{Assembler, Width};

/// Where `struct __sk_buff` has the protocol, in the order of the network.
const PROTOCOL: i16 = 16;

/// Where the destination is in a header, and how long.
const DESTINATION_V4: (i32, i32) = (16, 4);
const DESTINATION_V6: (i32, i32) = (24, 16);

/// Where that is put on the stack.
const ADDRESS: i16 = -16;

pub fn write(it: &mut Assembler, of: &Addresses) {
    let (allowed, dropped, not_v4) = (it.label(), it.label(), it.label());
    let protocol = |protocol: i32| i32::from((protocol as u16).to_be());
    it.copy(R6, R1);
    it.load(Width::Word, R2, (R6, PROTOCOL));
    it.jump_unless_equal(R2, protocol(libc::ETH_P_IP), not_v4);
    load(it, DESTINATION_V4);
    it.jump_unless_equal(R0, 0, dropped);
    it.load(Width::Word, R1, (R10, ADDRESS));
    if_own_v4(it, of, R1, allowed);
    it.jump(dropped);
    it.place(not_v4);
    if let Some(address) = of.v6 {
        it.jump_unless_equal(R2, protocol(libc::ETH_P_IPV6), dropped);
        load(it, DESTINATION_V6);
        it.jump_unless_equal(R0, 0, dropped);
        unless_v6(it, (R10, ADDRESS), numbers(address), dropped);
        it.jump(allowed);
    }
    it.place(dropped);
    end(it, 0);
    succeed(it, allowed);
}

fn load(it: &mut Assembler, (offset, length): (i32, i32)) {
    it.copy(R1, R6);
    it.set(R2, offset);
    it.copy(R3, R10);
    it.add(R3, i32::from(ADDRESS));
    it.set(R4, length);
    it.call(SKB_LOAD_BYTES);
}
