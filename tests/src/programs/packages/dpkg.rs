// SPDX-License-Identifier: MIT OR Apache-2.0

//! Installing, upgrading and removing packages of the machine.

use jaula_tests::admin::{output, text};
use jaula_tests::check;
use jaula_tests::ktap::{CaseResult, Context, Failure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Makes a package of what is installed of another, with another version.
const REPACK: &str = include_str!("repack.sh");

/// What a command prints that must succeed, with its complaints.
pub fn run(program: &str, arguments: &[&str]) -> Result<String, Failure> {
    let mut command = Command::new(program);
    command.args(arguments);
    command.env("DEBIAN_FRONTEND", "noninteractive");
    let output = output(&mut command)?;
    let said = text(&output) + &String::from_utf8_lossy(&output.stderr);
    let first = arguments.first().unwrap_or(&"");
    check!(
        output.status.success(),
        "{program} {first}: {}: {said}",
        output.status
    );
    Ok(said)
}

/// The version of a package that is installed.
pub fn version(package: &str) -> Result<String, Failure> {
    run("dpkg-query", &["-W", "-f", "${Version}", package])
}

/// The package of the kernel that runs.
pub fn kernel() -> Result<String, Failure> {
    let release = run("uname", &["-r"])?;
    Ok(format!("linux-image-{}", release.trim()))
}

/// A package file with what is installed of a package and a version that is higher.
pub struct Newer {
    path: PathBuf,
    version: String,
    package: String,
}

impl Newer {
    /// Makes it.
    pub fn of(package: &str) -> Result<Self, Failure> {
        let version = format!("{}+again", version(package)?);
        let path = Path::new("/var/tmp").join(format!("{package}.deb"));
        let name = path.to_string_lossy().into_owned();
        run(
            "sh",
            &["-c", REPACK, "repack", package, &name, version.as_str()],
        )?;
        Ok(Newer {
            path,
            version,
            package: package.to_owned(),
        })
    }

    /// Installs it; what dpkg and the package's scripts say.
    pub fn install(&self) -> Result<String, Failure> {
        let path = self.path.to_string_lossy();
        let said = run("dpkg", &["--install", &path])?;
        let found = version(&self.package)?;
        check!(
            found == self.version,
            "{}: {found} is installed in place of {}: {said}",
            self.package,
            self.version
        );
        Ok(said)
    }
}

impl Drop for Newer {
    fn drop(&mut self) {
        // The next case needs the package, whatever has become of this one.
        let state = ["-W", "-f", "${db:Status-Status}", self.package.as_str()];
        if run("dpkg-query", &state).is_ok_and(|state| state != "installed") {
            let _ = self.install();
        }
        let _ = fs::remove_file(&self.path);
    }
}

/// What systemd says of a property of a unit.
pub fn property(unit: &str, name: &str) -> Result<String, Failure> {
    let said = run("systemctl", &["show", "--value", "-p", name, unit])?;
    Ok(said.trim().to_owned())
}

/// Writes a file, whose directory is there.
pub fn write(path: &str, text: &str) -> CaseResult {
    fs::write(path, text).context(path)
}
