// SPDX-License-Identifier: MIT OR Apache-2.0

//! socket(2): TCP and UDP alone. The others choose their addresses without being asked about them.

use super::parts::{fail, succeed, SOCK_PROTOCOL, SOCK_TYPE};
use super::Addresses;
use crate::host_address::assembler::Register::{R1, R2, R3};
use crate::host_address::assembler::{Assembler, Width};

pub fn write(it: &mut Assembler, _: &Addresses) {
    let (allowed, refused) = (it.label(), it.label());
    it.load(Width::Word, R2, (R1, SOCK_TYPE));
    it.load(Width::Word, R3, (R1, SOCK_PROTOCOL));
    for (kind, protocol) in [
        (libc::SOCK_STREAM, libc::IPPROTO_TCP),
        (libc::SOCK_DGRAM, libc::IPPROTO_UDP),
    ] {
        let other = it.label();
        it.jump_unless_equal(R2, kind, other);
        it.jump_if_equal(R3, protocol, allowed);
        it.place(other);
    }
    it.jump(refused);
    fail(it, refused, libc::EPROTONOSUPPORT);
    succeed(it, allowed);
}
