// SPDX-License-Identifier: MIT OR Apache-2.0

//! Addresses of the host for jails that have no network of their own.
//!
//! All of it is in a network of the program's own, with the addresses on its loopback interface.

mod ends;
mod inside;
mod refused;
mod servers;
mod sockets;
mod unbound;

use std::process::{Command, ExitCode, Output, Stdio};

use jaula_tests::admin::{host, in_kernel, json, output};
use jaula_tests::ktap::{CaseResult, Chosen, Context, Failure, Suite};
use jaula_tests::launch::{complaint, Root};
use jaula_tests::sys::inet;
use jaula_tests::{check, check_eq};

pub use inside::act;

/// What the host has beside what the jails get.
const HOST_V4: &str = "192.0.2.1";
const HOST_V6: &str = "2001:db8::1";

/// What the jails get.
const V4: &str = "192.0.2.7";
const V6: &str = "2001:db8::7";

/// What is kept of addresses for jails.
const NOTES: &str = "/run/jaula/addresses.json";

pub fn main(chosen: &Chosen) -> ExitCode {
    let root = match prepare() {
        Ok(root) => root,
        Err(failure) => {
            println!("Bail out! No network for jails: {failure}");
            return ExitCode::FAILURE;
        }
    };
    let mut suite = Suite::new();
    sockets::add(&mut suite, &root);
    unbound::add(&mut suite, &root);
    ends::add(&mut suite, &root);
    refused::add(&mut suite, &root);
    suite.run(chosen)
}

fn prepare() -> Result<Root, Failure> {
    inet::own_network().context("unshare")?;
    host(&format!(
        "busybox ip link set lo up && busybox ip addr add {HOST_V4}/24 dev lo && \
         busybox ip -6 addr add {HOST_V6}/64 dev lo"
    ))?;
    // Else nobody has ping sockets, and that they are refused would show nothing.
    std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 100000")
        .context("ping_group_range")?;
    let root = Root::new()?;
    let program = std::fs::read("/proc/self/exe").context("/proc/self/exe")?;
    root.file(inside::PROGRAM.trim_start_matches('/'), &program, 0o755)?;
    Ok(root)
}

/// Runs a script on the host.
fn sh(script: &str) -> Result<Output, Failure> {
    output(
        Command::new("/bin/sh")
            .args(["-c", script])
            .stdin(Stdio::null()),
    )
}

/// A script fails, says all of `words`, and leaves nothing.
fn is_refused(script: &str, words: &[&str]) -> CaseResult {
    let before = (in_kernel()?, on_lo()?);
    let output = sh(script)?;
    let errors = complaint(&output);
    check!(!output.status.success(), "{script} succeeds");
    for word in words {
        check!(errors.contains(word), "{script}: no {word:?} in {errors}");
    }
    check_eq!((in_kernel()?, on_lo()?), before, "jails and addresses");
    Ok(())
}

/// The addresses of the loopback interface.
fn on_lo() -> Result<Vec<String>, Failure> {
    let said = host("busybox ip addr show dev lo")?;
    let words = said.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let is_address = matches!(words.next(), Some("inet" | "inet6"));
        words.next().filter(|_| is_address).map(str::to_owned)
    });
    Ok(words.collect())
}

fn has(address: &str) -> Result<bool, Failure> {
    Ok(on_lo()?
        .iter()
        .any(|it| it.split('/').next() == Some(address)))
}

/// A jail in the background, which is removed when this goes.
struct Jail(&'static str);

impl Jail {
    fn start(
        name: &'static str,
        options: &str,
        root: &Root,
        command: &str,
    ) -> Result<Self, Failure> {
        let jail = Jail(name);
        let root = root.text();
        host(&format!(
            "jaula run -q -d -u 0 -n {name} {options} {root} -- {command}"
        ))?;
        Ok(jail)
    }

    fn inspect(&self) -> Result<serde_json::Value, Failure> {
        json(&["inspect", self.0])
    }
}

impl Drop for Jail {
    fn drop(&mut self) {
        let _ = sh(&format!("jaula rm {}", self.0));
    }
}
