// SPDX-License-Identifier: MIT OR Apache-2.0

//! Finding the one image that is meant among those that are there.

use std::collections::BTreeSet;

use super::digest::Digest;
use super::document::{parse, Descriptor, Document, Saved, INDEX};
use super::error::ImageError;
use super::limits::Limits;
use super::platform::Platform;
use super::source::Source;

/// Indexes in an index, at most.
const MOST_INDEXES: usize = 4;

/// A manifest, as it was found.
pub(crate) struct Chosen {
    /// The name of the image: that of its manifest.
    pub digest: Digest,
    pub config: Descriptor,
    pub layers: Vec<Descriptor>,
}

/// The manifest in a layout that has the tag, and is for the platform.
pub(crate) fn manifest(
    source: &Source,
    tag: Option<&str>,
    platform: &Platform,
    limits: &Limits,
) -> Result<Chosen, ImageError> {
    const NAME: &str = "index.json";
    let index = source.file(NAME)?;
    let index = index.ok_or_else(|| ImageError::new(NAME, "is not there: this is no OCI image"))?;
    let bytes = index.document(NAME, limits.document)?;
    let Document::Index(mut entries) = Document::parse(NAME, &bytes, INDEX)? else {
        return Err(ImageError::new(NAME, "is no index"));
    };
    match tag {
        Some(tag) => {
            let names = names(&entries);
            entries.retain(|entry| entry.names().any(|name| name == tag));
            if entries.is_empty() {
                return Err(ImageError::new(
                    tag,
                    format!("no image has this tag; {}", listed(&names)),
                ));
            }
        }
        None => {
            let names = tags(&entries);
            if names.len() > 1 {
                let reason = format!(
                    "has several images, and one has to be named; {}",
                    listed(&names)
                );
                return Err(ImageError::new(NAME, reason));
            }
        }
    }
    for _ in 0..MOST_INDEXES {
        let entry = best(&entries, platform)?;
        let bytes = source.document(entry, limits)?;
        let place = entry.digest.to_string();
        match Document::parse(&place, &bytes, &entry.media_type)? {
            Document::Manifest { config, layers } => {
                return Ok(Chosen {
                    digest: entry.digest.clone(),
                    config,
                    layers,
                })
            }
            Document::Index(more) => entries = more,
        }
    }
    let reason = format!("is an index in an index, more than {MOST_INDEXES} deep");
    Err(ImageError::new(NAME, reason))
}

/// The one that does best on the platform, and of equal ones the first.
fn best<'a>(entries: &'a [Descriptor], platform: &Platform) -> Result<&'a Descriptor, ImageError> {
    let mut best: Option<(u32, &Descriptor)> = None;
    for entry in entries {
        let suits = entry
            .platform
            .as_ref()
            .map_or(Some(0), |one| platform.suits(one));
        match (suits, best) {
            (Some(suits), None) => best = Some((suits, entry)),
            (Some(suits), Some((before, _))) if suits > before => best = Some((suits, entry)),
            _ => {}
        }
    }
    best.map(|(_, entry)| entry).ok_or_else(|| {
        let there = entries.iter().filter_map(|entry| entry.platform.as_ref());
        let there: BTreeSet<String> = there.map(ToString::to_string).collect();
        let reason = match entries.is_empty() {
            true => "there is no image in it".to_owned(),
            false => format!("no image is for {platform}; {}", listed(&there)),
        };
        ImageError::new("index", reason)
    })
}

fn names(entries: &[Descriptor]) -> BTreeSet<String> {
    entries
        .iter()
        .flat_map(Descriptor::names)
        .map(str::to_owned)
        .collect()
}

/// One name of each.
fn tags(entries: &[Descriptor]) -> BTreeSet<String> {
    let first = entries.iter().filter_map(|entry| entry.names().next());
    first.map(str::to_owned).collect()
}

/// As many names as a message should have.
fn listed(names: &BTreeSet<String>) -> String {
    const MOST: usize = 20;
    match names.len() {
        0 => "none has a name".to_owned(),
        count => {
            let some: Vec<&str> = names.iter().take(MOST).map(String::as_str).collect();
            let more = if count > MOST { " …" } else { "" };
            format!("there are: {}{more}", some.join(", "))
        }
    }
}

/// The image in an archive of `docker save` that has the tag.
pub(crate) fn saved(
    source: &Source,
    tag: Option<&str>,
    limits: &Limits,
) -> Result<Saved, ImageError> {
    const NAME: &str = "manifest.json";
    let list = source.file(NAME)?;
    let list = list.ok_or_else(|| {
        let reason = "is not there, and no index.json: this is no archive of an image";
        ImageError::new(NAME, reason)
    })?;
    let mut images: Vec<Saved> = parse(NAME, &list.document(NAME, limits.document)?)?;
    let all = images
        .iter()
        .flat_map(|image| image.repo_tags.iter().flatten());
    let names: BTreeSet<String> = all.cloned().collect();
    match tag {
        Some(tag) => {
            let latest = format!("{tag}:latest");
            let has = |image: &Saved| {
                let mut tags = image.repo_tags.iter().flatten();
                tags.any(|one| *one == tag || *one == latest)
            };
            images.retain(has);
            if images.is_empty() {
                return Err(ImageError::new(
                    tag,
                    format!("no image has this tag; {}", listed(&names)),
                ));
            }
        }
        None if images.len() > 1 => {
            let reason = format!(
                "has several images, and one has to be named; {}",
                listed(&names)
            );
            return Err(ImageError::new(NAME, reason));
        }
        None => {}
    }
    images
        .into_iter()
        .next()
        .ok_or_else(|| ImageError::new(NAME, "there is no image in it"))
}
