// SPDX-License-Identifier: MIT OR Apache-2.0

//! What jails were set to, where that is kept over their end and that of the machine.
//!
//! It lies below /var/lib/jaula, a file for each name. It is put in place of what the description of
//! the jail says each time that is started; a jail that nobody has described gets nothing of it, whatever
//! its name is: it could be another one, and would be allowed what was meant for the first.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::geteuid;
use serde::{Deserialize, Serialize};

use crate::isolation::{Control, Dropped, Isolation};
use crate::jails::{JailName, Key, Setting};
use crate::text::{reason, shown, toml_string};
use crate::trusted_path::{self, Refusal};

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
    /// The values by their keys, as for `jaula set`. Without it, a file is not whole.
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
    // What was said about one disk would be in place of what was said about another.
    let is_control = Control::is_file(key) && key != "io.max";
    key == HOSTNAME || is_control || KEYS.iter().any(|known| known.file() == key)
}

impl Kept {
    /// What the jail of this name was set to.
    ///
    /// # Errors
    ///
    /// Where that cannot be read.
    pub fn of(name: &JailName) -> Result<Self, String> {
        let directory = Path::new(DIRECTORY);
        // It says what a jail may do: nobody else may have put anything there.
        match trusted_path::open_firm(directory) {
            Ok(_) => Self::read(&place(directory, name)),
            Err(Refusal::Kernel(Errno::ENOENT)) => Ok(Self::default()),
            Err(refusal) => Err(format!("{}: {}", shown(directory), refusal.describe())),
        }
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
            if Control::is_file(key) {
                let control = Control::new(key, value).map_err(wrong)?;
                control.put_into(&mut isolation.controls);
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

    /// As TOML.
    fn text(&self) -> String {
        let mut text = String::from(
            "# What \"jaula set --keep\" has set this jail to; \"jaula set --forget\" removes it.\n[set]\n",
        );
        for (key, value) in &self.set {
            text += &format!("{} = {}\n", toml_string(key), toml_string(value));
        }
        text
    }
}

/// What a jail was set to, while nobody else changes what is kept of any.
///
/// What is kept is what was set last: one who sets something holds it from before that until it is noted.
#[derive(Debug)]
pub struct Changing {
    name: JailName,
    directory: PathBuf,
    _lock: Flock<File>,
    /// What is kept so far.
    pub kept: Kept,
}

impl Changing {
    /// Waits until nobody else changes it.
    ///
    /// # Errors
    ///
    /// Where there is no place for it, or what is there cannot be read.
    pub fn of(name: &JailName) -> Result<Self, String> {
        Self::at(Path::new(DIRECTORY), name, Kept::of)
    }

    fn at(
        directory: &Path,
        name: &JailName,
        read: impl FnOnce(&JailName) -> Result<Kept, String>,
    ) -> Result<Self, String> {
        let failed = |why: String| format!("{}: {why}", shown(directory));
        let made = DirBuilder::new()
            .recursive(true)
            .mode(MODE)
            .create(directory);
        let opened = made.and_then(|()| File::open(directory));
        let opened = opened.map_err(|error| failed(error.to_string()))?;
        let lock = Flock::lock(opened, FlockArg::LockExclusive)
            .map_err(|(_, errno)| failed(format!("locking: {}", reason(errno))))?;
        Ok(Changing {
            name: name.clone(),
            directory: directory.to_owned(),
            _lock: lock,
            kept: read(name)?,
        })
    }

    /// Has nothing kept any more, whatever is: it need not make sense.
    ///
    /// # Errors
    ///
    /// Where something is left.
    pub fn forget_all(name: &JailName) -> Result<(), String> {
        let nothing = Self::at(Path::new(DIRECTORY), name, |_| Ok(Kept::default()))?;
        nothing.note()
    }

    /// Notes it; where nothing is left of it, there is no file.
    ///
    /// # Errors
    ///
    /// Where it could not be noted; then what was there before still holds.
    pub fn note(self) -> Result<(), String> {
        self.kept.write(&self.directory, &self.name)
    }
}

fn place(directory: &Path, name: &JailName) -> PathBuf {
    // A name has neither a dot nor a slash.
    directory.join(format!("{name}.toml"))
}

/// Reads a small file that nobody but root, or who runs this, can have written.
pub(crate) fn read_small(path: &Path) -> io::Result<String> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)?;
    let invalid = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(invalid("is not a file".into()));
    }
    let is_own = [0, geteuid().as_raw()].contains(&found.uid());
    if !is_own || found.mode() & 0o022 != 0 {
        return Err(invalid(format!(
            "can be changed by others than root: it belongs to user {} and has mode {:o}",
            found.uid(),
            found.mode() & 0o7777
        )));
    }
    let mut text = String::new();
    file.take(LARGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST {
        // Half of it would be another one.
        return Err(invalid(format!("is larger than {LARGEST} bytes")));
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
        DirBuilder::new()
            .mode(MODE)
            .create(&directory)
            .expect("made");
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
        for text in [
            "[set]\n\"tasks.max\" = 5\n",
            "[sets]\n",
            "x",
            "",
            "# What",
            &large,
        ] {
            fs::write(&path, text).expect("written");
            assert!(Kept::read(&path).is_err(), "{text}");
        }
        let whole = "[set]\n\"tasks.max\" = \"5\"\n";
        fs::write(&path, whole).expect("written");
        assert!(Kept::read(&path).is_ok(), "{whole}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("mode");
        assert!(Kept::read(&path).is_err(), "anybody can change it");
        fs::remove_file(&path).expect("removed");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("FIFO");
        assert!(Kept::read(&path).is_err(), "it is no file");
    }

    #[test]
    fn those_who_keep_something_at_the_same_time_wait_for_each_other() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let directory = &dir.path().join("kept");
        let read = |name: &JailName| Kept::read(&place(directory, name));
        std::thread::scope(|scope| {
            for key in 0..20 {
                scope.spawn(move || {
                    let mut changing = Changing::at(directory, &name(), read).expect("held");
                    changing.kept.keep(&format!("key{key}"), "1");
                    changing.note().expect("noted");
                });
            }
        });
        assert_eq!(read(&name()).expect("read").values().len(), 20);
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
        kept.keep("memory.max", "64m");
        isolation.controls = vec!["memory.max=1m".parse().expect("a control")];
        kept.keep(HOSTNAME, "other");
        kept.apply(&mut limits, &mut isolation).expect("applied");
        let limits: Vec<String> = limits.iter().map(ToString::to_string).collect();
        assert_eq!(limits, ["sem.max=2", "tasks.max=50"]);
        let memory = "memory.max=64m".parse().expect("a control");
        assert_eq!(isolation.controls, [memory]);
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
        for key in ["tasks.max", "children.max", "allow", "cpu.weight", HOSTNAME] {
            assert!(can_keep(key), "{key}");
        }
        for key in ["name", "persist", "tasks", "io.max", ""] {
            assert!(!can_keep(key), "{key}");
        }
    }
}
