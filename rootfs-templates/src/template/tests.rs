// SPDX-License-Identifier: MIT OR Apache-2.0

use std::fs;

use tempfile::TempDir;

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

/// A library of templates.
struct Shelf {
    dirs: Vec<TempDir>,
}

impl Shelf {
    fn new(count: usize) -> Self {
        let dir = |_| tempfile::tempdir().expect("temporary directory");
        Shelf {
            dirs: (0..count).map(dir).collect(),
        }
    }

    fn put(&self, place: usize, name: &str, text: &str) {
        let path = self.dirs[place].path().join(name).with_extension("toml");
        fs::write(path, format!("description = \"{name} {place}\"\n{text}")).expect("write");
    }

    fn library(&self) -> Library {
        Library {
            directories: self.dirs.iter().map(|dir| dir.path().to_owned()).collect(),
            ..Library::default()
        }
    }

    fn load(&self, name: &str, settings: &[(&str, &str)]) -> Result<Template, String> {
        let settings = settings
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        let template = Template::load_named(name, &self.library(), &settings.collect());
        template.map_err(|error| error.to_string())
    }

    fn error(&self, name: &str, settings: &[(&str, &str)]) -> String {
        self.load(name, settings).expect_err("refused")
    }
}

#[test]
fn what_extends_puts_its_own_in_place() {
    let shelf = Shelf::new(1);
    shelf.put(
        0,
        "base",
        "[[user]]\nname=\"u\"\nuid=5\ngroup=\"g\"\n[[group]]\nname=\"g\"\ngid=5\n\
         [[directory]]\npath=\"/a\"\n[[symlink]]\npath=\"/b\"\ntarget=\"x\"\n\
         [[program]]\nsource=\"sh\"\npath=\"/p\"\napplets=[\"/q\", \"/r\"]",
    );
    shelf.put(0, "other", "[[file]]\npath=\"/c\"\ncontent=\"other\"");
    shelf.put(
        0,
        "child",
        "extends=[\"base\", \"other\"]\nwithout=[\"/a\"]\n\
         [[user]]\nname=\"u\"\nuid=7\ngroup=\"g\"\n\
         [[file]]\npath=\"/b\"\ncontent=\"b\"\n[[file]]\npath=\"/q\"\ncontent=\"q\"",
    );
    let child = shelf.load("child", &[]).expect("valid");
    assert_eq!(child.description(), "child 0");
    assert_eq!((child.uid("u"), child.gid("g")), (7, 5));
    assert!(child.symlinks().is_empty());
    let files: Vec<_> = child
        .files()
        .iter()
        .map(|file| file.path.as_str())
        .collect();
    assert_eq!(files, ["/c", "/b", "/q"]);
    let Applets::Paths(links) = &child.programs()[0].applets else {
        panic!("a list");
    };
    assert_eq!(links.len(), 1);
    assert_eq!(child.without().len(), 1);
    // What is printed is the same, and says so itself.
    let again = Template::parse(&child.to_toml().expect("TOML")).expect("valid");
    assert_eq!(again.to_toml(), child.to_toml());
}

#[test]
fn circles_and_unknown_names_are_refused_with_the_chain() {
    let shelf = Shelf::new(1);
    shelf.put(0, "a", "extends=\"b\"");
    shelf.put(0, "b", "extends=\"c\"");
    shelf.put(0, "c", "extends=\"a\"");
    let error = shelf.error("a", &[]);
    assert!(
        error.starts_with("templates extend each other in a circle: a ("),
        "{error}"
    );
    assert_eq!(error.matches(" extends ").count(), 3, "{error}");
    shelf.put(0, "d", "extends=\"nowhere\"");
    shelf.put(0, "e", "extends=\"d\"");
    let error = shelf.error("e", &[]);
    assert!(
        error.starts_with("e (") && error.contains(") extends d ("),
        "{error}"
    );
    assert!(
        error.contains(") extends nowhere: nowhere: no such template; there are: a, b"),
        "{error}"
    );
    let error = shelf.error("none", &[]);
    assert!(
        error.contains("there are: a, b, bash, c, d, debian, e, minimal"),
        "{error}"
    );
    assert!(shelf.error("../a", &[]).contains("no such file"));
}

#[test]
fn the_first_place_counts_and_can_extend_what_it_hides() {
    let shelf = Shelf::new(2);
    shelf.put(
        0,
        "minimal",
        "extends=\"minimal\"\n[[directory]]\npath=\"/first\"",
    );
    shelf.put(
        1,
        "minimal",
        "extends=\"minimal\"\n[[directory]]\npath=\"/second\"",
    );
    shelf.put(1, "x", "");
    let template = shelf.load("minimal", &[]).expect("valid");
    let has = |path: &str| {
        template
            .directories()
            .iter()
            .any(|one| one.path.as_str() == path)
    };
    assert!(has("/first") && has("/second") && has("/bin"));
    assert_eq!(template.description(), "minimal 0");
    let outline = Template::outline("x", &shelf.library()).expect("there");
    assert_eq!(
        outline.origin,
        Origin::File(shelf.dirs[1].path().join("x.toml"))
    );
    // It extends itself where nothing is behind it.
    shelf.put(0, "own", "extends=\"own\"");
    assert!(shelf.error("own", &[]).contains("no such template"));
}

#[test]
fn variables_stand_for_texts() {
    let shelf = Shelf::new(1);
    shelf.put(
        0,
        "base",
        "[variable.where]\ndefault=\"/srv/${name}\"\n[variable.name]\ndescription=\"of it\"\n\
         [variable.id]\ndefault=\"7\"\n[[group]]\nname=\"${name}\"\ngid=\"${id}\"\n\
         [[directory]]\npath=\"${where}\"\n[[file]]\npath=\"/f\"\ncontent=\"$${x} ${id}\"",
    );
    shelf.put(0, "child", "extends=\"base\"\n[variable.id]\ndefault=\"8\"");
    let template = shelf.load("child", &[("name", "web")]).expect("valid");
    assert_eq!(template.directories()[0].path.as_str(), "/srv/web");
    assert_eq!(template.gid("web"), 8);
    assert_eq!(template.files()[0].content.as_deref(), Some("${x} 8"));
    let again = Template::parse(&template.to_toml().expect("TOML")).expect("valid");
    assert_eq!(again.files()[0].content, template.files()[0].content);
    // Nothing is replaced in what is given.
    let error = shelf.error("child", &[("name", "${id}")]);
    assert!(error.contains("group name \"${id}\""), "{error}");
    let error = shelf.error("child", &[]);
    assert!(
        error.contains("needs a value for: name (of it); give it with --set"),
        "{error}"
    );
    let error = shelf.error("child", &[("name", "x"), ("nmae", "y")]);
    assert!(
        error.contains("no variable nmae; there are: id, name, where"),
        "{error}"
    );
    let error = shelf.error("child", &[("name", "x"), ("id", "-1")]);
    assert!(error.contains("base.toml: line 10, column 5: "), "{error}");
    shelf.put(
        0,
        "loop",
        "[variable.a]\ndefault=\"${b}\"\n[variable.b]\ndefault=\"${a}\"",
    );
    assert!(shelf.error("loop", &[]).contains("stands for itself"));
    shelf.put(0, "unknown", "[[file]]\npath=\"/f\"\ncontent=\"${no}\"");
    let error = shelf.error("unknown", &[]);
    assert!(
        error.contains("unknown.toml: line 4, column 9: there is no variable no;"),
        "{error}"
    );
    let long = "x".repeat(crate::expand::LONGEST + 1);
    assert!(shelf
        .error("child", &[("name", &long)])
        .contains("longer than"));
}

#[test]
fn links_out_of_the_root_and_privileges_are_refused() {
    for target in ["..", "../x", "a/../../x", "./../x"] {
        let text = error(&format!("[[symlink]]\npath=\"/l\"\ntarget=\"{target}\""));
        assert!(text.contains("leads out of the root"), "{target}: {text}");
    }
    let link = "[[symlink]]\npath=\"/a/b/l\"\ntarget=\"../../x/../y\"";
    assert!(Template::parse(&format!("description=\"t\"\n{link}")).is_ok());
    let file = "[[file]]\npath=\"/a\"\ncontent=\"\"\nmode=\"4755\"";
    assert!(error(file).contains("it takes set_id = true"));
    let text = format!("description=\"t\"\n{file}\nset_id=true");
    assert!(Template::parse(&text).is_ok());
}

#[test]
fn variables_make_no_more_than_anybody_means() {
    let variable =
        |name: usize, default: &str| format!("[variable.v{name}]\ndefault=\"{default}\"\n");
    let row = |count: usize, of: &dyn Fn(usize) -> String| -> String {
        let last = variable(count, "");
        (0..count)
            .map(|name| variable(name, &of(name)))
            .collect::<String>()
            + &last
    };
    let parse = |text: &str| {
        let parsed = Template::parse(&format!("description=\"t\"\n{text}"));
        parsed.map(drop).map_err(|error| error.to_string())
    };
    // Each looks up the next one twice, which is nothing.
    let doubled = |name: usize| format!("${{v{0}}}${{v{0}}}", name + 1);
    assert_eq!(parse(&row(60, &doubled)), Ok(()));
    let error = parse(&row(150, &doubled)).expect_err("deep");
    assert!(error.contains("through more than 100"), "{error}");
    let large = variable(0, &"x".repeat(60_000));
    let files = |count: usize| -> String {
        let file = |name: usize| format!("[[file]]\npath=\"/{name}\"\ncontent=\"${{v0}}\"\n");
        (0..count).map(file).collect()
    };
    assert_eq!(parse(&(large.clone() + &files(100))), Ok(()));
    let error = parse(&(large + &files(1000))).expect_err("large");
    assert!(error.contains("of it together"), "{error}");
}

impl Template {
    /// The number of an owner that it describes itself; `root` is 0 in any case.
    fn uid(&self, owner: &str) -> u32 {
        let found = self.users().iter().find(|user| user.name == owner);
        found.map_or(0, |user| user.uid.0)
    }

    /// The same of a group.
    fn gid(&self, group: &str) -> u32 {
        let found = self.groups().iter().find(|one| one.name == group);
        found.map_or(0, |group| group.gid.0)
    }
}

/// Of one without users.
fn bare_error(text: &str) -> String {
    let text = format!("description = \"x\"\n{text}");
    Template::parse(&text).expect_err("invalid").to_string()
}

#[test]
fn a_system_of_its_own_takes_nothing_from_the_machine() {
    let debian = "[debian]\nsuite = \"trixie\"\n";
    let template = Template::parse(&format!("description = \"x\"\n{debian}")).expect("valid");
    let debian_table = template.debian().expect("a system");
    assert_eq!(debian_table.variant, "minbase");
    assert_eq!(debian_table.components.0, ["main"]);
    for (more, expected) in [
        (
            "[[programs]]\nnames = \"ls\"",
            "[[programs]] does not go with",
        ),
        (
            "[[account]]\nnames = \"www\"",
            "[[account]] does not go with",
        ),
        (
            "[[copies]]\npaths = \"/etc\"",
            "[[copies]] does not go with",
        ),
        ("[[locale]]\nnames = \"C\"", "[[locale]] does not go with"),
    ] {
        let text = bare_error(&format!("{debian}{more}"));
        assert!(text.contains(expected), "{text}");
    }
    for wrong in [
        "[debian]\nsuite = \"--hook=x\"",
        "[debian]\nsuite = \"\"",
        "[debian]\nsuite = \"a b\"",
        "[debian]\nsuite = \"a\"\npackages = \"-x\"",
        "[debian]\nsuite = \"a\"\npackages = [\"a,b\"]",
        "[debian]\nsuite = \"a\"\nvariant = \"$x\"",
    ] {
        let text = bare_error(wrong);
        assert!(text.contains("is no name of Debian's"), "{text}");
    }
    let text = bare_error("[debian]\nsuite = \"a\"\nmirror = \"http://a\\n --x\"");
    assert!(text.contains("\"--x\" is no mirror"), "{text}");
}

#[test]
fn lists_are_of_absolute_paths_and_names() {
    for (text, expected) in [
        ("[[copies]]\npaths = \"/a ../b\"", "\"../b\""),
        ("[[directories]]\npaths = \"a\"", "\"a\""),
        ("[[account]]\nnames = \"a:b\"", "a:b"),
        (
            "[[directories]]\npaths = \"/a\"\nmode = \"2755\"",
            "set-user-ID",
        ),
        ("[[directories]]\npaths = \"/a\"\nowner = \"who\"", "who"),
    ] {
        let error = error(text);
        assert!(error.contains(expected), "{error}");
    }
}
