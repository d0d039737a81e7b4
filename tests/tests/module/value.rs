// SPDX-License-Identifier: MIT OR Apache-2.0

//! What may be written to the files of a jail, compiled from the very file that is built into the
//! kernel.

// User space uses less of the file than the kernel does.
#[allow(dead_code, missing_docs)]
#[path = "../../../kernel-module/value.rs"]
mod source;

use source::{parse_count, parse_jail_number, parse_limit, parse_switch, Name, NAME_MAX, NO_LIMIT};

#[test]
fn a_limit_is_a_number_or_max() {
    for (text, limit) in [
        ("0", 0),
        ("1\n", 1),
        ("0012", 12),
        ("18446744073709551614", u64::MAX - 1),
        ("max", NO_LIMIT),
        ("max\n", NO_LIMIT),
    ] {
        assert_eq!(parse_limit(text.as_bytes()), Some(limit), "{text:?}");
    }
}

#[test]
fn nothing_else_is_a_limit() {
    for text in [
        "",
        "\n",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1\n\n",
        "\n1",
        "1\r\n",
        "0x1",
        "1e3",
        "1_000",
        "MAX",
        "maximum",
        "max\n\n",
        "1\0",
        "18446744073709551615",
        "18446744073709551616",
        "18446744073709551620",
        "28446744073709551615",
        "99999999999999999999999999",
    ] {
        assert_eq!(parse_limit(text.as_bytes()), None, "{text:?}");
    }
    assert_eq!(parse_limit(&[b'1', 0xff]), None);
}

#[test]
fn a_count_has_32_bits_and_no_max() {
    assert_eq!(parse_count(b"4294967295\n"), Some(u64::from(u32::MAX)));
    for text in ["4294967296", "max", "", "-1"] {
        assert_eq!(parse_count(text.as_bytes()), None, "{text:?}");
    }
}

#[test]
fn a_switch_is_0_or_1() {
    assert_eq!(parse_switch(b"0"), Some(false));
    assert_eq!(parse_switch(b"1\n"), Some(true));
    for text in ["", "2", "01", "yes", "1\n\n", " 1"] {
        assert_eq!(parse_switch(text.as_bytes()), None, "{text:?}");
    }
}

#[test]
fn a_jail_is_found_by_its_number_as_it_is_listed() {
    assert_eq!(parse_jail_number(b"1"), Some(1));
    assert_eq!(parse_jail_number(b"2147483647"), Some(i32::MAX as u32));
    for text in [
        "",
        "0",
        "01",
        "-1",
        "+1",
        "1\n",
        "1 ",
        "2147483648",
        "4294967297",
        "x",
    ] {
        assert_eq!(parse_jail_number(text.as_bytes()), None, "{text:?}");
    }
}

#[test]
fn names_are_short_plain_and_no_numbers() {
    let longest = "n".repeat(NAME_MAX);
    for good in ["a", "Z", "_", "-", "web-1", "0x", "1-1", &longest] {
        for text in [good.to_owned(), format!("{good}\n")] {
            let name = Name::parse(text.as_bytes());
            assert_eq!(
                name.map(|name| name.as_str().to_owned()),
                Some(good.to_owned())
            );
        }
    }
    let too_long = "n".repeat(NAME_MAX + 1);
    for bad in [
        "", "\n", "0", "42", "a b", "a.b", "a/b", "..", "\u{e4}", "a\n\n", "a\0", &too_long,
    ] {
        assert!(Name::parse(bad.as_bytes()).is_none(), "{bad:?}");
    }
}

#[test]
fn names_are_equal_when_their_letters_are() {
    assert_eq!(Name::parse(b"web"), Name::parse(b"web\n"));
    assert_ne!(Name::parse(b"web"), Name::parse(b"webs"));
    assert_ne!(Name::parse(b"web"), Name::parse(b"Web"));
}
