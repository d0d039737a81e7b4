// SPDX-License-Identifier: MIT OR Apache-2.0

//! Reaching down, from the host or a jail to a process of the same user in a jail below: it takes a
//! capability, unless the jail is allowed `unprivileged_parent_tampering`. What only asks takes none.

mod by_kernel;
mod captive;
mod deeds;
mod lent;

use captive::{Captive, USER};
use deeds::{Deed, DEEDS, QUESTIONS};
use jaula_tests::jailfs;
use jaula_tests::ktap::{CaseResult, Chosen, Context, Suite};
use jaula_tests::sys::{ids, process, Errno};
use jaula_tests::topology::{self, Jails, Relation};
use jaula_tests::{check, check_eq};
use std::process::ExitCode;

/// What makes it as it is on Linux.
const TAMPERING: &str = "unprivileged_parent_tampering";

/// The capabilities that are asked for.
const CAPABILITIES: [u32; 4] = [
    ids::CAP_KILL,
    ids::CAP_SYS_PTRACE,
    ids::CAP_SYS_NICE,
    ids::CAP_SYS_RESOURCE,
];

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    for topology in topology::with(Relation::Down) {
        suite.case(&format!("{topology}: a user reaches nobody"), || {
            let captive = Captive::new(topology)?;
            as_user(&captive.jails, None, || {
                all_end(captive.pid, |deed| Err(deed.refused))
            })
        });
        suite.case(&format!("{topology}: a user may ask"), || {
            let captive = Captive::new(topology)?;
            as_user(&captive.jails, None, || {
                for (name, ask) in QUESTIONS {
                    check_eq!(ask(captive.pid), Ok(()), "{name}");
                }
                Ok(())
            })
        });
        suite.case(
            &format!("{topology}: SIGCONT goes through in one session, and in no other"),
            || {
                let captive = Captive::new(topology)?;
                as_user(&captive.jails, None, || {
                    let go_on = || process::kill(captive.pid, libc::SIGCONT);
                    check_eq!(go_on(), Ok(()), "in one session");
                    process::new_session().context("setsid")?;
                    check_eq!(go_on(), Err(Errno::EPERM), "from another");
                    Ok(())
                })
            },
        );
        suite.case(
            &format!("{topology}: what the jail is told to let happen happens"),
            || tampering(Captive::new(topology)?),
        );
    }
    suite.case(
        "host to jail: the one capability is enough, and no other will do",
        the_one_capability,
    );
    suite.case(
        "parent to jail: a capability that the parent is not allowed is none",
        not_allowed,
    );
    suite.case(
        "parent to jail: what is refused is counted, but for looks",
        counted,
    );
    for topology in [
        &topology::PARENT_TO_JAIL,
        &topology::ANCESTOR_TO_JAIL,
        &topology::WITHIN_JAIL,
    ] {
        suite.case(
            &format!("{topology}: root signals and looks, and no more"),
            || root_of_a_jail(Captive::new(topology)?),
        );
    }
    suite.case(
        "a jailed child is told that its parent outside has ended",
        by_kernel::end_of_parent,
    );
    suite.case(
        "who types Ctrl-C interrupts what is jailed",
        by_kernel::interrupt_key,
    );
    suite.case(
        "a descriptor signals down for who has CAP_KILL, and for no other",
        by_kernel::descriptor,
    );
    suite.case(
        "nobody outside acts with credentials that a jail has lent",
        lent::credentials,
    );
    suite.run(chosen)
}

/// Has a user do something where the subject is, with nothing of root but one capability, if any.
fn as_user(
    jails: &Jails,
    capability: Option<u32>,
    inside: impl FnOnce() -> CaseResult,
) -> CaseResult {
    jails.as_bound_subject(|| {
        ids::become_user_with(USER, capability).context("giving up root")?;
        inside()
    })
}

/// Does everything to a process, and compares how that ends.
fn all_end(pid: libc::pid_t, expected: impl Fn(&Deed) -> Result<(), Errno>) -> CaseResult {
    for deed in &DEEDS {
        check_eq!((deed.attempt)(pid), expected(deed), "{}", deed.name);
    }
    Ok(())
}

fn allow(captive: &Captive, change: &str) -> CaseResult {
    // Nobody gives a jail what its parent has not got.
    for &number in &captive.jails.all {
        jailfs::set(number, "allow", change)?;
    }
    Ok(())
}

fn tampering(captive: Captive) -> CaseResult {
    let pid = captive.pid;
    allow(&captive, &format!("+{TAMPERING}"))?;
    as_user(&captive.jails, None, || all_end(pid, |_| Ok(())))?;
    // That of the object's jail alone counts.
    let object = captive.jails.object.unwrap_or_default();
    jailfs::set(object, "allow", &format!("-{TAMPERING}"))?;
    as_user(&captive.jails, None, || {
        all_end(pid, |deed| Err(deed.refused))
    })
}

fn the_one_capability() -> CaseResult {
    let captive = Captive::new(&topology::HOST_TO_JAIL)?;
    for capability in CAPABILITIES {
        as_user(&captive.jails, Some(capability), || {
            all_end(captive.pid, |deed| match deed.needs == capability {
                true => Ok(()),
                false => Err(deed.refused),
            })
        })
        .context(format!("with capability {capability}"))?;
    }
    Ok(())
}

fn not_allowed() -> CaseResult {
    let captive = Captive::new(&topology::PARENT_TO_JAIL)?;
    let parent = captive.jails.subject.unwrap_or_default();
    for (change, allowed) in [("-kill", false), ("+kill", true)] {
        jailfs::set(parent, "allow", change)?;
        as_user(&captive.jails, Some(ids::CAP_KILL), || {
            let got = process::kill(captive.pid, libc::SIGUSR1);
            let expected = match allowed {
                true => Ok(()),
                false => Err(Errno::EPERM),
            };
            check_eq!(got, expected, "after {change}");
            Ok(())
        })?;
    }
    Ok(())
}

fn counted() -> CaseResult {
    let captive = Captive::new(&topology::PARENT_TO_JAIL)?;
    let parent = captive.jails.subject.unwrap_or_default();
    for deed in &DEEDS {
        let Some(counter) = deed.counter else {
            continue;
        };
        let before = jailfs::value(parent, counter)?;
        as_user(&captive.jails, None, || {
            check_eq!(
                (deed.attempt)(captive.pid),
                Err(deed.refused),
                "{}",
                deed.name
            );
            Ok(())
        })?;
        let after = jailfs::value(parent, counter)?;
        check!(after > before, "{counter} does not tell of {}", deed.name);
    }
    Ok(())
}

/// The process is a user's: to reach it takes capabilities by Linux, too.
fn root_of_a_jail(captive: Captive) -> CaseResult {
    let Captive { pid, ref jails, .. } = captive;
    let within = jails.subject == jails.object;
    // In one jail the files in /proc are their owner's, and root's who overrides that.
    let meant = |deed: &&Deed| !(within && deed.counter == Some("refusals.proc"));
    jails.as_bound_subject(|| {
        check_eq!(ids::effective_user(), 0, "the user");
        for deed in DEEDS.iter().filter(meant) {
            let expected = match deed.for_root_of_jail {
                true => Ok(()),
                false => Err(deed.refused),
            };
            check_eq!((deed.attempt)(pid), expected, "{}", deed.name);
        }
        Ok(())
    })?;
    // To look takes no permission of the jail, and the capability all the same.
    jails.as_bound_subject(|| {
        ids::drop_capability(ids::CAP_SYS_PTRACE, false).context("capset")?;
        let looks = |deed: &&Deed| deed.needs == ids::CAP_SYS_PTRACE;
        for deed in DEEDS.iter().filter(meant).filter(looks) {
            let got = (deed.attempt)(pid);
            check_eq!(got, Err(deed.refused), "{} without it", deed.name);
        }
        Ok(())
    })?;
    allow(&captive, "+sys_ptrace,+sys_nice,+sys_resource")?;
    jails.as_bound_subject(|| all_end(pid, |_| Ok(())))
}
