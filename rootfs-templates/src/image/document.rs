// SPDX-License-Identifier: MIT OR Apache-2.0

//! The documents of an image, as the OCI image specification and docker's before it have them.
//!
//! What is not needed here is passed over, whatever it is.

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::error::ImageError;
use super::platform::Platform;

/// The tag of an image in an index.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The whole name of an image in an index, as containerd writes it.
pub const CONTAINERD_NAME: &str = "io.containerd.image.name";

pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

/// What the configuration of an image is called; that of something else is not one.
pub const CONFIGS: [&str; 2] = [CONFIG, DOCKER_CONFIG];

/// What a layer may be called. How it is compressed is seen from how it begins, as others do.
pub const LAYERS: [&str; 4] = [
    LAYER,
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
];

/// The name of content, and what it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    #[serde(default)]
    pub media_type: String,
    pub digest: Digest,
    pub size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
}

impl Descriptor {
    /// The names that an index gives it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let annotations = self.annotations.as_ref();
        [REF_NAME, CONTAINERD_NAME]
            .into_iter()
            .filter_map(move |key| annotations?.get(key))
            .map(String::as_str)
    }
}

/// A manifest or an index.
///
/// Read as one type: a document that passes for either would be another image for each who reads it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Either {
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    manifests: Option<Vec<Descriptor>>,
    #[serde(default)]
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Option<Vec<Descriptor>>,
    #[serde(default)]
    fs_layers: Option<IgnoredAny>,
    #[serde(default)]
    rootfs: Option<IgnoredAny>,
}

/// What it turned out to be.
#[derive(Debug)]
pub enum Document {
    Index(Vec<Descriptor>),
    Manifest {
        config: Descriptor,
        layers: Vec<Descriptor>,
    },
}

impl Document {
    /// Reads one; `announced` is what who leads to it says that it is, where they say anything.
    pub fn parse(place: &str, bytes: &[u8], announced: &str) -> Result<Self, ImageError> {
        let refused = |reason: String| Err(ImageError::new(place, reason));
        let read: Either = parse(place, bytes)?;
        let own = read.media_type.as_deref().unwrap_or_default();
        if !own.is_empty() && !announced.is_empty() && own != announced {
            return refused(format!(
                "is {own:?} by its own word, and {announced:?} by its descriptor"
            ));
        }
        if read.fs_layers.is_some() {
            let reason =
                "is a manifest of schema 1, which is not read any more; convert it (skopeo copy)";
            return refused(reason.to_owned());
        }
        if read.rootfs.is_some() {
            return refused(BOTH.to_owned());
        }
        let said = if own.is_empty() { announced } else { own };
        match (read.manifests, read.config, read.layers) {
            (Some(manifests), None, None) if ["", INDEX, DOCKER_LIST].contains(&said) => {
                Ok(Document::Index(manifests))
            }
            (None, Some(config), Some(layers))
                if ["", MANIFEST, DOCKER_MANIFEST].contains(&said) =>
            {
                Ok(Document::Manifest { config, layers })
            }
            _ if said.is_empty() => refused("is neither a manifest nor an index".to_owned()),
            _ => refused(format!("is not what it says it is, {said:?}")),
        }
    }
}

/// An image is called by the digest of either, and would be two images by one name.
const BOTH: &str = "is both a configuration and a manifest";

/// The configuration of an image.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct ConfigFile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    #[serde(flatten)]
    pub platform: Platform,
    #[serde(default)]
    pub config: Option<RunConfig>,
    pub rootfs: RootFs,
    #[serde(default, skip_serializing)]
    pub layers: Option<IgnoredAny>,
    #[serde(default, skip_serializing)]
    pub manifests: Option<IgnoredAny>,
}

impl ConfigFile {
    /// Reads one.
    pub fn parse(place: &str, bytes: &[u8]) -> Result<Self, ImageError> {
        let read: ConfigFile = parse(place, bytes)?;
        match read.layers.is_some() || read.manifests.is_some() {
            true => Err(ImageError::new(place, BOTH)),
            false => Ok(read),
        }
    }
}

/// What is to be run, and how.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RunConfig {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volumes: Option<BTreeMap<String, Empty>>,
}

/// What stands where Go has an empty structure.
#[derive(Debug, Default)]
pub struct Empty;

impl Serialize for Empty {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        BTreeMap::<String, String>::new().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Empty {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Empty)
    }
}

/// What the root is made of.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct RootFs {
    #[serde(rename = "type", default)]
    pub kind: String,
    pub diff_ids: Vec<Digest>,
}

/// One image of those in an archive of `docker save`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Saved {
    pub config: String,
    #[serde(default)]
    pub repo_tags: Option<Vec<String>>,
    pub layers: Vec<String>,
}

/// Reads a document; `place` is what it is called in an error.
pub fn parse<T: DeserializeOwned>(place: &str, bytes: &[u8]) -> Result<T, ImageError> {
    serde_json::from_slice(bytes)
        .map_err(|error| ImageError::new(place, format!("cannot be understood: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn document(text: &str, announced: &str) -> Result<Document, String> {
        let text = text.replace(
            "D",
            &format!(r#"{{"digest": "{DIGEST}", "size": 3, "x": [1]}}"#),
        );
        Document::parse("it", text.as_bytes(), announced).map_err(|error| error.to_string())
    }

    #[test]
    fn a_document_is_one_thing() {
        assert!(matches!(
            document(r#"{"manifests": [D]}"#, ""),
            Ok(Document::Index(_))
        ));
        let manifest = r#"{"config": D, "layers": [D, D], "annotations": {"a": "b"}}"#;
        assert!(matches!(
            document(manifest, MANIFEST),
            Ok(Document::Manifest { .. })
        ));
        let refused = |text, announced| document(text, announced).expect_err("refused");
        // What one reader takes for an index and another for a manifest (CVE-2021-41190).
        refused(r#"{"manifests": [D], "config": D, "layers": [D]}"#, "");
        assert!(refused(manifest, INDEX).contains("not what it says"));
        let otherwise = format!(r#"{{"mediaType": "{INDEX}", "manifests": []}}"#);
        assert!(refused(&otherwise, MANIFEST).contains("by its own word"));
        refused("{}", "");
        assert!(refused(r#"{"fsLayers": []}"#, "").contains("schema 1"));
        assert!(refused(r#"{"manifests": [], "manifests": []}"#, "").contains("duplicate"));
        assert!(refused("[", "").contains("cannot be understood"));
        refused(r#"{"manifests": [{"digest": "sha256:..", "size": 1}]}"#, "");
        refused(
            &format!(r#"{{"manifests": [{{"digest": "{DIGEST}", "size": -1}}]}}"#),
            "",
        );
    }

    #[test]
    fn a_deep_document_is_no_way_to_overflow_the_stack() {
        let deep = format!("{{\"x\": {}", "[".repeat(100_000));
        assert!(Document::parse("it", deep.as_bytes(), "").is_err());
    }
}
