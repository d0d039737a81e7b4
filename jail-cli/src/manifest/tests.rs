// SPDX-License-Identifier: MIT OR Apache-2.0

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
limits = { tasks = 20, shm_bytes = "64M", children = 1, sem = "max" }

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
    assert_eq!(manifest.root(web), Path::new("/etc/jails/web"));
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
    let limits: Vec<String> = web.limits.iter().map(ToString::to_string).collect();
    assert_eq!(
        limits,
        [
            "children.max=1",
            "sem.max=max",
            "shm_bytes.max=67108864",
            "tasks.max=20"
        ]
    );
    assert_eq!(web.hooks.after_stop.as_deref(), Some("false"));
    let (_, db) = manifest.order().next().expect("a jail");
    assert_eq!(manifest.root(db), Path::new("/srv/db"));
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
    assert_eq!(manifest.root(jail), root);
}
