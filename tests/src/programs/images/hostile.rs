// SPDX-License-Identifier: MIT OR Apache-2.0

//! Images that somebody made to reach the machine, with the tools that people have.

use super::made::{at, PLACE};
use crate::packages::dpkg::run;
use jaula_tests::admin::output;
use jaula_tests::ktap::{CaseResult, Context, Failure, Suite};
use jaula_tests::launch::{complaint, jaula};
use jaula_tests::{check, check_eq};
use std::fs;

/// What is tried, how a layer is made that tries it, and what the refusal says.
const HOSTILE: [(&str, &str, &str); 9] = [
    (
        "an absolute name",
        "tar -Pcf $L /var/tmp/images/victim",
        "/var/tmp/images/victim: has an absolute name",
    ),
    (
        "a name that leads up",
        "tar -Pcf $L --transform 's,^,../,' victim",
        "../victim: has \"..\"",
    ),
    (
        "a link out",
        "ln -s ../victim out; tar -cf $L out",
        "out: is a symbolic link out of the root",
    ),
    (
        "a hard link to the machine's own file",
        "ln victim hard; tar -Pcf $L --transform 's,^victim$,/etc/shadow,RSh' victim hard; rm hard",
        "is a hard link to",
    ),
    (
        "a node of a device",
        "mknod null c 1 3; tar -cf $L null",
        "null: is a node of a device",
    ),
    (
        "a disk",
        "mknod disk b 8 0; tar -cf $L disk",
        "disk: is a node of a device",
    ),
    (
        "a link, and a file below it",
        "ln -s /var/tmp/images around; mkdir d; echo x > d/victim; tar -cf $L around; \
         tar -rf $L --transform 's,^d/,around/,' d/victim",
        "around: is a symbolic link",
    ),
    (
        "a whiteout of what is outside",
        "touch .wh...; tar -cf $L .wh...",
        ".wh...: takes away",
    ),
    (
        "a file of nothing without end",
        "truncate -s 4T holes; tar -cSf $L holes",
        "with it the image has more than",
    ),
];

pub fn add(suite: &mut Suite<'_>) {
    for (what, make, refusal) in HOSTILE {
        suite.case(&format!("refused: {what}"), move || {
            refused(make, &[], refusal)
        });
    }
    suite.case(
        "bounded: zeros that take no room where they come from",
        || {
            refused(
                "truncate -s 600M zeros; tar -cf $L zeros; rm zeros",
                &[],
                "zeros: the layer becomes more than 200 times",
            )
        },
    );
    suite.case("bounded: two gigabytes of zeros in a gzip", || {
        // An archive as `docker save` writes it: its layer is named by what it becomes alone, and is never read
        // to the end.
        let make = "cd \"$1\"; rm -rf zeros image; echo victim > victim; mkdir zeros; cd zeros; truncate -s 2G zeros; \
            tar -cf - zeros | head -c 512 | gzip > layer.tar; head -c 16M /dev/zero | gzip > part; \
            for i in $(seq 128); do cat part; done >> layer.tar; sum=$(printf '%064d' 0); \
            echo '{\"rootfs\": {\"type\": \"layers\", \"diff_ids\": [\"sha256:'$sum'\"]}}' > config.json; \
            echo '[{\"Config\": \"config.json\", \"Layers\": [\"layer.tar\"]}]' > manifest.json; \
            tar -cf ../zeros.tar manifest.json config.json layer.tar; cd ..; rm -rf zeros";
        run("sh", &["-ec", make, "zeros", PLACE])?;
        is_refused(&at("zeros.tar"), &[], "zeros: the layer becomes more than 200 times")
    });
    suite.case("bounded: more files than are allowed", || {
        let make = "mkdir many; cd many; seq 6000 | xargs touch; cd ..; tar -cf $L many";
        let said = "is one more than the 5000 entries";
        refused(make, &["--max-entries", "5000"], said)
    });
}

/// Makes an image with a layer, and sees that it is refused and nothing has changed.
fn refused(make: &str, options: &[&str], refusal: &str) -> CaseResult {
    let script =
        "cd \"$1\"; rm -rf hostile image hostile.tar; echo victim > victim; mkdir hostile; \
        cd hostile; cp ../victim .; L=../hostile.tar; eval \"$2\"; cd ..; \
        umoci init --layout image; umoci new --image image:x; \
        umoci raw add-layer --image image:x hostile.tar; rm -rf hostile";
    run("sh", &["-ec", script, "hostile", PLACE, make])?;
    is_refused(&at("image"), options, refusal)
}

/// Sees that an image is refused, and nothing has changed.
fn is_refused(image: &str, options: &[&str], refusal: &str) -> CaseResult {
    let before = names(PLACE)?;
    let target = at("target");
    let arguments = [&["rootfs", "build", "--image", image, &target], options].concat();
    let done = output(&mut jaula(&arguments))?;
    let said = complaint(&done);
    check!(!done.status.success(), "it was taken: {said}");
    check!(said.contains(refusal), "{said}");
    check_eq!(names(PLACE)?, before, "what is there");
    let victim = fs::read_to_string(at("victim")).context("victim")?;
    check_eq!(victim.as_str(), "victim\n", "the file outside");
    Ok(())
}

fn names(path: &str) -> Result<Vec<std::ffi::OsString>, Failure> {
    let entries = fs::read_dir(path).context(path)?.flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
    names.sort();
    Ok(names)
}
