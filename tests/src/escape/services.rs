// SPDX-License-Identifier: MIT OR Apache-2.0

//! Programs of the host that the kernel starts by itself, as root and outside of every jail. Here
//! they do nothing but leave a trace.

use crate::ktap::{Context, Failure};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What makes keys; its place is fixed.
pub const REQUEST_KEY: &str = "/sbin/request-key";
/// What loads modules.
pub const MODPROBE: &str = "/sbin/jaula-escape-modprobe";
/// Where the kernel is told what loads modules.
const SETTING: &str = "/proc/sys/kernel/modprobe";

/// The programs are there until this is dropped.
pub struct Services {
    modprobe: Option<String>,
}

impl Services {
    /// Puts them where the kernel looks for them.
    pub fn install() -> Result<Services, Failure> {
        for program in [REQUEST_KEY, MODPROBE] {
            let directory = Path::new(program).parent().unwrap_or(Path::new("/"));
            fs::create_dir_all(directory).context(directory.display())?;
            let script = format!("#!/bin/sh\n: >{}\n", trace(program).display());
            fs::write(program, script).context(program)?;
            fs::set_permissions(program, Permissions::from_mode(0o755)).context(program)?;
        }
        // A kernel without modules has no such setting.
        let modprobe = fs::read_to_string(SETTING).ok();
        if modprobe.is_some() {
            fs::write(SETTING, MODPROBE).context(SETTING)?;
        }
        Ok(Services { modprobe })
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        if let Some(modprobe) = &self.modprobe {
            let _ = fs::write(SETTING, modprobe);
        }
        for program in [REQUEST_KEY, MODPROBE] {
            let _ = fs::remove_file(program);
            let _ = fs::remove_file(trace(program));
        }
    }
}

/// The trace that a program leaves.
fn trace(program: &str) -> PathBuf {
    let name = Path::new(program).file_name().unwrap_or_default();
    Path::new("/tmp").join(format!("called-{}", name.to_string_lossy()))
}

/// Whether a program has been started since this was asked last.
pub fn was_called(program: &str) -> Result<bool, Failure> {
    let trace = trace(program);
    let called = fs::exists(&trace).context(trace.display())?;
    if called {
        fs::remove_file(&trace).context(trace.display())?;
    }
    Ok(called)
}
