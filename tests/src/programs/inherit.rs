// SPDX-License-Identifier: MIT OR Apache-2.0

//! The tag of a process goes to everything that it makes, and to nothing else.
//!
//! That init and the kernel's own threads are on the host cannot be asked for from here; that
//! programs which the kernel starts are can.

mod executed;
mod keeps;
mod made;

use executed::{core_dump_handler, print_number, printed, record_number, script, PRINT, RECORD};
use jaula_tests::ktap::{Chosen, Context, Suite};
use jaula_tests::sys::process::{self, Ended};
#[cfg(target_arch = "x86_64")]
use jaula_tests::sys::shared_memory;
use jaula_tests::sys::{ids, jail as call, Errno};
use jaula_tests::sysv::Family;
use jaula_tests::{check_eq, jail};
use keeps::{identities, ipc_namespaces, worker_lists};
use made::{beside, by, earlier_child, generations, orphan, sharing_memory};
use std::process::ExitCode;

/// Tells the number of its jail, where the program was executed for that.
pub fn act() -> Option<ExitCode> {
    match std::env::args().nth(1).as_deref() {
        Some(PRINT) => Some(print_number()),
        Some(RECORD) => Some(record_number()),
        _ => None,
    }
}

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    suite.case("fork", || by(process::fork));
    for (name, flags) in [
        ("clone", 0),
        (
            "clone(CLONE_FILES|CLONE_FS)",
            libc::CLONE_FILES | libc::CLONE_FS,
        ),
        ("clone(CLONE_SYSVSEM)", libc::CLONE_SYSVSEM),
        ("clone(CLONE_VFORK)", libc::CLONE_VFORK),
        ("clone(CLONE_NEWPID)", libc::CLONE_NEWPID),
        ("clone(CLONE_NEWIPC)", libc::CLONE_NEWIPC),
    ] {
        suite.case(name, move || {
            by(|child| process::clone(flags | libc::SIGCHLD, child))
        });
    }
    suite.case("clone(CLONE_PARENT)", || {
        beside(|child| process::clone(libc::CLONE_PARENT | libc::SIGCHLD, child))
    });
    suite.case("clone3", || by(|child| process::clone3(0, child)));
    suite.case("clone3(CLONE_PARENT)", || {
        beside(|child| process::clone3(libc::CLONE_PARENT as u64, child))
    });
    suite.case("clone(CLONE_VM)", || sharing_memory(0));
    suite.case("clone(CLONE_VM|CLONE_VFORK)", || {
        sharing_memory(libc::CLONE_VFORK)
    });
    #[cfg(target_arch = "x86_64")]
    suite.case("vfork", || {
        let number = jail::enter()?;
        let got = shared_memory::syscall_in_vfork(call::GET_JAILNUMBER);
        check_eq!(got, Ok(number), "the child of vfork");
        Ok(())
    });
    suite.case("a thread", || {
        let number = jail::enter()?;
        let got = std::thread::spawn(call::get_jailnumber).join();
        check_eq!(got.ok(), Some(Ok(number)), "the thread");
        Ok(())
    });
    suite.case("a process made by a thread", || {
        let number = jail::enter()?;
        let got = std::thread::spawn(printed).join();
        check_eq!(got.ok(), Some(Ok(number)), "the child of a thread");
        Ok(())
    });
    suite.case("a grandchild whose parent has gone", orphan);
    suite.case("the fortieth generation", || {
        let number = jail::enter()?;
        check_eq!(generations(40), Ok(Ended::Exited(0)), "the youngest");
        check_eq!(jail::number()?, number, "the eldest");
        Ok(())
    });
    suite.case("a program that is executed", || {
        let number = jail::enter()?;
        check_eq!(printed()?, number, "the program");
        Ok(())
    });
    suite.case("an interpreter that runs a script", script);
    suite.case("a worker of io_uring: what it lists", worker_lists);
    suite.case("a child made earlier stays on the host", earlier_child);
    suite.case(
        "a program that the kernel starts is on the host",
        core_dump_handler,
    );
    suite.case("no change of identity changes the number", identities);
    suite.case("nor does a user namespace, made or refused", || {
        let number = jail::enter()?;
        // The allowance binds a child from the start, and not who has entered.
        let refused = process::in_child(|| {
            let refused = ids::unshare(libc::CLONE_NEWUSER) == Err(Errno::EPERM);
            i32::from(!refused || call::get_jailnumber() != Ok(number))
        });
        check_eq!(refused, Ok(Ended::Exited(0)), "a child that is refused one");
        ids::unshare(libc::CLONE_NEWUSER).context("unshare(CLONE_NEWUSER)")?;
        check_eq!(jail::number()?, number, "with one");
        Ok(())
    });
    for family in Family::ALL {
        suite.case(
            &format!("a namespace of System V IPC is no way out: {family}"),
            move || ipc_namespaces(family),
        );
    }
    suite.run(chosen)
}
