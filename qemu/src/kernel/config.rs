// SPDX-License-Identifier: MIT OR Apache-2.0

//! Making a `.config` from fragments, and proving that it is what was asked for.

use anyhow::{bail, Result};
use std::collections::BTreeMap;

/// The symbols of a fragment or a `.config`, with their values; `n` for those not set.
///
/// A symbol set twice has the last value, as merge_config.sh has it.
pub fn parse(text: &str) -> BTreeMap<String, String> {
    let mut symbols = BTreeMap::new();
    for line in text.lines().map(str::trim) {
        if let Some(name) = line
            .strip_prefix("# ")
            .and_then(|rest| rest.strip_suffix(" is not set"))
        {
            symbols.insert(name.to_owned(), "n".to_owned());
        } else if let Some((name, value)) = line
            .split_once('=')
            .filter(|(name, _)| name.starts_with("CONFIG_"))
        {
            symbols.insert(name.to_owned(), value.to_owned());
        }
    }
    symbols
}

/// Fails, naming each, if a symbol has not got the value that was asked for: Kconfig drops
/// what has unmet dependencies, or does not exist, without a word.
///
/// A symbol for which `known` is false is one that this tree does not have; it is given
/// back instead of failing.
pub fn verify(
    asked: &BTreeMap<String, String>,
    got: &str,
    known: impl Fn(&str) -> bool,
) -> Result<Vec<String>> {
    let got = parse(got);
    let mut wrong = Vec::new();
    let mut absent = Vec::new();
    for (name, value) in asked {
        let has = got.get(name).map_or("n", String::as_str);
        if has == value {
            continue;
        }
        if known(name) {
            wrong.push(format!("  {name}: asked for {value}, got {has}"));
        } else {
            absent.push(name.clone());
        }
    }
    if !wrong.is_empty() {
        bail!(
            "the kernel's configuration is not what qemu/configs asks for (unmet dependencies?):\n{}",
            wrong.join("\n")
        );
    }
    Ok(absent)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: &str =
        "# a comment\nCONFIG_A=y\nCONFIG_S=\"x y\"\n# CONFIG_B is not set\nCONFIG_C=n\n";

    #[test]
    fn fragments_are_read() {
        let symbols = parse(ASKED);
        assert_eq!(symbols["CONFIG_A"], "y");
        assert_eq!(symbols["CONFIG_S"], "\"x y\"");
        assert_eq!(symbols["CONFIG_B"], "n");
        assert_eq!(symbols["CONFIG_C"], "n");
        assert_eq!(symbols.len(), 4);
    }

    #[test]
    fn fulfilled_configuration_passes() -> Result<()> {
        let got = "CONFIG_A=y\nCONFIG_S=\"x y\"\n# CONFIG_C is not set\nCONFIG_OTHER=y\n";
        assert!(verify(&parse(ASKED), got, |_| true)?.is_empty());
        Ok(())
    }

    #[test]
    fn dropped_symbol_is_named() {
        let error = verify(&parse(ASKED), "CONFIG_B=y\nCONFIG_S=\"x y\"\n", |_| true)
            .expect_err("dropped")
            .to_string();
        assert!(error.contains("CONFIG_A: asked for y, got n"), "{error}");
        assert!(error.contains("CONFIG_B: asked for n, got y"), "{error}");
        assert!(!error.contains("CONFIG_S"), "{error}");
    }

    #[test]
    fn symbols_the_tree_lacks_are_told_apart() -> Result<()> {
        let absent = verify(&parse(ASKED), "CONFIG_S=\"x y\"\n", |name| {
            name != "CONFIG_A"
        })?;
        assert_eq!(absent, ["CONFIG_A"]);
        Ok(())
    }
}
