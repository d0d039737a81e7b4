// SPDX-License-Identifier: MIT OR Apache-2.0

//! A client of servers of pages, outside of their jails.

use jaula_tests::ktap::{fail, Context, Failure};
use jaula_tests::wait::PATIENCE;
use std::io::{Read, Write};
use std::net::TcpStream;

/// A request that has been sent.
pub struct Request(TcpStream);

impl Request {
    /// Asks for a page, in the way that ends the connection afterwards.
    pub fn send(port: u16, path: &str) -> Result<Self, Failure> {
        let mut stream = connect(port)?;
        let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).context("asking")?;
        Ok(Request(stream))
    }

    /// Reads so many bytes of the answer, its head included.
    pub fn begin(&mut self, length: usize) -> Result<Vec<u8>, Failure> {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).context("the answer")?;
        Ok(bytes)
    }

    /// The page, with what has been read of the answer already.
    pub fn finish(mut self, mut answer: Vec<u8>) -> Result<Vec<u8>, Failure> {
        self.0.read_to_end(&mut answer).context("the answer")?;
        let end = b"\r\n\r\n";
        let at = answer.windows(end.len()).position(|window| window == end);
        let at = at.ok_or_else(|| fail("an answer without a head"))?;
        let head = String::from_utf8_lossy(&answer[..at]);
        let ok = head
            .lines()
            .next()
            .is_some_and(|line| line.contains(" 200 "));
        jaula_tests::check!(ok, "{head}");
        Ok(answer.split_off(at + end.len()))
    }
}

/// A page.
pub fn get(port: u16, path: &str) -> Result<Vec<u8>, Failure> {
    Request::send(port, path)?.finish(Vec::new())
}

/// A connection to a port of the host.
pub fn connect(port: u16) -> Result<TcpStream, Failure> {
    let stream = TcpStream::connect(("127.0.0.1", port));
    let stream = stream.context(format_args!("connecting to port {port}"))?;
    stream.set_read_timeout(Some(PATIENCE)).context("timeout")?;
    stream
        .set_write_timeout(Some(PATIENCE))
        .context("timeout")?;
    Ok(stream)
}

/// Bytes that no two parts of are alike.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}
