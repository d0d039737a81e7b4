// SPDX-License-Identifier: MIT OR Apache-2.0

//! Who is reached for: an ordinary user's process, bound by the jail that it is in.

use jaula_tests::inmate::{wait_for_ever, Inmate};
use jaula_tests::ktap::{fail, CaseResult, Context, Failure};
use jaula_tests::sys::{ids, peer, process, signal};
use jaula_tests::topology::{Jails, Topology};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

/// The user of everybody.
pub const USER: u32 = 1000;

/// A process where the object of a topology is. Ended when dropped.
pub struct Captive {
    /// The jails.
    pub jails: Jails,
    /// The process. Signals wait for it, but for those that cannot.
    pub pid: libc::pid_t,
    _parent: Inmate,
}

impl Captive {
    /// Makes the jails and starts the process.
    pub fn new(topology: &Topology) -> Result<Captive, Failure> {
        let jails = topology.make()?;
        let object = jails.object.unwrap_or_default();
        let (ours, mut theirs) = UnixStream::pair().context("socketpair")?;
        // What has entered a jail is not bound by it; its child is.
        let parent = Inmate::start_in(object, || {
            process::fork(|| match live(&mut theirs) {
                Ok(()) => wait_for_ever(),
                Err(failure) => {
                    let _ = writeln!(theirs, "{failure}");
                    1
                }
            })
            .context("fork")
            .map(drop)
        })?;
        let mut line = String::new();
        BufReader::new(ours)
            .read_line(&mut line)
            .context("hearing from the process in the jail")?;
        let pid = line.trim_end().parse();
        Ok(Captive {
            jails,
            pid: pid.map_err(|_| fail(format!("the process in the jail: {line}")))?,
            _parent: parent,
        })
    }
}

/// Becomes a user's, and says who it is.
fn live(told: &mut UnixStream) -> CaseResult {
    ids::become_user(USER).context("giving up root")?;
    process::end_with_parent().context("prctl")?;
    // What has changed its user can be looked at by root alone.
    peer::set_dumpable().context("prctl")?;
    signal::block(&[libc::SIGUSR1, libc::SIGIO]).context("blocking signals")?;
    writeln!(told, "{}", process::pid()).context("telling")
}
