// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is tried.

use crate::crew::Member;
use crate::ktap::Failure;
use crate::sys::Result as SysResult;
use crate::sysv::{Moment, Path, PATHS};

/// What the kernel said about one path.
pub struct Line {
    /// The path.
    pub path: &'static Path,
    /// From the host to an object of the jail.
    pub host_to_jail: SysResult<()>,
    /// From the jail to an object of the host.
    pub jail_to_host: SysResult<()>,
    /// From the jail to an object of another process of the jail.
    pub same_jail: SysResult<()>,
    /// Both objects whose wall was tried are as they were.
    pub unharmed: bool,
}

impl Line {
    /// The host was kept out.
    pub fn host_kept_out(&self) -> bool {
        self.host_to_jail == Err(self.path.crossing)
    }

    /// The jail was kept in.
    pub fn jail_kept_in(&self) -> bool {
        self.jail_to_host == Err(self.path.crossing)
    }

    /// Within the jail the answer is that of a kernel without jails.
    pub fn same_as_linux(&self) -> bool {
        self.same_jail == self.path.root
    }

    /// Everything about the path is as it must be.
    pub fn good(&self) -> bool {
        self.host_kept_out() && self.jail_kept_in() && self.same_as_linux() && self.unharmed
    }
}

/// Everything that was seen.
pub struct Findings {
    /// The number of the jail.
    pub jail: i64,
    /// One line for each path.
    pub lines: Vec<Line>,
}

impl Findings {
    /// Tries every path, `host` and `jail` each being a process on its side of the wall.
    pub fn gather(host: &Member, jail: &Member) -> Result<Findings, Failure> {
        let number = jail.number()?;
        crate::check!(number > 0, "the process in {number} is not in a jail");
        let outside = host.number()?;
        crate::check!(outside == 0, "the host's process is in jail {outside}");
        let lines = PATHS
            .iter()
            .map(|path| gather_line(path, host, jail))
            .collect::<Result<_, _>>()?;
        Ok(Findings {
            jail: number,
            lines,
        })
    }
}

fn gather_line(path: &'static Path, host: &Member, jail: &Member) -> Result<Line, Failure> {
    let (host_to_jail, jails_unharmed) = cross(path, host, jail)?;
    let (jail_to_host, hosts_unharmed) = cross(path, jail, host)?;
    let object = jail.create(path.family, 0o666, true)?;
    let same_jail = jail.attempt(path, &object)?;
    // Some paths have removed it.
    let _ = jail.remove(&object);
    Ok(Line {
        path,
        host_to_jail,
        jail_to_host,
        same_jail,
        unharmed: jails_unharmed && hosts_unharmed,
    })
}

/// What `user` is told about an object of `owner`, and whether that object is as it was.
fn cross(path: &Path, user: &Member, owner: &Member) -> Result<(SysResult<()>, bool), Failure> {
    let object = owner.create(path.family, 0o666, false)?;
    let before = owner.snapshot(&object, Moment::Before)?;
    let answer = user.attempt(path, &object)?;
    // A removed object has no snapshot.
    let unharmed = owner.snapshot(&object, Moment::After) == Ok(before);
    let _ = owner.remove(&object);
    Ok((answer, unharmed))
}
