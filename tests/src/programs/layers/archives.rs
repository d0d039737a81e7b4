// SPDX-License-Identifier: MIT OR Apache-2.0

//! Images where there is nothing but jaula: what it saves runs, and what somebody made by hand is refused.

use super::{sh, Case};
use jaula_tests::ktap::{CaseResult, Context, Suite};
use jaula_tests::{check, check_eq};
use std::fs;

/// An entry of a tar file, with its size as it says itself, and no content.
struct Entry {
    name: &'static str,
    kind: u8,
    link: &'static str,
    size: u64,
}

const fn entry(name: &'static str, kind: u8, link: &'static str, size: u64) -> Entry {
    Entry {
        name,
        kind,
        link,
        size,
    }
}

/// The entries of a layer, and what the refusal says.
const HOSTILE: [(&[Entry], &str); 9] = [
    (
        &[entry("/evil", b'0', "", 0)],
        "/evil: has an absolute name",
    ),
    (&[entry("a/../../evil", b'0', "", 0)], "evil: has \"..\""),
    (
        &[entry("out", b'2', "../evil", 0)],
        "out: is a symbolic link out of the root",
    ),
    (&[entry("hard", b'1', "../etc/passwd", 0)], "hard: "),
    (&[entry("hard", b'1', "/etc/shadow", 0)], "hard: "),
    (&[entry("disk", b'4', "", 0)], "disk: is a node of a device"),
    (
        &[entry("d", b'2', "/etc", 0), entry("d/evil", b'0', "", 0)],
        "d: is a symbolic link, and the layer has something below it",
    ),
    (&[entry(".wh...", b'0', "", 0)], ".wh...: "),
    // A terabyte, and more than 32 bits hold: nothing is set aside for what is not there.
    (&[entry("huge", b'0', "", 1 << 40)], "huge: "),
];

/// A header as POSIX has it; sizes that do not fit are written as GNU does.
fn header(entry: &Entry) -> [u8; 512] {
    let mut block = [0; 512];
    block[..entry.name.len()].copy_from_slice(entry.name.as_bytes());
    block[100..107].copy_from_slice(b"0000644");
    block[108..115].copy_from_slice(b"0000000");
    block[116..123].copy_from_slice(b"0000000");
    match entry.size < 1 << 33 {
        true => block[124..135].copy_from_slice(format!("{:011o}", entry.size).as_bytes()),
        false => {
            block[124] = 0x80;
            block[128..136].copy_from_slice(&entry.size.to_be_bytes());
        }
    }
    block[136..147].copy_from_slice(b"00000000000");
    block[156] = entry.kind;
    block[157..157 + entry.link.len()].copy_from_slice(entry.link.as_bytes());
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[329..336].copy_from_slice(b"0000000");
    block[337..344].copy_from_slice(b"0000000");
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
    block[154] = 0;
    block
}

/// Makes CASE/image.tar, as Docker saves images, of one layer.
fn save(case: &Case, entries: &[Entry]) -> CaseResult {
    let mut layer: Vec<u8> = entries.iter().flat_map(header).collect();
    layer.extend([0; 1024]);
    let path = format!("{}/layer.tar", case.0);
    fs::write(&path, layer).context(&path)?;
    let digest = case.said("sha256sum CASE/layer.tar | cut -d ' ' -f 1")?;
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        other => other,
    };
    let config = format!(
        "{{\"architecture\":\"{architecture}\",\"os\":\"linux\",\"rootfs\":{{\"type\":\"layers\",\
         \"diff_ids\":[\"sha256:{digest}\"]}}}}"
    );
    let manifest = r#"[{"Config":"config.json","RepoTags":["x:1"],"Layers":["layer.tar"]}]"#;
    for (name, text) in [
        ("config.json", config.as_str()),
        ("manifest.json", manifest),
    ] {
        fs::write(format!("{}/{name}", case.0), text).context(name)?;
    }
    case.said(
        "cd CASE && tar -cf image.tar manifest.json config.json layer.tar && rm *.json layer.tar",
    )?;
    Ok(())
}

pub fn add(suite: &mut Suite) {
    suite.case("an image that was saved runs as it says", || {
        let case = Case::new(&[])?;
        for how in ["none", "gzip", "zstd"] {
            case.said(&format!(
                "jaula rootfs save -q /srv/layers/base CASE/{how}.tar --compress {how} --user 7:8 --workdir /etc \
                 --env WHO=me --entrypoint /bin/sh --entrypoint=-c --cmd 'id -u; id -g; pwd; echo $WHO'"
            ))?;
            case.says(
                &format!("jaula run -q --image CASE/{how}.tar"),
                "7\n8\n/etc\nme",
            )?;
            case.says(
                &format!("jaula run -q -u 0 --image CASE/{how}.tar -- 'echo $0 $WHO; id -u' other"),
                "other me\n0",
            )?;
            case.said(&format!("jaula rootfs build -q --image CASE/{how}.tar CASE/{how}"))?;
            case.said(&format!("jaula rootfs check CASE/{how} > /dev/null || test $? = 1"))?;
        }
        // Busybox's tar takes no list of names.
        let list = "find . | sort | xargs stat -c '%n %f %u %g %Y'; find . -type f | sort | xargs sha256sum; \
                    find . -type l | sort | xargs -n 1 readlink";
        let first = case.said(&format!("cd CASE/none && {list}"))?;
        for how in ["gzip", "zstd"] {
            let other = case.said(&format!("cd CASE/{how} && {list}"))?;
            check_eq!(other, first, "what is unpacked");
        }
        Ok(())
    });
    suite.case("hostile images are refused, with the entry's name", || {
        let case = Case::new(&[])?;
        for (entries, reason) in &HOSTILE {
            save(&case, entries)?;
            case.refused(
                "jaula rootfs build --image CASE/image.tar CASE/root",
                &[reason],
            )?;
            case.says("ls -A CASE", "image.tar")?;
        }
        check!(
            !sh("ls /evil /etc/evil")?.status.success(),
            "something was made outside"
        );
        // What is asked for bounds the rest.
        save(&case, &[entry("a", b'5', "", 0), entry("b", b'5', "", 0)])?;
        case.refused(
            "jaula rootfs build --image CASE/image.tar --max-entries 1 CASE/root",
            &["entries"],
        )?;
        case.says(
            "jaula rootfs build -q --image CASE/image.tar CASE/root && ls CASE/root",
            "a\nb",
        )
    });
}
