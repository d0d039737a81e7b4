// SPDX-License-Identifier: MIT OR Apache-2.0

//! The host's terminal while a person works in the guest.

use crate::machine::Machine;
use anyhow::{Context, Result};
use nix::sys::termios::{cfmakeraw, tcgetattr, tcsetattr, SetArg, Termios};
use signal_hook::consts::SIGWINCH;
use signal_hook::iterator::Signals;
use std::io::{stdin, IsTerminal, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;

/// Ctrl-], as telnet has it.
const ESCAPE: u8 = 0x1d;
/// Ctrl-D.
const END_OF_FILE: u8 = 0x04;

/// Connects standard input to the guest until it is dropped, with the terminal raw if it is one.
pub struct Terminal {
    saved: Option<Termios>,
    /// Set when the person has asked to end the machine.
    pub escaped: Arc<AtomicBool>,
}

impl Terminal {
    /// Starts forwarding what is typed to `stdio`, and changes of size to `control`.
    pub fn attach(stdio: UnixStream, control: UnixStream) -> Result<Self> {
        let saved = if stdin().is_terminal() {
            let saved = tcgetattr(stdin()).context("reading the terminal's settings")?;
            let mut raw = saved.clone();
            cfmakeraw(&mut raw);
            tcsetattr(stdin(), SetArg::TCSANOW, &raw).context("setting the terminal raw")?;
            follow_size(control)?;
            Some(saved)
        } else {
            None
        };
        let escaped = Arc::new(AtomicBool::new(false));
        let typed = Typed {
            stdio,
            is_terminal: saved.is_some(),
            escaped: escaped.clone(),
        };
        // Ends with the process: a blocked read cannot be called back.
        thread::spawn(move || typed.forward());
        Ok(Self { saved, escaped })
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(saved) = &self.saved {
            // Nothing better can be done if the terminal has gone meanwhile.
            let _ = tcsetattr(stdin(), SetArg::TCSADRAIN, saved);
        }
    }
}

struct Typed {
    stdio: UnixStream,
    is_terminal: bool,
    escaped: Arc<AtomicBool>,
}

impl Typed {
    fn forward(mut self) {
        let mut buffer = [0; 256];
        loop {
            match stdin().read(&mut buffer) {
                Ok(0) | Err(_) => {
                    let _ = self.stdio.write_all(&[END_OF_FILE]);
                    return;
                }
                Ok(n) => {
                    if self.is_terminal && buffer[..n].contains(&ESCAPE) {
                        self.escaped.store(true, Ordering::SeqCst);
                        return;
                    }
                    if self.stdio.write_all(&buffer[..n]).is_err() {
                        return;
                    }
                }
            }
        }
    }
}

fn follow_size(mut control: UnixStream) -> Result<()> {
    let mut signals = Signals::new([SIGWINCH]).context("watching the terminal's size")?;
    thread::spawn(move || {
        for _ in signals.forever() {
            let (rows, columns) = size();
            if writeln!(control, "size {rows} {columns}").is_err() {
                return;
            }
        }
    });
    Ok(())
}

/// Rows and columns of the terminal; 24 by 80 where there is none.
pub fn size() -> (u16, u16) {
    match real_size() {
        Some((rows, columns)) if rows > 0 && columns > 0 => (rows, columns),
        _ => (24, 80),
    }
}

fn real_size() -> Option<(u16, u16)> {
    let size = terminal_size::terminal_size_of(stdin())?;
    Some((size.1 .0, size.0 .0))
}

/// The variables for init that tell it about the terminal and the machine's ports, and how to leave:
/// in order, where what is on its disk is kept.
pub fn variables(machine: &Machine, keeps: bool) -> Vec<(&'static str, String)> {
    let (rows, columns) = size();
    // Where a kernel that panics is to end QEMU, a reboot does as well; elsewhere a machine restarts.
    let leave = match (machine.disk, keeps) {
        (false, _) => "reboot -f",
        (true, false) => "poweroff -f",
        (true, true) => "poweroff",
    };
    vec![
        ("LEAVE", leave.to_owned()),
        ("STDIO", machine.serial.stdio.clone()),
        ("CONTROL", machine.serial.control.clone()),
        (
            "TERM",
            std::env::var("TERM").unwrap_or_else(|_| "vt100".into()),
        ),
        ("ROWS", rows.to_string()),
        ("COLUMNS", columns.to_string()),
    ]
}
