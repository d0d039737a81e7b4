// SPDX-License-Identifier: MIT OR Apache-2.0

//! The process inside the jail, started by `jaula` like any other command.

use crate::crew::Member;
use crate::ktap::{fail, Context, Failure};
use crate::sys::mount;
use std::fs;
use std::io::BufReader;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Where the program is copied to, as seen in the jail.
const PROGRAM: &str = "/bin/jaula-demo";

/// A jail root with this program in it, and a process of this program in a jail in it.
pub struct Jailed {
    /// The process, on request.
    pub member: Member,
    child: Child,
    _proc: ProcMount,
}

impl Jailed {
    /// Makes `root` with `jaula rootfs build` where it is missing, and starts
    /// `jaula --user root ROOT -- /bin/jaula-demo probe`.
    pub fn start(root: &Path) -> Result<Jailed, Failure> {
        build_root(root)?;
        install_program(root)?;
        // The listings of System V objects are in /proc.
        let proc = ProcMount::new(root.join("proc"))?;
        let mut child = Command::new("jaula")
            .args(["--user", "root"])
            .arg(root)
            .args(["--", PROGRAM, "probe"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting jaula")?;
        let (Some(requests), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(fail("no pipes to the process in the jail"));
        };
        Ok(Jailed {
            member: Member::new(BufReader::new(answers), requests),
            child,
            _proc: proc,
        })
    }

    /// Lets the process end; it must have done so well.
    pub fn finish(self) -> Result<(), Failure> {
        let Jailed {
            member,
            mut child,
            _proc,
        } = self;
        drop(member);
        let status = child.wait().context("waiting for jaula")?;
        crate::check!(status.success(), "jaula ended with {status}");
        Ok(())
    }
}

fn build_root(root: &Path) -> Result<(), Failure> {
    if root.join("bin").is_dir() {
        return Ok(());
    }
    let status = Command::new("jaula")
        .args(["rootfs", "build", "--template", "minimal"])
        .arg(root)
        .stdout(Stdio::null())
        .status()
        .context("starting jaula")?;
    crate::check!(
        status.success(),
        "jaula rootfs build --template minimal {} ended with {status}",
        root.display()
    );
    Ok(())
}

fn install_program(root: &Path) -> Result<(), Failure> {
    let target = root.join(PROGRAM.trim_start_matches('/'));
    fs::copy("/proc/self/exe", &target).context(target.display())?;
    fs::set_permissions(&target, fs::Permissions::from_mode(0o755)).context(target.display())
}

/// A mounted /proc, unmounted when dropped.
struct ProcMount(PathBuf);

impl ProcMount {
    fn new(at: PathBuf) -> Result<ProcMount, Failure> {
        fs::create_dir_all(&at).context(at.display())?;
        mount::proc(&at).context(format_args!("mounting {}", at.display()))?;
        Ok(ProcMount(at))
    }
}

impl Drop for ProcMount {
    fn drop(&mut self) {
        if let Err(errno) = mount::unmount(&self.0) {
            eprintln!("cannot unmount {}: {errno}", self.0.display());
        }
    }
}
