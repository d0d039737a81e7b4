// SPDX-License-Identifier: MIT OR Apache-2.0

//! How often what is done many times is done.

use std::env;

/// All of the rounds, or a fifth of them where `JAULA_ROUNDS` is `few`, as it is
/// wherever not everything is asked for.
pub fn rounds(all: usize) -> usize {
    match env::var("JAULA_ROUNDS") {
        Ok(wanted) if wanted == "few" => all.div_ceil(5),
        _ => all,
    }
}
