// SPDX-License-Identifier: MIT OR Apache-2.0

use clap::CommandFactory;

use super::*;

fn parse(arguments: &[&str]) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(["jaula"].iter().chain(arguments))
}

fn run(arguments: &[&str]) -> run::Run {
    let cli = parse(arguments).expect("a command line");
    assert!(cli.command.is_none(), "{cli:?}");
    cli.run
}

#[test]
fn is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn options_stop_at_the_command() {
    let cli = run(&[
        "-q",
        "/srv/jail",
        "--user",
        "7",
        "--",
        "sh",
        "-c",
        "id",
        "--",
        "--quiet",
    ]);
    assert_eq!(cli.root(), "/srv/jail");
    assert_eq!(cli.command(), ["sh", "-c", "id", "--", "--quiet"]);
}

#[test]
fn the_two_dashes_can_be_left_out() {
    assert_eq!(
        run(&["/srv/jail", "ls", "-l", "--user"]).command(),
        ["ls", "-l", "--user"]
    );
}

#[test]
fn a_command_of_jaula_is_told_from_a_root_by_the_slash() {
    assert!(parse(&["number"])
        .expect("a command line")
        .command
        .is_some());
    assert_eq!(run(&["./number"]).root(), "./number");
    assert_eq!(run(&["/srv/jail", "number"]).command(), ["number"]);
}

#[test]
fn what_is_wrong_is_refused() {
    for arguments in [
        &[][..],
        &["--user", "", "/srv/jail"],
        &["--user", "4294967295", "/srv/jail"],
        &["--setenv", "A", "/srv/jail"],
        &["--shell", "sh", "/srv/jail"],
        &["--nonsense", "/srv/jail"],
        &["number", "extra"],
        &["rootfs"],
        &["rootfs", "build", "/srv/jail"],
        &["rootfs", "build", "--template", "minimal"],
    ] {
        assert!(parse(arguments).is_err(), "{arguments:?}");
    }
}

#[test]
fn a_jail_is_run_with_a_name_and_limits() {
    for arguments in [
        &[
            "run",
            "-d",
            "-n",
            "web",
            "--max-tasks",
            "5",
            "--max-shm-bytes",
            "1M",
            "/srv/jail",
        ][..],
        &[
            "run",
            "--keep",
            "--max-children",
            "2",
            "/srv/jail",
            "--",
            "ls",
            "-d",
        ],
        &["exec", "web"],
        &["exec", "7", "--user", "root", "--", "ls", "-l"],
        &["ls", "--tree"],
        &["stop", "web", "--timeout", "3"],
        &["rm", "--all"],
        &["set", "web", "tasks.max=5", "shm_bytes.max=max"],
        &["logs", "-f", "web"],
        &["stats", "--watch", "--interval", "2"],
        &["up"],
        &["down", "other.toml"],
        &["completion", "fish"],
        &["doctor", "--json"],
        &["run", "--plain", "/srv/jail"],
        &[
            "run",
            "--without",
            "proc,dev",
            "--without",
            "seccomp",
            "/srv/jail",
        ],
        &[
            "run",
            "--allow",
            "chroot,sys_time",
            "--allow",
            "userns",
            "/srv/jail",
        ],
        &[
            "run",
            "--bind",
            "/a:/b",
            "--bind",
            "/c:/d:ro",
            "--tmpfs",
            "/tmp",
            "--tmpfs",
            "/e:size=1M",
            "--workdir",
            "/b",
            "--rlimit",
            "nofile=1:2",
            "--umask",
            "077",
            "/srv/jail",
        ],
        &[
            "run",
            "--new-ipc",
            "--new-net",
            "--new-pid",
            "--new-uts",
            "--hostname",
            "a",
            "--ids",
            "100000:1000",
            "/srv/jail",
        ],
        &["run", "--ids", "auto", "/srv/jail"],
        &["exec", "web", "--workdir", "/tmp", "--without", "seccomp"],
        &["run", "--template", "minimal"],
        &[
            "run",
            "--template",
            "bash",
            "--set",
            "also=vim",
            "--",
            "bash",
            "-l",
        ],
        &[
            "run",
            "--image",
            "docker://x",
            "--pull",
            "-d",
            "--",
            "ls",
            "-l",
        ],
        &["clone", "/srv/jail", "new.root"],
        &["snapshot", "-q", "web", "new.root"],
        &["set", "web", "allow=+chroot,-kill"],
        &[
            "run",
            "--drop",
            "kill,setfcap",
            "--drop",
            "all",
            "--ambient",
            "net_bind_service",
            "--group-add",
            "video,20",
            "--inherit",
            "affinity,rlimits",
            "--env-file",
            "web.env",
            "/srv/jail",
        ],
        &["exec", "web", "--group-add", "7", "--inherit", "signals"],
    ] {
        let cli = parse(arguments).expect("a command line");
        assert!(cli.command.is_some(), "{arguments:?}");
    }
    for arguments in [
        &["run"][..],
        &["run", "--template", "minimal", "--image", "x.tar"],
        &["run", "--set", "a=b", "/srv/jail"],
        &["run", "--template", "minimal", "--pull"],
        &["clone", "/srv/jail"],
        &["run", "--name", "7", "/srv/jail"],
        &["run", "--max-tasks", "many", "/srv/jail"],
        &["run", "--max-children", "max", "/srv/jail"],
        &["exec"],
        &["exec", "0"],
        &["ls", "--tree", "--json"],
        &["stop"],
        &["stop", "web", "--timeout", "-1"],
        &["rm"],
        &["rm", "--all", "web"],
        &["set", "web"],
        &["set", "web", "tasks.max"],
        &["stats", "--interval", "2"],
        &["stats", "--watch", "--interval", "0"],
        &["up", "a", "b"],
        &["completion", "tcsh"],
        &["doctor", "all"],
        &["run", "--without", "colour", "/srv/jail"],
        &["run", "--allow", "everything", "/srv/jail"],
        &["run", "--hostname", "a", "/srv/jail"],
        &["run", "--bind", "a:b", "/srv/jail"],
        &["run", "--tmpfs", "tmp", "/srv/jail"],
        &["run", "--workdir", "tmp", "/srv/jail"],
        &["run", "--rlimit", "files=3", "/srv/jail"],
        &["run", "--umask", "0999", "/srv/jail"],
        &["run", "--ids", "1000", "/srv/jail"],
        &["run", "--ids", "all", "/srv/jail"],
        &["set", "web", "allow=everything"],
        &["run", "--drop", "everything", "/srv/jail"],
        &["run", "--ambient", "all", "/srv/jail"],
        &["run", "--group-add", "", "/srv/jail"],
        &["run", "--inherit", "colour", "/srv/jail"],
    ] {
        assert!(parse(arguments).is_err(), "{arguments:?}");
    }
}

#[test]
fn values_are_bytes() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    let bytes = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    let words = [
        bytes(b"jaula"),
        bytes(b"--setenv"),
        bytes(b"N=\xe9"),
        bytes(b"--workdir"),
        bytes(b"/caf\xe9"),
        bytes(b"--shell"),
        bytes(b"/bin/\xff"),
        bytes(b"--env-file"),
        bytes(b"\xff"),
        bytes(b"/srv/caf\xe9"),
        bytes(b"echo"),
        bytes(b"\xe9"),
    ];
    let cli = Cli::try_parse_from(words).expect("a command line");
    assert_eq!(cli.run.command()[1], bytes(b"\xe9"));
}
