// SPDX-License-Identifier: MIT OR Apache-2.0

//! From what an image is called to what is known of it.

use std::fs::File;
use std::sync::Arc;

use super::blob::Blob;
use super::config::Config;
use super::digest::Digest;
use super::document::{ConfigFile, CONFIGS, LAYERS};
use super::error::ImageError;
use super::limits::Limits;
use super::platform::Platform;
use super::reference::Reference;
use super::select;
use super::source::Source;

/// An image whose documents have been read, and none of its layers.
#[derive(Debug)]
pub struct Image {
    /// The name of what it is: the digest of its manifest, or of its configuration where it has no
    /// manifest that names content. Both name every layer by its digest.
    pub digest: String,
    /// What it says about running it.
    pub config: Config,
    /// What it is for.
    pub platform: Platform,
    pub(crate) layers: Vec<Layer>,
    pub(crate) limits: Limits,
    /// What keeps its content from being removed.
    pub(crate) lock: Option<Arc<File>>,
}

/// A layer that has not been read.
#[derive(Debug)]
pub(crate) struct Layer {
    pub content: Content,
    /// The digest of what it is before it is compressed.
    pub diff_id: Digest,
}

/// Where a layer is.
#[derive(Debug)]
pub(crate) enum Content {
    /// Content that a digest names.
    Named(Arc<Source>, Digest, u64),
    /// A file of an archive.
    File(Blob),
}

impl Layer {
    /// Bytes of it as it is stored.
    pub fn stored(&self) -> u64 {
        match &self.content {
            Content::Named(_, _, size) => *size,
            Content::File(blob) => blob.size(),
        }
    }
}

impl Image {
    /// How many layers it has.
    pub fn layers(&self) -> usize {
        self.layers.len()
    }

    /// Bytes of its layers as they are stored.
    pub fn stored(&self) -> u64 {
        // They are what descriptors say.
        let sizes = self.layers.iter().map(Layer::stored);
        sizes.fold(0, u64::saturating_add)
    }
}

/// Opens an image of this machine's files that is for this machine.
///
/// # Errors
///
/// What is wrong with it, and where.
pub fn open(reference: &Reference, limits: &Limits) -> Result<Image, ImageError> {
    open_for(reference, &Platform::of_this_machine(), limits)
}

/// Opens one that is for the machine that is named.
///
/// # Errors
///
/// What is wrong with it, and where.
pub fn open_for(
    reference: &Reference,
    platform: &Platform,
    limits: &Limits,
) -> Result<Image, ImageError> {
    let opened = match reference {
        Reference::Layout(path, tag) | Reference::OciArchive(path, tag) => {
            let source = Source::open(path, limits)?;
            of_layout(source, tag.as_deref(), platform, limits)
        }
        Reference::DockerArchive(path, tag) => {
            let source = Source::open(path, limits)?;
            of_saved(&source, tag.as_deref(), platform, limits)
        }
        Reference::Path(path) => {
            let source = Source::open(path, limits)?;
            // What has both has names for all content in this.
            let is_layout = match &source {
                Source::Layout(_) => true,
                Source::Archive(archive) => {
                    archive.file("index.json")?.is_some() && archive.file("oci-layout")?.is_some()
                }
            };
            match is_layout {
                true => of_layout(source, None, platform, limits),
                false => of_saved(&source, None, platform, limits),
            }
        }
        Reference::Fetched(_) => {
            let reason = "is not an image of this machine's files, and has to be fetched first";
            return Err(ImageError::new(reference, reason));
        }
    };
    opened.map_err(|error| error.within(reference))
}

pub(crate) fn of_layout(
    source: Source,
    tag: Option<&str>,
    platform: &Platform,
    limits: &Limits,
) -> Result<Image, ImageError> {
    let chosen = select::manifest(&source, tag, platform, limits)?;
    let place = chosen.config.digest.to_string();
    let said = chosen.config.media_type.as_str();
    if !said.is_empty() && !CONFIGS.contains(&said) {
        let reason = format!("this is no image of a system, but something else: {said:?}");
        return Err(ImageError::new(place, reason));
    }
    let config = source.document(&chosen.config, limits)?;
    let config = ConfigFile::parse(&place, &config)?;
    for layer in &chosen.layers {
        let said = layer.media_type.as_str();
        let kind = said.split_once('+').map_or(said, |(kind, _)| kind);
        let kind = kind
            .strip_suffix(".gzip")
            .or(kind.strip_suffix(".zstd"))
            .unwrap_or(kind);
        if !kind.is_empty() && !LAYERS.contains(&kind) {
            return Err(ImageError::new(
                &layer.digest,
                format!("is no layer that is known: {said:?}"),
            ));
        }
    }
    let source = Arc::new(source);
    let contents = chosen.layers.into_iter();
    let contents =
        contents.map(|layer| Content::Named(Arc::clone(&source), layer.digest, layer.size));
    image(chosen.digest, config, contents.collect(), platform, limits)
}

fn of_saved(
    source: &Source,
    tag: Option<&str>,
    platform: &Platform,
    limits: &Limits,
) -> Result<Image, ImageError> {
    let saved = select::saved(source, tag, limits)?;
    let file = |name: &str| {
        let found = source.file(name)?;
        found.ok_or_else(|| ImageError::new(name, "is not there; the image is not complete"))
    };
    let bytes = file(&saved.config)?.document(&saved.config, limits.document)?;
    let digest = Digest::of(&bytes);
    // It is called by its digest, by all that write such archives today.
    let name = saved.config.rsplit('/').next().unwrap_or_default();
    let name = name.strip_suffix(".json").unwrap_or(name);
    if format!("sha256:{name}")
        .parse::<Digest>()
        .is_ok_and(|said| said != digest)
    {
        let reason = format!("its content is not what its name says: {digest} is there");
        return Err(ImageError::new(&saved.config, reason));
    }
    let config = ConfigFile::parse(&saved.config, &bytes)?;
    let contents = saved
        .layers
        .iter()
        .map(|name| file(name).map(Content::File));
    let contents = contents.collect::<Result<Vec<_>, _>>()?;
    image(digest, config, contents, platform, limits)
}

fn image(
    digest: Digest,
    config: ConfigFile,
    contents: Vec<Content>,
    platform: &Platform,
    limits: &Limits,
) -> Result<Image, ImageError> {
    if platform.suits(&config.platform).is_none() {
        let reason = format!(
            "is for {}, and not for {platform}; --platform {} takes it all the same",
            config.platform, config.platform
        );
        return Err(ImageError::new(digest, reason));
    }
    let ids = config.rootfs.diff_ids;
    if ids.len() != contents.len() {
        let reason = format!(
            "has {} layers, and its configuration names {}",
            contents.len(),
            ids.len()
        );
        return Err(ImageError::new(digest, reason));
    }
    if contents.len() > limits.layers {
        let reason = format!(
            "has {} layers, and no more than {} are allowed",
            contents.len(),
            limits.layers
        );
        return Err(ImageError::new(digest, reason));
    }
    let layers = contents.into_iter().zip(ids);
    let layers = layers.map(|(content, diff_id)| Layer { content, diff_id });
    Ok(Image {
        digest: digest.to_string(),
        config: Config::taken(config.config.unwrap_or_default())?,
        platform: config.platform,
        layers: layers.collect(),
        limits: *limits,
        lock: None,
    })
}

#[cfg(test)]
#[path = "open_tests.rs"]
mod tests;
