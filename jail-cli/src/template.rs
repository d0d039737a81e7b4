// SPDX-License-Identifier: MIT OR Apache-2.0

//! Finding the template that somebody means, and building from it.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use jaula_rootfs::template::library::{is_path, text};
use jaula_rootfs::{
    build_and_tell, CheckOptions, Findings, Library, Options, Outline, Progress, Settings, Summary,
    Template,
};
use nix::errno::Errno;
use nix::unistd::geteuid;

use crate::built::{Built, Head};
use crate::text::{reason, shown};
use crate::trusted_path::{self, Refusal};
use crate::user::home_of_root;

/// Where the templates of the machine are.
const OF_MACHINE: &str = "/etc/jaula/templates";

/// And those of a user, below the home directory.
const OF_USER: &str = ".config/jaula/templates";

/// How a root is built.
#[derive(Debug, Default)]
pub struct How {
    /// In place of what is there.
    pub replace: bool,
    /// The tree that files are taken from, in place of the machine's own.
    pub sysroot: Option<PathBuf>,
}

/// Where templates are looked for by their names: a user's own come first, then those of the machine,
/// then those that come with jaula.
///
/// A template says which files of the machine root copies. What root reads must be root's alone to
/// change.
pub fn library() -> Library {
    let home = match geteuid().is_root() {
        // Whatever HOME says: it may still be that of who has become root.
        true => Some(home_of_root()),
        false => std::env::var_os("HOME").map(PathBuf::from),
    };
    let own = home.filter(|home| home.is_absolute());
    let own = own.map(|home| home.join(OF_USER));
    Library {
        directories: own.into_iter().chain([OF_MACHINE.into()]).collect(),
        read,
    }
}

fn read(path: &Path) -> Result<Option<String>, String> {
    let open = match geteuid().is_root() {
        true => trusted_path::open_firm,
        false => trusted_path::open,
    };
    // A directory that is not there, or nobody may look into, has no such template.
    if path.symlink_metadata().is_err() {
        return Ok(None);
    }
    let found = match open(path) {
        Ok(found) => found,
        Err(Refusal::Kernel(Errno::ENOENT)) => return Ok(None),
        Err(refusal) => return Err(refusal.describe()),
    };
    let metadata = File::from(found.try_clone().map_err(|error| error.to_string())?).metadata();
    let metadata = metadata.map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("is not a regular file".into());
    }
    trust(&metadata)?;
    let file = File::open(format!("/proc/self/fd/{}", found.as_raw_fd()));
    text(file.map_err(|error| error.to_string())?).map(Some)
}

/// A file of somebody else's can lie in a directory of root's.
fn trust(metadata: &std::fs::Metadata) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt;

    let own = geteuid().as_raw();
    if metadata.uid() != 0 && metadata.uid() != own {
        return Err(format!("belongs to user {}", metadata.uid()));
    }
    match metadata.mode() & 0o022 {
        0 => Ok(()),
        _ => Err("others than its owner can write to it (chmod go-w)".into()),
    }
}

/// The template called `name`: one of the library, or a file, which has a slash in its name or ends in
/// `.toml`; a path that is not absolute begins in `directory`.
///
/// # Errors
///
/// A text that names the file or the template.
pub fn load(name: &str, directory: &Path, settings: &Settings) -> Result<Template, String> {
    let template = match is_path(name) {
        true => Template::load_file(&directory.join(name), &library(), settings),
        false => Template::load_named(name, &library(), settings),
    };
    template.map_err(|error| no_template(name).unwrap_or_else(|| error.to_string()))
}

/// What to say of a name that no template has, and that somebody takes for one all the same.
fn no_template(name: &str) -> Option<String> {
    let what = match name {
        "host" => {
            "is this machine's own root, of which no other is built: \"jaula run --template host\" has it \
             below a layer that is thrown away, and a root file with lower = [\"/\"] below one that stays"
        }
        "image" => "is no template; an image is given with --image",
        _ => return None,
    };
    let is_there = library().names().iter().any(|other| other == name);
    (!is_there).then(|| format!("{name}: {what}"))
}

/// What is told of a template without building it.
///
/// # Errors
///
/// A text with the names that there are.
pub fn find(name: &str) -> Result<Outline, String> {
    let found = Template::outline(name, &library());
    found.map_err(|error| no_template(name).unwrap_or_else(|| error.to_string()))
}

/// A setting as it is given: NAME=VALUE.
///
/// # Errors
///
/// Where it is none.
pub fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    match jaula_rootfs::expand::is_name(name) {
        true => Ok((name.to_owned(), value.to_owned())),
        false => Err(format!(
            "{name:?} cannot be the name of a variable: expected letters, digits and underscores"
        )),
    }
}

/// Builds `template`, which was asked for as `name`, at `target`; and notes outside of it what it was
/// built of.
///
/// Links on the way are followed where nobody but root of the host can have laid them: what a jail may
/// write to does not say where a root is built.
///
/// # Errors
///
/// A text that names the path, and why nothing was built.
pub fn build(
    name: &str,
    template: &Template,
    target: &Path,
    how: &How,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Summary, String> {
    let parent = target.parent();
    let parent = parent.filter(|parent| !parent.as_os_str().is_empty());
    let above = match trusted_path::open(parent.unwrap_or(Path::new("."))) {
        Ok(above) => Some(above),
        // What is missing is said with what is wrong about the target itself.
        Err(Refusal::Kernel(_)) => None,
        Err(refusal) => return Err(format!("{}: {}", shown(target), refusal.describe())),
    };
    let options = Options {
        replace: how.replace,
        sysroot: how.sysroot.as_deref().map(sysroot).transpose()?,
        sysroot_path: how.sysroot.clone(),
        cache: None,
        above: above
            .as_ref()
            .map(OwnedFd::try_clone)
            .transpose()
            .map_err(|e| e.to_string())?,
    };
    let summary = build_and_tell(template, target, &options, progress);
    let summary = summary.map_err(|error| error.to_string())?;
    if let (Some(above), Some(file)) = (above, target.file_name()) {
        let built = Built::new(name, template, &summary.listing);
        if let Err(why) = built.note(above.as_fd(), file) {
            let what =
                "what was built could not be noted, and \"jaula rootfs check\" will not know";
            crate::complain!("jaula: warning: {}: {what}: {why}", shown(target));
        }
    }
    Ok(summary)
}

/// Builds `template` as `name` in a directory that is open and that nobody else sees. Nothing is noted.
///
/// # Errors
///
/// As [`build`].
pub fn build_in(
    template: &Template,
    name: &Path,
    above: OwnedFd,
    how: &How,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Summary, String> {
    let options = Options {
        replace: false,
        sysroot: how.sysroot.as_deref().map(sysroot).transpose()?,
        sysroot_path: how.sysroot.clone(),
        above: Some(above),
        cache: None,
    };
    build_and_tell(template, name, &options, progress).map_err(|error| error.to_string())
}

/// What was found in a root directory.
#[derive(Debug)]
pub struct Checked {
    /// What it was built of, where that is noted.
    pub built: Option<Head>,
    /// What is wrong with it.
    pub findings: Findings,
}

/// Looks at the root directory at a path for `user`, and compares it with what was built there.
///
/// # Errors
///
/// A text that names the path, and why it was not looked at.
pub fn check(path: &Path, user: &str) -> Result<Checked, String> {
    let failed = |why: String| format!("{}: {why}", shown(path));
    let root = trusted_path::open(path).map_err(|refusal| failed(refusal.describe()))?;
    let kind = crate::stat::fstat(&root).map_err(|errno| failed(reason(errno)))?;
    if kind.st_mode & libc::S_IFMT != libc::S_IFDIR {
        return Err(failed("is not a directory".into()));
    }
    // What is noted is root's to read, and nobody else's.
    let built = match geteuid().is_root() {
        true => Built::of(&root)?,
        false => None,
    };
    let options = CheckOptions {
        user: Some(user.to_owned()),
        built: built.as_ref().map(|built| &built.listing),
        ..CheckOptions::default()
    };
    let findings = jaula_rootfs::check(root, &options).map_err(failed)?;
    Ok(Checked {
        built: built.map(|built| built.head),
        findings,
    })
}

/// The tree that files are taken from. Links on the way there are root's, or not followed.
fn sysroot(path: &Path) -> Result<OwnedFd, String> {
    trusted_path::open(path).map_err(|refusal| format!("{}: {}", shown(path), refusal.describe()))
}
