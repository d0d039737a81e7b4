// SPDX-License-Identifier: MIT OR Apache-2.0

//! The filter of system calls (seccomp(2)), made for what a jail may use.
//!
//! One section for each architecture whose calls the kernel takes from this process: a number
//! means another call in each, and a section that was missing would be a way round the others.

use libc::sock_filter;

use crate::isolation::{filter, Part, Permissions, DENIED};
use crate::sys;
use crate::text::reason;

/// An architecture, as the kernel names it to a filter (AUDIT_ARCH_*), and its column in the
/// list.
struct Architecture {
    name: u32,
    column: usize,
    ioctl: u32,
    /// Above this number, only those between these pairs are let through.
    newest: u32,
    beyond: &'static [[u32; 2]],
}

#[cfg(target_arch = "x86_64")]
const ARCHITECTURES: &[Architecture] = &[
    // Those of x32 have this name, too, and a bit in the number that puts them above all others.
    Architecture {
        name: 0xc000_003e,
        column: 0,
        ioctl: 16,
        newest: filter::NEWEST_X86_64,
        beyond: &[filter::OWN],
    },
    Architecture {
        name: 0x4000_0003,
        column: 1,
        ioctl: 54,
        newest: filter::NEWEST_I386,
        beyond: &[filter::OWN],
    },
];

#[cfg(target_arch = "arm")]
const ARCHITECTURES: &[Architecture] = &[Architecture {
    name: 0x4000_0028,
    column: 2,
    ioctl: 54,
    newest: filter::NEWEST_ARM,
    beyond: &[filter::OWN, filter::PRIVATE_ARM],
}];

#[cfg(not(any(target_arch = "x86_64", target_arch = "arm")))]
const ARCHITECTURES: &[Architecture] = &[];

/// Where things are in what the filter is given (`struct seccomp_data`, little-endian).
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const SECOND_ARGUMENT: u32 = 24;

const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
const JUMP: u32 = libc::BPF_JMP | libc::BPF_JA;
const IF_EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
const IF_FROM: u32 = libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K;
const RETURN: u32 = libc::BPF_RET | libc::BPF_K;

const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const REFUSE: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
const NO_SUCH_CALL: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;

/// Puts the filter on the calling process for good, and looks that it is there.
///
/// To be called with CAP_SYS_ADMIN or no_new_privs.
pub fn install(permissions: &Permissions) -> Result<(), String> {
    let missing = |why: String| Part::Seccomp.missing(why);
    if ARCHITECTURES.is_empty() {
        return Err(missing("there is no list for this architecture".into()));
    }
    sys::set_seccomp_filter(&program(permissions)).map_err(|errno| {
        missing(match errno {
            nix::errno::Errno::EINVAL | nix::errno::Errno::ENOSYS => {
                "the running kernel has no filters of system calls (CONFIG_SECCOMP_FILTER)".into()
            }
            errno => reason(errno),
        })
    })?;
    match sys::has_seccomp_filter().map_err(reason)? {
        true => Ok(()),
        false => Err("is not there although the kernel accepted it".into()),
    }
}

/// The program of the filter.
fn program(permissions: &Permissions) -> Vec<sock_filter> {
    let mut program = vec![statement(LOAD, ARCHITECTURE)];
    for architecture in ARCHITECTURES {
        let section = section(architecture, permissions);
        program.push(branch(IF_EQUAL, architecture.name, 1, 0));
        program.push(statement(JUMP, section.len() as u32));
        program.extend(section);
    }
    program.push(statement(RETURN, NO_SUCH_CALL));
    program
}

/// What is done about the calls of one architecture.
fn section(architecture: &Architecture, permissions: &Permissions) -> Vec<sock_filter> {
    let refused: Vec<u32> = DENIED
        .iter()
        .filter(|denied| !permissions.has_any(denied.granted_by))
        .filter_map(|denied| denied.numbers[architecture.column])
        .collect();
    let typing = match permissions.has_any(filter::TYPING_GRANTED_BY) {
        true => &[][..],
        false => &filter::TYPING,
    };
    let mut section = vec![statement(LOAD, NUMBER)];
    section.extend(unknown(architecture));
    for number in refused {
        section.push(branch(IF_EQUAL, number, 0, 1));
        section.push(statement(RETURN, REFUSE));
    }
    section.push(branch(IF_EQUAL, architecture.ioctl, 1, 0));
    section.push(statement(RETURN, ALLOW));
    // The kernel takes 32 bits of it, so that nothing can hide in the others.
    section.push(statement(LOAD, SECOND_ARGUMENT));
    for &command in typing {
        section.push(branch(IF_EQUAL, command, 0, 1));
        section.push(statement(RETURN, REFUSE));
    }
    section.push(statement(RETURN, ALLOW));
    section
}

/// What is said to numbers that nobody has looked at.
fn unknown(architecture: &Architecture) -> Vec<sock_filter> {
    let mut judged = Vec::new();
    for [first, last] in architecture.beyond {
        judged.push(branch(IF_FROM, *first, 0, 2));
        judged.push(branch(IF_FROM, *last + 1, 1, 0));
        judged.push(statement(RETURN, ALLOW));
    }
    judged.push(statement(RETURN, NO_SUCH_CALL));
    let mut unknown = vec![branch(IF_FROM, architecture.newest + 1, 1, 0)];
    unknown.push(statement(JUMP, judged.len() as u32));
    unknown.extend(judged);
    unknown
}

fn statement(code: u32, value: u32) -> sock_filter {
    branch(code, value, 0, 0)
}

/// Goes on so many statements further where the condition holds, or does not.
fn branch(code: u32, value: u32, holds: u8, fails: u8) -> sock_filter {
    sock_filter {
        code: code as u16,
        jt: holds,
        jf: fails,
        k: value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the program says to a call.
    fn run(program: &[sock_filter], architecture: u32, number: u32, second: u32) -> u32 {
        let (mut at, mut loaded) = (0, 0);
        loop {
            let statement = program[at];
            at += 1;
            let jump = |condition: bool| match condition {
                true => usize::from(statement.jt),
                false => usize::from(statement.jf),
            };
            match u32::from(statement.code) {
                LOAD => {
                    loaded = match statement.k {
                        NUMBER => number,
                        ARCHITECTURE => architecture,
                        SECOND_ARGUMENT => second,
                        other => panic!("loads {other}"),
                    }
                }
                JUMP => at += statement.k as usize,
                IF_EQUAL => at += jump(loaded == statement.k),
                IF_FROM => at += jump(loaded >= statement.k),
                RETURN => return statement.k,
                other => panic!("code {other}"),
            }
        }
    }

    #[test]
    fn every_architecture_is_filtered_by_its_own_numbers() {
        let program = program(&Permissions::default());
        for architecture in ARCHITECTURES {
            let refused: Vec<u32> = DENIED
                .iter()
                .filter_map(|denied| denied.numbers[architecture.column])
                .collect();
            for number in 0..1200 {
                let expected = match number {
                    463..=999 | 1009.. => NO_SUCH_CALL,
                    _ if refused.contains(&number) => REFUSE,
                    _ => ALLOW,
                };
                let found = run(&program, architecture.name, number, 0);
                assert_eq!(found, expected, "{:#x} {number}", architecture.name);
            }
            for (command, expected) in [(libc::TCGETS as u32, ALLOW), (0x5412, REFUSE)] {
                let found = run(&program, architecture.name, architecture.ioctl, command);
                assert_eq!(found, expected, "ioctl {command:#x}");
            }
        }
        assert_eq!(run(&program, 0xc000_00b7, 0, 0), NO_SUCH_CALL);
    }

    #[test]
    fn what_nobody_has_looked_at_is_not_there() {
        // Whatever the jail may do: the call may be about something else.
        let permissions = Permissions::default().and(&["mount".parse().expect("a permission")]);
        let program = program(&permissions);
        for architecture in ARCHITECTURES {
            let says = |number| run(&program, architecture.name, number, 0);
            // open_tree_attr, which came with Linux 6.15.
            assert_eq!(says(467), NO_SUCH_CALL);
            assert_eq!(says(u32::MAX), NO_SUCH_CALL);
            assert_eq!(says(architecture.newest), ALLOW);
            assert_eq!((says(1000), says(1008)), (ALLOW, ALLOW));
            assert_eq!((says(999), says(1009)), (NO_SUCH_CALL, NO_SUCH_CALL));
            // cacheflush and set_tls of ARM.
            let private = match architecture.column {
                2 => ALLOW,
                _ => NO_SUCH_CALL,
            };
            assert_eq!((says(0xf_0002), says(0xf_0005)), (private, private));
            assert_eq!(
                (says(0xf_0000), says(0xf_0007)),
                (NO_SUCH_CALL, NO_SUCH_CALL)
            );
        }
    }

    /// The kernel takes 4096 statements, and a branch goes no further than 255.
    #[test]
    fn it_is_short_enough() {
        assert!(program(&Permissions::default()).len() < 1000);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn x32_is_no_way_round() {
        let program = program(&Permissions::default());
        for number in [0, 165, 321, 512] {
            let found = run(&program, 0xc000_003e, 0x4000_0000 | number, 0);
            assert_eq!(found, NO_SUCH_CALL, "{number}");
        }
    }

    #[test]
    fn what_is_allowed_is_let_through() {
        let name = |name: &str| name.parse().expect("a permission");
        let permissions = Permissions::default().and(&[name("chroot"), name("mount")]);
        let program = program(&permissions);
        for architecture in ARCHITECTURES {
            for denied in DENIED {
                let Some(number) = denied.numbers[architecture.column] else {
                    continue;
                };
                let expected = match permissions.has_any(denied.granted_by) {
                    true => ALLOW,
                    false => REFUSE,
                };
                let found = run(&program, architecture.name, number, 0);
                assert_eq!(found, expected, "{}", denied.name);
            }
            let typing = run(&program, architecture.name, architecture.ioctl, 0x5412);
            assert_eq!(typing, ALLOW);
        }
    }
}
