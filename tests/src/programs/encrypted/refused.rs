// SPDX-License-Identifier: MIT OR Apache-2.0

//! Volumes that are not opened.

use super::header;
use super::machine::{nothing_is_left, Place};
use jaula_tests::admin::{output, succeed};
use jaula_tests::ktap::{CaseResult, Context, Suite};
use jaula_tests::launch::{complaint, failed, jaula, FAILED};
use jaula_tests::{check, check_eq};
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
        for length in [
            0,
            4096,
            16 << 20,
            (16 << 20) + 100,
            20 << 20,
            (40 << 20) - 4096,
        ] {
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
    suite.case("refused: headers that somebody else has written", || {
        let place = Place::with_volume()?;
        let whole = fs::read(place.path("secret.luks")).context("secret.luks")?;
        let null = || "cipher_null-ecb".into();
        for (at, value, part) in [
            // What is written would be on the disk as it is.
            ("/segments/0/encryption", null(), "cipher_null"),
            (
                "/segments/0/encryption",
                "aes-null-plain".into(),
                "aes-null",
            ),
            // Any key would give the one of the data, which that somebody knows.
            ("/keyslots/0/area/encryption", null(), "cipher_null"),
            ("/keyslots/0/kdf/time", 4_000_000_000_u64.into(), "work"),
            ("/digests/0/iterations", 4_000_000_000_u64.into(), "work"),
            ("/keyslots/0/kdf/memory", (4 << 20).into(), ""),
            ("/segments/0/offset", "9223372036854771712".into(), ""),
            ("/segments/0/offset", "40000000".into(), ""),
            ("/segments/0/offset", "0".into(), ""),
            ("/segments/0/size", "9223372036854771712".into(), ""),
            ("/segments/0/sector_size", 65536.into(), ""),
            ("/segments/0/iv_tweak", "18446744073709551615".into(), ""),
        ] {
            let mut other = whole.clone();
            header::change(&mut other, &place.path("sum"), at, value)?;
            place.write("secret.luks", &other, 0o600)?;
            let mut limited = Command::new("timeout");
            let root = place.path("secret.root");
            let run = ["60", "jaula", "run", "--quiet", &root, "--", "true"];
            let said = output(limited.args(run).stdin(std::process::Stdio::null()))?;
            failed(&said, FAILED, &["secret.luks", part]).context(at)?;
            nothing_is_left()?;
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
            // Nothing of it may come to the host's disk, of a jail that runs either.
            const DERIVE: [&[&str]; 2] = [&["clone"], &["snapshot"]];
            const SAVE: &[&str] = &["rootfs", "save"];
            let new = place.path("new.root");
            let nothing = |from: &str, named: &str, commands: &[&[&str]]| -> CaseResult {
                for command in commands {
                    let said = output(&mut jaula(&[*command, &[from, &new]].concat()))?;
                    let why = complaint(&said);
                    check_eq!(said.status.code(), Some(FAILED), "{command:?}: {why}");
                    check!(
                        why.contains(named) && why.contains("encrypted"),
                        "{command:?}: {why}"
                    );
                    if *command != SAVE {
                        check!(why.contains("copy the volume"), "{command:?}: {why}");
                    }
                }
                let left = fs::read_dir(place.path("")).context("the place")?;
                let left = left.flatten().map(|entry| entry.file_name());
                let is_new = |name: &std::ffi::OsString| name.to_string_lossy().contains("new");
                let new: Vec<_> = left.filter(is_new).collect();
                check!(new.is_empty(), "{new:?}");
                Ok(())
            };
            nothing(&root, "secret.root", &DERIVE)?;
            nothing(&root, "secret.root", &[SAVE])?;
            nothing_is_left()?;
            place.start("secret.root", "secret", &[])?;
            nothing("secret", "jail ", &DERIVE)?;
            nothing(&root, "secret.root", &DERIVE)?;
            succeed(&["rm", "secret"])?;
            nothing_is_left()
        },
    );
}
