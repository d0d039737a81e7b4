// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where the jails of these tests are, and what is asked of them.

pub use jaula_tests::admin::host;
use jaula_tests::admin::{output, succeed, text};
use jaula_tests::ktap::{Context, Failure};
use jaula_tests::launch::{complaint, jaula};
use jaula_tests::sys::process;
use jaula_tests::{check, check_eq};
use std::fs;
use std::path::PathBuf;

/// A directory with a root made from a template, and one of the host's; removed when dropped.
pub struct Place {
    path: PathBuf,
    maker: libc::pid_t,
}

impl Place {
    pub fn new() -> Result<Place, Failure> {
        let name = format!("isolation-{}", process::pid());
        Place::at(std::env::temp_dir().join(name))
    }

    /// One at this path.
    pub fn at(path: PathBuf) -> Result<Place, Failure> {
        let maker = process::pid();
        let place = Place { path, maker };
        for directory in ["host", "host/below"] {
            let path = place.path.join(directory);
            fs::create_dir_all(&path).context(path.display())?;
        }
        fs::write(place.path.join("host/file"), "of the host\n").context("a file")?;
        let root = place.root();
        succeed(&["rootfs", "build", "--quiet", "--template", "minimal", &root])?;
        for directory in ["data", "more"] {
            fs::create_dir(place.inside(directory)).context(directory)?;
        }
        let program = fs::read("/proc/self/exe").context("/proc/self/exe")?;
        let caller = place.inside("bin/caller");
        fs::write(&caller, program).context("bin/caller")?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&caller, mode).context("bin/caller")?;
        Ok(place)
    }

    /// The root of the jails.
    pub fn root(&self) -> String {
        self.path.join("root").display().to_string()
    }

    /// The directory that all of it is in.
    pub fn path(&self) -> String {
        self.path.display().to_string()
    }

    /// A path in it, as it is outside.
    pub fn inside(&self, path: &str) -> PathBuf {
        self.path.join("root").join(path)
    }

    /// A path of the host's.
    pub fn host(&self, path: &str) -> String {
        self.path.join("host").join(path).display().to_string()
    }

    /// What a shell in a jail with these options prints, which must end well.
    pub fn says(&self, options: &[&str], script: &str) -> Result<String, Failure> {
        let command = [self.root(), "--".into(), "/bin/sh".into(), "-c".into()];
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        let arguments = [&["run", "--quiet"], options, &command, &[script]].concat();
        let output = output(&mut jaula(&arguments))?;
        check!(
            output.status.success(),
            "{options:?} {script:?}: {}: {}",
            output.status,
            complaint(&output)
        );
        Ok(text(&output).trim_end().to_owned())
    }

    /// Checks what such a shell prints.
    pub fn expect(&self, options: &[&str], script: &str, said: &str) -> Result<(), Failure> {
        check_eq!(self.says(options, script)?, said, "{options:?} {script:?}");
        Ok(())
    }
}

/// A directory of root's, below no other that anybody else can change; removed when dropped.
pub struct Firm {
    path: PathBuf,
}

impl Firm {
    pub fn new(name: &str) -> Result<Firm, Failure> {
        let path = PathBuf::from(format!("/var/{name}-{}", process::pid()));
        fs::create_dir(&path).context(path.display())?;
        Ok(Firm { path })
    }

    /// A path in it.
    pub fn at(&self, path: &str) -> String {
        self.path.join(path).display().to_string()
    }

    /// A root from the template, with these directories made in it.
    pub fn root(&self, name: &str, directories: &[&str]) -> Result<String, Failure> {
        let root = self.at(name);
        succeed(&["rootfs", "build", "--quiet", "--template", "minimal", &root])?;
        for directory in directories {
            let path = format!("{root}/{directory}");
            fs::create_dir_all(&path).context(&path)?;
        }
        Ok(root)
    }
}

impl Drop for Firm {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("cannot remove {}: {error}", self.path.display());
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A forked copy of this value has not made the directory.
        if self.maker != process::pid() {
            return;
        }
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("cannot remove {}: {error}", self.path.display());
        }
    }
}
