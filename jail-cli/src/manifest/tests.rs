// SPDX-License-Identifier: MIT OR Apache-2.0

use std::fs;
use std::time::Duration;

use super::*;

const FULL: &str = r#"
[jail.web]
root = "web"
template = "minimal"
user = "www:www"
shell = "/bin/ash"
command = ["httpd", "-f", "-p", "8080"]
environment = { PORT = "8080", EMPTY = "" }
env-file = ["web.env"]
group-add = [44, "20", "audio"]
drop = ["kill", "setfcap"]
ambient = ["net_bind_service"]
inherit = ["affinity", "rlimits"]
keep = true
depends = ["db", "cache"]
stop-timeout = 3
limits = { tasks = 20, shm_bytes = "64M", children = 1, sem = "max", memory = "32m", memory-swap = "32m", cpus = 0.5, device-read-bps = ["/dev/vda:1m"] }

[jail.web.hooks]
before-start = "true"
after-stop = "false"

[jail.db]
root = "/srv/db"

[jail.cache]
root = "/srv/cache"
depends = ["db"]
"#;

fn parse(text: &str) -> Result<Manifest, String> {
    Manifest::parse(text, Path::new("/etc/jails")).map_err(|error| error.to_string())
}

fn order(text: &str) -> Result<Vec<String>, String> {
    Ok(parse(text)?
        .order()
        .map(|(name, _)| name.to_string())
        .collect())
}

#[test]
fn everything_is_read() {
    let manifest = parse(FULL).expect("a description");
    let (name, web) = manifest.order().last().expect("a jail");
    assert_eq!(name.as_str(), "web");
    assert_eq!(web.root(), Path::new("/etc/jails/web"));
    assert_eq!(web.user.to_string(), "www:www");
    assert_eq!(web.command.len(), 4);
    assert_eq!(web.environment.len(), 2);
    let isolation = web.isolation();
    let groups = &isolation.credentials.group_add;
    let groups: Vec<String> = groups.iter().map(ToString::to_string).collect();
    assert_eq!(groups, ["44", "20", "audio"]);
    assert_eq!(isolation.credentials.dropped().len(), 2);
    assert_eq!(isolation.credentials.ambient().len(), 1);
    assert_eq!(isolation.inherit.len(), 2);
    assert_eq!(web.stop_timeout, Duration::from_secs(3));
    let limits: Vec<String> = web
        .limits
        .settings
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        limits,
        [
            "children.max=1",
            "sem.max=max",
            "shm_bytes.max=67108864",
            "tasks.max=20"
        ]
    );
    let controls: Vec<String> = isolation.controls.iter().map(ToString::to_string).collect();
    assert_eq!(
        controls,
        [
            "memory.max=33554432",
            "memory.swap.max=0",
            "cpu.max=50000 100000",
            "io.max=/dev/vda rbps=1048576"
        ]
    );
    assert_eq!(web.hooks.after_stop.as_deref(), Some("false"));
    let (_, db) = manifest.order().next().expect("a jail");
    assert_eq!(db.root(), Path::new("/srv/db"));
    assert_eq!(
        (db.user.to_string().as_str(), db.keep),
        ("1000:1000", false)
    );
    assert_eq!(db.stop_timeout, Duration::from_secs(10));
}

#[test]
fn what_is_around_a_command_is_as_on_the_command_line() {
    let text = "[jail.a]\nroot='/a'\nwithout=['seccomp','dev']\nallow=['chroot']\n\
                bind=['/s:/d:ro']\ntmpfs=['/tmp:size=1M']\nworkdir='/d'\numask=0o077\n\
                rlimits={nofile=5,cpu='1:max'}\nnew-net=true\nnew-uts=true\nhostname='h'\nids='100000:2000'\n";
    let manifest = Manifest::parse(text, Path::new("/")).expect("valid");
    let (_, jail) = manifest.order().next().expect("a jail");
    let isolation = jail.isolation();
    let without: Vec<&str> = isolation.without.iter().map(|part| part.name()).collect();
    assert_eq!(without, ["seccomp", "dev"]);
    assert_eq!(isolation.umask, 0o077);
    let limits: Vec<String> = isolation.rlimit.iter().map(ToString::to_string).collect();
    assert_eq!(limits, ["cpu=1:max", "nofile=5:5"]);
    assert!(isolation.new.new_net && !isolation.new.new_pid);
    let ids = isolation.ids.map(|ids| ids.to_string());
    assert_eq!(ids.as_deref(), Some("100000:2000"));
    for wrong in [
        "plain=true\ntmpfs=['/tmp']",
        "hostname='h'",
        "allow=['everything']",
        "without=['colour']",
        "rlimits={files=1}",
        "bind=['a:b']",
        "umask=0o1000",
        "ids='1000'",
        "plain=true\nids='auto'",
    ] {
        let text = format!("[jail.a]\nroot='/a'\n{wrong}\n");
        assert!(Manifest::parse(&text, Path::new("/")).is_err(), "{wrong}");
    }
}

#[test]
fn each_comes_after_what_it_depends_on() {
    assert_eq!(
        order(FULL),
        Ok(vec!["db".into(), "cache".into(), "web".into()])
    );
    let independent = "[jail.c]\nroot='/c'\n[jail.a]\nroot='/a'\n[jail.b]\nroot='/b'\n";
    assert_eq!(
        order(independent),
        Ok(vec!["a".into(), "b".into(), "c".into()])
    );
}

#[test]
fn a_circle_is_shown() {
    let text = "[jail.a]\nroot='/'\ndepends=['b']\n[jail.b]\nroot='/'\ndepends=['c']\n\
                [jail.c]\nroot='/'\ndepends=['b']\n";
    let error = order(text).expect_err("a circle");
    assert!(error.ends_with("b -> c -> b"), "{error}");
    let own = order("[jail.a]\nroot='/'\ndepends=['a']\n").expect_err("a circle");
    assert!(own.ends_with("a -> a"), "{own}");
}

#[test]
fn what_is_wrong_is_named() {
    for (text, part) in [
        ("", "describes no jail"),
        ("[jail.a]\n", "root"),
        ("[jail.a]\nroot='/'\ncolour='red'\n", "colour"),
        ("[jail.1]\nroot='/'\n", "digits"),
        ("[jail.a]\nroot='/'\nuser=''\n", "user is empty"),
        ("[jail.a]\nroot='/'\nlimits={ files = 1 }\n", "shm_bytes"),
        ("[jail.a]\nroot='/'\nlimits={ tasks = -1 }\n", "line 3"),
        (
            "[jail.a]\nroot='/'\nlimits={ tasks = '5K' }\n",
            "tasks.max=5K",
        ),
        (
            "[jail.a]\nroot='/'\ndepends=['b']\n",
            "jail.a: depends on b",
        ),
        ("[jail.a]\nroot='/'\n[jail.a.hooks]\nbefore='x'\n", "before"),
        ("[jail.a\n", "line 1"),
    ] {
        let error = order(text).expect_err(text);
        assert!(error.contains(part), "{text:?}: {error}");
    }
}

#[test]
fn a_file_is_named() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let path = dir.path().join("jaula.toml");
    let missing = Manifest::load(&path).expect_err("missing").to_string();
    assert!(
        missing.starts_with(&path.display().to_string()),
        "{missing}"
    );
    fs::write(&path, "[jail.a]\nroot = 'r'\n").expect("write");
    let manifest = Manifest::load(&path).expect("a description");
    let (_, jail) = manifest.order().next().expect("a jail");
    let root = dir.path().canonicalize().expect("a path").join("r");
    assert_eq!(jail.root(), root);
}

/// A directory with these files.
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("temporary directory");
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        fs::write(path, text).expect("written");
    }
    dir
}

/// The file `main.toml` of one, whoever has written that.
fn load(files: &[(&str, &str)]) -> Result<Manifest, String> {
    let dir = directory(files);
    let told = |error: String| error.replace(&dir.path().display().to_string(), "DIR");
    let path = dir.path().join("main.toml");
    let text = read::named(&path).map_err(told)?;
    let mut loader = Loader::new(Trust::Anybody);
    loader
        .file(&text)
        .map_err(|error| told(error.to_string()))?;
    let mut manifest = Manifest::empty(None);
    manifest
        .add(&path, loader)
        .and_then(|()| manifest.put_in_order())
        .map_err(|error| told(error.to_string()))
}

fn names(manifest: &Manifest) -> Vec<&str> {
    manifest.order().map(|(name, _)| name.as_str()).collect()
}

fn jail<'a>(manifest: &'a Manifest, name: &str) -> &'a Description {
    manifest.get(&name.parse().expect(name)).expect(name)
}

#[test]
fn what_is_wrong_is_located() {
    for (text, expected) in [
        (
            "[jail.a]\nroot = '/'\nkeep = 1\n",
            "line 3, column 8: jail.a: ",
        ),
        (
            "[jail.a]\nroot = '/'\n  colour = 1\n",
            "line 3, column 3: jail.a: ",
        ),
        ("\n [jail.a]\n", "line 2, column 8: jail.a: neither root"),
        (
            "[jail.a]\nroot = '/'\nhooks = { x = 1 }\n",
            "line 3, column 11: jail.a: ",
        ),
        (
            "[jail.a]\nroot = '/'\nlimits = { tasks = -1 }\n",
            "line 3, column ",
        ),
        (
            "[jail.a]\nroot = '/'\nrestart = 'often'\n",
            "line 3, column 11: ",
        ),
        (
            "[jail.a]\nroot = '/'\n\n[jail.b]\nroot='/'\numask=0o1000\n",
            "line 4, column 7: jail.b: ",
        ),
        (
            "[jail.a]\nroot = '/'\nrestart = 'always'\nkeep = true\n",
            "line 1, column 7: jail.a: keep",
        ),
        (
            "[jail.a]\nroot = '/'\ndepends = ['b']\n",
            "line 1, column 7: jail.a: depends on b",
        ),
        (
            "[jails.a]\nroot = '/'\n",
            "line 1, column 2: unknown key \"jails\"",
        ),
        (
            "[jail.a]\nroot = '/${X}'\n",
            "line 2, column 10: there is no variable X",
        ),
        (
            "[jail.a]\nroot = '/'\ncommand = ['x', 'a ${']\n",
            "line 3, column 20: ${ begins",
        ),
        ("variables = 1\n", "line 1, column 13: "),
        ("[variables]\nA = 1\n", "line 2, column 5: "),
        ("[variables]\n1A = '1'\n", "line 2, column 1: "),
        (
            "[variables]\nA = '${B}'\nB = '${A}'\n",
            "line 2, column 5: A: this variable stands for itself",
        ),
        (
            "include = 'x'\n",
            "line 1, column 11: include: expected a list",
        ),
        ("[jail.a]\nroot = '/'\n[jail.a]\n", "line 3, column "),
        (
            "[defaults]\nkeep = 1\n[jail.a]\nroot = '/'\n",
            "line 2, column 8: jail.a: ",
        ),
    ] {
        let error = parse(text).expect_err(text);
        assert!(error.starts_with(expected), "{text:?}: {error}");
        assert!(!error.contains('\n'), "{text:?}: {error}");
    }
}

#[test]
fn defaults_are_for_what_a_jail_does_not_say() {
    let text = "[defaults]\nroot = '/usual'\nkeep = true\nbind = ['/a:/a']\n\
                limits = { tasks = 5, sem = 1 }\nrestart-delay = 7\n\
                [jail.a]\n[jail.b]\nroot = '/own'\nkeep = false\nbind = []\nlimits = { tasks = 6 }\n";
    let manifest = parse(text).expect("valid");
    let of = |name| {
        let jail = jail(&manifest, name);
        let limits: Vec<String> = jail
            .limits
            .settings
            .iter()
            .map(ToString::to_string)
            .collect();
        (jail.root(), jail.keep, jail.bind.len(), limits.join(" "))
    };
    assert_eq!(
        of("a"),
        ("/usual".into(), true, 1, "sem.max=1 tasks.max=5".into())
    );
    assert_eq!(
        of("b"),
        ("/own".into(), false, 0, "sem.max=1 tasks.max=6".into())
    );
    assert_eq!(jail(&manifest, "a").restart_delay, Duration::from_secs(7));
}

#[test]
fn variables_stand_in_every_text() {
    let text = "[variables]\nBASE = '/srv/${KIND}'\nKIND = 'web'\n\
                [jail.a]\nroot = '${BASE}/a'\nuser = '${KIND}'\ncommand = ['x', '$${KIND}', '$KIND']\n\
                environment = { KIND = '${KIND}' }\n[jail.a.hooks]\nafter-stop = 'rm ${BASE}'\n";
    let manifest = parse(text).expect("valid");
    let jail = jail(&manifest, "a");
    assert_eq!(jail.root(), Path::new("/srv/web/a"));
    assert_eq!(jail.user.to_string(), "web");
    let words: Vec<std::ffi::OsString> = jail.command.iter().map(Into::into).collect();
    assert_eq!(words, ["x", "${KIND}", "$KIND"]);
    assert_eq!(jail.environment[0].value, "web");
    assert_eq!(jail.hooks.after_stop.as_deref(), Some("rm /srv/web"));
}

#[test]
fn what_is_included_has_what_the_including_says_and_may_say_otherwise() {
    let manifest = load(&[
        (
            "main.toml",
            "include = ['${D}', 'more/one.toml']\n[variables]\nD = 'd'\nU = 'outer'\n\
             [defaults]\nuser = '${U}'\nkeep = true\nroot = 'r'\n[jail.main]\n",
        ),
        ("d/20.toml", "[jail.second]\nuser = '${U}x'\n"),
        ("d/10.toml", "[jail.first]\ndepends = ['second']\n"),
        ("d/.hidden.toml", "[wrong"),
        ("d/other.txt", "[wrong"),
        (
            "more/one.toml",
            "[variables]\nU = 'inner'\n[defaults]\nkeep = false\n[jail.third]\nshell = '/${U}'\n",
        ),
    ])
    .expect("valid");
    assert_eq!(names(&manifest), ["second", "first", "main", "third"]);
    let user = |name| jail(&manifest, name).user.to_string();
    assert_eq!(user("main"), "outer");
    assert_eq!(user("first"), "outer");
    assert_eq!(user("second"), "outerx");
    // A text means what it means where it is written.
    assert_eq!(user("third"), "outer");
    let third = jail(&manifest, "third");
    assert_eq!(third.shell.as_deref(), Some(Path::new("/inner")));
    assert!(!third.keep && jail(&manifest, "first").keep);
    // Paths begin where the file lies.
    assert!(third.root().ends_with("more/r"));
    assert!(jail(&manifest, "first").root().ends_with("d/r"));
}

#[test]
fn what_is_wrong_about_inclusion_names_both_places() {
    let a = "[jail.a]\nroot = '/'\n";
    for (files, parts) in [
        (
            &[("main.toml", "include = ['no.toml']")][..],
            &["DIR/main.toml: line 1, column 12: includes DIR/no.toml: "][..],
        ),
        (
            &[("main.toml", "include = ['main.toml']")],
            &["DIR/main.toml: line 1, column 12: includes DIR/main.toml", "a circle"],
        ),
        (
            &[
                ("main.toml", "include = ['one.toml']"),
                ("one.toml", "include = ['two.toml']"),
                ("two.toml", "\ninclude = ['one.toml']"),
            ],
            &["DIR/two.toml: line 2, column 12: includes DIR/one.toml", "a circle", "DIR/main.toml: line 1, column 12"],
        ),
        (
            &[
                ("main.toml", "include = ['one.toml', './one.toml']"),
                ("one.toml", a),
            ],
            &["DIR/main.toml: line 1, column 24: includes DIR/./one.toml, which is included already", "DIR/main.toml: line 1, column 12"],
        ),
        (
            &[
                ("main.toml", "include = ['one.toml']\n[jail.a]\nroot = '/'\n"),
                ("one.toml", a),
            ],
            &["DIR/one.toml: line 1, column 7: jail.a: is described already: DIR/main.toml: line 2, column 7"],
        ),
        (
            &[("main.toml", "include = ['one.toml']"), ("one.toml", "[jail.a]\nroot = 1\n")],
            &["DIR/one.toml: line 2, column 8: jail.a: "],
        ),
        (
            &[("main.toml", "include = ['d']"), ("d/x.toml/y", "")],
            &["DIR/main.toml: line 1, column 12: includes DIR/d/x.toml: is not a file"],
        ),
    ] {
        let error = load(files).expect_err("wrong");
        for part in parts {
            assert!(error.contains(part), "{files:?}: {error}");
        }
    }
    let large = "#".repeat((1 << 20) + 1);
    let error = load(&[("main.toml", &large)]).expect_err("too large");
    assert!(error.contains("larger"), "{error}");
    let names: Vec<String> = (0..40).map(|number| format!("{number}.toml")).collect();
    let texts: Vec<String> = (1..41)
        .map(|number| format!("include = ['{number}.toml']"))
        .collect();
    let mut files = vec![("main.toml", "include = ['0.toml']")];
    files.extend(
        names
            .iter()
            .zip(&texts)
            .map(|(name, text)| (name.as_str(), text.as_str())),
    );
    let error = load(&files).expect_err("too deep");
    assert!(
        error.starts_with("DIR/30.toml: line 1, column 12: files include"),
        "{error}"
    );
    let doubled: String = (1..40)
        .map(|n| format!("V{n} = '${{V{0}}}${{V{0}}}'\n", n - 1))
        .collect();
    let error = parse(&format!("[variables]\nV0 = 'x'\n{doubled}")).expect_err("too long");
    assert!(error.contains("longer than 65536 bytes"), "{error}");
    // Nothing may be there so far.
    let files = [("main.toml", "include = ['d']"), ("d/none", "")];
    assert_eq!(self::names(&load(&files).expect("valid")), [""; 0]);
}

#[test]
fn each_file_of_a_directory_is_for_itself() {
    let dir = directory(&[
        ("10-db.toml", "[jail.db]\nroot = '/'\n"),
        (
            "20-web.toml",
            "[jail.web]\nroot = '/'\ndepends = ['db']\n[jail.a]\nroot = '/'\n",
        ),
        ("30-bad.toml", "[jail.bad]\nroot = '/'\ncolour = 1\n"),
        (
            "40-lost.toml",
            "[jail.lost]\nroot = '/'\ndepends = ['bad']\n",
        ),
        (
            "50-loose.toml",
            "[jail.loose]\nroot = '/'\n[jail.on]\nroot = '/'\ndepends = ['lost']\n",
        ),
        (
            "60-again.toml",
            "[jail.db]\nroot = '/'\n[jail.more]\nroot = '/'\n",
        ),
        ("70-empty.toml", "# [jail.x]\n"),
        ("80-circle.toml", "[jail.x]\nroot = '/'\ndepends = ['y']\n"),
        ("81-circle.toml", "[jail.y]\nroot = '/'\ndepends = ['x']\n"),
    ]);
    let manifest = Manifest::of_directory(dir.path(), Trust::Anybody).expect("read");
    assert_eq!(names(&manifest), ["a", "db", "web"]);
    let faults: BTreeMap<String, String> = manifest
        .files()
        .iter()
        .filter_map(|file| {
            let name = file.path.file_name()?.to_str()?.to_owned();
            let fault = file.fault.as_ref()?.to_string();
            Some((
                name,
                fault.replace(&dir.path().display().to_string(), "DIR"),
            ))
        })
        .collect();
    let expected = [
        ("30-bad.toml", "DIR/30-bad.toml: line 3, column 1: jail.bad: unknown field"),
        ("40-lost.toml", "DIR/40-lost.toml: line 1, column 7: jail.lost: depends on bad, which is not described"),
        ("50-loose.toml", "DIR/50-loose.toml: line 3, column 7: jail.on: depends on lost, which is described in DIR/40-lost.toml, which cannot be used"),
        ("60-again.toml", "DIR/60-again.toml: line 1, column 7: jail.db: is described already: DIR/10-db.toml: line 1, column 7"),
        ("80-circle.toml", "DIR/80-circle.toml: line 1, column 7: these depend on each other in a circle: x -> y -> x"),
        ("81-circle.toml", "DIR/80-circle.toml: line 1, column 7: these depend on each other in a circle: x -> y -> x"),
    ];
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    for (name, part) in expected {
        assert!(faults[name].starts_with(part), "{name}: {}", faults[name]);
    }
    assert_eq!(manifest.files().len(), 9);
}

#[test]
fn only_what_is_roots_is_included() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    // Anybody can make something in the directory that it lies in.
    let dir = directory(&[
        ("main.toml", "include = ['one.toml']"),
        ("one.toml", "[jail.a]\nroot = '/'\n"),
    ]);
    let error = Manifest::load(&dir.path().join("main.toml"))
        .expect_err("refused")
        .to_string();
    assert!(
        error.contains("others than root of the host can change"),
        "{error}"
    );
    let error = Manifest::load_directory(dir.path())
        .expect_err("refused")
        .to_string();
    assert!(
        error.contains("others than root of the host can change"),
        "{error}"
    );
}

#[test]
fn what_variables_make_of_a_text_has_an_end() {
    let doubled = |last: &str| -> String {
        let more = (1..40).map(|n| format!("V{n}='${{V{0}}}${{V{0}}}'\n", n - 1));
        format!("[variables]\nV0='{last}'\n{}", more.collect::<String>())
    };
    // Each is looked up once: it would be a million million times.
    let text = doubled("") + "[jail.a]\nroot='/a${V39}'\n";
    assert_eq!(order(&text), Ok(vec!["a".to_owned()]));
    let why = parse(&(doubled("x") + "[jail.a]\nroot='/a'\n")).expect_err("too long");
    assert!(why.contains("longer than 65536 bytes"), "{why}");
    // One after the other, and many of the longest.
    let chain = (1..50_000).map(|n| format!("V{}='${{V{n}}}'\n", n - 1));
    let chain: String = chain.collect();
    let text = format!("[variables]\n{chain}V49999='x'\n[jail.a]\nroot='/a'\n");
    let why = parse(&text).expect_err("too deep");
    assert!(why.contains("through more than"), "{why}");
    let long = "x".repeat(60_000);
    let words = "'${V}',".repeat(2000);
    let text = format!("[variables]\nV='{long}'\n[jail.a]\nroot='/a'\ncommand=[{words}]\n");
    let why = parse(&text).expect_err("too much");
    assert!(
        why.starts_with("line 5, column ") && why.contains("together"),
        "{why}"
    );
    let others = (0..2000).map(|n| format!("V{n}='${{V}}'\n"));
    let others: String = others.collect();
    let text = format!("[variables]\nV='{long}'\n{others}[jail.a]\nroot='/a'\n");
    let why = parse(&text).expect_err("too much");
    assert!(why.contains("together"), "{why}");
}

#[test]
fn what_defaults_make_of_jails_has_an_end() {
    let jails: String = (0..1000).map(|n| format!("[jail.j{n}]\n")).collect();
    let defaults = |length| {
        let long = "x".repeat(length);
        format!("[defaults]\nroot='/a'\nenvironment={{ V='{long}' }}\n{jails}")
    };
    assert!(parse(&defaults(1000)).is_ok());
    let why = parse(&defaults(60_000)).expect_err("too much");
    assert!(why.contains("together"), "{why}");
}

#[test]
fn there_are_not_too_many_jails() {
    let jails = |count: u32| -> String {
        let jail = |n| format!("[jail.j{n}]\nroot='/a'\ndepends=['j{}']\n", n + 1);
        (0..count - 1).map(jail).collect::<String>()
            + &format!("[jail.j{}]\nroot='/a'\n", count - 1)
    };
    assert_eq!(order(&jails(1000)).map(|order| order.len()), Ok(1000));
    let why = parse(&jails(2000)).expect_err("too many");
    assert!(why.contains("more than 1000 jails"), "{why}");
    let dir = directory(&[
        ("1.toml", jails(600).as_str()),
        (
            "2.toml",
            jails(600).replace(".j", ".k").replace("'j", "'k").as_str(),
        ),
    ]);
    let manifest = Manifest::of_directory(dir.path(), Trust::Anybody).expect("read");
    let fault = manifest.files()[1].fault.as_ref().map(ToString::to_string);
    assert!(fault.is_some_and(|why| why.contains("more than 1000 jails")));
    assert_eq!(manifest.order().count(), 600);
}

#[test]
fn what_lies_deep_is_refused() {
    for text in [
        format!("{}a=1\n", "a.".repeat(200_000)),
        format!("[{}a]\n", "a.".repeat(200_000)),
        format!("a={}\n", "[".repeat(200_000)),
        format!("[jail.a]\nroot='/a'\nhooks.{}a=1\n", "a.".repeat(200_000)),
    ] {
        assert!(parse(&text).is_err(), "{}", &text[..20]);
    }
}

#[test]
fn variables_of_a_template_are_set() {
    let text = "[defaults]\ntemplate = 'bash'\nset = { also = 'vim', more = '' }\n\
                [jail.a]\nroot = '/a'\nset = { also = 'less git' }\n";
    let manifest = parse(text).expect("valid");
    let set = &manifest.order().last().expect("a jail").1.set;
    let expected = [("also", "less git"), ("more", "")];
    let set: Vec<_> = set
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(set, expected);
    for (text, part) in [
        ("root='/a'\nset = { also = 'x' }", "there is none"),
        (
            "root='/a'\ntemplate='bash'\nset = { 'a b' = 'x' }",
            "name of a variable",
        ),
        ("root='/a'\ntemplate='bash'\nset = { also = 1 }", "string"),
        ("root='/a'\ntemplate='bash'\nset = 'also=x'", "map"),
    ] {
        let error = parse(&format!("[jail.a]\n{text}\n"))
            .expect_err(text)
            .to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}
