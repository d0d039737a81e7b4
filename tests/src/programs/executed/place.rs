// SPDX-License-Identifier: MIT OR Apache-2.0

//! A root directory with a program in it, in a mount namespace of the case's own.

use super::interpreter;
use super::{execute, path};
use jaula_tests::ktap::{Context, Failure};
use jaula_tests::sys::{ids, tree, Errno};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// This program, in the root directory.
pub const INSIDE: &str = "/bin/inside";

const BASE: &str = "/tmp/jaula-executed";

/// The root directory.
pub struct Place {
    root: PathBuf,
}

impl Place {
    /// Makes it.
    pub fn make() -> Result<Place, Failure> {
        ids::unshare(libc::CLONE_NEWNS).context("unshare(CLONE_NEWNS)")?;
        tree::make_private().context("making mounts private")?;
        fs::create_dir_all(BASE).context(BASE)?;
        tree::mount("tmpfs", BASE, "mode=0755").context("mounting a tmpfs")?;
        let place = Place {
            root: PathBuf::from(BASE).join("root"),
        };
        for directory in ["bin", "proc"] {
            let path = place.root.join(directory);
            fs::create_dir_all(&path).context(path.display())?;
        }
        tree::mount("proc", place.root.join("proc"), "").context("mounting proc")?;
        let program = fs::read("/proc/self/exe").context("/proc/self/exe")?;
        place.file(INSIDE, &program)?;
        Ok(place)
    }

    /// Where it is.
    pub fn path(&self) -> &PathBuf {
        &self.root
    }

    /// Makes a file in it that can be executed.
    pub fn file(&self, path: &str, content: &[u8]) -> Result<(), Failure> {
        let path = self.root.join(path.trim_start_matches('/'));
        fs::write(&path, content).context(path.display())?;
        fs::set_permissions(&path, Permissions::from_mode(0o755)).context(path.display())
    }

    /// A script with this interpreter.
    pub fn script(&self, interpreter: &str) -> Result<Box<dyn Fn() -> Errno>, Failure> {
        self.file("script", format!("#!{interpreter}\n").as_bytes())?;
        path("/script")
    }

    /// An ELF file with this interpreter.
    pub fn interpreted(&self, interpreter: &str) -> Result<Box<dyn Fn() -> Errno>, Failure> {
        self.file("interpreted", &interpreter::elf(interpreter)?)?;
        path("/interpreted")
    }

    /// This program, bound to a file in the root directory.
    pub fn bound_program(&self) -> Result<Box<dyn Fn() -> Errno>, Failure> {
        self.file("bound", b"")?;
        let program = std::env::current_exe().context("/proc/self/exe")?;
        tree::bind(program, self.root.join("bound")).context("binding this program")?;
        path("/bound")
    }

    /// The program in the root directory, in an overlay over it.
    pub fn overlay(&self) -> Result<Box<dyn Fn() -> Errno>, Failure> {
        let base = PathBuf::from(BASE);
        for directory in ["upper", "work", "root/over"] {
            let path = base.join(directory);
            fs::create_dir_all(&path).context(path.display())?;
        }
        let lower = self.root.join("bin");
        let (upper, work) = (base.join("upper"), base.join("work"));
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            lower.display(),
            upper.display(),
            work.display()
        );
        tree::mount("overlay", self.root.join("over"), &options).context("mounting an overlay")?;
        Ok(Box::new(|| execute("/over/inside")))
    }
}
