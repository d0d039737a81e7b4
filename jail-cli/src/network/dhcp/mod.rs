// SPDX-License-Identifier: MIT OR Apache-2.0

//! Addresses that a server of the network hands out (DHCP, RFC 2131), for IPv4.
//!
//! A process of jaula's asks for one, and keeps it for as long as the jail lives ([`keeper`]). It is outside of
//! the jail, but for its network. The jail has to know nothing of all this, and can do nothing about it but
//! what it can do about its network anyway.
//!
//! What comes from the network is whatever somebody there likes: [`message`] takes nothing from it but numbers
//! within bounds and one name of known letters.

mod client;
mod keeper;
mod lease;
mod message;

pub use keeper::{end, Keeper, Start};
pub use lease::noted;
