// SPDX-License-Identifier: MIT OR Apache-2.0

//! jaula(1), made of the command line's own description. It is not part of the program, which
//! is to stay small: a test compares it with docs/man/jaula.1.

use std::io;

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::{help, Cli};

/// Between the commands and what comes of the help.
const FILES: &str = r#".SH FILES
.TP
.I /sys/kernel/security/jaula
where the kernel shows its jails; securityfs must be mounted on
.I /sys/kernel/security
.TP
.IR /run/jaula/ NUMBER
what jaula has noted about a jail that it has started:
.I record.json
and, for a detached one, what it printed
.RI ( log- N)
and when
.RI ( times- N).
The kernel is always right where the two disagree. Removing it hides no jail, but
.B jaula exec
then needs
.BR \-\-root .
.TP
.I jaula.toml
describes the jails that
.B jaula up
and
.B jaula down
are about
.SH ENVIRONMENT
.TP
.B NO_COLOR
no colours, also on a terminal
"#;

/// What is described above all commands is not described again.
const RUN: &str = r#"\fBjaula run\fR [\fIOPTIONS\fR] \fIROOT\fR [\-\- \fICOMMAND\fR [\fIARG\fR]...]
.PP
The same as
.B jaula
.IR ROOT ,
with the options above.
"#;

const SEE_ALSO: &str = r#".SH SEE ALSO
.BR jaula.toml (5),
.BR create_newjail (2),
.BR attach_jail (2),
.BR destroy_jail (2),
.BR get_jailnumber (2)
"#;

/// The page.
pub fn page() -> io::Result<String> {
    let mut command = Cli::command();
    command.build();
    let mut text = ".\\\" SPDX-License-Identifier: MIT OR Apache-2.0\n".to_owned();
    let man = || Man::new(command.clone());
    text += ".TH JAULA 1 \"\" jaula \"User Commands\"\n";
    text += &rendered(|to| man().render_name_section(to))?;
    text += ".SH SYNOPSIS\n.nf\n";
    text += &escaped(help::USAGE);
    text += "\n.fi\n";
    text += &rendered(|to| man().render_description_section(to))?;
    text += &rendered(|to| man().render_options_section(to))?;
    text += ".SH COMMANDS\n";
    text += &commands(&command, "jaula")?;
    text += FILES;
    for line in help::LONG.lines() {
        match line.strip_suffix(':').filter(|line| !line.starts_with(' ')) {
            Some(title) => {
                text += &format!(".fi\n.SH {}\n.nf\n", title.to_uppercase());
            }
            None => text += &format!("{}\n", escaped(line.strip_prefix("  ").unwrap_or(line))),
        }
    }
    text += ".fi\n";
    Ok(text + SEE_ALSO)
}

/// Each command below `above`, one after the other.
fn commands(above: &Command, path: &str) -> io::Result<String> {
    let mut text = String::new();
    for command in above
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
    {
        let path = format!("{path} {}", command.get_name());
        if command.has_subcommands() {
            text += &commands(command, &path)?;
            continue;
        }
        let named = || Man::new(command.clone().bin_name(path.clone()));
        text += &format!(".SS {}\n", escaped(&path));
        if command.get_name() == "run" {
            text += RUN;
            continue;
        }
        text += &body(&rendered(|to| named().render_synopsis_section(to))?);
        text += ".PP\n";
        text += &body(&rendered(|to| named().render_description_section(to))?);
        text += &body(&rendered(|to| named().render_options_section(to))?);
        if let Some(after) = command.get_after_help() {
            text += &format!(".PP\n.nf\n{}\n.fi\n", escaped(&after.to_string()));
        }
    }
    Ok(text)
}

/// What roff is to be given, without the definitions that each part begins with.
fn rendered(render: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> io::Result<String> {
    let mut bytes = Vec::new();
    render(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let is_definition = |line: &&str| line.starts_with(".ie ") || line.starts_with(".el ");
    let lines = text.lines().filter(|line| !is_definition(line));
    Ok(lines
        .map(|line| line.replace("\\*(Aq", "\\(aq") + "\n")
        .collect())
}

/// A section without its heading.
fn body(section: &str) -> String {
    let lines = section.lines().filter(|line| !line.starts_with(".SH"));
    lines.map(|line| format!("{line}\n")).collect()
}

fn escaped(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let line = line.replace('\\', "\\e").replace('-', "\\-");
        match line.starts_with(['.', '\'']) {
            true => format!("\\&{line}"),
            false => line,
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `JAULA_WRITE_MAN=1 cargo test -p jaula man` writes the page in place of comparing it.
#[test]
fn the_page_is_the_one_of_this_command_line() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/man/jaula.1");
    let page = page().expect("a page");
    if std::env::var_os("JAULA_WRITE_MAN").is_some() {
        std::fs::write(path, page).expect("write");
        return;
    }
    let found = std::fs::read_to_string(path).expect("docs/man/jaula.1");
    assert!(
        found == page,
        "docs/man/jaula.1 is not what the command line says; write it anew: \
         JAULA_WRITE_MAN=1 cargo test -p jaula man"
    );
}

/// Every command is in the script of every shell.
#[test]
fn completion_knows_every_command() {
    use clap_complete::aot::{generate, Shell};
    let names: Vec<String> = Cli::command()
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect();
    assert!(names.len() >= 14, "{names:?}");
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let mut script = Vec::new();
        generate(shell, &mut Cli::command(), "jaula", &mut script);
        let script = String::from_utf8_lossy(&script);
        for name in names
            .iter()
            .map(String::as_str)
            .chain(["--detach", "--max-tasks"])
        {
            // fish has long options without the dashes.
            let word = name.trim_start_matches('-');
            assert!(script.contains(word), "{shell}: {name} is missing");
        }
    }
}
