// SPDX-License-Identifier: MIT OR Apache-2.0

//! Becoming the user of a command, for good.

use caps::CapsHashSet;
use nix::sys::prctl;
use nix::unistd::{getgroups, getresgid, getresuid, setgroups, setresgid, setresuid, Gid, Uid};

use super::Plan;
use crate::isolation::{Part, Permission};
use crate::privilege;
use crate::text::reason;
use crate::user::User;

impl Plan {
    /// Gives up what the command is not to have, and becomes its user.
    ///
    /// # Errors
    ///
    /// The step that failed, and why.
    pub fn become_user(&self) -> Result<(), String> {
        let at = |step: &'static str| move |why: String| format!("{step}: {why}");
        let capabilities = self.capabilities();
        let ambient = self.isolation.credentials.ambient();
        if let Some(capabilities) = &capabilities {
            privilege::limit(capabilities).map_err(at("limiting capabilities"))?;
        }
        if !ambient.is_empty() {
            // Else they would be gone with user 0.
            let kept = prctl::set_keepcaps(true).map_err(reason);
            kept.map_err(at("keeping ambient capabilities"))?;
        }
        become_user(&self.user).map_err(at("dropping privileges"))?;
        if capabilities.is_some() || !ambient.is_empty() {
            let kept = capabilities.unwrap_or_else(|| ambient.clone());
            privilege::give_up(self.user.uid, &kept, &ambient)
                .map_err(at("giving up capabilities"))?;
        }
        verify_irrevocable(&self.user).map_err(at("verifying the user"))?;
        privilege::raise_ambient(&ambient).map_err(at("raising ambient capabilities"))?;
        if self.isolation.has(Part::NoNewPrivs) {
            refuse_new_privileges().map_err(at("no_new_privs"))?;
        }
        Ok(())
    }

    /// The capabilities that can ever be had in it: `None` where nothing is taken away.
    fn capabilities(&self) -> Option<CapsHashSet> {
        if !self.isolation.has(Part::Capabilities) {
            return None;
        }
        let looking = Permission::Capability(caps::Capability::CAP_SYS_PTRACE);
        let credentials = &self.isolation.credentials;
        // Without root, and without programs that give privileges, nobody is to have them.
        let usual = self.user.uid == 0 || !self.isolation.has(Part::NoNewPrivs);
        let mut capabilities = match usual {
            true if credentials.drops(looking) => self.permissions.capabilities(),
            true => self.permissions.capabilities_of_root(),
            false => self.permissions.extra_capabilities(),
        };
        capabilities.extend(credentials.ambient());
        Some(capabilities)
    }
}

fn become_user(user: &User) -> Result<(), String> {
    let step = |step: &'static str| move |errno| format!("{step}: {}", reason(errno));
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    setgroups(&groups(user)).map_err(step("setgroups"))?;
    setresgid(gid, gid, gid).map_err(step("setresgid"))?;
    setresuid(uid, uid, uid).map_err(step("setresuid"))
}

fn groups(user: &User) -> Vec<Gid> {
    user.groups.iter().copied().map(Gid::from_raw).collect()
}

fn verify_irrevocable(user: &User) -> Result<(), String> {
    let (root_user, root_group) = (Uid::from_raw(0), Gid::from_raw(0));
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    if !uid.is_root() {
        if setresuid(root_user, root_user, root_user).is_ok() {
            return Err("user 0 could be regained".into());
        }
        if gid != root_group && setresgid(root_group, root_group, root_group).is_ok() {
            return Err("group 0 could be regained".into());
        }
        if setgroups(&[root_group]).is_ok() {
            return Err("supplementary groups could be regained".into());
        }
    }
    let (users, found) = (getresuid().map_err(reason)?, getresgid().map_err(reason)?);
    if [users.real, users.effective, users.saved] != [uid; 3] {
        return Err(format!("the user ids are not all {uid}"));
    }
    if [found.real, found.effective, found.saved] != [gid; 3] {
        return Err(format!("the group ids are not all {gid}"));
    }
    let mut left = getgroups().map_err(reason)?;
    left.sort_unstable_by_key(|group| group.as_raw());
    match left == groups(user) {
        true => Ok(()),
        false => Err("the supplementary groups are others than the user's".into()),
    }
}

fn refuse_new_privileges() -> Result<(), String> {
    prctl::set_no_new_privs().map_err(reason)?;
    match prctl::get_no_new_privs().map_err(reason)? {
        true => Ok(()),
        false => Err("is not set although the kernel accepted it".into()),
    }
}
