// SPDX-License-Identifier: MIT OR Apache-2.0

//! passwd(5) and group(5) from the users and groups of a template.

use crate::template::Template;

/// The account files and their content; none where the template has no accounts.
pub fn files(template: &Template) -> Vec<(&'static str, String)> {
    if template.users().is_empty() && template.groups().is_empty() {
        return Vec::new();
    }
    vec![
        ("/etc/passwd", passwd(template)),
        ("/etc/group", group(template)),
    ]
}

/// Every password is `*`: nobody logs in with one.
fn passwd(template: &Template) -> String {
    let line = |user: &crate::template::User| {
        format!(
            "{}:*:{}:{}:{}:{}:{}\n",
            user.name,
            user.uid.0,
            template.gid(&user.group),
            user.comment,
            user.home,
            user.shell,
        )
    };
    template.users().iter().map(line).collect()
}

fn group(template: &Template) -> String {
    let line = |group: &crate::template::Group| {
        format!(
            "{}:*:{}:{}\n",
            group.name,
            group.gid.0,
            group.members.join(",")
        )
    };
    template.groups().iter().map(line).collect()
}
