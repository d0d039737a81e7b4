// SPDX-License-Identifier: MIT OR Apache-2.0

//! The boards that cards are made for, described in `qemu/boards/*.toml`.

use crate::arch::Arch;
use anyhow::{bail, Context, Result};
use serde::Deserialize;

const FILES: [(&str, &str); 2] = [
    (
        "beagleboard",
        include_str!("../../../boards/beagleboard.toml"),
    ),
    (
        "beagleboard-xm",
        include_str!("../../../boards/beagleboard-xm.toml"),
    ),
];

/// A board that boots from an SD card.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Board {
    /// Its name, for the command line.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// The architecture of its processor.
    pub arch: Arch,
    /// The kernel's `console=`.
    pub console: String,
    /// The device trees, as the kernel's make calls them. Of several, U-Boot takes the one for
    /// the board's revision.
    pub device_trees: Vec<String>,
    /// What runs before the kernel.
    pub firmware: Firmware,
}

/// Where the boot loader comes from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Firmware {
    /// The Debian package.
    pub package: String,
    /// The directory in it that has `MLO` and `u-boot.img`.
    pub directory: String,
}

impl Board {
    /// The board of this name; an unknown name lists the known ones.
    pub fn named(name: &str) -> Result<Self> {
        let Some((_, text)) = FILES.iter().find(|(known, _)| *known == name) else {
            let known: Vec<_> = FILES.iter().map(|(name, _)| *name).collect();
            bail!("{name}: no such board; there are: {}", known.join(", "));
        };
        toml::from_str(text).with_context(|| format!("qemu/boards/{name}.toml"))
    }

    /// Every board of an architecture.
    pub fn all_of(arch: Arch) -> Result<Vec<Self>> {
        let mut boards = Vec::new();
        for (name, _) in FILES {
            let board = Self::named(name)?;
            if board.arch == arch {
                boards.push(board);
            }
        }
        Ok(boards)
    }
}

/// What a device tree is called on the card: make's directories are the kernel's own affair.
pub fn name_on_card(device_tree: &str) -> &str {
    device_tree
        .rsplit_once('/')
        .map_or(device_tree, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_parses_and_bears_its_name() -> Result<()> {
        for (name, _) in FILES {
            let board = Board::named(name)?;
            assert_eq!(board.name, name);
            assert!(!board.device_trees.is_empty(), "{name}");
        }
        Ok(())
    }

    #[test]
    fn unknown_board_lists_the_known_ones() {
        let error = Board::named("toaster").expect_err("unknown").to_string();
        for part in ["toaster", "beagleboard", "beagleboard-xm"] {
            assert!(error.contains(part), "{part} in {error}");
        }
    }
}
