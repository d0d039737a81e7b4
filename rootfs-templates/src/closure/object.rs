// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the headers of an ELF file ask for. The rest of it is not read.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Component, Path, PathBuf};

use goblin::container::{Container, Ctx};
use goblin::elf::dynamic::{Dynamic, DT_NEEDED, DT_RPATH, DT_RUNPATH};
use goblin::elf::program_header::{ProgramHeader, PT_DYNAMIC, PT_INTERP, PT_LOAD};
use goblin::elf::{Elf, Header};

use super::ClosureError;
use crate::host::Found;

/// What begins an ELF file.
pub const MAGIC: &[u8] = b"\x7fELF";

/// The largest parts that are read. No file has larger ones but to do harm.
const MOST_HEADERS: usize = 64 << 10;
const MOST_DYNAMIC: u64 = 1 << 20;
const LONGEST_NAME: u64 = 4096;
const MOST_NAMES: usize = 4096;
/// Bytes of all names of libraries together.
const MOST_TEXT: usize = 256 << 10;

/// What must agree between a program and its libraries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Machine {
    /// `e_machine`.
    pub number: u16,
    /// Whether it is ELFCLASS64.
    pub is_64: bool,
    /// Whether it is ELFDATA2LSB.
    pub little_endian: bool,
}

/// A program or library.
#[derive(Clone, Debug)]
pub struct Object {
    /// Where it lies on the host, all links followed: the loader takes the origin from there.
    pub path: PathBuf,
    /// What it is for.
    pub machine: Machine,
    /// PT_INTERP: the loader.
    pub interpreter: Option<PathBuf>,
    /// DT_NEEDED: names of libraries.
    pub needed: Vec<String>,
    rpath: Vec<String>,
    runpath: Vec<String>,
}

/// A directory to look in, and the same as seen in the root directory to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub host: PathBuf,
    pub placed: PathBuf,
}

impl Place {
    /// Whether the kernel takes such a path: a word that stands for another can be there many times.
    fn is_possible(&self) -> bool {
        self.size() <= 2 * LONGEST_NAME as usize
    }

    /// Bytes of both.
    pub fn size(&self) -> usize {
        self.host.as_os_str().len() + self.placed.as_os_str().len()
    }
}

/// Where to look for what an object needs before the usual places.
pub struct SearchPaths {
    /// For the object itself.
    pub all: Vec<Place>,
    /// For what the objects it needs need in turn.
    pub inherited: Vec<Place>,
}

impl Object {
    /// Reads the headers of what was found.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or is no ELF file or a broken one.
    pub fn read(found: &Found) -> Result<Self, ClosureError> {
        let failed = |source| ClosureError::Read {
            path: found.real.clone(),
            source,
        };
        let broken = |reason: String| ClosureError::Format {
            path: found.real.clone(),
            reason,
        };
        let file = found.open().map_err(failed)?;
        let parts = Parts::read(&file).map_err(|wrong| match wrong {
            Wrong::Io(error) => failed(error),
            Wrong::Format(reason) => broken(reason),
        })?;
        let split = |list: &str| -> Vec<String> {
            list.split(':')
                .filter(|entry| !entry.is_empty())
                .map(str::to_owned)
                .collect()
        };
        Ok(Object {
            path: found.real.clone(),
            machine: parts.machine,
            interpreter: parts.interpreter.map(PathBuf::from),
            needed: parts.needed,
            rpath: split(&parts.rpath),
            runpath: split(&parts.runpath),
        })
    }

    /// Its RUNPATH, or else its RPATH and that of whoever needed it: a RUNPATH is for the
    /// object alone and puts every RPATH out of force (ld.so(8)).
    pub fn search_paths(&self, placed: &Path, inherited: &[Place]) -> SearchPaths {
        let expand = |entries: &[String]| -> Vec<Place> {
            entries
                .iter()
                .map(|entry| self.expand(entry, placed))
                .filter(Place::is_possible)
                .collect()
        };
        if !self.runpath.is_empty() {
            return SearchPaths {
                all: expand(&self.runpath),
                inherited: inherited.to_vec(),
            };
        }
        let mut all = expand(&self.rpath);
        all.extend_from_slice(inherited);
        SearchPaths {
            inherited: all.clone(),
            all,
        }
    }

    /// About how many bytes it takes to remember it.
    pub fn size(&self) -> usize {
        let texts = [&self.needed, &self.rpath, &self.runpath];
        let texts = texts.into_iter().flatten().map(|text| text.len() + 24);
        self.path.as_os_str().len() + texts.sum::<usize>()
    }

    /// What a name with a slash stands for.
    pub fn expand(&self, entry: &str, placed: &Path) -> Place {
        let with = |path: &Path| {
            let origin = path.parent().unwrap_or(Path::new("/")).to_string_lossy();
            let text = entry
                .replace("${ORIGIN}", &origin)
                .replace("$ORIGIN", &origin);
            normalize(Path::new(&text))
        };
        Place {
            host: with(&self.path),
            placed: with(placed),
        }
    }
}

/// The parts of a file that say what it needs.
struct Parts {
    machine: Machine,
    interpreter: Option<String>,
    needed: Vec<String>,
    /// Of several of a kind the last counts, as for the loader.
    rpath: String,
    runpath: String,
}

enum Wrong {
    Io(io::Error),
    Format(String),
}

impl From<io::Error> for Wrong {
    fn from(error: io::Error) -> Self {
        Wrong::Io(error)
    }
}

impl From<goblin::error::Error> for Wrong {
    fn from(error: goblin::error::Error) -> Self {
        Wrong::Format(error.to_string())
    }
}

fn wrong(reason: &str) -> Wrong {
    Wrong::Format(reason.to_owned())
}

impl Parts {
    fn read(file: &File) -> Result<Self, Wrong> {
        let head = part(file, 0, 64)?;
        if !head.starts_with(MAGIC) {
            return Err(wrong("it does not begin as one"));
        }
        let header: Header = Elf::parse_header(&head)?;
        let is_64 = header.e_ident[4] == 2;
        let endianness = header.endianness()?;
        let container = match is_64 {
            true => Container::Big,
            false => Container::Little,
        };
        let context = Ctx::new(container, endianness);
        let count = usize::from(header.e_phnum);
        let size = count * usize::from(header.e_phentsize);
        if size > MOST_HEADERS {
            return Err(wrong("its program headers are too large"));
        }
        let bytes = part(file, header.e_phoff, size)?;
        let headers = ProgramHeader::parse(&bytes, 0, count, context)?;
        let mut parts = Parts {
            machine: Machine {
                number: header.e_machine,
                is_64,
                little_endian: endianness.is_little(),
            },
            interpreter: None,
            needed: Vec::new(),
            rpath: String::new(),
            runpath: String::new(),
        };
        if let Some(header) = headers.iter().find(|header| header.p_type == PT_INTERP) {
            parts.interpreter = Some(text(file, header.p_offset, header.p_filesz)?);
        }
        if let Some(header) = headers.iter().find(|header| header.p_type == PT_DYNAMIC) {
            parts.dynamic(file, &headers, header, context)?;
        }
        Ok(parts)
    }

    fn dynamic(
        &mut self,
        file: &File,
        headers: &[ProgramHeader],
        header: &ProgramHeader,
        context: Ctx,
    ) -> Result<(), Wrong> {
        if header.p_filesz > MOST_DYNAMIC {
            return Err(wrong("its dynamic section is too large"));
        }
        let bytes = part(file, header.p_offset, header.p_filesz as usize)?;
        // What was read begins with it.
        let mut here = header.clone();
        here.p_offset = 0;
        let Some(dynamic) = Dynamic::parse(&bytes, &[here], context)? else {
            return Ok(());
        };
        let names = dynamic.dyns.iter().filter_map(|entry| match entry.d_tag {
            tag @ (DT_NEEDED | DT_RPATH | DT_RUNPATH) => Some((tag, entry.d_val)),
            _ => None,
        });
        let names: Vec<(u64, u64)> = names.collect();
        if names.is_empty() {
            return Ok(());
        }
        if names.len() > MOST_NAMES {
            return Err(wrong("it names too many libraries"));
        }
        let strings = dynamic
            .dyns
            .iter()
            .find(|entry| entry.d_tag == goblin::elf::dynamic::DT_STRTAB)
            .and_then(|entry| offset(headers, entry.d_val))
            .ok_or_else(|| wrong("it has no table of names"))?;
        let mut left = MOST_TEXT;
        for (tag, at) in names {
            let at = strings
                .checked_add(at)
                .ok_or_else(|| wrong("a name lies beyond its end"))?;
            let name = text(file, at, LONGEST_NAME)?;
            match tag {
                DT_NEEDED => {
                    left = left
                        .checked_sub(name.len())
                        .ok_or_else(|| wrong("its names of libraries are too long together"))?;
                    self.needed.push(name);
                }
                DT_RPATH => self.rpath = name,
                _ => self.runpath = name,
            }
        }
        Ok(())
    }
}

/// Where in the file lies what is mapped at an address.
fn offset(headers: &[ProgramHeader], address: u64) -> Option<u64> {
    headers
        .iter()
        .filter(|header| header.p_type == PT_LOAD)
        .find_map(|header| {
            let within = address.checked_sub(header.p_vaddr)?;
            (within < header.p_filesz).then(|| header.p_offset.checked_add(within))?
        })
}

/// That many bytes, or as many as there are.
fn part(file: &File, at: u64, size: usize) -> Result<Vec<u8>, Wrong> {
    let mut bytes = vec![0; size];
    let mut read = 0;
    while read < size {
        let Some(from) = at.checked_add(read as u64) else {
            break;
        };
        match file.read_at(&mut bytes[read..], from) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // An offset that no file has.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => break,
            Err(error) => return Err(error.into()),
        }
    }
    bytes.truncate(read);
    Ok(bytes)
}

/// The text that ends with a zero, at most so long.
fn text(file: &File, at: u64, most: u64) -> Result<String, Wrong> {
    let bytes = part(file, at, most.min(LONGEST_NAME) as usize)?;
    let Some(end) = bytes.iter().position(|&byte| byte == 0) else {
        return Err(wrong("a name in it has no end"));
    };
    Ok(String::from_utf8_lossy(&bytes[..end]).into_owned())
}

/// Resolves `.` and `..` by their names alone.
fn normalize(path: &Path) -> PathBuf {
    let mut result = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => result.push(name),
            Component::ParentDir => {
                result.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(rpath: &[&str], runpath: &[&str]) -> Object {
        let owned = |list: &[&str]| list.iter().map(|&entry| entry.to_owned()).collect();
        Object {
            path: "/opt/app/bin/app".into(),
            machine: Machine {
                number: 62,
                is_64: true,
                little_endian: true,
            },
            interpreter: None,
            needed: Vec::new(),
            rpath: owned(rpath),
            runpath: owned(runpath),
        }
    }

    fn place(host: &str, placed: &str) -> Place {
        Place {
            host: host.into(),
            placed: placed.into(),
        }
    }

    #[test]
    fn the_origin_moves_with_the_program() {
        let paths =
            object(&[], &["$ORIGIN/../lib", "/opt/x"]).search_paths(Path::new("/bin/app"), &[]);
        assert_eq!(
            paths.all,
            [place("/opt/app/lib", "/lib"), place("/opt/x", "/opt/x")]
        );
        assert!(paths.inherited.is_empty());
    }

    #[test]
    fn whatever_the_headers_say_is_read_within_bounds() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let host = crate::host::Host::at(dir.path()).expect("the tree");
        let whole = std::fs::read("/bin/ls").expect("ls");
        let read = |bytes: &[u8]| {
            std::fs::write(dir.path().join("ls"), bytes).expect("write");
            let found = host.find(Path::new("/ls")).expect("there");
            Object::read(&found).is_ok()
        };
        assert!(read(&whole));
        let mut survived = 0;
        for at in 0..900 {
            for value in [0, 0x7f, 0xff] {
                let mut bytes = whole[..1024].to_vec();
                bytes[at] = value;
                survived += u32::from(read(&bytes));
            }
        }
        // Without what the headers point at, hardly any is one.
        assert!(survived < 900, "{survived}");
    }

    #[test]
    fn an_rpath_is_inherited_and_a_runpath_puts_it_out_of_force() {
        let above = [place("/above", "/above")];
        let paths = object(&["${ORIGIN}"], &[]).search_paths(Path::new("/bin/app"), &above);
        assert_eq!(paths.all, [place("/opt/app/bin", "/bin"), above[0].clone()]);
        assert_eq!(paths.inherited, paths.all);
        let paths = object(&["/r"], &["/run"]).search_paths(Path::new("/bin/app"), &above);
        assert_eq!(paths.all, [place("/run", "/run")]);
    }
}
