// SPDX-License-Identifier: MIT OR Apache-2.0

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{json, Value};
use tar::EntryType;
use tempfile::TempDir;

use super::*;
use crate::image::document::{CONFIG, INDEX, MANIFEST};
use crate::image::made::{self, Stored, Tar};

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Place(tempfile::tempdir().expect("temporary directory"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn open(&self, text: &str) -> Result<Image, String> {
        let text = text.replace("DIR", &self.0.path().display().to_string());
        let reference: Reference = text.parse().expect("a reference");
        open(&reference, &Limits::default()).map_err(|error| error.to_string())
    }

    fn refused(&self, text: &str) -> String {
        self.open(text).expect_err("refused")
    }
}

fn layer(text: &str) -> Stored {
    Stored::gzip(&Tar::default().file("a", text).end())
}

fn named(mut descriptor: Value, name: &str) -> Value {
    descriptor["annotations"] = json!({ "org.opencontainers.image.ref.name": name });
    descriptor
}

fn for_platform(mut descriptor: Value, os: &str, architecture: &str) -> Value {
    descriptor["platform"] = json!({"os": os, "architecture": architecture, "os.version": "1"});
    descriptor
}

fn archive(directory: &Path) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_dir_all(".", directory).expect("packed");
    builder.into_inner().expect("packed")
}

#[test]
fn a_layout_and_an_archive_of_it_are_the_same_image() {
    let place = Place::new();
    let layout = place.path("layout");
    made::layout(&layout, &[layer("1"), layer("2")]);
    let image = place.open("oci:DIR/layout").expect("an image");
    assert_eq!((image.layers(), image.config.user.as_str()), (2, "1000"));
    assert_eq!(image.config.cmd, ["/bin/sh"]);
    let packed = archive(&layout);
    fs::write(place.path("image.tar"), &packed).expect("written");
    fs::write(place.path("image.tar.gz"), made::gzip(&packed)).expect("written");
    for text in [
        "DIR/layout",
        "DIR/image.tar",
        "oci-archive:DIR/image.tar",
        "DIR/image.tar.gz",
    ] {
        let other = place
            .open(text)
            .unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(
            (other.digest, other.layers.len()),
            (image.digest.clone(), 2)
        );
    }
}

#[test]
fn one_of_several_is_named() {
    let place = Place::new();
    let layout = place.path("layout");
    let one = made::manifest(&layout, &[layer("1")]);
    let two = made::manifest(&layout, &[layer("2")]);
    made::index(
        &layout,
        &[
            named(one.clone(), "one"),
            named(two.clone(), "localhost/two:2"),
        ],
    );
    let digest = |text: &str| place.open(text).map(|image| image.digest);
    assert_eq!(
        digest("oci:DIR/layout:one"),
        Ok(one["digest"].as_str().unwrap_or("").to_owned())
    );
    let second = digest("oci:DIR/layout:localhost/two:2");
    assert_eq!(second, Ok(two["digest"].as_str().unwrap_or("").to_owned()));
    let error = place.refused("oci:DIR/layout");
    assert!(error.contains("there are: localhost/two:2, one"), "{error}");
    let error = place.refused("oci:DIR/layout:three");
    assert!(error.contains("three: no image has this tag"), "{error}");
}

#[test]
fn the_one_for_this_machine_is_taken() {
    let place = Place::new();
    let layout = place.path("layout");
    let own = made::manifest(&layout, &[layer("own")]);
    let other = made::manifest(&layout, &[layer("other")]);
    let this = Platform::of_this_machine().architecture;
    let entries = [
        for_platform(other.clone(), "linux", "s390x"),
        for_platform(other.clone(), "windows", &this),
        for_platform(own.clone(), "linux", &this),
        for_platform(other.clone(), "unknown", "unknown"),
    ];
    let expected = own["digest"].as_str().unwrap_or_default();
    made::index(&layout, &entries);
    assert_eq!(
        place.open("oci:DIR/layout").map(|image| image.digest),
        Ok(expected.to_owned())
    );
    // The same in an index of its own, as registries have it.
    let inner = json!({"schemaVersion": 2, "manifests": entries}).to_string();
    let inner = made::blob(&layout, INDEX, inner.as_bytes());
    made::index(&layout, &[named(inner, "latest")]);
    let image = place.open("oci:DIR/layout:latest");
    assert_eq!(image.map(|image| image.digest), Ok(expected.to_owned()));
    made::index(&layout, &entries[..2]);
    let error = place.refused("oci:DIR/layout");
    assert!(
        error.contains("there are: linux/s390x, windows/"),
        "{error}"
    );
    // What says it only in its configuration.
    let stored = [layer("far")];
    let mut config = made::config(&stored);
    config["architecture"] = json!("s390x");
    let config = made::blob(&layout, CONFIG, config.to_string().as_bytes());
    let blob = made::blob(&layout, "", &stored[0].bytes);
    let manifest = json!({"config": config, "layers": [blob]}).to_string();
    made::index(
        &layout,
        &[made::blob(&layout, MANIFEST, manifest.as_bytes())],
    );
    let error = place.refused("oci:DIR/layout");
    assert!(error.contains("is for linux/s390x, and not for"), "{error}");
    let reference = Reference::Layout(layout, None);
    let far = "linux/s390x".parse().expect("a platform");
    open_for(&reference, &far, &Limits::default()).expect("an image");
}

#[test]
fn documents_that_lie_are_refused() {
    let place = Place::new();
    let layout = place.path("layout");
    let manifest = made::manifest(&layout, &[layer("1")]);
    // A gigabyte, by its own word and in truth.
    let mut large = manifest.clone();
    large["size"] = json!(1u64 << 30);
    made::index(&layout, &[large]);
    assert!(place
        .refused("oci:DIR/layout")
        .contains("is to have 1073741824 bytes"));
    let file = fs::File::create(layout.join("index.json")).expect("a file");
    file.set_len(1 << 30).expect("made large");
    assert!(place
        .refused("oci:DIR/layout")
        .contains("has 1073741824 bytes"));
    // Another size, and other content.
    for change in [-1, 1] {
        let mut other = manifest.clone();
        other["size"] = json!(manifest["size"].as_i64().unwrap_or_default() + change);
        made::index(&layout, &[other]);
        place.refused("oci:DIR/layout");
    }
    let mut other = manifest.clone();
    other["digest"] = json!(format!("sha256:{}", "0".repeat(64)));
    made::index(&layout, &[other.clone()]);
    assert!(place
        .refused("oci:DIR/layout")
        .contains("is not there; the image is not complete"));
    let digits = "0".repeat(64);
    fs::write(layout.join("blobs/sha256").join(digits), "{}").expect("written");
    other["size"] = json!(2);
    made::index(&layout, &[other.clone()]);
    assert!(place
        .refused("oci:DIR/layout")
        .contains("not what its digest says"));
    for digest in [
        "sha256:../../../../etc/passwd",
        "sha256:",
        "/etc/passwd",
        "md5:aa",
    ] {
        other["digest"] = json!(digest);
        made::index(&layout, &[other.clone()]);
        assert!(
            place.refused("oci:DIR/layout").contains("is not a digest"),
            "{digest}"
        );
    }
    // What is one thing as a manifest, and another as a configuration.
    let mut both = made::config(&[layer("1")]);
    both["layers"] = json!([]);
    let both = made::blob(&layout, CONFIG, both.to_string().as_bytes());
    let text = json!({"config": both, "layers": [made::blob(&layout, "", &layer("1").bytes)]});
    let text = text.to_string();
    made::index(&layout, &[made::blob(&layout, MANIFEST, text.as_bytes())]);
    assert!(place
        .refused("oci:DIR/layout")
        .contains("both a configuration and a manifest"));
    let mut both: Value = serde_json::from_str(&text).expect("JSON");
    both["rootfs"] = json!({"type": "layers", "diff_ids": []});
    let both = made::blob(&layout, MANIFEST, both.to_string().as_bytes());
    made::index(&layout, &[both]);
    assert!(place
        .refused("oci:DIR/layout")
        .contains("both a configuration and a manifest"));
    // What is there is no image of a system.
    let chart = made::blob(&layout, "application/vnd.cncf.helm.config.v1+json", b"{}");
    let chart = json!({"config": chart, "layers": []}).to_string();
    made::index(&layout, &[made::blob(&layout, MANIFEST, chart.as_bytes())]);
    assert!(place
        .refused("oci:DIR/layout")
        .contains("no image of a system"));
}

#[test]
fn indexes_end() {
    let place = Place::new();
    let layout = place.path("layout");
    let mut inner = made::manifest(&layout, &[layer("1")]);
    for _ in 0..10 {
        let index = json!({"schemaVersion": 2, "manifests": [inner]}).to_string();
        inner = made::blob(&layout, INDEX, index.as_bytes());
    }
    made::index(&layout, &[inner]);
    assert!(place
        .refused("oci:DIR/layout")
        .contains("an index in an index"));
    made::index(&layout, &[]);
    assert!(place
        .refused("oci:DIR/layout")
        .contains("there is no image in it"));
}

#[test]
fn as_many_layers_as_are_named() {
    let place = Place::new();
    let layout = place.path("layout");
    let config = made::config(&[layer("1"), layer("2")]).to_string();
    let config = made::blob(&layout, CONFIG, config.as_bytes());
    let one = made::blob(&layout, "", &layer("1").bytes);
    let manifest = json!({"config": config, "layers": [one]}).to_string();
    made::index(
        &layout,
        &[made::blob(&layout, MANIFEST, manifest.as_bytes())],
    );
    assert!(place
        .refused("oci:DIR/layout")
        .contains("has 1 layers, and its configuration names 2"));
    let many: Vec<Stored> = (0..600).map(|_| layer("1")).collect();
    made::layout(&layout, &many);
    assert!(place.refused("oci:DIR/layout").contains("no more than 512"));
}

/// An archive as `docker save` wrote it for long: a link where a layer is there twice.
fn saved(config: &Value, name: Option<&str>) -> Vec<u8> {
    let tar = Tar::default().file("f", "1").end();
    let config = config.to_string();
    let digest = Digest::of(config.as_bytes());
    let config_name = name.map_or(format!("{}.json", digest.hex()), str::to_owned);
    let manifest = json!([{
        "Config": config_name, "RepoTags": ["web:latest"], "Layers": ["one/layer.tar", "two/layer.tar"]
    }]);
    let size = tar.len() as u64;
    Tar::default()
        .file(&config_name, &config)
        .add(
            Tar::header(EntryType::Regular, b"one/layer.tar", size),
            &tar,
        )
        .symlink("two/layer.tar", "../one/layer.tar")
        .symlink("loop", "loop")
        .file("manifest.json", &manifest.to_string())
        .end()
}

#[test]
fn what_docker_saves_is_read() {
    let place = Place::new();
    let stored = || Stored::plain(Tar::default().file("f", "1").end());
    let config = made::config(&[stored(), stored()]);
    fs::write(place.path("image.tar"), saved(&config, None)).expect("written");
    for text in [
        "DIR/image.tar",
        "docker-archive:DIR/image.tar:web",
        "docker-archive:DIR/image.tar",
    ] {
        let image = place
            .open(text)
            .unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(image.layers(), 2);
        assert_eq!(
            image.digest,
            Digest::of(config.to_string().as_bytes()).to_string()
        );
    }
    assert!(place
        .refused("docker-archive:DIR/image.tar:db")
        .contains("there are: web:latest"));
    let wrong = format!("{}.json", "0".repeat(64));
    fs::write(place.path("image.tar"), saved(&config, Some(&wrong))).expect("written");
    assert!(place
        .refused("DIR/image.tar")
        .contains("not what its name says"));
    fs::write(place.path("image.tar"), saved(&config, Some("loop"))).expect("written");
    assert!(place.refused("DIR/image.tar").contains("too many links"));
}

#[test]
fn what_names_an_image_is_there_once() {
    let place = Place::new();
    let config = made::config(&[]);
    for name in ["index.json", "oci-layout", "manifest.json"] {
        let mut tar = saved(&config, None);
        tar.truncate(tar.len() - 1024);
        let tar = Tar(tar).file(name, "[]").file(&format!("./{name}"), "[]");
        fs::write(place.path("image.tar"), tar.end()).expect("written");
        let error = place.refused("DIR/image.tar");
        assert!(error.contains(name) && error.contains("twice"), "{error}");
    }
}

#[test]
fn names_in_an_archive_do_not_fill_the_memory() {
    let place = Place::new();
    let limits = Limits {
        names: 10_000,
        ..Limits::default()
    };
    let long = "a".repeat(200);
    let tar = (0..60).fold(Tar::default(), |tar, index| {
        let path = format!("{long}{index}");
        tar.pax(&[("path", path.as_bytes())]).file("x", "")
    });
    let image = place.path("image.tar");
    fs::write(&image, tar.end()).expect("written");
    let error = open(&Reference::Path(image), &limits).expect_err("refused");
    let error = error.to_string();
    assert!(error.contains("the names in the archive"), "{error}");
}

#[test]
fn what_is_no_image_is_told() {
    let place = Place::new();
    fs::create_dir(place.path("empty")).expect("a directory");
    assert!(place.refused("DIR/empty").contains("this is no OCI image"));
    fs::write(place.path("text"), "text ".repeat(200)).expect("written");
    assert!(place.refused("DIR/text").contains("no header of tar"));
    fs::write(place.path("nothing"), "").expect("written");
    assert!(place
        .refused("DIR/nothing")
        .contains("no archive of an image"));
    assert!(place.refused("DIR/none").contains("No such file"));
    assert!(place.refused("alpine:3").contains("docker://alpine:3"));
    // A tag takes the name of a kind before the path.
    assert!(place
        .refused("/proc/self/exe:tag")
        .ends_with("what is called tag in it is oci-archive:/proc/self/exe:tag"));
    let fifo = place.path("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    assert!(place
        .refused("DIR/fifo")
        .contains("neither a directory nor a regular file"));
    assert!(place
        .refused("docker://alpine")
        .contains("has to be fetched first"));
    // An archive that becomes larger and larger.
    let zeros = Tar::header(EntryType::Regular, b"index.json", 400 << 20);
    let mut tar = Tar::default().add(zeros, b"").0;
    tar.resize(300 << 20, 0);
    fs::write(place.path("bomb"), made::gzip(&tar)).expect("written");
    assert!(place.refused("DIR/bomb").contains("becomes larger than"));
}
