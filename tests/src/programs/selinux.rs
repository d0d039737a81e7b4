// SPDX-License-Identifier: MIT OR Apache-2.0

//! SELinux beside jaula, with Debian's policy: each has its mark on tasks, and tells it by itself.

use jaula_tests::admin::{succeed, Detached};
use jaula_tests::ktap::{CaseResult, Chosen, Context, Failure, Suite};
use jaula_tests::sys::{lsm, unix};
use jaula_tests::{check, check_eq, jail, jailfs, procfs};
use std::fs;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

/// In the order in which they are asked.
const MODULES: [&str; 6] = [
    "lockdown",
    "capability",
    "landlock",
    "yama",
    "selinux",
    "jaula",
];

/// Whether what the policy refuses is refused, or told of alone.
const ENFORCE: &str = "/sys/fs/selinux/enforce";

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    suite.case("it is in use, permissive, with a policy", || {
        check_eq!(lsm::names().context(lsm::NAMES)?, MODULES, "{}", lsm::NAMES);
        let enforce = fs::read_to_string(ENFORCE).context(ENFORCE)?;
        check_eq!(enforce.trim(), "0", "{ENFORCE}");
        let init = label(1)?;
        check!(init.contains(":init_t:"), "process 1 is {init}");
        Ok(())
    });
    suite.case(
        "a task has a label and a jail, and entering changes one",
        || {
            let before = label_of_self()?;
            check!(before.matches(':').count() >= 3, "{before} is no label");
            let number = jail::enter()?;
            check_eq!(label_of_self()?, before, "the label in a jail");
            check_eq!(
                procfs::jail(std::process::id() as i32),
                Ok(number),
                "the jail"
            );
            // Each is told by the call as well, and neither for the other.
            check_eq!(lsm::self_attr(), Ok(format!("{number}\n")), "of jaula");
            let own = lsm::self_attr_of(lsm::ID_SELINUX);
            check_eq!(own.map(|own| trimmed(&own)), Ok(before), "of SELinux");
            Ok(())
        },
    );
    suite.case("a peer in a jail has its label", || {
        let (ours, theirs) = UnixStream::pair().context("socketpair")?;
        let before = unix::peer_label(&ours).context("SO_PEERSEC")?;
        jail::enter()?;
        let inside = unix::peer_label(&theirs).context("SO_PEERSEC")?;
        check_eq!(inside, before, "the label of the peer");
        check_eq!(trimmed(&inside), label_of_self()?, "the label");
        Ok(())
    });
    suite.case("what jaula starts has the label of who starts it", started);
    suite.case(
        "a jail is started and entered where the policy is enforced",
        || {
            let _enforced = Enforced::new()?;
            started()
        },
    );
    suite.run(chosen)
}

fn started() -> CaseResult {
    let jail = Detached::start(&["--user", "root"], "while :; do sleep 1; done")?;
    let first = jail.noted_process("first_process")?;
    check_eq!(
        label(first)?,
        label_of_self()?,
        "the label in jail {}",
        jail.number
    );
    check_eq!(procfs::jail(first), Ok(jail.number), "its jail");
    let read = ["cat", "/proc/self/attr/current"];
    let said = succeed(&[&["exec", &jail.text(), "--"], &read[..]].concat())?;
    check_eq!(trimmed(&said), label_of_self()?, "the label of exec");
    check_eq!(
        jailfs::read(jail.number, "state"),
        Ok("alive".into()),
        "state"
    );
    Ok(())
}

/// What the policy refuses is refused until this is dropped.
struct Enforced;

impl Enforced {
    fn new() -> Result<Enforced, Failure> {
        let enforced = Enforced;
        fs::write(ENFORCE, "1").context(ENFORCE)?;
        Ok(enforced)
    }
}

impl Drop for Enforced {
    fn drop(&mut self) {
        let _ = fs::write(ENFORCE, "0");
    }
}

fn label_of_self() -> Result<String, Failure> {
    label(std::process::id() as i32)
}

fn label(pid: libc::pid_t) -> Result<String, Failure> {
    let path = format!("/proc/{pid}/attr/current");
    let text = fs::read_to_string(&path).context(&path)?;
    Ok(trimmed(&text))
}

/// Labels may end with a null byte.
fn trimmed(text: &str) -> String {
    text.trim_end_matches(['\0', '\n']).to_owned()
}
