// SPDX-License-Identifier: MIT OR Apache-2.0

use super::*;

const ACCOUNTS: &str = r#"
description = "test"
[[group]]
name = "www"
gid = 33
[[user]]
name = "www"
uid = 33
group = "www"
"#;

fn error(text: &str) -> String {
    let text = format!("{ACCOUNTS}{text}");
    Template::parse(&text).expect_err("invalid").to_string()
}

#[test]
fn defaults_are_the_customary_ones() {
    let text =
        format!("{ACCOUNTS}[[directory]]\npath=\"/srv\"\n[[file]]\npath=\"/f\"\ncontent=\"\"");
    let template = Template::parse(&text).expect("valid");
    assert_eq!(template.directories()[0].mode.bits(), 0o755);
    assert_eq!(template.files()[0].mode.bits(), 0o644);
    assert_eq!(template.users()[0].shell, "/bin/sh");
    assert_eq!(
        (
            template.uid("www"),
            template.gid("www"),
            template.uid("root")
        ),
        (33, 33, 0)
    );
}

#[test]
fn unknown_keys_are_refused() {
    let text = error("[[directory]]\npath = \"/a\"\nmoode = \"0755\"");
    assert!(text.contains("moode"), "{text}");
    assert!(error("[[device]]\npath = \"/dev/null\"").contains("device"));
}

#[test]
fn paths_stay_inside() {
    for path in [
        "etc",
        "/../etc",
        "/a/../b",
        "/a//b",
        "/a/",
        "/",
        "",
        "/a/./b",
        "/a\\u0007",
    ] {
        let text = error(&format!("[[directory]]\npath = \"{path}\""));
        assert!(text.contains("path "), "{path}: {text}");
    }
}

#[test]
fn modes_are_octal_and_without_set_user_id() {
    for mode in ["755", "0888", "rwxr-xr-x", "07555", ""] {
        let text = error(&format!("[[directory]]\npath = \"/a\"\nmode = \"{mode}\""));
        assert!(text.contains("four octal digits"), "{text}");
    }
    for mode in ["4755", "2755", "6755"] {
        let text = error(&format!("[[directory]]\npath = \"/a\"\nmode = \"{mode}\""));
        assert!(text.contains("set-user-ID"), "{text}");
    }
    // A bare 755 would be decimal.
    assert!(error("[[directory]]\npath = \"/a\"\nmode = 755").contains("string"));
}

#[test]
fn owners_must_be_defined() {
    let text = error("[[directory]]\npath = \"/a\"\nowner = \"eve\"");
    assert_eq!(text, "/a: no [[user]] is called \"eve\"");
    let text = error("[[file]]\npath = \"/a\"\ncontent = \"\"\ngroup = \"eve\"");
    assert_eq!(text, "/a: no [[group]] is called \"eve\"");
}

#[test]
fn nothing_is_there_twice() {
    let twice = "[[directory]]\npath = \"/a\"\n[[file]]\npath = \"/a\"\ncontent = \"\"";
    assert_eq!(error(twice), "/a is there twice");
    let passwd = error("[[file]]\npath = \"/etc/passwd\"\ncontent = \"\"");
    assert!(passwd.starts_with("/etc/passwd is made from"), "{passwd}");
    assert_eq!(
        error("[[group]]\nname = \"www\"\ngid = 7"),
        "group www is there twice"
    );
    assert_eq!(
        error("[[group]]\nname = \"w\"\ngid = 33"),
        "group w: 33 is another's already"
    );
}

#[test]
fn accounts_are_sound() {
    let user = |fields: &str| error(&format!("[[user]]\n{fields}"));
    let text = user("name = \"a:b\"\nuid = 5\ngroup = \"www\"");
    assert!(text.contains("does not match"), "{text}");
    let text = user("name = \"bob\"\nuid = 0\ngroup = \"www\"");
    assert!(text.contains("root is 0, and nobody else is"), "{text}");
    let text = user("name = \"bob\"\nuid = 5\ngroup = \"none\"");
    assert!(text.contains("no [[group]] is called"), "{text}");
    let text = user("name = \"bob\"\nuid = 5\ngroup = \"www\"\nshell = \"/bin/sh:\"");
    assert!(text.contains("colon"), "{text}");
    let text = error("[[group]]\nname = \"g\"\ngid = 7\nmembers = [\"eve\"]");
    assert!(text.contains("no [[user]] is called \"eve\""), "{text}");
}

#[test]
fn a_file_has_one_source() {
    let none = "[[file]]\npath = \"/a\"";
    assert_eq!(error(none), "file /a needs either content or source");
    let both = "[[file]]\npath = \"/a\"\ncontent = \"\"\nsource = \"/etc/hosts\"";
    assert_eq!(error(both), "file /a needs either content or source");
}

#[test]
fn applets_are_all_or_a_list() {
    let program = |applets: &str| {
        format!("{ACCOUNTS}[[program]]\nsource=\"busybox\"\npath=\"/bin/b\"\napplets={applets}")
    };
    let applets = |text: &str| {
        Template::parse(&program(text)).map(|template| template.programs()[0].applets.clone())
    };
    assert!(matches!(applets("\"all\""), Ok(Applets::All(_))));
    assert!(matches!(applets("[\"/bin/sh\"]"), Ok(Applets::Paths(paths)) if paths.len() == 1));
    assert!(applets("\"some\"").is_err());
    assert!(applets("[\"sh\"]").is_err());
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let text = Template::load(Path::new("/no/such.toml"))
        .expect_err("missing")
        .to_string();
    assert!(text.starts_with("/no/such.toml: "), "{text}");
}
