// SPDX-License-Identifier: MIT OR Apache-2.0

//! Whom a command in the jail runs as.

use jaula_tests::ktap::Suite;
use jaula_tests::launch::{failed, jaula, run, Root, Seen, FAILED};

/// A way to name a user: the user, group and home directory that it stands for.
const FORMS: [(&str, u32, u32, Option<&str>); 7] = [
    ("root", 0, 0, Some("/root")),
    ("0", 0, 0, Some("/root")),
    ("user", 1000, 1000, Some("/home/user")),
    ("prober", 1001, 1002, Some("/home/prober")),
    ("1001", 1001, 1002, Some("/home/prober")),
    ("1001:7", 1001, 7, Some("/home/prober")),
    ("4242:4343", 4242, 4343, None),
];

pub fn add<'a>(suite: &mut Suite<'a>, root: &'a Root) {
    for (form, uid, gid, home) in FORMS {
        suite.case(&format!("--user {form}"), move || {
            let arguments = ["--user", form, root.text(), "--", "/bin/probe"];
            let seen = Seen::from(&run(&mut jaula(&arguments))?)?;
            seen.expect("uids", format!("{uid},{uid},{uid}"))?;
            seen.expect("gids", format!("{gid},{gid},{gid}"))?;
            seen.expect("groups", "")?;
            match home {
                Some(home) => seen.expect("env HOME", home),
                None => Ok(()),
            }
        });
    }
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
