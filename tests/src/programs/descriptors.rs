// SPDX-License-Identifier: MIT OR Apache-2.0

//! Descriptors of jails: what they tell, what they permit, and what becomes of a jail that one owns.

mod attaching;
mod destroying;
mod ends;
mod opening;
mod owning;
mod passing;
mod polling;
mod telling;

pub use ends::act;

use jaula_tests::descriptor::Owner;
use jaula_tests::ktap::{CaseResult, Chosen, Suite};
use jaula_tests::sys::jailfd::{self as call, OWN};
use jaula_tests::sys::Errno;
use jaula_tests::{check_eq, jailfs};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::process::ExitCode;

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    suite.case("no descriptor of a jail: EBADF", no_descriptor);
    suite.case("flags that there are not: EINVAL", unknown_flags);
    suite.case("all are closed on exec", closed_on_exec);
    opening::add(&mut suite);
    telling::add(&mut suite);
    polling::add(&mut suite);
    owning::add(&mut suite);
    ends::add(&mut suite);
    attaching::add(&mut suite);
    destroying::add(&mut suite);
    passing::add(&mut suite);
    suite.run(chosen)
}

fn no_descriptor() -> CaseResult {
    let other = File::open("/dev/null")?;
    let bad = Err(Errno::EBADF);
    for number in [-2, 9999, other.as_raw_fd()] {
        let opened = call::open_jail(number, 1, 0).map(drop);
        check_eq!(opened, bad, "open_jail of {number}");
        let made = call::create_owned_jail(number, 0).map(drop);
        check_eq!(made, bad, "create_owned_jail of {number}");
    }
    for number in [-1, -2, 9999, other.as_raw_fd()] {
        check_eq!(call::attach_jailfd(number, 0), bad, "attach of {number}");
        check_eq!(call::destroy_jailfd(number, 0), bad, "destroy of {number}");
        check_eq!(call::disown_jail(number, 0), bad, "disown of {number}");
    }
    Ok(())
}

fn unknown_flags() -> CaseResult {
    let before = jailfs::numbers()?;
    let invalid = Err(Errno::EINVAL);
    {
        let owner = Owner::new()?;
        for flags in [4, 8, 7, 1 << 31] {
            let opened = call::open_jail(OWN, owner.number, flags).map(drop);
            check_eq!(opened, invalid, "open_jail with {flags:#x}");
        }
        for flags in [1, 2, 4, 1 << 31] {
            let made = call::create_owned_jail(OWN, flags).map(drop);
            check_eq!(made, invalid, "create_owned_jail with {flags:#x}");
            let raw = owner.raw();
            let attached = call::attach_jailfd(raw, flags);
            check_eq!(attached, invalid, "attach_jailfd with {flags:#x}");
            let destroyed = call::destroy_jailfd(raw, flags);
            check_eq!(destroyed, invalid, "destroy_jailfd with {flags:#x}");
            let disowned = call::disown_jail(raw, flags);
            check_eq!(disowned, invalid, "disown_jail with {flags:#x}");
        }
        let state = jailfs::read(owner.number, "state");
        check_eq!(state, Ok("alive".to_owned()), "the jail afterwards");
        call::destroy_jailfd(owner.raw(), 0)?;
    }
    check_eq!(
        jailfs::numbers_beyond(&before)?,
        Vec::<i64>::new(),
        "the jails besides"
    );
    Ok(())
}

fn closed_on_exec() -> CaseResult {
    let owner = Owner::new()?;
    let plain = owner.plain(0)?;
    let through = Owner::within({
        jailfs::set(owner.number, "children.max", "1")?;
        owner.raw()
    })?;
    for (name, descriptor) in [
        ("an owner", &owner.descriptor),
        ("a plain one", &plain),
        ("one that was made through another", &through.descriptor),
    ] {
        check_eq!(call::closes_on_exec(descriptor), Ok(true), "{name}");
    }
    Ok(())
}
