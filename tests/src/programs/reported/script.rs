// SPDX-License-Identifier: MIT OR Apache-2.0

//! Running a script, and looking that nothing is left of it.

use jaula_tests::admin::{in_kernel, noted, output};
use jaula_tests::ktap::{fail, CaseResult, Context, Failure};
use jaula_tests::launch::jaula;
use jaula_tests::sys::process;
use jaula_tests::{check, check_eq, wait};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use super::withpty;

/// How long a script may take: one that waits for what never comes is ended.
const LIMIT: Duration = Duration::from_secs(120);

/// Where scripts leave files.
const DIRECTORIES: [&str; 3] = ["/srv", "/tmp", "/run"];

/// The name of the file that the shell runs.
const SCRIPT: &str = "script";

/// A script and what is expected of it.
pub struct Script {
    /// The name of its case.
    pub case: &'static str,
    /// The name of its file.
    pub file: &'static str,
    /// What is in the file.
    pub text: &'static str,
    /// The last line that it prints.
    pub prints: &'static str,
}

impl Script {
    /// Runs it.
    pub fn run(&self) -> CaseResult {
        let place = Place::new(self.file)?;
        let before = There::look()?;
        let ended = self.run_in(&place);
        let left = There::look()?.without(&before);
        left.remove()?;
        let ended = ended.map_err(|failure| fail(format!("{failure}\n{}", place.said())))?;
        let printed = place.printed("out")?;
        let last = printed.lines().last().unwrap_or_default();
        check_eq!(
            last,
            self.prints,
            "the last line ({ended})\n{}",
            place.said()
        );
        check!(left.is_nothing(), "it has left {left:?}");
        Ok(())
    }

    fn run_in(&self, place: &Place) -> Result<ExitStatus, Failure> {
        fs::write(place.0.join(SCRIPT), self.text).context(SCRIPT)?;
        let path = std::env::var("PATH").map_err(|error| fail(format!("PATH: {error}")))?;
        let mut shell = Command::new("busybox")
            // By name: what it looks for among the processes is not to be in its own arguments.
            .args(["sh", SCRIPT])
            .env("PATH", format!("{}:{path}", place.0.display()))
            .current_dir(&place.0)
            .stdin(Stdio::null())
            .stdout(place.file("out")?)
            .stderr(place.file("err")?)
            .process_group(0)
            .spawn()
            .context("starting busybox")?;
        let ended = wait_for(&mut shell);
        // Also what it has left in the background.
        if let Ok(group) = i32::try_from(shell.id()) {
            let _ = process::kill(-group, libc::SIGKILL);
        }
        if ended.is_err() {
            shell.wait().context("waiting for the script")?;
        }
        ended
    }
}

fn wait_for(shell: &mut Child) -> Result<ExitStatus, Failure> {
    let mut ended = None;
    wait::within(LIMIT, "the script has ended", || {
        ended = shell.try_wait().context("waiting for the script")?;
        Ok(ended.is_some())
    })?;
    ended.ok_or_else(|| fail("the script has not ended"))
}

/// Where a script begins, with the program that it expects, and what it prints.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("reported-{}-{name}", process::pid()));
        fs::create_dir(&path).context(path.display())?;
        let place = Place(path);
        let own = std::env::current_exe().context("this program")?;
        symlink(own, place.0.join(withpty::NAME)).context(withpty::NAME)?;
        Ok(place)
    }

    fn file(&self, name: &str) -> Result<File, Failure> {
        File::create(self.0.join(name)).context(name)
    }

    fn printed(&self, name: &str) -> Result<String, Failure> {
        let bytes = fs::read(self.0.join(name)).context(name)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// All that the script has printed, for a message.
    fn said(&self) -> String {
        let said = |name| self.printed(name).unwrap_or_default();
        format!(
            "it printed:\n{}\nand complained:\n{}",
            said("out"),
            said("err")
        )
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Nothing is to be done about it; the next one has another name.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The jails and files there are.
#[derive(Debug)]
struct There {
    jails: BTreeSet<i64>,
    files: BTreeSet<PathBuf>,
}

impl There {
    fn look() -> Result<Self, Failure> {
        let mut files = BTreeSet::new();
        for directory in DIRECTORIES {
            for entry in fs::read_dir(directory).context(directory)? {
                files.insert(entry.context(directory)?.path());
            }
        }
        // It stays when the first jail has gone.
        files.remove(Path::new(jaula_tests::admin::STATE));
        let jails = in_kernel()?.union(&noted()?).copied().collect();
        Ok(There { jails, files })
    }

    fn without(&self, before: &There) -> There {
        There {
            jails: self.jails.difference(&before.jails).copied().collect(),
            files: self.files.difference(&before.files).cloned().collect(),
        }
    }

    fn is_nothing(&self) -> bool {
        self.jails.is_empty() && self.files.is_empty()
    }

    fn remove(&self) -> CaseResult {
        for number in &self.jails {
            // One that has ended by itself meanwhile is gone, which is all that is wanted.
            output(&mut jaula(&["rm", &number.to_string()]))?;
        }
        for path in &self.files {
            let removed = match path.is_dir() && !path.is_symlink() {
                true => fs::remove_dir_all(path),
                false => fs::remove_file(path),
            };
            removed.context(path.display())?;
        }
        Ok(())
    }
}
