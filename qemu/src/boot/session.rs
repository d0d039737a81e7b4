// SPDX-License-Identifier: MIT OR Apache-2.0

//! One run of a guest, from the start of QEMU to its end.

use super::deadline::Deadline;
use super::qemu::Boot;
use super::splat::Scanner;
use super::terminal::Terminal;
use crate::process::{cannot_start, shown};
use anyhow::{bail, Context, Result};
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// How long QEMU may take to connect its ports.
const START_LIMIT: Duration = Duration::from_secs(120);
/// How long a guest that has reported, or panicked, may take to end.
const END_LIMIT: Duration = Duration::from_secs(60);
/// How many lines of the console a failure shows.
const TAIL: usize = 30;
/// How often to look whether the person has asked to end the machine.
const TICK: Duration = Duration::from_millis(200);

/// What happens with the command's input and output.
pub enum Io {
    /// Output goes there; no input.
    Collect(Box<dyn Write + Send>),
    /// Output goes to standard output, and once the guest has a shell, standard input to it.
    Interactive,
    /// The guest knows only of its console: the run ends with a line there that begins like
    /// this, and has succeeded if the line ends in `pass`.
    Console(&'static str),
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The guest reported the end and went.
    Normally,
    /// It had not by the time limit.
    TimedOut,
    /// Its kernel panicked.
    Panicked,
    /// QEMU ended, and the guest had reported nothing.
    Vanished,
    /// The person ended it.
    Escaped,
    /// Whoever read the command's output went away, as `head` does.
    Unread,
}

/// What a run has brought.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended.
    pub ended: Ended,
    /// The command's exit status, if it came to that.
    pub status: Option<i32>,
    /// What the kernel's log reported of mistakes.
    pub splats: Vec<String>,
    /// The last lines of the kernel's log.
    pub tail: Vec<String>,
    /// Where all of it is.
    pub log: PathBuf,
}

impl Outcome {
    /// The end of the kernel's log, for a person to read.
    pub fn tail_text(&self) -> String {
        let lines: String = self
            .tail
            .iter()
            .map(|line| format!("  | {line}\n"))
            .collect();
        format!(
            "The console's last lines (all of it: {}):\n{lines}",
            self.log.display()
        )
    }
}

enum Event {
    Console(String),
    ConsoleClosed,
    Control(String),
    /// The command's output cannot be passed on any more.
    OutputClosed,
}

/// Boots a guest and stays with it to its end, or until `deadline`.
pub fn run(boot: &Boot, io: Io, deadline: &Deadline, log: &Path) -> Result<Outcome> {
    let dir = tempfile::Builder::new()
        .prefix("jaula-")
        .tempdir()
        .context("temporary directory")?;
    let mut qemu = Qemu::start(boot, dir.path())?;
    let console = qemu.child.stdout.take().context("QEMU's standard output")?;
    let [stdio, control] = qemu.ports.each_ref().map(UnixStream::try_clone);
    let (stdio, control) = (stdio?, control?);

    let (sender, events) = mpsc::channel();
    let console_log =
        File::create(log).with_context(|| format!("{}: cannot write", log.display()))?;
    let watcher = watch_console(console, console_log, sender.clone());
    let listener = watch_control(control, sender.clone());
    let ending = match io {
        Io::Interactive => Ending::OfShell,
        Io::Collect(_) => Ending::OfCommand,
        Io::Console(mark) => Ending::OnConsole(mark),
    };
    let copier = copy_output(stdio, io, sender);

    let mut run = Run {
        scanner: Scanner::default(),
        tail: VecDeque::new(),
        status: None,
        ended: None,
        deadline: deadline.clone(),
        terminal: None,
    };
    run.follow(&mut qemu, &events, ending, boot.machine.powers_off)?;
    qemu.end();
    // The ports are closed now; what was on the way is still to be read.
    let _ = (watcher.join(), listener.join());
    while let Ok(event) = events.try_recv() {
        run.take(event);
    }
    drop(run.terminal.take());
    match copier.join() {
        Ok(Ok(())) => {}
        // A reader that has gone away (`| head`) is no mistake of the guest.
        Ok(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
        Ok(Err(error)) => return Err(error).context("the guest's output cannot be passed on"),
        Err(_) => bail!("the thread that passes on the guest's output died"),
    }
    let ended = match run.ended {
        _ if run.scanner.panicked() => Ended::Panicked,
        Some(ended) => ended,
        None => Ended::Vanished,
    };
    if ended == Ended::Vanished && run.tail.is_empty() {
        bail!(
            "QEMU ended before the kernel said anything:\n{}\n{}",
            qemu.said(),
            qemu.shown
        );
    }
    Ok(Outcome {
        ended,
        status: run.status,
        splats: run.scanner.reports(),
        tail: run.tail.into(),
        log: log.to_path_buf(),
    })
}

/// What ends a run by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    OfCommand,
    OfShell,
    OnConsole(&'static str),
}

impl Ending {
    /// Whether a line of the console is the last one, and tells of success.
    fn verdict(self, line: &str) -> Option<bool> {
        match self {
            Ending::OnConsole(mark) => line.strip_prefix(mark).map(|rest| rest.trim() == "pass"),
            _ => None,
        }
    }
}

struct Run {
    scanner: Scanner,
    tail: VecDeque<String>,
    status: Option<i32>,
    ended: Option<Ended>,
    deadline: Deadline,
    terminal: Option<Terminal>,
}

impl Run {
    /// Until the console closes or time is up.
    fn follow(
        &mut self,
        qemu: &mut Qemu,
        events: &Receiver<Event>,
        ending: Ending,
        powers_off: bool,
    ) -> Result<()> {
        loop {
            if self
                .terminal
                .as_ref()
                .is_some_and(|terminal| terminal.escaped.load(Ordering::SeqCst))
            {
                self.ended = Some(Ended::Escaped);
                return Ok(());
            }
            let left = self.deadline.left();
            if left == Some(Duration::ZERO) {
                // What has reported and does not end has not ended by itself.
                self.ended = Some(Ended::TimedOut);
                return Ok(());
            }
            let wait = left.map_or(TICK, |left| TICK.min(left));
            let event = match events.recv_timeout(wait) {
                Ok(event) => event,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            match &event {
                Event::ConsoleClosed => return Ok(()),
                Event::OutputClosed => {
                    self.ended = Some(Ended::Unread);
                    return Ok(());
                }
                Event::Console(line) => {
                    if let Some(passed) = ending.verdict(line) {
                        self.status = Some(i32::from(!passed));
                        self.ended = Some(Ended::Normally);
                        self.take(event);
                        return Ok(());
                    }
                }
                Event::Control(line) if line == "shell" && ending == Ending::OfShell => {
                    let [stdio, control] = &qemu.ports;
                    self.terminal =
                        Some(Terminal::attach(stdio.try_clone()?, control.try_clone()?)?);
                }
                _ => {}
            }
            let panicked = self.scanner.panicked();
            self.take(event);
            let over = self.ended == Some(Ended::Normally);
            if over && !powers_off {
                return Ok(());
            }
            if over || (self.scanner.panicked() && !panicked) {
                self.deadline.bring_forward(END_LIMIT);
            }
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Console(line) => {
                self.scanner.feed(&line);
                if self.tail.len() == TAIL {
                    self.tail.pop_front();
                }
                self.tail.push_back(line);
            }
            Event::Control(line) => {
                if let Some(status) = line.strip_prefix("status ") {
                    self.status = status.parse().ok();
                } else if line == "end" {
                    self.ended = Some(Ended::Normally);
                }
            }
            Event::ConsoleClosed | Event::OutputClosed => {}
        }
    }
}

/// A running QEMU; ended when dropped.
struct Qemu {
    child: Child,
    /// Stdio, control.
    ports: [UnixStream; 2],
    errors: PathBuf,
    shown: String,
}

impl Qemu {
    fn start(boot: &Boot, dir: &Path) -> Result<Self> {
        const CHANNELS: [&str; 2] = ["stdio", "control"];
        let names = CHANNELS.map(|name| dir.join(name));
        let errors = dir.join("errors");
        let mut listeners = Vec::new();
        for name in &names {
            let listener = UnixListener::bind(name)
                .with_context(|| format!("{}: cannot listen", name.display()))?;
            listener.set_nonblocking(true)?;
            listeners.push(listener);
        }
        let [stdio, control] = &names;
        let mut command = boot.command(&[(CHANNELS[0], stdio), (CHANNELS[1], control)]);
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&errors).with_context(|| errors.display().to_string())?)
            .spawn()
            .map_err(|error| cannot_start(&command, &error))?;
        let mut starting = Starting {
            child: Some(child),
            errors,
            shown: shown(&command),
        };
        let ports = [
            starting.accept(&listeners[0])?,
            starting.accept(&listeners[1])?,
        ];
        starting.into_qemu(ports)
    }

    fn end(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.errors).unwrap_or_default()
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        self.end();
    }
}

/// A QEMU whose ports are not all connected yet; ended when dropped.
struct Starting {
    child: Option<Child>,
    errors: PathBuf,
    shown: String,
}

impl Starting {
    fn accept(&mut self, listener: &UnixListener) -> Result<UnixStream> {
        let deadline = Instant::now() + START_LIMIT;
        let child = self.child.as_mut().context("QEMU is running")?;
        loop {
            match listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false)?;
                    return Ok(stream);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error).context("QEMU's serial port"),
            }
            let gone = child.try_wait()?;
            if gone.is_some() || Instant::now() > deadline {
                let said = fs::read_to_string(&self.errors).unwrap_or_default();
                let state = gone.map_or("hangs".to_owned(), |status| status.to_string());
                bail!(
                    "QEMU does not start ({state}):\n{}\n{}",
                    said.trim_end(),
                    self.shown
                );
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn into_qemu(mut self, ports: [UnixStream; 2]) -> Result<Qemu> {
        let child = self.child.take().context("QEMU is running")?;
        Ok(Qemu {
            child,
            ports,
            errors: std::mem::take(&mut self.errors),
            shown: std::mem::take(&mut self.shown),
        })
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn lines(port: impl Read, mut each: impl FnMut(String)) {
    for line in BufReader::new(port).split(b'\n') {
        let Ok(line) = line else { return };
        each(
            String::from_utf8_lossy(&line)
                .trim_end_matches('\r')
                .to_owned(),
        );
    }
}

fn watch_console(
    port: ChildStdout,
    mut log: File,
    events: Sender<Event>,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        lines(port, |line| {
            // A full disk must not lose the run: what is shown comes from memory.
            let _ = writeln!(log, "{line}");
            let _ = events.send(Event::Console(line));
        });
        let _ = events.send(Event::ConsoleClosed);
    })
}

fn watch_control(port: UnixStream, events: Sender<Event>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        lines(port, |line| {
            if let Some(word) = line.strip_prefix("jaula: ") {
                let _ = events.send(Event::Control(word.to_owned()));
            }
        });
    })
}

fn copy_output(
    mut port: UnixStream,
    io: Io,
    events: Sender<Event>,
) -> thread::JoinHandle<io::Result<()>> {
    let mut output: Box<dyn Write + Send> = match io {
        Io::Collect(output) => output,
        Io::Interactive => Box::new(io::stdout()),
        Io::Console(_) => Box::new(io::sink()),
    };
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        loop {
            let n = match port.read(&mut buffer) {
                Ok(0) => return Ok(()),
                // QEMU was killed with bytes of ours unread.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(()),
                Ok(n) => n,
                Err(error) => return Err(error),
            };
            if let Err(error) = output.write_all(&buffer[..n]).and_then(|()| output.flush()) {
                let _ = events.send(Event::OutputClosed);
                return Err(error);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_marked_line_of_the_console_ends_a_run() {
        let ending = Ending::OnConsole("jaula-demo: ");
        assert_eq!(ending.verdict("jaula-demo: pass"), Some(true));
        assert_eq!(ending.verdict("jaula-demo: fail"), Some(false));
        assert_eq!(ending.verdict("jaula-demo: passing by"), Some(false));
        assert_eq!(ending.verdict("[    1.0] jaula-demo[7] in jail 1"), None);
        assert_eq!(Ending::OfCommand.verdict("jaula-demo: pass"), None);
    }
}
