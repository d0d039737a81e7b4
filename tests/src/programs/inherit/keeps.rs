// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a process in a jail does to itself, and what the kernel does for it.

use jaula_tests::ktap::{CaseResult, Context};
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::sys::uring::Ring;
use jaula_tests::sys::{ids, Errno};
use jaula_tests::sysv::{Family, Object, PATHS};
use jaula_tests::{check, check_eq, jail};

/// The listing that a worker reads for a process must be that of the process's jail.
pub fn worker_lists() -> CaseResult {
    jail::private_tables()?;
    let foreign = Object::create(Family::Sem, 0o666).context("creating on the host")?;
    let listing = "/proc/sysvipc/sem";
    let contains = |text: &str, object: &Object| {
        let id = object.id.to_string();
        text.lines()
            .any(|line| line.split_whitespace().nth(1) == Some(&id))
    };
    let mut of_host = Ring::new()?;
    let file = of_host.open(listing)?;
    let text = of_host.read(&file)?;
    check!(
        contains(&text, &foreign),
        "the host does not see its own set:\n{text}"
    );
    let ended = process::in_child(|| {
        let run = || -> CaseResult {
            jail::enter()?;
            let own = Object::create(Family::Sem, 0o666).context("creating in the jail")?;
            let mut ring = Ring::new()?;
            let file = ring.open(listing)?;
            let text = ring.read(&file)?;
            check!(
                contains(&text, &own),
                "the jail does not see its own set:\n{text}"
            );
            check!(
                !contains(&text, &foreign),
                "the jail sees the host's set:\n{text}"
            );
            Ok(())
        };
        match run() {
            Ok(()) => 0,
            Err(failure) => {
                eprintln!("{failure}");
                1
            }
        }
    });
    check_eq!(ended, Ok(Ended::Exited(0)), "the side in the jail");
    Ok(())
}

pub fn identities() -> CaseResult {
    let number = jail::enter()?;
    ids::set_supplementary_groups(&[7, 8]).context("setgroups")?;
    check_eq!(jail::number()?, number, "after setgroups");
    ids::set_effective_user(1000).context("seteuid")?;
    check_eq!(jail::number()?, number, "after seteuid");
    ids::set_effective_user(0).context("seteuid back")?;
    check_eq!(jail::number()?, number, "after seteuid back");
    ids::become_user(1000).context("becoming user 1000")?;
    check_eq!(jail::number()?, number, "after setresgid and setresuid");
    Ok(())
}

/// Making a namespace of one's own keeps the number, and coming back to the host's keeps the
/// host's objects out of reach.
pub fn ipc_namespaces(family: Family) -> CaseResult {
    jail::private_tables()?;
    let foreign = Object::create(family, 0o666).context("creating on the host")?;
    let original = std::fs::File::open("/proc/self/ns/ipc").context("/proc/self/ns/ipc")?;
    let number = jail::enter()?;
    jail::private_tables()?;
    check_eq!(jail::number()?, number, "after unshare(CLONE_NEWIPC)");
    let own = Object::create(family, 0o666).context("creating in the new namespace")?;
    own.remove().context("removing it")?;
    ids::set_namespace(&original, libc::CLONE_NEWIPC).context("setns")?;
    check_eq!(jail::number()?, number, "after setns");
    for path in PATHS.iter().filter(|path| path.family == family) {
        let got: Result<(), Errno> = (path.attempt)(&foreign);
        check_eq!(got, Err(path.crossing), "{} after setns", path.name);
    }
    Ok(())
}
