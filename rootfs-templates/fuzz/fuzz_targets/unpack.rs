// SPDX-License-Identifier: MIT OR Apache-2.0

//! Whatever the layers of an image are, they become a root or nothing, and nothing else changes. The input
//! is one layer or several, with a line between them. It takes root.

#![no_main]

use jaula_rootfs::image::{open, unpack, Digest, Limits, Options, Reference};
use libfuzzer_sys::fuzz_target;
use std::fs;
use std::path::Path;

const BETWEEN: &[u8] = b"\n--next layer--\n";

fn blob(layout: &Path, kind: &str, bytes: &[u8]) -> serde_json::Value {
    let digest = Digest::of(bytes);
    fs::write(layout.join("blobs/sha256").join(digest.hex()), bytes).expect("written");
    serde_json::json!({"mediaType": kind, "digest": digest, "size": bytes.len()})
}

fuzz_target!(|bytes: &[u8]| {
    let place = tempfile::tempdir_in("/dev/shm").expect("a directory");
    let around = place.path().join("around");
    let layout = place.path().join("layout");
    fs::create_dir_all(layout.join("blobs/sha256")).expect("a directory");
    fs::create_dir(&around).expect("a directory");
    fs::write(around.join("victim"), "victim").expect("written");
    let mut layers = Vec::new();
    let mut left = bytes;
    while let Some(at) = left.windows(BETWEEN.len()).position(|part| part == BETWEEN) {
        layers.push(&left[..at]);
        left = &left[at + BETWEEN.len()..];
    }
    layers.push(left);
    let kind = "application/vnd.oci.image.layer.v1.tar";
    let ids: Vec<_> = layers.iter().map(|layer| Digest::of(layer)).collect();
    let blobs: Vec<_> = layers.iter().map(|layer| blob(&layout, kind, layer)).collect();
    let config = serde_json::json!({"rootfs": {"type": "layers", "diff_ids": ids}}).to_string();
    let config = blob(&layout, "application/vnd.oci.image.config.v1+json", config.as_bytes());
    let manifest = serde_json::json!({"config": config, "layers": blobs}).to_string();
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let manifest = blob(&layout, kind, manifest.as_bytes());
    let index = serde_json::json!({"manifests": [manifest]}).to_string();
    fs::write(layout.join("index.json"), index).expect("written");
    let limits = Limits {
        entries: 200,
        bytes: 1 << 20,
        depth: 20,
        ..Limits::default()
    };
    let image = open(&Reference::Layout(layout, None), &limits).expect("an image");
    let target = around.join("root");
    let done = unpack(&image, &target, &Options::default(), &mut |_| {});
    assert_eq!(done.is_ok(), target.exists(), "{done:?}");
    let names = fs::read_dir(&around).expect("read").count();
    assert_eq!(names, 1 + usize::from(done.is_ok()), "{done:?}");
    let victim = fs::metadata(around.join("victim")).expect("there");
    assert_eq!(std::os::unix::fs::MetadataExt::nlink(&victim), 1);
    assert_eq!(fs::read(around.join("victim")).expect("read"), b"victim");
});
