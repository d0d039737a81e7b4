// SPDX-License-Identifier: MIT OR Apache-2.0

//! `extlinux.conf`, which tells U-Boot what to boot.

use super::board::{name_on_card, Board};
use super::content::{INITRAMFS, KERNEL};

/// Where U-Boot looks for it.
pub const PATH: &str = "extlinux/extlinux.conf";

/// The file for a board, with `append` as further kernel arguments.
pub fn config(board: &Board, append: &str) -> String {
    let device_tree = match &board.device_trees[..] {
        [only] => format!("fdt /{}", name_on_card(only)),
        // U-Boot adds the name that goes with the board's revision.
        _ => "fdtdir /".to_owned(),
    };
    let arguments = format!("console={} {append}", board.console);
    let entry = |label: &str, title: &str, more: &str| {
        format!(
            "\nlabel {label}\n\
             \tmenu label {title}\n\
             \tkernel /{KERNEL}\n\
             \t{device_tree}\n\
             \tinitrd /{INITRAMFS}\n\
             \tappend {}\n",
            format!("{} {more}", arguments.trim()).trim()
        )
    };
    // The time-out is in tenths of a second.
    format!(
        "menu title jaula on {}\ntimeout 30\ndefault shell\n{}{}",
        board.title,
        entry("shell", "a root shell", ""),
        entry("demo", "the demonstration, then a root shell", "jaula.demo"),
    )
}

/// A path that an entry names, or a directory where U-Boot is to find a device tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// A file.
    File(String),
    /// A directory of device trees.
    Directory(String),
}

/// What the lines of a file name, without the leading slash.
pub fn named(text: &str) -> Vec<Named> {
    text.lines()
        .filter_map(|line| {
            let (keyword, value) = line.trim().split_once(char::is_whitespace)?;
            let path = value.trim().trim_start_matches('/').to_owned();
            match keyword.to_ascii_lowercase().as_str() {
                "kernel" | "linux" | "initrd" | "fdt" | "devicetree" => Some(Named::File(path)),
                "fdtdir" | "devicetreedir" => Some(Named::Directory(path)),
                _ => None,
            }
        })
        .collect()
}

/// The kernel arguments of each entry.
pub fn arguments(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix("append "))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Result;

    #[test]
    fn entries_name_kernel_device_tree_and_initramfs() -> Result<()> {
        let text = config(&Board::named("beagleboard")?, "quiet");
        let file = |name: &str| Named::File(name.to_owned());
        let wanted = [
            file("zImage"),
            file("omap3-beagle.dtb"),
            file("initramfs.cpio"),
        ];
        assert_eq!(named(&text), [wanted.clone(), wanted].concat());
        assert_eq!(
            arguments(&text),
            [
                "console=ttyS2,115200n8 quiet",
                "console=ttyS2,115200n8 quiet jaula.demo"
            ]
        );
        Ok(())
    }

    #[test]
    fn of_several_device_trees_u_boot_chooses() -> Result<()> {
        let text = config(&Board::named("beagleboard-xm")?, "");
        assert!(named(&text).contains(&Named::Directory(String::new())));
        assert!(!text.contains("\tfdt "), "{text}");
        Ok(())
    }
}
