// SPDX-License-Identifier: MIT OR Apache-2.0

//! Images that podman and others have made.

use super::tree::same;
use crate::packages::dpkg::run;
use jaula_tests::admin::succeed;
use jaula_tests::check_eq;
use jaula_tests::ktap::{CaseResult, Suite};
use std::fs;

/// Where everything is.
pub const PLACE: &str = "/var/tmp/images";

/// What umoci has unpacked.
const UNPACKED: &str = "/var/tmp/images/bundle/rootfs";

const MAKE: &str = include_str!("make.sh");

/// Has the images made.
pub fn provide() -> CaseResult {
    run("sh", &["-c", MAKE, "make", PLACE]).map(drop)
}

/// A path there.
pub fn at(name: &str) -> String {
    format!("{PLACE}/{name}")
}

/// Makes a root directory of an image, with a name of its own.
pub fn root_of(image: &str, name: &str) -> Result<String, jaula_tests::ktap::Failure> {
    let target = at(name);
    let _ = fs::remove_dir_all(&target);
    succeed(&["rootfs", "build", "-q", "--image", image, &target])?;
    Ok(target)
}

pub fn add(suite: &mut Suite<'_>) {
    suite.case("an image of podman's is unpacked as umoci does it", || {
        let root = root_of(&format!("oci:{}:web", at("layout")), "as-umoci")?;
        same(UNPACKED, &root)
    });
    suite.case("each kind of archive has the same in it", || {
        for (image, name) in [
            (at("oci.tar"), "of-oci"),
            (at("docker.tar"), "of-docker"),
            (at("docker.tar.gz"), "of-compressed"),
            (
                format!("docker-archive:{}:localhost/web:latest", at("docker.tar")),
                "of-named",
            ),
            (at("layout"), "of-layout"),
            (at("zstd"), "of-zstd"),
        ] {
            same(UNPACKED, &root_of(&image, name)?)?;
        }
        Ok(())
    });
    suite.case("what the image says runs in a jail of its root", || {
        let root = root_of(&at("oci.tar"), "to-run")?;
        let said = succeed(&[
            "run",
            "--user",
            "33",
            "--workdir",
            "/srv/www",
            &root,
            "--",
            "/bin/busybox",
            "cat",
            "index.html",
        ])?;
        check_eq!(said.as_str(), "one\n", "what it prints");
        Ok(())
    });
    suite.case("a layer writes through no link of an earlier one", || {
        // What podman would have if each layer were a directory of an overlay.
        let script = "cd \"$1\"; rm -rf through t; umoci init --layout through; umoci new --image through:x; \
            mkdir -p t/1/usr/lib t/2/lib; ln -s usr/lib t/1/lib; echo 2 > t/2/lib/x; \
            tar -C t/1 -cf t/1.tar usr lib; tar -C t/2 -cf t/2.tar lib/x; \
            umoci raw add-layer --image through:x t/1.tar; umoci raw add-layer --image through:x t/2.tar; \
            skopeo copy -q oci:through:x containers-storage:localhost/through; \
            mounted=$(podman image mount localhost/through); ls -la $mounted $mounted/lib $mounted/usr/lib; \
            rm -rf t/podman; cp -a $mounted t/podman; podman image unmount localhost/through";
        run("sh", &["-ec", script, "through", PLACE])?;
        let root = root_of(&at("through"), "through.root")?;
        for (path, content) in [("lib/x", true), ("usr/lib/x", false)] {
            let ours = fs::metadata(format!("{root}/{path}")).is_ok();
            let theirs = fs::metadata(at(&format!("t/podman/{path}"))).is_ok();
            check_eq!((ours, theirs), (content, content), "{path}, here and there");
        }
        Ok(())
    });
}
