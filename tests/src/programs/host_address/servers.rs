// SPDX-License-Identifier: MIT OR Apache-2.0

//! Servers of the host, which say by which address who speaks to them comes.

use super::{HOST_V4, HOST_V6};
use jaula_tests::ktap::{Context, Failure};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, UdpSocket};
use std::thread;
use std::time::Duration;

/// Where they say it.
pub const TCP: u16 = 7000;
pub const UDP: u16 = 7001;

/// Where one is at all addresses, and where at those of the loopback interface alone.
pub const EVERYWHERE: u16 = 7100;
pub const LOOPBACK: u16 = 7200;

/// How long the other side has to close a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// Starts them. They go with the process.
pub fn start() -> Result<(), Failure> {
    for at in [HOST_V4, HOST_V6] {
        listen(at, TCP)?;
        receive(at, UDP)?;
    }
    listen("0.0.0.0", EVERYWHERE)?;
    for at in ["127.0.0.1", "::1"] {
        listen(at, LOOPBACK)?;
        receive(at, LOOPBACK)?;
    }
    Ok(())
}

fn listen(at: &str, port: u16) -> Result<(), Failure> {
    let server = TcpListener::bind((at, port)).context(format_args!("{at} port {port}"))?;
    thread::spawn(move || {
        for stream in server.incoming().flatten() {
            let mut stream = stream;
            if let Ok(peer) = stream.peer_addr() {
                let _ = stream.write_all(peer.ip().to_string().as_bytes());
                // What is closed with something unread takes what was written along.
                let _ = stream.shutdown(Shutdown::Write);
                let _ = stream.set_read_timeout(Some(PATIENCE));
                let _ = stream.read_to_end(&mut Vec::new());
            }
        }
    });
    Ok(())
}

fn receive(at: &str, port: u16) -> Result<(), Failure> {
    let server = UdpSocket::bind((at, port)).context(format_args!("{at} port {port}"))?;
    thread::spawn(move || {
        while let Ok((_, from)) = server.recv_from(&mut [0; 10]) {
            let _ = server.send_to(from.ip().to_string().as_bytes(), from);
        }
    });
    Ok(())
}
