// SPDX-License-Identifier: MIT OR Apache-2.0

//! The process that asks for the address of a jail and keeps it.
//!
//! It is outside of the jail and of its groups, in nothing of the jail's but its network. It ends by itself
//! when the jail has, which the kernel tells it, so that whoever is killed leaves none behind; it gives the
//! address back then. It has no more than it takes to set up an interface and to write two files: it is
//! nobody, has no file system, and of all capabilities CAP_NET_ADMIN alone.
//!
//! The kernel knows when the address ends, and takes it away then, also where this process is no more.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use caps::{CapSet, Capability, CapsHashSet};
use libc::sock_filter;
use nix::errno::Errno;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sched::{setns, CloneFlags};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::waitpid;
use nix::time::{clock_gettime, ClockId};
use nix::unistd::{
    chdir, chroot, getpid, pipe2, setgroups, setresgid, setresuid, setsid, Gid, Uid,
};

use super::client::{Client, Do};
use super::lease::{self, Lease};
use super::message::{Asker, LONGEST};
use crate::isolation::Mac;
use crate::jail::JailNumber;
use crate::jailfd::{open_jail, JailFd, Rights};
use crate::jails::Created;
use crate::network::link::{Link, INSIDE};
use crate::network::names::{can_be_named, leased, RESOLV};
use crate::network::netlink::Socket;
use crate::process::ProcessId;
use crate::signal::SignalNumber;
use crate::sys;
use crate::text::{reason, shown};

/// How long an address is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// How much longer the launcher waits for the keeper.
const SLACK: Duration = Duration::from_secs(5);

/// How often the launcher looks whether it is to end meanwhile.
const LOOK: Duration = Duration::from_millis(100);

/// How long a keeper that is told to end may take for that.
const FAREWELL: Duration = Duration::from_secs(2);

/// No longer than this nothing is looked at: the machine may have slept.
const LONGEST_SLEEP: Duration = Duration::from_secs(300);

/// How many frames are read at once, and how long nothing is read after that. Somebody may send without end.
const AT_ONCE: usize = 64;
const BREATH: Duration = Duration::from_millis(50);

/// Who it is: nobody.
const NOBODY: u32 = 65534;

/// What it is called where processes are listed.
const NAME: &std::ffi::CStr = c"jaula-dhcp";

/// What ends a launcher for which nothing has been executed.
const ENDING: [Signal; 4] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
];

/// What the launcher is told once the jail has an address.
const WELL: &str = "+";

/// What is to be kept.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// The network namespace of the jail.
    pub namespace: &'a OwnedFd,
    /// The jail.
    pub number: JailNumber,
    pub created: Created,
    /// The directory of the jail, where files of it are.
    pub directory: &'a Path,
    /// The hardware address of its interface.
    pub mac: Mac,
    /// What it is called.
    pub name: Option<&'a str>,
    /// The address that it had before.
    pub before: Option<Ipv4Addr>,
    /// What is in its resolv.conf where a server names nobody to ask.
    pub otherwise: &'a str,
}

/// A process that keeps an address, or has still to ask for it.
#[derive(Debug)]
pub struct Keeper {
    /// The process.
    pub id: ProcessId,
    report: File,
}

impl Keeper {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// What is in the way.
    pub fn start(start: Start<'_>) -> Result<Self, String> {
        let failed = |errno| format!("starting who asks for an address: {}", reason(errno));
        let jail =
            open_jail(None, start.number, Rights::READ).map_err(|error| error.to_string())?;
        let status = jail.status().map_err(|error| error.to_string())?;
        if status.created != start.created {
            return Err("the jail has ended".into());
        }
        let path = start.directory.join(lease::FILE);
        std::fs::write(&path, lease::note(None))
            .map_err(|error| format!("writing {}: {error}", shown(&path)))?;
        let flags = nix::fcntl::OFlag::O_CLOEXEC;
        let (listener, reporter) = pipe2(flags).map_err(failed)?;
        let intermediate = match sys::fork().map_err(failed)? {
            sys::Fork::Parent(child) => child,
            sys::Fork::Child => begin(start, jail, reporter),
        };
        drop(reporter);
        waitpid(intermediate, None).map_err(failed)?;
        let mut report = File::from(listener);
        let pid = first_line(&mut report)
            .ok()
            .and_then(|line| line.parse().ok());
        let pid = pid.ok_or("starting who asks for an address: it has ended")?;
        Ok(Keeper {
            id: ProcessId::of(pid)?,
            report,
        })
    }

    /// Waits until the jail has an address.
    ///
    /// # Errors
    ///
    /// Why it gets none.
    pub fn wait(mut self) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE + SLACK;
        loop {
            if let Some(signal) =
                sys::take_pending(&ENDING.into_iter().collect()).map_err(reason)?
            {
                let signal = Signal::try_from(signal).map_err(reason)?;
                return Err(format!("{signal} came before anything was executed"));
            }
            if Instant::now() > deadline {
                return Err(
                    "ip=dhcp: the process that asks for the address does not answer".into(),
                );
            }
            let look = PollTimeout::try_from(LOOK).unwrap_or(PollTimeout::ZERO);
            let mut said = [PollFd::new(self.report.as_fd(), PollFlags::POLLIN)];
            match poll(&mut said, look) {
                Ok(0) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(reason(errno)),
                Ok(_) => break,
            }
        }
        let said = first_line(&mut self.report).map_err(|error| error.to_string())?;
        match said.as_str() {
            WELL => Ok(()),
            "" => Err("ip=dhcp: the process that asks for the address has ended".into()),
            why => Err(format!("ip=dhcp: {why}")),
        }
    }
}

/// Ends a keeper, which gives the address back.
///
/// # Errors
///
/// Where it is still there.
pub fn end(id: ProcessId) -> Result<(), String> {
    let failed = |errno| format!("ending process {} (ip=dhcp): {}", id.pid, reason(errno));
    let Some(held) = id.hold().map_err(failed)? else {
        return Ok(());
    };
    held.signal(SignalNumber::TERM).map_err(failed)?;
    if held.wait(FAREWELL).map_err(failed)? {
        return Ok(());
    }
    held.send(libc::SIGKILL).map_err(failed)?;
    match held.wait(FAREWELL).map_err(failed)? {
        true => Ok(()),
        false => Err(failed(Errno::ETIMEDOUT)),
    }
}

/// Up to the end of a line, or of all.
fn first_line(file: &mut File) -> std::io::Result<String> {
    let (mut line, mut byte) = (Vec::new(), [0]);
    loop {
        match file.read(&mut byte) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            Ok(0) => break,
            Ok(_) if byte == *b"\n" => break,
            Ok(_) => line.extend(byte),
        }
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}

/// Goes on as the parent of the keeper, and as that; never returns.
fn begin(start: Start<'_>, jail: JailFd, reporter: OwnedFd) -> ! {
    let forked = setsid().and_then(|_| sys::fork());
    if !matches!(forked, Ok(sys::Fork::Child)) {
        sys::exit_now(0);
    }
    let mut reporter = Some(File::from(reporter));
    // Whatever goes wrong, it does not go on as a launcher.
    let run = AssertUnwindSafe(|| {
        // Nobody hears it who has gone meanwhile; the jail has then, too.
        say(reporter.as_ref(), &getpid().to_string());
        if let Err(why) = run(start, jail, &mut reporter) {
            say(reporter.as_ref(), &why.replace('\n', " "));
        }
    });
    let _ = catch_unwind(run);
    sys::exit_now(1)
}

fn say(reporter: Option<&File>, text: &str) {
    if let Some(mut reporter) = reporter {
        let _ = writeln!(reporter, "{text}");
    }
}

fn run(start: Start<'_>, jail: JailFd, reporter: &mut Option<File>) -> Result<(), String> {
    let about = |what: &'static str| move |errno: Errno| format!("{what}: {}", reason(errno));
    let all = SigSet::all();
    all.thread_swap_mask(SigmaskHow::SIG_SETMASK)
        .map_err(about("signals"))?;
    let ending: SigSet = ENDING.into_iter().collect();
    let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
    let signals = SignalFd::with_flags(&ending, flags).map_err(about("signals"))?;
    let open = |name: &str| {
        let path = start.directory.join(name);
        let mut options = OpenOptions::new();
        let opened = options
            .write(true)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&path);
        opened.map_err(|error| format!("{}: {error}", shown(&path)))
    };
    let (noted, servers) = (open(lease::FILE)?, open(RESOLV)?);
    setns(start.namespace, CloneFlags::CLONE_NEWNET).map_err(about("entering its network"))?;
    let mut inside = Socket::open()?;
    let link = inside.link(INSIDE)?;
    let link = link.ok_or_else(|| format!("{INSIDE} is not in the jail's network"))?;
    let frames = sys::packet::open(link.index, &filter()).map_err(about("a packet socket"))?;
    let mut kept = vec![
        jail.as_fd(),
        signals.as_fd(),
        noted.as_fd(),
        servers.as_fd(),
        inside.as_fd(),
        frames.as_fd(),
    ];
    kept.extend(reporter.as_ref().map(AsFd::as_fd));
    chdir(start.directory).map_err(about("its directory"))?;
    sys::close_everything_but(&kept).map_err(about("close_range"))?;
    give_up_all_but_the_network()?;
    let name = start.name.filter(|name| name.len() < 64);
    let asker = Asker {
        mac: start.mac,
        name: name.filter(|name| can_be_named(name)).map(str::to_owned),
    };
    let work = Work {
        jail,
        signals,
        frames,
        noted,
        servers,
        inside,
        link,
        otherwise: start.otherwise,
        has: None,
    };
    work.keep(Client::new(asker, start.before, now(), random), reporter)
}

/// It can do no more from here on than set up interfaces of the network it is in.
fn give_up_all_but_the_network() -> Result<(), String> {
    let about = |what: &'static str| move |errno: Errno| format!("{what}: {}", reason(errno));
    let error = |error: caps::errors::CapsError| error.to_string();
    // What lies there nobody can see who is not root, nor can anything be made there.
    chroot(".").map_err(about("chroot"))?;
    prctl::set_name(NAME).map_err(about("its name"))?;
    let kept: CapsHashSet = [Capability::CAP_NET_ADMIN].into();
    let bounding = caps::read(None, CapSet::Bounding).map_err(error)?;
    for capability in bounding.difference(&kept) {
        caps::drop(None, CapSet::Bounding, *capability).map_err(error)?;
    }
    caps::clear(None, CapSet::Ambient).map_err(error)?;
    prctl::set_keepcaps(true).map_err(about("keepcaps"))?;
    let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    setgroups(&[]).map_err(about("setgroups"))?;
    setresgid(group, group, group).map_err(about("setresgid"))?;
    setresuid(user, user, user).map_err(about("setresuid"))?;
    caps::clear(None, CapSet::Inheritable).map_err(error)?;
    caps::set(None, CapSet::Effective, &CapsHashSet::new()).map_err(error)?;
    caps::set(None, CapSet::Permitted, &kept).map_err(error)?;
    caps::set(None, CapSet::Effective, &kept).map_err(error)?;
    prctl::set_dumpable(false).map_err(about("dumpable"))?;
    prctl::set_no_new_privs().map_err(about("no_new_privs"))
}

struct Work<'a> {
    jail: JailFd,
    signals: SignalFd,
    frames: OwnedFd,
    noted: File,
    servers: File,
    inside: Socket,
    link: Link,
    otherwise: &'a str,
    has: Option<Lease>,
}

impl Work<'_> {
    fn keep(mut self, mut client: Client, reporter: &mut Option<File>) -> Result<(), String> {
        let deadline = now() + PATIENCE;
        let mut frame = [0; LONGEST];
        loop {
            let mut todo = client.go_on(now());
            for count in 0.. {
                if count == AT_ONCE {
                    sleep(BREATH);
                    break;
                }
                match nix::unistd::read(&self.frames, &mut frame) {
                    Ok(length) => {
                        let heard = frame.get(..length).unwrap_or_default();
                        todo.extend(client.hear(heard, now()));
                    }
                    // Down, gone, or nothing more there.
                    Err(_) => break,
                }
            }
            for what in todo {
                let has = matches!(what, Do::Have(..));
                let done = self.carry_out(what);
                // Later on it is tried again when the address is renewed.
                if reporter.is_some() {
                    done?;
                }
                if has {
                    say(reporter.take().as_ref(), WELL);
                }
            }
            let mut next = client.next().min(now() + LONGEST_SLEEP);
            if reporter.is_some() {
                if now() >= deadline {
                    return Err(no_answer(client.odd()));
                }
                next = next.min(deadline);
            }
            if self.sleep(next.saturating_sub(now()))? {
                if let Some(frame) = client.release() {
                    let _ = self.carry_out(Do::Send(frame));
                }
                let _ = self.carry_out(Do::Lost);
                sys::exit_now(0);
            }
        }
    }

    /// Waits until something happens; whether that is the end of it.
    fn sleep(&self, limit: Duration) -> Result<bool, String> {
        // Not a moment before it is time.
        let limit = PollTimeout::try_from(limit + Duration::from_millis(1));
        let mut ends = [
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.jail.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.frames.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut ends, limit.unwrap_or(PollTimeout::MAX)) {
            Ok(_) => {
                let has = |end: &PollFd<'_>| end.revents().is_some_and(|events| !events.is_empty());
                Ok(has(&ends[0]) || has(&ends[1]))
            }
            Err(Errno::EINTR) => Ok(false),
            Err(errno) => Err(reason(errno)),
        }
    }

    fn carry_out(&mut self, what: Do) -> Result<(), String> {
        match what {
            Do::Send(frame) => {
                // It is sent again where nothing is heard.
                let _ = nix::unistd::write(&self.frames, &frame);
                Ok(())
            }
            Do::Have(lease, ends) => self.have(lease, ends),
            Do::Lost => {
                if let Some(had) = self.has.take() {
                    self.inside.remove_address(&self.link, had.address.into())?;
                }
                self.write(None)
            }
        }
    }

    fn have(&mut self, lease: Lease, ends: Option<Duration>) -> Result<(), String> {
        let lasts = ends.map(|ends| ends.saturating_sub(now()));
        let had = self.has.replace(lease.clone());
        let had = had.as_ref();
        if let Some(other) = had.filter(|had| had.address != lease.address) {
            self.inside
                .remove_address(&self.link, other.address.into())?;
        }
        self.inside.lend_address(&self.link, lease.address, lasts)?;
        // With the address goes the way that it is the source of.
        let is_as_before =
            had.is_some_and(|had| had.address == lease.address && had.router == lease.router);
        if !is_as_before {
            if let Some(router) = lease.router {
                self.inside
                    .replace_default_route(&self.link, router, lease.address.addr())?;
            }
        }
        self.write(Some(&lease))
    }

    fn write(&self, lease: Option<&Lease>) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("noting its address: {error}");
        let text = match lease {
            Some(lease) if !lease.servers.is_empty() => {
                leased(&lease.servers, lease.domain.as_deref())
            }
            _ => self.otherwise.to_owned(),
        };
        // In one piece, and never empty.
        self.servers
            .write_all_at(text.as_bytes(), 0)
            .and_then(|()| self.servers.set_len(text.len() as u64))
            .map_err(failed)?;
        self.noted
            .write_all_at(&lease::note(lease), 0)
            .map_err(failed)
    }
}

fn no_answer(odd: Option<&str>) -> String {
    let limit = PATIENCE.as_secs();
    match odd {
        None => format!(
            "no DHCP server has answered within {limit} seconds; is there one in this network? \
             ip=ADDRESS/LENGTH takes none"
        ),
        Some(odd) => format!("no DHCP server has given an address within {limit} seconds: {odd}"),
    }
}

/// Lets through what is sent to the port of a client (bpf(4)): all else the jail may receive as fast as it
/// can.
fn filter() -> [sock_filter; 11] {
    let step = |code: u32, k: u32, jt: u8, jf: u8| sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    let (half, byte) = (libc::BPF_H, libc::BPF_B);
    let load = |size, at| step(libc::BPF_LD | size | libc::BPF_ABS, at, 0, 0);
    let equal = |k, jf| step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, k, 0, jf);
    [
        load(half, 12),
        equal(0x0800, 8),
        load(byte, 23),
        equal(17, 6),
        load(half, 20),
        // No fragment.
        step(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, 0x3fff, 4, 0),
        // The length of the header of IP.
        step(libc::BPF_LDX | byte | libc::BPF_MSH, 14, 0, 0),
        step(libc::BPF_LD | half | libc::BPF_IND, 16, 0, 0),
        equal(68, 1),
        step(libc::BPF_RET | libc::BPF_K, LONGEST as u32, 0, 0),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, 0),
    ]
}

/// Since the machine has started.
fn now() -> Duration {
    // It cannot fail: every kernel that has jails has this clock.
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from)
}

fn random() -> u32 {
    let mut bytes = [0; 4];
    // So few bytes are always there.
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    u32::from_ne_bytes(bytes)
}
