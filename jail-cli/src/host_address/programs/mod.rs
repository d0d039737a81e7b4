// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the kernel runs for each socket of a jail that has an address of the host.
//!
//! A program for each moment at which an address matters. They are attached to the control group of the
//! jail and go with it; a socket belongs to the group that the process was in that made it, whomever it
//! is handed to. The addresses are numbers in the instructions: there is nothing to be changed later.

mod bind;
mod connect;
mod create;
mod packet;
mod parts;
mod send;
mod told;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;

use super::assembler::Assembler;
use crate::sys::bpf;
use crate::text::reason;

/// What a jail has of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The host's that it has.
    pub v4: Option<Ipv4Addr>,
    /// The same, of IPv6.
    pub v6: Option<Ipv6Addr>,
    /// What 127.0.0.1 is in it.
    pub loopback: Ipv4Addr,
}

/// A program, and where it is attached.
struct Program {
    /// What `bpftool` shows.
    name: &'static str,
    /// `enum bpf_prog_type`.
    kind: u32,
    /// `enum bpf_attach_type`.
    attach_type: u32,
    write: fn(&mut Assembler, &Addresses),
}

const CGROUP_SKB: u32 = 8;
const CGROUP_SOCK: u32 = 9;
const CGROUP_SOCK_ADDR: u32 = 18;

const PROGRAMS: [Program; 14] = [
    Program::new("jaula_create", CGROUP_SOCK, 2, create::write),
    Program::new("jaula_bind4", CGROUP_SOCK_ADDR, 8, bind::write_v4),
    Program::new("jaula_bind6", CGROUP_SOCK_ADDR, 9, bind::write_v6),
    Program::new("jaula_connect4", CGROUP_SOCK_ADDR, 10, connect::write_v4),
    Program::new("jaula_connect6", CGROUP_SOCK_ADDR, 11, connect::write_v6),
    Program::new("jaula_send4", CGROUP_SOCK_ADDR, 14, send::write_v4),
    Program::new("jaula_send6", CGROUP_SOCK_ADDR, 15, send::write_v6),
    Program::new("jaula_receive4", CGROUP_SOCK_ADDR, 19, told::write_v4),
    Program::new("jaula_receive6", CGROUP_SOCK_ADDR, 20, told::write_v6),
    Program::new("jaula_peer4", CGROUP_SOCK_ADDR, 29, told::write_v4),
    Program::new("jaula_peer6", CGROUP_SOCK_ADDR, 30, told::write_v6),
    Program::new("jaula_name4", CGROUP_SOCK_ADDR, 31, told::write_v4),
    Program::new("jaula_name6", CGROUP_SOCK_ADDR, 32, told::write_v6),
    Program::new("jaula_packet", CGROUP_SKB, 0, packet::write),
];

/// How much the kernel may say about a program that it refuses.
const LOG: usize = 64 << 10;

/// Attaches all of them to a control group.
///
/// # Errors
///
/// Which one the kernel refuses, and why. Those before it go with the group.
pub fn attach(group: BorrowedFd<'_>, addresses: &Addresses) -> Result<(), String> {
    for program in &PROGRAMS {
        let about = |what: &str, why: String| format!("{what} the program {}: {why}", program.name);
        let mut assembler = Assembler::default();
        (program.write)(&mut assembler, addresses);
        let instructions = assembler.finish().map_err(|why| about("writing", why))?;
        let what = (program.kind, program.attach_type);
        let load = |log: &mut [u8]| bpf::load(what, program.name, &instructions, c"MIT", log);
        let loaded = load(&mut []).map_err(|errno| about("loading", refused(errno, &load)))?;
        let attached = bpf::attach(group, loaded.as_fd(), program.attach_type);
        attached.map_err(|errno| about("attaching", why(errno)))?;
    }
    Ok(())
}

/// Why a program was not loaded: what the kernel says about it when it is asked once more.
fn refused(
    errno: Errno,
    load: &dyn Fn(&mut [u8]) -> Result<std::os::fd::OwnedFd, Errno>,
) -> String {
    if !matches!(errno, Errno::EACCES | Errno::EINVAL) {
        return why(errno);
    }
    let mut log = vec![0; LOG];
    // It fails as before, or the text is empty.
    let _ = load(&mut log);
    let length = log.iter().position(|&byte| byte == 0).unwrap_or(log.len());
    let text = String::from_utf8_lossy(&log[..length]);
    match text.trim() {
        "" => why(errno),
        text => format!("{}:\n{text}", reason(errno)),
    }
}

fn why(errno: Errno) -> String {
    match errno {
        Errno::ENOSYS | Errno::EINVAL => format!(
            "{}: the running kernel has no such programs (CONFIG_CGROUP_BPF)",
            reason(errno)
        ),
        Errno::EPERM => format!(
            "{}: programs of a control group above it may not be added to, or bpf(2) is locked",
            reason(errno)
        ),
        errno => reason(errno),
    }
}

impl Program {
    const fn new(
        name: &'static str,
        kind: u32,
        attach_type: u32,
        write: fn(&mut Assembler, &Addresses),
    ) -> Self {
        Program {
            name,
            kind,
            attach_type,
            write,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_program_has_all_of_its_labels() {
        let (v4, v6) = (Ipv4Addr::new(192, 0, 2, 7), "2001:db8::7".parse().ok());
        for (v4, v6) in [(Some(v4), v6), (Some(v4), None), (None, v6), (None, None)] {
            let loopback = Ipv4Addr::new(127, 128, 0, 7);
            let addresses = Addresses { v4, v6, loopback };
            for program in &PROGRAMS {
                let mut assembler = Assembler::default();
                (program.write)(&mut assembler, &addresses);
                let instructions = assembler.finish().expect(program.name);
                // The last one must not be run beyond.
                assert_eq!(instructions.last().map(|it| it.code), Some(0x95));
                assert!(instructions.len() < 200, "{}", program.name);
            }
        }
    }
}
