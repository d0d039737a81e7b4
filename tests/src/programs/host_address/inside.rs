// SPDX-License-Identifier: MIT OR Apache-2.0

//! What this program does in a jail: what it is told to with sockets. It prints what came of each deed.

use jaula_tests::sys::uring::Ring;
use jaula_tests::sys::{inet, unix, Errno, Result};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::ExitCode;
use std::time::Duration;

/// Where the program is in the root of a jail.
pub const PROGRAM: &str = "/bin/sockets";

/// The argument for which it is executed; deeds follow, each in one word.
pub const ARGUMENT: &str = "--sockets";

/// The one for which it says its address to all that come to port 80.
const SERVE: &str = "--serve";

/// The one for which it does nothing.
const SLEEP: &str = "--sleep";

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

const STREAM: i32 = libc::SOCK_STREAM;
const DATAGRAM: i32 = libc::SOCK_DGRAM;

/// `IPV6_FREEBIND`, `TCP_FASTOPEN_CONNECT` and `MSG_FASTOPEN`, which not every C library has.
const IPV6_FREEBIND: i32 = 78;
const TCP_FASTOPEN_CONNECT: i32 = 30;
const MSG_FASTOPEN: i32 = 0x2000_0000;

/// Does what the program was executed for, if it was.
pub fn act() -> Option<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some(ARGUMENT) => {}
        Some(SERVE) => return Some(serve()),
        Some(SLEEP) => jaula_tests::inmate::wait_for_ever(),
        _ => return None,
    }
    for deed in arguments {
        let words: Vec<&str> = deed.split(' ').collect();
        match run(&words) {
            Ok(said) => println!("{deed} = {said}"),
            Err(errno) => println!("{deed} = {}", name_of(errno)),
        }
    }
    Some(ExitCode::SUCCESS)
}

fn serve() -> ExitCode {
    let Ok(server) = TcpListener::bind("0.0.0.0:80") else {
        return ExitCode::FAILURE;
    };
    for stream in server.incoming().flatten() {
        let mut stream = stream;
        if let Ok(address) = stream.local_addr() {
            let _ = stream.write_all(address.ip().to_string().as_bytes());
        }
    }
    ExitCode::SUCCESS
}

fn run(deed: &[&str]) -> Result<String> {
    match *deed {
        ["bind", address] => bind(ip(address)),
        ["bind-only-v6", address] => {
            let socket = inet::socket(ip(address), STREAM)?;
            inet::set(&socket, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1)?;
            bound(&socket, ip(address))
        }
        ["inherited", address] => bound(&std::io::stdin().as_fd(), ip(address)),
        [how, to] if how.starts_with("tcp") => tcp(how, place(to)),
        [how, to] if how.starts_with("udp") => udp(how, place(to)),
        [how, source, to] if how.starts_with("from") => send_from(how, ip(source), place(to)),
        ["kind", family, kind, protocol] => {
            unix::open(number(family), number(kind), number(protocol)).map(|_| "made".into())
        }
        ["loopback-tcp", at, to] => loopback_tcp(ip(at), ip(to)),
        [how @ ("loopback-udp" | "loopback-udp-connected"), at, to] => {
            loopback_udp(how, ip(at), ip(to))
        }
        ["listen", family] => listen(family),
        ["join", group] => join(group),
        _ => Err(Errno::EINVAL),
    }
}

/// As errno(1) has it.
fn name_of(errno: Errno) -> String {
    format!("{:?}", nix::errno::Errno::from_raw(errno.0))
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap_or(IpAddr::from([0; 4]))
}

fn place(text: &str) -> SocketAddr {
    text.parse().unwrap_or(SocketAddr::from(([0; 4], 0)))
}

fn number(text: &str) -> i32 {
    text.parse().unwrap_or(-1)
}

fn bound(socket: &impl AsRawFd, address: IpAddr) -> Result<String> {
    inet::bind(socket, SocketAddr::new(address, 0))?;
    Ok(inet::name(socket)?.ip().to_string())
}

/// However it is bound, the same must come of it.
fn bind(address: IpAddr) -> Result<String> {
    let free: &[(i32, i32)] = &[
        (libc::IPPROTO_IP, libc::IP_FREEBIND),
        (libc::IPPROTO_IPV6, IPV6_FREEBIND),
    ];
    let transparent: &[(i32, i32)] = &[(libc::IPPROTO_IP, libc::IP_TRANSPARENT)];
    let no_port: &[(i32, i32)] = &[(libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT)];
    let shared: &[(i32, i32)] = &[
        (libc::SOL_SOCKET, libc::SO_REUSEPORT),
        (libc::SOL_SOCKET, libc::SO_REUSEADDR),
    ];
    let mut found = Vec::new();
    for kind in [STREAM, DATAGRAM] {
        for options in [&[], free, transparent, no_port, shared] {
            let socket = inet::socket(address, kind)?;
            for (level, option) in options {
                // Some are for one family, and some for more than a jail may do.
                let _ = inet::set(&socket, *level, *option, 1);
            }
            found.push(match bound(&socket, address) {
                Ok(address) => address,
                Err(errno) => name_of(errno),
            });
        }
    }
    if let Ok(mut ring) = Ring::new() {
        let socket = inet::socket(address, STREAM)?;
        let result = ring.try_bind_inet(&socket, SocketAddr::new(address, 0));
        match result {
            Ok(Ok(())) => found.push(inet::name(&socket)?.ip().to_string()),
            // Not every kernel has this request.
            Ok(Err(errno)) if errno != Errno::EINVAL => found.push(name_of(errno)),
            _ => {}
        }
    }
    found.dedup();
    Ok(found.join(" or "))
}

/// The address at which it begins, and what the other side says about that.
fn tcp(how: &str, to: SocketAddr) -> Result<String> {
    let any: IpAddr = match to {
        SocketAddr::V4(_) => IpAddr::from([0; 4]),
        SocketAddr::V6(_) => IpAddr::from([0; 16]),
    };
    let socket = inet::socket(to.ip(), STREAM)?;
    match how {
        "tcp-bound" => inet::bind(&socket, SocketAddr::new(any, 0))?,
        "tcp-free" => inet::set(&socket, libc::IPPROTO_IP, libc::IP_FREEBIND, 1)?,
        "tcp-fast-connect" => inet::set(&socket, libc::IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1)?,
        _ => {}
    }
    match how {
        "tcp-fast" => inet::send(&socket, Some(to), None, MSG_FASTOPEN)?,
        "tcp-ring" => {
            let ring = Ring::new().map_err(|_| Errno::ENOSYS);
            ring?
                .try_connect_inet(&socket, to)
                .map_err(|_| Errno::EIO)??
        }
        _ => inet::connect(&socket, to)?,
    }
    if how == "tcp-again" {
        inet::disconnect(&socket)?;
        inet::connect(&socket, to)?;
    }
    if how == "tcp-fast-connect" {
        inet::send(&socket, None, None, 0)?;
    }
    let name = inet::name(&socket)?.ip();
    let mut said = String::new();
    let mut stream = TcpStream::from(socket);
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let _ = stream.read_to_string(&mut said);
    Ok(format!("{name} {said}"))
}

/// What the other side says about where it comes from.
fn udp(how: &str, to: SocketAddr) -> Result<String> {
    let any: IpAddr = match to {
        SocketAddr::V4(_) => IpAddr::from([0; 4]),
        SocketAddr::V6(_) => IpAddr::from([0; 16]),
    };
    let elsewhere = SocketAddr::new(to.ip(), 9);
    let socket = match how {
        "udp-mixed" | "udp-mixed-connected" => inet::socket(IpAddr::from([0; 16]), DATAGRAM)?,
        _ => inet::socket(to.ip(), DATAGRAM)?,
    };
    match how {
        "udp-bound" => inet::bind(&socket, SocketAddr::new(any, 0))?,
        "udp-late" => {
            inet::send(&socket, Some(elsewhere), None, 0)?;
            inet::connect(&socket, to)?;
        }
        "udp-connected" | "udp-mixed-connected" => inet::connect(&socket, to)?,
        "udp-again" => {
            inet::connect(&socket, to)?;
            inet::disconnect(&socket)?;
            inet::connect(&socket, elsewhere)?;
            inet::connect(&socket, to)?;
        }
        _ => {}
    }
    let is_connected = inet::peer(&socket).is_ok();
    inet::send(&socket, (!is_connected).then_some(to), None, 0)?;
    answer(socket)
}

/// The same with a source that is asked for.
fn send_from(how: &str, source: IpAddr, to: SocketAddr) -> Result<String> {
    let socket = inet::socket(to.ip(), DATAGRAM)?;
    if how.contains("free") {
        let _ = inet::set(&socket, libc::IPPROTO_IP, libc::IP_FREEBIND, 1);
        let _ = inet::set(&socket, libc::IPPROTO_IPV6, IPV6_FREEBIND, 1);
    }
    if how.contains("connected") {
        inet::connect(&socket, to)?;
        inet::send(&socket, None, Some(source), 0)?;
    } else {
        inet::send(&socket, Some(to), Some(source), 0)?;
    }
    answer(socket)
}

fn answer(socket: OwnedFd) -> Result<String> {
    let socket = UdpSocket::from(socket);
    let _ = socket.set_read_timeout(Some(PATIENCE));
    let mut said = [0; 100];
    let length = socket.recv(&mut said).map_err(|error| errno(&error))?;
    Ok(String::from_utf8_lossy(&said[..length]).into_owned())
}

fn errno(error: &std::io::Error) -> Errno {
    Errno(error.raw_os_error().unwrap_or(libc::EIO))
}

/// Who the server has at the other end, and who the client.
fn loopback_tcp(at: IpAddr, to: IpAddr) -> Result<String> {
    let server = TcpListener::bind((at, 0)).map_err(|error| errno(&error))?;
    let port = inet::name(&server)?.port();
    let client = inet::socket(to, STREAM)?;
    inet::connect(&client, SocketAddr::new(to, port))?;
    let (accepted, from) = server.accept().map_err(|error| errno(&error))?;
    let there = inet::peer(&accepted)?.ip();
    if there != from.ip() {
        return Ok(format!("{from} and {there}"));
    }
    Ok(format!("{there} {}", inet::peer(&client)?.ip()))
}

fn loopback_udp(how: &str, at: IpAddr, to: IpAddr) -> Result<String> {
    let server = UdpSocket::bind((at, 0)).map_err(|error| errno(&error))?;
    let _ = server.set_read_timeout(Some(PATIENCE));
    let to = SocketAddr::new(to, inet::name(&server)?.port());
    let client = inet::socket(to.ip(), DATAGRAM)?;
    if how.ends_with("connected") {
        inet::connect(&client, to)?;
        inet::send(&client, None, None, 0)?;
    } else {
        inet::send(&client, Some(to), None, 0)?;
    }
    let client = UdpSocket::from(client);
    let _ = client.set_read_timeout(Some(PATIENCE));
    let (_, from) = server
        .recv_from(&mut [0; 10])
        .map_err(|error| errno(&error))?;
    server.send_to(b"y", from).map_err(|error| errno(&error))?;
    let (_, back) = client
        .recv_from(&mut [0; 10])
        .map_err(|error| errno(&error))?;
    Ok(format!("{} {}", from.ip(), back.ip()))
}

/// Listens without an address, and has sent a datagram without one; says at which ports, and waits until
/// its input ends. Then it says what has come.
fn listen(family: &str) -> Result<String> {
    let of: IpAddr = match family {
        "4" => IpAddr::from([0; 4]),
        _ => IpAddr::from([0; 16]),
    };
    let stream = inet::socket(of, STREAM)?;
    inet::listen(&stream)?;
    let datagrams = inet::socket(IpAddr::from([0; 4]), DATAGRAM)?;
    let nobody = SocketAddr::from(([127, 0, 0, 1], 9));
    inet::send(&datagrams, Some(nobody), None, 0)?;
    let port = |socket| inet::name(socket).map(|name| name.port());
    println!("{} {}", port(&stream)?, port(&datagrams)?);
    let _ = std::io::stdout().flush();
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    let datagrams = UdpSocket::from(datagrams);
    let _ = datagrams.set_read_timeout(Some(Duration::from_millis(100)));
    let mut came = Vec::new();
    for _ in 0..8 {
        let mut word = [0; 100];
        if let Ok(length) = datagrams.recv(&mut word) {
            came.push(String::from_utf8_lossy(&word[..length]).into_owned());
        }
    }
    Ok(came.join(" "))
}

/// Joins a group, with a socket of all addresses, and sends to it: the source is the jail's.
fn join(group: &str) -> Result<String> {
    let IpAddr::V4(group) = ip(group) else {
        return Err(Errno::EINVAL);
    };
    let socket = UdpSocket::bind("0.0.0.0:5555").map_err(|error| errno(&error))?;
    let joined = socket.join_multicast_v4(&group, &"127.0.0.1".parse().map_err(|_| Errno::EINVAL)?);
    joined.map_err(|error| errno(&error))?;
    let _ = socket.set_read_timeout(Some(Duration::from_millis(300)));
    let _ = socket.send_to(b"x", (group, 5555));
    match socket.recv(&mut [0; 10]) {
        Ok(_) => Ok("received".into()),
        Err(_) => Ok("nothing".into()),
    }
}
