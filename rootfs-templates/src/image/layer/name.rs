// SPDX-License-Identifier: MIT OR Apache-2.0

//! Names in an archive, and where they lead.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use tar::Header;

use crate::image::limits::Limits;

/// The name in a header. Its first part has a field of its own, whatever version of the format the header
/// says that it is of; star has two times at the end of that.
pub(super) fn of(header: &Header) -> Vec<u8> {
    let bytes = header.as_bytes();
    let field = |from: usize, length: usize| {
        let field = &bytes[from..from + length];
        field.split(|byte| *byte == 0).next().unwrap_or_default()
    };
    let name = field(0, 100);
    let first = match (&bytes[257..263] == b"ustar\0", &bytes[508..] == b"tar\0") {
        (true, false) => field(345, 155),
        (true, true) => field(345, 131),
        (false, _) => b"",
    };
    match first.is_empty() {
        true => name.to_vec(),
        false => [first, b"/", name].concat(),
    }
}

/// Where `name` is, from the root: components that are names, and none for the root itself.
///
/// # Errors
///
/// Why nothing can be there.
pub fn inside(name: &[u8], limits: &Limits) -> Result<PathBuf, &'static str> {
    if name.is_empty() {
        return Err("has no name");
    }
    if name.contains(&0) {
        return Err("has a zero byte in its name");
    }
    // Some tools call the root itself so.
    if name != b"/" && name.starts_with(b"/") {
        return Err("has an absolute name, and would be outside of the root");
    }
    let mut path = PathBuf::new();
    let mut depth = 0;
    for component in name.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => continue,
            b".." => return Err("has \"..\" in its name, and could be outside of the root"),
            _ if component.len() > Limits::NAME => {
                return Err("has a longer name than a file can have");
            }
            _ => path.push(OsStr::from_bytes(component)),
        }
        depth += 1;
    }
    if path.as_os_str().len() > Limits::PATH {
        return Err("has a longer path than the kernel takes");
    }
    if depth > limits.depth {
        return Err("lies in more directories than is allowed");
    }
    Ok(path)
}

/// Whether a symbolic link at `path` leads above the root, by its words.
///
/// For a process with this root it does not; for whoever looks at the tree from outside it does. One
/// that is absolute is common, and leads somewhere in the root.
pub fn link_leads_out(path: &Path, target: &[u8]) -> bool {
    if target.starts_with(b"/") {
        return climbs(0, target);
    }
    climbs(path.components().count().saturating_sub(1), target)
}

fn climbs(mut depth: usize, target: &[u8]) -> bool {
    for component in target.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return true,
            },
            _ => depth += 1,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside() {
        let path = |name: &str| inside(name.as_bytes(), &Limits::default());
        for (name, expected) in [
            ("etc/passwd", "etc/passwd"),
            ("./etc//x/./y/", "etc/x/y"),
            ("./", ""),
            ("/", ""),
            ("...", "..."),
        ] {
            assert_eq!(path(name), Ok(PathBuf::from(expected)), "{name}");
        }
        let long = "a".repeat(256);
        let deep = "a/".repeat(257);
        let many = format!("{}/", "a".repeat(200)).repeat(21);
        for name in [
            "",
            "/etc",
            "//",
            "..",
            "a/..",
            "a/../../b",
            "a\0b",
            &long,
            &deep,
            &many,
        ] {
            assert!(path(name).is_err(), "{name}");
        }
    }

    #[test]
    fn links_that_climb_out_are_told() {
        let out = |path: &str, target: &str| link_leads_out(Path::new(path), target.as_bytes());
        assert!(!out("usr/lib/x", "../../etc/x"));
        assert!(out("usr/lib/x", "../../../etc/x"));
        assert!(!out("x", "/etc/passwd"));
        assert!(!out("x", "/etc/../usr"));
        assert!(out("x", "/../etc"));
        assert!(out("x", "a/../../b"));
        assert!(out("x", ".."));
        assert!(!out("a/x", ".."));
    }
}
