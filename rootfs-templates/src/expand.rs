// SPDX-License-Identifier: MIT OR Apache-2.0

//! Texts that stand for others: `${NAME}`, and `$${` for those two characters themselves.

/// The longest text that variables may make, in bytes.
pub const LONGEST: usize = 1 << 16;

/// What begins one, and what stands for those two characters themselves.
pub const BEGINNING: &str = "${";
/// What stands for [`BEGINNING`] itself.
pub const LITERAL: &str = "$${";

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong<E> {
    /// This name is not known.
    Unknown(String),
    /// What follows the beginning is no name.
    NoName,
    /// It stands for too much.
    TooLong,
    /// What a name stands for could not be told.
    Other(E),
}

/// Puts in place of each `${NAME}` what `of` says it stands for; once, and not in what that is.
///
/// # Errors
///
/// As [`Wrong`] says.
pub fn expand<E>(
    text: &str,
    of: &mut dyn FnMut(&str) -> Result<Option<String>, E>,
) -> Result<String, Wrong<E>> {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(BEGINNING) {
        let (before, from) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            expanded.push_str(before);
            expanded.push_str(BEGINNING);
            rest = &from[BEGINNING.len()..];
            continue;
        }
        expanded.push_str(before);
        let named = from[BEGINNING.len()..].split_once('}');
        let Some((name, after)) = named.filter(|(name, _)| is_name(name)) else {
            return Err(Wrong::NoName);
        };
        match of(name).map_err(Wrong::Other)? {
            Some(text) => expanded.push_str(&text),
            None => return Err(Wrong::Unknown(name.to_owned())),
        }
        if expanded.len() > LONGEST {
            return Err(Wrong::TooLong);
        }
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// Whether a variable can be called so: letters, digits and underscores, not beginning with a digit.
pub fn is_name(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.bytes().all(is_part)
        && text
            .bytes()
            .next()
            .is_some_and(|byte| !byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Option<String> {
        let mut of = |name: &str| Ok::<_, ()>((name == "A").then(|| "${B}".to_owned()));
        expand(text, &mut of).ok()
    }

    #[test]
    fn names_are_replaced_once_and_literals_stay() {
        for (text, expected) in [
            ("", ""),
            ("a$b$$", "a$b$$"),
            ("${A}", "${B}"),
            ("x${A}y${A}", "x${B}y${B}"),
            ("$${A}", "${A}"),
            ("$$${A}", "$${A}"),
            ("$HOME $$ $(x)", "$HOME $$ $(x)"),
        ] {
            assert_eq!(expanded(text).as_deref(), Some(expected), "{text}");
        }
        for wrong in ["${B}", "${", "${}", "${A", "${A:-x}", "${1}", "${ä}"] {
            assert_eq!(expanded(wrong), None, "{wrong}");
        }
    }
}
