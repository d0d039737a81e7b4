// SPDX-License-Identifier: MIT OR Apache-2.0

//! Descriptions that consist of several files: what is included, and directories.

use super::inspected;
use jaula_tests::admin::{in_kernel, output, succeed};
use jaula_tests::group::Group;
use jaula_tests::ktap::{CaseResult, Context, Failure, Suite};
use jaula_tests::launch::{complaint, failed, FAILED};
use jaula_tests::{check, check_eq};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{chown, symlink, PermissionsExt};

/// Where root alone can write.
const FIRM: &str = "/run";

/// The exit status where some files have come to nothing.
const SOME: i32 = 1;

/// A description of one jail that runs for a long time.
fn jail(name: &str, keys: &str) -> String {
    format!("[jail.{name}]\nroot = 'ROOT'\ncommand = ['sleep', '1000']\n{keys}")
}

/// The names of the jails that there are.
fn names() -> Result<BTreeSet<String>, Failure> {
    let list = succeed(&["ls"])?;
    let names = list.lines().filter_map(|line| line.split('\t').nth(1));
    Ok(names.map(str::to_owned).collect())
}

fn check_names(expected: &[&str]) -> CaseResult {
    let expected = expected.iter().map(|name| (*name).to_owned()).collect();
    check_eq!(names()?, expected, "the jails");
    Ok(())
}

/// Runs a command in the directory that has this status, and says each of these things.
fn says(group: &Group, arguments: &[&str], status: i32, parts: &[&str]) -> CaseResult {
    let said = output(&mut group.jaula(arguments))?;
    let complaint = complaint(&said);
    check_eq!(said.status.code(), Some(status), "the status ({complaint})");
    for part in parts {
        check!(complaint.contains(part), "{part:?} is not in {complaint}");
    }
    Ok(())
}

fn set_mode(path: &std::path::Path, mode: u32) -> CaseResult {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).context(path.display())
}

pub fn add(suite: &mut Suite<'_>) {
    suite.case("include: defaults, variables, and files of a directory", || {
        let group = Group::of_files(
            FIRM,
            &[
                (
                    "jaula.toml",
                    "include = ['${WHERE}', 'one.toml']\n[variables]\nWHERE = 'jails'\nTIME = '1000'\n\
                     [defaults]\nroot = 'ROOT'\nlimits = { tasks = 7 }\n\
                     command = ['sleep', '${TIME}']\n",
                ),
                ("jails/b.toml", "[jail.b]\nlimits = { sem = 3 }\n"),
                ("jails/a.toml", "[jail.a]\ndepends = ['b']\n"),
                ("jails/not.txt", "[wrong"),
                ("one.toml", "[jail.one]\nlimits = { tasks = 9 }\n"),
            ],
        )?;
        group.succeed(&["up"])?;
        check_names(&["a", "b", "one"])?;
        for (name, tasks) in [("a", 7), ("b", 7), ("one", 9)] {
            let said = inspected(name)?.unwrap_or_default();
            check_eq!(said["limits"]["tasks"], tasks, "the tasks of {name}");
            check_eq!(said["noted"]["command"][1], "1000", "the command of {name}");
        }
        let said = inspected("b")?.unwrap_or_default();
        check_eq!(said["limits"]["sem"], 3, "the semaphores of b");
        group.succeed(&["down"])?;
        check_names(&[])
    });
    suite.case("include: only what is root's alone", || {
        let group = Group::of_files(
            FIRM,
            &[
                ("jaula.toml", "include = ['more/one.toml']\n"),
                ("more/one.toml", &jail("one", "")),
                ("other.toml", &jail("one", "")),
            ],
        )?;
        let (more, one) = (group.0.join("more"), group.0.join("more/one.toml"));
        let refused = |part: &str| says(&group, &["up"], FAILED, &["line 1, column 12", part]);
        set_mode(&one, 0o664)?;
        refused("can be changed by others than root")?;
        set_mode(&one, 0o644)?;
        chown(&one, Some(1000), None).context("chown")?;
        refused("it belongs to user 1000")?;
        chown(&one, Some(0), None).context("chown")?;
        set_mode(&more, 0o777)?;
        refused("others than root of the host can change what lies in")?;
        set_mode(&more, 0o755)?;
        chown(&more, Some(1000), None).context("chown")?;
        refused("others than root of the host can change what lies in")?;
        // A link of theirs leads to what is root's.
        fs::remove_file(&one).context("remove")?;
        symlink(group.0.join("other.toml"), &one).context("symlink")?;
        refused("others than root of the host can change what lies in")?;
        chown(&more, Some(0), None).context("chown")?;
        group.succeed(&["up"])?;
        check_names(&["one"])?;
        group.succeed(&["down"])
    });
    suite.case("include: nothing that a jail was given to change", || {
        let group = Group::of_files(
            FIRM,
            &[
                ("jaula.toml", "include = ['given']\n"),
                ("given/one.toml", &jail("one", "")),
            ],
        )?;
        let bind = format!("{}/given:/mnt", group.0.display());
        fs::create_dir_all("/srv/jail/mnt").context("/srv/jail/mnt")?;
        // Its root is root, and what that writes is root's.
        succeed(&["run", "-q", "--bind", &bind, "/srv/jail", "--", "true"])?;
        says(
            &group,
            &["up"],
            FAILED,
            &["line 1, column 12", "a jail perhaps"],
        )?;
        check_eq!(in_kernel()?.len(), 0, "the jails");
        let directory = group.0.join("given").display().to_string();
        says(&group, &["up", &directory], FAILED, &["a jail perhaps"])
    });
    suite.case("include: what cannot be read holds nobody up", || {
        let group = Group::of_files(FIRM, &[("jaula.toml", "include = ['fifo']\n")])?;
        let made = output(std::process::Command::new("mkfifo").arg(group.0.join("fifo")))?;
        check!(made.status.success(), "{}", complaint(&made));
        says(&group, &["up"], FAILED, &["is not a file"])
    });
    suite.case("up DIR: each file is for itself", || {
        let group = Group::of_files(
            FIRM,
            &[
                ("d/10-db.toml", &jail("db", "")),
                (
                    "d/20-web.toml",
                    &(jail("web", "depends = ['db']\n") + &jail("a", "")),
                ),
                ("d/30-bad.toml", "[jail.bad]\nroot = 'ROOT'\n  colour = 1\n"),
                (
                    "d/40-broken.toml",
                    &(jail("first", "")
                        + "[jail.second]\nroot = '/no/such'\ndepends = ['first']\n"),
                ),
                ("d/50-last.toml", &jail("last", "depends = ['first']\n")),
                ("d/60-own.toml", &jail("own", "unit = true\n")),
            ],
        )?;
        says(
            &group,
            &["up", "d"],
            SOME,
            &[
                "d/30-bad.toml: line 3, column 3: jail.bad: ",
                "d/40-broken.toml: second: /no/such",
                "d/50-last.toml: last: it depends on first, which",
                "own: is left to a unit of its own",
            ],
        )?;
        check_names(&["a", "db", "web"])?;
        says(
            &group,
            &["up", "--check", "d"],
            SOME,
            &[
                "30-bad.toml: line 3",
                "last: was stopped",
                "second: does not run",
            ],
        )?;
        // It can be mended while the others run.
        group.write("d/30-bad.toml", &jail("bad", ""))?;
        fs::remove_file(group.0.join("d/40-broken.toml")).context("remove")?;
        fs::remove_file(group.0.join("d/50-last.toml")).context("remove")?;
        says(
            &group,
            &["up", "d"],
            0,
            &["db: runs already", "bad: started"],
        )?;
        check_names(&["a", "bad", "db", "web"])?;
        says(&group, &["up", "--check", "--quiet", "d"], 0, &[])?;
        says(&group, &["down", "d"], 0, &["web: stopped", "db: stopped"])?;
        check_names(&[])
    });
    suite.case(
        "up DIR: what depends on what is taken down again goes as well",
        || {
            let hooks = "hooks = { after-stop = 'echo $JAULA_NAME >> ../told' }\n";
            let group = Group::of_files(
                FIRM,
                &[
                    (
                        "d/1.toml",
                        &(jail("aa", hooks) + "[jail.zz]\nroot = '/no/such'\ndepends = ['mm']\n"),
                    ),
                    (
                        "d/2.toml",
                        &jail("mm", &format!("depends = ['aa']\n{hooks}")),
                    ),
                    ("d/3.toml", &jail("other", hooks)),
                ],
            )?;
            says(&group, &["up", "d"], SOME, &["mm: it depends on aa"])?;
            check_names(&["other"])?;
            check_eq!(group.told(), "mm\naa\n", "what was taken down");
            group.succeed(&["down", "d"])
        },
    );
    suite.case("up DIR: nothing, and nothing of it", || {
        let group = Group::of_files(FIRM, &[("d/readme", "x"), ("e/x.toml", "[jail.x]\n")])?;
        says(&group, &["up", "d"], 0, &[])?;
        says(&group, &["down", "d"], 0, &[])?;
        says(
            &group,
            &["up", "e"],
            FAILED,
            &["e/x.toml: line 1, column 7: jail.x: neither root nor lower"],
        )?;
        let text = jail("x", "");
        group.write("e/y.toml", &text)?;
        says(
            &group,
            &["up", "e"],
            SOME,
            &["e/x.toml: line 1, column 7: jail.x: neither root nor lower"],
        )?;
        group.succeed(&["rm", "--all"])?;
        set_mode(&group.0.join("e"), 0o777)?;
        says(&group, &["up", "e"], FAILED, &["others than root"])
    });
    suite.case("down DIR: what is not described any more", || {
        let group = Group::of_files(
            FIRM,
            &[
                ("d/gone.toml", &jail("gone", "")),
                ("d/broken.toml", &jail("broken", "restart = 'always'\n")),
                ("d/well.toml", &jail("well", "")),
                ("d/own.toml", &jail("own", "unit = true\n")),
            ],
        )?;
        group.succeed(&["up", "d"])?;
        group.succeed(&["up", "--only", "own", "d"])?;
        // It is its unit's, which looks after it.
        fs::remove_file(group.0.join("d/own.toml")).context("remove")?;
        symlink("/no/such", group.0.join("d/nowhere.toml")).context("symlink")?;
        succeed(&[
            "run",
            "-d",
            "--name",
            "mine",
            "/srv/jail",
            "--",
            "sleep",
            "1000",
        ])?;
        fs::remove_file(group.0.join("d/gone.toml")).context("remove")?;
        group.write("d/broken.toml", "[jail.broken")?;
        says(
            &group,
            &["down", "d"],
            0,
            &[
                "gone: stopped",
                "broken: stopped",
                "well: stopped",
                "broken.toml: line 1",
            ],
        )?;
        check_names(&["mine", "own"])?;
        // Its unit stops it by its name, and would wait for one that does not want to end.
        says(
            &group,
            &["down", "--only", "own", "d"],
            0,
            &["own: stopped"],
        )?;
        for name in ["own", "mine"] {
            let part = format!("{name}: is not described");
            says(&group, &["down", "--only", name, "d"], FAILED, &[&part])?;
        }
        check_names(&["mine"])?;
        succeed(&["rm", "mine"]).map(drop)
    });
    suite.case("down DIR: what a link there described", || {
        let group = Group::of_files(
            FIRM,
            &[
                ("elsewhere/one.toml", &jail("one", "restart = 'always'\n")),
                ("d/none", ""),
            ],
        )?;
        let link = group.0.join("d/one.toml");
        symlink("../elsewhere/one.toml", &link).context("symlink")?;
        group.succeed(&["up", "d"])?;
        fs::remove_file(&link).context("remove")?;
        says(&group, &["down", "d"], 0, &["one: stopped"])?;
        check_names(&[])
    });
    suite.case("up and down: only one", || {
        let text = jail("one", "") + &jail("two", "depends = ['one']\nunit = true\n");
        let group = Group::of_files(FIRM, &[("jaula.toml", &text)])?;
        says(
            &group,
            &["up", "--only", "three"],
            FAILED,
            &["three: is not described"],
        )?;
        says(
            &group,
            &["up", "--only", "two"],
            FAILED,
            &["depends on one"],
        )?;
        group.succeed(&["up"])?;
        check_names(&["one"])?;
        group.succeed(&["up", "--only", "two"])?;
        check_names(&["one", "two"])?;
        // It is not theirs.
        group.succeed(&["down"])?;
        check_names(&["two"])?;
        group.succeed(&["down", "--only", "two"])?;
        check_names(&[])
    });
    suite.case("what is wrong is said with file, line and column", || {
        let group = Group::of_files(FIRM, &[])?;
        for (text, part) in [
            (
                "[jail.a]\nroot = 'ROOT'\nkeep = 1\n",
                "jaula.toml: line 3, column 8: jail.a: ",
            ),
            (
                "[jail.a]\nroot = '${X}'\n",
                "jaula.toml: line 2, column 9: there is no variable X",
            ),
            ("\n[jail.a\n", "jaula.toml: line 2, column "),
        ] {
            group.describe(text)?;
            let refused = output(&mut group.jaula(&["up"]))?;
            failed(&refused, FAILED, &[part])?;
            check_eq!(complaint(&refused).lines().count(), 1, "the lines of it");
        }
        Ok(())
    });
}
