// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where the checkout is, and where everything that is built is kept.

use anyhow::{bail, Context, Result};
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The checkout and the cache directory that one run works with.
#[derive(Clone, Debug)]
pub struct Project {
    root: PathBuf,
    cache: PathBuf,
}

impl Project {
    /// Finds both, and creates the cache directory.
    ///
    /// The cache is `$JAULA_CACHE`, else `$XDG_CACHE_HOME/jaula`, else `~/.cache/jaula`
    /// (XDG Base Directory Specification): outside the checkout, so that a fresh clone
    /// does not build the world again.
    pub fn locate() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .map(Path::to_path_buf)
            .filter(|root| root.join("patches").is_dir() || root.join("kernel-module").is_dir())
            .or_else(root_above_current_dir)
            .context("cannot find the checkout: run this inside it, with `cargo xtask`")?;
        let cache = cache_dir(|name| env::var_os(name).map(PathBuf::from))?;
        fs::create_dir_all(&cache).with_context(|| {
            format!(
                "{}: cannot create the cache directory; set JAULA_CACHE to a place you may write to",
                cache.display()
            )
        })?;
        // Tools run in other directories than this one, so a relative path would not do.
        let cache = fs::canonicalize(&cache).with_context(|| format!("{}", cache.display()))?;
        Ok(Self { root, cache })
    }

    /// A checkout and a cache whose places are known. Both directories exist.
    pub fn at(root: &Path, cache: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
            cache: cache.to_path_buf(),
        }
    }

    /// The top directory of the checkout.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The top of the cache.
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// The kernel series of this checkout.
    pub fn series_dir(&self) -> PathBuf {
        self.root.join("patches/6.12")
    }

    /// What becomes `security/jaula/` of the kernel tree.
    pub fn module_dir(&self) -> PathBuf {
        self.root.join("kernel-module")
    }

    /// Kernel configuration fragments.
    pub fn config_dir(&self) -> PathBuf {
        self.root.join("qemu/configs")
    }

    /// A log file of this name; the directory exists afterwards.
    pub fn log(&self, name: &str) -> Result<PathBuf> {
        let dir = self.cache.join("logs");
        fs::create_dir_all(&dir).with_context(|| format!("{}: cannot create", dir.display()))?;
        Ok(dir.join(name))
    }

    /// Tools built from source for the harness's own use, such as bindgen.
    pub fn tools_dir(&self) -> PathBuf {
        self.cache.join("tools")
    }

    /// Where the user land is built: where cargo would put it for the user too.
    pub fn target_dir(&self) -> PathBuf {
        env::var_os("CARGO_TARGET_DIR")
            .map(PathBuf::from)
            .map(|dir| {
                if dir.is_absolute() {
                    dir
                } else {
                    self.root.join(dir)
                }
            })
            .unwrap_or_else(|| self.root.join("target"))
    }
}

fn root_above_current_dir() -> Option<PathBuf> {
    let here = env::current_dir().ok()?;
    here.ancestors()
        .find(|dir| dir.join("kernel-module").is_dir() && dir.join("qemu/configs").is_dir())
        .map(Path::to_path_buf)
}

fn cache_dir(var: impl Fn(&str) -> Option<PathBuf>) -> Result<PathBuf> {
    let set = |name| var(name).filter(|path| !path.as_os_str().is_empty());
    if let Some(dir) = set("JAULA_CACHE") {
        return Ok(dir);
    }
    // The specification has relative paths ignored.
    if let Some(dir) = set("XDG_CACHE_HOME").filter(|dir| dir.is_absolute()) {
        return Ok(dir.join("jaula"));
    }
    match set("HOME") {
        Some(home) => Ok(home.join(".cache/jaula")),
        None => bail!("no place for the cache: neither JAULA_CACHE nor HOME is set"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(vars: &[(&str, &str)]) -> Result<PathBuf> {
        cache_dir(|name| {
            vars.iter()
                .find(|(n, _)| *n == name)
                .map(|(_, value)| PathBuf::from(value))
        })
    }

    #[test]
    fn cache_directory_follows_xdg() -> Result<()> {
        let home = ("HOME", "/home/u");
        assert_eq!(with(&[home])?, Path::new("/home/u/.cache/jaula"));
        assert_eq!(
            with(&[home, ("XDG_CACHE_HOME", "/c")])?,
            Path::new("/c/jaula")
        );
        assert_eq!(
            with(&[home, ("XDG_CACHE_HOME", "c")])?,
            Path::new("/home/u/.cache/jaula")
        );
        assert_eq!(
            with(&[home, ("XDG_CACHE_HOME", "/c"), ("JAULA_CACHE", "/j")])?,
            Path::new("/j")
        );
        assert!(with(&[]).is_err());
        Ok(())
    }
}
