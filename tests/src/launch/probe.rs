// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is executed in the jail: says how it finds itself.

use crate::inmate;
use crate::ktap::{fail, Failure};
use crate::procfs;
use crate::sys::{burden, ids, jail, process, signal, tty, Errno};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::Write;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::process::{ExitCode, Output};

/// The name under which the program is in the jail's /bin.
const NAME: &str = "probe";
/// Up to which descriptor open ones are looked for.
const DESCRIPTORS: i32 = 4096;

/// What the probe has said: values by name.
pub struct Seen(BTreeMap<String, String>);

impl Seen {
    /// Takes it from what a command printed, which must have ended well.
    pub fn from(output: &Output) -> Result<Seen, Failure> {
        crate::check!(output.status.success(), "the command failed: {output:?}");
        Ok(Seen::parse(&String::from_utf8_lossy(&output.stdout)))
    }

    /// Takes it from what the program said.
    pub fn parse(text: &str) -> Seen {
        let lines = text.lines().filter_map(|line| line.split_once('='));
        Seen(
            lines
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }

    /// A value.
    pub fn get(&self, name: &str) -> Result<&str, Failure> {
        self.0
            .get(name)
            .map(String::as_str)
            .ok_or_else(|| fail(format!("the probe did not say {name}: {:?}", self.0)))
    }

    /// Checks a value.
    pub fn expect(&self, name: &str, value: impl Display) -> Result<(), Failure> {
        crate::check_eq!(self.get(name)?, value.to_string(), "{name} in the jail");
        Ok(())
    }
}

/// Acts as the probe, where the program was started under that name.
pub fn act_as_probe() -> Option<ExitCode> {
    let arguments: Vec<String> = std::env::args().collect();
    let name = arguments.first()?.trim_start_matches('-');
    if name.rsplit('/').next() != Some(NAME) {
        return None;
    }
    let arguments: Vec<&str> = arguments.iter().skip(1).map(String::as_str).collect();
    Some(match arguments[..] {
        ["exit", status] => ExitCode::from(status.parse().unwrap_or(255)),
        ["kill", number] => {
            let _ = process::kill(process::pid(), number.parse().unwrap_or(0));
            ExitCode::from(254)
        }
        ["signals"] => say_signal(),
        ["bomb"] => {
            inmate::explode();
            ExitCode::from(254)
        }
        ["flee"] => process::flee(),
        ["shuffle"] => shuffle(),
        ["nested", depth] => nested(depth.parse().unwrap_or(0)),
        ["arguments", length] => {
            match process::show_arguments(length.parse().unwrap_or(0)) {
                Ok(()) => announce("ready"),
                Err(errno) => announce(&errno.to_string()),
            }
            loop {
                std::thread::park();
            }
        }
        ["nest"] => nest(),
        ["wait"] => {
            announce("ready");
            loop {
                std::thread::park();
            }
        }
        _ => {
            announce(&look_around().join("\n"));
            ExitCode::SUCCESS
        }
    })
}

/// Makes directories in one another, from the inside out: nobody has to go down there.
fn nested(depth: usize) -> ExitCode {
    let made = std::fs::create_dir("nested").and_then(|()| {
        std::fs::write("nested/last", "x")?;
        (0..depth).try_for_each(|_| {
            std::fs::create_dir("around")?;
            std::fs::rename("nested", "around/nested")?;
            std::fs::rename("around", "nested")
        })
    });
    announce(&made.map_or_else(|error| error.to_string(), |()| "ready".into()));
    inmate::wait_for_ever()
}

/// Lays a long way by `..` to a file, and moves directories all the time.
fn shuffle() -> ExitCode {
    let way = "a/../".repeat(700) + "file";
    let made = std::fs::create_dir("a")
        .and_then(|()| std::fs::write("file", "x"))
        .and_then(|()| std::os::unix::fs::symlink(way, "link"));
    announce(&made.map_or_else(|error| error.to_string(), |()| "ready".into()));
    let move_about = |name: &str| {
        let other = format!("{name}-moved");
        let _ = std::fs::create_dir(name);
        loop {
            let _ = std::fs::rename(name, &other);
            let _ = std::fs::rename(&other, name);
        }
    };
    let _ = process::fork(|| move_about("b"));
    let _ = process::fork(|| move_about("c"));
    move_about("d");
    ExitCode::FAILURE
}

fn announce(text: &str) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

fn look_around() -> Vec<String> {
    let mut said = Vec::new();
    let mut say = |name: &str, value: String| said.push(format!("{name}={value}"));
    say("number", result(jail::get_jailnumber()));
    say("pid", process::pid().to_string());
    say("argv0", std::env::args().next().unwrap_or_default());
    let cwd = std::env::current_dir();
    say(
        "cwd",
        cwd.map_or_else(|error| error.to_string(), |path| path.display().to_string()),
    );
    for (name, path) in [
        ("root", "/"),
        ("above", "/.."),
        ("here", "."),
        ("proc-root", "/proc/self/root"),
    ] {
        let place = std::fs::metadata(path);
        let place = place.map(|place| format!("{}:{}", place.dev(), place.ino()));
        say(name, place.unwrap_or_else(|error| error.to_string()));
    }
    let open: Vec<String> = (0..DESCRIPTORS)
        .filter(|number| tty::is_open(*number))
        .map(|number| number.to_string())
        .collect();
    say("descriptors", open.join(","));
    say("uids", list(ids::users()));
    say("gids", list(ids::groups()));
    say("groups", list(ids::supplementary_groups()));
    say("setuid", result(ids::set_user(0).map(|()| 0)));
    say("setgid", result(ids::set_group(0).map(|()| 0)));
    say(
        "setgroups",
        result(ids::set_supplementary_groups(&[0]).map(|()| 0)),
    );
    say("securebits", result(burden::securebits().map(i64::from)));
    for name in [
        "NoNewPrivs",
        "Seccomp",
        "CapInh",
        "CapPrm",
        "CapEff",
        "CapBnd",
        "CapAmb",
    ] {
        let value = procfs::status("self", name);
        say(name, value.unwrap_or_else(|failure| failure.message));
    }
    let mut environment = Vec::new();
    for (name, value) in std::env::vars_os() {
        let name = String::from_utf8_lossy(&name.into_vec()).into_owned();
        let value = String::from_utf8_lossy(&value.into_vec()).into_owned();
        say(&format!("env {name}"), value);
        environment.push(name);
    }
    environment.sort();
    say("environment", environment.join(","));
    said
}

fn result(value: Result<i64, Errno>) -> String {
    value.map_or_else(|errno| errno.to_string(), |value| value.to_string())
}

fn list<T: AsRef<[u32]>>(value: Result<T, Errno>) -> String {
    match value {
        Ok(numbers) => {
            let words: Vec<String> = numbers.as_ref().iter().map(u32::to_string).collect();
            words.join(",")
        }
        Err(errno) => errno.to_string(),
    }
}

/// The signals that a launcher forwards, whoever sends them.
pub fn forwarded_signals() -> impl Iterator<Item = i32> {
    const NOT_CAUGHT: [i32; 2] = [libc::SIGKILL, libc::SIGSTOP];
    const ITS_OWN: [i32; 5] = [
        libc::SIGCHLD,
        libc::SIGPIPE,
        libc::SIGURG,
        libc::SIGTTIN,
        libc::SIGTTOU,
    ];
    const JOB_CONTROL: [i32; 2] = [libc::SIGCONT, libc::SIGTSTP];
    // The C library keeps the first real-time ones to itself.
    (1..32)
        .chain(libc::SIGRTMIN()..=libc::SIGRTMAX())
        .filter(|signal| {
            let others = [&NOT_CAUGHT[..], &ITS_OWN, &JOB_CONTROL];
            !others.concat().contains(signal)
        })
}

/// Has a child in a jail of its own that says when it is asked to end, and waits for it.
fn nest() -> ExitCode {
    let child = process::fork(|| {
        let entered = signal::block(&[libc::SIGTERM]).and_then(|()| jail::create_newjail());
        announce(&entered.map_or_else(|errno| errno.to_string(), |_| "ready".into()));
        match signal::await_one(&[libc::SIGTERM]) {
            Ok(_) => announce("asked"),
            Err(errno) => announce(&errno.to_string()),
        }
        0
    });
    match child.and_then(process::wait) {
        Ok(_) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(254),
    }
}

/// Waits for one of the signals that the launcher forwards; the exit status tells which.
fn say_signal() -> ExitCode {
    let forwarded: Vec<i32> = forwarded_signals().collect();
    if signal::block(&forwarded).is_err() {
        return ExitCode::from(254);
    }
    announce("ready");
    match signal::await_one(&forwarded) {
        Ok(number) => ExitCode::from(number as u8 + 40),
        Err(_) => ExitCode::from(254),
    }
}
