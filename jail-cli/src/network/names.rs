// SPDX-License-Identifier: MIT OR Apache-2.0

//! By which names jails find each other, and whom they ask for others.
//!
//! The files are the host's, and are mounted over those of the root, read-only. That with the names is written
//! anew, in place, each time that a jail comes or goes: one that runs sees it.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::member::{Connected, Member};
use crate::isolation::{Bind, To};
use crate::text::shown;

/// What they are called, in a jail's directory and in the jail's /etc.
const HOSTS: &str = "hosts";
pub(super) const RESOLV: &str = "resolv.conf";

/// Whom the host asks; the second, where the first names something that runs on the host itself.
const SERVERS: [&str; 2] = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];

/// What everybody finds there, and no jail's name can stand for.
const EVERYWHERE: &str = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";

/// As many servers as a resolver asks (resolv.conf(5)), and as many bytes of the host's file as are read.
const MOST: usize = 3;
const LARGEST: u64 = 64 << 10;

/// What is mounted in a jail.
pub fn mounts(directory: &Path) -> Vec<Bind> {
    [HOSTS, RESOLV]
        .map(|name| Bind {
            source: directory.join(name),
            target: Path::new("/etc").join(name),
            read_only: true,
        })
        .to_vec()
}

/// Writes the names anew for all jails of a place.
///
/// # Errors
///
/// Whose could not be written.
pub fn write_hosts(connected: &Connected, to: &To, members: &[Member]) -> Result<(), String> {
    members.iter().try_for_each(|member| {
        let path = connected.of(to, member.number).join(HOSTS);
        write_in_place(&path, hosts(member, members).as_bytes())
            .map_err(|error| format!("writing {}: {error}", shown(&path)))
    })
}

/// Writes whom a jail asks for names.
///
/// # Errors
///
/// Where it could not be written.
pub fn write_servers(directory: &Path, is_internal: bool, has_v6: bool) -> Result<(), String> {
    let text = match is_internal {
        true => "# Nobody outside of this network can be asked.\n".into(),
        false => of_host(has_v6),
    };
    let path: PathBuf = directory.join(RESOLV);
    write_in_place(&path, text.as_bytes())
        .map_err(|error| format!("writing {}: {error}", shown(&path)))
}

/// Whom the host asks.
pub fn of_host(has_v6: bool) -> String {
    servers(&SERVERS.map(Path::new), has_v6)
}

/// What is in the file where a server of the network has named these.
pub fn leased(servers: &[Ipv4Addr], domain: Option<&str>) -> String {
    let servers = servers
        .iter()
        .map(|server| format!("nameserver {server}\n"));
    let search = domain.map(|domain| format!("search {domain}\n"));
    servers.chain(search).collect()
}

fn hosts(own: &Member, members: &[Member]) -> String {
    let mut text = String::from(EVERYWHERE);
    let mut line = |addresses: &[IpAddr], name: &str| {
        if !can_be_named(name) {
            return;
        }
        for address in addresses {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{address}\t{name}");
        }
    };
    // The first line counts: what it calls itself is itself.
    if let Some(hostname) = &own.hostname {
        line(&own.addresses, hostname);
    }
    let others = members.iter().filter(|member| member.number != own.number);
    for member in std::iter::once(own).chain(others) {
        if let Some(name) = &member.name {
            line(&member.addresses, &name.to_string());
        }
    }
    text
}

/// Whether a name is one of a host, and no other one than that.
pub(super) fn can_be_named(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let lower = name.to_ascii_lowercase();
    !name.is_empty()
        && name.bytes().all(is_letter)
        && name.parse::<IpAddr>().is_err()
        && !lower.split('.').any(|part| part.starts_with("localhost"))
        && !lower.starts_with("ip6-")
}

/// The host's servers, but for those that only the host itself reaches.
fn servers(files: &[&Path], has_v6: bool) -> String {
    for file in files {
        let Ok(text) = read_short(file) else {
            continue;
        };
        let words = |line: &str| {
            line.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let lines: Vec<Vec<String>> = text.lines().map(words).collect();
        let is_reached = |address: &IpAddr| match address {
            IpAddr::V4(_) => !address.is_loopback(),
            IpAddr::V6(v6) => has_v6 && !address.is_loopback() && !v6.is_unicast_link_local(),
        };
        let servers = lines.iter().filter_map(|line| match line.as_slice() {
            [key, server, ..] if key == "nameserver" => server.parse().ok(),
            _ => None,
        });
        let servers: Vec<IpAddr> = servers.filter(is_reached).take(MOST).collect();
        if servers.is_empty() {
            continue;
        }
        let others = lines.iter().filter(|line| {
            let key = line.first().map(String::as_str);
            matches!(key, Some("search" | "domain" | "options"))
        });
        let others = others.map(|line| line.join(" "));
        let servers = servers.iter().map(|server| format!("nameserver {server}"));
        return servers.chain(others).map(|line| line + "\n").collect();
    }
    "# The host asks nobody that a jail could ask.\n".into()
}

fn read_short(path: &Path) -> io::Result<String> {
    match fs::metadata(path)? {
        found if found.is_file() && found.len() <= LARGEST => fs::read_to_string(path),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Who has it open or mounted sees what is in it now.
fn write_in_place(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let file = options
        .write(true)
        .create(true)
        .truncate(false)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o644))?;
    // In one piece, and never empty. What it is shorter by are empty lines until it is cut off, and not the rest of
    // what was there, which could begin in the middle of an address.
    let before = usize::try_from(file.metadata()?.len()).unwrap_or(0);
    let mut padded = text.to_vec();
    padded.resize(before.max(text.len()), b'\n');
    file.write_all_at(&padded, 0)?;
    file.set_len(text.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(number: u32, name: &str, addresses: &[&str]) -> Member {
        Member {
            number: crate::jail::JailNumber::new(number).expect("a number"),
            created: Default::default(),
            name: name.parse().ok(),
            hostname: None,
            addresses: addresses.iter().map(|it| it.parse().expect(it)).collect(),
            mac: "02:00:00:00:00:01".parse().expect("an address"),
            publish: Vec::new(),
            rate: None,
            must_be_filtered: false,
            keeper: None,
        }
    }

    #[test]
    fn jails_find_each_other_and_themselves() {
        let mut own = member(1, "web", &["10.1.2.2", "fd00::2"]);
        own.hostname = Some("inside".into());
        let others = [
            own.clone(),
            member(2, "db", &["10.1.2.3"]),
            member(3, "", &["10.1.2.4"]),
        ];
        let text = hosts(&own, &others);
        let expected =
            "10.1.2.2\tinside\nfd00::2\tinside\n10.1.2.2\tweb\nfd00::2\tweb\n10.1.2.3\tdb\n";
        assert_eq!(text, format!("{EVERYWHERE}{expected}"));
    }

    #[test]
    fn no_jail_is_called_what_is_somebody_else() {
        for name in [
            "localhost",
            "LOCALHOST",
            "localhost.localdomain",
            "a.localhost",
            "ip6-allnodes",
            "10.1.2.3",
            "",
            "a b",
            "a\nb",
        ] {
            assert!(!can_be_named(name), "{name}");
        }
        assert!(can_be_named("web-1.example"));
    }

    #[test]
    fn only_servers_that_are_reached_are_asked() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let (first, second) = (dir.path().join("first"), dir.path().join("second"));
        fs::write(&first, "nameserver 127.0.0.53\noptions edns0\n").expect("written");
        fs::write(
            &second,
            "# x\nnameserver 192.0.2.53\nnameserver 2001:db8::53\nsearch a.example b.example\n",
        )
        .expect("written");
        let files = [first.as_path(), second.as_path()];
        let expected = "nameserver 192.0.2.53\nsearch a.example b.example\n";
        assert_eq!(servers(&files, false), expected);
        assert!(servers(&files, true).contains("2001:db8::53"));
        assert!(!servers(&files[..1], true).contains("nameserver"));
    }
}
