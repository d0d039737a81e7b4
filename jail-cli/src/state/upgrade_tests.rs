// SPDX-License-Identifier: MIT OR Apache-2.0

//! Jails go on when jaula is upgraded: what an earlier jaula has noted, and its supervisors go on
//! noting, is read by this one; and what this one notes of them is read by those.

use serde_json::Value;

use super::{record, Record, Store};
use crate::jail::JailNumber;

/// As version 0.1.0 wrote it. It is never changed: a version that writes more gets a file of its own.
const EARLIER: &str = include_str!("record-0.1.0.json");

fn read(text: &str) -> Record {
    let dir = tempfile::tempdir().expect("temporary directory");
    let number = JailNumber::new(7).expect("31 bits");
    let place = dir.path().join("7");
    std::fs::create_dir(&place).expect("made");
    std::fs::write(place.join(record::FILE), text).expect("written");
    Store::at(dir.path()).read(number).expect("a record")
}

/// Whether all that is in `a` is in `b` as well.
fn is_part_of(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => a.iter().all(|(key, value)| {
            let same = b.get(key).is_some_and(|other| is_part_of(value, other));
            assert!(same, "{key}: {value} became {:?}", b.get(key));
            same
        }),
        _ => a == b,
    }
}

#[test]
fn what_an_earlier_version_noted_is_read_and_written_again_without_loss() {
    let earlier: Value = serde_json::from_str(EARLIER).expect("JSON");
    let written = serde_json::to_value(read(EARLIER)).expect("JSON");
    assert!(is_part_of(&earlier, &written));
}

#[test]
fn what_a_later_version_notes_besides_is_passed_over() {
    let mut later: Value = serde_json::from_str(EARLIER).expect("JSON");
    for path in ["", "/root", "/supervisor", "/log", "/isolation"] {
        let part = later.pointer_mut(path).and_then(Value::as_object_mut);
        let part = part.expect(path);
        part.insert("of-a-later-version".into(), Value::from(1));
    }
    assert_eq!(read(&later.to_string()), read(EARLIER));
}
