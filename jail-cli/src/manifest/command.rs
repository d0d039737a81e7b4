// SPDX-License-Identifier: MIT OR Apache-2.0

//! Running a command of the host's for as long as it may take.
//!
//! What it prints comes through pipes of its own, which are read until it has ended: what it leaves in
//! the background does not keep the caller's, and nobody waits for that. It has a process group of its
//! own, which is ended when its time is over, or when a signal ends this process.

use std::ffi::c_int;
use std::io::{self, stderr, stdout, Read, Stderr, Stdout, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{fcntl, FcntlArg, OFlag};
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::signal::{killpg, raise, SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{waitid, Id, WaitPidFlag, WaitStatus};
use nix::unistd::Pid;
use rustix::process::{pidfd_open, PidfdFlags};

use crate::text::reason;

/// How long it has from being asked to end to being ended.
const GRACE: Duration = Duration::from_secs(2);

/// What ends this process, unless the caller ignores it.
const ENDING: [Signal; 4] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
];

/// How a command ended.
pub enum Outcome {
    /// By itself.
    Ended(ExitStatus),
    /// It was ended when its time was over.
    TooLong,
}

/// Runs `command` and waits for its end, `limit` at most; zero is no limit.
pub fn run(command: &mut Command, limit: Duration) -> Result<Outcome, String> {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn();
    let child = child.map_err(|error| format!("/bin/sh: {error}"))?;
    let group = Pid::from_raw(child.id() as c_int);
    let mut running = Running { child, group };
    let mut output = Output::new(running.child.stdout.take(), stdout());
    let mut errors = Output::new(running.child.stderr.take(), stderr());
    // Were that done before, they would be blocked for the command as well.
    let signals = Signals::block().map_err(reason)?;
    let ended = running.watch(&signals, limit, (&mut output, &mut errors));
    if let Ok(Some(status)) = ended {
        // Who reads it may take his time; a signal then ends this process as any other that prints.
        drop(signals);
        // No more than there can be: what is in the background may go on for ever.
        output.drain();
        errors.drain();
        return Ok(Outcome::Ended(status));
    }
    running.end();
    ended.map_err(|why| format!("waiting for it: {why}"))?;
    match signals.take().map_err(reason)? {
        None => Ok(Outcome::TooLong),
        Some(signal) => {
            drop(signals);
            // What it does to this process, it does now.
            raise(signal).map_err(reason)?;
            Err(format!("{signal} came while it ran"))
        }
    }
}

struct Running {
    child: Child,
    group: Pid,
}

impl Running {
    /// Hands on what it prints until it has ended; `None` where its time is over before that, or a
    /// signal is pending.
    fn watch(
        &mut self,
        signals: &Signals,
        limit: Duration,
        (output, errors): (&mut Output<Stdout>, &mut Output<Stderr>),
    ) -> Result<Option<ExitStatus>, String> {
        let end = rustix::process::Pid::from_child(&self.child);
        let end = pidfd_open(end, PidfdFlags::empty()).map_err(|error| error.to_string())?;
        let deadline = (!limit.is_zero()).then(|| Instant::now() + limit);
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            // Longer than poll(2) takes is waited for in parts.
            let timeout = left.map_or(PollTimeout::NONE, |left| {
                PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
            });
            let mut ready = vec![
                PollFd::new(end.as_fd(), PollFlags::POLLIN),
                PollFd::new(signals.arriving.as_fd(), PollFlags::POLLIN),
            ];
            ready.extend(output.poll());
            ready.extend(errors.poll());
            match poll(&mut ready, timeout) {
                Ok(0) if left.is_some_and(|left| left.is_zero()) => return Ok(None),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(reason(errno)),
            }
            let is_ready = |index: usize| ready[index].any() == Some(true);
            let (has_ended, is_interrupted) = (is_ready(0), is_ready(1));
            drop(ready);
            if has_ended {
                let status = self.child.wait();
                return status.map(Some).map_err(|error| error.to_string());
            }
            if is_interrupted {
                return Ok(None);
            }
            output.hand_on_what_goes();
            errors.hand_on_what_goes();
        }
    }

    /// Ends it with all that is still in its group.
    fn end(&mut self) {
        let _ = killpg(self.group, Signal::SIGTERM);
        let _ = killpg(self.group, Signal::SIGCONT);
        let deadline = Instant::now() + GRACE;
        // Not waited for before the group is ended: its number could be another's by then.
        let ended = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        while Instant::now() < deadline
            && matches!(
                waitid(Id::Pid(self.group), ended),
                Ok(WaitStatus::StillAlive)
            )
        {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = killpg(self.group, Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

/// What is handed on at once. So much fits into a pipe that can be written to (PIPE_BUF).
const PART: usize = 4096;

/// A pipe that is read, and where to.
struct Output<W: Write + AsFd> {
    from: Option<std::fs::File>,
    to: W,
    /// Read, and not handed on yet.
    waiting: Vec<u8>,
}

impl<W: Write + AsFd> Output<W> {
    fn new(from: Option<impl Into<OwnedFd>>, to: W) -> Self {
        let from = from.map(Into::into).filter(|from| {
            let flags = FcntlArg::F_SETFL(OFlag::O_NONBLOCK);
            fcntl(from, flags).is_ok()
        });
        Output {
            from: from.map(Into::into),
            to,
            waiting: Vec::new(),
        }
    }

    /// What is waited for: something to hand on, or that it can be.
    fn poll(&self) -> Option<PollFd<'_>> {
        if !self.waiting.is_empty() {
            return Some(PollFd::new(self.to.as_fd(), PollFlags::POLLOUT));
        }
        let from = self.from.as_ref()?;
        Some(PollFd::new(from.as_fd(), PollFlags::POLLIN))
    }

    /// Hands on what is there, some of it, where that holds nobody up: a reader that takes nothing is
    /// no reason to give a command more time than it has.
    fn hand_on_what_goes(&mut self) {
        if self.waiting.is_empty() {
            self.take();
        }
        if self.waiting.is_empty() {
            return;
        }
        let mut there = [PollFd::new(self.to.as_fd(), PollFlags::POLLOUT)];
        if poll(&mut there, PollTimeout::ZERO) != Ok(0) {
            self.put();
        }
    }

    /// Hands on what was taken, however long that takes.
    fn put(&mut self) {
        // That nobody reads it is no reason to hold the command up.
        let _ = self.to.write_all(&self.waiting);
        let _ = self.to.flush();
        self.waiting.clear();
    }

    /// Takes some of what is there; how much that was.
    fn take(&mut self) -> usize {
        let Some(from) = &mut self.from else { return 0 };
        let mut buffer = [0; PART];
        match from.read(&mut buffer) {
            Ok(length @ 1..) => {
                self.waiting.extend_from_slice(&buffer[..length]);
                length
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                0
            }
            // All have closed it.
            Ok(_) | Err(_) => {
                self.from = None;
                0
            }
        }
    }

    /// Hands on what is in the pipe, and not what comes after that.
    fn drain(&mut self) {
        self.put();
        let Some(from) = &self.from else { return };
        const USUAL: usize = 64 << 10;
        let capacity = fcntl(from, FcntlArg::F_GETPIPE_SZ);
        let capacity = capacity.ok().and_then(|size| usize::try_from(size).ok());
        let mut left = capacity.unwrap_or(USUAL);
        while left > 0 {
            match self.take() {
                0 => return,
                length => left = left.saturating_sub(length),
            }
            self.put();
        }
    }
}

/// What ends this process, kept until the command has ended.
struct Signals {
    before: SigSet,
    kept: SigSet,
    arriving: SignalFd,
}

impl Signals {
    fn block() -> Result<Self, Errno> {
        let ignored = |signal: &Signal| crate::sys::is_ignored(*signal as c_int);
        let kept: SigSet = ENDING
            .into_iter()
            .filter(|signal| !ignored(signal))
            .collect();
        let before = kept.thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_BLOCK)?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let arriving = SignalFd::with_flags(&kept, flags);
        if arriving.is_err() {
            before.thread_set_mask()?;
        }
        Ok(Signals {
            before,
            kept,
            arriving: arriving?,
        })
    }

    /// One that has come.
    fn take(&self) -> Result<Option<Signal>, Errno> {
        let taken = crate::sys::take_pending(&self.kept)?;
        taken.map(Signal::try_from).transpose()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // It cannot fail: the mask is one the kernel gave.
        let _ = self.before.thread_set_mask();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Result<Outcome, String> {
        run(Command::new("/bin/sh").args(["-c", script]), limit)
    }

    #[test]
    fn what_is_left_in_the_background_is_not_waited_for() {
        let start = Instant::now();
        let outcome = shell("sleep 30 & exit 3", Duration::ZERO);
        assert!(matches!(outcome, Ok(Outcome::Ended(status)) if status.code() == Some(3)));
        assert!(start.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn one_that_takes_too_long_is_ended_with_its_group() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let file = dir.path().join("pid");
        let script = format!(
            "trap '' TERM; sh -c 'trap \"\" TERM; echo $$ > {}; sleep 1000'; :",
            file.display()
        );
        let outcome = shell(&script, Duration::from_millis(500));
        assert!(matches!(outcome, Ok(Outcome::TooLong)));
        let pid = std::fs::read_to_string(&file).expect("the inner one");
        let pid = Pid::from_raw(pid.trim().parse().expect("a number"));
        // Who has adopted it may still have to wait for it.
        let deadline = Instant::now() + Duration::from_secs(60);
        let runs = || {
            let id = crate::process::ProcessId::of(pid.as_raw());
            id.is_ok_and(|id| id.is_running())
        };
        while runs() {
            assert!(Instant::now() < deadline, "{pid} still runs");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn all_that_it_prints_is_handed_on() {
        let (reading, writing) = nix::unistd::pipe().expect("pipe");
        let printed = tempfile::NamedTempFile::new().expect("temporary file");
        let mut output = Output::new(Some(reading), printed.reopen().expect("reopened"));
        let mut writing = std::fs::File::from(writing);
        writing.write_all(&[b'x'; 50_000]).expect("written");
        output.hand_on_what_goes();
        output.drain();
        drop(output);
        assert_eq!(std::fs::read(printed.path()).expect("read").len(), 50_000);
    }

    #[test]
    fn who_takes_nothing_holds_nothing_up() {
        let (reading, writing) = nix::unistd::pipe().expect("pipe");
        let (taken, to) = nix::unistd::pipe().expect("pipe");
        let mut output = Output::new(Some(reading), std::fs::File::from(to));
        let mut writing = std::fs::File::from(writing);
        let mut written = 0;
        for _ in 0..100 {
            if output.waiting.is_empty() {
                writing.write_all(&[b'x'; PART]).expect("written");
                written += PART;
            }
            output.hand_on_what_goes();
        }
        assert!(!output.waiting.is_empty());
        let reader = std::thread::spawn(move || {
            let mut all = Vec::new();
            std::fs::File::from(taken)
                .read_to_end(&mut all)
                .expect("read");
            all.len()
        });
        output.drain();
        drop(output);
        assert_eq!(reader.join().expect("reader"), written);
    }
}
