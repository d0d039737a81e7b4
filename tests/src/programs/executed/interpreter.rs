// SPDX-License-Identifier: MIT OR Apache-2.0

//! Files that name who is to execute them.

use jaula_tests::ktap::{fail, Context, Failure};
use jaula_tests::sys::tree;
use object::elf;
use object::write::elf::{FileHeader, ProgramHeader, Writer};
use object::Endianness;
use std::fs;

/// How a file begins for which an interpreter is registered here.
pub const MAGIC: &[u8] = b"JAULA-EXECUTED\n";

const MOUNT: &str = "/tmp/jaula-executed-binfmt";
const NAME: &str = "jaula-executed";

/// An interpreter that is registered with binfmt_misc, until this is dropped.
pub struct Entry;

impl Entry {
    /// Registers one.
    pub fn register(program: &str, flags: &str) -> Result<Entry, Failure> {
        fs::create_dir_all(MOUNT).context(MOUNT)?;
        tree::mount("binfmt_misc", MOUNT, "").context("mounting binfmt_misc")?;
        let magic = String::from_utf8_lossy(MAGIC);
        let line = format!(":{NAME}:M::{}::{program}:{flags}", magic.trim_end());
        fs::write(format!("{MOUNT}/register"), line).context("register")?;
        Ok(Entry)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let _ = fs::write(format!("{MOUNT}/{NAME}"), "-1");
        let _ = tree::unmount(MOUNT);
    }
}

/// An ELF file for this machine that does nothing but name its interpreter.
pub fn elf(interpreter: &str) -> Result<Vec<u8>, Failure> {
    let own = fs::read("/proc/self/exe").context("/proc/self/exe")?;
    let is_64 = own.get(4) == Some(&elf::ELFCLASS64.0);
    let half = |at: usize| {
        let bytes = own.get(at..at + 2).and_then(|bytes| bytes.try_into().ok());
        bytes
            .map(u16::from_le_bytes)
            .ok_or_else(|| fail("this program is no ELF file"))
    };
    let flags_at = if is_64 { 48 } else { 36 };
    let flags = u32::from(half(flags_at)?) | u32::from(half(flags_at + 2)?) << 16;

    let mut bytes = Vec::new();
    let mut writer = Writer::new(Endianness::Little, is_64, &mut bytes);
    writer.reserve_file_header();
    writer.reserve_program_headers(2);
    let text = [interpreter.as_bytes(), b"\0"].concat();
    let at = writer.reserve(text.len() as u64, 1);
    let end = writer.reserved_len();
    writer
        .write_file_header(&FileHeader {
            os_abi: elf::ELFOSABI_NONE,
            abi_version: 0,
            e_type: elf::ET_DYN,
            e_machine: elf::Machine(half(18)?),
            e_entry: 0,
            e_flags: elf::FileFlags(flags),
        })
        .map_err(|error| fail(error.to_string()))?;
    writer.write_align_program_headers();
    for (kind, offset, length) in [
        (elf::PT_INTERP, at, text.len() as u64),
        (elf::PT_LOAD, 0, end),
    ] {
        writer.write_program_header(&ProgramHeader {
            p_type: kind,
            p_flags: elf::PF_R | elf::PF_X,
            p_offset: offset,
            p_vaddr: offset,
            p_paddr: offset,
            p_filesz: length,
            p_memsz: length,
            p_align: if kind == elf::PT_LOAD { 4096 } else { 1 },
        });
    }
    writer.write(&text);
    Ok(bytes)
}
