// SPDX-License-Identifier: MIT OR Apache-2.0

//! `withpty CMD [ARG]...`: runs a command on a terminal of its own.
//!
//! What it prints there goes to standard output, and its exit status is passed on: 128 + N where
//! signal N ended it.

use jaula_tests::sys::process::{self, Ended};
use jaula_tests::sys::tty;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// The name by which this program is to be executed.
pub const NAME: &str = "withpty";

/// The exit status that says that there was nothing to wait for.
const FAILED: u8 = 255;

/// Acts as `withpty`, where the program was started under that name.
pub fn act() -> Option<ExitCode> {
    let mut arguments = std::env::args_os();
    let name = arguments.next()?;
    if name.to_str()?.rsplit('/').next() != Some(NAME) {
        return None;
    }
    let Some(program) = arguments.next() else {
        eprintln!("usage: {NAME} CMD [ARG]...");
        return Some(ExitCode::from(FAILED));
    };
    let mut command = Command::new(program);
    command.args(arguments);
    let status = run(command).unwrap_or_else(|error| {
        eprintln!("{NAME}: {error}");
        FAILED
    });
    Some(ExitCode::from(status))
}

fn run(mut command: Command) -> io::Result<u8> {
    let of_errno = |errno: jaula_tests::sys::Errno| io::Error::from_raw_os_error(errno.0);
    let (master, slave) = tty::open().map_err(of_errno)?;
    let leader = process::fork(|| match tty::take_over(&slave) {
        Ok(()) => {
            eprintln!("{NAME}: {}", command.exec());
            127
        }
        Err(errno) => {
            eprintln!("{NAME}: the terminal: {errno}");
            FAILED.into()
        }
    })
    .map_err(of_errno)?;
    // Its end is seen when nobody has this side open any more.
    drop(slave);
    let mut master = File::from(master);
    let mut buffer = vec![0; 64 << 10];
    loop {
        match master.read(&mut buffer) {
            Ok(length) if length > 0 => io::stdout().write_all(&buffer[..length])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // EIO: nobody has the other side open.
            _ => break,
        }
    }
    io::stdout().flush()?;
    let status = match process::wait(leader).map_err(of_errno)? {
        Ended::Exited(status) => status,
        Ended::Signaled(signal) => 128 + signal,
    };
    Ok(u8::try_from(status).unwrap_or(FAILED))
}
