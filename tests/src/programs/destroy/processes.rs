// SPDX-License-Identifier: MIT OR Apache-2.0

//! Processes, and what they do when their jail ends.

use jaula_tests::inmate::{explode, wait_for_ever, Inmate};
use jaula_tests::ktap::{CaseResult, Context};
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::sys::{ids, jail as call, msg, sem, shared_memory, signal, trace, Errno};
use jaula_tests::sysv::{Family, Object};
use jaula_tests::{check, check_eq, jail, jailfs, procfs, wait};

/// What a process does inside a jail before it waits.
type Inside = fn() -> CaseResult;

/// What processes do that end like any other.
pub const WAYS: [(&str, Inside); 10] = [
    ("one that waits", || Ok(())),
    ("one that blocks all signals", || {
        signal::block(&(1..=31).collect::<Vec<_>>()).context("sigprocmask")
    }),
    ("one that runs", || {
        children(1, || loop {
            std::hint::spin_loop();
        })
    }),
    ("one with threads", || {
        for _ in 0..20 {
            std::thread::spawn(wait_for_ever);
        }
        Ok(())
    }),
    ("one of which the first thread has ended", || {
        child_in_state('Z', || {
            std::thread::spawn(wait_for_ever);
            process::exit_thread()
        })
    }),
    ("its children", || children(30, || wait_for_ever())),
    ("one that waits in vfork for its child", || {
        // Such a wait shows as one that nothing interrupts.
        child_in_state('D', || {
            let _ = shared_memory::clone(libc::CLONE_VFORK, || wait_for_ever());
            process::exit(1)
        })
    }),
    ("one that waits for a semaphore", || {
        let set = Object::create(Family::Sem, 0o600).context("semget")?;
        let child = process::fork(|| {
            let _ = sem::op(set.id, 3, -1, sem::SEM_UNDO);
            process::exit(1)
        });
        procfs::wait_until_asleep(child.context("fork")?)
    }),
    ("one that waits for a message", || {
        let queue = Object::create(Family::Msg, 0o600).context("msgget")?;
        let child = process::fork(|| {
            let _ = msg::receive(queue.id, 99, 64, 0);
            process::exit(1)
        });
        procfs::wait_until_asleep(child.context("fork")?)
    }),
    ("the first process of a PID namespace", || {
        let flags = libc::CLONE_NEWPID | libc::SIGCHLD;
        process::clone(flags, || {
            let _ = children(3, || wait_for_ever());
            wait_for_ever()
        })
        .map(drop)
        .context("clone(CLONE_NEWPID)")
    }),
];

fn children(count: usize, what: impl Fn() -> i32 + Copy) -> CaseResult {
    for _ in 0..count {
        process::fork(what).context("fork")?;
    }
    Ok(())
}

/// Starts a child and waits until it has come as far as is meant.
fn child_in_state(state: char, what: impl Fn() -> i32) -> CaseResult {
    wait_for_state(process::fork(what).context("fork")?, state)
}

/// Ends a jail, in which nothing runs afterwards.
fn end(inmate: &Inmate) -> CaseResult {
    call::destroy_jail(inmate.number).context("destroy_jail")?;
    jailfs::check_gone(inmate.number)?;
    inmate.check_killed()
}

pub fn ended(inside: Inside) -> CaseResult {
    let inmate = Inmate::start(inside)?;
    let before = procfs::members(inmate.number)?;
    check!(before.contains(&inmate.pid), "it is not in its jail");
    end(&inmate)?;
    for pid in before {
        // A zombie of which nobody is the parent any more may take a moment to be reaped.
        let state = procfs::state(pid).unwrap_or('Z');
        check!(
            matches!(state, 'Z' | 'X'),
            "process {pid} is in state {state} after the end of its jail"
        );
    }
    Ok(())
}

pub fn stopped() -> CaseResult {
    let inmate = Inmate::start(|| Ok(()))?;
    process::kill(inmate.pid, libc::SIGSTOP).context("kill")?;
    wait_for_state(inmate.pid, 'T')?;
    end(&inmate)
}

pub fn traced() -> CaseResult {
    let inmate = Inmate::start(|| Ok(()))?;
    trace::seize(inmate.pid, 0).context("PTRACE_SEIZE")?;
    trace::interrupt(inmate.pid).context("PTRACE_INTERRUPT")?;
    trace::wait_for_stop(inmate.pid).context("waiting for the stop")?;
    wait_for_state(inmate.pid, 't')?;
    end(&inmate)
}

/// The tracer, which is outside, does not let it go on; the end of the jail does.
pub fn traced_to_the_end() -> CaseResult {
    let inmate = Inmate::start(|| Ok(()))?;
    trace::seize(inmate.pid, libc::PTRACE_O_TRACEEXIT).context("PTRACE_SEIZE")?;
    call::destroy_jail(inmate.number).context("destroy_jail")?;
    jailfs::check_gone(inmate.number)?;
    check_eq!(
        procfs::state(inmate.pid).ok(),
        Some('Z'),
        "the state of the process"
    );
    Ok(())
}

fn wait_for_state(pid: libc::pid_t, state: char) -> CaseResult {
    wait::until(&format!("process {pid} is in state {state}"), || {
        Ok(procfs::state(pid)? == state)
    })
}

pub fn zombie() -> CaseResult {
    let inmate = Inmate::start(|| Ok(()))?;
    call::destroy_jail(inmate.number).context("destroy_jail")?;
    // Nobody has waited for it so far.
    check_eq!(procfs::state(inmate.pid)?, 'Z', "its state");
    check_eq!(procfs::jail(inmate.pid), Ok(inmate.number), "its jail");
    inmate.check_killed()
}

pub fn fork_bomb() -> CaseResult {
    let inmate = Inmate::start(|| Ok(()))?;
    jailfs::set(inmate.number, "tasks.max", "100")?;
    let number = inmate.number;
    let bomb = Inmate::start_in(number, || children(1, explode))?;
    wait::until("the bomb goes off", || {
        Ok(jailfs::value(number, "tasks")? > 60)
    })?;
    end(&inmate)?;
    bomb.check_killed()
}

pub fn descendants() -> CaseResult {
    let outer = Inmate::start(|| Ok(()))?;
    jailfs::set(outer.number, "children.max", "3")?;
    let number = outer.number;
    let inside = || -> Result<i64, _> {
        call::attach_jail(number).context("attach_jail")?;
        jail::enter()
    };
    let mut inner = Vec::new();
    for _ in 0..3 {
        inner.push(Inmate::start_by(inside, || {
            Object::create(Family::Sem, 0o600)
                .map(drop)
                .context("semget")
        })?);
    }
    check_eq!(jailfs::value(number, "children")?, 3, "the children");
    // One of them has nothing but its object.
    process::kill(inner[2].pid, libc::SIGKILL).context("kill")?;
    inner[2].check_killed()?;

    end(&outer)?;
    for inmate in &inner {
        jailfs::check_gone(inmate.number)?;
    }
    inner[0].check_killed()?;
    inner[1].check_killed()
}

pub fn attached() -> CaseResult {
    let inmate = Inmate::start(|| Ok(()))?;
    let number = inmate.number;
    let other = Inmate::start_by(
        || {
            call::attach_jail(number).context("attach_jail")?;
            ids::unshare(libc::CLONE_NEWIPC).context("unshare")?;
            jail::number()
        },
        || Ok(()),
    )?;
    end(&inmate)?;
    other.check_killed()?;
    check_eq!(call::attach_jail(number), Err(Errno::ESRCH), "afterwards");
    check_eq!(
        process::in_child(|| 0),
        Ok(Ended::Exited(0)),
        "a fork on the host"
    );
    Ok(())
}

/// Each is kept without a process, and those with an odd place among them have one within.
pub fn many_descendants() -> CaseResult {
    const CHILDREN: usize = 100;
    let outer = Inmate::start(|| Ok(()))?;
    let number = outer.number;
    jailfs::set(number, "children.max", &CHILDREN.to_string())?;
    let mut inner = Vec::new();
    for place in 0..CHILDREN {
        let inmate = Inmate::start_within(number, || Ok(()))?;
        jailfs::set(inmate.number, "persist", "1")?;
        inner.push(inmate.number);
        if place % 2 == 1 {
            jailfs::set(inmate.number, "children.max", "1")?;
            let innermost = Inmate::start_within(inmate.number, || Ok(()))?;
            jailfs::set(innermost.number, "persist", "1")?;
            inner.push(innermost.number);
        }
    }
    end(&outer)?;
    for number in inner {
        jailfs::check_gone(number)?;
    }
    Ok(())
}
