// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is mounted, as options whose order among each other counts.

use std::ffi::OsStr;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};

use jaula::isolation::{Bind, Device, Mount, Tmpfs};

/// Everything that is mounted by option, in the order of the command line.
#[derive(Clone, Debug, Default)]
pub struct Mounting(pub Vec<Mount>);

const BIND: &str = "bind";
const TMPFS: &str = "tmpfs";
const DEVICE: &str = "device";

/// An option that can be given several times, whose value may hold any bytes.
fn option(
    name: &'static str,
    value: &'static str,
    parse: impl Fn(&OsStr) -> Result<Mount, String> + Clone + Send + Sync + 'static,
) -> Arg {
    let parser = OsStringValueParser::new().try_map(move |text| parse(&text));
    Arg::new(name)
        .long(name)
        .help_heading("Mounts")
        .value_name(value)
        .action(ArgAction::Append)
        .value_parser(parser)
}

impl Args for Mounting {
    fn augment_args(command: Command) -> Command {
        let bind = option(BIND, "SRC:DST[:ro]", |text| {
            Bind::parse(text).map(Mount::Bind)
        });
        let tmpfs = option(TMPFS, "DST[:size=BYTES,mode=OCTAL]", |text| {
            Tmpfs::parse(text).map(Mount::Tmpfs)
        });
        let device = option(DEVICE, "SRC[:DST]", |text| {
            Device::parse(text).map(Mount::Device)
        });
        command
            .arg(
                bind.help("Show SRC of the host as DST; repeatable")
                    .long_help(
                        "Show SRC of the host as DST; repeatable\n\n\
                         With \":ro\", nothing in it can be changed. No device in it works, and no \
                         set-user-ID. --bind, --tmpfs and --device are done in the order in which they \
                         are given, so that they can lie in one another. DST must exist, but in what \
                         jaula itself has mounted, /dev and each --tmpfs, where it is made. Links on the \
                         way to SRC are followed only where nobody but root of the host can have made \
                         them.",
                    ),
            )
            .arg(tmpfs.help("Mount an empty file system in memory on DST [default: size=64M,mode=1777]"))
            .arg(
                device
                    .help("Let the jail use a device of the host [default DST: SRC]")
                    .long_help(
                        "Let the jail use a device of the host [default DST: SRC]\n\n\
                         In /dev a node is made, with the owner and the mode of SRC. Elsewhere DST must \
                         exist.",
                    ),
            )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Mounting {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut found = Vec::new();
        for name in [BIND, TMPFS, DEVICE] {
            let (Some(indices), Some(mounts)) =
                (matches.indices_of(name), matches.get_many::<Mount>(name))
            else {
                continue;
            };
            found.extend(indices.zip(mounts.cloned()));
        }
        found.sort_by_key(|(index, _)| *index);
        Ok(Mounting(
            found.into_iter().map(|(_, mount)| mount).collect(),
        ))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        mounting: Mounting,
    }

    #[test]
    fn the_order_is_that_of_the_command_line() {
        let line = [
            "jaula",
            "--tmpfs",
            "/a",
            "--bind=/x:/a/b",
            "--device",
            "/dev/x:/a/d",
            "--tmpfs=/a/b/c",
            "--bind",
            "/y:/a/b/c/e",
        ];
        let line = Line::try_parse_from(line).unwrap_or_else(|error| panic!("{error}"));
        let targets: Vec<_> = line.mounting.0.iter().map(Mount::target).collect();
        let expected = ["/a", "/a/b", "/a/d", "/a/b/c", "/a/b/c/e"];
        assert_eq!(targets, expected.map(std::path::Path::new));
        assert!(Line::try_parse_from(["jaula", "--bind", "/x"]).is_err());
        let none = Line::try_parse_from(["jaula"]).map(|line| line.mounting.0.len());
        assert_eq!(none.ok(), Some(0));
    }
}
