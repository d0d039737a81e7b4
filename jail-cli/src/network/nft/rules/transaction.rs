// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is changed at once, or not at all.

use nftables::schema::{Chain, FlushObject, NfCmd, NfListObject, NfObject};
use nftables::types::NfFamily;
use serde::Serialize;
use serde_json::{json, Value};

/// Commands, as nft reads them (libnftables-json(5)).
#[derive(Debug, Default, Serialize)]
pub struct Transaction {
    nftables: Vec<Command>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Command {
    Known(NfObject<'static>),
    /// What the crate has no type for.
    Other(Value),
}

impl Transaction {
    /// Adds something; of what is there already, nothing changes.
    pub fn add(&mut self, object: NfListObject<'static>) {
        self.command(NfCmd::Add(object));
    }

    /// Removes something, which has to be there.
    pub fn delete(&mut self, object: NfListObject<'static>) {
        self.command(NfCmd::Delete(object));
    }

    /// Takes all rules from a chain.
    pub fn flush(&mut self, chain: Chain<'static>) {
        self.command(NfCmd::Flush(FlushObject::Chain(chain)));
    }

    /// Adds a map that says where what comes by which interface goes.
    pub fn add_ways(&mut self, family: NfFamily, table: &str, name: &str) {
        let map = json!({
            "family": family, "table": table, "name": name, "type": "ifname", "map": "verdict",
        });
        let add = json!({ "add": { "map": map } });
        self.nftables.push(Command::Other(add));
    }

    fn command(&mut self, command: NfCmd<'static>) {
        self.nftables
            .push(Command::Known(NfObject::CmdObject(command)));
    }
}
