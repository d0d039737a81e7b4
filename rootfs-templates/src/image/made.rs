// SPDX-License-Identifier: MIT OR Apache-2.0

//! Layers and images made for tests, with whatever is wrong with them.

use std::fs;
use std::io::Write;
use std::path::Path;

use tar::{EntryType, Header};

use super::digest::Digest;
use super::platform::Platform;

/// A tar file that grows, entry by entry; nothing about an entry is checked.
#[derive(Default)]
pub struct Tar(pub Vec<u8>);

impl Tar {
    pub fn header(kind: EntryType, name: &[u8], size: u64) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(if kind == EntryType::Directory {
            0o755
        } else {
            0o644
        });
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_000_000_000);
        header.set_size(size);
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        header
    }

    pub fn add(mut self, mut header: Header, content: &[u8]) -> Self {
        header.set_cksum();
        self.0.extend(header.as_bytes());
        self.0.extend(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub fn file(self, name: &str, content: &str) -> Self {
        let header = Tar::header(EntryType::Regular, name.as_bytes(), content.len() as u64);
        self.add(header, content.as_bytes())
    }

    pub fn directory(self, name: &str) -> Self {
        self.add(Tar::header(EntryType::Directory, name.as_bytes(), 0), b"")
    }

    pub fn link(self, kind: EntryType, name: &str, target: &str) -> Self {
        let mut header = Tar::header(kind, name.as_bytes(), 0);
        header.as_old_mut().linkname[..target.len()].copy_from_slice(target.as_bytes());
        self.add(header, b"")
    }

    pub fn symlink(self, name: &str, target: &str) -> Self {
        self.link(EntryType::Symlink, name, target)
    }

    pub fn hardlink(self, name: &str, target: &str) -> Self {
        self.link(EntryType::Link, name, target)
    }

    /// What stands before an entry, of any kind.
    pub fn before(self, kind: EntryType, content: &[u8]) -> Self {
        let size = content.len() as u64;
        self.add(Tar::header(kind, b"././@LongLink", size), content)
    }

    pub fn pax(self, records: &[(&str, &[u8])]) -> Self {
        let mut content = Vec::new();
        for (name, value) in records {
            let rest = name.len() + value.len() + 3;
            let mut length = rest + 1;
            while length != rest + length.to_string().len() {
                length = rest + length.to_string().len();
            }
            content.extend(format!("{length} {name}=").as_bytes());
            content.extend(*value);
            content.push(b'\n');
        }
        self.before(EntryType::XHeader, &content)
    }

    pub fn end(mut self) -> Vec<u8> {
        self.0.extend([0; 1024]);
        self.0
    }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("written");
    encoder.finish().expect("written")
}

/// A layer as it is stored, and the digest of what it is.
pub struct Stored {
    pub bytes: Vec<u8>,
    pub diff_id: Digest,
}

impl Stored {
    pub fn plain(tar: Vec<u8>) -> Self {
        Stored {
            diff_id: Digest::of(&tar),
            bytes: tar,
        }
    }

    pub fn gzip(tar: &[u8]) -> Self {
        Stored {
            bytes: gzip(tar),
            diff_id: Digest::of(tar),
        }
    }
}

/// Writes content under its digest, and returns its descriptor.
pub fn blob(layout: &Path, kind: &str, content: &[u8]) -> serde_json::Value {
    let digest = Digest::of(content);
    let directory = layout.join("blobs/sha256");
    fs::create_dir_all(&directory).expect("a directory");
    fs::write(directory.join(digest.hex()), content).expect("written");
    serde_json::json!({"mediaType": kind, "digest": digest, "size": content.len()})
}

pub fn config(layers: &[Stored]) -> serde_json::Value {
    let platform = Platform::of_this_machine();
    let ids: Vec<&Digest> = layers.iter().map(|layer| &layer.diff_id).collect();
    serde_json::json!({
        "architecture": platform.architecture, "os": "linux", "history": [{"created_by": "a test"}],
        "config": {"Cmd": ["/bin/sh"], "Env": ["PATH=/bin"], "User": "1000"},
        "rootfs": {"type": "layers", "diff_ids": ids},
    })
}

/// A manifest of these layers in `layout`, and its descriptor.
pub fn manifest(layout: &Path, layers: &[Stored]) -> serde_json::Value {
    manifest_with(layout, layers, &|_| {})
}

/// The same, where the descriptors of the layers are changed.
pub fn manifest_with(
    layout: &Path,
    layers: &[Stored],
    change: &dyn Fn(&mut serde_json::Value),
) -> serde_json::Value {
    let config = config(layers).to_string();
    let config = blob(layout, super::document::CONFIG, config.as_bytes());
    let kind = "application/vnd.oci.image.layer.v1.tar+gzip";
    let layers: Vec<_> = layers
        .iter()
        .map(|layer| {
            let mut descriptor = blob(layout, kind, &layer.bytes);
            change(&mut descriptor);
            descriptor
        })
        .collect();
    let manifest = serde_json::json!({"schemaVersion": 2, "config": config, "layers": layers});
    blob(
        layout,
        super::document::MANIFEST,
        manifest.to_string().as_bytes(),
    )
}

/// Makes `layout` one with these entries in its index.
pub fn index(layout: &Path, entries: &[serde_json::Value]) {
    fs::create_dir_all(layout).expect("a directory");
    let version = r#"{"imageLayoutVersion": "1.0.0"}"#;
    fs::write(layout.join("oci-layout"), version).expect("written");
    let index = serde_json::json!({"schemaVersion": 2, "manifests": entries});
    fs::write(layout.join("index.json"), index.to_string()).expect("written");
}

/// Makes `layout` one with an image of these layers.
pub fn layout(layout: &Path, layers: &[Stored]) {
    layout_with(layout, layers, &|_| {});
}

/// The same, where the descriptors of the layers are changed.
pub fn layout_with(layout: &Path, layers: &[Stored], change: &dyn Fn(&mut serde_json::Value)) {
    let manifest = manifest_with(layout, layers, change);
    index(layout, &[manifest]);
}
