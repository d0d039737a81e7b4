// SPDX-License-Identifier: MIT OR Apache-2.0

use super::*;
use crate::image::made::Tar;

fn limits() -> Limits {
    Limits::default()
}

/// All entries with their content.
fn all(tar: &[u8]) -> Result<Vec<(Entry, Vec<u8>)>, String> {
    let mut reader = LayerReader::new(tar, &limits());
    let mut entries = Vec::new();
    while let Some(entry) = reader.next_entry().map_err(|error| error.to_string())? {
        let mut content = Vec::new();
        let mut buffer = [0; 100];
        loop {
            match reader
                .piece(&mut buffer)
                .map_err(|error| error.to_string())?
            {
                Piece::Data(count) => content.extend(&buffer[..count]),
                Piece::Hole(bytes) => content.resize(content.len() + bytes as usize, 0),
                Piece::End => break,
            }
        }
        assert_eq!(content.len() as u64, entry.size);
        entries.push((entry, content));
    }
    Ok(entries)
}

fn refused(tar: Tar) -> String {
    all(&tar.end()).expect_err("refused")
}

#[test]
fn what_gnu_and_pax_write_is_read() {
    let long = "long/".repeat(60);
    let tar = Tar::default()
        .directory("./")
        .file("a", "content")
        .before(EntryType::GNULongName, format!("{long}a\0").as_bytes())
        .before(EntryType::GNULongLink, format!("{long}b\0").as_bytes())
        .symlink("short", "short")
        .pax(&[
            ("path", format!("{long}c").as_bytes()),
            ("size", b"3"),
            ("uid", b"3000000"),
            ("mtime", b"17.5"),
            ("SCHILY.xattr.security.capability", b"\x01\n\0="),
        ])
        .add(Tar::header(EntryType::Regular, b"other", 0), b"abc")
        .file("last", "");
    let entries = all(&tar.end()).expect("entries");
    let names: Vec<String> = entries
        .iter()
        .map(|(entry, _)| shown(&entry.name))
        .collect();
    let (longest, pax) = (format!("{long}a"), format!("{long}c"));
    assert_eq!(names, ["./", "a", &longest, &pax, "last"]);
    assert_eq!(entries[1].1, b"content");
    assert_eq!(entries[2].0.kind, Kind::Symlink(format!("{long}b").into()));
    let entry = &entries[3].0;
    assert_eq!((entry.uid, entry.size), (3_000_000, 3));
    assert_eq!(
        entry.modified,
        Time {
            seconds: 17,
            nanoseconds: 500_000_000
        }
    );
    assert_eq!(
        entry.xattrs,
        [(b"security.capability".to_vec(), b"\x01\n\0=".to_vec())]
    );
    assert_eq!(entries[3].1, b"abc");
}

#[test]
fn names_end_where_their_records_end() {
    let tar = Tar::default()
        .before(EntryType::GNULongName, b"name\0rest")
        .file("x", "");
    let entries = all(&tar.end()).expect("entries");
    assert_eq!(entries[0].0.name, b"name");
}

#[test]
fn what_stands_before_an_entry_is_bounded() {
    let much = vec![b'a'; 2 << 20];
    for kind in [
        EntryType::GNULongName,
        EntryType::GNULongLink,
        EntryType::XHeader,
        EntryType::XGlobalHeader,
    ] {
        let error = refused(Tar::default().before(kind, &much).file("x", ""));
        assert!(error.contains("more stands before it"), "{error}");
        // Nothing is set aside for what is only said to be there.
        let header = Tar::header(kind, b"x", u64::MAX >> 2);
        let error = refused(Tar::default().add(header, b""));
        assert!(error.contains("more stands before it"), "{error}");
    }
    let once = || Tar::default().before(EntryType::GNULongName, b"a\0");
    let error = refused(once().before(EntryType::GNULongName, b"b\0").file("x", ""));
    assert!(error.contains("two long names"), "{error}");
    assert!(refused(once()).contains("none follows"));
    let record = (&b"a"[..], "x");
    let error = refused(
        Tar::default()
            .pax(&[("path", record.0)])
            .pax(&[("path", b"b")]),
    );
    assert!(error.contains("two headers of pax"), "{error}");
}

#[test]
fn sizes_that_lie_are_refused() {
    let pax = |size: &[u8]| {
        Tar::default()
            .pax(&[("size", size)])
            .file("x", "abc")
            .file("y", "")
    };
    assert!(refused(pax(b"99999")).contains("ends in the middle"));
    assert!(refused(pax(b"18446744073709551615")).starts_with("x: "));
    assert!(refused(pax(b"18446744073709551616")).contains("no number"));
    assert!(refused(pax(b"-1")).contains("no number"));
    // Two readers of this would not see the same files.
    let hidden = Tar::default().file("hidden", "").0;
    let tar = Tar::default()
        .pax(&[("size", b"0")])
        .add(Tar::header(EntryType::Regular, b"x", 512), &hidden);
    let names: Vec<_> = all(&tar.end())
        .expect("as Go reads it")
        .into_iter()
        .map(|one| one.0.name)
        .collect();
    assert_eq!(names, [b"x".to_vec(), b"hidden".to_vec()]);
    // What has no content has none, whatever it says.
    let tar = Tar::default()
        .add(Tar::header(EntryType::Symlink, b"x", 512), b"")
        .file("y", "");
    assert_eq!(all(&tar.end()).expect("entries").len(), 2);
}

#[test]
fn a_global_header_changes_nothing() {
    let global = |record: &[u8]| {
        Tar::default()
            .before(EntryType::XGlobalHeader, record)
            .file("x", "")
    };
    assert_eq!(
        all(&global(b"19 comment=1234567\n").end())
            .expect("entries")
            .len(),
        1
    );
    assert!(refused(global(b"9 path=/\n\n")).contains("not as long"));
    assert!(refused(global(b"9 path=ab\n")).contains("not as long"));
    assert!(refused(global(b"10 path=a\n")).contains("global header"));
}

#[test]
fn nothing_has_one_name_for_some_readers_and_another_for_others() {
    let twice = |name: &[u8]| {
        Tar::default()
            .before(EntryType::GNULongName, name)
            .pax(&[("path", b"a")])
            .file("x", "")
    };
    assert_eq!(all(&twice(b"a\0").end()).expect("entries")[0].0.name, b"a");
    assert!(refused(twice(b"b\0")).contains("two names"));
    let linked = |name: &[u8]| {
        Tar::default()
            .before(EntryType::GNULongLink, name)
            .pax(&[("linkpath", b"a")])
            .symlink("x", "y")
    };
    assert_eq!(all(&linked(b"a\0").end()).expect("entries").len(), 1);
    assert!(refused(linked(b"b\0")).contains("two names"));
    // Some forget what stood before a global header.
    let global = Tar::default()
        .pax(&[("path", b"a")])
        .before(EntryType::XGlobalHeader, b"19 comment=1234567\n")
        .file("x", "");
    assert!(refused(global).contains("a global header of pax"));
    // The rest of a name counts whatever version of the format it says.
    for (version, end, expected) in [
        (&b"00"[..], &b""[..], &b"etc/x"[..]),
        (b"\0\0", b"", b"etc/x"),
        (b" \0", b"", b"x"),
        (b"00", b"tar\0", b"etc/x"),
    ] {
        let mut header = Tar::header(EntryType::Regular, b"x", 0);
        let bytes = header.as_mut_bytes();
        bytes[257..263].copy_from_slice(if version == b" \0" {
            b"ustar "
        } else {
            b"ustar\0"
        });
        bytes[263..265].copy_from_slice(version);
        bytes[345..348].copy_from_slice(b"etc");
        bytes[508..508 + end.len()].copy_from_slice(end);
        let tar = Tar::default().add(header, b"").end();
        assert_eq!(all(&tar).expect("entries")[0].0.name, expected);
    }
}

#[test]
fn attributes_have_an_end() {
    let names: Vec<String> = (0..30_000)
        .map(|index| format!("SCHILY.xattr.user.{index}"))
        .collect();
    let records: Vec<(&str, &[u8])> = names.iter().map(|name| (&name[..], &b""[..])).collect();
    let tar = Tar::default().pax(&records).file("x", "");
    assert!(refused(tar).contains("more extended attributes"));
    // Of two with one name the last.
    let tar = Tar::default()
        .pax(&[
            ("SCHILY.xattr.user.a", b"1"),
            ("SCHILY.xattr.user.b", b"2"),
            ("SCHILY.xattr.user.a", b"3"),
        ])
        .file("x", "");
    let expected = [
        (b"user.a".to_vec(), b"3".to_vec()),
        (b"user.b".to_vec(), b"2".to_vec()),
    ];
    assert_eq!(all(&tar.end()).expect("entries")[0].0.xattrs, expected);
}

#[test]
fn what_is_no_archive_is_told() {
    assert_eq!(all(b"").expect("nothing").len(), 0);
    assert_eq!(all(&[0; 512]).expect("nothing").len(), 0);
    assert!(all(&[b'x'; 512])
        .expect_err("refused")
        .contains("its sum is wrong"));
    assert!(all(&[b'x'; 100])
        .expect_err("refused")
        .contains("ends in the middle"));
    let tar = Tar::default().file("a", "content").end();
    assert!(all(&tar[..514])
        .expect_err("refused")
        .contains("ends in the middle"));
    let zeros = [&[0; 512][..], &tar].concat();
    assert!(all(&zeros).expect_err("refused").contains("block of zeros"));
}

fn sparse(parts: &[(u64, u64)], stored: u64, real: u64) -> Header {
    let mut header = Tar::header(EntryType::GNUSparse, b"holes", stored);
    let gnu = header.as_gnu_mut().expect("GNU's");
    for (index, (offset, length)) in parts.iter().enumerate() {
        gnu.sparse[index].set_offset(*offset);
        gnu.sparse[index].set_length(*length);
    }
    gnu.set_real_size(real);
    header
}

#[test]
fn holes_are_holes() {
    let tar = Tar::default()
        .add(sparse(&[(3, 2), (9, 1), (12, 0)], 3, 12), b"abc")
        .file("next", "x")
        .pax(&[
            ("GNU.sparse.major", b"1"),
            ("GNU.sparse.minor", b"0"),
            ("GNU.sparse.name", b"real"),
            ("GNU.sparse.realsize", b"7"),
        ]);
    let mut content = b"2\n0\n2\n4\n1\n".to_vec();
    content.resize(512, 0);
    content.extend(b"xyz");
    let header = Tar::header(
        EntryType::Regular,
        b"GNUSparseFile.1/real",
        content.len() as u64,
    );
    let tar = tar.add(header, &content).file("last", "y");
    let entries = all(&tar.end()).expect("entries");
    assert_eq!(entries[0].1, b"\0\0\0ab\0\0\0\0c\0\0");
    assert_eq!(entries[1].1, b"x");
    assert_eq!(
        (&entries[2].0.name[..], &entries[2].1[..]),
        (&b"real"[..], &b"xy\0\0z\0\0"[..])
    );
    assert_eq!(entries[3].1, b"y");
}

#[test]
fn maps_of_holes_that_lie_are_refused() {
    for (parts, stored, real) in [
        (&[(0, 4)][..], 3, 4),
        (&[(2, 2), (0, 1)], 3, 4),
        (&[(0, 2), (1, 1)], 3, 4),
        (&[(3, 3)], 3, 4),
        (&[(u64::MAX >> 1, 3)], 3, 4),
    ] {
        let error = refused(Tar::default().add(sparse(parts, stored, real), b"abc"));
        assert!(error.contains("map of its holes"), "{error}");
    }
    // A map without end.
    let mut header = sparse(&[], 0, 0);
    header.as_gnu_mut().expect("GNU's").set_is_extended(true);
    let mut tar = Tar::default().add(header, b"");
    let mut block = tar::GnuExtSparseHeader::new();
    block.isextended[0] = 1;
    for _ in 0..3000 {
        tar.0.extend(block.as_bytes());
    }
    assert!(refused(tar).contains("more stands before it"));
    let pax = |size: &'static [u8]| {
        Tar::default().pax(&[
            ("GNU.sparse.major", b"1"),
            ("GNU.sparse.minor", b"0"),
            ("GNU.sparse.realsize", size),
        ])
    };
    let many = b"99999999999\n1\n1\n".repeat(40_000);
    let header = Tar::header(EntryType::Regular, b"x", many.len() as u64);
    assert!(all(&pax(b"9").add(header, &many).end()).is_err());
    let old = Tar::default().pax(&[("GNU.sparse.map", b"0,1"), ("GNU.sparse.size", b"1")]);
    assert!(refused(old.file("x", "a")).contains("in a way that is not read"));
}

#[test]
fn owners_that_are_none_are_refused() {
    for id in [u64::from(u32::MAX), 1 << 32] {
        let mut header = Tar::header(EntryType::Regular, b"x", 0);
        header.set_uid(id);
        assert!(refused(Tar::default().add(header, b"")).contains("owner"));
    }
}
