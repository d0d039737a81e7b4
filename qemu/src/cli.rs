// SPDX-License-Identifier: MIT OR Apache-2.0

//! The command line of `cargo xtask`.

use crate::arch::Arch;
use crate::guest::initramfs::Copy;
use crate::setup::Wanted;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Builds the jail kernel, boots it in QEMU, and runs commands, tests and benchmarks in it.
///
/// Every command sets up and builds what it needs and is not there yet. Downloads and builds
/// are kept in a cache outside the checkout ($JAULA_CACHE, else $XDG_CACHE_HOME/jaula, else
/// ~/.cache/jaula); removing it is always safe.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub task: Task,
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask demo                         from a fresh machine to IPC refused, in one command
  cargo xtask test                         everything that is checked, on the normal kernel
  cargo xtask exec -- 'jaula /srv/jail -- /bin/sh -c id'
                                           one command in the booted machine
  cargo xtask demo --machine cubieboard    the same on an ARM board
  cargo xtask exec --copy ./prog -- /opt/prog
                                           run a program of yours in it
  cargo xtask shell                        a root shell in it; Ctrl-] ends it
  cargo xtask image beagleboard --out card.img
                                           an SD card for a BeagleBoard
  cargo xtask image debian --out disk.img  a disk with Debian and jaula on it, for a PC
  cargo xtask shell --machine debian       a root shell on that machine
  cargo xtask deb --out ~/packages         packages for a machine that runs Debian
  cargo xtask kernel --source ~/linux      build your own 6.12 tree with the series
  cargo xtask setup --dry-run              see what would be installed";

const TEST_EXAMPLES: &str = "\
Examples:
  cargo xtask test                             everything, on the usual machine
  cargo xtask test --all                       on all machines and kernels: what CI runs
  cargo xtask test --only storms --debug-kernel
                                               one program, on the debug kernel
  cargo xtask test --only launcher::terminal   the cases of one program whose names hold `terminal`
  cargo xtask test --only lint                 formatting is `format`, cargo's own tests `host`
  cargo xtask test --list --only launcher      the names of a program's cases";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Install what is missing on this machine (Debian 12 and 13; elsewhere: say what is)
    Setup(SetupArgs),
    /// Build the kernel and print the path of its image
    Kernel(KernelArgs),
    /// Boot, try every way of IPC across a jail's wall, and show what the kernel said
    Demo(GuestArgs),
    /// Boot to an interactive root shell
    Shell(ShellArgs),
    /// Boot, run one command line as root, and exit with its status
    Exec(ExecArgs),
    /// Check formatting, lints, patches and sizes; run all tests, on this machine and in the guest
    Test(TestArgs),
    /// Write an SD card that a board boots, or a disk with Debian on it, as a file or onto a medium
    Image(ImageArgs),
    /// Make Debian packages of the kernel for a machine with a disk, and of the launcher
    Deb(DebArgs),
    /// Count what the module costs, in instructions, with and without it in `lsm=`
    Bench(BenchArgs),
    /// Work with the kernel series
    #[command(subcommand)]
    Patches(PatchesTask),
}

/// Which kernel.
#[derive(Args, Clone, Debug)]
pub struct KernelChoice {
    /// The architecture [default: that of the machine, which is x86_64 unless named]
    #[arg(long, value_enum)]
    pub arch: Option<Arch>,
    /// An unpatched 6.12 kernel of your own: a directory (it is copied, never changed) or a tarball
    #[arg(long, value_name = "DIR|TARBALL")]
    pub source: Option<PathBuf>,
    /// How many jobs make runs at once [default: one a processor]
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
}

impl KernelChoice {
    /// What building it for these architectures takes.
    pub fn wanted<'a>(&self, archs: &'a [Arch]) -> Wanted<'a> {
        Wanted {
            archs,
            own_source: self.source.is_some(),
            extras: &[],
        }
    }
}

/// What the guest is given.
#[derive(Args, Clone, Debug)]
pub struct GuestArgs {
    /// Which kernel
    #[command(flatten)]
    pub kernel: KernelChoice,
    /// The emulated machine [default: the architecture's usual one]
    #[arg(long, value_name = "NAME")]
    pub machine: Option<String>,
    /// Guest memory in MiB [default: the machine's, else 1024, or 2048 with --debug-kernel]
    #[arg(long, value_name = "MIB")]
    pub memory: Option<u32>,
    /// Number of processors [default: the machine's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub smp: Option<u32>,
    /// Further kernel arguments
    #[arg(
        long,
        value_name = "KERNEL_ARGS",
        default_value = "",
        allow_hyphen_values = true
    )]
    pub append: String,
    /// Use the kernel with lockdep and the other checks, and KASAN where there is one (x86_64)
    #[arg(long)]
    pub debug_kernel: bool,
    /// Put a file of this machine into the guest; DEST is absolute [default: /opt/]
    #[arg(long = "copy", value_name = "FILE[:DEST]")]
    pub copies: Vec<Copy>,
}

impl GuestArgs {
    /// A guest like any other.
    pub fn plain(kernel: KernelChoice) -> Self {
        Self {
            kernel,
            machine: None,
            memory: None,
            smp: None,
            append: String::new(),
            debug_kernel: false,
            copies: Vec::new(),
        }
    }
}

/// `setup`
#[derive(Args, Debug)]
pub struct SetupArgs {
    /// Only print the commands
    #[arg(long)]
    pub dry_run: bool,
}

/// `kernel`
#[derive(Args, Debug)]
pub struct KernelArgs {
    /// Which kernel
    #[command(flatten)]
    pub kernel: KernelChoice,
    /// Build the one with lockdep and the other checks, and KASAN where there is one (x86_64)
    #[arg(long)]
    pub debug_kernel: bool,
    /// Build the one for a machine with a disk and a distribution on it, with its modules
    #[arg(long, conflicts_with = "debug_kernel")]
    pub server: bool,
}

/// `shell`
#[derive(Args, Debug)]
pub struct ShellArgs {
    /// What the guest is given
    #[command(flatten)]
    pub guest: GuestArgs,
}

/// `exec`
#[derive(Args, Debug)]
pub struct ExecArgs {
    /// What the guest is given
    #[command(flatten)]
    pub guest: GuestArgs,
    /// End the machine after this many seconds, with exit status 124
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout: u64,
    /// The command line for the guest's shell; several words are joined by spaces
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// `test`
///
/// Without `--all` everything is tested on one machine, `pc` with its normal kernel unless another
/// is named. docs/testing.md says what each tier leaves out.
#[derive(Args, Debug)]
#[command(after_help = TEST_EXAMPLES)]
pub struct TestArgs {
    /// Which kernel
    #[command(flatten)]
    pub kernel: KernelChoice,
    /// Run the guest's tests on one machine only
    #[arg(long, value_name = "NAME")]
    pub machine: Option<String>,
    /// Run the guest's tests on every machine (of the architecture, where one is named), and on
    /// the debug kernel as well: what CI runs
    #[arg(long, conflicts_with = "machine")]
    pub all: bool,
    /// Run the guest's tests on the debug kernel instead
    #[arg(long, conflicts_with = "all")]
    pub debug_kernel: bool,
    /// Leave nothing out: every program in every setting, all rounds of the storms, kills and random
    /// sequences, and the module in kernels configured at random
    #[arg(long)]
    pub long: bool,
    /// Run only this: a guest program, one of its cases (PROGRAM::CASE, or a part of the case's name),
    /// or a check (lint, host::cargo_test); can be given several times
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,
    /// List what there is, and run nothing; with --only, the cases of programs, from a booted guest
    #[arg(long)]
    pub list: bool,
    /// Share the programs of a setting that can share a boot out among so many [default: as many as it
    /// takes]
    #[arg(long, value_name = "N", value_parser = shard_count)]
    pub shards: Option<usize>,
}

fn shard_count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if (1..=64).contains(&count) => Ok(count),
        _ => Err("a number from 1 to 64 is needed".to_owned()),
    }
}

/// `image`
///
/// The Debian machine boots by UEFI and has a user `debian`, whose password `debian` has to be changed
/// at the first login, and a serial console.
#[derive(Args, Debug)]
pub struct ImageArgs {
    /// What is to boot it: beagleboard, beagleboard-xm, or debian for a PC
    #[arg(value_name = "MACHINE")]
    pub machine: String,
    /// The image file to write, or the block device of a medium (/dev/sdX)
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Replace a file that is there; overwrite a medium with all that is on it
    #[arg(long)]
    pub force: bool,
    /// For a board: a directory with MLO and u-boot.img [default: Debian's package for it]
    #[arg(long, value_name = "DIR")]
    pub firmware: Option<PathBuf>,
    /// For a board: further kernel arguments
    #[arg(
        long,
        value_name = "KERNEL_ARGS",
        default_value = "",
        allow_hyphen_values = true
    )]
    pub append: String,
    /// An unpatched 6.12 kernel of your own: a directory (it is copied, never changed) or a tarball
    #[arg(long, value_name = "DIR|TARBALL")]
    pub source: Option<PathBuf>,
    /// How many jobs make runs at once [default: one a processor]
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
}

/// `deb`
///
/// The paths of the packages are printed. A package that nothing has changed in is not made anew.
#[derive(Args, Debug)]
pub struct DebArgs {
    /// Which kernel; for arm there is the launcher alone
    #[command(flatten)]
    pub kernel: KernelChoice,
    /// The directory that the packages go to [default: deb in cargo's target directory]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Make only this package
    #[arg(long, value_enum, value_name = "PACKAGE")]
    pub only: Option<Package>,
    /// Have lintian look at the packages, and fail if it has anything to say
    #[arg(long)]
    pub lintian: bool,
}

/// A package of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Package {
    /// The kernel
    LinuxImage,
    /// The launcher
    Jaula,
}

/// `bench`
#[derive(Args, Debug)]
pub struct BenchArgs {
    /// Which kernel
    #[command(flatten)]
    pub kernel: KernelChoice,
}

/// `patches`
#[derive(Debug, Subcommand)]
pub enum PatchesTask {
    /// Write the series and the module as one mailbox for `git am`
    Export(ExportArgs),
}

/// `patches export`
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// The file to write
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn exec_takes_the_command_after_two_dashes() {
        let cli = Cli::parse_from(["cargo xtask", "exec", "--append", "-x y", "--", "ls", "-l"]);
        match cli.task {
            Task::Exec(args) => {
                assert_eq!(args.command, ["ls", "-l"]);
                assert_eq!(args.guest.append, "-x y");
                assert_eq!(args.timeout, 120);
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn unknown_architecture_lists_the_known() {
        let error = Cli::try_parse_from(["cargo xtask", "kernel", "--arch", "pdp11"])
            .expect_err("unknown")
            .to_string();
        assert!(
            error.contains("pdp11") && error.contains("x86_64"),
            "{error}"
        );
    }
}
