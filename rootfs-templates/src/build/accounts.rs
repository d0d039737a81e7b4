// SPDX-License-Identifier: MIT OR Apache-2.0

//! passwd(5) and group(5): the users and groups that a template describes, and those that it takes from
//! the host.

use std::path::Path;

use super::BuildError;
use crate::host::Host;
use crate::template::{is_account_name, Template};

/// Where the users are.
pub const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

/// The largest of these files on a host.
const LARGEST: u64 = 4 << 20;

/// Everybody in a root.
#[derive(Debug, Default)]
pub struct Accounts {
    users: Vec<User>,
    groups: Vec<Group>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct User {
    name: String,
    uid: u32,
    gid: u32,
    comment: String,
    home: String,
    shell: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    name: String,
    gid: u32,
    members: Vec<String>,
}

impl Accounts {
    /// Those of a template. Who it takes from the host comes with the groups that he is in there.
    pub fn of(template: &Template, host: &Host) -> Result<Self, BuildError> {
        let mut accounts = Accounts::described(template);
        let mut taken: Vec<User> = Vec::new();
        let lists = template.accounts();
        if lists.iter().all(|list| list.names.0.is_empty()) {
            return Ok(accounts);
        }
        let users: Vec<User> = lines(host, PASSWD)?.iter().filter_map(user).collect();
        let names = lists.iter().flat_map(|list| {
            let names = list.names.0.iter();
            names.map(|name| (name, list.optional))
        });
        for (name, optional) in names {
            if accounts.users.iter().any(|user| user.name == *name) {
                continue;
            }
            match users.iter().find(|user| user.name == *name) {
                Some(user) => {
                    accounts.add_user(user)?;
                    taken.push(user.clone());
                }
                None if optional => {}
                None => {
                    let what = "has no such user; make one there, or describe it in the template \
                                with [[user]] and [[group]]";
                    return Err(BuildError::new(PASSWD, format!("{name}: {what}")));
                }
            }
        }
        let groups: Vec<Group> = lines(host, GROUP)?.iter().filter_map(group).collect();
        for group in groups {
            let members = taken.iter().filter(|user| {
                let is_member = group.members.contains(&user.name);
                is_member && user.gid != group.gid
            });
            let members: Vec<String> = members.map(|user| user.name.clone()).collect();
            let is_first = taken.iter().any(|user| user.gid == group.gid);
            if is_first || !members.is_empty() {
                accounts.add_group(Group { members, ..group })?;
            }
        }
        Ok(accounts)
    }

    fn described(template: &Template) -> Self {
        let groups = template.groups().iter().map(|group| Group {
            name: group.name.clone(),
            gid: group.gid.0,
            members: group.members.clone(),
        });
        let groups: Vec<Group> = groups.collect();
        let gid = |name: &str| groups.iter().find(|group| group.name == name);
        let users = template.users().iter().map(|user| User {
            name: user.name.clone(),
            uid: user.uid.0,
            gid: gid(&user.group).map_or(0, |group| group.gid),
            comment: user.comment.clone(),
            home: user.home.clone(),
            shell: user.shell.clone(),
        });
        Accounts {
            users: users.collect(),
            groups,
        }
    }

    fn add_user(&mut self, user: &User) -> Result<(), BuildError> {
        match self.users.iter().find(|other| other.uid == user.uid) {
            Some(other) => Err(BuildError::new(
                PASSWD,
                format!(
                    "{}: its number {} is that of {} in the template",
                    user.name, user.uid, other.name
                ),
            )),
            None => {
                self.users.push(user.clone());
                Ok(())
            }
        }
    }

    fn add_group(&mut self, group: Group) -> Result<(), BuildError> {
        let same = |other: &&mut Group| other.name == group.name || other.gid == group.gid;
        match self.groups.iter_mut().find(same) {
            Some(other) if other.name == group.name && other.gid == group.gid => {
                for member in group.members {
                    if !other.members.contains(&member) {
                        other.members.push(member);
                    }
                }
                Ok(())
            }
            Some(other) => Err(BuildError::new(
                GROUP,
                format!(
                    "{} ({}) is {} ({}) in the template",
                    group.name, group.gid, other.name, other.gid
                ),
            )),
            None => {
                self.groups.push(group);
                Ok(())
            }
        }
    }

    /// The number of an owner; `root` is 0 whether there is one or not.
    pub fn uid(&self, owner: &str) -> Option<u32> {
        let found = self.users.iter().find(|user| user.name == owner);
        found
            .map(|user| user.uid)
            .or((owner == "root").then_some(0))
    }

    /// The number of a group; `root` is 0 whether there is one or not.
    pub fn gid(&self, group: &str) -> Option<u32> {
        let found = self.groups.iter().find(|one| one.name == group);
        found.map(|one| one.gid).or((group == "root").then_some(0))
    }

    /// The account files and their content; none where there are no accounts.
    pub fn files(&self) -> Vec<(&'static str, String)> {
        if self.users.is_empty() && self.groups.is_empty() {
            return Vec::new();
        }
        vec![(PASSWD, self.passwd()), (GROUP, self.group())]
    }

    /// Every password is `*`: nobody logs in with one.
    fn passwd(&self) -> String {
        let line = |user: &User| {
            format!(
                "{}:*:{}:{}:{}:{}:{}\n",
                user.name, user.uid, user.gid, user.comment, user.home, user.shell,
            )
        };
        self.users.iter().map(line).collect()
    }

    fn group(&self) -> String {
        let line = |group: &Group| {
            format!(
                "{}:*:{}:{}\n",
                group.name,
                group.gid,
                group.members.join(",")
            )
        };
        self.groups.iter().map(line).collect()
    }
}

/// The users and groups of a host, to be told by their numbers.
#[derive(Debug)]
pub struct Users {
    users: Vec<User>,
    groups: Vec<Group>,
}

impl Users {
    /// Those of a host.
    pub fn of(host: &Host) -> Result<Self, BuildError> {
        Ok(Users {
            users: lines(host, PASSWD)?.iter().filter_map(user).collect(),
            groups: lines(host, GROUP)?.iter().filter_map(group).collect(),
        })
    }

    /// What a user is called.
    pub fn name(&self, uid: u32) -> Option<&str> {
        let found = self.users.iter().find(|user| user.uid == uid);
        found.map(|user| user.name.as_str())
    }

    /// What a group is called.
    pub fn group(&self, gid: u32) -> Option<&str> {
        let found = self.groups.iter().find(|group| group.gid == gid);
        found.map(|group| group.name.as_str())
    }

    /// Whether a user is in a group.
    pub fn is_in(&self, user: &str, group: &str) -> bool {
        let (Some(user), Some(group)) = (
            self.users.iter().find(|one| one.name == user),
            self.groups.iter().find(|one| one.name == group),
        ) else {
            return false;
        };
        user.gid == group.gid || group.members.contains(&user.name)
    }
}

/// The fields of the lines of a file of the host.
fn lines(host: &Host, path: &str) -> Result<Vec<Vec<String>>, BuildError> {
    let bytes = host.read(Path::new(path), LARGEST);
    let bytes = bytes.map_err(|error| BuildError::new(path, error))?;
    let text = String::from_utf8_lossy(&bytes);
    let fields = |line: &str| line.split(':').map(str::to_owned).collect();
    Ok(text.lines().map(fields).collect())
}

/// A line of passwd; none where it is none that can be written again.
fn user(fields: &Vec<String>) -> Option<User> {
    let [name, _, uid, gid, comment, home, shell] = fields.as_slice() else {
        return None;
    };
    let is_plain = |text: &String| !text.contains(char::is_control);
    let is_whole = is_account_name(name) && [comment, home, shell].into_iter().all(is_plain);
    is_whole.then_some(())?;
    Some(User {
        name: name.clone(),
        uid: id(uid)?,
        gid: id(gid)?,
        comment: comment.clone(),
        home: home.clone(),
        shell: shell.clone(),
    })
}

/// The same of group.
fn group(fields: &Vec<String>) -> Option<Group> {
    let [name, _, gid, members] = fields.as_slice() else {
        return None;
    };
    is_account_name(name).then_some(())?;
    Some(Group {
        name: name.clone(),
        gid: id(gid)?,
        members: members.split(',').map(str::to_owned).collect(),
    })
}

fn id(text: &str) -> Option<u32> {
    text.parse().ok().filter(|id| *id != u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn accounts(template: &str) -> Result<Accounts, BuildError> {
        let dir = tempfile::tempdir().expect("temporary directory");
        fs::create_dir(dir.path().join("etc")).expect("mkdir");
        let passwd = "root:x:0:0:root:/root:/bin/bash\nwww:x:33:33:web:/var/www:/bin/false\n\
                      broken:x:1\n# a line\nodd:x:-1:7::/:/bin/sh\ndb:x:70:70::/var/db:/bin/sh\n";
        let group = "root:x:0:\nwww:x:33:db\ncert:x:101:db,www\nother:x:102:root\ndb:x:70:\n";
        fs::write(dir.path().join("etc/passwd"), passwd).expect("passwd");
        fs::write(dir.path().join("etc/group"), group).expect("group");
        let host = Host::at(dir.path()).expect("the tree");
        let template = format!("description = \"x\"\n{template}");
        let template = Template::parse(&template).expect("a template");
        Accounts::of(&template, &host)
    }

    const ROOT: &str = "[[group]]\nname = \"root\"\ngid = 0\n[[user]]\nname = \"root\"\nuid = 0\n\
                        group = \"root\"\n";

    #[test]
    fn who_is_taken_from_the_host_comes_with_his_groups() {
        let template = format!("{ROOT}[[account]]\nnames = \"root www\"\n");
        let accounts = accounts(&template).expect("accounts");
        let expected = "root:*:0:0::/:/bin/sh\nwww:*:33:33:web:/var/www:/bin/false\n";
        assert_eq!(accounts.passwd(), expected);
        assert_eq!(accounts.group(), "root:*:0:\nwww:*:33:\ncert:*:101:www\n");
        assert_eq!(accounts.uid("www"), Some(33));
        assert_eq!(accounts.gid("cert"), Some(101));
        assert_eq!(accounts.uid("db"), None);
        assert_eq!(accounts.uid("root"), Some(0));
    }

    #[test]
    fn who_is_not_there_or_is_another_is_refused() {
        for (template, expected) in [
            ("[[account]]\nnames = \"nobody\"\n", "nobody: has no such user"),
            ("[[account]]\nnames = \"odd\"\n", "odd: has no such user"),
            (
                "[[group]]\nname = \"a\"\ngid = 5\n[[user]]\nname = \"a\"\nuid = 33\ngroup = \"a\"\n\
                 [[account]]\nnames = \"www\"\n",
                "its number 33 is that of a",
            ),
            (
                "[[group]]\nname = \"a\"\ngid = 33\n[[account]]\nnames = \"www\"\n",
                "www (33) is a (33)",
            ),
        ] {
            let error = accounts(template).expect_err(template).to_string();
            assert!(error.contains(expected), "{error}");
        }
        let optional = "[[account]]\nnames = \"nobody\"\noptional = true\n";
        assert!(accounts(optional).expect("accounts").files().is_empty());
    }
}
