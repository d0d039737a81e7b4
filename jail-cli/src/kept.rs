// SPDX-License-Identifier: MIT OR Apache-2.0

//! What jails were set to, where that is kept over their end and that of the machine.
//!
//! It lies below /var/lib/jaula, a file for each name. It is put in place of what the description of
//! the jail says each time that is started; a jail that nobody has described gets nothing of it, whatever
//! its name is: it could be another one, and would be allowed what was meant for the first.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::isolation::{Dropped, Isolation};
use crate::jails::{JailName, Key, Setting};
use crate::text::shown;

/// Where the files are.
const DIRECTORY: &str = "/var/lib/jaula/kept";

/// Nobody else may look, nor lock anything.
const MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// The key of the name of the machine.
pub const HOSTNAME: &str = "hostname";

/// The largest file, in bytes.
const LARGEST: u64 = 1 << 16;

/// What one jail was set to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// The values by their keys, as for `jaula set`.
    #[serde(default)]
    set: BTreeMap<String, String>,
}

/// What can be kept.
const KEYS: [Key; 7] = [
    Key::TasksMax,
    Key::SemMax,
    Key::ShmMax,
    Key::MsgMax,
    Key::ShmBytesMax,
    Key::ChildrenMax,
    Key::Allow,
];

/// Whether the value of a key can be kept.
pub fn can_keep(key: &str) -> bool {
    key == HOSTNAME || KEYS.iter().any(|known| known.file() == key)
}

impl Kept {
    /// What the jail of this name was set to.
    ///
    /// # Errors
    ///
    /// Where that cannot be read.
    pub fn of(name: &JailName) -> Result<Self, String> {
        Self::read(&place(Path::new(DIRECTORY), name))
    }

    /// Notes it for the jail of this name; where nothing is left of it, there is no file.
    ///
    /// # Errors
    ///
    /// Where it could not be noted; then what was there before still holds.
    pub fn note(&self, name: &JailName) -> Result<(), String> {
        self.write(Path::new(DIRECTORY), name)
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// The values by their keys.
    pub fn values(&self) -> &BTreeMap<String, String> {
        &self.set
    }

    /// Keeps one more.
    pub fn keep(&mut self, key: &str, value: &str) {
        self.set.insert(key.to_owned(), value.to_owned());
    }

    /// Forgets one; whether there was one.
    pub fn forget(&mut self, key: &str) -> bool {
        self.set.remove(key).is_some()
    }

    /// Puts it in place of what is described.
    ///
    /// # Errors
    ///
    /// Where something of it means nothing.
    pub fn apply(
        &self,
        limits: &mut Vec<Setting>,
        isolation: &mut Isolation,
    ) -> Result<(), String> {
        for (key, value) in &self.set {
            let wrong = |why: String| format!("what \"jaula set --keep\" has noted: {why}");
            if key == HOSTNAME {
                // A jail that is described without one any more has none to be given.
                if isolation.new.new_uts {
                    isolation.new.hostname = Some(value.clone());
                }
                continue;
            }
            if key == Key::Allow.file() {
                let names = value.split(',').filter(|name| !name.is_empty());
                let allow = names.map(str::parse).collect::<Result<_, _>>();
                isolation.allow = allow.map_err(wrong)?;
                isolation.credentials.drop = vec![Dropped::All];
                let may = isolation.permissions();
                let may: Vec<_> = may.iter().collect();
                isolation
                    .credentials
                    .ambient
                    .retain(|one| may.contains(one));
                continue;
            }
            let setting: Setting = format!("{key}={value}").parse().map_err(wrong)?;
            limits.retain(|limit| limit.key != setting.key);
            limits.push(setting);
        }
        Ok(())
    }

    fn read(path: &Path) -> Result<Self, String> {
        let failed = |why: String| format!("{}: {why}", shown(path));
        let text = match read_small(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            result => result.map_err(|error| failed(error.to_string()))?,
        };
        toml::from_str(&text).map_err(|error| failed(error.to_string()))
    }

    fn write(&self, directory: &Path, name: &JailName) -> Result<(), String> {
        let path = place(directory, name);
        let failed = |error: io::Error| format!("writing {}: {error}", shown(&path));
        if self.is_empty() {
            return match fs::remove_file(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                result => result.and_then(|()| sync(directory)).map_err(failed),
            };
        }
        let new = path.with_extension("new");
        let write = || {
            let made = DirBuilder::new()
                .recursive(true)
                .mode(MODE)
                .create(directory);
            made?;
            // A link in its place would be followed.
            let _ = fs::remove_file(&new);
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(FILE_MODE)
                .open(&new)?;
            file.write_all(self.text().as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            sync(directory)
        };
        write().map_err(|error| {
            let _ = fs::remove_file(&new);
            failed(error)
        })
    }

    /// As TOML. Neither keys nor values have anything in them that must be escaped but what
    /// [`toml_text`] sees to.
    fn text(&self) -> String {
        let mut text = String::from(
            "# What \"jaula set --keep\" has set this jail to; \"jaula set --forget\" removes it.\n[set]\n",
        );
        for (key, value) in &self.set {
            text += &format!("{} = {}\n", toml_text(key), toml_text(value));
        }
        text
    }
}

/// A basic string.
fn toml_text(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            _ if character.is_control() => {
                quoted += &format!("\\u{:04X}", u32::from(character));
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

fn place(directory: &Path, name: &JailName) -> PathBuf {
    // A name has neither a dot nor a slash.
    directory.join(format!("{name}.toml"))
}

fn read_small(path: &Path) -> io::Result<String> {
    use std::io::Read;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)?;
    let mut text = String::new();
    file.take(LARGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST {
        // Half of it would be another one.
        let why = format!("is larger than {LARGEST} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    Ok(text)
}

/// Has a directory on the disk as it is now.
fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn name() -> JailName {
        "web".parse().expect("a name")
    }

    #[test]
    fn what_is_kept_is_read_again_and_forgotten() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let directory = dir.path().join("kept");
        let path = place(&directory, &name());
        assert_eq!(Kept::read(&path), Ok(Kept::default()));
        let mut kept = Kept::default();
        kept.keep("tasks.max", "50");
        kept.keep(HOSTNAME, "a\"b\\c\n\u{e4}");
        kept.write(&directory, &name()).expect("written");
        assert_eq!(Kept::read(&path), Ok(kept.clone()));
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o7777;
        assert_eq!((mode(&directory), mode(&path)), (MODE, FILE_MODE));
        assert!(kept.forget(HOSTNAME) && !kept.forget(HOSTNAME) && kept.forget("tasks.max"));
        kept.write(&directory, &name()).expect("removed");
        kept.write(&directory, &name()).expect("nothing to remove");
        assert!(fs::read_dir(&directory).expect("listed").next().is_none());
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = place(dir.path(), &name());
        let large = "[set]\n".to_owned() + &"# more\n".repeat(10_000);
        for text in ["[set]\n\"tasks.max\" = 5\n", "[sets]\n", "x", &large] {
            fs::write(&path, text).expect("written");
            assert!(Kept::read(&path).is_err(), "{text}");
        }
    }

    #[test]
    fn it_takes_the_place_of_what_is_described() {
        let mut limits: Vec<Setting> = ["tasks.max=5", "sem.max=2"]
            .map(|text| text.parse().expect(text))
            .into();
        let mut isolation = Isolation::default();
        let mut kept = Kept::default();
        kept.keep("tasks.max", "50");
        kept.keep("allow", "chown,sys_time");
        kept.keep(HOSTNAME, "other");
        kept.apply(&mut limits, &mut isolation).expect("applied");
        let limits: Vec<String> = limits.iter().map(ToString::to_string).collect();
        assert_eq!(limits, ["sem.max=2", "tasks.max=50"]);
        let may: Vec<String> = isolation
            .permissions()
            .iter()
            .map(|it| it.to_string())
            .collect();
        assert_eq!(may, ["chown", "sys_time"]);
        // It has none of its own.
        assert_eq!(isolation.new.hostname, None);
        assert!(isolation.check().is_ok());
        kept.keep("tasks.max", "many");
        assert!(kept.apply(&mut Vec::new(), &mut isolation).is_err());
    }

    #[test]
    fn not_everything_can_be_kept() {
        for key in ["tasks.max", "children.max", "allow", HOSTNAME] {
            assert!(can_keep(key), "{key}");
        }
        for key in ["name", "persist", "tasks", ""] {
            assert!(!can_keep(key), "{key}");
        }
    }
}
