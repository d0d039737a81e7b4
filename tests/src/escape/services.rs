// SPDX-License-Identifier: MIT OR Apache-2.0

//! Programs of the host that the kernel starts by itself, as root and outside of every jail. Here
//! they do nothing but leave a trace. With them come settings of the kernel that the attacks count on.

use crate::ktap::{Context, Failure};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What makes keys; its place is fixed.
pub const REQUEST_KEY: &str = "/sbin/request-key";
/// What loads modules.
pub const MODPROBE: &str = "/sbin/jaula-escape-modprobe";
/// What loads modules, and what takes a capability to begin with: where reading the kernel's log and
/// programs for it do, a user of the machine is refused by Linux, and the jail is not asked.
const SETTINGS: [(&str, &str); 3] = [
    ("/proc/sys/kernel/modprobe", MODPROBE),
    ("/proc/sys/kernel/dmesg_restrict", "0"),
    ("/proc/sys/kernel/unprivileged_bpf_disabled", "0"),
];

/// The programs are there until this is dropped.
pub struct Services {
    /// What the settings were before.
    settings: Vec<(&'static str, String)>,
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
        let mut services = Services {
            settings: Vec::new(),
        };
        for (setting, value) in SETTINGS {
            // Not every kernel has all of them.
            if let Ok(before) = fs::read_to_string(setting) {
                fs::write(setting, value).context(setting)?;
                services.settings.push((setting, before));
            }
        }
        Ok(services)
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        for (setting, before) in &self.settings {
            let _ = fs::write(setting, before);
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
