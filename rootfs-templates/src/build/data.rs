// SPDX-License-Identifier: MIT OR Apache-2.0

//! Files of the host that are no programs: directories with all that is in them, locales, and what
//! programs know of terminals.

use std::path::{Path, PathBuf};

use super::collect::{attributes_kept, jail_path, Collector};
use super::plan::{Attributes, Kind};
use super::{program, BuildError};
use crate::host::Found;
use crate::template::{leads_out, JailPath, Mode};

/// How deep directories may lie in one another.
const DEEPEST: usize = 100;

/// Where C libraries keep locales.
const LOCALES: &str = "/usr/lib/locale";
const ARCHIVE: &str = "/usr/lib/locale/locale-archive";

/// The largest archive of locales.
const LARGEST: u64 = 1 << 30;

/// Where ncurses looks.
const TERMINFO: [&str; 4] = [
    "/etc/terminfo",
    "/lib/terminfo",
    "/usr/share/terminfo",
    "/usr/lib/terminfo",
];

/// How a tree is taken.
#[derive(Clone, Copy)]
pub struct How {
    pub libraries: bool,
    pub keep_times: bool,
}

impl Collector<'_> {
    /// Takes a file or a directory with all that is in it.
    pub(super) fn tree(
        &mut self,
        found: &Found,
        target: &JailPath,
        how: How,
    ) -> Result<(), BuildError> {
        self.subtree(found, target, target, how, DEEPEST)
    }

    fn subtree(
        &mut self,
        found: &Found,
        target: &JailPath,
        top: &JailPath,
        how: How,
        depth: usize,
    ) -> Result<(), BuildError> {
        // Nothing of what is not to be there comes along either.
        if self.plan.leaves_out(target) {
            return Ok(());
        }
        let refused = |what: &str| Err(BuildError::new(&found.real, what));
        let metadata = &found.metadata;
        let kept = attributes_kept(found);
        if metadata.is_symlink() {
            let text = self.link(found, target, top)?;
            return self.plan.put_if_free(target, Kind::Symlink(text));
        }
        if metadata.is_file() {
            let mut kind = self.copy_of(&found.real, found, kept)?;
            if let (true, Kind::Copy { time, .. }) = (how.keep_times, &mut kind) {
                *time = metadata.modified().ok();
            }
            self.plan.put_if_free(target, kind)?;
            let failed = |error: std::io::Error| BuildError::new(&found.real, error);
            let is_elf = || program::kind(found).map(|kind| matches!(kind, program::Kind::Elf));
            if how.libraries && is_elf().map_err(failed)? {
                self.libraries(&found.real, target)?;
            }
            return Ok(());
        }
        if !metadata.is_dir() {
            return refused("is a device, FIFO or socket, which no root is given");
        }
        if depth == 0 {
            return refused("lies too deep to be copied");
        }
        self.plan.put_if_free(target, Kind::Directory(kept))?;
        let failed = |error: std::io::Error| BuildError::new(&found.real, error);
        for name in self.host.names(&found.real).map_err(failed)? {
            let below = jail_path(&Path::new(target.as_str()).join(&name))?;
            let path = found.real.join(&name);
            let inner = self.host.find_itself(&path);
            let inner = inner.map_err(|error| BuildError::new(&path, error))?;
            self.subtree(&inner, &below, top, how, depth - 1)?;
        }
        Ok(())
    }

    /// What a link says, if that stays in the root.
    fn link(&self, found: &Found, at: &JailPath, top: &JailPath) -> Result<String, BuildError> {
        let target = found
            .link()
            .map_err(|error| BuildError::new(&found.real, error))?;
        let Some(text) = target.to_str() else {
            return Err(BuildError::new(
                &found.real,
                "leads to a name that is no UTF-8",
            ));
        };
        // Where it comes to lie: below /usr where that is merged.
        if leads_out(self.plan.place(at).as_str(), &target) {
            let what = format!("is a link to {text}, which leads out of the root; see {top}");
            return Err(BuildError::new(&found.real, what));
        }
        Ok(text.to_owned())
    }

    /// Brings locales: each its directory, or the archive that it is in.
    pub(super) fn locales(&mut self) -> Result<(), BuildError> {
        let template = self.template;
        for list in template.locales() {
            for name in &list.names.0 {
                let name = normalized(name);
                // These are in the C library itself.
                if ["C", "POSIX"].contains(&name.as_str()) {
                    continue;
                }
                let path = Path::new(LOCALES).join(&name);
                let how = How {
                    libraries: false,
                    keep_times: false,
                };
                if let Ok(found) = self.host.find(&path) {
                    self.tree(&found, &jail_path(&path)?, how)?;
                } else if self.is_in_archive(&name) {
                    let archive = self.find(Path::new(ARCHIVE))?;
                    self.tree(&archive, &jail_path(Path::new(ARCHIVE))?, how)?;
                } else if !list.optional {
                    let what =
                        "there is no such locale; make it (Debian: locale-gen), or leave it out";
                    return Err(BuildError::new(&name, what));
                }
            }
        }
        Ok(())
    }

    fn is_in_archive(&self, name: &str) -> bool {
        let wanted = format!("\0{name}\0");
        let bytes = self
            .host
            .read(Path::new(ARCHIVE), LARGEST)
            .unwrap_or_default();
        bytes
            .windows(wanted.len())
            .any(|window| window == wanted.as_bytes())
    }

    /// Brings what ncurses knows of terminals.
    pub(super) fn terminals(&mut self) -> Result<(), BuildError> {
        let template = self.template;
        for list in template.terminals() {
            for name in &list.names.0 {
                match self.terminal(name) {
                    Some((path, found)) => {
                        let attributes = Attributes::of_root(Mode::READABLE);
                        let kind = self.copy_of(&found.real, &found, attributes)?;
                        self.plan.put_if_free(&jail_path(&path)?, kind)?;
                    }
                    None if list.optional => {}
                    None => {
                        let what =
                            "nothing is known of this terminal here; install what describes \
                                    it (Debian: ncurses-term), or leave it out";
                        return Err(BuildError::new(name, what));
                    }
                }
            }
        }
        Ok(())
    }

    fn terminal(&self, name: &str) -> Option<(PathBuf, Found)> {
        let first = name.chars().next()?;
        let directories = [first.to_string(), format!("{:x}", u32::from(first))];
        TERMINFO.iter().find_map(|place| {
            directories.iter().find_map(|directory| {
                let path = Path::new(place).join(directory).join(name);
                let found = self.host.find(&path).ok()?;
                found.metadata.is_file().then_some((path, found))
            })
        })
    }
}

/// The name of a locale as it is among files: the C library writes C.UTF-8 as C.utf8.
fn normalized(name: &str) -> String {
    let Some((language, rest)) = name.split_once('.') else {
        return name.to_owned();
    };
    let (codeset, modifier) = match rest.split_once('@') {
        Some((codeset, modifier)) => (codeset, format!("@{modifier}")),
        None => (rest, String::new()),
    };
    let letters = codeset.chars().filter(char::is_ascii_alphanumeric);
    let codeset: String = letters.map(|letter| letter.to_ascii_lowercase()).collect();
    format!("{language}.{codeset}{modifier}")
}

#[cfg(test)]
mod tests {
    use super::normalized;

    #[test]
    fn locales_are_called_as_their_files_are() {
        for (name, expected) in [
            ("C.UTF-8", "C.utf8"),
            ("C.utf8", "C.utf8"),
            ("de_DE", "de_DE"),
            ("de_DE.ISO-8859-15@euro", "de_DE.iso885915@euro"),
        ] {
            assert_eq!(normalized(name), expected);
        }
    }
}
