// SPDX-License-Identifier: MIT OR Apache-2.0

//! The parts of the Debian package that no build of it looks at.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use jaula::manifest::Manifest;

fn debian() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("debian")
}

fn read(name: &str) -> String {
    let path = debian().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

const LINES: [&str; 3] = [
    "GRUB_CMDLINE_LINUX",
    "GRUB_CMDLINE_LINUX_DEFAULT",
    "GRUB_CMDLINE_LINUX_RECOVERY",
];

/// What the lines are once grub-mkconfig has read the file so many times, and all that the shell says.
fn after_reading(times: usize, lines: [Option<&str>; 3]) -> ([Option<String>; 3], String) {
    let read_it = ". \"$FILE\"\n".repeat(times);
    let print = LINES.map(|name| format!("printf '%s\\0' \"${{{name}-unset}}\""));
    // As in grub-mkconfig, with more that a careless file falls over.
    let script = format!("set -eufC\n{read_it}{}", print.join("\n"));
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(script).env_clear();
    shell.env("PATH", "/usr/bin:/bin");
    shell.env("FILE", debian().join("zz-jaula.cfg"));
    for (name, value) in LINES.iter().zip(lines) {
        if let Some(value) = value {
            shell.env(name, value);
        }
    }
    let output = shell.output().expect("sh");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{lines:?}: {said}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let mut values = text.split_terminator('\0').map(|value| match value {
        "unset" => None,
        value => Some(value.to_owned()),
    });
    ([(); 3].map(|()| values.next().expect("three")), said)
}

/// The second of each pair is what becomes of the first.
const COMMAND_LINES: &[(&str, &str)] = &[
    ("", ""),
    ("quiet splash", "quiet splash"),
    (
        "lsm=landlock,yama,apparmor",
        "lsm=landlock,yama,apparmor,jaula",
    ),
    (
        "quiet lsm=landlock,bpf splash",
        "quiet lsm=landlock,bpf,jaula splash",
    ),
    // Blanks stay as they are.
    ("  a\tlsm=x \n b  ", "  a\tlsm=x,jaula \n b  "),
    // It is there: first, last, in between, alone.
    ("lsm=jaula,yama", "lsm=jaula,yama"),
    ("lsm=yama,jaula", "lsm=yama,jaula"),
    ("lsm=yama,jaula,bpf", "lsm=yama,jaula,bpf"),
    ("lsm=jaula", "lsm=jaula"),
    // Names that only resemble it.
    (
        "lsm=jaulas,xjaula,jaula-2",
        "lsm=jaulas,xjaula,jaula-2,jaula",
    ),
    // Nothing in it.
    ("lsm=", "lsm=jaula"),
    ("lsm= quiet", "lsm=jaula quiet"),
    ("lsm=\"\"", "lsm=jaula"),
    ("\"lsm=\" ro", "lsm=jaula ro"),
    ("lsm=yama,", "lsm=yama,jaula"),
    // Twice: the kernel takes the last, and nobody has to know that.
    ("lsm=yama ro lsm=bpf", "lsm=yama,jaula ro lsm=bpf,jaula"),
    (
        "lsm=yama lsm=jaula lsm=",
        "lsm=yama,jaula lsm=jaula lsm=jaula",
    ),
    // Quotes of the kernel's, of GRUB's, and around all of it.
    ("lsm=\"yama,bpf\" ro", "lsm=\"yama,bpf,jaula\" ro"),
    ("lsm='yama,bpf' ro", "lsm='yama,bpf,jaula' ro"),
    ("\"lsm=yama,bpf\" ro", "\"lsm=yama,bpf,jaula\" ro"),
    ("lsm=\\\"yama,bpf\\\" ro", "lsm=\\\"yama,bpf,jaula\\\" ro"),
    ("lsm=\"yama,jaula\"", "lsm=\"yama,jaula\""),
    ("lsm=\"yama, bpf\" ro", "lsm=\"yama, bpf,jaula\" ro"),
    ("lsm=\"yama", "lsm=\"yama,jaula"),
    // No parameter of that name.
    ("dyndbg=\"x lsm=yama\" ro", "dyndbg=\"x lsm=yama\" ro"),
    ("lsm.debug lsm.x=1 xlsm=a", "lsm.debug lsm.x=1 xlsm=a"),
    ("x=lsm=yama", "x=lsm=yama"),
    // What follows is for init.
    ("ro -- lsm=yama", "ro -- lsm=yama"),
    ("lsm=a -- lsm=yama", "lsm=a,jaula -- lsm=yama"),
    // What a shell would take for something of its own.
    (
        "x=* lsm=a,$(false) y=`false`",
        "x=* lsm=a,$(false),jaula y=`false`",
    ),
    ("a\\ b lsm=c\\", "a\\ b lsm=c,jaula\\"),
    ("x=ä lsm=ö", "x=ä lsm=ö,jaula"),
];

#[test]
fn a_list_of_security_modules_is_completed_and_nothing_else_is_changed() {
    for (before, after) in COMMAND_LINES {
        for (at, name) in LINES.iter().enumerate() {
            let mut lines = [None; 3];
            lines[at] = Some(*before);
            for times in [1, 2] {
                let (found, said) = after_reading(times, lines);
                let expected = lines.map(|line| line.map(|_| (*after).to_owned()));
                assert_eq!(found, expected, "{name} read {times} times");
                assert_eq!(said, "", "{before}");
            }
        }
    }
}

#[test]
fn every_line_is_completed_where_several_have_a_list() {
    let (found, _) = after_reading(1, [Some("lsm=yama quiet"), Some("lsm=bpf"), Some("single")]);
    let expected = ["lsm=yama,jaula quiet", "lsm=bpf,jaula", "single"];
    assert_eq!(found, expected.map(|line| Some(line.to_owned())));
}

/// `GRUB_TOP_LEVEL` and `GRUB_DEFAULT` as grub-mkconfig has them after it has read the file, on a machine
/// with these kernels.
fn chosen(before: &str, kernels: &[&str], knows_top_level: bool) -> [String; 2] {
    let script = format!(
        "set -euC\nfind() {{ printf '%s\\n' {}; }}\ngrep() {{ return {}; }}\n\
         GRUB_DEVICE_UUID=u\n{before}\n. \"$FILE\"\n\
         printf '%s\\n%s\\n' \"${{GRUB_TOP_LEVEL-}}\" \"${{GRUB_DEFAULT-}}\"",
        kernels.join(" "),
        i32::from(!knows_top_level),
    );
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(script).env_clear();
    shell.env("PATH", "/usr/bin:/bin");
    shell.env("FILE", debian().join("zz-jaula.cfg"));
    let output = shell.output().expect("sh");
    assert!(output.status.success(), "{before}: {output:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let mut lines = text.lines().map(str::to_owned);
    [(); 2].map(|()| lines.next().expect("two lines"))
}

#[test]
fn the_newest_kernel_with_jails_boots_unless_another_is_chosen() {
    const KERNELS: [&str; 2] = [
        "/boot/vmlinuz-6.12.117-jaula",
        "/boot/vmlinuz-6.12.20-jaula",
    ];
    let top = |before: &str| chosen(before, &KERNELS, true);
    assert_eq!(top(""), [KERNELS[0], ""]);
    assert_eq!(top("GRUB_DEFAULT=0"), [KERNELS[0], "0"]);
    assert_eq!(top("GRUB_DEFAULT=saved"), ["", "saved"]);
    assert_eq!(top("GRUB_TOP_LEVEL=/boot/mine"), ["/boot/mine", ""]);
    assert_eq!(chosen("", &["''"], true), ["", ""]);

    let entry = "gnulinux-6.12.117-jaula-advanced-u";
    let old = |before: &str| chosen(before, &KERNELS, false);
    let below = format!("gnulinux-advanced-u>{entry}");
    assert_eq!(old("GRUB_DEFAULT=0"), ["", below.as_str()]);
    assert_eq!(old("GRUB_DISABLE_SUBMENU=y"), ["", entry]);
    assert_eq!(old("GRUB_DEFAULT=2"), ["", "2"]);
    assert_eq!(chosen("GRUB_DEFAULT=0", &["''"], false), ["", "0"]);
}

/// grub-mkconfig has variables of its own.
#[test]
fn nothing_is_left_behind_in_the_shell() {
    let script = "left=1 out=2 word=3 quote=4 char=5; before=$(set; set +o); . \"$FILE\"; \
                  after=$(set; set +o); test \"$(printf %s \"$after\" | sed '/^before=/,$d')\" = \
                  \"$(printf %s \"$before\" | sed '/^before=/,$d')\"; \
                  command -v jaula_in_lsm && exit 1; set | grep jaula_ && exit 1; exit 0";
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", script]);
    shell.env("FILE", debian().join("zz-jaula.cfg"));
    shell.env("GRUB_CMDLINE_LINUX", "lsm=yama");
    let output = shell.output().expect("sh");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn every_script_is_one_of_any_shell() {
    for name in [
        "zz-jaula.cfg",
        "jaula.postinst",
        "jaula.prerm",
        "jaula.postrm",
    ] {
        let mut shell = Command::new("/bin/sh");
        let output = shell.arg("-n").arg(debian().join(name)).output();
        let output = output.expect("sh");
        assert!(output.status.success(), "{name}: {output:?}");
    }
}

#[test]
fn every_example_is_a_description_of_jails() {
    let examples = debian().join("examples");
    let mut found = 0;
    for entry in fs::read_dir(&examples).expect("examples") {
        let path = entry.expect("entry").path();
        let text = fs::read_to_string(&path).expect("text");
        let manifest = Manifest::parse(&text, Path::new("/etc/jaula"));
        let manifest = manifest.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(manifest.order().count() > 0, "{}", path.display());
        found += 1;
    }
    assert!(found >= 2);
}

#[test]
fn the_changelog_begins_with_this_version() {
    let changelog = read("changelog");
    let version = env!("CARGO_PKG_VERSION");
    assert!(
        changelog.starts_with(&format!("jaula ({version}) ")),
        "jail-cli/debian/changelog has no entry for {version}"
    );
}
