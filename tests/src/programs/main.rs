// SPDX-License-Identifier: MIT OR Apache-2.0

//! The tests that run inside the booted kernel, as root: `jaula-test PROGRAM [CASE]...`.
//!
//! Each program covers one concern and reports in KTAP. They are one executable, so that they are
//! linked once and lie in the guest once. `programs.toml` says where each of them runs.

mod admin;
mod admin_killed;
mod allowance;
mod attach;
mod attr;
mod compat;
mod described;
mod descriptors;
mod destroy;
mod encrypted;
mod escape;
mod executed;
mod file_signals;
mod hierarchy;
mod host_address;
mod images;
mod inherit;
mod ipc_blocked;
mod ipc_cross;
mod ipc_same;
mod ipc_undo;
mod isolation;
mod jailfs;
mod launcher;
mod layers;
mod limits;
mod log;
mod machine;
mod network;
mod network_outside;
mod numbers;
mod numbers_wrap;
mod oci;
mod packages;
mod privileges;
mod random;
mod reach_down;
mod report;
mod reported;
mod resources;
mod rootfs;
mod selinux;
mod services;
mod stacking;
mod storms;
mod stress;
mod templates;
mod tracing;
mod units;
mod units_without_jaula;
mod unprivileged;
mod without_jaula;

use jaula_tests::crew;
use jaula_tests::escape::step;
use jaula_tests::ktap::Chosen;
use jaula_tests::launch::act_as_probe;
use std::process::ExitCode;

type Main = fn(&Chosen) -> ExitCode;

const PROGRAMS: &[(&str, Main)] = &[
    ("admin", admin::main),
    ("admin_killed", admin_killed::main),
    ("allowance", allowance::main),
    ("attach", attach::main),
    ("attr", attr::main),
    ("compat", compat::main),
    ("descriptors", descriptors::main),
    ("described", described::main),
    ("destroy", destroy::main),
    ("encrypted", encrypted::main),
    ("escape", escape::main),
    ("executed", executed::main),
    ("file_signals", file_signals::main),
    ("hierarchy", hierarchy::main),
    ("host_address", host_address::main),
    ("images", images::main),
    ("inherit", inherit::main),
    ("ipc_blocked", ipc_blocked::main),
    ("ipc_cross", ipc_cross::main),
    ("ipc_same", ipc_same::main),
    ("ipc_undo", ipc_undo::main),
    ("isolation", isolation::main),
    ("jailfs", jailfs::main),
    ("launcher", launcher::main),
    ("layers", layers::main),
    ("limits", limits::main),
    ("log", log::main),
    ("machine", machine::main),
    ("network", network::main),
    ("network_outside", network_outside::main),
    ("numbers", numbers::main),
    ("numbers_wrap", numbers_wrap::main),
    ("oci", oci::main),
    ("packages", packages::main),
    ("privileges", privileges::main),
    ("random", random::main),
    ("reach_down", reach_down::main),
    ("report", report::main),
    ("reported", reported::main),
    ("resources", resources::main),
    ("rootfs", rootfs::main),
    ("services", services::main),
    ("selinux", selinux::main),
    ("stacking", stacking::main),
    ("storms", storms::main),
    ("stress", stress::main),
    ("templates", templates::main),
    ("tracing", tracing::main),
    ("units", units::main),
    ("units_without_jaula", units_without_jaula::main),
    ("unprivileged", unprivileged::main),
    ("without_jaula", without_jaula::main),
];

/// What the tests execute this file for, by another name or with an argument of their own. Each
/// gives an exit status where it was meant.
const ROLES: &[fn() -> Option<ExitCode>] = &[
    act_as_probe,
    isolation::act_as_caller,
    network::place::act_as_ping,
    crew::resume_after_exec,
    step::act,
    allowance::act,
    descriptors::act,
    executed::act,
    host_address::act,
    inherit::act,
    privileges::act,
    reported::act_as_withpty,
    stacking::act,
    tracing::act,
    unprivileged::act,
];

const USAGE: &str = "\
usage: jaula-test PROGRAM [CASE]...         runs a program's cases, or those whose names are or hold CASE
       jaula-test --cases PROGRAM [CASE]... says which those are
       jaula-test --list                    the programs";

fn main() -> ExitCode {
    if let Some(code) = ROLES.iter().find_map(|act| act()) {
        return code;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["--list"] => {
            for (name, _) in PROGRAMS {
                println!("{name}");
            }
            ExitCode::SUCCESS
        }
        ["--help" | "-h"] => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        ["--cases", program, ref cases @ ..] => {
            start(program, &Chosen::to_be_listed(program, cases))
        }
        [program, ref cases @ ..] => start(program, &Chosen::to_be_run(cases)),
        [] => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn start(program: &str, chosen: &Chosen) -> ExitCode {
    match PROGRAMS.iter().find(|(name, _)| *name == program) {
        Some((_, main)) => main(chosen),
        None => {
            eprintln!("jaula-test: {program}: no such program; `jaula-test --list` names them");
            ExitCode::from(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PROGRAMS;
    use std::collections::BTreeSet;

    #[test]
    fn the_harness_knows_every_program() {
        let table: toml::Table = include_str!("../../programs.toml")
            .parse()
            .expect("programs.toml");
        let known: BTreeSet<_> = table.keys().map(String::as_str).collect();
        let there: BTreeSet<_> = PROGRAMS.iter().map(|(name, _)| *name).collect();
        assert_eq!(known, there);
    }
}
