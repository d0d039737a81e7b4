// SPDX-License-Identifier: MIT OR Apache-2.0

//! LUKS2 headers that say something else than cryptsetup has written.

use jaula_tests::admin::host;
use jaula_tests::check;
use jaula_tests::ktap::{fail, CaseResult, Context, Failure};
use serde_json::Value;
use std::fs;

/// Where the text of a header begins.
const TEXT: usize = 4096;
/// Where it says how long it is, and what its checksum is.
const LENGTH: usize = 8;
const SUM: std::ops::Range<usize> = 448..512;

fn unreadable(error: impl ToString) -> Failure {
    fail(error.to_string())
}

/// Changes a value in both headers of a volume; `file` is a place for what is summed up.
pub fn change(volume: &mut [u8], file: &str, at: &str, value: Value) -> CaseResult {
    let mut begin = 0;
    for _ in 0..2 {
        let length = volume.get(begin + LENGTH..begin + LENGTH + 8);
        let length = length.and_then(|length| length.try_into().ok());
        let length = length.map(u64::from_be_bytes).unwrap_or_default() as usize;
        check!(
            length > TEXT && begin + length <= volume.len(),
            "no header at {begin}"
        );
        let header = &mut volume[begin..begin + length];
        let text = &mut header[TEXT..];
        let end = text.iter().position(|&byte| byte == 0);
        let end = end.ok_or_else(|| fail("its text does not end"))?;
        let mut said: Value = serde_json::from_slice(&text[..end]).map_err(unreadable)?;
        let there = said.pointer_mut(at);
        *there.ok_or_else(|| fail(format!("{at} is not in it")))? = value.clone();
        let new = said.to_string();
        check!(new.len() < text.len(), "too long");
        text.fill(0);
        text[..new.len()].copy_from_slice(new.as_bytes());
        header[SUM].fill(0);
        fs::write(file, &header).context(file)?;
        let sum = host(&format!("sha256sum < {file}"))?;
        for (place, digits) in header[SUM].iter_mut().zip(sum.as_bytes()[..64].chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(unreadable)?;
            *place = u8::from_str_radix(digits, 16).map_err(unreadable)?;
        }
        begin += length;
    }
    Ok(())
}
