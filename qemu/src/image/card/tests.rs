// SPDX-License-Identifier: MIT OR Apache-2.0

//! Cards with made-up parts, written, read back, and spoilt.

use super::raw::BootSector;
use super::*;
use std::fs;
use std::os::unix::fs::FileExt;
use tempfile::TempDir;

struct Bench {
    dir: TempDir,
    board: Board,
}

impl Bench {
    fn new(board: &str) -> Result<Self> {
        let bench = Self {
            dir: tempfile::tempdir()?,
            board: Board::named(board)?,
        };
        // More than one cluster each, and no two alike.
        fs::create_dir_all(bench.path("ti/omap"))?;
        bench.part("MLO", 51_748)?;
        bench.part("u-boot.img", 76_084)?;
        bench.part("zImage", 300_001)?;
        bench.part("initramfs", 400_000)?;
        for name in bench.board.device_trees.clone() {
            bench.part(&name, 70_000)?;
        }
        Ok(bench)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn part(&self, name: &str, size: usize) -> Result<()> {
        let content: Vec<u8> = name.bytes().cycle().take(size).collect();
        Ok(fs::write(self.path(name), content)?)
    }

    fn write(&self, out: &Path, force: bool) -> Result<check::Found> {
        let (zimage, initramfs) = (self.path("zImage"), self.path("initramfs"));
        let device_trees: Vec<_> = self
            .board
            .device_trees
            .iter()
            .map(|name| self.path(name))
            .collect();
        let parts = Parts {
            board: &self.board,
            firmware: self.dir.path(),
            zimage: &zimage,
            device_trees: &device_trees,
            initramfs: &initramfs,
            append: "quiet",
        };
        super::write(Target::examine(out, force, layout::IMAGE_SIZE)?, &parts)
    }

    fn refusal(&self, out: &Path, force: bool) -> String {
        match self.write(out, force) {
            Ok(_) => "written".to_owned(),
            Err(error) => format!("{error:#}"),
        }
    }

    /// What is in the directory of images.
    fn images(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.out("")?)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    fn out(&self, name: &str) -> Result<PathBuf> {
        let dir = self.path("out");
        fs::create_dir_all(&dir)?;
        Ok(dir.join(name))
    }
}

#[test]
fn card_holds_what_was_put_on_it() -> Result<()> {
    let bench = Bench::new("beagleboard")?;
    let out = bench.out("card.img")?;
    let written = bench.write(&out, false)?;
    assert_eq!(fs::metadata(&out)?.len(), layout::IMAGE_SIZE);
    assert_eq!(bench.images()?, ["card.img"]);

    let found = check::file(&out)?;
    assert!(found == written);
    let names: Vec<_> = found.files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "MLO",
            "extlinux/extlinux.conf",
            "initramfs.cpio",
            "omap3-beagle.dtb",
            "u-boot.img",
            "zImage"
        ]
    );
    assert_eq!(found.files["zImage"], fs::read(bench.path("zImage"))?);
    assert!(found.used < 2 << 20, "{}", found.used);
    Ok(())
}

#[test]
fn same_parts_give_the_same_bytes() -> Result<()> {
    let bench = Bench::new("beagleboard-xm")?;
    let (one, two) = (bench.out("1.img")?, bench.out("2.img")?);
    bench.write(&one, false)?;
    std::thread::sleep(std::time::Duration::from_millis(2100)); // FAT counts in two seconds
    bench.write(&two, false)?;
    assert!(fs::read(one)? == fs::read(two)?);
    Ok(())
}

#[test]
fn file_that_exists_is_replaced_with_force_only() -> Result<()> {
    let bench = Bench::new("beagleboard")?;
    let out = bench.out("card.img")?;
    fs::write(&out, "precious")?;
    let error = bench.refusal(&out, false);
    assert!(
        error.contains("card.img") && error.contains("--force"),
        "{error}"
    );
    assert_eq!(fs::read(&out)?, b"precious");
    bench.write(&out, true)?;
    check::file(&out)?;
    assert_eq!(bench.images()?, ["card.img"]);
    Ok(())
}

#[test]
fn what_is_no_file_is_refused() -> Result<()> {
    let bench = Bench::new("beagleboard")?;
    assert!(bench
        .refusal(bench.dir.path(), true)
        .contains("a directory"));
    let error = bench.refusal(Path::new("/dev/null"), true);
    assert!(error.contains("/dev/null: is neither"), "{error}");
    let error = bench.refusal(&bench.path("no/such/card.img"), false);
    assert!(
        error.contains("no directory") && error.contains("no/such"),
        "{error}"
    );
    Ok(())
}

#[test]
fn files_that_do_not_fit_are_named_and_nothing_is_left() -> Result<()> {
    let bench = Bench::new("beagleboard")?;
    let out = bench.out("card.img")?;
    fs::File::create(bench.path("initramfs"))?.set_len(70 << 20)?;
    let error = bench.refusal(&out, false);
    for part in ["initramfs.cpio (73400320 bytes)", "partition 1 holds"] {
        assert!(error.contains(part), "{part} in {error}");
    }
    assert!(bench.images()?.is_empty());
    Ok(())
}

#[test]
fn missing_and_empty_parts_are_named() -> Result<()> {
    for name in [
        "MLO",
        "u-boot.img",
        "zImage",
        "ti/omap/omap3-beagle.dtb",
        "initramfs",
    ] {
        let bench = Bench::new("beagleboard")?;
        let out = bench.out("card.img")?;
        fs::write(bench.path(name), "")?;
        let error = bench.refusal(&out, false);
        assert!(error.contains(name) && error.contains("empty"), "{error}");
        fs::remove_file(bench.path(name))?;
        let error = bench.refusal(&out, false);
        assert!(
            error.contains(name) && error.contains("No such file"),
            "{error}"
        );
        assert!(bench.images()?.is_empty());
    }
    Ok(())
}

/// Each change of a byte is noticed, and the message says what is wrong.
#[test]
fn spoilt_cards_are_told() -> Result<()> {
    let bench = Bench::new("beagleboard")?;
    let out = bench.out("card.img")?;
    let files = bench.write(&out, false)?.files;
    let boot = layout::BOOT.bytes().0;
    let image = File::options().read(true).write(true).open(&out)?;
    let root = root_directory(&image, boot)?;
    let cases = [
        (0x1be, 0x00, "partition 1"), // boot flag
        (0x1c2, 0x83, "partition 1"), // type
        (0x1c6, 0x40, "partition 1"), // first sector
        (0x1fe, 0x00, "signature"),   // of the table
        (0x1d2, 0x83, "partition 2"), // type
        (0x1e2, 0x0c, "partition 3"), // which is not there
        (boot + 0x0d, 0, "0 sectors per cluster"),
        (boot + 0x18, 32, "sectors per track"),
        (boot + 0x1a, 16, "heads"),
        (boot + 0x1c, 0, "hidden sectors"),
        (boot + 0x1ff, 0, "signature"),
        (root, b'X', "first directory entry"),
        (root + 26, 9, "begins in cluster 9"),
        (root + 31, 0xff, "MLO has 4278"), // the size: more than there are clusters for
        (boot + 512 + 2 * 3, 200, "in pieces"),
        (layout::DATA.bytes().0 + 0x1ff, 0, "partition 2"),
    ];
    let extlinux = BootSector::read(&image, &layout::BOOT)?.offset(directory_cluster(&files));
    let cases = cases
        .into_iter()
        .chain([(extlinux, b'A', "begin with `.`")]);
    for (at, byte, words) in cases {
        let mut good = [0];
        image.read_exact_at(&mut good, at)?;
        assert_ne!(good, [byte], "{words}");
        image.write_all_at(&[byte], at)?;
        let error = complaint(&out);
        assert!(error.contains(words), "{words} in {error}");
        image.write_all_at(&good, at)?;
    }
    assert!(check::file(&out)?.files == files);

    image.set_len(layout::IMAGE_SIZE / 2)?;
    let error = complaint(&out);
    assert!(
        error.contains("card.img") && error.contains("67108864"),
        "{error}"
    );
    Ok(())
}

/// A file whose content differs, or which is not there, does not pass for written.
#[test]
fn other_content_is_noticed() -> Result<()> {
    let bench = Bench::new("beagleboard")?;
    let out = bench.out("card.img")?;
    let files = bench.write(&out, false)?.files;
    let mut wanted: Vec<_> = files
        .into_iter()
        .map(|(name, content)| CardFile { name, content })
        .collect();
    let image = File::open(&out)?;
    verify(&image, &wanted)?;
    let last = wanted.pop().context("files")?;
    let error = verify(&image, &wanted)
        .err()
        .context("one too many")?
        .to_string();
    assert!(error.contains(&last.name), "{error}");
    wanted.push(CardFile {
        content: b"else".to_vec(),
        ..last.clone()
    });
    let error = verify(&image, &wanted)
        .err()
        .context("other content")?
        .to_string();
    assert!(error.contains(&last.name), "{error}");
    Ok(())
}

/// An entry of extlinux.conf that leads nowhere is noticed.
#[test]
fn entry_that_leads_nowhere_is_told() -> Result<()> {
    let bench = Bench::new("beagleboard")?;
    let out = bench.out("card.img")?;
    bench.write(&out, false)?;
    let bytes = fs::read(&out)?;
    let image = File::options().read(true).write(true).open(&out)?;
    for (from, to) in [
        ("kernel /zImage", "kernel /zImagE2"),
        ("fdt /omap3-beagle", "fdt /omap3-bungle"),
    ] {
        let to = &to[..from.len()];
        let at = bytes
            .windows(from.len())
            .position(|window| window == from.as_bytes())
            .context("the entry")? as u64;
        image.write_all_at(to.as_bytes(), at)?;
        let error = complaint(&out);
        let name = to.split(' ').nth(1).context("a name")?;
        assert!(error.contains(name), "{error}");
        image.write_all_at(from.as_bytes(), at)?;
    }
    check::file(&out)?;
    Ok(())
}

/// What reading a card back says, or "nothing".
fn complaint(card: &Path) -> String {
    match check::file(card) {
        Ok(_) => "nothing".to_owned(),
        Err(error) => format!("{error:#}"),
    }
}

/// The directory is made when all files before its own have been written.
fn directory_cluster(files: &std::collections::BTreeMap<String, Vec<u8>>) -> u16 {
    let clusters: usize = files
        .iter()
        .filter(|(name, _)| !name.contains('/'))
        .map(|(_, content)| content.len().div_ceil(2048))
        .sum();
    2 + clusters as u16
}

fn root_directory(image: &File, boot: u64) -> Result<u64> {
    let mut fat_sectors = [0; 2];
    image.read_exact_at(&mut fat_sectors, boot + 0x16)?;
    Ok(boot + (1 + 2 * u64::from(u16::from_le_bytes(fat_sectors))) * layout::SECTOR)
}
