// SPDX-License-Identifier: MIT OR Apache-2.0

//! What a guest that boots from a disk of its own is given for a run: an archive on a second disk.

use super::initramfs::Copy;
use super::orders::Orders;
use super::userland::{Program, JAULA};
use anyhow::{bail, Context, Result};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tar::{Builder, EntryType, Header};

/// A disk consists of these.
const SECTOR: u64 = 512;

/// Writes the archive. The disk has `jaula` from its package, and of our programs gets the others.
pub fn write(
    path: &Path,
    busybox: &Path,
    programs: &[Program],
    copies: &[Copy],
    orders: &Orders,
) -> Result<()> {
    let cannot = || format!("{}: cannot write", path.display());
    let file = File::create(path).with_context(cannot)?;
    let mut archive = Archive(Builder::new(BufWriter::new(file)));
    archive.host_file("usr/bin/busybox", busybox)?;
    for program in programs.iter().filter(|one| one.guest_path != JAULA) {
        archive.host_file(&program.guest_path, &program.file)?;
    }
    for copy in copies {
        archive.host_file(&copy.to, &copy.from)?;
    }
    for file in orders.files() {
        archive.file(&file.path, file.content.as_bytes(), file.mode)?;
    }
    let mut out = archive.0.into_inner().with_context(cannot)?;
    out.flush().with_context(cannot)?;
    let file = out.into_inner().map_err(|error| error.into_error())?;
    let size = file.metadata().with_context(cannot)?.len();
    file.set_len(size.next_multiple_of(SECTOR))
        .with_context(cannot)
}

struct Archive<W: Write>(Builder<W>);

impl<W: Write> Archive<W> {
    fn file(&mut self, name: &str, content: &[u8], mode: u32) -> Result<()> {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_size(content.len() as u64);
        header.set_mode(mode);
        self.0
            .append_data(&mut header, name.trim_start_matches('/'), content)
            .with_context(|| format!("{name}: cannot be given to the guest"))
    }

    fn host_file(&mut self, name: &str, from: &Path) -> Result<()> {
        let cannot = || format!("{}: cannot be given to the guest", from.display());
        let meta = fs::metadata(from).with_context(cannot)?;
        if !meta.is_file() {
            bail!(
                "{}: only regular files can be copied into the guest",
                from.display()
            );
        }
        let content = fs::read(from).with_context(cannot)?;
        self.file(name, &content, meta.permissions().mode() & 0o777)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::io::Read;

    #[test]
    fn archive_holds_what_was_given_but_for_jaula() -> Result<()> {
        let dir = tempfile::tempdir()?;
        let program = dir.path().join("program");
        fs::write(&program, "code")?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
        let programs = [JAULA, "/usr/lib/jaula/demo"].map(|path| Program {
            file: program.clone(),
            guest_path: path.to_owned(),
        });
        let copies = [Copy {
            from: program.clone(),
            to: "/opt/x".into(),
        }];
        let path = dir.path().join("payload");
        write(&path, &program, &programs, &copies, &Orders::default())?;
        assert_eq!(fs::metadata(&path)?.len() % SECTOR, 0);

        let mut found = BTreeMap::new();
        for entry in tar::Archive::new(File::open(&path)?).entries()? {
            let mut entry = entry?;
            let mut content = String::new();
            entry.read_to_string(&mut content)?;
            let name = entry.path()?.display().to_string();
            found.insert(name, (entry.header().mode()?, content));
        }
        let whole = (0o755, "code".to_owned());
        for name in ["opt/x", "usr/lib/jaula/demo", "usr/bin/busybox"] {
            assert_eq!(found.get(name), Some(&whole), "{name}");
        }
        assert!(found.contains_key("usr/lib/jaula-harness/orders"));
        assert!(!found.contains_key(JAULA.trim_start_matches('/')));
        Ok(())
    }
}
