// SPDX-License-Identifier: MIT OR Apache-2.0

//! Abstract unix sockets: names without a file, which no root directory keeps apart.

use super::attack::{Area, Attack, Attempt, Down, Needed};
use super::scene::Scene;
use crate::sys::unix::{self, Kind};
use crate::sys::Errno;

const fn attack(name: &'static str, attempt: fn(&Scene) -> Attempt) -> Attack {
    Attack::crossing(Area::Sockets, name, attempt, Errno::EPERM)
        .counted("refusals.unix")
        .from_above(Down::Refused)
}

/// The rows of the table.
pub const ATTACKS: &[Attack] = &[
    attack("connect to a stream socket", |scene| {
        connect(scene, Kind::Stream)
    }),
    attack("connect to a seqpacket socket", |scene| {
        connect(scene, Kind::Packet)
    }),
    attack("connect to a datagram socket", |scene| {
        connect(scene, Kind::Datagram)
    }),
    attack("sendto to a datagram socket", |scene| {
        let socket = unix::socket(Kind::Datagram).needed("socket")?;
        Ok(unix::send_to(
            &socket,
            &scene.target.socket(Kind::Datagram),
        )?)
    }),
    attack("sendmsg to a datagram socket", |scene| {
        let socket = unix::socket(Kind::Datagram).needed("socket")?;
        let name = scene.target.socket(Kind::Datagram);
        Ok(unix::send_message(&socket, Some(&name))?)
    }),
];

fn connect(scene: &Scene, kind: Kind) -> Attempt {
    let socket = unix::socket(kind).needed("socket")?;
    Ok(unix::connect(&socket, &scene.target.socket(kind))?)
}
