// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the kernel says about the jail of one task: `/proc/PID/attr/jaula/current` and
//! `lsm_get_self_attr(2)`.

use jaula_tests::inmate::Inmate;
use jaula_tests::ktap::{CaseResult, Chosen, Context, Suite};
use jaula_tests::sys::{jail as call, lsm, process, Errno};
use jaula_tests::topology::{self, Relation, Topology};
use jaula_tests::{check, check_eq, jail, jailfs, procfs};
use std::process::ExitCode;

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    suite.case("the host is 0", || {
        check_eq!(procfs::jail(process::pid()), Ok(0), "this process");
        check_eq!(procfs::jail(1), Ok(0), "process 1");
        // The first of the kernel's own threads.
        check_eq!(procfs::jail(2), Ok(0), "kthreadd");
        Ok(())
    });
    suite.case("the host is told about all jails", || {
        let inmate = Inmate::start(|| Ok(()))?;
        check_eq!(
            procfs::jail(inmate.pid),
            Ok(inmate.number),
            "a process in one"
        );
        Ok(())
    });
    suite.case("a jail is told about itself and what is in it", from_within);
    suite.case("and not about others: EACCES", not_about_others);
    suite.case("it changes with the jail", || {
        let inmate = Inmate::start(|| Ok(()))?;
        call::attach_jail(inmate.number).context("attach_jail")?;
        check_eq!(
            procfs::jail(process::pid()),
            Ok(inmate.number),
            "afterwards"
        );
        Ok(())
    });
    suite.case("it can't be written", || {
        let inmate = Inmate::start(|| Ok(()))?;
        let (own, current) = (jail::enter()?, "/proc/self/attr/jaula/current");
        for number in [0, inmate.number, own] {
            let got = std::fs::write(current, format!("{number}\n"));
            check!(got.is_err(), "{number} was written");
            check_eq!(jail::number()?, own, "the number afterwards");
        }
        Ok(())
    });
    suite.case("attr/current is not jaula's", || {
        let read = || {
            let path = "/proc/self/attr/current";
            std::fs::read_to_string(path).map_err(|error| jailfs::errno(&error))
        };
        let before = read();
        // What has labels of its own, such as AppArmor, has the file.
        if lsm::names()
            .context(lsm::NAMES)?
            .iter()
            .any(|name| lsm::has_labels(name))
        {
            check!(before.is_ok(), "attr/current: {before:?}");
        } else {
            check_eq!(before, Err(Errno::EINVAL), "attr/current");
        }
        jail::enter()?;
        check_eq!(read(), before, "attr/current in a jail");
        Ok(())
    });
    suite.case("lsm_get_self_attr tells the same", || {
        check_eq!(lsm::self_attr(), Ok("0\n".to_owned()), "on the host");
        let number = jail::enter()?;
        check_eq!(lsm::self_attr(), Ok(format!("{number}\n")), "in a jail");
        Ok(())
    });
    suite.case("it is read while tasks enter jails and end", || {
        let churn = jail::churn(500)?;
        loop {
            let children = std::fs::read_to_string(format!("/proc/{churn}/task/{churn}/children"));
            for child in children.unwrap_or_default().split_whitespace() {
                let got = child.parse().map(procfs::jail);
                check!(
                    matches!(got, Ok(Ok(_) | Err(Errno::ENOENT | Errno::ESRCH))),
                    "process {child}: {got:?}"
                );
            }
            if let Some(ended) = process::try_wait(churn).context("wait")? {
                check_eq!(ended, process::Ended::Exited(0), "what makes jails");
                return Ok(());
            }
        }
    });
    suite.run(chosen)
}

/// What a process where the subject is reads about one where the object is.
fn read_in(topology: &Topology, expected: impl Fn(i64) -> Result<i64, Errno>) -> CaseResult {
    let jails = topology.make()?;
    let expected = expected(jails.object.unwrap_or_default());
    jails
        .as_subject(|| {
            check_eq!(procfs::jail(jails.process), expected, "the object's");
            let own = jail::number()?;
            check_eq!(procfs::jail(process::pid()), Ok(own), "its own");
            Ok(())
        })
        .context(topology)
}

fn from_within() -> CaseResult {
    for relation in [Relation::Same, Relation::Down] {
        for topology in topology::with(relation) {
            read_in(topology, Ok)?;
        }
    }
    Ok(())
}

fn not_about_others() -> CaseResult {
    for relation in [Relation::Up, Relation::Across] {
        for topology in topology::with(relation) {
            read_in(topology, |_| Err(Errno::EACCES))?;
        }
    }
    Inmate::start(|| {
        check_eq!(procfs::jail(1), Err(Errno::EACCES), "process 1");
        Ok(())
    })
    .map(drop)
}
