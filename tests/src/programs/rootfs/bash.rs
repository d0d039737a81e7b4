// SPDX-License-Identifier: MIT OR Apache-2.0

//! Roots of the machine's own programs with their libraries.

use super::place::{digest, host, Place};
use jaula_tests::ktap::{skip, CaseResult, Suite};
use jaula_tests::{check, check_eq};
use std::path::Path;

/// What stands there where it has been built for other libraries.
const BASH: &str = "/usr/bin/bash";

fn provided() -> CaseResult {
    match Path::new(BASH).exists() {
        true => Ok(()),
        false => Err(skip("this machine has no bash")),
    }
}

pub fn add(suite: &mut Suite<'_>) {
    suite.case("bash: ls, cd, echo and ps in a root of their own", || {
        provided()?;
        let place = Place::new()?;
        let first = place.build(&["-t", "bash"], "box")?;
        let said = place.says(
            &["--new-pid"],
            "box",
            "cd /usr/bin && /bin/echo $PWD && ls -ld bash ls ps && ps -e -o comm= && id -un",
        )?;
        check!(said.starts_with("/usr/bin\n"), "{said}");
        for line in ["\nsh\n", "\nps\n", "root root"] {
            check!(said.contains(line), "{line:?}: {said}");
        }
        check!(said.ends_with("\nuser"), "{said}");
        // A shell for who logs in, with a language and a terminal.
        let said = place.says(
            &["--setenv", "TERM=xterm"],
            "box",
            "bash -lc 'echo $LANG; [[ ä == ? ]] && echo letter; echo ä | wc -m'",
        )?;
        check_eq!(said, "C.UTF-8\nletter\n2", "what was said");
        let again = place.build(&["-t", "bash"], "again")?;
        check_eq!(digest(&first)?, digest(&again)?, "the digest");
        let (status, report) = place.check("box")?;
        check_eq!(status, 0, "{report}");
        Ok(())
    });
    suite.case("bash: nothing is there that was not asked for", || {
        provided()?;
        let place = Place::new()?;
        let only = [
            "-t",
            "bash",
            "--set",
            "programs=ls",
            "--set",
            "terminals=xterm",
        ];
        place.build(&only, "box")?;
        let root = place.at("box");
        let programs = host(&format!("cd {root}/usr/bin && ls"))?;
        check_eq!(programs, "bash\nls\nsh", "the programs");
        // Neither what is another's, nor what users may change.
        let found = host(&format!(
            "find {root} ! -user root -o ! -type l -perm /6022 | sed 's,^{root},,' | sort"
        ))?;
        check_eq!(found, "/home/user\n/tmp", "what others can change");
        let others = host(&format!("find {root} ! -type f ! -type d ! -type l"))?;
        check_eq!(others, "", "what is no file");
        // As on the machine, whose /usr is merged.
        check_eq!(
            host(&format!("readlink {root}/bin {root}/lib64"))?,
            "usr/bin\nusr/lib64",
            "what is printed"
        );
        let message = place.refused(&["-t", "bash", "--set", "also=nosuch"], "none")?;
        check!(
            message.contains("nosuch: no such program in PATH"),
            "{message}"
        );
        Ok(())
    });
    suite.case("bash: a script brings its interpreter", || {
        provided()?;
        let place = Place::new()?;
        let text = "#!/usr/bin/env perl\nprint \"from perl\\n\";\n";
        let script = place.write("greet", text)?;
        host(&format!("chmod 755 {script}"))?;
        place.build(&["-t", "bash", "--set", &format!("also={script}")], "box")?;
        check_eq!(place.says(&[], "box", &script)?, "from perl", "the script");
        place.write("greet", "#!/usr/bin/env nosuch\n")?;
        let also = format!("also={script}");
        let message = place.refused(&["-t", "bash", "--set", &also], "none")?;
        check!(
            message.contains(&format!("{script}: its interpreter nosuch is not there")),
            "{message}"
        );
        Ok(())
    });
}
