// SPDX-License-Identifier: MIT OR Apache-2.0

//! The lines of passwd(5) and group(5).

use super::Name;

/// One entry of a passwd file, its text fields as the bytes that stand there.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Account {
    pub name: Vec<u8>,
    pub uid: u32,
    pub gid: u32,
    pub home: Vec<u8>,
    pub shell: Vec<u8>,
}

impl Account {
    /// The first entry for `user`.
    ///
    /// Lines that are not entries are passed over, as libraries do, unless they begin with
    /// the name asked for: then guessing would run something as the wrong user.
    pub fn find(passwd: &[u8], user: &Name) -> Result<Option<Self>, String> {
        for (number, line) in lines(passwd) {
            match (Self::parse(line), user) {
                (Some(account), Name::Text(name)) if account.name == name.as_bytes() => {
                    return Ok(Some(account));
                }
                (Some(account), Name::Id(uid)) if account.uid == *uid => return Ok(Some(account)),
                (None, Name::Text(name)) if first_field(line) == name.as_bytes() => {
                    return Err(format!(
                        "line {number} is not name:password:uid:gid:gecos:home:shell"
                    ));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    fn parse(line: &[u8]) -> Option<Self> {
        let [name, _, uid, gid, _, home, shell] = fields(line)?;
        let text = |field: &[u8]| (!field.contains(&0)).then(|| field.to_vec());
        Some(Account {
            name: text(name).filter(|name| !name.is_empty())?,
            uid: id(uid)?,
            gid: id(gid)?,
            home: text(home)?,
            shell: text(shell)?,
        })
    }
}

/// The id of the group called `name` in a group file, with the rules of [`Account::find`].
pub fn group_id(group: &[u8], name: &str) -> Result<Option<u32>, String> {
    for (number, line) in lines(group) {
        if first_field(line) == name.as_bytes() {
            return match fields(line) {
                Some([_, _, gid, _]) => id(gid).map(Some),
                None => None,
            }
            .ok_or_else(|| format!("line {number} is not name:password:gid:members"));
        }
    }
    Ok(None)
}

/// The ids of the groups that have `user` among their members, with the rules of [`Account::find`].
///
/// A group that a user would be missing from is not guessed at, either: who is in it may be kept from a
/// file by that.
pub fn groups_of(group: &[u8], user: &[u8]) -> Result<Vec<u32>, String> {
    let mut ids = Vec::new();
    for (number, line) in lines(group) {
        let Some([_, _, gid, members]) = fields(line) else {
            continue;
        };
        if members
            .split(|&byte| byte == b',')
            .any(|member| member == user)
        {
            let gid =
                id(gid).ok_or_else(|| format!("line {number} is not name:password:gid:members"))?;
            ids.push(gid);
        }
    }
    Ok(ids)
}

fn lines(content: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    (1..).zip(content.split(|&byte| byte == b'\n'))
}

/// The fields of a line that has as many, which whoever is root in the jail decides: a list of them all
/// would take many times the memory of the file.
fn fields<const COUNT: usize>(line: &[u8]) -> Option<[&[u8]; COUNT]> {
    let mut all = line.split(|&byte| byte == b':');
    let mut fields = [&[][..]; COUNT];
    for field in &mut fields {
        *field = all.next()?;
    }
    all.next().is_none().then_some(fields)
}

fn first_field(line: &[u8]) -> &[u8] {
    line.split(|&byte| byte == b':').next().unwrap_or_default()
}

fn id(field: &[u8]) -> Option<u32> {
    let digits = !field.is_empty() && field.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(field).ok().filter(|_| digits)?;
    text.parse().ok().filter(|&id| id != u32::MAX)
}
