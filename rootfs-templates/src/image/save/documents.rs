// SPDX-License-Identifier: MIT OR Apache-2.0

//! What an image says of itself.

use std::collections::BTreeMap;

use serde_json::json;

use super::container::{Container, Stored};
use super::tree::Packed;
use super::SaveOptions;
use crate::image::digest::Digest;
use crate::image::document::{
    ConfigFile, Descriptor, RootFs, CONFIG, INDEX, LAYER, MANIFEST, REF_NAME,
};
use crate::image::error::ImageError;

/// The layers that there are.
#[derive(Default)]
pub struct Described {
    layers: Vec<Stored>,
    diff_ids: Vec<Digest>,
    newest: i64,
}

impl Described {
    pub fn add(&mut self, stored: Stored, packed: Packed) {
        self.layers.push(stored);
        self.diff_ids.extend(packed.diff_id);
        self.newest = self.newest.max(packed.newest);
    }

    /// Writes the documents, and returns the digest of the manifest.
    pub fn write(
        self,
        container: &mut Container,
        options: &SaveOptions,
    ) -> Result<String, ImageError> {
        let created = options.created.unwrap_or(self.newest);
        let created = jiff::Timestamp::from_second(created);
        let created = created.map(|time| time.to_string()).ok();
        let history: Vec<_> = self
            .diff_ids
            .iter()
            .map(|_| json!({"created": created, "created_by": "jaula rootfs save"}))
            .collect();
        let config = ConfigFile {
            created,
            platform: options.platform.clone(),
            config: Some(options.config.said()),
            rootfs: RootFs {
                kind: "layers".to_owned(),
                diff_ids: self.diff_ids,
            },
            ..ConfigFile::default()
        };
        let failed = |error| ImageError::new("the configuration", error);
        let mut config = serde_json::to_value(config).map_err(failed)?;
        config["history"] = history.into();
        let config = document(container, CONFIG, &config)?;
        let kind = format!("{LAYER}{}", options.compression.suffix());
        let layers = self.layers.into_iter();
        let layers: Vec<_> = layers.map(|stored| descriptor(&kind, stored)).collect();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers
        });
        let mut manifest = document(container, MANIFEST, &manifest)?;
        let digest = manifest.digest.to_string();
        manifest.platform = Some(options.platform.clone());
        let tag = options
            .tag
            .iter()
            .map(|tag| (REF_NAME.to_owned(), tag.clone()));
        let tag: BTreeMap<String, String> = tag.collect();
        manifest.annotations = (!tag.is_empty()).then_some(tag);
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [manifest]});
        container.file("index.json", index.to_string().as_bytes())?;
        let version = json!({"imageLayoutVersion": "1.0.0"}).to_string();
        container.file("oci-layout", version.as_bytes())?;
        Ok(digest)
    }
}

fn document(
    container: &mut Container,
    kind: &str,
    content: &serde_json::Value,
) -> Result<Descriptor, ImageError> {
    let content = content.to_string();
    let stored = container.blob(|output| {
        output
            .write_all(content.as_bytes())
            .map_err(ImageError::io("the image"))
    })?;
    Ok(descriptor(kind, stored))
}

fn descriptor(kind: &str, stored: Stored) -> Descriptor {
    Descriptor {
        media_type: kind.to_owned(),
        digest: stored.digest,
        size: stored.size,
        platform: None,
        annotations: None,
    }
}
