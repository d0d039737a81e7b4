// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula run --template`: a root that is built once, and in which what is written is thrown away.

use super::{said, sh, Case};
use jaula_tests::ktap::{skip, Suite};
use jaula_tests::{check, check_eq};

const CACHED: &str = "cd /var/cache/jaula/roots && ls -d */root";

pub fn add(suite: &mut Suite) {
    suite.case("a template: built once, and never written to", || {
        if sh("command -v busybox")?.stdout.is_empty() {
            return Err(skip("there is no busybox"));
        }
        let case = Case::new(&[])?;
        case.says(
            "jaula -q --template minimal -- sh -c 'echo x > /tmp/x; cat /tmp/x'",
            "x",
        )?;
        let first = said(CACHED)?;
        let built = said(&format!("cd /var/cache/jaula/roots && stat -c %i {first}"))?;
        case.refused(
            "jaula -q --template minimal -- cat /tmp/x",
            &["No such file"],
        )?;
        check_eq!(said(CACHED)?, first, "what is cached");
        let again = said(&format!("cd /var/cache/jaula/roots && stat -c %i {first}"))?;
        check_eq!(again, built, "it was built once more");
        case.refused(
            "jaula -q -u 0 --template minimal --upper-size 64K dd if=/dev/zero of=/big bs=1k count=200",
            &["No space"],
        )?;
        // Detached and kept, it is held by what is noted.
        case.said("jaula run -q -d -n one --template minimal sleep 1000")?;
        case.says(
            "jaula exec one sh -c 'echo in > /tmp/in; cat /tmp/in'",
            "in",
        )?;
        // A clone of it pins it.
        case.said("jaula clone one CASE/c.root; jaula stop one")?;
        case.says("jaula -q CASE/c.root -- cat /tmp/in", "in")?;
        case.refused("jaula -q --template none -- true", &["none"])?;
        case.refused(
            "jaula -q --template minimal --set nothing=1 -- true",
            &["nothing"],
        )?;
        said("stat -c %a /var/cache/jaula | grep 7.0")?;
        Ok(())
    });
    suite.case("a template that changes is built anew", || {
        let case = Case::new(&[(
            "t.toml",
            "description = 'one file'\n[[directory]]\npath = '/etc'\n[[file]]\npath = '/etc/said'\nsource = 'CASE/said'\n",
        )])?;
        let seen = "jaula -q -u 0 --template ./t.toml -- true 2>/dev/null; cd /var/cache/jaula/roots; \
                    cat */*/etc/said 2>/dev/null | sort";
        case.said("echo first > CASE/said")?;
        let seen = format!("cd CASE; {seen}");
        case.says(&seen, "first")?;
        case.said("echo second > CASE/said")?;
        case.says(&seen, "first\nsecond")?;
        check!(!case.has("root"), "something was left");
        Ok(())
    });
}
