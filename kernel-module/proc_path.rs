// SPDX-License-Identifier: GPL-2.0-only

//! What a path in `/proc` stands for.
//!
//! Pure functions over plain values, with no dependency on the kernel: user space compiles and
//! tests this same file.

/// What there is at a path in `/proc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Something of the process or the thread with this number.
    Process(i32),
    /// Something of the network namespace of the process or thread with this number, which is all that
    /// it has of that process.
    Network(i32),
    /// The sockets of the network namespace of the process or thread with this number, with the paths
    /// and names of all UNIX sockets.
    UnixSockets(i32),
    /// What tells of all processes, or of the memory of the machine.
    Private,
    /// Anything else.
    Other,
}

/// What no jail has to know: who has locked which file, how many keys users have, which timers run for
/// whom, and what is where in memory.
const PRIVATE: [&[u8]; 9] = [
    b"locks",
    b"key-users",
    b"timer_list",
    b"kcore",
    b"kpagecount",
    b"kpageflags",
    b"kpagecgroup",
    b"vmallocinfo",
    b"slabinfo",
];

/// Tells what a path stands for that begins at the root of the file system.
pub(crate) fn place_of(path: &[u8]) -> Place {
    let mut names = path
        .split(|byte| *byte == b'/')
        .filter(|name| !name.is_empty());
    let Some(first) = names.next() else {
        return Place::Other;
    };
    let Some(number) = parse_number(first) else {
        return if PRIVATE.contains(&first) {
            Place::Private
        } else {
            Place::Other
        };
    };
    let mut name = names.next();
    if name == Some(b"task") {
        names.next();
        name = names.next();
    }
    match (name, names.next()) {
        (Some(b"net"), Some(b"unix")) => Place::UnixSockets(number),
        (Some(b"net"), Some(_)) => Place::Network(number),
        _ => Place::Process(number),
    }
}

fn parse_number(name: &[u8]) -> Option<i32> {
    name.iter().try_fold(0_i32, |number, byte| match byte {
        b'0'..=b'9' => number.checked_mul(10)?.checked_add(i32::from(byte - b'0')),
        _ => None,
    })
}
