// SPDX-License-Identifier: MIT OR Apache-2.0

//! What several programs have in common.
//!
//! Each keeps in register 6 what it was called with: a `struct bpf_sock_addr`, in nearly all of them.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Addresses;
use crate::host_address::assembler::Register::{R0, R1, R10, R2, R3, R4, R5, R6, R7, R8, R9};
use crate::host_address::assembler::{Assembler, Label, Register, Width};

// Where things are in `struct bpf_sock_addr`.
pub const USER_FAMILY: i16 = 0;
pub const USER_IP4: i16 = 4;
pub const USER_IP6: i16 = 8;
pub const USER_PORT: i16 = 24;
pub const FAMILY: i16 = 28;
pub const PROTOCOL: i16 = 36;
pub const MSG_SRC_IP4: i16 = 40;
pub const MSG_SRC_IP6: i16 = 44;
pub const SK: i16 = 64;

// And in `struct bpf_sock`.
pub const SOCK_TYPE: i16 = 8;
pub const SOCK_PROTOCOL: i16 = 12;
pub const SOCK_SRC_IP4: i16 = 24;
pub const SOCK_SRC_IP6: i16 = 28;
pub const SOCK_SRC_PORT: i16 = 44;

// Functions of the kernel's (`enum bpf_func_id`).
pub const SKB_LOAD_BYTES: i32 = 26;
const BIND: i32 = 64;
const SK_LOOKUP_TCP: i32 = 84;
const SK_LOOKUP_UDP: i32 = 85;
const SK_RELEASE: i32 = 86;
const SET_RETVAL: i32 = 187;

/// Where a socket is looked for: in the namespace of the network that this one is in.
const BPF_F_CURRENT_NETNS: i32 = -1;

/// Where on the stack `struct bpf_sock_tuple` is, and how long, for IPv4.
const TUPLE: i16 = -48;
const TUPLE_LENGTH: i32 = 12;

/// Where a `struct sockaddr_in6` is.
const SOCKADDR: i16 = -32;
const SOCKADDR_IN_LENGTH: i32 = 16;
const SOCKADDR_IN6_LENGTH: i32 = 28;

/// 127.0.0.1 where nothing is put in its place.
pub const LOCALHOST: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// How an address is in memory, as a number of the machine's.
pub fn number(address: Ipv4Addr) -> i32 {
    i32::from_ne_bytes(address.octets())
}

/// The same in four parts.
pub fn numbers(address: Ipv6Addr) -> [i32; 4] {
    let bytes = address.octets();
    [0, 4, 8, 12]
        .map(|at| i32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]))
}

/// What stands before an address of IPv4 in one of IPv6.
pub const MAPPED: i32 = i32::from_ne_bytes([0, 0, 0xff, 0xff]);

impl Addresses {
    /// What a socket of IPv4 is bound to that is bound to all of them.
    pub fn wildcard(&self) -> Ipv4Addr {
        self.v4.unwrap_or(self.loopback)
    }

    /// All that a socket of IPv4 may have.
    pub fn all_v4(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.v4.into_iter().chain([self.loopback])
    }
}

/// Ends the program with this result.
pub fn end(it: &mut Assembler, result: i32) {
    it.set(R0, result);
    it.exit();
}

/// Ends the program there, where something jumps there, and has the call fail. What is before it must
/// not go on here by itself.
pub fn fail(it: &mut Assembler, label: Label, errno: i32) {
    if it.is_used(label) {
        it.place(label);
        it.set(R1, -errno);
        it.call(SET_RETVAL);
        end(it, 0);
    }
}

/// The same, and has the call go on.
pub fn succeed(it: &mut Assembler, label: Label) {
    if it.is_used(label) {
        it.place(label);
        end(it, 1);
    }
}

/// Goes on at `label` where `register` is an address of IPv4 that the jail has.
pub fn if_own_v4(it: &mut Assembler, of: &Addresses, register: Register, label: Label) {
    for address in of.all_v4() {
        it.jump_if_equal(register, number(address), label);
    }
}

/// Goes on at `label` unless the four parts at an address of memory are these. Register 1 is lost.
pub fn unless_v6(it: &mut Assembler, memory: (Register, i16), parts: [i32; 4], label: Label) {
    for (part, at) in parts.into_iter().zip([0, 4, 8, 12]) {
        it.load(Width::Word, R1, (memory.0, memory.1 + at));
        it.jump_unless_equal(R1, part, label);
    }
}

/// Stores an address of IPv6. Register 1 is lost.
pub fn store_v6(it: &mut Assembler, memory: (Register, i16), parts: [i32; 4]) {
    for (part, at) in parts.into_iter().zip([0, 4, 8, 12]) {
        it.set(R1, part);
        it.store(Width::Word, (memory.0, memory.1 + at), R1);
    }
}

/// Register 1 becomes the socket.
pub fn socket(it: &mut Assembler) {
    it.load(Width::Double, R1, (R6, SK));
}

/// From where a datagram or a connection goes to register 7, which is an address of IPv4: that becomes
/// register 8. Where it is one of 127.0.0.0/8 it is the jail's own, and who is there is asked for: what
/// is bound to the loopback address comes before what is bound to all of them. Register 9 is lost.
/// `unreachable` is where a jail goes that has no address for it.
pub fn destination(it: &mut Assembler, of: &Addresses, unreachable: Label) {
    const FIRST: i32 = i32::from_ne_bytes([0xff, 0, 0, 0]);
    const LOOPBACK: i32 = i32::from_ne_bytes([127, 0, 0, 0]);
    let (loopback, decided) = (it.label(), it.label());
    // So the kernel takes it (INADDR_ANY as a destination).
    it.jump_if_equal(R7, 0, loopback);
    it.copy(R1, R7);
    it.mask(R1, FIRST);
    it.jump_if_equal(R1, LOOPBACK, loopback);
    match of.v4 {
        Some(address) => {
            it.set(R8, number(address));
            it.jump(decided);
        }
        None => it.jump(unreachable),
    }
    it.place(loopback);
    it.set(R8, number(of.loopback));
    if of.v4.is_some() {
        let elsewhere = it.label();
        look_up(it, of.loopback, elsewhere);
        it.jump_unless_equal(R9, number(of.loopback), elsewhere);
        it.set(R7, number(of.loopback));
        it.jump(decided);
        it.place(elsewhere);
    }
    it.set(R7, number(of.wildcard()));
    it.place(decided);
}

/// Register 9 becomes the address that a socket has to which would come what goes to `address`; goes
/// on at `none` where there is none.
fn look_up(it: &mut Assembler, address: Ipv4Addr, none: Label) {
    const TCP: i32 = 6;
    let (udp, found) = (it.label(), it.label());
    socket(it);
    // One that is connected to this socket alone is met by where this one is bound.
    it.load(Width::Word, R2, (R1, SOCK_SRC_IP4));
    it.store(Width::Word, (R10, TUPLE), R2);
    it.store_number(Width::Word, (R10, TUPLE + 4), number(address));
    it.load(Width::Word, R2, (R1, SOCK_SRC_PORT));
    it.network_order(R2);
    it.store(Width::Half, (R10, TUPLE + 8), R2);
    it.load(Width::Word, R2, (R6, USER_PORT));
    it.store(Width::Half, (R10, TUPLE + 10), R2);
    it.load(Width::Word, R9, (R6, PROTOCOL));
    it.copy(R1, R6);
    it.copy(R2, R10);
    it.add(R2, i32::from(TUPLE));
    it.set(R3, TUPLE_LENGTH);
    it.set(R4, BPF_F_CURRENT_NETNS);
    it.set(R5, 0);
    it.jump_unless_equal(R9, TCP, udp);
    it.call(SK_LOOKUP_TCP);
    it.jump(found);
    it.place(udp);
    it.call(SK_LOOKUP_UDP);
    it.place(found);
    it.jump_if_null(R0, none);
    it.load(Width::Word, R9, (R0, SOCK_SRC_IP4));
    it.copy(R1, R0);
    it.call(SK_RELEASE);
}

/// Binds the socket to the address in register 8, of IPv4, and to no port; goes on at `bound` or at
/// `failed`.
pub fn bind_v4(it: &mut Assembler, bound: Label, failed: Label) {
    let mapped = it.label();
    it.load(Width::Word, R1, (R6, FAMILY));
    it.jump_if_equal(R1, libc::AF_INET6, mapped);
    begin_sockaddr(it, libc::AF_INET);
    it.store(Width::Word, (R10, SOCKADDR + 4), R8);
    it.store_number(Width::Double, (R10, SOCKADDR + 8), 0);
    bind(it, SOCKADDR_IN_LENGTH);
    it.jump_if_equal(R0, 0, bound);
    it.jump(failed);
    it.place(mapped);
    begin_sockaddr(it, libc::AF_INET6);
    it.store_number(Width::Word, (R10, SOCKADDR + 4), 0);
    it.store_number(Width::Double, (R10, SOCKADDR + 8), 0);
    it.store_number(Width::Word, (R10, SOCKADDR + 16), MAPPED);
    it.store(Width::Word, (R10, SOCKADDR + 20), R8);
    it.store_number(Width::Word, (R10, SOCKADDR + 24), 0);
    bind(it, SOCKADDR_IN6_LENGTH);
    it.jump_if_equal(R0, 0, bound);
    it.jump(failed);
}

/// The same with an address of IPv6.
pub fn bind_v6(it: &mut Assembler, address: Ipv6Addr, bound: Label, failed: Label) {
    begin_sockaddr(it, libc::AF_INET6);
    it.store_number(Width::Word, (R10, SOCKADDR + 4), 0);
    for (part, at) in numbers(address).into_iter().zip([8, 12, 16, 20]) {
        it.store_number(Width::Word, (R10, SOCKADDR + at), part);
    }
    it.store_number(Width::Word, (R10, SOCKADDR + 24), 0);
    bind(it, SOCKADDR_IN6_LENGTH);
    it.jump_if_equal(R0, 0, bound);
    it.jump(failed);
}

/// The family, and no port.
fn begin_sockaddr(it: &mut Assembler, family: i32) {
    it.store_number(Width::Half, (R10, SOCKADDR), family);
    it.store_number(Width::Half, (R10, SOCKADDR + 2), 0);
}

fn bind(it: &mut Assembler, length: i32) {
    it.copy(R1, R6);
    it.copy(R2, R10);
    it.add(R2, i32::from(SOCKADDR));
    it.set(R3, length);
    it.call(BIND);
}
