// SPDX-License-Identifier: MIT OR Apache-2.0

//! The applets of a busybox, as the names that are in the file: it can be one for another machine, or
//! of a tree that nobody trusts, and is not executed.

use crate::template::JailPath;

/// One that all have, and that others stand around.
const KNOWN: &[u8] = b"\0cat\0";

/// No name is longer.
const LONGEST: usize = 30;

/// Where the applets lie that are not in /usr/bin, as busybox's include/applets.src.h says.
const BIN: &str = "arch ash base32 base64 bbconfig busybox cat chattr chgrp chmod chown conspy cp cpio \
    cttyhack date dd df dmesg dnsdomainname dumpkmap echo ed egrep false fatattr fdflush fgrep fsync \
    getopt grep gunzip gzip hostname hush ionice iostat ipcalc kbd_mode kill link linux32 linux64 ln \
    login ls lsattr lzop makemime mkdir mknod mktemp more mount mountpoint mpstat mt mv netstat nice \
    nuke pidof ping ping6 pipe_progress printenv ps pwd readlink reformime resume rev rm rmdir rpm \
    run-parts scriptreplay sed setarch setpriv setserial sh sleep stat stty su sync tar touch true \
    umount uname uncompress usleep vi watch zcat";
const SBIN: &str = "acpid adjtimex arp blkid blockdev bootchartd depmod devmem fbsplash fdisk findfs \
    freeramdisk fsck fsck.minix fstrim getty halt hdparm hwclock ifconfig ifdown ifenslave ifup init \
    insmod ip ipaddr iplink ipneigh iproute iprule iptunnel klogd loadkmap logread losetup lsmod \
    makedevs mdev mkdosfs mke2fs mkfs.ext2 mkfs.minix mkfs.reiser mkfs.vfat mkswap modinfo modprobe \
    nameif pivot_root poweroff raidautorun reboot rmmod route run-init setconsole slattach \
    start-stop-daemon sulogin swapoff swapon switch_root sysctl syslogd tc tunctl udhcpc uevent vconfig \
    watchdog zcip";
const USR_SBIN: &str = "add-shell addgroup adduser arping brctl chat chpasswd chroot crond delgroup \
    deluser dhcprelay dnsd fakeidentd fbset flash_eraseall flash_lock flash_unlock flashcp fsfreeze ftpd \
    httpd i2cdetect i2cdump i2cget i2cset i2ctransfer inetd killall5 loadfont lpd mim nanddump nandwrite \
    nbd-client nologin ntpd partprobe popmaildir powertop rdate rdev readahead readprofile remove-shell \
    rfkill rtcwake seedrng sendmail setfont setlogcons svlogd telnetd tftpd ubiattach ubidetach ubimkvol \
    ubirename ubirmvol ubirsvol ubiupdatevol udhcpd";

/// Where its applets are to be; none if it is no busybox, or does not tell.
pub fn applets(bytes: &[u8]) -> Option<Vec<JailPath>> {
    let mut names = longest_table(bytes)?;
    // What is first in an initial ramdisk belongs there alone.
    names.retain(|name| *name != "linuxrc");
    names
        .into_iter()
        .map(|name| JailPath::new(&format!("{}/{name}", directory(name))).ok())
        .collect()
}

fn directory(name: &str) -> &'static str {
    let is_in = |list: &str| list.split_whitespace().any(|known| known == name);
    match () {
        () if is_in(BIN) => "/bin",
        () if is_in(SBIN) => "/sbin",
        () if is_in(USR_SBIN) => "/usr/sbin",
        () => "/usr/bin",
    }
}

/// The names are looked up by halving: they stand one after the other, sorted.
fn longest_table(bytes: &[u8]) -> Option<Vec<&str>> {
    let mut longest: Vec<&str> = Vec::new();
    let mut from = 0;
    while let Some(at) = find(&bytes[from..], KNOWN) {
        let at = from + at;
        let table = around(bytes, at);
        if table.len() > longest.len() {
            longest = table;
        }
        from = at + 1;
    }
    (longest.len() >= 3).then_some(longest)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

/// The sorted names around the one that begins behind the zero at `at`.
fn around(bytes: &[u8], at: usize) -> Vec<&str> {
    let mut names = Vec::new();
    let mut end = at + KNOWN.len() - 1;
    while let Some(start) = before(bytes, end) {
        let Some(name) = name(&bytes[start..end]) else {
            break;
        };
        if names.last().is_some_and(|last| name >= *last) {
            break;
        }
        names.push(name);
        end = start - 1;
    }
    names.reverse();
    let mut start = at + KNOWN.len();
    while let Some(length) = bytes[start..]
        .iter()
        .take(LONGEST + 1)
        .position(|&b| b == 0)
    {
        let Some(name) = name(&bytes[start..start + length]) else {
            break;
        };
        if names.last().is_some_and(|last| name <= *last) {
            break;
        }
        names.push(name);
        start += length + 1;
    }
    names
}

/// Where the text begins that ends at `end`: behind a zero.
fn before(bytes: &[u8], end: usize) -> Option<usize> {
    let from = end.saturating_sub(LONGEST + 1);
    let zero = bytes[from..end].iter().rposition(|&byte| byte == 0)?;
    Some(from + zero + 1)
}

fn name(bytes: &[u8]) -> Option<&str> {
    let is_part =
        |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.-+[".contains(byte);
    let first = bytes.first()?;
    let is_name = bytes.iter().all(is_part) && (first.is_ascii_lowercase() || *first == b'[');
    is_name.then(|| std::str::from_utf8(bytes).ok())?
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn table(names: &str) -> Vec<u8> {
        let names: Vec<&str> = names.split_whitespace().collect();
        format!("x\u{1}Usage\0{}\0\0\u{2}", names.join("\0")).into_bytes()
    }

    #[test]
    fn the_names_are_those_of_the_table() {
        let bytes = [table("cat dog"), table("[ [[ ash cat httpd init ls yes")].concat();
        let paths = applets(&bytes).expect("a table");
        let paths: Vec<&str> = paths.iter().map(JailPath::as_str).collect();
        let expected = [
            "/usr/bin/[",
            "/usr/bin/[[",
            "/bin/ash",
            "/bin/cat",
            "/usr/sbin/httpd",
            "/sbin/init",
            "/bin/ls",
            "/usr/bin/yes",
        ];
        assert_eq!(paths, expected);
    }

    #[test]
    fn what_has_no_table_has_no_applets() {
        for bytes in [&b""[..], b"\0cat\0", b"cat", b"\0cat\0\xff\0cat\0cat"] {
            assert!(applets(bytes).is_none(), "{bytes:?}");
        }
        // A file can end anywhere.
        let whole = table("[ ash cat ls");
        for length in 0..whole.len() {
            applets(&whole[..length]);
        }
    }

    #[test]
    fn they_are_those_that_busybox_tells_itself() {
        let Ok(output) = Command::new("busybox").arg("--list-full").output() else {
            return;
        };
        let listed = String::from_utf8(output.stdout).expect("text");
        let mut listed: Vec<String> = listed
            .lines()
            .filter(|line| line.contains('/'))
            .map(|line| format!("/{line}"))
            .collect();
        listed.sort();
        let path = ["/bin/busybox", "/usr/bin/busybox"].map(std::fs::read);
        let bytes = path.into_iter().find_map(Result::ok).expect("busybox");
        let found = applets(&bytes).expect("a table");
        let mut found: Vec<String> = found.iter().map(ToString::to_string).collect();
        found.sort();
        assert_eq!(found, listed);
    }
}
