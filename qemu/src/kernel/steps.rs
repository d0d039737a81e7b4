// SPDX-License-Identifier: MIT OR Apache-2.0

//! What the kernel's make says of its steps, and how many there are.

use crate::arch::{Arch, Flavour};

/// The step that a line of output announces: `CC kernel/fork.o` of `  CC      kernel/fork.o`.
pub fn step(line: &str) -> Option<String> {
    // An excerpt in a compiler's message is indented too.
    let rest = line.strip_prefix("  ")?;
    let words: Vec<_> = rest.split_whitespace().collect();
    let tool = words.first()?;
    let is_tool = tool.starts_with(|c: char| c.is_ascii_uppercase())
        && tool
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    (is_tool && !rest.starts_with(' ') && words.len() > 1)
        .then(|| words.into_iter().map(short).collect::<Vec<_>>().join(" "))
}

/// The tools of the build have absolute names, whose ends tell enough.
fn short(word: &str) -> &str {
    if !word.starts_with('/') {
        return word;
    }
    let mut slashes = word.rmatch_indices('/').map(|(at, _)| at);
    slashes.nth(1).map_or(word, |at| &word[at + 1..])
}

/// How many steps our configurations take from nothing, about.
pub fn usual(arch: Arch, flavour: Flavour) -> u64 {
    match (arch, flavour) {
        (Arch::X86_64, Flavour::Normal) => 1530,
        (Arch::X86_64, Flavour::Debug) => 1560,
        (Arch::X86_64, Flavour::Server) => 5000,
        (Arch::Arm, Flavour::Normal) => 1930,
        (Arch::Arm, Flavour::Debug) => 1960,
        (Arch::Arm, Flavour::Server) => 5000,
    }
}

#[cfg(test)]
mod tests {
    use super::step;

    #[test]
    fn steps_are_told_from_other_lines() {
        for (line, expected) in [
            ("  CC      kernel/fork.o", "CC kernel/fork.o"),
            ("  CC [M]  lib/test.o", "CC [M] lib/test.o"),
            ("  RUSTC L rust/core.o", "RUSTC L rust/core.o"),
            ("  LD      .tmp_vmlinux1", "LD .tmp_vmlinux1"),
            (
                "  CC      /build/tools/objtool/orc_gen.o",
                "CC objtool/orc_gen.o",
            ),
            (
                "  VDSO2C  arch/x86/entry/vdso/vdso-image-64.c",
                "VDSO2C arch/x86/entry/vdso/vdso-image-64.c",
            ),
        ] {
            assert_eq!(step(line).as_deref(), Some(expected), "{line}");
        }
        for line in [
            "make[1]: Entering directory '/src'",
            "  123 |         int x;",
            "      |             ^",
            "  int x;",
            "          NULL, of the code above",
            "",
            "  ",
            "Kernel: arch/x86/boot/bzImage is ready  (#1)",
        ] {
            assert_eq!(step(line), None, "{line}");
        }
    }
}
