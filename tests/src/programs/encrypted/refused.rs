// SPDX-License-Identifier: MIT OR Apache-2.0

//! Volumes that are not opened.

use super::machine::{nothing_is_left, Place};
use jaula_tests::admin::{output, succeed};
use jaula_tests::check_eq;
use jaula_tests::ktap::{CaseResult, Context, Suite};
use jaula_tests::launch::{failed, jaula, FAILED};
use std::fs;
use std::os::unix::fs::{symlink, FileExt};
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

fn refused(place: &Place, parts: &[&str]) -> CaseResult {
    failed(&place.end("secret.root", "true")?, FAILED, parts)?;
    nothing_is_left()
}

fn overwrite(place: &Place, at: u64, bytes: &[u8]) -> CaseResult {
    let file = fs::OpenOptions::new()
        .write(true)
        .open(place.path("secret.luks"));
    file.and_then(|file| file.write_all_at(bytes, at))
        .context("secret.luks")
}

pub fn add(suite: &mut Suite<'_>) {
    suite.case("refused: what others can write to", || {
        let place = Place::with_volume()?;
        let volume = place.path("secret.luks");
        for mode in ["620", "602", "666"] {
            output(Command::new("chmod").args([mode, &volume]))?;
            refused(&place, &["secret.luks", "changed by others"])?;
        }
        output(Command::new("chmod").args(["600", &volume]))?;
        output(Command::new("chown").args(["1000", &volume]))?;
        refused(&place, &["secret.luks", "user 1000"])?;
        output(Command::new("chown").args(["0", &volume]))?;
        check_eq!(
            place.run("secret.root", "echo well")?,
            "well\n",
            "as it was"
        );
        // A jail that was given the directory may have laid anything there.
        fs::create_dir(place.path("given")).context("given")?;
        let bind = format!("{}:/mnt", place.path("given"));
        let plain = place.path("plain");
        succeed(&["rootfs", "build", "-q", "-t", "minimal", &plain])?;
        fs::create_dir(format!("{plain}/mnt")).context("mnt")?;
        succeed(&["run", "--quiet", "--bind", &bind, &plain, "--", "true"])?;
        fs::rename(&volume, place.path("given/secret.luks")).context("moving")?;
        place.write(
            "secret.root",
            "volume = 'given/secret.luks'\nkey = 'file:key'\n",
            0o644,
        )?;
        refused(&place, &["given", "can change"])?;
        symlink("given/secret.luks", &volume).context("link")?;
        place.root_file("secret.root", "file:key")?;
        refused(&place, &["given", "can change"])
    });
    suite.case("refused: what is no volume, or not whole", || {
        let place = Place::with_volume()?;
        let whole = fs::read(place.path("secret.luks")).context("secret.luks")?;
        overwrite(&place, 16 << 20, &vec![0; 2 << 20])?;
        refused(&place, &["secret.luks", "no file system"])?;
        for length in [0, 4096, 16 << 20, (16 << 20) + 100] {
            place.write("secret.luks", &whole[..length], 0o600)?;
            refused(&place, &["secret.luks"])?;
        }
        place.write("secret.luks", &whole, 0o600)?;
        // Both headers, and the areas of the keys.
        overwrite(&place, 0, &vec![0xff; 16 << 20])?;
        refused(&place, &["secret.luks", "no volume"])?;
        place.write("secret.luks", &whole, 0o600)?;
        overwrite(&place, 32 << 10, &vec![0xff; 15 << 20])?;
        refused(&place, &["secret.luks", "does not open"])?;
        fs::remove_file(place.path("secret.luks")).context("secret.luks")?;
        refused(&place, &["secret.luks", "ENOENT"])?;
        fs::create_dir(place.path("secret.luks")).context("secret.luks")?;
        refused(&place, &["secret.luks", "not a regular file"])
    });
    suite.case("refused: a header of the first kind", || {
        let place = Place::with_volume()?;
        let (volume, key) = (place.path("secret.luks"), place.path("key"));
        let mut format = Command::new("cryptsetup");
        format.args([
            "luksFormat",
            "--type",
            "luks1",
            "--batch-mode",
            "--pbkdf-force-iterations",
            "1000",
        ]);
        let said = output(format.args(["--key-file", &key, &volume]))?;
        check_eq!(said.status.code(), Some(0), "cryptsetup: {said:?}");
        refused(&place, &["secret.luks", "LUKS2"])
    });
    suite.case("refused: damaged file systems do no harm", || {
        let place = Place::with_volume()?;
        let whole = fs::read(place.path("secret.luks")).context("secret.luks")?;
        for step in 0..jaula_tests::rounds::rounds(20) as u64 {
            // Decrypted this is noise, and the superblock behind it is not.
            let at = (16 << 20) + 4096 * (1 + step * 7 % 60);
            overwrite(&place, at, &[step as u8; 4096])?;
            let said = place.end("secret.root", "find / -xdev > /dev/null; true")?;
            check_eq!(said.status.signal(), None, "{said:?}");
            nothing_is_left()?;
            place.write("secret.luks", &whole, 0o600)?;
        }
        Ok(())
    });
    suite.case(
        "refused: without mounts of its own, cloned, or in layers",
        || {
            let place = Place::with_volume()?;
            let root = place.path("secret.root");
            let said = output(&mut jaula(&[
                "run",
                "--without",
                "mounts",
                &root,
                "--",
                "true",
            ]))?;
            failed(&said, FAILED, &["secret.root", "--without mounts"])?;
            for command in ["clone", "snapshot"] {
                let said = output(&mut jaula(&[command, &root, &place.path("new.root")]))?;
                failed(&said, FAILED, &["secret.root", "encrypted"])?;
            }
            nothing_is_left()
        },
    );
}
