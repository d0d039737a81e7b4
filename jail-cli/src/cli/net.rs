// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula net`: networks of jails.

use clap::{Args, Subcommand};
use ipnet::IpNet;

use jaula::isolation::NetworkName;
use jaula::jails::Jails;
use jaula::network::{self, seen};
use jaula::privilege;

use super::table::Table;
use super::{output, Failure};

/// What is done with networks.
#[derive(Debug, Subcommand)]
pub enum Net {
    /// Make a network
    ///
    /// It is there for good; its bridge, its rules and its interfaces only as long as a jail is in it.
    Create(Create),

    /// List networks
    Ls(Ls),

    /// Print all that is known of a network, as JSON: who is in it, and who listens and talks there
    Inspect(Inspect),

    /// Remove a network that no jail is in
    Rm(Rm),
}

/// Which network is made.
#[derive(Debug, Args)]
pub struct Create {
    /// Name of the network: 1 to 12 letters, digits, '_' and '-'
    #[arg(value_name = "NAME")]
    name: NetworkName,

    /// Its prefix, as 10.1.2.0/24 or fd00:1::/64; one of each kind [default: free ones]
    ///
    /// Without it, 10.201.N.0/24 and, where the kernel has IPv6, a unique local /64.
    #[arg(long, value_name = "PREFIX")]
    subnet: Vec<IpNet>,

    /// Nothing outside of it is reached from it, but for the host, and nothing reaches it
    #[arg(long)]
    internal: bool,
}

/// How networks are listed.
#[derive(Debug, Args)]
pub struct Ls {
    /// Print all that is known, as a JSON array
    #[arg(short, long)]
    json: bool,
}

/// Which network is looked at.
#[derive(Debug, Args)]
pub struct Inspect {
    /// Name of the network
    #[arg(value_name = "NAME")]
    name: NetworkName,
}

/// Which networks are removed.
#[derive(Debug, Args)]
pub struct Rm {
    /// Names of the networks
    #[arg(value_name = "NAME", required = true)]
    names: Vec<NetworkName>,
}

impl Net {
    /// Does it.
    pub fn run(self) -> Result<u8, Failure> {
        privilege::require().map_err(Failure::failed)?;
        let jails = Jails::open()?;
        // What a jaula has left that was killed.
        network::tidy(&jails).map_err(Failure::failed)?;
        match self {
            Net::Create(create) => create.run(),
            Net::Ls(ls) => ls.run(&jails),
            Net::Inspect(inspect) => {
                let found = seen::inspect(&inspect.name, &jails).map_err(Failure::failed)?;
                output::json(&found)?;
                Ok(0)
            }
            Net::Rm(rm) => rm.run(&jails),
        }
    }
}

impl Create {
    fn run(self) -> Result<u8, Failure> {
        let made = network::create(&self.name, &self.subnet, self.internal);
        let made = made.map_err(Failure::failed)?;
        let subnets: Vec<String> = made.subnets.iter().map(ToString::to_string).collect();
        output::print(&format!("{}\t{}\n", self.name, subnets.join(" ")))?;
        Ok(0)
    }
}

impl Ls {
    fn run(self, jails: &Jails) -> Result<u8, Failure> {
        let networks = seen::list(jails).map_err(Failure::failed)?;
        if self.json {
            output::json(&networks)?;
            return Ok(0);
        }
        let mut table = Table::new(&["NAME", "SUBNETS", "LEADS TO", ">JAILS"]);
        for network in networks {
            let leads = if network.internal {
                "nothing"
            } else {
                "others"
            };
            table.row([
                network.name.to_string(),
                network.subnets.join(" "),
                leads.to_owned(),
                network.jails.len().to_string(),
            ]);
        }
        output::print(&table.text())?;
        Ok(0)
    }
}

impl Rm {
    fn run(self, jails: &Jails) -> Result<u8, Failure> {
        for name in &self.names {
            network::remove(name, jails).map_err(Failure::failed)?;
        }
        Ok(0)
    }
}
