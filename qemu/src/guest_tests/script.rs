// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the guest does in a boot, and how it tells where it is.

use super::program::Extent;
use super::shard::Shard;
use crate::guest::userland::GUEST_TESTS;

/// Starts the lines with which the guest tells where a program's output begins and ends.
const MARK: &str = "@@jaula-test@@";
/// The name of the last part of a boot of the debug kernel.
pub const LEAKS: &str = "kmemleak";

/// Handed on to the guest: where the dice of its random tests begin.
pub const SEED_VARIABLE: &str = "JAULA_SEED";

/// What a line of the guest's says about where it is.
#[derive(Debug, PartialEq, Eq)]
pub enum Mark<'a> {
    /// A program begins.
    Begin(&'a str),
    /// It has ended with this status.
    End(&'a str, i32),
}

/// Reads a mark; `None` if the line is none.
pub fn mark(line: &str) -> Option<Mark<'_>> {
    let mut words = line.strip_prefix(MARK)?.split_whitespace();
    match (words.next()?, words.next()?, words.next()) {
        ("begin", program, None) => Some(Mark::Begin(program)),
        ("end", program, Some(status)) => Some(Mark::End(program, status.parse().ok()?)),
        _ => None,
    }
}

/// The shell script of a boot. What a program that was killed leaves behind is killed as well; one
/// case alone may take half of the time that its program has. `seed` is that of the first random sequence.
pub fn script(shard: &Shard, long: bool, seed: &str) -> String {
    // A machine with a system of its own needs what else is there.
    let rest = if shard.setting.machine.disk {
        "true"
    } else {
        "kill -9 -1"
    };
    let mut script = format!(
        "export {SEED_VARIABLE}={}\n\
         try() {{\n    program=$1 limit=$2\n    shift 2\n    echo \"{MARK} begin $program\"\n    \
         export JAULA_CASE_LIMIT=$((limit / 2))\n    \
         timeout -s KILL \"$limit\" {GUEST_TESTS} \"$program\" \"$@\" 2>&1\n    status=$?\n    \
         [ $status = 137 ] && {rest}\n    echo\n    echo \"{MARK} end $program $status\"\n}}\n",
        quoted(seed)
    );
    if !long {
        script += "export JAULA_ROUNDS=few\n";
    }
    for planned in &shard.programs {
        let limit = planned.program.limit(&shard.setting, long).as_secs();
        script += &format!("try {} {limit}", planned.program.name);
        if let Extent::Cases(cases) = &planned.extent {
            for case in cases {
                script += &format!(" {}", quoted(case));
            }
        }
        script.push('\n');
    }
    if shard.setting.is_debug() {
        // An object counts as leaked once two scans have found it unchanged, and not before
        // it is five seconds old (MSECS_MIN_AGE in mm/kmemleak.c).
        script += &format!(
            "leaks=/sys/kernel/debug/kmemleak\necho '{MARK} begin {LEAKS}'\n\
             echo scan >$leaks && sleep 6 && echo scan >$leaks && echo scan >$leaks && cat $leaks\n\
             status=$?\necho\necho \"{MARK} end {LEAKS} $status\"\n"
        );
    }
    script + "exit 0"
}

/// A word as the shell reads it back.
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::super::program::{self, Extent};
    use super::super::setting::Setting;
    use super::super::shard::{shards, Planned};
    use super::*;
    use anyhow::Result;

    #[test]
    fn marks_are_read() {
        assert_eq!(mark("@@jaula-test@@ begin one"), Some(Mark::Begin("one")));
        assert_eq!(
            mark("@@jaula-test@@ end one 137"),
            Some(Mark::End("one", 137))
        );
        assert_eq!(mark("@@jaula-test@@ end one"), None);
        assert_eq!(mark("ok 1 @@jaula-test@@ begin one"), None);
    }

    #[test]
    fn the_script_names_program_limit_and_cases() -> Result<()> {
        let planned = Planned {
            program: program::named("launcher")?,
            extent: Extent::Cases(vec!["it's".into()]),
        };
        let setting = Setting::named("pc-debug")?;
        let shard = shards(&setting, &[planned], None, false).remove(0);
        let few = script(&shard, false, "7");
        let limit = shard.programs[0].program.limit(&setting, false).as_secs();
        assert!(
            few.contains(&format!("try launcher {limit} 'it'\\''s'\n")),
            "{few}"
        );
        assert!(few.contains("JAULA_ROUNDS=few") && few.contains("JAULA_SEED='7'"));
        assert!(few.contains(LEAKS));
        assert!(!script(&shard, true, "7").contains("JAULA_ROUNDS"));
        Ok(())
    }
}
