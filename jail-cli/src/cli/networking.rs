// SPDX-License-Identifier: MIT OR Apache-2.0

//! How a jail is connected, as options.

use clap::Args;

use jaula::isolation::{Net, NetRate, Network, Publish, Sysctl};

/// How it is connected.
#[derive(Debug, Args)]
#[command(next_help_heading = "Network")]
pub struct Networking {
    /// Which network the jail is in [default: host]
    ///
    /// "host" is the host's, "none" one of its own with loopback alone. NAME is one that "jaula net create" has
    /// made; the jail gets an address of it, kept for its name, or those that are asked for:
    /// NAME,ip=ADDRESS,mac=ADDRESS. "bridge:IF" leads to what a bridge of the host's leads to, "macvlan:IF" to
    /// what another interface of it leads to, both with ,ip=ADDRESS/LENGTH and ,gateway=ADDRESS, or with ,ip=dhcp
    /// and what a server there hands out. "ns:PATH" is the network namespace at a path, as it is.
    #[arg(
        long,
        value_name = "host|none|NAME|bridge:IF|macvlan:IF|ns:PATH",
        conflicts_with = "new_net"
    )]
    net: Option<Net>,

    /// With --net NAME: have a port of the host lead to one of the jail; repeatable
    ///
    /// The first is the host's, on IP or on all of its addresses.
    #[arg(long, value_name = "[IP:]PORT:PORT[/udp]", requires = "net")]
    publish: Vec<Publish>,

    /// With --net NAME or bridge:IF: how fast the jail sends, and receives
    ///
    /// RATE is in bit, kbit, mbit or gbit, powers of 1000, and both ways unless IN is given. As many bytes as
    /// BURST go through at once.
    #[arg(long, value_name = "RATE[:IN][,BURST]", requires = "net")]
    net_rate: Option<NetRate>,

    /// Set the kernel up for the jail's own network: net.ipv4.ip_forward=1; repeatable
    #[arg(long, value_name = "net.KEY=VALUE")]
    sysctl: Vec<Sysctl>,
}

impl Networking {
    /// All of it.
    pub fn network(self) -> Network {
        Network {
            net: self.net,
            publish: self.publish,
            net_rate: self.net_rate,
            sysctl: self.sysctl,
        }
    }
}
