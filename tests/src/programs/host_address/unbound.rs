// SPDX-License-Identifier: MIT OR Apache-2.0

//! Sockets that have got a port without an address: nothing but what is for the jail reaches them.

use super::{sockets, HOST_V4, HOST_V6, V4, V6};
use jaula_tests::check_eq;
use jaula_tests::ktap::{fail, CaseResult, Context, Failure, Suite};
use jaula_tests::launch::{jaula, Root};
use std::io::{BufRead, BufReader, Read};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::process::Stdio;
use std::time::Duration;

/// How long is waited for what is never answered.
const PATIENCE: Duration = Duration::from_millis(1500);

pub fn add<'a>(suite: &mut Suite<'a>, root: &'a Root) {
    for family in ["4", "6"] {
        suite.case(
            &format!("unbound: IPv{family} is reached by the jail's address alone"),
            move || reached(root, family),
        );
    }
}

fn reached(root: &Root, family: &str) -> CaseResult {
    let arguments = sockets::arguments(root, &[V4, V6], &[&format!("listen {family}")]);
    let mut command = jaula(&arguments);
    let mut jail = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("jaula")?;
    let output = jail.stdout.take().ok_or_else(|| fail("no output"))?;
    let mut output = BufReader::new(output);
    let mut ports = String::new();
    output.read_line(&mut ports).context("its ports")?;
    let ports: Vec<u16> = ports.split_whitespace().flat_map(str::parse).collect();
    let [stream, datagrams] = ports[..] else {
        return Err(fail(format!("no ports: {ports:?}")));
    };
    let mut answered = Vec::new();
    for address in [V4, HOST_V4, "127.0.0.1", V6, HOST_V6, "::1"] {
        if connects(address, stream)? {
            answered.push(address);
        }
    }
    for address in [HOST_V4, "127.0.0.1", V4] {
        let socket = UdpSocket::bind("0.0.0.0:0").context("a socket")?;
        let sent = socket.send_to(address.as_bytes(), (address, datagrams));
        sent.context(address)?;
    }
    drop(jail.stdin.take());
    let mut came = String::new();
    output.read_to_string(&mut came).context("what came")?;
    jail.wait().context("waiting")?;
    let expected: &[&str] = match family {
        "4" => &[V4],
        _ => &[V4, V6],
    };
    check_eq!(answered, expected, "where it is reached");
    check_eq!(
        came.trim_end(),
        format!("listen {family} = {V4}"),
        "datagrams"
    );
    Ok(())
}

fn connects(address: &str, port: u16) -> Result<bool, Failure> {
    let address: IpAddr = address.parse().map_err(|_| fail(address))?;
    let to = SocketAddr::new(address, port);
    Ok(TcpStream::connect_timeout(&to, PATIENCE).is_ok())
}
