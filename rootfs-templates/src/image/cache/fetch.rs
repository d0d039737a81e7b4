// SPDX-License-Identifier: MIT OR Apache-2.0

//! Fetching images by skopeo, which knows registries, how to log in there, and what to trust.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};

use super::on_disk;
use crate::build::stage::Stage;
use crate::image::digest::Digest;
use crate::image::error::ImageError;
use crate::image::platform::Platform;
use crate::image::unpack::remove;

/// Where programs are, whatever the caller's PATH is.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What skopeo may need of the environment: where it finds passwords and the network, and nothing else.
const KEPT: [&str; 13] = [
    "HOME",
    "XDG_RUNTIME_DIR",
    "REGISTRY_AUTH_FILE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "TMPDIR",
    "LANG",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
];

/// What stands for a name and a platform in the cache.
pub fn key(name: &str, platform: &Platform) -> String {
    Digest::of(format!("{name}\n{platform}").as_bytes())
        .hex()
        .to_owned()
}

/// Has an image fetched to `target`, and its content into `blobs`; what was there is replaced when all
/// of it is there.
pub fn fetch(
    name: &str,
    platform: &Platform,
    target: &Path,
    blobs: &Path,
) -> Result<(), ImageError> {
    let failed = || ImageError::io(target.display());
    // What was there stays until the other is whole.
    let former = target.with_extension("old");
    let removed = remove(
        &std::fs::File::open(above(target)).map_err(failed())?,
        name_of(&former),
    );
    removed.map_err(|errno| failed()(errno.into()))?;
    let stage = Stage::new(target, true, None)?;
    let directory = stage.open()?;
    copy(name, platform, directory.as_fd(), blobs)?;
    let about = serde_json::json!({"reference": name, "platform": platform.to_string()});
    let written = std::fs::write(
        within(directory.as_fd()).join("about.json"),
        about.to_string(),
    );
    written.map_err(failed())?;
    on_disk(&directory, target)?;
    stage.commit()?;
    // Where it cannot be removed now, it is the next time.
    let _ = std::fs::remove_dir_all(former);
    Ok(())
}

fn above(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

fn name_of(path: &Path) -> &std::ffi::OsStr {
    path.file_name().unwrap_or_default()
}

fn within(directory: impl AsFd) -> std::path::PathBuf {
    use std::os::fd::AsRawFd;

    format!(
        "/proc/{}/fd/{}",
        std::process::id(),
        directory.as_fd().as_raw_fd()
    )
    .into()
}

fn copy(
    name: &str,
    platform: &Platform,
    directory: impl AsFd,
    blobs: &Path,
) -> Result<(), ImageError> {
    let mut destination = OsString::from("oci:");
    destination.push(within(directory));
    destination.push(":latest");
    let mut command = Command::new("skopeo");
    command.env_clear().env("PATH", PATH);
    for variable in KEPT {
        if let Some(value) = std::env::var_os(variable) {
            command.env(variable, value);
        }
    }
    command.arg("--override-os").arg(&platform.os);
    command.arg("--override-arch").arg(&platform.architecture);
    if let Some(variant) = &platform.variant {
        command.arg("--override-variant").arg(variant);
    }
    command.arg("copy").arg("--dest-shared-blob-dir").arg(blobs);
    command.arg(name).arg(destination);
    // What it tells of its progress is for people, and standard output is the caller's.
    let told = match io::stderr().is_terminal() {
        true => io::stderr().as_fd().try_clone_to_owned().map(Stdio::from),
        false => Ok(Stdio::null()),
    };
    command
        .stdin(Stdio::null())
        .stdout(told.unwrap_or_else(|_| Stdio::null()));
    let output = command.stderr(Stdio::piped()).spawn();
    let output = output.and_then(|child| child.wait_with_output());
    let output = output.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            let reason = "skopeo, which fetches images, is not installed (Debian: apt-get install \
                          skopeo); or give a file or a directory that has the image in it";
            ImageError::new(name, reason)
        }
        _ => ImageError::new(name, format!("starting skopeo: {error}")),
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let mut said = said.lines().filter(|line| !line.trim().is_empty());
    let last = said.next_back().unwrap_or("it did not say why").trim();
    let reason = format!("skopeo has not fetched it ({}): {last}", output.status);
    Err(ImageError::new(name, reason))
}
