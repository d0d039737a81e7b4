// SPDX-License-Identifier: MIT OR Apache-2.0

use std::fs;
use std::path::Path;

use super::times::{Entry, Times};
use super::*;
use crate::process::ProcessId;

/// One that does not run.
const ENDED: ProcessId = ProcessId { pid: 1, start: 0 };

fn own() -> ProcessId {
    ProcessId::of(std::process::id() as i32).expect("this process")
}

fn writer(directory: &Path, size: u64) -> Writer {
    Writer::create(directory, size).expect("a log")
}

fn reader(directory: &Path) -> Reader {
    Reader::open_in(directory, ENDED).expect("a log to read")
}

/// All that is read until there is nothing more; what is missing as `<N>`.
fn read(reader: &mut Reader) -> String {
    let mut text = String::new();
    let mut buffer = [0; 3];
    loop {
        match reader.next(&mut buffer).expect("readable") {
            Next::Bytes(length) => text += &String::from_utf8_lossy(&buffer[..length]),
            Next::Missing(bytes) => text += &format!("<{bytes}>"),
            Next::Nothing | Next::End => return text,
        }
    }
}

fn parts(directory: &Path) -> Vec<(u64, u64)> {
    let entries = fs::read_dir(directory)
        .expect("listed")
        .map(|entry| entry.expect("an entry"));
    let part = |entry: fs::DirEntry| {
        let start = entry
            .file_name()
            .to_str()?
            .strip_prefix("log-")?
            .parse()
            .ok()?;
        Some((start, entry.metadata().ok()?.len()))
    };
    let mut parts: Vec<_> = entries.filter_map(part).collect();
    parts.sort_unstable();
    parts
}

#[test]
fn no_more_than_two_parts_are_kept() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut log = writer(dir.path(), 10);
    log.write(b"0123456789abc", 1);
    assert_eq!(parts(dir.path()), [(0, 10), (10, 3)]);
    log.write(b"defghijklm", 2);
    assert_eq!(parts(dir.path()), [(10, 10), (20, 3)]);
    assert_eq!(read(&mut reader(dir.path())), "abcdefghijklm");
    // With their lists of times.
    assert_eq!(fs::read_dir(dir.path()).expect("list").count(), 4);
}

#[test]
fn a_follower_goes_on_from_part_to_part() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut log = writer(dir.path(), 4);
    let mut reader = Reader::open_in(dir.path(), own()).expect("a log to read");
    reader.follow();
    assert_eq!(read(&mut reader), "");
    for text in ["first,", "second", ",", "third"] {
        log.write(text.as_bytes(), 1);
        assert_eq!(read(&mut reader), text);
    }
    assert_eq!(reader.next(&mut [0; 9]).expect("readable"), Next::Nothing);
}

#[test]
fn a_follower_is_told_to_the_byte_what_it_has_missed() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut log = writer(dir.path(), 4);
    let mut reader = Reader::open_in(dir.path(), own()).expect("a log to read");
    reader.follow();
    log.write(b"0123456", 1);
    assert_eq!(read(&mut reader), "0123456");
    // The part that it has open can still be read.
    log.write(b"7890abcdefghij", 1);
    assert_eq!(read(&mut reader), "7<8>fghij");
}

#[test]
fn what_is_there_is_read_and_not_what_comes_meanwhile() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut log = writer(dir.path(), 100);
    log.write(b"before", 1);
    let mut reader = Reader::open_in(dir.path(), own()).expect("a log to read");
    log.write(b"after", 1);
    assert_eq!(read(&mut reader), "before");
    assert_eq!(reader.next(&mut [0; 9]).expect("readable"), Next::End);
}

#[test]
fn a_loss_is_told_where_it_was() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut log = writer(dir.path(), 100);
    log.write(b"before", 1);
    log.lose(7);
    log.write(b"after", 1);
    log.lose(3);
    log.finish();
    assert_eq!(read(&mut reader(dir.path())), "before<7>after<3>");
}

#[test]
fn a_log_that_is_gone_stops_nobody() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut log = writer(dir.path(), 4);
    dir.close().expect("removed");
    log.write(b"0123456789", 1);
    log.write(b"0123456789", 1);
    log.finish();
}

#[test]
fn the_last_lines() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut log = writer(dir.path(), 6);
    log.write(b"one\ntwo\nthr\n", 1);
    for (lines, expected) in [
        (0, ""),
        (1, "thr\n"),
        (2, "two\nthr\n"),
        (3, "one\ntwo\nthr\n"),
        (9, "one\ntwo\nthr\n"),
    ] {
        let mut reader = reader(dir.path());
        reader.skip_to_last(lines).expect("found");
        assert_eq!(read(&mut reader), expected, "{lines}");
    }
    log.write(b"end", 1);
    let mut reader = reader(dir.path());
    reader.skip_to_last(1).expect("found");
    assert_eq!(read(&mut reader), "end");
}

#[test]
fn since_a_time_and_with_times() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut log = writer(dir.path(), 8);
    for (text, time) in [("a1\n", 10), ("a2\nb", 20), ("1\nb2\n", 30), ("c\n", 40)] {
        log.write(text.as_bytes(), time);
    }
    for (time, expected) in [
        (0, "a1\na2\nb1\nb2\nc\n"),
        (11, "a2\nb1\nb2\nc\n"),
        (21, "b1\nb2\nc\n"),
        (40, "c\n"),
        (41, ""),
    ] {
        let mut reader = reader(dir.path());
        reader.skip_to_time(time).expect("found");
        assert_eq!(read(&mut reader), expected, "{time}");
    }
    let mut reader = reader(dir.path());
    let mut times = Vec::new();
    let mut buffer = [0; 1];
    while reader.next(&mut buffer).expect("readable") != Next::End {
        times.push(reader.time_of(1).expect("known"));
    }
    let expected = [10, 10, 10, 20, 20, 20, 20, 30, 30, 30, 30, 30, 40, 40];
    assert_eq!(times, expected.map(Some));
}

#[test]
fn the_list_of_times_stays_small_and_right() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut log = writer(dir.path(), 1 << 20);
    for time in 1..=100_000 {
        log.write(b"\n", time);
    }
    let length = fs::metadata(dir.path().join("times-0"))
        .expect("there")
        .len();
    assert!(length <= 1 << 18, "{length}");
    let mut reader = reader(dir.path());
    reader.skip_to_time(90_000).expect("found");
    reader.next(&mut [0; 1]).expect("readable");
    let time = reader.time_of(1).expect("known").expect("a time");
    assert!((90_000..=90_016).contains(&time), "{time}");
}

#[test]
fn every_second_time_is_left_out_where_there_are_too_many() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let directory = fs::File::open(dir.path()).expect("open");
    let directory = std::os::fd::AsFd::as_fd(&directory);
    let mut times = Times::create(directory, 5, 1).expect("a list");
    let entry = |index: u64| Entry {
        offset: 5 + index,
        time: 100 + index,
    };
    for index in 0..65 {
        times.note(directory, entry(index)).expect("noted");
    }
    let file = fs::File::open(dir.path().join("times-5")).expect("open");
    let expected: Vec<Entry> = (0..64).step_by(2).chain([64]).map(entry).collect();
    assert_eq!(super::times::read(&file).expect("read"), expected);
}

#[test]
fn many_lines_of_one_moment_are_told_in_time() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let size = 1 << 20;
    let mut log = writer(dir.path(), size);
    let moments = 16_000;
    (0..moments).for_each(|time| log.write(b"a\n", time));
    let lines = 20_000;
    log.write("b\n".repeat(lines).as_bytes(), moments);
    let mut reader = reader(dir.path());
    let mut buffer = vec![0; 1 << 20];
    let read = reader.next(&mut buffer).expect("readable");
    let all = 2 * (moments + lines as u64);
    assert_eq!(read, Next::Bytes(all as usize));
    let start = std::time::Instant::now();
    for line in 1..=lines as u64 {
        assert_eq!(reader.time_of(2 * line).expect("readable"), Some(moments));
    }
    assert_eq!(reader.time_of(all).expect("readable"), Some(0));
    let taken = start.elapsed();
    assert!(taken.as_secs() < 4, "it took {taken:?}");
}
