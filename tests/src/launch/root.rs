// SPDX-License-Identifier: MIT OR Apache-2.0

//! A root directory for a jail, made by hand.

use crate::ktap::{Context, Failure};
use crate::sys::{mount, process};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const PASSWD: &str = "\
root:x:0:0:root:/root:/bin/probe
user:x:1000:1000::/home/user:/bin/probe
prober:x:1001:1002::/home/prober:/bin/probe
shelly:x:1003:1000::/home/user:/bin/no-such-shell
";
const GROUP: &str = "root:x:0:\nuser:x:1000:\nprober:x:1002:\nextra:x:7:user,prober\n";

/// A root directory with this program in it as /bin/probe and with /proc, removed when dropped.
pub struct Root {
    path: PathBuf,
    maker: libc::pid_t,
}

impl Root {
    /// Makes one.
    pub fn new() -> Result<Root, Failure> {
        let maker = process::pid();
        let path = std::env::temp_dir().join(format!("launcher-{maker}"));
        let root = Root { path, maker };
        for directory in ["bin", "etc", "home/user", "proc", "root", "tmp"] {
            let path = root.path.join(directory);
            fs::create_dir_all(&path).context(path.display())?;
        }
        root.file("etc/passwd", PASSWD.as_bytes(), 0o644)?;
        root.file("etc/group", GROUP.as_bytes(), 0o644)?;
        let program = fs::read("/proc/self/exe").context("/proc/self/exe")?;
        root.file("bin/probe", &program, 0o755)?;
        let proc = root.path.join("proc");
        mount::proc(&proc).context(format_args!("mounting {}", proc.display()))?;
        Ok(root)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The same as text.
    pub fn text(&self) -> &str {
        self.path.to_str().unwrap_or_default()
    }

    /// Makes a file in it.
    pub fn file(&self, path: &str, content: &[u8], mode: u32) -> Result<(), Failure> {
        let path = self.path.join(path);
        fs::write(&path, content).context(path.display())?;
        fs::set_permissions(&path, Permissions::from_mode(mode)).context(path.display())
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        // A forked copy of this value has not made the directory.
        if self.maker != process::pid() {
            return;
        }
        let _ = mount::unmount(&self.path.join("proc"));
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("cannot remove {}: {error}", self.path.display());
        }
    }
}
