// SPDX-License-Identifier: GPL-2.0-only

//! Functions that C calls.

/// Checks at compile time that a function has the type that `jaula.h` declares for it.
macro_rules! exported {
    ($($name:ident),* $(,)?) => {
        $(const _: () = {
            // The two arms must have one type.
            let _ = if true { kernel::bindings::$name } else { $name };
        };)*
    };
}

pub(crate) use exported;
