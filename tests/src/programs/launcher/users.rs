// SPDX-License-Identifier: MIT OR Apache-2.0

//! Whom a command in the jail runs as.

use jaula_tests::ktap::{fail, Context, Suite};
use jaula_tests::launch::{failed, jaula, run, Root, Seen, FAILED};

/// A way to name a user: the user, group, supplementary groups and home directory that it stands for.
const FORMS: [(&str, u32, u32, &str, Option<&str>); 8] = [
    ("root", 0, 0, "", Some("/root")),
    ("0", 0, 0, "", Some("/root")),
    ("user", 1000, 1000, "7,1000", Some("/home/user")),
    ("prober", 1001, 1002, "7,1002", Some("/home/prober")),
    ("1001", 1001, 1002, "7,1002", Some("/home/prober")),
    ("1001:7", 1001, 7, "", Some("/home/prober")),
    ("shelly", 1003, 1000, "", Some("/home/user")),
    ("4242:4343", 4242, 4343, "", None),
];

pub fn add<'a>(suite: &mut Suite<'a>, root: &'a Root) {
    for (form, uid, gid, groups, home) in FORMS {
        suite.case(&format!("--user {form}"), move || {
            let arguments = ["--user", form, root.text(), "--", "/bin/probe"];
            let seen = Seen::from(&run(&mut jaula(&arguments))?)?;
            seen.expect("uids", format!("{uid},{uid},{uid}"))?;
            seen.expect("gids", format!("{gid},{gid},{gid}"))?;
            seen.expect("groups", groups)?;
            match home {
                Some(home) => seen.expect("env HOME", home),
                None => Ok(()),
            }
        });
    }
    suite.case("--group-add: by name and by number", || {
        let options = ["--user", "prober", "--group-add", "root,44"];
        let command = [root.text(), "--", "/bin/probe"];
        let seen = Seen::from(&run(&mut jaula(&[&options[..], &command].concat()))?)?;
        seen.expect("gids", "1002,1002,1002")?;
        seen.expect("groups", "0,7,44,1002")?;
        seen.expect("setgroups", "EPERM")?;
        let options = ["--group-add", "nobody-knows-us"];
        let group = format!("{}/etc/group", root.text());
        failed(
            &run(&mut jaula(&[&options[..], &command].concat()))?,
            FAILED,
            &["nobody-knows-us", &group],
        )
    });
    suite.case("a passwd and a group file of 25,000 users", || {
        let passwd = root.path().join("etc/passwd");
        let group = root.path().join("etc/group");
        let (few, fewer) = (
            std::fs::read_to_string(&passwd).context("passwd")?,
            std::fs::read_to_string(&group).context("group")?,
        );
        let line = |id| format!("u{id}:x:{id}:{id}:Student Number {id}:/home/u{id}:/bin/sh\n");
        let many: String = (2000..27_000).map(line).collect();
        let line = |id| format!("g{id}:x:{}:a{id},u{id},b{id}\n", id + 30_000);
        let more: String = (2000..27_000).map(line).collect();
        std::fs::write(&passwd, format!("{few}{many}")).context("passwd")?;
        std::fs::write(&group, format!("{fewer}{more}")).context("group")?;
        let said: Vec<_> = ["0", "u26999"]
            .iter()
            .map(|user| {
                run(&mut jaula(&[
                    "--user",
                    user,
                    root.text(),
                    "--",
                    "/bin/probe",
                ]))
            })
            .collect();
        std::fs::write(&passwd, few).context("passwd")?;
        std::fs::write(&group, fewer).context("group")?;
        let mut said = said.into_iter();
        for (uid, groups) in [(0, ""), (26_999, "26999,56999")] {
            let output = said.next().ok_or_else(|| fail("two were run"))??;
            let seen = Seen::from(&output)?;
            seen.expect("uids", format!("{uid},{uid},{uid}"))?;
            seen.expect("groups", groups)?;
        }
        Ok(())
    });
    suite.case("a user is looked for in the jail's passwd", || {
        let arguments = ["--user", "nobody-knows-me", root.text(), "--", "/bin/probe"];
        let passwd = format!("{}/etc/passwd", root.text());
        failed(
            &run(&mut jaula(&arguments))?,
            FAILED,
            &["nobody-knows-me", &passwd],
        )
    });
    for bad in [
        "",
        ":",
        "1000:",
        ":5",
        "-1",
        "4294967295",
        "99999999999",
        "1000:x y",
    ] {
        suite.case(&format!("--user '{bad}' is refused"), move || {
            let option = format!("--user={bad}");
            let output = run(&mut jaula(&[&option, root.text(), "--", "/bin/probe"]))?;
            let message = jaula_tests::launch::complaint(&output);
            jaula_tests::check_eq!(output.status.code(), Some(FAILED), "the status ({message})");
            jaula_tests::check!(output.stdout.is_empty(), "something was executed");
            jaula_tests::check!(!message.is_empty(), "no message");
            Ok(())
        });
    }
}
