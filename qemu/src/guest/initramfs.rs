// SPDX-License-Identifier: MIT OR Apache-2.0

//! The initramfs, written as a newc cpio archive without root: everything belongs to root
//! in it, and the kernel makes the device nodes.

use crate::guest::orders::Orders;
use crate::guest::userland::Program;
use anyhow::{bail, Context, Result};
use cpio::newc::{trailer, Builder, ModeFileType};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

const INIT: &str = include_str!("../../guest/init");
const CARD_INIT: &str = include_str!("../../guest/init-card");
const CARD_PROFILE: &str = include_str!("../../guest/profile-card");
const CARD_MOTD: &str = include_str!("../../guest/motd-card");
const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n";
const GROUP: &str = "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n";

const DIRS: [(&str, u32); 16] = [
    // The kernel makes it as anybody's to write to.
    (".", 0o755),
    ("bin", 0o755),
    ("dev", 0o755),
    ("etc", 0o755),
    ("proc", 0o555),
    ("root", 0o700),
    ("run", 0o755),
    ("sbin", 0o755),
    // Where roots are, which users have no business in.
    ("srv", 0o700),
    ("sys", 0o555),
    ("tmp", 0o1777),
    ("usr", 0o755),
    ("usr/bin", 0o755),
    ("usr/lib", 0o755),
    ("usr/sbin", 0o755),
    ("var", 0o755),
];

/// A file from this machine that the user wants in the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// The file here.
    pub from: PathBuf,
    /// Where it goes, absolute.
    pub to: String,
}

impl std::str::FromStr for Copy {
    type Err = anyhow::Error;

    /// `FILE` or `FILE:DEST`; without DEST it goes to /opt under its own name, as it does
    /// below a DEST that ends in a slash.
    fn from_str(text: &str) -> Result<Self> {
        let (from, to) = text.split_once(':').unwrap_or((text, "/opt/"));
        let from = PathBuf::from(from);
        if !to.starts_with('/')
            || Path::new(to)
                .components()
                .any(|part| part == Component::ParentDir)
        {
            bail!("{to}: the destination must be an absolute path without `..`");
        }
        let name = from
            .file_name()
            .with_context(|| format!("{text}: names no file"))?;
        let to = if to.ends_with('/') {
            format!("{to}{}", name.to_string_lossy())
        } else {
            to.to_owned()
        };
        Ok(Self { from, to })
    }
}

/// Writes the archive of everything that goes into a guest of the harness.
pub fn write(
    path: &Path,
    busybox: &Path,
    programs: &[Program],
    copies: &[Copy],
    orders: &Orders,
) -> Result<()> {
    let mut archive = Archive::start(path, INIT, busybox, programs)?;
    for file in orders.files() {
        archive.file(&file.path, file.content.as_bytes(), file.mode)?;
    }
    for copy in copies {
        archive.host_file(copy.to.trim_start_matches('/'), &copy.from)?;
    }
    archive.finish(path)
}

/// Writes the archive for a board's card, which needs nobody at the other end of its console.
pub fn write_card(path: &Path, busybox: &Path, programs: &[Program]) -> Result<()> {
    let mut archive = Archive::start(path, CARD_INIT, busybox, programs)?;
    archive.dir("data", 0o755)?;
    archive.file("etc/profile", CARD_PROFILE.as_bytes(), 0o644)?;
    archive.file("etc/motd", CARD_MOTD.as_bytes(), 0o644)?;
    archive.finish(path)
}

struct Archive<W: Write> {
    out: W,
    inode: u32,
    dirs: BTreeSet<PathBuf>,
}

impl Archive<BufWriter<fs::File>> {
    /// An archive with what every system has.
    fn start(path: &Path, init: &str, busybox: &Path, programs: &[Program]) -> Result<Self> {
        let file =
            fs::File::create(path).with_context(|| format!("{}: cannot write", path.display()))?;
        let mut archive = Self {
            out: BufWriter::new(file),
            inode: 0,
            dirs: BTreeSet::new(),
        };
        for (name, mode) in DIRS {
            archive.dir(name, mode)?;
        }
        archive.file("init", init.as_bytes(), 0o755)?;
        archive.file("etc/passwd", PASSWD.as_bytes(), 0o644)?;
        archive.file("etc/group", GROUP.as_bytes(), 0o644)?;
        archive.host_file("bin/busybox", busybox)?;
        for program in programs {
            archive.host_file(program.guest_path.trim_start_matches('/'), &program.file)?;
        }
        Ok(archive)
    }

    fn finish(self, path: &Path) -> Result<()> {
        let mut out = trailer(self.out).with_context(|| path.display().to_string())?;
        out.flush()
            .with_context(|| format!("{}: cannot write", path.display()))
    }
}

impl<W: Write> Archive<W> {
    fn dir(&mut self, name: &str, mode: u32) -> Result<()> {
        if self.dirs.insert(PathBuf::from(name)) {
            self.entry(name, ModeFileType::Directory, mode, &[])?;
        }
        Ok(())
    }

    fn file(&mut self, name: &str, content: &[u8], mode: u32) -> Result<()> {
        // The kernel unpacks in order and makes no directories by itself.
        let parents: Vec<_> = Path::new(name).ancestors().skip(1).collect();
        for parent in parents
            .into_iter()
            .rev()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            self.dir(&parent.to_string_lossy(), 0o755)?;
        }
        self.entry(name, ModeFileType::Regular, mode, content)
    }

    fn host_file(&mut self, name: &str, from: &Path) -> Result<()> {
        let cannot = || format!("{}: cannot be copied into the guest", from.display());
        let meta = fs::metadata(from).with_context(cannot)?;
        if !meta.is_file() {
            bail!(
                "{}: only regular files can be copied into the guest",
                from.display()
            );
        }
        let mode = meta.permissions().mode() & 0o777;
        self.file(name, &fs::read(from).with_context(cannot)?, mode)
    }

    fn entry(&mut self, name: &str, kind: ModeFileType, mode: u32, content: &[u8]) -> Result<()> {
        let size = u32::try_from(content.len()).with_context(|| {
            format!(
                "{name}: {} bytes are more than a cpio archive can hold",
                content.len()
            )
        })?;
        self.inode += 1;
        let mut writer = Builder::new(name)
            .ino(self.inode)
            .nlink(1)
            .mode(mode)
            .set_mode_file_type(kind)
            .write(&mut self.out, size);
        let cannot = || format!("initramfs: cannot write {name}");
        writer.write_all(content).with_context(cannot)?;
        writer.finish().with_context(cannot)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn read_back(path: &Path) -> Result<BTreeMap<String, (u32, Vec<u8>)>> {
        let mut found = BTreeMap::new();
        let mut input = fs::File::open(path)?;
        loop {
            let mut reader = cpio::newc::Reader::new(input)?;
            if reader.entry().is_trailer() {
                return Ok(found);
            }
            assert_eq!((reader.entry().uid(), reader.entry().gid()), (0, 0));
            let (name, mode) = (reader.entry().name().to_owned(), reader.entry().mode());
            let mut content = Vec::new();
            std::io::Read::read_to_end(&mut reader, &mut content)?;
            input = reader.finish()?;
            found.insert(name, (mode, content));
        }
    }

    #[test]
    fn archive_holds_what_was_given() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let program = dir.path().join("prog");
        fs::write(&program, b"\x7fELF")?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
        let path = dir.path().join("initramfs");
        let orders = Orders {
            command: Some("echo 'a b'".into()),
            shell: false,
            variables: vec![("TERM", "it's".into())],
        };
        let programs = [Program {
            file: program.clone(),
            guest_path: "/usr/lib/jaula/tests/prog".into(),
        }];
        let copies = [Copy {
            from: program.clone(),
            to: "/opt/x/prog".into(),
        }];
        write(&path, &program, &programs, &copies, &orders)?;

        let found = read_back(&path)?;
        assert_eq!(
            found["usr/lib/jaula/tests/prog"],
            (0o100755, b"\x7fELF".to_vec())
        );
        assert_eq!(found["usr/lib/jaula/tests"].0, 0o040755);
        assert_eq!(found["opt/x"].0, 0o040755);
        assert_eq!(found["init"].0, 0o100755);
        assert_eq!(found["tmp"].0, 0o041777);
        assert_eq!(found["."].0, 0o040755);
        let order = |name: &str| found.get(&format!("usr/lib/jaula-harness/{name}"));
        assert_eq!(
            order("command").map(|file| &file.1[..]),
            Some(&b"echo 'a b'\n"[..])
        );
        assert!(order("orders").is_some() && order("shell").is_none());
        Ok(())
    }

    #[test]
    fn card_has_an_init_of_its_own_and_the_same_bytes_each_time() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let program = dir.path().join("prog");
        fs::write(&program, b"\x7fELF")?;
        let programs = [Program {
            file: program.clone(),
            guest_path: "/usr/bin/jaula".into(),
        }];
        let (one, two) = (dir.path().join("1"), dir.path().join("2"));
        write_card(&one, &program, &programs)?;
        write_card(&two, &program, &programs)?;
        assert_eq!(fs::read(&one)?, fs::read(&two)?);

        let found = read_back(&one)?;
        assert_eq!(found["init"], (0o100755, CARD_INIT.as_bytes().to_vec()));
        assert_eq!(found["data"].0, 0o040755);
        assert!(found.contains_key("usr/bin/jaula") && found.contains_key("etc/profile"));
        assert!(!found.keys().any(|name| name.contains("harness")));
        Ok(())
    }

    #[test]
    fn copies_are_parsed() -> Result<()> {
        let parse = |text: &str| text.parse::<Copy>();
        assert_eq!(parse("a/b")?.to, "/opt/b");
        assert_eq!(parse("a/b:/usr/bin/c")?.to, "/usr/bin/c");
        assert_eq!(parse("a/b:/usr/bin/")?.to, "/usr/bin/b");
        assert!(parse("a/b:relative").is_err());
        assert!(parse("a/b:/x/../y").is_err());
        assert!(parse("/").is_err());
        Ok(())
    }

    #[test]
    fn missing_file_is_named() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let copies = [Copy {
            from: "/no/such/file".into(),
            to: "/opt/file".into(),
        }];
        let busybox = dir.path().join("busybox");
        fs::write(&busybox, "")?;
        let error = write(
            &dir.path().join("i"),
            &busybox,
            &[],
            &copies,
            &Orders::default(),
        )
        .expect_err("missing");
        assert!(format!("{error:#}").contains("/no/such/file"), "{error:#}");
        Ok(())
    }
}
