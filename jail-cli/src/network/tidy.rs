// SPDX-License-Identifier: MIT OR Apache-2.0

//! Removing what no jail uses any more, whoever has left it.

use super::definition::Definitions;
use super::link::of_jail;
use super::member::{self, Connected, Member};
use super::netlink::Socket;
use super::{dhcp, names, nft, rate, For};
use crate::isolation::To;
use crate::jail::JailNumber;
use crate::jails::Jails;

/// Removes all that belongs to jails that have ended. It is free where no jail was ever connected.
///
/// # Errors
///
/// What is left.
pub fn tidy(jails: &Jails) -> Result<(), String> {
    match member::is_used() {
        true => all(&Connected::lock()?, jails, None),
        false => Ok(()),
    }
}

/// The same, and all that belongs to one that has just ended, or never began.
///
/// # Errors
///
/// What is left.
pub fn tear_down(gone: For) -> Result<(), String> {
    let jails = Jails::open().map_err(|error| error.to_string())?;
    all(&Connected::lock()?, &jails, Some(gone))
}

/// The same, while nobody else changes anything.
pub(super) fn all(connected: &Connected, jails: &Jails, gone: Option<For>) -> Result<(), String> {
    // What is wrong with one place does not keep what is left at another.
    let mut first = Ok(());
    for to in connected.places()? {
        let done = place(connected, &to, jails, gone);
        first = first.and(done.map_err(|why| format!("{to}: {why}")));
    }
    first
}

fn place(connected: &Connected, to: &To, jails: &Jails, gone: Option<For>) -> Result<(), String> {
    let noted = connected.noted(to)?;
    let find = |number: &JailNumber| connected.read(to, *number);
    // By its number alone it could be a later one, which has been connected meanwhile.
    let is_gone = |member: &Member| gone == Some(member.jail());
    let is_alive = |member: &Member| !is_gone(member) && member.is_alive(jails);
    let alive: Vec<Member> = noted.iter().filter_map(find).filter(is_alive).collect();
    let is_left = |number: &&JailNumber| !alive.iter().any(|member| member.number == **number);
    let dead: Vec<JailNumber> = noted.iter().filter(is_left).copied().collect();
    if dead.is_empty() && !alive.is_empty() {
        return Ok(());
    }
    let mut host = Socket::open()?;
    for number in &dead {
        // As long as it has an interface to give the address back by.
        if let Some(keeper) = connected.read(to, *number).and_then(|member| member.keeper) {
            dhcp::end(keeper)?;
        }
        // What could not be removed of one may be left while another has its number, elsewhere.
        if !is_elsewhere(connected, to, *number, jails)? {
            host.remove_own(&of_jail(*number))?;
            rate::unlimit(&mut host, *number)?;
        }
        if connected.has_filter(to, *number) {
            nft::unfilter(*number)?;
        }
    }
    match to {
        To::Network(name) if alive.is_empty() => {
            host.remove_own(&name.bridge())?;
            nft::remove(name)?;
        }
        To::Network(name) => {
            // It is not removed while a jail is in it.
            if let Some(definition) = Definitions::default().find(name)? {
                nft::apply(name, &definition, &alive, nft::Change::Gone(&dead))?;
            }
        }
        To::Bridge(_) | To::Macvlan(_) => {}
    }
    names::write_hosts(connected, to, &alive)?;
    // Last: whoever is killed before finds all of it again.
    for number in dead {
        connected.forget(to, number)?;
    }
    match alive.is_empty() {
        true => connected.forget_place(to),
        false => Ok(()),
    }
}

/// Whether a live jail of this number is connected to another place.
fn is_elsewhere(
    connected: &Connected,
    than: &To,
    number: JailNumber,
    jails: &Jails,
) -> Result<bool, String> {
    let mut others = connected.places()?;
    others.retain(|to| to != than);
    let mut members = others.iter().filter_map(|to| connected.read(to, number));
    Ok(members.any(|member| member.is_alive(jails)))
}
