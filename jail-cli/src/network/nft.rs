// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the kernel lets through between a network and all else: two tables of nftables for each network, one
//! for packets and one for frames of its bridge.
//!
//! That for packets is written anew as a whole each time that a jail comes or goes: whatever was there before,
//! afterwards it is what is said here. In that for frames, what is about each jail is added and removed with it,
//! so that it takes no longer where many are there; all of it is written where there is none. Either happens in
//! one transaction, and nothing else is ever touched.

mod rules;

use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

use serde::Serialize;

use super::definition::Definition;
use super::member::Member;
use crate::isolation::NetworkName;
use crate::jail::JailNumber;
use crate::program::{command, find, said};
use rules::Tables;

/// The program.
const NFT: &str = "nft";

/// Why the program is needed, and what is to be done.
pub fn missing(what: &str) -> String {
    format!(
        "{what}, and that takes the program nft, which is missing (Debian: apt install nftables)"
    )
}

/// Whether the program is there.
pub fn is_there() -> bool {
    find(NFT).is_some()
}

/// What has changed since the tables of a network were put in place.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// The last of the jails has come.
    Last,
    /// These have gone.
    Gone(&'a [JailNumber]),
}

/// Has the tables of a network be about these jails.
///
/// # Errors
///
/// What is wrong, where they are needed; without the program they may not be.
pub fn apply(
    name: &NetworkName,
    definition: &Definition,
    members: &[Member],
    change: Change<'_>,
) -> Result<(), String> {
    let Some(nft) = find(NFT) else {
        return Ok(());
    };
    let tables = Tables::of(name);
    let change = match change {
        Change::Last if members.len() > 1 => Some(tables.with_last(definition, members)),
        Change::Last => None,
        Change::Gone(gone) => Some(tables.without(definition, members, gone)),
    };
    // Where something is not as it was left, all of it is put in place.
    if change.is_some_and(|change| run(&nft, &change).is_ok()) {
        return Ok(());
    }
    let Err(why) = run(&nft, &tables.all(definition, members)) else {
        return Ok(());
    };
    if members.iter().any(|member| member.must_be_filtered) {
        return Err(unfiltered(&why));
    }
    // The kernel may have none for frames.
    run(&nft, &tables.packets(definition, members))
}

/// Puts the tables of a network without jails where there are none, in the namespace of the calling thread.
///
/// # Errors
///
/// What of it the kernel has not.
pub fn try_all(name: &NetworkName, definition: &Definition) -> Result<(), String> {
    let nft = find(NFT).ok_or_else(|| missing("rules are made"))?;
    let tables = Tables::of(name);
    let packets = run(&nft, &tables.packets(definition, &[]));
    packets.map_err(|why| format!("rules for packets: {why}"))?;
    let all = run(&nft, &tables.all(definition, &[]));
    all.map_err(|why| format!("rules for frames: {why}"))
}

/// Filters what a jail sends that is in no network of jaula's, by a table of its own.
///
/// # Errors
///
/// What is wrong, where it must be filtered.
pub fn filter(member: &Member) -> Result<(), String> {
    let Some(nft) = find(NFT) else {
        return Ok(());
    };
    let tables = Tables::of_jail(member.number);
    match run(&nft, &tables.frames(member)) {
        Err(why) if member.must_be_filtered => Err(unfiltered(&why)),
        _ => Ok(()),
    }
}

/// Filters a jail no more that may have been.
///
/// # Errors
///
/// What is wrong, where there is something to be removed.
pub fn unfilter(number: JailNumber) -> Result<(), String> {
    let Some(nft) = find(NFT) else {
        return Ok(());
    };
    let tables = Tables::of_jail(number);
    match run(&nft, &tables.no_frames()) {
        // There never were any.
        Err(why) if why.contains("not supported") => Ok(()),
        removed => removed,
    }
}

fn unfiltered(why: &str) -> String {
    format!(
        "{why}; a jail that may send what it likes (--allow net_admin, net_raw, --ids) is in a network only where \
         its frames can be filtered (CONFIG_NF_TABLES_BRIDGE)"
    )
}

/// Removes the tables of a network, where they are there.
///
/// # Errors
///
/// What is wrong.
pub fn remove(name: &NetworkName) -> Result<(), String> {
    let Some(nft) = find(NFT) else {
        return Ok(());
    };
    let tables = Tables::of(name);
    run(&nft, &tables.none(true)).or_else(|_| run(&nft, &tables.none(false)))
}

fn run(nft: &Path, rules: &impl Serialize) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("nft: {error}");
    let text = serde_json::to_vec(rules).map_err(|error| failed(error.into()))?;
    let mut child = command(nft)
        .args(["-j", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let written = child.stdin.take().map(|mut input| input.write_all(&text));
    let output: Output = child.wait_with_output().map_err(failed)?;
    match (output.status.success(), written) {
        (true, Some(Err(error))) => Err(failed(error)),
        (true, _) => Ok(()),
        (false, _) => Err(format!("nft: {}", said(&output))),
    }
}
