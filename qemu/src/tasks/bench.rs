// SPDX-License-Identifier: MIT OR Apache-2.0

//! `cargo xtask bench`: what the module costs, counted exactly.
//!
//! Under `-icount shift=0` the guest's clock advances one nanosecond an instruction, so the
//! nanoseconds that the guest's benchmark measures are instructions, and the same kernel
//! booted with and without the module in `lsm=` gives the difference.

use super::guest_run::{exit_code, Guest, Plan, Processors};
use super::shared_buffer::SharedBuffer;
use crate::arch::Arch;
use crate::boot::deadline::Deadline;
use crate::boot::session::{Ended, Io};
use crate::cli::{BenchArgs, GuestArgs};
use crate::guest::initramfs::Copy;
use crate::guest::userland::TOOLS_DIR;
use crate::project::Project;
use crate::ui::{Progress, Scale};
use anyhow::{bail, Result};
use std::process::{Command, ExitCode};
use std::time::Duration;
use tabled::builder::Builder;
use tabled::settings::object::Columns;
use tabled::settings::{Alignment, Style};

const LIMIT: Duration = Duration::from_secs(1800);

/// Boots twice and prints the table.
pub fn run(project: &Project, args: &BenchArgs) -> Result<ExitCode> {
    let mut guest_args = GuestArgs::plain(args.kernel.clone());
    if args.kernel.arch.unwrap_or(Arch::X86_64).is_native() {
        guest_args.copies = bubblewrap();
    }
    let guest = Guest::prepare(project, &guest_args)?;
    let mut figures = Vec::new();
    // Where the stack and the libraries lie changes what page faults cost.
    for (name, append) in [
        ("bench-without", "lsm=capability norandmaps"),
        ("bench-with", "lsm=jaula norandmaps"),
    ] {
        let progress = Progress::start(&format!("counting instructions, {append}"), Scale::Unknown);
        let output = SharedBuffer::default();
        let outcome = guest.boot(Plan {
            name,
            command: Some(command()),
            shell: false,
            append,
            processors: Processors::Counted,
            io: Io::Collect(Box::new(output.clone())),
            deadline: Deadline::after(Some(LIMIT)),
        })?;
        if outcome.ended != Ended::Normally || outcome.status != Some(0) {
            eprint!("{}", output.text());
            exit_code(&outcome, Some(LIMIT));
            bail!("the benchmark failed with {append}");
        }
        figures.push(parse(&output.text())?);
        progress.done();
    }
    let [without, with] = [&figures[0], &figures[1]];
    println!("{}", table(without, with));
    let missing = missing(without, with);
    if !missing.is_empty() {
        println!(
            "\nLeft out, as this kernel or machine lacks them: {}",
            missing.join("; ")
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs the benchmark on a root that is a mount of its own: what an initramfs is on is none, and
/// nothing can pivot away from it, as bubblewrap does.
fn command() -> String {
    format!(
        "mkdir -p /mnt && exec unshare --mount sh -c 'mount --rbind / /mnt && cd /mnt && \
         mount --move . / && exec chroot . {TOOLS_DIR}/jaula-bench'"
    )
}

/// Bubblewrap and the libraries that it is linked with, where this machine has it and the guest
/// can execute it.
fn bubblewrap() -> Vec<Copy> {
    const PROGRAM: &str = "/usr/bin/bwrap";
    let libraries = Command::new("ldd").arg(PROGRAM).output();
    let Some(libraries) = libraries.ok().filter(|output| output.status.success()) else {
        eprintln!("{PROGRAM} is not there, and left out: it is in the package bubblewrap");
        return Vec::new();
    };
    let libraries = String::from_utf8_lossy(&libraries.stdout).into_owned();
    std::iter::once(PROGRAM)
        .chain(
            libraries
                .split_whitespace()
                .filter(|word| word.starts_with('/')),
        )
        .map(|path| Copy {
            from: path.into(),
            to: path.to_owned(),
        })
        .collect()
}

/// Operations with their figures; `None` where the kernel has no such call.
type Figures = Vec<(String, Option<f64>)>;

/// Lines of a name, a tab, and nanoseconds or `-`.
fn parse(output: &str) -> Result<Figures> {
    let mut figures = Vec::new();
    for line in output
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
    {
        let Some((name, value)) = line.split_once('\t') else {
            bail!("the benchmark printed a line without a tab: {line}");
        };
        figures.push((
            name.to_owned(),
            match value.trim() {
                "-" => None,
                number => match number.parse() {
                    Ok(number) => Some(number),
                    Err(_) => bail!("the benchmark printed no number for {name}: {number}"),
                },
            },
        ));
    }
    if figures.is_empty() {
        bail!("the benchmark printed no figures");
    }
    Ok(figures)
}

fn value_of(figures: &Figures, name: &str) -> Option<f64> {
    let (_, value) = figures.iter().find(|(other, _)| other == name)?;
    *value
}

/// What could be measured neither with the module nor without it.
fn missing<'a>(without: &Figures, with: &'a Figures) -> Vec<&'a str> {
    with.iter()
        .filter(|(name, value)| value.is_none() && value_of(without, name).is_none())
        .map(|(name, _)| name.as_str())
        .collect()
}

fn table(without: &Figures, with: &Figures) -> String {
    let mut builder = Builder::default();
    builder.push_record(["operation", "without", "with", "difference", "percent"]);
    let figure = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.0}"));
    for (name, with) in with {
        let without = value_of(without, name);
        if without.is_none() && with.is_none() {
            continue;
        }
        let (difference, percent) = match (without, with) {
            (Some(without), Some(with)) if without > 0.0 => {
                let difference = with - without;
                (
                    format!("{difference:+.0}"),
                    format!("{:+.2}", 100.0 * difference / without),
                )
            }
            _ => ("-".to_owned(), "-".to_owned()),
        };
        builder.push_record([
            name.clone(),
            figure(without),
            figure(*with),
            difference,
            percent,
        ]);
    }
    let mut table = builder.build();
    table
        .with(Style::markdown())
        .modify(Columns::new(1..), Alignment::right());
    format!("Instructions an operation, with and without jaula in lsm=:\n\n{table}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_compared_by_name() -> Result<()> {
        let without = parse("getppid\t200\nsemop\t1000.0\nmq_send\t-\ncreate_newjail\t-\n")?;
        let with = parse("getppid\t200\nsemop\t1010\nmq_send\t-\ncreate_newjail\t5000\n")?;
        assert_eq!(missing(&without, &with), ["mq_send"]);
        let table = table(&without, &with);
        let row = |name: &str| -> Vec<String> {
            let line = table
                .lines()
                .find(|line| line.contains(name))
                .unwrap_or_default();
            line.split('|')
                .map(|cell| cell.trim().to_owned())
                .filter(|cell| !cell.is_empty())
                .collect()
        };
        assert_eq!(row("getppid"), ["getppid", "200", "200", "+0", "+0.00"]);
        assert_eq!(row("semop"), ["semop", "1000", "1010", "+10", "+1.00"]);
        assert_eq!(
            row("create_newjail"),
            ["create_newjail", "-", "5000", "-", "-"]
        );
        assert!(!table.contains("mq_send"));
        Ok(())
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(parse("").is_err());
        assert!(parse("getppid 200\n").is_err());
        assert!(parse("getppid\tfast\n").is_err());
    }
}
