// SPDX-License-Identifier: MIT OR Apache-2.0

//! Who can let a container go on: whoever may end its jail, and nobody else, however he gets to
//! the socket that it waits at.

use super::conmon::STATE;
use super::probe;
use jaula_tests::inmate::Inmate;
use jaula_tests::ktap::{CaseResult, Context, Failure, Suite};
use jaula_tests::launch::Root;
use jaula_tests::sys::jailfd::{self, ADMINISTER, ATTACH, OWN};
use jaula_tests::sys::process::Ended;
use jaula_tests::{check, check_eq, procfs};
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

pub fn add<'a>(suite: &mut Suite<'a>, root: &'a Root) {
    suite.case("the gate lies where only root gets", || {
        let mut bundle = probe(root, "private", &["wait"])?;
        bundle.create()?;
        let mode = fs::metadata(STATE).context(STATE)?.permissions().mode();
        check_eq!(mode & 0o7777, 0o700, "the mode of {STATE}");
        Ok(())
    });
    suite.case("the host: not without the right to end the jail", || {
        let mut bundle = probe(root, "rights", &["exit", "3"])?;
        let pid = bundle.create()?;
        let jail = bundle.jail()?;
        let open = |rights| jailfd::open_jail(OWN, jail, rights).context("open_jail");
        let file = File::open("/dev/null").context("/dev/null")?;
        let mut other = probe(root, "other", &["wait"])?;
        other.create()?;
        let other_jail = jailfd::open_jail(OWN, other.jail()?, ADMINISTER).context("open_jail")?;
        refused("rights", &[])?;
        refused("rights", &[&file.into()])?;
        refused("rights", &[&open(0)?])?;
        refused("rights", &[&open(ATTACH)?])?;
        refused("rights", &[&other_jail])?;
        // What nobody writes to is not read.
        let (silent, _other_end) = UnixStream::pair().context("socketpair")?;
        refused("rights", &[&silent.into()])?;
        other.expect_status("created")?;
        bundle.expect_status("created")?;
        check_eq!(procfs::jail(pid), Ok(jail), "its jail");
        check!(ask("rights", &[&open(ADMINISTER)?])?, "who may is refused");
        check_eq!(bundle.ended()?, Ended::Exited(3), "its end");
        Ok(())
    });
    suite.case("root of a jail that sees the directory: not at all", || {
        let mut bundle = probe(root, "seen", &["exit", "3"])?;
        bundle.create()?;
        let jail = bundle.jail()?;
        // Beside it, and in it; both are root and see all files of the host.
        let beside = Inmate::start(|| {
            let own = procfs::jail(jaula_tests::sys::process::pid()).context("its jail")?;
            refused("seen", &[])?;
            refused(
                "seen",
                &[&jailfd::open_jail(OWN, own, 0).context("open_jail")?],
            )
        })?;
        drop(beside);
        let within = Inmate::start_in(jail, || {
            refused(
                "seen",
                &[&jailfd::open_jail(OWN, jail, 0).context("open_jail")?],
            )
        })?;
        drop(within);
        bundle.expect_status("created")?;
        bundle.succeed(&["start"])?;
        check_eq!(bundle.ended()?, Ended::Exited(3), "its end");
        Ok(())
    });
}

/// Asks a container to go on; whether it says that it does.
fn ask(id: &str, proof: &[&OwnedFd]) -> Result<bool, Failure> {
    let mut gate = UnixStream::connect(format!("{STATE}/{id}/gate")).context("connect")?;
    let patience = Some(Duration::from_secs(20));
    gate.set_read_timeout(patience).context("a timeout")?;
    let proof: Vec<_> = proof.iter().map(|proof| proof.as_raw_fd()).collect();
    jailfd::send_byte(&gate, b'G', &proof).context("sendmsg")?;
    let mut answer = [0];
    match gate.read(&mut answer) {
        Ok(length) => Ok(length == 1),
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Ok(false),
        Err(error) => Err(jaula_tests::ktap::fail(format!("read: {error}"))),
    }
}

fn refused(id: &str, proof: &[&OwnedFd]) -> CaseResult {
    check!(!ask(id, proof)?, "it goes on for {proof:?}");
    Ok(())
}
