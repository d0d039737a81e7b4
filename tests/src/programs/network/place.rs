// SPDX-License-Identifier: MIT OR Apache-2.0

//! A root for jails with a network, and what there is of networks on the host.

use jaula_tests::admin::{host, json, output, succeed};
use jaula_tests::check;
use jaula_tests::check_eq;
use jaula_tests::ktap::{CaseResult, Context, Failure};
use jaula_tests::launch::{complaint, jaula};
use nix::sys::socket::{
    bind, socket, AddressFamily, SockFlag, SockProtocol, SockType, SockaddrStorage,
};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{ExitCode, Output};
use std::time::Duration;

/// A root with busybox.
pub const ROOT: &str = "/srv/net/box";

/// Whether the machine has rules of nftables.
pub fn has_nft() -> bool {
    Path::new("/usr/sbin/nft").exists()
}

pub fn prepare() -> CaseResult {
    host("rm -rf /srv/net && mkdir -p /srv/net && chmod 700 /srv/net")?;
    if Path::new("/run/systemd/netif").exists() {
        // What the tests make on the host stays as they make it.
        let file = "/run/systemd/network/05-tests.network";
        let text = "[Match]\\nName=tbr0 tdum0 tve0 veth*\\n[Link]\\nUnmanaged=yes\\n";
        host(&format!(
            "mkdir -p /run/systemd/network && printf '{text}' >{file} && networkctl reload"
        ))?;
    }
    succeed(&["rootfs", "build", "-q", "-t", "minimal", ROOT])?;
    // That of busybox takes a capability.
    let own = format!("{ROOT}/{PING}");
    std::fs::copy("/proc/self/exe", &own)
        .context(&own)
        .map(drop)
}

/// Where this program is in the root, and what it is told to be there.
pub const PING: &str = "bin/echo-request";

/// Asks whether an address answers, as each may in a network of a jail's own. With a port, answers datagrams
/// that come there; with both, asks there, always from the same port, and where one is given, as somebody else.
pub fn act_as_ping() -> Option<ExitCode> {
    let mut arguments = std::env::args();
    let name = arguments.next()?;
    if !name.ends_with(PING) {
        return None;
    }
    let whom = arguments.next().unwrap_or_default();
    let asked = match (whom.parse(), whom.parse(), whom.parse()) {
        (Ok(address), _, _) => Some(ask(address)),
        (_, Ok(port), _) => Some(answer(port)),
        (_, _, Ok(address)) => Some(ask_there(address, arguments.next())),
        _ => None,
    };
    Some(match asked {
        Some(Ok(())) => ExitCode::SUCCESS,
        other => {
            eprintln!("{other:?}");
            ExitCode::FAILURE
        }
    })
}

fn ask(address: IpAddr) -> io::Result<()> {
    let (family, protocol, request, reply) = match address {
        IpAddr::V4(_) => (AddressFamily::Inet, SockProtocol::Icmp, 8, 0),
        IpAddr::V6(_) => (AddressFamily::Inet6, SockProtocol::IcmpV6, 128, 129),
    };
    let socket = socket(family, SockType::Datagram, SockFlag::empty(), protocol)?;
    let socket = UdpSocket::from(socket);
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut answer = [0; 64];
    for _ in 0..3 {
        // The kernel fills in the rest.
        socket.send_to(&[request, 0, 0, 0, 0, 0, 0, 1], (address, 0))?;
        match socket.recv_from(&mut answer) {
            Ok((_, from)) if from.ip() == address && answer[0] == reply => return Ok(()),
            _ => {}
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

fn answer(port: u16) -> io::Result<()> {
    let socket = UdpSocket::bind(("::", port)).or_else(|_| UdpSocket::bind(("0.0.0.0", port)))?;
    loop {
        let mut asked = [0; 64];
        let (length, from) = socket.recv_from(&mut asked)?;
        println!("asked by {}", from.ip().to_canonical());
        // Nobody need be there.
        let _ = socket.send_to(&asked[..length], from);
    }
}

/// From where is asked.
const ASKS_FROM: u16 = 4999;

fn ask_there(address: SocketAddr, own: Option<String>) -> io::Result<()> {
    let own = own.map(|own| own.parse::<IpAddr>());
    let own = own.transpose().map_err(io::Error::other)?;
    let socket = match own {
        Some(own) => as_somebody(own)?,
        None => UdpSocket::bind(("0.0.0.0", ASKS_FROM))?,
    };
    socket.connect(address)?;
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    socket.send(b"well")?;
    socket.recv(&mut [0; 64]).map(drop)
}

/// A socket with an address that nobody here need have.
fn as_somebody(address: IpAddr) -> io::Result<UdpSocket> {
    let (family, level, option) = match address {
        IpAddr::V4(_) => (AddressFamily::Inet, libc::SOL_IP, libc::IP_FREEBIND),
        IpAddr::V6(_) => (AddressFamily::Inet6, libc::SOL_IPV6, libc::IPV6_FREEBIND),
    };
    let socket = socket(family, SockType::Datagram, SockFlag::empty(), None)?;
    let on: libc::c_int = 1;
    let size = size_of_val(&on) as libc::socklen_t;
    // SAFETY: the option is an int, which is read during the call alone.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const on).cast(),
            size,
        )
    };
    if set != 0 {
        return Err(io::Error::last_os_error());
    }
    let own = SockaddrStorage::from(SocketAddr::new(address, ASKS_FROM));
    bind(socket.as_raw_fd(), &own)?;
    Ok(socket.into())
}

/// Checks that a jail reaches an address.
pub fn ping(name: &str, address: &str) -> CaseResult {
    inside(name, &format!("/{PING} {address}")).map(drop)
}

/// A case that begins and ends with nothing of networks there, whatever becomes of it.
pub struct Clean;

impl Clean {
    pub fn new() -> Result<Self, Failure> {
        let clean = Clean;
        clean.clear();
        nothing_is_left()?;
        Ok(clean)
    }

    fn clear(&self) {
        // What cannot be removed, the next case tells.
        let _ = host(
            "jaula rm --all >/dev/null 2>&1; for n in $(jaula net ls | cut -f1); do jaula net rm $n; done",
        );
    }
}

impl Drop for Clean {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Runs something in the background, as root of the jail.
pub fn start(name: &str, options: &[&str], script: &str) -> Result<String, Failure> {
    let command = [ROOT, "--", "sh", "-c", script];
    let head = ["run", "-q", "--detach", "--user", "root", "--name", name];
    let said = succeed(&[&head[..], options, &command].concat())?;
    Ok(said.trim().to_owned())
}

/// What a script prints in a jail that runs.
pub fn inside(name: &str, script: &str) -> Result<String, Failure> {
    let said = attempt(name, script)?;
    check!(
        said.status.success(),
        "{name}: {script}: {} {}",
        said.status,
        complaint(&said)
    );
    Ok(String::from_utf8_lossy(&said.stdout).trim_end().to_owned())
}

/// The same, whatever becomes of it.
pub fn attempt(name: &str, script: &str) -> Result<Output, Failure> {
    output(&mut jaula(&[
        "exec", "-q", "--user", "root", name, "--", "sh", "-c", script,
    ]))
}

/// What a jail runs that answers each who connects to this port.
pub fn server(port: u16, word: &str) -> String {
    format!("while true; do echo {word} | nc -l -p {port}; done")
}

/// What is said on a port of another, as a jail hears it.
pub fn hears(name: &str, whom: &str, port: u16) -> Result<String, Failure> {
    // Between two answers nobody listens there.
    let script = format!(
        "for i in 1 2 3 4 5 6 7 8 9 10; do nc -w 2 {whom} {port} </dev/null 2>/dev/null && exit; sleep 0.3; done; \
         exit 1"
    );
    inside(name, &script)
}

/// Checks that a jail reaches nobody there.
pub fn hears_nothing(name: &str, whom: &str, port: u16) -> CaseResult {
    let said = attempt(name, &format!("nc -w 2 {whom} {port} </dev/null 2>&1"))?;
    check!(
        !said.status.success(),
        "{name} reaches {port} of {whom}: {}",
        String::from_utf8_lossy(&said.stdout)
    );
    let said = attempt(name, &format!("/{PING} {whom} 2>&1"))?;
    check!(!said.status.success(), "{name} reaches {whom}");
    Ok(())
}

/// The addresses of a jail in a network: IPv4, and IPv6.
pub fn addresses(network: &str, jail: &str) -> Result<[String; 2], Failure> {
    let seen = json(&["net", "inspect", network])?;
    let jails = seen["jails"].as_array().cloned().unwrap_or_default();
    let found = jails.iter().find(|one| one["name"].as_str() == Some(jail));
    let all = found
        .map(|one| one["addresses"].clone())
        .unwrap_or_default();
    let address = |index: usize| all[index].as_str().unwrap_or_default().to_owned();
    Ok([address(0), address(1)])
}

/// Interfaces of jaula's on the host.
pub fn links() -> Result<String, Failure> {
    host("ls /sys/class/net | grep -E '^(j[0-9]+|js[0-9]+|jn-.*)$' || true")
}

/// Checks that nothing of a network is on the host.
pub fn nothing_is_left() -> CaseResult {
    check_eq!(links()?, "", "interfaces that are left");
    let noted = host("ls /run/jaula/networks 2>/dev/null || true")?;
    check_eq!(noted, "", "what is noted about networks");
    if has_nft() {
        let tables = host("nft list tables | grep jaula || true")?;
        check_eq!(tables, "", "tables that are left");
    }
    Ok(())
}
