// SPDX-License-Identifier: MIT OR Apache-2.0

//! What networks of jails take.

use super::Finding;
use crate::network::needs;
use crate::privilege;

pub fn examine() -> Vec<Finding> {
    vec![interfaces(), rules()]
}

fn interfaces() -> Finding {
    let check = "networks: interfaces";
    if privilege::require().is_err() {
        return Finding::warning(
            check,
            "not looked at",
            "whether the kernel can connect jails can be told to root alone",
        );
    }
    match needs::interfaces() {
        Ok(missing) if missing.is_empty() => {
            Finding::ok(check, "bridges, pairs of interfaces, and what slows them down")
        }
        Ok(missing) => Finding::warning(
            check,
            format!("without {}", missing.join(", ")),
            "the options that need them fail, such as --net NAME and --net-rate; --net none does not",
        ),
        Err(why) => Finding::warning(check, why, "--net NAME does not work; --net none may"),
    }
}

fn rules() -> Finding {
    let check = "networks: nftables";
    if !needs::has_nft() {
        return Finding::warning(
            check,
            "the program nft is missing",
            "networks lead nowhere: they are made with --internal, and jails that may send what they like \
             (net_admin, net_raw, --ids) are in none (Debian: apt install nftables)",
        );
    }
    if privilege::require().is_err() {
        return Finding::warning(
            check,
            "nft is there; the kernel was not looked at",
            "whether it knows the rules can be told to root alone",
        );
    }
    match needs::rules() {
        Ok(()) => Finding::ok(check, "nft, and rules for packets, addresses and frames"),
        Err(why) => Finding::warning(
            check,
            why,
            "without rules for packets and addresses (CONFIG_NF_TABLES_INET, CONFIG_NFT_NAT, CONFIG_NFT_MASQ, \
             CONFIG_NFT_FIB_INET) networks lead nowhere; without those for frames (CONFIG_NF_TABLES_BRIDGE) \
             jails that may send what they like (net_admin, net_raw, --ids) are in none",
        ),
    }
}
